"""Deterministic sensitivity of the declared model: ranges from the declaration, else each parameter's interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.dsa import one_way, tornado, two_way_table
from sos_eval.economics.model.draws import Parameter, central_interval
from sos_eval.economics.model.evaluated import DecisionModel, as_shares, mix_of

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["natural_base", "own_interval", "sensitivity_tables"]

Array = NDArray[np.float64]
Span = tuple[float, float]


def sensitivity_tables(prepared: Prepared) -> dict[str, pd.DataFrame]:
    """Vary one parameter at a time, and declared pairs, at the decision threshold.

    A share of the placement mix is varied on its own scale, the others taking up the rest in the proportions they have.
    Without a decision threshold there is no net benefit to vary, and no table.
    """
    model, declared = prepared.model, prepared.section.dsa
    threshold = prepared.section.decision_threshold
    assert model is not None
    base = natural_base(model)
    ranges = {p.name: declared.ranges.get(p.name) or own_interval(p, model) for p in model.parameters}
    ranges = {name: span for name, span in ranges.items() if span[0] < span[1]}
    shares = mix_of(base)
    if len(shares) == 2 and shares[1] not in declared.ranges:  # one share of two is the mirror image of the other
        ranges.pop(shares[1], None)
    if threshold is None or not ranges:
        return {}

    def run(values: Mapping[str, Array]) -> tuple[Array, Array]:
        return model.evaluate(_rest(values, base))

    reference = prepared.reference
    out = {
        "tornado": tornado(run, base, ranges, model.strategies, reference, threshold),
        "one_way": one_way(run, base, ranges, model.strategies, threshold, declared.points),
    }
    grids = [
        two_way_table(run, base, pair, ranges, model.strategies, threshold, declared.points)
        for pair in declared.two_way
    ]
    if grids:
        out["two_way"] = pd.concat(grids, ignore_index=True)
    for table in out.values():
        table["threshold"] = threshold
    return out


def natural_base(model: DecisionModel) -> dict[str, float]:
    """Return every parameter at its expected value on the scale a reader knows: a share of the mix is a share."""
    return {name: float(values[0]) for name, values in as_shares(model.expected).items()}


def own_interval(parameter: Parameter, model: DecisionModel) -> Span:
    """Return a parameter's 95% interval; of a share of the mix that of its beta distribution."""
    if parameter.law != "share":
        return central_interval(parameter)
    from scipy.special import betaincinv

    rest = sum(p.mean for p in model.parameters if p.law == "share") - parameter.mean
    low, high = betaincinv(parameter.mean, rest, [0.025, 0.975])
    return float(low), float(high)


def _rest(values: Mapping[str, Array], base: Mapping[str, float]) -> Mapping[str, Array]:
    """Let the shares that are not varied take up the rest, in the proportions they have."""
    names = mix_of(values)
    varied = [name for name in names if np.any(values[name] != base[name])]
    if not varied:
        return values
    left = 1 - sum(values[name] for name in varied)
    others = 1 - sum(base[name] for name in varied)
    rest = {name: np.asarray(base[name] / others * left) for name in names if name not in varied}
    return {**values, **rest}
