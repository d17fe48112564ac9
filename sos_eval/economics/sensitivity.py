"""Deterministic sensitivity of the declared model: ranges from the declaration, else each parameter's interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.dsa import one_way, tornado, two_way_table
from sos_eval.economics.model.draws import Parameter, central_interval

if TYPE_CHECKING:
    from sos_eval.economics.prepared import Prepared

__all__ = ["sensitivity_tables"]

Array = NDArray[np.float64]


def sensitivity_tables(prepared: Prepared, thresholds: Array) -> dict[str, pd.DataFrame]:
    """Vary one parameter at a time, and declared pairs, at the middle threshold."""
    model, declared = prepared.model, prepared.section.dsa
    assert model is not None
    ranges = {p.name: declared.ranges.get(p.name) or _own(p) for p in model.parameters}
    ranges = {name: span for name, span in ranges.items() if span[0] < span[1]}
    if not ranges:
        return {}
    middle = float(thresholds[len(thresholds) // 2])

    def run(values: Mapping[str, Array]) -> tuple[Array, Array]:
        return model.evaluate(values)

    reference = prepared.reference
    out = {
        "tornado": tornado(run, model.base, ranges, model.strategies, reference, middle),
        "one_way": one_way(run, model.base, ranges, model.strategies, middle, declared.points),
    }
    grids = [
        two_way_table(run, model.base, pair, ranges, model.strategies, middle, declared.points)
        for pair in declared.two_way
        if set(pair) <= set(ranges)
    ]
    if grids:
        out["two_way"] = pd.concat(grids, ignore_index=True)
    for table in out.values():
        table["threshold"] = middle
    return out


def _own(parameter: Parameter) -> tuple[float, float]:
    """Return a parameter's 95% interval; a placement share is varied with its group, not alone."""
    return (0.0, 0.0) if parameter.law == "share" else central_interval(parameter)
