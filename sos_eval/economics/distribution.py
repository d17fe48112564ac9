"""What a strategy does to inequality between groups of children, under a declared aversion to it.

Entries to care are a bad: the equally distributed equivalent of rates r_g with shares s_g of the children is
(sum s_g r_g^(1 + e))^(1 / (1 + e)), at least the mean, and Atkinson's index its excess over the mean as a share of it
(Atkinson 1970, with the exponent that makes a bad worse where it is concentrated).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.declared_analysis import Distribution, Subgroup
from sos_eval.economics.equity import MORE_THAN_THERE_ARE, constant_of, equity_table, group_falls
from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.names import ALL_GROUPS

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["distribution_table", "equivalent", "weighted_table"]

Array = NDArray[np.float64]


def equivalent(rates: Array, shares: Array, aversion: float) -> Array:
    """Return the equally distributed equivalent of rates of a bad, (m,).

    Parameters
    ----------
    rates : (m, G)
        Not negative; the result is NaN where one is.
    shares : (G,)
        Of the children; they sum to one.
    aversion
        0 gives the mean.
    """
    power = 1 + aversion
    known = np.where((rates < 0).any(1, keepdims=True), np.nan, rates)
    largest = np.where(known.max(1) == 0, 1.0, known.max(1))  # no power of a rate over it overflows
    return np.asarray(largest * ((known / largest[:, None]) ** power * shares).sum(1) ** (1 / power))


def distribution_table(model: DecisionModel, declared: Distribution, draws: Mapping[str, Array]) -> pd.DataFrame:
    """Compare inequality without and with every strategy.

    Parameters
    ----------
    model, draws
        The model, and draws of its parameters.
    declared
        Dimension, aversion and weights.

    Returns
    -------
    DataFrame
        ``dimension, aversion, strategy, mean_rate, equivalent_rate, atkinson, fall_in_mean, fall_in_equivalent, low,
        high, due_to_distribution, reason``; rates are entries per `per` children and year of full effect, the falls
        against the first strategy, ``low`` and ``high`` the central 95% of draws of the fall in the equivalent.
    """
    groups = [group for group in model.section.equity if group.dimension == declared.dimension]
    shares = np.array([group.share for group in groups])
    rows = []
    for aversion in declared.aversion:
        for j, name in enumerate(model.strategies):
            row = _inequality(model, groups, shares, aversion, j, draws)
            rows.append({"dimension": declared.dimension, "aversion": aversion, "strategy": name, **row})
    return pd.DataFrame(rows)


def _inequality(
    model: DecisionModel, groups: Sequence[Subgroup], shares: Array, aversion: float, j: int, draws: Mapping[str, Array]
) -> dict[str, Any]:
    """Return one strategy's row."""
    before = np.array([[group.baseline for group in groups]])
    part = model.effect_share[j]
    after, drawn = (before - part * _falls(model, groups, values) for values in (model.expected, draws))
    (mean_before,), (mean,) = equivalent(before, shares, 0.0), equivalent(after, shares, 0.0)
    (old,), (new,) = equivalent(before, shares, aversion), equivalent(after, shares, aversion)
    falls = old - equivalent(drawn, shares, aversion)
    low, high = np.quantile(falls, [0.025, 0.975])
    return {
        "mean_rate": float(mean), "equivalent_rate": float(new), "atkinson": float(new / mean - 1),
        "fall_in_mean": float(mean_before - mean), "fall_in_equivalent": float(old - new), "low": float(low),
        "high": float(high), "due_to_distribution": float((old - new) - (mean_before - mean)),
        "reason": _why_empty(float(new), float(low)),
    }  # fmt: skip


def _why_empty(point: float, low: float) -> str:
    """Say why there is no number, or no interval."""
    if np.isnan(point):
        return MORE_THAN_THERE_ARE
    return f"{MORE_THAN_THERE_ARE}, in some draws: no interval" if np.isnan(low) else ""


def _falls(model: DecisionModel, groups: Sequence[Subgroup], values: Mapping[str, Array]) -> Array:
    """Return every group's fall in the rate under the full effect, (m, G)."""
    return np.column_stack([group_falls(model, one, groups, values)[constant_of(model, one, groups)] for one in groups])


def weighted_table(prepared: Prepared, declared: Distribution) -> pd.DataFrame:
    """Weigh each group's net benefit as declared; no rows without weights.

    Returns
    -------
    DataFrame
        ``strategy, subgroup, weight`` (mean 1 over children)``, inc_effect, inc_cost, threshold,
        incremental_net_benefit, reason, weighted_net_benefit``, with a row for all groups.
    """
    model = prepared.model
    assert model is not None
    if not declared.weights:
        return pd.DataFrame()
    table = equity_table(prepared, with_effect=True)
    rows = table[(table["dimension"] == declared.dimension) & table["subgroup"].isin(list(declared.weights))]
    weight = rows["subgroup"].map(declared.weights).astype(float)
    rows = rows.assign(weight=weight / np.average(weight, weights=rows["children"]))
    return pd.DataFrame([row for name in rows["strategy"].unique() for row in _weighed(rows, name)])


def _weighed(rows: pd.DataFrame, name: str) -> Iterator[dict[str, Any]]:
    """Yield a strategy's groups, and all of them."""
    kept = ["strategy", "subgroup", "weight", "inc_effect", "inc_cost", "threshold", "incremental_net_benefit",
            "reason"]  # fmt: skip
    table = rows.loc[rows["strategy"] == name, kept].reset_index(drop=True)
    table["weighted_net_benefit"] = table["weight"] * table["incremental_net_benefit"]
    yield from ({str(key): value for key, value in row.items()} for row in table.to_dict("records"))
    added = ["inc_effect", "inc_cost", "incremental_net_benefit", "weighted_net_benefit"]
    whole = {"strategy": name, "subgroup": ALL_GROUPS, "weight": 1.0, "threshold": table["threshold"].iloc[0],
             "reason": "a group that it is made of has no number" if table["reason"].any() else ""}  # fmt: skip
    yield {**whole, **{column: float(table[column].sum(skipna=False)) for column in added}}
