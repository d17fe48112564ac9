"""Have there been enough draws? The result as it would have been after fewer of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.model.psa import Samples

__all__ = ["convergence"]

Array = NDArray[np.float64]
_STEPS = 25


def convergence(psa: Samples, reference: int, threshold: float) -> pd.DataFrame:
    """Return the incremental net benefit at the decision threshold after so many draws.

    Parameters
    ----------
    psa
        The draws, in their order.
    reference
        Column of the comparator.
    threshold
        Money a unit of effect.

    Returns
    -------
    DataFrame
        ``draws, strategy, threshold, incremental_net_benefit, std_error, prob_best_of_all`` at 25 numbers of draws,
        evenly spread; the probability is that of the highest net benefit of all strategies.
    """
    effects, costs = (table - table[:, [reference]] for table in (psa.effects, psa.costs))
    benefit = threshold * effects - costs
    counts = np.unique(np.linspace(0, psa.n_draws, _STEPS + 1).astype(int))
    counts = counts[counts > 1]
    mean, error, share = _running(benefit, counts)
    others = [j for j in range(len(psa.strategies)) if j != reference]
    tables = [
        pd.DataFrame({
            "draws": counts, "strategy": psa.strategies[j], "threshold": threshold,
            "incremental_net_benefit": mean[:, j], "std_error": error[:, j], "prob_best_of_all": share[:, j],
        })
        for j in others
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _running(benefit: Array, counts: NDArray[np.intp]) -> tuple[Array, Array, Array]:
    """Return mean, its Monte Carlo error and the share of draws in which each is best, (counts, K) each."""
    centre = benefit.mean(0)
    off = benefit - centre
    best = benefit.argmax(1)[:, None] == np.arange(benefit.shape[1])
    total, square, wins = (np.cumsum(table, axis=0)[counts - 1] for table in (off, off**2, best))
    n = counts[:, None]
    variance = (square - total**2 / n) / (n - 1)
    return centre + total / n, np.sqrt(np.maximum(variance, 0.0) / n), wins / n  # below zero only by rounding
