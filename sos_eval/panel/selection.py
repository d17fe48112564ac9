"""What is left out and why: declared exclusions, periods, and units that no design can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import DataFault, listed
from sos_eval.panel.panel import NAMED, Array, FlowRow, Panel
from sos_eval.panel.read.columns import many
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows, near_unit
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.treatment import Adoption

__all__ = ["STARTED", "WEIGHTLESS", "drop_unusable", "select_rows"]

#: Why units with a recorded start are left out that have no weight: page one counts them.
WEIGHTLESS = "weight zero in every period, with a recorded start"

#: How the reason ends of every treated unit that balancing leaves out, where it leaves none.
STARTED = ", and a start is recorded"

Mask = NDArray[np.bool_]
_ENDS: tuple[tuple[Literal["from", "to"], float], ...] = (("from", -np.inf), ("to", np.inf))


def select_rows(
    reading: Reading, rows: PlacedRows, adoption: Adoption, spec: PanelSpec
) -> tuple[Reading, PlacedRows, Adoption, tuple[FlowRow, ...]]:
    """Leave out what the design declares, before any outcome is read."""
    start = FlowRow("start", "start", len(rows.units), len(rows.codes), "", f"as read from {reading.name}")
    flow = [*reading.flow, start]
    kept = np.ones(len(rows.codes), bool)
    for i, one in enumerate(spec.exclude):
        places = _excluded(reading, rows, one.units, str(i))
        gone = np.isin(rows.codes, places) & kept
        names = listed(list(rows.units[places]), NAMED)
        flow.append(FlowRow("exclude", "dropped", len(places), int(gone.sum()), names, one.why))
        kept &= ~gone
    if not kept.any():
        reading.fault_of(("exclude",), f"leaves none of the {len(rows.units)} units", "name fewer")
        reading.faults.stop()
    _refuse_window(reading, rows, spec, rows.times[kept])
    kept = _periods_left_out(reading, rows, spec, kept, flow)
    if not kept.any():
        reading.fault_of(("omit_times",), "leaves no row", "name fewer periods, or widen panel.window")
        reading.faults.stop()
    if kept.all():
        return reading, rows, adoption, tuple(flow)
    present, codes = np.unique(rows.codes[kept], return_inverse=True)
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    smaller = PlacedRows(rows.units[present], codes, rows.times[kept], starts, rows.periods)
    status = None if adoption.status is None else adoption.status[kept]
    own = replace(adoption, first_treated=adoption.first_treated[present], known=adoption.known[present], status=status)
    return reading.kept(kept), smaller, own, tuple(flow)


def _refuse_window(reading: Reading, rows: PlacedRows, spec: PanelSpec, times: Array) -> None:
    """Refuse a window that holds none of the periods that there are, (n_rows,), which are named."""
    low, high = (float(spec.window.get(key, end)) for key, end in _ENDS)
    if ((times < low) | (times > high)).all():
        first, last = rows.named(times.min()), rows.named(times.max())
        words = _words(rows, low, high).removeprefix("the window, ")
        what = f"{words} holds none of the periods of {reading.name}, {first} to {last}"
        reading.fault_of(("window",), what, f"write {{from: {first}, to: {last}}}, or a part of it")
        reading.faults.stop()


def _excluded(reading: Reading, rows: PlacedRows, units: tuple[str, ...], place: str) -> NDArray[np.intp]:
    """Return the positions of excluded units; an id that nobody has is a fault."""
    known = {unit: i for i, unit in enumerate(rows.units)}
    for unit in units:
        if unit not in known:
            reading.fault_of(("exclude", "units"), f'no unit "{unit}" in {reading.name}', near_unit(unit, rows.units))
    return np.array(sorted({known[unit] for unit in units if unit in known}), dtype=np.intp)


def _periods_left_out(reading: Reading, rows: PlacedRows, spec: PanelSpec, kept: Mask, flow: list[FlowRow]) -> Mask:
    """Apply the window and the omitted periods."""
    low, high = (float(spec.window.get(key, end)) for key, end in _ENDS)
    outside = (rows.times < low) | (rows.times > high)
    cuts = [("window", outside, f"outside {_words(rows, low, high)}")] if spec.window else []
    present = np.unique(rows.times) if spec.flag_times or spec.omit_times else np.array([])
    _refuse_absent(reading, rows, present, "flag_times", tuple(spec.flag_times))
    for one in spec.omit_times:
        times = [float(time) for time in one.times]
        gaps = [time for time in times if present[0] < time < present[-1] and time not in present]
        _refuse_absent(reading, rows, present, "omit_times", [time for time in times if time not in gaps])
        if gaps:
            words = ", ".join(rows.named(time) for time in gaps)
            flow.append(FlowRow("omit_times", "noted", 0, 0, words, one.why or "no rows, as declared"))
        cuts.append(("omit_times", np.isin(rows.times, one.times), one.why))
    for step, gone, why in cuts:
        dropped = gone & kept
        if dropped.any():
            names = ", ".join(rows.named(time) for time in np.unique(rows.times[dropped]))
            lost = len(np.unique(rows.codes[kept])) - len(np.unique(rows.codes[kept & ~gone]))
            flow.append(FlowRow(step, "dropped", lost, int(dropped.sum()), names, why))
        kept = kept & ~gone
    return kept


def _refuse_absent(reading: Reading, rows: PlacedRows, present: Array, key: str, times: Sequence[Any]) -> None:
    for time in times:
        if time not in present:
            hint = f"periods run from {rows.named(present[0])} to {rows.named(present[-1])}"
            reading.fault_of((key,), f"no period {rows.named(time)} in {reading.name}", hint)


def _words(rows: PlacedRows, low: float, high: float) -> str:
    if np.isinf(low):
        return f"the window, up to {rows.named(high)}"
    return f"the window, from {rows.named(low)}" + ("" if np.isinf(high) else f" to {rows.named(high)}")


def drop_unusable(panel: Panel, spec: PanelSpec) -> Panel:
    """Keep out units that no design can use, each with its reason in the flow."""
    panel = _without(panel, _never_observed(panel), "no outcome", "no outcome in any period")
    panel = _without(panel, _weightless(panel) & panel.ever_treated, "no weight", WEIGHTLESS)
    panel = _without(panel, _weightless(panel), "no weight", "weight zero in every period")
    panel = _late_starts(panel)
    if panel.n_times:
        first = panel.times[0]
        reason = (
            f"treated in or before the first period ({panel.periods.name(first)}): there is no period before its start"
        )
        panel = _without(panel, panel.first_treated <= first, "treated in the first period", reason)
    if spec.layout == "panel":
        panel = _balanced(panel, spec)
    return _without_transition(panel) if spec.treatment.transition == "drop" else panel


def _without(panel: Panel, gone: Mask, step: str, reason: str) -> Panel:
    return panel.keep(panel.units[~gone], step, reason) if gone.any() else panel


def _outcome_columns(panel: Panel) -> list[str]:
    several = [f"outcome:{one.name}" for one in panel.outcomes if f"outcome:{one.name}" in panel.frame]
    return several or ["outcome"]


def _observed(panel: Panel) -> Mask:
    """Say which outcomes each row has, (n_rows, n_outcomes)."""
    return np.column_stack([~np.isnan(panel.frame[name].to_numpy(float)) for name in _outcome_columns(panel)])


def _never_observed(panel: Panel) -> Mask:
    """Units without any outcome, (n_units,)."""
    seen = _observed(panel).any(axis=1)
    return np.equal(np.bincount(panel.unit_codes[seen], minlength=panel.n_units), 0)


def _weightless(panel: Panel) -> Mask:
    """Units whose weight is zero throughout, (n_units,)."""
    if not panel.weighted:
        return np.zeros(panel.n_units, bool)
    positive = panel.frame["weight"].to_numpy(float) > 0
    return np.equal(np.bincount(panel.unit_codes[positive], minlength=panel.n_units), 0)


def _late_starts(panel: Panel) -> Panel:
    """Units that start after the last period are untreated in all of these data."""
    late = np.isfinite(panel.first_treated) & (panel.first_treated > panel.times[-1]) if panel.n_times else np.array([])
    if not late.any():
        return panel
    column = panel.frame["first_treated"].to_numpy(float)
    pairs = zip(panel.units[late], panel.first_treated[late], strict=True)
    names = listed([f"{unit} ({panel.periods.name(start)})" for unit, start in pairs], NAMED)
    reason = f"start after the last period ({panel.periods.name(panel.times[-1])}): untreated throughout"
    row = FlowRow("starts later", "noted", int(late.sum()), int(late[panel.unit_codes].sum()), names, reason)
    untreated = panel.with_columns(first_treated=np.where(late[panel.unit_codes], np.inf, column)).noted(row)
    starts = dict(zip(panel.units[late], panel.first_treated[late].tolist(), strict=True))
    return replace(untreated, late_starts=starts)


def _balanced(panel: Panel, spec: PanelSpec) -> Panel:
    """Deal with units that are not seen in every period, as declared."""
    seen = _observed(panel).all(axis=1)
    counts = np.bincount(panel.unit_codes[seen], minlength=panel.n_units)
    short = counts < panel.n_times
    if not short.any():
        return panel
    names = listed(list(panel.units[short]), NAMED)
    if spec.unbalanced == "balance":
        why, started = f"not seen in all {panel.n_times} periods", panel.ever_treated
        if started.any() and short[started].all():
            panel, short = _without(panel, started, "unbalanced", f"{why}{STARTED}"), short[~started]
        return _without(panel, short, "unbalanced", why)
    if spec.unbalanced == "error":
        what = f"{many(int(short.sum()), 'unit')} without an outcome in some of {panel.n_times} periods: {names}"
        raise DataFault(panel.fault(what, "unbalanced: allow, or balance to leave them out"))
    lacking = int(panel.n_units * panel.n_times - seen.sum())
    whole = panel.n_units * panel.n_times
    reason = f"no outcome in {lacking:,} of {whole:,} units and periods; the others are kept (unbalanced: allow)"
    return panel.noted(FlowRow("unbalanced", "noted", int(short.sum()), lacking, names, reason))


def _without_transition(panel: Panel) -> Panel:
    """Leave out each unit's periods from its start up to full embedding."""
    embedded = panel.adoption["embedded"].reindex(panel.units).to_numpy(float)[panel.unit_codes]
    time, start = panel.frame["time"].to_numpy(float), panel.frame["first_treated"].to_numpy(float)
    gone = (time >= start) & (time < embedded)
    if not gone.any():
        return panel
    units = np.unique(panel.unit_codes[gone])
    names = listed(list(panel.units[units]), NAMED)
    row = FlowRow("transition", "dropped", 0, int(gone.sum()), names, "between the start and full embedding")
    return replace(panel, frame=panel.frame[~gone].reset_index(drop=True)).noted(row)
