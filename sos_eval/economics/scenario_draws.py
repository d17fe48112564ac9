"""Every scenario with draws of its own: costs and effects, how sure these are, how often each strategy is best.

All scenarios are drawn from the same random numbers, so that two rows differ by the scenario and not by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.decision import choose
from sos_eval.economics.model.draws import draw_parameters
from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.names import BASE_CASE
from sos_eval.economics.scenarios import VariedModel

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["scenario_draws"]

Array = NDArray[np.float64]
Streams = Callable[..., np.random.Generator]


def scenario_draws(prepared: Prepared, models: Sequence[VariedModel], streams: Streams) -> pd.DataFrame:
    """Run each scenario's own probabilistic analysis.

    Parameters
    ----------
    prepared
        The evaluation.
    models
        From `scenario_models`, the base case first.
    streams
        ``streams(name, …) -> Generator``.

    Returns
    -------
    DataFrame
        ``scenario, strategy, draws, inc_cost, inc_effect, threshold, incremental_net_benefit``, each of the three with
        ``_low`` and ``_high`` (central 95%), ``prob_better_than_comparator`` (share of draws in which its net benefit
        is above the comparator's; empty for the comparator), ``prob_best_of_all`` (is the highest) and ``best``; a row
        per scenario and strategy. What is at a threshold is empty without a decision threshold.
    """
    rows = []
    for scenario, model in models:
        psa = model.section.psa
        draws = draw_parameters(model.parameters, psa.correlation, psa.draws, streams("economics", "psa"))
        name = scenario.name if scenario else BASE_CASE
        rows += [{"scenario": name, **row} for row in _strategies(model, draws, prepared.reference)]
    return pd.DataFrame(rows)


def _strategies(model: DecisionModel, draws: Mapping[str, Array], reference: int) -> list[dict[str, Any]]:
    """Return the rows of one scenario."""
    effects, costs = (table - table[:, [reference]] for table in model.evaluate(draws))
    threshold = model.section.decision_threshold
    benefit = np.full_like(costs, np.nan) if threshold is None else threshold * effects - costs
    best = "" if threshold is None else model.strategies[choose(benefit.mean(0), reference)[0]]
    shares = np.bincount(benefit.argmax(1), minlength=len(model.strategies)) / len(benefit)
    rows = []
    for j, name in enumerate(model.strategies):
        row: dict[str, Any] = {"strategy": name, "draws": len(costs)}
        row |= _ends("inc_cost", costs[:, j]) | _ends("inc_effect", effects[:, j])
        row |= {"threshold": np.nan if threshold is None else threshold}
        row |= _ends("incremental_net_benefit", benefit[:, j])
        beats = np.nan if threshold is None or j == reference else float((benefit[:, j] > 0).mean())
        row |= {"prob_better_than_comparator": beats, "prob_best_of_all": np.nan if threshold is None else shares[j]}
        rows.append(row | {"best": best})
    return rows


def _ends(name: str, values: Array) -> dict[str, float]:
    """Return mean and central 95%."""
    low, high = np.quantile(values, [0.025, 0.975])
    return {name: float(values.mean()), f"{name}_low": float(low), f"{name}_high": float(high)}
