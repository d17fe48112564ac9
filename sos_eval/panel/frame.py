"""The panel's frame: every declared column, checked, under our names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.own_names import as_written
from sos_eval.panel.panel import Array, FlowRow
from sos_eval.panel.rates import Measured, measure, named_cells
from sos_eval.panel.read.columns import SUPPRESSION, numbers, parsed, refuse_errors, suppressed, texts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.read.written import written
from sos_eval.panel.rows import PlacedRows, check_constant, check_unique
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.treatment import Adoption

__all__ = ["labels_of", "lay_out", "missing_covariates", "names_of"]


def labels_of(spec: PanelSpec) -> dict[str, str]:
    """Map our names to the user's columns."""
    labels = {"unit": spec.unit, "time": spec.time, "cluster": spec.cluster or spec.unit}
    way = spec.treatment
    labels["first_treated"] = way.first_treated or way.status or str(way.adoption)
    labels |= {"weight": spec.weight} if spec.weight else {}
    labels |= {"unit_name": spec.unit_name} if spec.unit_name else {}
    labels |= {"dose": way.dose} if way.dose else {}
    for name, one in reversed(spec.named_outcomes.items()):
        ours = {"outcome": one.words, "value": one.value, "count": one.count, "exposure": one.exposure}
        shown = {key: column for key, column in ours.items() if column}
        labels |= shown if spec.outcome else {f"{key}:{name}": column for key, column in shown.items()} | shown
    return labels


def lay_out(
    reading: Reading, rows: PlacedRows, adoption: Adoption, spec: PanelSpec, also: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Measured]]:
    """Lay out the panel's frame under our names, and say what each outcome lacks."""
    if spec.layout == "panel":
        check_unique(reading, rows)
    symbols = spec.suppressed == "missing"
    measured = {name: measure(reading, rows, one, missing_symbols=symbols) for name, one in spec.named_outcomes.items()}
    first = adoption.first_treated[rows.codes]
    treated = (rows.times >= first).astype(float) if adoption.status is None else adoption.status
    unit = pd.Series(rows.units, dtype="str").take(rows.codes).array
    columns: dict[str, Any] = {"unit": unit, "time": rows.times}
    if spec.unit_name:
        columns["unit_name"] = names_of(reading, rows, spec.unit_name)
    columns |= {"first_treated": first, "treated": treated}
    columns["cluster"] = _clusters(reading, rows, spec) if spec.cluster else unit
    columns["weight"] = _weights(reading, str(spec.weight), measured) if spec.weight else np.ones(len(rows.codes))
    head = next(iter(measured.values()))
    columns |= {"outcome": head.outcome, "count": head.count, "exposure": head.exposure}
    for name, one in measured.items() if not spec.outcome else ():
        columns |= {f"outcome:{name}": one.outcome, f"count:{name}": one.count, f"exposure:{name}": one.exposure}
    if spec.treatment.dose:
        columns["dose"] = _dose(reading, spec.treatment.dose, treated)
    very = _very_columns(spec)
    for name in dict.fromkeys((*spec.covariates, *also)):
        theirs = as_written(name)
        columns[name] = columns[theirs] if theirs in very else _covariate(reading, rows, spec, theirs)
    return pd.DataFrame(columns, copy=False), measured  # each column was made here, and none is ever written to


def _very_columns(spec: PanelSpec) -> set[str]:
    """Return the user's columns that stand in the panel under their own name: as covariates they are read as there."""
    labels = labels_of(spec)
    return {name for name in ("unit", "time", "first_treated", "cluster", "weight", "dose") if labels.get(name) == name}


def names_of(reading: Reading, rows: PlacedRows, name: str) -> Any:
    """Return a readable name per row: each unit's last, the id where it has none."""
    codes, distinct = texts(reading.frame[name])
    last = codes[np.append(rows.starts[1:], len(codes)) - 1]
    words = np.array([*distinct, ""], dtype=object)[last]
    return pd.array(np.where(words == "", rows.units, words)[rows.codes], dtype="str")


def _clusters(reading: Reading, rows: PlacedRows, spec: PanelSpec) -> Any:
    name = str(spec.cluster)
    refuse_errors(reading, name)
    codes, distinct = texts(reading.frame[name])
    _refuse_empty(reading, name, codes < 0, "no cluster", "every row names its cluster")
    labels = np.array([*distinct, ""], dtype=object)[codes]
    if spec.layout == "panel" and len(rows.changing(codes)):
        check_constant(reading, rows, name, labels, "a unit changes cluster", "a unit belongs to one cluster")
    return pd.array(labels, dtype="str")


def _refuse_empty(reading: Reading, name: str, empty: Any, what: str, instead: str) -> None:
    """Note which rows lack a value that each needs; nothing more of a column that the file does not have."""
    if empty.any() and name in reading.columns:
        reading.add(f"{name}: {what} in {reading.lines(empty)}", instead)


def _weights(reading: Reading, name: str, measured: dict[str, Measured]) -> Array:
    """Return weights, (n_rows,); a row without any outcome needs none."""
    values = numbers(reading, name)
    observed = np.any([~np.isnan(one.outcome) for one in measured.values()], axis=0)
    empty, negative = np.isnan(values), values < 0
    _refuse_empty(reading, name, empty & observed, "no weight", "give a weight to every row with an outcome")
    if negative.any():
        reading.add(f"{name}: negative weights, {reading.lines(negative)}", "weights are zero or more")
    if not empty.all() and not (np.nan_to_num(values) != 0).any():
        reading.add(f"{name}: every weight is zero", "give at least some units a positive weight")
    return values


def _dose(reading: Reading, name: str, treated: Array) -> Array:
    """Return the dose, (n_rows,): zero where untreated and empty."""
    values = numbers(reading, name)
    if (values < 0).any():
        reading.add(f"{name}: negative doses, {reading.lines(values < 0)}", "a dose is zero or more")
    lacking = np.isnan(values) & (treated > 0)
    if lacking.any():
        reading.add(f"{name}: no dose for a treated unit, {reading.lines(lacking)}", "write 0 where there was none")
    return np.where(np.isnan(values), 0.0, values)


def missing_covariates(frame: pd.DataFrame, rows: PlacedRows, names: Sequence[str]) -> tuple[FlowRow, ...]:
    """Count and name the rows in which a covariate is empty."""
    flow = []
    for name in dict.fromkeys(names):
        empty = frame[name].isna().to_numpy()
        if empty.any():
            units = len(np.unique(rows.codes[empty]))
            where = named_cells(rows, empty)
            flow.append(FlowRow("missing covariate", "noted", units, int(empty.sum()), where, f"{name}: empty"))
    return tuple(flow)


def _looks_numeric(words: Any) -> bool:
    """Say whether cells that could not be read are numbers in some way: they are no categories then."""
    return written([str(word) for word in dict.fromkeys(words) if word not in SUPPRESSION]).numeric


def _covariate(reading: Reading, rows: PlacedRows, spec: PanelSpec, name: str) -> Any:
    """Return a covariate, (n_rows,): numbers, or a category where no cell is a number."""
    column = reading.frame[name]
    values, bad, words = parsed(reading, name)
    if not bad.any():
        return values
    if np.isnan(values[~bad]).all() and not suppressed(words[bad]).all() and not _looks_numeric(words[bad]):
        refuse_errors(reading, name)
        codes, distinct = texts(column)
        labels = np.array([*distinct, None], dtype=object)[codes]
        if spec.layout == "panel" and len(rows.changing(codes)):
            shown = np.where(codes < 0, "nothing", labels)
            check_constant(
                reading, rows, name, shown, "a unit changes its category",
                "a category stays the same within a unit: write the one before the start",
            )  # fmt: skip
        return pd.array(labels, dtype="str")
    return numbers(reading, name)
