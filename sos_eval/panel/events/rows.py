"""From a table of dated events to rows of a panel: their year, the columns by rule, the authorities' figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.panel.dates import day_of
from sos_eval.panel.events.authorities import joined
from sos_eval.panel.events.dates import days_of, years_of
from sos_eval.panel.events.rules import derived
from sos_eval.panel.events.spec import EVENT_DAY, EventsSpec
from sos_eval.panel.one_order import row_keys
from sos_eval.panel.panel import FlowRow
from sos_eval.panel.read.columns import many
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import PanelSpec

__all__ = ["as_rows"]


def as_rows(reading: Reading, spec: PanelSpec, base: Path) -> Reading:
    """Add what the block `events` makes; a reading without one stays as it is.

    Raises
    ------
    DataFault
        A name that the file has already, or a table of authorities that cannot be read.
    """
    events = spec.events
    if events is None:
        return reading
    header = reading.header or tuple(map(str, reading.frame.columns))
    for name in (*events.made, spec.time):
        if name in header:
            reading.fault_of(("events",), f'the file has a column "{name}" already', "give the new one another name")
    for name, keys in events.read():
        reading.column(name, *keys)
    reading.faults.stop()
    day = days_of(reading, events.date)
    if np.isnat(day).any():
        reading.add(f"{events.date}: no date in {reading.lines(np.isnat(day))}", "every event has its date")
    until = _until(reading, events)
    late = day > until
    if late.any():
        what = f"{events.date}: {many(int(late.sum()), 'event')} after {events.until}, {reading.lines(late)}"
        reading.add(what, "mend the date, or events.until, the last day on record")
    years = years_of(day, spec.year_convention)
    reading = derived(reading, events, day, until, spec.unit)
    if events.authorities is not None:
        reading = joined(reading, events.authorities, base, spec.unit, years)
    number = np.where(np.isnat(day), np.nan, day.astype("datetime64[D]").astype(float))
    frame = reading.frame.assign(**{spec.time: years, EVENT_DAY: number})
    reading.faults.stop()
    made = replace(reading, frame=frame, header=(*(reading.header or ()), spec.time, EVENT_DAY))
    return _means(made, spec) if events.means else made


def _means(reading: Reading, spec: PanelSpec) -> Reading:
    """Return a row per unit and year with the means of some columns over the events that have a value."""
    names = spec.events.means if spec.events else ()
    for name in names:
        if name not in reading.frame or not pd.api.types.is_numeric_dtype(reading.frame[name]):
            reading.fault_of(("events", "means"), f"{name} is no column of numbers", "name columns that `derive` makes")
    reading.faults.stop()
    keys = [spec.unit, spec.time]
    events = reading.frame.take(np.argsort(row_keys(reading.frame, [*keys, *names]), kind="stable"))
    table = events.groupby(keys, sort=True)[list(names)].mean().reset_index()
    if spec.treatment.first_treated is not None:
        first = reading.frame.groupby(spec.unit)[spec.treatment.first_treated].first()
        table[spec.treatment.first_treated] = table[spec.unit].map(first)
    rows = len(reading.frame)
    note = FlowRow("means of events", "noted", 0, rows, "", "a row per unit and period: means over its events")
    kept = replace(reading, frame=table.assign(**{EVENT_DAY: np.nan}), header=(), place="row")
    return replace(kept, notes=[*reading.notes, note])


def _until(reading: Reading, events: EventsSpec) -> np.ndarray:
    """Return the last day on record, (1,)."""
    day = day_of(events.until) if events.until else None
    if events.until and day is None:
        reading.fault_of(("events", "until"), f'"{events.until}" is no date', "write 2019-03-31")
    return np.array([day], "datetime64[D]")
