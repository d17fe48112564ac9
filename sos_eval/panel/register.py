"""The adoption register: who started, embedded and stopped when, with what prior use and on what evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.caveats import Caveat
from sos_eval.panel.dates import day_of, is_date, period_from
from sos_eval.panel.panel import Array
from sos_eval.panel.periods import Periods
from sos_eval.panel.prior_use import VOCABULARY, prior_use, prior_use_caveats
from sos_eval.panel.read.columns import numbers, texts
from sos_eval.panel.read.files import read_file, source_of
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows, near_unit
from sos_eval.panel.spec import PanelSpec, Treatment
from sos_eval.panel.treatment import EMPTY, Adoption, dated_starts, refuse_far, settled, started, starts
from sos_eval.terms import ADOPTION_COLUMNS

__all__ = ["from_register", "with_overlapping"]

_EPOCH = date(1970, 1, 1)


def from_register(reading: Reading, rows: PlacedRows, path: Path, spec: PanelSpec) -> Adoption:
    """Read a register; units that are absent from it take `untreated_means`.

    ``stopped`` is the first period without the intervention, ``embedded`` the first with all of it. Dates are taken
    by the year convention: a start for the year it falls in, the other two for the first year that begins after them.
    """
    way, convention = spec.treatment, spec.year_convention
    register = _read(reading, path, "adoption")
    if register is None:
        return settled(rows, np.full(len(rows.units), np.inf), "never")
    place = _places(register, rows, reading)
    first = starts(register, "first_treated", convention, rows.periods)
    refuse_far(register, "first_treated", first, rows)
    embedded, stopped = (_period(register, name, rows.periods) for name in ("embedded", "stopped"))
    _refuse_order(register, first, embedded, stopped, way)
    _refuse_prior_use(register)
    starts_of = _spread(place, first, EMPTY, rows)
    adoption = settled(rows, starts_of, way.untreated_means)
    table = adoption.register.assign(
        embedded=_spread(place, embedded, np.nan, rows), stopped=_spread(place, stopped, np.nan, rows)
    )
    for name, key in (("first_treated", "start_day"), ("embedded", "embedded_day")):
        table[key] = _spread(place, _days(register, name), np.nan, rows)
    for name in register.header:
        if name and name not in {"unit", "first_treated", "embedded", "stopped", "known"}:
            table[name] = _spread(place, _words(register, name), "", rows)
    status = _exposure(rows, adoption.first_treated, table, partial=way.transition == "partial")
    prior = prior_use_caveats(table["prior_use"]) if "prior_use" in table else ()
    caveats = (*prior, *_stops(table, rows.periods))
    flow = dated_starts(register, "first_treated", convention, rows.periods)
    return replace(adoption, status=status, register=table, caveats=caveats, flow=flow)


def _read(reading: Reading, path: Path, key: str) -> Reading | None:
    """Read a register with all its columns; None where it lacks one that it needs."""
    where, name = reading.at("treatment", key)
    source = source_of(path)
    if source not in {"csv", "xlsx"}:
        reading.faults.add(where, f"{name}: {path.name} is neither csv nor xlsx", "write the register as csv or xlsx")
        return None
    needed = ("unit", "first_treated" if key == "adoption" else "programme")
    register = read_file(path, source, reading.faults, where=where, key=name, keys=("unit",))
    register = replace(register, document=reading.document)
    lacking = [column for column in needed if column not in register.header]
    for column in lacking:
        known = ", ".join(ADOPTION_COLUMNS if key == "adoption" else ("unit", "programme", "first_treated", "note"))
        register.add(f'no column "{column}"', f"a register has the columns {known}")
    return None if lacking else register


def _places(register: Reading, rows: PlacedRows, reading: Reading) -> Any:
    """Return the position in `rows.units` of each line's unit, -1 where it has none; faults are noted."""
    codes, names = texts(register.frame["unit"])
    if (codes < 0).any():
        register.add(f"unit: empty in {register.lines(codes < 0)}", "every line names its unit")
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    for i in np.flatnonzero(counts > 1):
        register.add(f"unit {names[i]} stands twice ({register.lines(codes == i)})", "a unit has one line")
    known = pd.Index(rows.units).get_indexer(pd.Index(names, dtype=object))
    for i in np.flatnonzero(known < 0):
        hint = near_unit(names[i], rows.units)
        register.add(f"unit {names[i]} ({register.lines(codes == i)}) is not in {reading.name}", hint)
    return np.append(known, -1)[codes]


def _period(register: Reading, name: str, periods: Periods) -> Array:
    """Return an optional column of periods, NaN where empty; of dates, the first year that begins after them."""
    if name not in register.header:
        return np.full(len(register.frame), np.nan)
    words = _words(register, name)
    if not periods.plain:
        return _period_on(register, name, periods, words)
    dates = np.array([is_date(word) for word in words])
    values = numbers(register, name, dates)
    values[dates] = [period_from(word, periods.convention) for word in words[dates]]
    broken = ~np.isnan(values) & (values != np.floor(values))
    if broken.any():
        register.add(f"{name}: no whole period in {register.lines(broken)}", "write a period, as in the panel")
    return values


def _days(register: Reading, name: str) -> Array:
    """Return an optional column's dates as days since 1970, NaN where it holds something else or nothing."""
    words = _words(register, name) if name in register.header else np.full(len(register.frame), "")
    days = [day_of(str(word)) for word in words]
    return np.array([np.nan if day is None else (day - _EPOCH).days for day in days], float)


def _period_on(register: Reading, name: str, periods: Periods, words: Any) -> Array:
    """Return periods of an axis of codes, quarters or the like; of dates, the first that begins on or after them."""
    values = np.array([periods.number(word) for word in words])
    values = np.where(np.isnan(values), [periods.around(word, after=True) for word in words], values)
    broken = np.isnan(values) & (words != "")
    if broken.any():
        register.add(f"{name}: no whole period in {register.lines(broken)}", "write a period, as in the panel")
    return values


def _words(register: Reading, name: str) -> Any:
    codes, distinct = texts(register.frame[name])
    return np.array([*distinct, ""], dtype=object)[codes]


def _refuse_order(register: Reading, first: Array, embedded: Array, stopped: Array, way: Treatment) -> None:
    """Refuse what ends before it begins, by periods and, within one, by days where both have days."""
    treated = np.isfinite(first) & (first > 0)
    start, full, end = (_days(register, name) for name in ("first_treated", "embedded", "stopped"))
    bad = (~np.isnan(embedded) & (~treated | (embedded < first))) | (full < start)
    if bad.any():
        register.add(f"embedded is before first_treated, or stands alone, {register.lines(bad)}", "mend the periods")
    bad = (~np.isnan(stopped) & (~treated | (stopped <= first))) | (end <= start)
    if bad.any():
        register.add(
            f"stopped is not after first_treated, or stands alone, {register.lines(bad)}",
            "stopped is the first period without the intervention",
        )
    bad = (stopped <= embedded) | (end <= full)
    if bad.any():
        register.add(
            f"stopped is not after embedded, {register.lines(bad)}",
            "leave embedded empty where practice stopped before all of it was there",
        )
    if way.transition and np.isnan(embedded).all():
        register.fault_of(("treatment", "transition"), f'{register.name} has no period in a column "embedded"')


def _spread(place: Any, values: Any, empty: Any, rows: PlacedRows) -> Any:
    """Put a register's column in the order of the panel's units."""
    spread = np.full(len(rows.units), empty, dtype=object if isinstance(empty, str) else float)
    spread[place[place >= 0]] = values[place >= 0]
    return spread


def _exposure(rows: PlacedRows, first: Array, table: pd.DataFrame, *, partial: bool) -> Array | None:
    """Return exposure per row, None where it is simply "from the start onward".

    In a transition of k periods that counts as partial, exposure is 1/(k+1), 2/(k+1), …, k/(k+1).
    """
    stopped = table["stopped"].to_numpy(float)[rows.codes]
    embedded = table["embedded"].to_numpy(float)[rows.codes]
    start, time = first[rows.codes], rows.times
    exposure = (time >= start).astype(float)
    between = (time >= start) & (time < embedded)
    if partial:
        share = (time[between] - start[between] + 1) / (embedded[between] - start[between] + 1)
        exposure[between] = share
    over = time >= stopped
    exposure[over] = 0.0
    changed = over.any() or (partial and between.any())
    return exposure if changed else None


def _refuse_prior_use(register: Reading) -> None:
    """Note the entries that are none of the register's words."""
    if "prior_use" not in register.header:
        return
    words = _words(register, "prior_use")
    for word in dict.fromkeys(words):
        if prior_use(str(word)) is None:
            register.add(f'prior_use: "{word}" ({register.lines(words == word)})', f"write {VOCABULARY}")


def _stops(table: pd.DataFrame, periods: Periods) -> tuple[Caveat, ...]:
    units = tuple((str(unit), periods.name(time)) for unit, time in table["stopped"].dropna().items())
    return (Caveat("The intervention ended again in {n} of {of} treated units: {names}.", units),) if units else ()


def with_overlapping(adoption: Adoption, reading: Reading, rows: PlacedRows, path: Path) -> Adoption:
    """Add a caveat that names the units which also took part in other programmes, and the programmes to the register.

    Units of that list that are not in the panel are passed over: such lists are national.
    """
    register = _read(reading, path, "overlapping")
    if register is None:
        return adoption
    codes, names = texts(register.frame["unit"])
    known = np.append(pd.Index(rows.units).get_indexer(pd.Index(names, dtype=object)), -1)[codes]
    programmes = _words(register, "programme")
    when = _words(register, "first_treated") if "first_treated" in register.header else np.full(len(codes), "")
    units = tuple(
        (str(rows.units[unit]), f"{programme}, {time or 'start not stated'}")
        for unit, programme, time in zip(known, programmes, when, strict=True)
        if unit >= 0
    )
    if not units:
        many = len(set(codes[codes >= 0]))
        text = f"None of the {many} units that the list of other programmes names is in the panel: those are not known."
        return replace(adoption, caveats=(*adoption.caveats, Caveat(text)))
    began = [started(str(word), rows.periods) for word in when]
    joined: list[tuple[tuple[str, float], ...]] = [
        tuple((str(programmes[i]), began[i]) for i in np.flatnonzero(known == unit)) for unit in range(len(rows.units))
    ]
    register_of_units = adoption.register.assign(programmes=pd.Series(joined, rows.units, dtype=object))
    text = "Other programmes name {n} of the {of} %s units as taking part: {names}."
    found = (Caveat(text % "treated", units), Caveat(text % "untreated", units, "untreated"))
    return replace(adoption, register=register_of_units, caveats=(*adoption.caveats, *found))
