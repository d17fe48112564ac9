"""The exact quantities as the tidy tables of the `economics/` folder."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.economics.ceac import Sweep
from sos_eval.economics.icers import incremental, versus
from sos_eval.economics.model.psa import Samples

__all__ = ["exact_tables"]


def exact_tables(psa: Samples, swept: Sweep, reference: int) -> dict[str, pd.DataFrame]:
    """Return every exact table by file name (without ``.csv``).

    Parameters
    ----------
    psa
        The draws.
    swept
        The pass over the thresholds.
    reference
        Column of the comparator.
    """
    frontier = incremental(psa.strategies, psa.costs.mean(0), psa.effects.mean(0))
    return {
        "incremental": frontier,
        "quadrants": versus(psa.strategies, psa.effects, psa.costs, reference, frontier),
        "net_benefit": net_benefit(psa, swept),
        "pairwise": pairwise(psa, swept, reference),
        "ceac": _long(psa, swept, probability=swept.probability),
        "ceaf": ceaf(psa, swept),
        "evpi": pd.DataFrame({"threshold": swept.thresholds, "evpi": swept.evpi, "std_error": swept.evpi_error}),
        "expected_loss": _long(psa, swept, expected_loss=swept.loss),
    }


def net_benefit(psa: Samples, swept: Sweep) -> pd.DataFrame:
    """List the expected net benefit of every strategy at every threshold."""
    return _long(psa, swept, expected_nb=swept.expected_nb, std_error=swept.nb_error)


def pairwise(psa: Samples, swept: Sweep, reference: int) -> pd.DataFrame:
    """Compare every strategy with the reference: incremental net benefit in money and in units of effect.

    ``prob_cost_effective`` is the share of draws in which a strategy is better than the reference, whatever the others
    do; that it is the best of all is in ``ceac``.
    ``eib`` is the expected incremental net monetary benefit (INMB), ``inhb`` the same divided by the threshold
    (empty at a threshold of zero, where a unit of effect has no price).
    """
    table = _long(
        psa, swept, eib=swept.eib, prob_cost_effective=swept.beats, std_dev=swept.ib_sd,
        conf_low=swept.ib_low, conf_high=swept.ib_high,
    )  # fmt: skip
    table = table[table["strategy"] != psa.strategies[reference]].reset_index(drop=True)
    price = table["threshold"].where(table["threshold"] > 0)
    for name, money in (("inhb", "eib"), ("inhb_low", "conf_low"), ("inhb_high", "conf_high")):
        table[name] = table[money] / price
    return table


def ceaf(psa: Samples, swept: Sweep) -> pd.DataFrame:
    """Give the probability that the strategy with the highest expected net benefit is the best one."""
    names = np.array(psa.strategies)[swept.best]
    return pd.DataFrame({"threshold": swept.thresholds, "strategy": names, "probability": swept.frontier})


def _long(psa: Samples, swept: Sweep, **columns: np.ndarray) -> pd.DataFrame:
    """Lay (T, K) arrays out as a row per threshold and strategy."""
    k = len(psa.strategies)
    keys = {"threshold": np.repeat(swept.thresholds, k), "strategy": list(psa.strategies) * len(swept.thresholds)}
    return pd.DataFrame({**keys, **{name: values.ravel() for name, values in columns.items()}})
