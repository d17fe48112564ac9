"""Units that are none, or one under two names: totals, errors of a spreadsheet, "800" beside "0800"."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import Array
from sos_eval.panel.read.columns import refuse_errors, texts
from sos_eval.panel.read.names import is_nobody, is_total
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.spellings import alike

__all__ = ["named_totals", "refuse_doubtful_units"]

#: Characters from here on are no Latin letters; many look like some.
_LATIN = 0x250
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)"
#: What a spreadsheet makes of 1-3, 3/2024 or MAR1.
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d.*)?|\d{1,2}/\d{1,2}/\d{4}|"
    rf"\d{{1,2}}-{_MONTH}(?:-\d{{2,4}})?|{_MONTH}-\d{{2,4}}",
    re.IGNORECASE,
)
#: Codes of countries and regions.
_TOTAL_CODE = re.compile(r"(?:E92|E12|E13|W92|S92|N92|K0[1-5])\d{6}")


def refuse_doubtful_units(
    reading: Reading, spec: PanelSpec, codes: NDArray[np.intp], names: list[str], times: Array
) -> None:
    """Note a fault for every unit that is a total, an error of a spreadsheet, or another unit under a second name.

    Parameters
    ----------
    reading, spec
        The table and the block that names its columns.
    codes : (n_rows,)
        Position of each row's unit in `names`, -1 where it has none.
    names
        Distinct ids.
    times : (n_rows,)
        Periods, NaN where unread.
    """
    refuse_errors(reading, spec.unit)
    left_out = {unit for one in spec.exclude for unit in one.units}
    nobody = [i for i, name in enumerate(names) if not any(map(str.isalnum, name)) or is_nobody(name)]
    marks = [i for i in nobody if names[i] not in left_out]
    if marks:
        seen = listed([repr(names[i]) for i in marks])
        what = f"{spec.unit}: {seen} names no unit, {reading.lines(np.isin(codes, marks))}"
        words = [names[i] for i in marks if any(map(str.isalnum, names[i]))]
        instead = f", or exclude: {{units: [{_in_list(words)}], why: no unit}}" if words else ""
        reading.add(what, f"every row names its unit{instead}")
    _refuse_totals(reading, spec, codes, names, left_out)
    dates = [i for i, name in enumerate(names) if _DATE.fullmatch(name) and name not in left_out]
    if dates:
        seen = listed([repr(names[i]) for i in dates], 4)
        what = f"{spec.unit}: {seen}, {reading.lines(np.isin(codes, dates))}: a date, as spreadsheets make of codes"
        instead = f"write the codes as text, or recode: {{{spec.unit}: {{{_quoted(names[dates[0]])}: …}}}}"
        reading.add(what, instead)
    groups = [[i for i in group if names[i] not in left_out] for group in alike(names)]
    doubtful = [_usual_first(codes, names, group) for group in groups if _apart(codes, times, group)]
    if doubtful:
        shown = [" and ".join(_visible(names[i]) for i in group) for group in doubtful]
        others = [i for group in doubtful for i in group[1:]]
        recoded = ", ".join(
            f"{_quoted(names[i])}: {_quoted(names[group[0]])}" for group in doubtful[:3] for i in group[1:]
        )
        reading.add(
            f"{spec.unit}: {listed(shown, 4)} are probably one unit written two ways, never seen in the same period, "
            f"{reading.lines(np.isin(codes, others))}",
            f"write one id, or recode: {{{spec.unit}: {{{recoded}{', …' if len(doubtful) > 3 else ''}}}}}",
        )  # fmt: skip


def _refuse_totals(
    reading: Reading, spec: PanelSpec, codes: NDArray[np.intp], names: list[str], left_out: set[str]
) -> None:
    """Note a fault for the totals among the units that the design does not leave out."""
    totals = [i for i in named_totals(reading, spec, codes, names) if names[i] not in left_out]
    if totals:
        shown = listed([f'"{names[i]}"' for i in totals])
        what = f"{spec.unit}: {shown}, {reading.lines(np.isin(codes, totals))}: a total, not one of the units"
        listing = _in_list([names[i] for i in totals])
        instead = f"leave it out of the file, or exclude: {{units: [{listing}], why: total}}"
        reading.add(what, f"{instead}; a unit of that name goes by another with recode")


def named_totals(reading: Reading, spec: PanelSpec, codes: NDArray[np.intp], names: Sequence[str]) -> list[int]:
    """Return which units are called a total; none where most are countries or regions: they are what is studied.

    Parameters are those of `refuse_doubtful_units`.
    """
    totals = [i for i, name in enumerate(names) if _TOTAL_CODE.fullmatch(name) or is_total(name)]
    if spec.unit_name and spec.unit_name in reading.frame.columns:
        words_of, words = texts(reading.frame[spec.unit_name])
        called = [i for i, word in enumerate(words) if is_total(word)]
        totals = sorted({*totals, *codes[np.isin(words_of, called) & (codes >= 0)].tolist()})
    return [] if 2 * len(totals) > len(names) else totals


def _in_list(names: Sequence[str]) -> str:
    """Write names as a list of a declaration has them, in quotation marks where they hold signs of its grammar."""
    return ", ".join(name if re.fullmatch(r"[^\W\d_][\w ]*", name) else _quoted(name) for name in names[:4])


def _seen(name: str) -> bool:
    """Say whether a name holds Latin letters and visible signs alone, so that two that differ look different."""
    return all(char.isprintable() and ord(char) < _LATIN for char in name)


def _visible(name: str) -> str:
    return repr(name) if _seen(name) else ascii(name)


def _quoted(name: str) -> str:
    """Write a name as a declaration reads it; what nobody sees by its number."""
    return "'" + name.replace("'", "''") + "'" if _seen(name) else json.dumps(name)


def _apart(codes: NDArray[np.intp], times: Array, group: list[int]) -> bool:
    """Say whether a group has several ids of which no two are seen in the same period."""
    seen = [set(times[(codes == i) & np.isfinite(times)].tolist()) for i in group]
    return len(group) > 1 and sum(map(len, seen)) == len(set().union(*seen))


def _usual_first(codes: NDArray[np.intp], names: list[str], group: list[int]) -> list[int]:
    """Put the way first that most rows have."""
    return sorted(group, key=lambda i: (-int((codes == i).sum()), names[i]))
