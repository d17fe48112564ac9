"""The axis of time of a table: which notation its periods are in, and whether they follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.dates import DAY_ALONE, is_moment
from sos_eval.panel.panel import Array, FlowRow
from sos_eval.panel.periods import Periods, PeriodUnit, notations
from sos_eval.panel.read.columns import texts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import Omission, PanelSpec, PeriodStep

__all__ = ["axis_of", "noted", "numbered"]

#: Whole numbers that may be a code of a year and something: 201415, 201506.
_CODES = (190_001, 210_012)
#: Whole numbers that are years where nobody says what they are; others, half-years 1 to 10, are periods.
_YEARS = (1800, 2200)
#: Missing periods that a fault lists; more than these, and a period that stands alone is taken to be mistyped.
_LISTED = 8


def axis_of(reading: Reading, spec: PanelSpec) -> tuple[Periods, Array]:
    """Return the axis, and the number of each row's period, (n_rows,); NaN where a fault was noted.

    Periods of a plain column of whole numbers one apart stand for themselves.
    """
    name = spec.time
    values, bad = _as_numbers(reading, name)
    distinct = pd.unique(values[~np.isnan(values)])
    if bad.any() or _may_be_codes(distinct):
        periods, values = _of_words(reading, spec)
    else:
        years = bool(len(distinct)) and bool(((distinct >= _YEARS[0]) & (distinct <= _YEARS[1])).all())
        unit = _unit(spec) or ("year" if years else "period")
        periods = Periods("number", unit, convention=spec.year_convention)
        empty = np.isnan(values)
        if empty.any():
            reading.add(f"{name}: no period in {reading.lines(empty)}", "every row names its period")
        values = _whole(reading, name, values)
    return _stepped(reading, spec, periods, values)


def _as_numbers(reading: Reading, name: str) -> tuple[Array, NDArray[np.bool_]]:
    """Return a column of whole numbers as they stand, (n_rows,), and where something else stands."""
    column = reading.frame[name]
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        return values, np.isinf(values)
    codes, distinct = texts(column)
    numeric = pd.to_numeric(pd.Series(distinct, dtype=object), errors="coerce").to_numpy(float)
    values = np.append(numeric, np.nan)[codes]
    return values, (np.isnan(values) & (codes >= 0)) | np.isinf(values)


def _unit(spec: PanelSpec) -> PeriodUnit | None:
    return spec.period.of if isinstance(spec.period, PeriodStep) else spec.period


def _may_be_codes(distinct: Array) -> bool:
    return bool(len(distinct) and ((distinct >= _CODES[0]) & (distinct <= _CODES[1])).all())


def _whole(reading: Reading, name: str, values: Array) -> Array:
    """Refuse fractional periods."""
    with np.errstate(invalid="ignore"):
        broken = (values != np.floor(values)) & ~np.isnan(values)
    if broken.any():
        seen = listed([f"{value:g}" for value in dict.fromkeys(values[broken])], 4)
        reading.add(
            f"{name}: fractional periods, {seen}, {reading.lines(broken)}",
            "number the periods 1, 2, 3 …, or write quarters as 2015Q2",
        )
    return np.where(broken, np.nan, values)


def _of_words(reading: Reading, spec: PanelSpec) -> tuple[Periods, Array]:
    """Read a column of codes, spans, months, quarters or days in the one notation that fits."""
    name = spec.time
    codes, distinct = texts(reading.frame[name])
    if (codes < 0).any():
        reading.add(f"{name}: no period in {reading.lines(codes < 0)}", "every row names its period")
    axes = _regular(notations(distinct, _unit(spec), spec.year_convention), distinct)
    if len(axes) > 1:
        readings = " or ".join(f"{axis.unit}s" for axis in axes)
        reading.fault_of(
            ("time",), f'{name}: "{distinct[0]}" and the like may be {readings}', "say which: period: year"
        )
    periods = axes[0] if axes else Periods(convention=spec.year_convention)
    counts = np.array([periods.number(word) for word in distinct] + [np.nan])
    values = counts[codes]
    odd = np.isnan(values) & (codes >= 0)
    if odd.any():
        _refuse_odd(reading, name, periods, odd, np.array([*distinct, ""], dtype=object)[codes])
    return periods, values


def _regular(axes: Sequence[Periods], words: Sequence[str]) -> list[Periods]:
    """Keep the axes on which the periods follow one another, where there is such a one."""
    regular = []
    for axis in axes:
        counts = np.unique([count for word in words if (count := axis.count(word)) is not None])
        if len(counts) > 1 and (np.diff(counts) == 1).all():
            regular.append(axis)
    return regular or list(axes)


def _refuse_odd(reading: Reading, name: str, periods: Periods, odd: NDArray[np.bool_], words: Any) -> None:
    """Name periods that are written otherwise than most."""
    seen = listed([repr(word) for word in dict.fromkeys(words[odd])], 4)
    if any(is_moment(word) for word in words[odd]):
        reading.add(f"{name}: times of a day, which are no period, {seen}, {reading.lines(odd)}", DAY_ALONE)
    elif odd.all():
        reading.add(
            f"{name}: periods that are no period, {seen}, {reading.lines(odd)}",
            "write 2015, 2014/15, 201415, 2015Q2, 2015-06 or dates, all in one way; period: year says which where it "
            "is not plain",
        )
    else:
        like = next(word for word in words[~odd] if word)
        what = f"{name}: not all periods are written in one way: {seen}, {reading.lines(odd)}"
        reading.add(what, f"write them all like {like}")


def _stepped(reading: Reading, spec: PanelSpec, periods: Periods, values: Array) -> tuple[Periods, Array]:
    """Count periods by their declared step, and refuse those that do not follow one another."""
    counts = np.sort(pd.unique(values[np.isfinite(values)]))
    if isinstance(spec.period, PeriodStep) and spec.period.step > 1 and len(counts):
        step = spec.period.step
        periods = replace(periods, step=step, first=int(counts[0]) % step)
        off = np.isfinite(values) & ((values - periods.first) % step != 0)
        if off.any():
            what = f"{spec.time}: periods are not {step} apart, {reading.lines(off)}"
            reading.add(what, "period: {step: …} is the distance from one period to the next")
        values = np.where(off, np.nan, (values - periods.first) / step)
        counts = np.sort(pd.unique(values[np.isfinite(values)]))
    return periods, _without_gaps(reading, spec, periods, values, counts)


def _without_gaps(reading: Reading, spec: PanelSpec, periods: Periods, values: Array, counts: Array) -> Array:
    """Refuse an axis with holes that nobody declared (event times count periods); NaN where one stands far away."""
    low, high = (_bound(periods, spec, key, end) for key, end in (("from", -np.inf), ("to", np.inf)))
    counts = counts[(counts >= low) & (counts <= high)]
    gaps = np.diff(counts)
    if not len(gaps) or (gaps == 1).all():
        return values
    omitted = {periods.number(_word(time)) for one in spec.omit_times for time in one.times}
    if len(gaps) > 1 and (gaps == gaps[0]).all() and not omitted:
        shown = listed([periods.name(count) for count in counts], 3)
        declared = "number them 1, 2, 3 …" if reading.document is None else f"declare period: {{step: {gaps[0]:g}}}"
        reading.add(f"{spec.time}: periods are {gaps[0]:g} apart ({shown}); event times count periods", declared)
    elif (lone := _lone(counts)) is not None:
        far = np.isin(values, lone)
        shown = listed([periods.name(count) for count in lone], 4)
        what = f"{spec.time}: {shown}, far from all other periods, {reading.lines(far)}"
        reading.add(what, "mend what was mistyped, or leave it out with window")
        return np.where(far, np.nan, values)
    elif missing := [c for a, b in pairwise(counts) for c in np.arange(a + 1, b)
                     if c not in omitted]:  # fmt: skip
        shown = listed([periods.name(count) for count in missing], _LISTED)
        declared = f"declare omit_times: {{{periods.name(missing[0])}: why}}"
        declared = "number the periods 1, 2, 3 …" if reading.document is None else declared
        what = f"{spec.time}: no row in {shown}, so that periods are not one apart; event times count periods"
        reading.add(what, declared)
    return values


def _lone(counts: Array) -> Array | None:
    """Return the periods at an end that stand further from the others than all of these span."""
    for k in range(1, min(3, len(counts) - 1)):
        for far, others in ((counts[:k], counts[k:]), (counts[-k:], counts[:-k])):
            distance = others[0] - far[-1] if far[0] < others[0] else far[0] - others[-1]
            if distance > max(_LISTED, others[-1] - others[0]):
                return far
    return None


def _word(time: float | str) -> str:
    """Return a declared period as a word of the data."""
    return f"{time:.0f}" if isinstance(time, float) and time.is_integer() else str(time)


def _bound(periods: Periods, spec: PanelSpec, key: Any, otherwise: float) -> float:
    if key not in spec.window:
        return otherwise
    number = periods.declared(spec.window[key])
    return otherwise if np.isnan(number) else number


def numbered(reading: Reading, spec: PanelSpec, periods: Periods, times: Array) -> PanelSpec:
    """Return the block with the periods that it names as numbers; a word that is no period is a fault.

    Parameters
    ----------
    reading, spec
        The table and the block.
    periods, times
        The axis, and each row's period on it, (n_rows,): a fault names the first and the last.
    """

    def number(keys: tuple[str, ...], time: float | str) -> float:
        value = periods.declared(time)
        if np.isnan(value):
            run = f"{periods.name(times.min())} to {periods.name(times.max())}"
            reading.fault_of(keys, f'"{_word(time)}" is no period of {reading.name}', f"write one as there: {run}")
        return value

    if periods.plain and not _worded(spec):
        return spec
    omissions = tuple(
        Omission(tuple(number(("omit_times",), time) for time in one.times), one.why) for one in spec.omit_times
    )
    measured: dict[str, float | str] = {name: number(("measured", name), time) for name, time in spec.measured.items()}
    flagged: dict[float | str, str] = {number(("flag_times",), time): why for time, why in spec.flag_times.items()}
    window: dict[Literal["from", "to"], float | str] = {
        key: number(("window", key), time) for key, time in spec.window.items()
    }
    return replace(spec, omit_times=omissions, measured=measured, flag_times=flagged, window=window)


def _worded(spec: PanelSpec) -> bool:
    """Whether the block names any period by a word."""
    named = [*spec.window.values(), *spec.flag_times, *spec.measured.values()]
    return any(isinstance(time, str) for time in (*named, *(time for one in spec.omit_times for time in one.times)))


def noted(periods: Periods, spec: PanelSpec) -> tuple[FlowRow, ...]:
    """Say how periods were read, where they are no plain numbers."""
    if periods.plain:
        return ()
    words = {
        "number": "numbers", "span_code": "years as codes (201415)", "span": "years as 2014/15",
        "month_code": "months as codes (201506)", "month": "months", "quarter": "quarters",
        "day": f"dates, taken for the {periods.unit} they fall in",
    }[periods.notation]  # fmt: skip
    step = f", {periods.step} apart" if periods.step > 1 else ""
    return (FlowRow("periods", "noted", 0, 0, "", f"{spec.time}: read as {words}{step}; event times count periods"),)
