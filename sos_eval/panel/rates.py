"""Outcomes: counts over exposures, per so many, or values; what is missing is counted and named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.impossible import EXACT, impossible
from sos_eval.panel.panel import NAMED, Array, FlowRow, Outcome
from sos_eval.panel.read.columns import LARGEST, SUPPRESSION, many, numbers, parsed, refuse_beyond, suppressed, texts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.rows import PlacedRows
from sos_eval.panel.spec import OutcomeSpec

__all__ = ["Measured", "measure", "named_cells", "outcome_of"]

#: A number that may have its thousands set apart by a dot; no group of thousands begins with 0.
_DOTTED = re.compile(r"[1-9]\d{0,2}\.\d{3}")
#: A number as a spreadsheet shows it in powers of ten: its decimals, and the power.
_SHORTENED = re.compile(r"[-−]?\d(?:\.(\d+))?E\+(\d\d)")
_INEXACT = "counts that no float holds exactly"


@dataclass(frozen=True, slots=True)
class Measured:
    """One outcome's columns, each (n_rows,), and what is missing from them."""

    outcome: Array
    count: Array
    exposure: Array
    flow: tuple[FlowRow, ...]


def outcome_of(name: str, spec: OutcomeSpec) -> Outcome:
    """Describe a declared outcome to the rest of the house."""
    scale = "log" if spec.transform == "log" else "rate_per" if spec.counted else "value"
    own = (spec.per, spec.counted, spec.transform, spec.role, spec.margin, spec.of_one_day)
    return Outcome(name, spec.words, scale, *own)  # type: ignore[arg-type]


def measure(reading: Reading, rows: PlacedRows, spec: OutcomeSpec, *, missing_symbols: bool) -> Measured:
    """Read one outcome: ``count / exposure * per`` or a value, then its transform.

    Parameters
    ----------
    reading, rows
        The table and its units and periods.
    spec
        The declared outcome.
    missing_symbols
        Whether suppression symbols are taken as missing (and noted) rather than refused.
    """
    flow: list[FlowRow] = []

    def column(name: str, word: str) -> Array:
        symbols = _symbols(reading, rows, name, flow) if missing_symbols else None
        values = numbers(reading, name, symbols)
        if word != "outcome":
            _refuse_dots(reading, name)
            _refuse_shortened(reading, name)
            flow.extend(_no_people(reading, rows, name, word, values))
        refuse_beyond(reading, name, values)
        empty = np.isnan(values) if symbols is None else np.isnan(values) & ~symbols
        if empty.any():
            flow.append(_missing(rows, empty, name, word))
        return values

    nothing = np.full(len(rows.codes), np.nan)
    if not spec.counted:
        value = column(str(spec.value), "outcome")
        return Measured(_transformed(reading, spec, str(spec.value), value), nothing, nothing, tuple(flow))
    count, exposure = column(str(spec.count), "count"), column(str(spec.exposure), "exposure")
    _refuse(reading, rows, str(spec.count), count < 0, "negative counts", "a count is zero or more")
    beyond = (count >= EXACT) & (np.abs(count) <= LARGEST)
    _refuse(reading, rows, str(spec.count), beyond, _INEXACT, "mend the cells: so many people there are not")
    _refuse(reading, rows, str(spec.exposure), exposure <= 0, "zero or negative exposure", "leave it empty if unknown")
    flow.extend(impossible(reading, rows, (str(spec.count), str(spec.exposure)), count, exposure))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rate = count / exposure * spec.per
    return Measured(_transformed(reading, spec, str(spec.count), rate), count, exposure, tuple(flow))


def _no_people(reading: Reading, rows: PlacedRows, name: str, word: str, values: Array) -> Iterator[FlowRow]:
    """Note counts that no people add up to: yes and no, and parts of people.

    A rate and a Poisson likelihood take parts as they take whole numbers (apportioned and averaged counts are such); an
    exposure may be person-years.
    """
    told = np.isfinite(values)
    if pd.api.types.is_bool_dtype(reading.frame[name].dropna().infer_objects()):
        yield _noted(rows, told, word, f"{name}: true and false, read as 1 and 0: is it a number of people?")
    parts = told & (values % 1 != 0)
    if word == "count" and parts.any():
        yield _noted(rows, parts, word, f"{name}: no whole numbers of people; taken as written")


def _noted(rows: PlacedRows, mask: NDArray[np.bool_], word: str, reason: str) -> FlowRow:
    units = len(np.unique(rows.codes[mask]))
    return FlowRow(f"{word} as written", "noted", units, int(mask.sum()), named_cells(rows, mask), reason)


def _refuse_dots(reading: Reading, name: str) -> None:
    """Refuse counts of which every one with a dot is like 50.277: thousands set apart, or decimals, nobody can tell.

    A cell that holds a number, as workbooks have it, holds no dot; but one of other decimals says what the dots are.
    One cell is enough: 2.106 beside 890 is 2,106 or two children and a tenth.
    """
    column = reading.frame[name]
    if pd.api.types.is_numeric_dtype(column):
        return
    codes, words = texts(column)
    dotted = [i for i, word in enumerate(words) if "." in word and word not in SUPPRESSION]
    if not dotted or not all(_DOTTED.fullmatch(words[i]) for i in dotted):
        return
    written = np.isin(codes, dotted)
    if column.dtype == object:
        written &= np.array([isinstance(cell, str) for cell in column], bool)
    found = np.flatnonzero(written)
    if not len(found):
        return
    first = found[np.argmin(np.asarray(reading.frame.index)[found])]
    word, more = words[codes[first]], many(len(found) - 1, "cell")
    what = f'{name}: "{word}" ({reading.lines([first])}) and {more} more: thousands set apart by a dot, or decimals'
    other = word[:-1] if word.endswith("0") else f"{word}0"
    reading.add(what, f"write whole numbers ({word.replace('.', '')}), or another number of decimals ({other})")


def _refuse_shortened(reading: Reading, name: str) -> None:
    """Refuse counts as a spreadsheet shortens them: 3.8E+04 is any number from 37,500 to 38,500; 3.8312E+04 is one."""
    column = reading.frame[name]
    if pd.api.types.is_numeric_dtype(column):
        return
    codes, words = texts(column)
    short = np.isin(codes, [i for i, word in enumerate(words) if _is_short(word)])
    if short.any():
        seen = words[codes[np.flatnonzero(short)[0]]]
        what = f'{name}: {many(int(short.sum()), "cell")} like "{seen}", {reading.lines(short)}'
        reading.add(
            f"{what}: shortened by a spreadsheet",
            "format the column as a plain number (0), and save it again with all digits",
        )


def _is_short(word: str) -> bool:
    found = _SHORTENED.fullmatch(word)
    return found is not None and len(found[1] or "") < int(found[2])


def _transformed(reading: Reading, spec: OutcomeSpec, name: str, values: Array) -> Array:
    if spec.transform == "none":
        return values
    bad = values <= 0
    if bad.any():
        reading.add(
            f"{name}: no logarithm of zero or less, {many(int(bad.sum()), 'row')}, {reading.lines(bad)}",
            "transform: none, or poisson_did, which takes zeros as they are",
        )
    return np.log(values, out=np.full(len(values), np.nan), where=values > 0)


def _refuse(reading: Reading, rows: PlacedRows, name: str, bad: NDArray[np.bool_], what: str, instead: str) -> None:
    if bad.any():
        reading.add(f"{name}: {what}, {named_cells(rows, bad, 4)} ({reading.lines(bad)})", instead)


def _symbols(reading: Reading, rows: PlacedRows, name: str, flow: list[FlowRow]) -> NDArray[np.bool_]:
    """Find the suppression symbols in a column, (n_rows,), and note which were met."""
    _, bad, words = parsed(reading, name)
    symbols = bad & suppressed(words)
    if symbols.any():
        seen = ", ".join(f'"{word}" {SUPPRESSION[word]}' for word in dict.fromkeys(words[symbols]))
        units = len(np.unique(rows.codes[symbols]))
        names = named_cells(rows, symbols)
        reason = f"{name}: suppressed in the source ({seen}); missing, not zero"
        flow.append(FlowRow("suppressed", "noted", units, int(symbols.sum()), names, reason))
    return symbols


def _missing(rows: PlacedRows, empty: NDArray[np.bool_], name: str, word: str) -> FlowRow:
    units = len(np.unique(rows.codes[empty]))
    what = "empty" if word == "outcome" else f"no {word}"
    reason = f"{name}: {what}, so the outcome is missing there"
    return FlowRow(f"missing {word}", "noted", units, int(empty.sum()), named_cells(rows, empty), reason)


def named_cells(rows: PlacedRows, mask: NDArray[np.bool_], at_most: int = NAMED) -> str:
    """Name units and periods: ``825 (2011, 2012), H_DORSET (2013) and 3 more``; of rows of people units alone."""
    codes = np.unique(rows.codes[mask])
    if ((np.diff(rows.codes) == 0) & (np.diff(rows.times) == 0)).sum() * 2 > len(rows.codes):  # mostly repeated
        return listed(list(rows.units[codes]), at_most)
    shown = [_cell(rows, code, mask) for code in codes[:at_most]]
    return listed([*shown, *codes[at_most:]], at_most)


def _cell(rows: PlacedRows, code: int, mask: NDArray[np.bool_]) -> str:
    end = rows.starts[code + 1] if code + 1 < len(rows.starts) else len(rows.codes)
    own = slice(rows.starts[code], end)
    times: Sequence[str] = [rows.named(time) for time in np.unique(rows.times[own][mask[own]])]
    return f"{rows.units[code]} ({listed(times, 12)})"
