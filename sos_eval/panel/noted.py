"""What a run says of its data without being asked: levels on one side, shared clusters, repeated rows, weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.errors import listed
from sos_eval.panel.panel import NAMED, FlowRow
from sos_eval.panel.read.columns import parsed
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows
from sos_eval.panel.spec import PanelSpec

__all__ = ["one_sided", "repeated_rows", "shared_clusters", "varying_weights"]


def one_sided(frame: pd.DataFrame, rows: PlacedRows, spec: PanelSpec) -> tuple[FlowRow, ...]:
    """Note levels of a category that only treated or only untreated units have: nobody is like them to compare with."""
    if spec.layout != "panel":
        return ()
    return tuple(row for name in dict.fromkeys(spec.covariates) for row in _levels(frame, rows, name))


def _levels(frame: pd.DataFrame, rows: PlacedRows, name: str) -> list[FlowRow]:
    if name not in frame or pd.api.types.is_numeric_dtype(frame[name]):
        return []
    levels = rows.first(frame[name].to_numpy(dtype=object))
    treated = np.isfinite(rows.first(frame["first_treated"].to_numpy(float)))
    notes = []
    for level in dict.fromkeys(level for level in levels if not pd.isna(level)):
        units = levels == level
        sides = set(treated[units].tolist())
        if len(sides) == 1 and 0 < treated.sum() < len(treated):
            side, other = ("treated", "untreated") if sides == {True} else ("untreated", "treated")
            reason = (
                f'{name}: only {side} units have the level "{level}", so that adjusting by weights finds no {other} '
                "unit like them; leave them out (exclude, or comparison.restrict), or recode the level"
            )
            names = listed(list(rows.units[units]), NAMED)
            notes.append(FlowRow("level on one side", "noted", int(units.sum()), 0, names, reason))
    return notes


def shared_clusters(frame: pd.DataFrame, rows: PlacedRows, spec: PanelSpec) -> tuple[FlowRow, ...]:
    """Note clusters of people that have rows in several units: one number may be two persons.

    Clusters that are no more than the units (regions) hold units whole, and nothing is noted.
    """
    if not _of_persons(frame, rows, spec):
        return ()
    codes = pd.factorize(frame["cluster"])[0]
    units = np.unique(np.column_stack([codes, rows.codes]), axis=0)[:, 0]
    each, size = np.bincount(units), np.bincount(codes)
    shared = each > 1
    if not shared.any():
        return ()
    reason = (
        f"{spec.cluster}: {int(shared.sum())} of {len(each)} clusters have rows in several units, taken for the same "
        "person; where numbers are given by each unit, write a column of unit and number"
    )
    return (FlowRow("person in several units", "noted", 0, int(size[shared].sum()), "", reason),)


def _of_persons(frame: pd.DataFrame, rows: PlacedRows, spec: PanelSpec) -> bool:
    """Whether clusters are more than the units, in a table whose rows are people or events."""
    return spec.layout != "panel" and spec.cluster is not None and frame["cluster"].nunique() > len(rows.units)


def repeated_rows(frame: pd.DataFrame, reading: Reading, rows: PlacedRows, spec: PanelSpec) -> tuple[FlowRow, ...]:
    """Note rows of a person that are another one over again, in all that is read of them."""
    if not _of_persons(frame, rows, spec):
        return ()
    again = int(reading.frame.duplicated().sum())
    if not again:
        return ()
    reason = (
        f"{spec.cluster}: the same as another row in every column that is read; each counts as one more. If the file "
        "holds them twice, leave one of each out"
    )
    return (FlowRow("rows that stand twice", "noted", 0, again, "", reason),)


def varying_weights(reading: Reading, rows: PlacedRows, spec: PanelSpec) -> tuple[FlowRow, ...]:
    """Note units whose weight changes over time: one weight a unit enters."""
    if spec.weight is None or spec.layout != "panel":
        return ()
    values = np.nan_to_num(parsed(reading, spec.weight)[0], nan=-1.0)
    changing = rows.changing(values) if len(values) == len(rows.codes) else np.array([], np.intp)
    if not len(changing):
        return ()
    reason = f"{spec.weight}: changes over time; a unit weighs its mean over the periods before anyone starts"
    return (FlowRow("weights over time", "noted", len(changing), 0, listed(list(rows.units[changing]), NAMED), reason),)
