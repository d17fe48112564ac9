"""From a table to a `Panel`: read each declared column, check it all, leave out what was declared, say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.caveats import Caveat
from sos_eval.panel.columns import Reading, numbers, parsed, suppressed, texts
from sos_eval.panel.identified import check_identified
from sos_eval.panel.panel import Array, FlowRow, Panel
from sos_eval.panel.rates import Measured, measure, outcome_of
from sos_eval.panel.rows import Rows, check_constant, check_unique, identify
from sos_eval.panel.selection import drop_unusable, select_rows
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.treatment import Adoption, from_column

__all__ = ["OUR_NAMES", "assemble"]

#: Columns of `Panel.frame` that a covariate may not be called, unless it is that very column.
OUR_NAMES = (
    "unit",
    "time",
    "first_treated",
    "cluster",
    "weight",
    "outcome",
    "count",
    "exposure",
    "treated",
    "dose",
    "unit_name",
)

Adopt = Callable[[Reading, Rows], Adoption]


def assemble(
    reading: Reading,
    spec: PanelSpec,
    *,
    also: Sequence[str] = (),
    adopt: Adopt | None = None,
    require_untreated: bool = True,
) -> Panel:
    """Build a panel from a table.

    Parameters
    ----------
    reading
        The table, under the user's column names.
    spec
        The declared block.
    also
        Further columns that other parts of a design name (regions, strata, moderators).
    adopt
        Reads the adoption; the column `first_treated` without it.
    require_untreated
        Whether somebody must be untreated at some time that another unit is treated.

    Raises
    ------
    DataFault, NotIdentified
        With every fault that was found.
    """
    reading = with_columns(reading, spec, also)
    whole, rows = identify(reading, spec.unit, spec.time)
    if not len(rows.codes):
        reading.add(f"{spec.unit}, {spec.time}: no row has both a unit and a period")
        reading.faults.stop()
    adoption = (adopt or _column_adoption(spec))(whole, rows)
    kept, rows, adoption, flow = select_rows(whole, rows, adoption, spec)
    frame, measured = _frame(kept, rows, adoption, spec, also)
    reading.faults.stop()
    outcomes = tuple(outcome_of(name, one) for name, one in spec.named_outcomes.items())
    notes = tuple(row for one in measured.values() for row in one.flow)
    panel = Panel(
        frame=frame,
        labels=_labels(spec),
        layout=spec.layout,
        outcomes=outcomes,
        active=outcomes[0].name,
        covariates=tuple(spec.covariates),
        untreated_means="never" if adoption.known.all() else "unknown",
        absorbing=adoption.absorbing,
        year_convention=spec.year_convention,
        adoption=adoption.register,
        omitted_times={time: one.why for one in spec.omit_times for time in one.times},
        flagged_times=dict(spec.flag_times),
        weighted=spec.weight is not None,
        source=reading.name,
        flow=(*flow, *adoption.flow, *dict.fromkeys(notes)),
        noted_caveats=adoption.caveats,
    )
    panel = _with_unknown(drop_unusable(panel, spec))
    check_identified(panel, require_untreated=require_untreated)
    return panel


def _with_unknown(panel: Panel) -> Panel:
    """Say of how many units nobody knows whether they adopted."""
    if panel.untreated_means == "never":
        return panel
    known = panel.adoption["known"].reindex(panel.units).to_numpy(bool)
    unknown = panel.units[~known & ~panel.ever_treated]
    if not len(unknown):
        return replace(panel, untreated_means="never")
    caveat = Caveat(
        "Whether {n} of the {of} untreated units used the intervention is unknown: the comparison is with usual "
        "practice, which may include it, and that tends to make an effect look smaller than it is.",
        tuple((str(unit), "") for unit in unknown),
        "untreated",
    )
    row = FlowRow("unknown adoption", "noted", len(unknown), 0, "", "untreated, but not known never to have adopted")
    return replace(panel, noted_caveats=(*panel.noted_caveats, caveat)).noted(row)


def with_columns(reading: Reading, spec: PanelSpec, also: Sequence[str]) -> Reading:
    """Check that every declared column is there; stand in an empty one so that the others are checked too."""
    lacking: list[str] = []
    twice: list[str] = []
    for name, keys in dict(reversed(named_columns(spec, also))).items():
        if not reading.column(name, *keys):
            (twice if name in reading.frame.columns else lacking).append(name)
    if {spec.unit, spec.time} & {*lacking, *twice}:
        reading.faults.stop()
    frame = reading.frame
    if twice:
        frame = frame.loc[:, ~frame.columns.duplicated()]
    return replace(reading, frame=frame.assign(**dict.fromkeys(lacking, np.nan))) if lacking or twice else reading


def named_columns(spec: PanelSpec, also: Sequence[str] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """List the columns that a block names, each with the key that names it."""
    named: list[tuple[str | None, tuple[str, ...]]] = [(spec.unit, ("unit",)), (spec.time, ("time",))]
    for name, one in spec.named_outcomes.items():
        at = ("outcome",) if spec.outcome else ("outcomes", name)
        named += [(one.count, (*at, "count")), (one.exposure, (*at, "exposure")), (one.value, (*at, "value"))]
    way = spec.treatment
    named += [(getattr(way, key), ("treatment", key)) for key in ("first_treated", "status", "dose")]
    named += [(getattr(spec, key), (key,)) for key in ("cluster", "weight", "unit_name")]
    named += [(name, ("covariates",)) for name in (*spec.covariates, *also)]
    return [(name, keys) for name, keys in named if name is not None]


def _column_adoption(spec: PanelSpec) -> Adopt:
    name = str(spec.treatment.first_treated)
    return lambda reading, rows: from_column(reading, rows, name, spec.treatment.untreated_means)


def _labels(spec: PanelSpec) -> dict[str, str]:
    """Map our names to the user's columns."""
    labels = {"unit": spec.unit, "time": spec.time, "cluster": spec.cluster or spec.unit}
    way = spec.treatment
    labels["first_treated"] = way.first_treated or way.status or str(way.adoption)
    labels |= {"weight": spec.weight} if spec.weight else {}
    labels |= {"unit_name": spec.unit_name} if spec.unit_name else {}
    labels |= {"dose": way.dose} if way.dose else {}
    for name, one in reversed(spec.named_outcomes.items()):
        ours = {"outcome": one.words, "count": one.count, "exposure": one.exposure}
        shown = {key: column for key, column in ours.items() if column}
        labels |= shown if spec.outcome else {f"{key}:{name}": column for key, column in shown.items()} | shown
    return labels


def _frame(
    reading: Reading, rows: Rows, adoption: Adoption, spec: PanelSpec, also: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Measured]]:
    """Lay out the panel's frame under our names."""
    if spec.layout == "panel":
        check_unique(reading, rows)
    symbols = spec.suppressed == "missing"
    measured = {name: measure(reading, rows, one, missing_symbols=symbols) for name, one in spec.named_outcomes.items()}
    first = adoption.first_treated[rows.codes]
    treated = (rows.times >= first).astype(float) if adoption.status is None else adoption.status
    unit = pd.Series(rows.units, dtype="str").take(rows.codes).array
    columns: dict[str, Any] = {"unit": unit, "time": rows.times}
    if spec.unit_name:
        columns["unit_name"] = _names(reading, rows, spec.unit_name)
    columns |= {"first_treated": first, "treated": treated}
    columns["cluster"] = _clusters(reading, rows, spec) if spec.cluster else unit
    columns["weight"] = _weights(reading, str(spec.weight), measured) if spec.weight else np.ones(len(rows.codes))
    head = next(iter(measured.values()))
    columns |= {"outcome": head.outcome, "count": head.count, "exposure": head.exposure}
    for name, one in measured.items() if not spec.outcome else ():
        columns |= {f"outcome:{name}": one.outcome, f"count:{name}": one.count, f"exposure:{name}": one.exposure}
    if spec.treatment.dose:
        columns["dose"] = _dose(reading, spec.treatment.dose, treated)
    for name in dict.fromkeys((*spec.covariates, *also)):
        _covariate(reading, rows, spec, name, columns)
    return pd.DataFrame(columns), measured


def _names(reading: Reading, rows: Rows, name: str) -> Any:
    """Return a readable name per row: each unit's last, the id where it has none."""
    codes, distinct = texts(reading.frame[name])
    last = codes[np.append(rows.starts[1:], len(codes)) - 1]
    words = np.array([*distinct, ""], dtype=object)[last]
    return pd.array(np.where(words == "", rows.units, words)[rows.codes], dtype="str")


def _clusters(reading: Reading, rows: Rows, spec: PanelSpec) -> Any:
    name = str(spec.cluster)
    codes, distinct = texts(reading.frame[name])
    if (codes < 0).any():
        reading.add(f"{name}: no cluster in {reading.lines(codes < 0)}", "every row names its cluster")
    labels = np.array([*distinct, ""], dtype=object)[codes]
    if spec.layout == "panel" and len(rows.changing(codes)):
        check_constant(reading, rows, name, labels, "a unit changes cluster", "a unit belongs to one cluster")
    return pd.array(labels, dtype="str")


def _weights(reading: Reading, name: str, measured: dict[str, Measured]) -> Array:
    """Return weights, (n_rows,); a row without any outcome needs none."""
    values = numbers(reading, name)
    observed = np.any([~np.isnan(one.outcome) for one in measured.values()], axis=0)
    empty, negative = np.isnan(values), values < 0
    if (empty & observed).any():
        lines = reading.lines(empty & observed)
        reading.add(f"{name}: no weight in {lines}", "give a weight to every row with an outcome")
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


def _covariate(reading: Reading, rows: Rows, spec: PanelSpec, name: str, columns: dict[str, Any]) -> None:
    """Add a covariate: numbers, or a category where no cell is a number."""
    if name in OUR_NAMES and _labels(spec).get(name) != name:
        reading.add(f"{name}: a covariate may not have the name of one of our own columns", "rename the column")
        return
    if name in OUR_NAMES:
        return
    column = reading.frame[name]
    values, bad, words = parsed(column)
    if not bad.any():
        columns[name] = values
        return
    if np.isnan(values[~bad]).all() and not suppressed(words[bad]).all():
        codes, distinct = texts(column)
        labels = np.array([*distinct, None], dtype=object)[codes]
        if spec.layout == "panel" and len(rows.changing(codes)):
            shown = np.where(codes < 0, "nothing", labels)
            check_constant(
                reading, rows, name, shown, "a unit changes its category",
                "a category stays the same within a unit: write the one before the start",
            )  # fmt: skip
        columns[name] = pd.array(labels, dtype="str")
        return
    columns[name] = numbers(reading, name)
