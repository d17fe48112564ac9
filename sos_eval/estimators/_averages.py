"""Averages of group-time cells by the weight of the rows behind each, at shares that are taken as fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_eval.panel.panel import Array
from sos_eval.results.aggregate import families
from sos_eval.results.estimate import Columns, cell_columns

__all__ = ["Averages", "averages"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Averages:
    """Rows of an estimate: every cell, then averages by event time, cohort and calendar time, and overall.

    Attributes
    ----------
    keys
        Columns of `results.estimate.cells` that name the q rows.
    inside : (q, m)
        Which cells a row averages.
    """

    keys: dict[str, Any]
    inside: Bools

    def mix(self, mass: Array) -> Array:
        """Return the weight of every cell in every row, (..., m, q), at the weight of the rows behind each (..., m)."""
        held = self.inside * mass[..., None, :]
        return np.asarray(np.swapaxes(held / held.sum(-1, keepdims=True), -1, -2))

    def columns(self, **more: Any) -> Columns:
        """Lay the rows out as cells, with their counts and scale."""
        return cell_columns(**self.keys, **more)


def averages(cohort: Array, time: Array) -> Averages:
    """Lay out the cells (m,) and their averages; cells before the start enter those by event time alone."""
    every = np.ones(len(cohort), bool)
    keys, inside = families(cohort, time, time >= cohort, every)
    used = [k for k, key in enumerate(keys) if key["aggregation"] != "simple"]
    names = {
        name: np.array([*own, *(keys[k].get(name, np.nan) for k in used)])
        for name, own in (("cohort", cohort), ("time", time), ("event_time", time - cohort))
    }
    kinds = ["group_time"] * len(cohort) + [keys[k]["aggregation"] for k in used]
    return Averages({"aggregation": kinds, **names}, np.vstack([np.eye(len(cohort), dtype=bool), inside[used]]))
