"""Units that are none, or one under two names: totals, errors of a spreadsheet, "800" beside "0800"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import Array
from sos_eval.panel.read.columns import refuse_errors, texts
from sos_eval.panel.read.layout import is_total
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.spec import PanelSpec

__all__ = ["named_totals", "refuse_doubtful_units"]

#: What stands in the place of a unit that nobody knows.
_NOBODY = frozenset({"n/a", "unknown", "not known", "not applicable"})
#: One number written with commas, or as a spreadsheet shortens it.
_GROUPED, _SCIENTIFIC = re.compile(r"\d{1,3}(?:,\d{3})+"), re.compile(r"\d+(?:\.\d+)?[eE]\+?\d{1,2}")
#: What publications put behind a name: a superscript, [1], (r) for revised, (p) for provisional, a star.
_FOOTNOTE = re.compile(r"(?<=\w)(?:[¹²³⁰⁴-⁹]+|\s*(?:\[\w{1,2}\]|\([a-z]\)|[*†‡§]+))$")
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
    marks = [i for i, name in enumerate(names) if not any(map(str.isalnum, name)) or name.casefold() in _NOBODY]
    if marks:
        seen = listed([repr(names[i]) for i in marks])
        what = f"{spec.unit}: {seen} names no unit, {reading.lines(np.isin(codes, marks))}"
        reading.add(what, "every row names its unit")
    left_out = {unit for one in spec.exclude for unit in one.units}
    _refuse_totals(reading, spec, codes, names, left_out)
    groups = [[i for i in group if names[i] not in left_out] for group in _alike(names)]
    doubtful = [_usual_first(codes, names, group) for group in groups if _apart(codes, times, group)]
    if doubtful:
        shown = [" and ".join(repr(names[i]) for i in group) for group in doubtful]
        others = [i for group in doubtful for i in group[1:]]
        recoded = ", ".join(f"'{names[i]}': '{names[group[0]]}'" for group in doubtful[:3] for i in group[1:])
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
        listing = ", ".join(names[i] for i in totals[:4])
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


def _alike(names: Sequence[str]) -> list[list[int]]:
    """Group ids that differ only by leading zeros, ".0", case, spaces, marks of footnotes and what nobody sees."""
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        groups.setdefault(_bare(name), []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def _bare(name: str) -> str:
    """Return what two ways to write one id have in common."""
    text = re.sub(r"[’‘'`]", "", unicodedata.normalize("NFKC", _FOOTNOTE.sub("", name))).replace("&", " and ")
    if _GROUPED.fullmatch(text) or _SCIENTIFIC.fullmatch(text):
        text = f"{float(text.replace(',', '')):.0f}"
    seen = "".join(char for char in text if unicodedata.category(char) not in {"Cf", "Cc", "Zs", "Zl", "Zp"})
    return re.sub(r"^0+(?=.)", "", re.sub(r"(?<=\d)\.0+$", "", seen)).casefold()


def _apart(codes: NDArray[np.intp], times: Array, group: list[int]) -> bool:
    """Say whether a group has several ids of which no two are seen in the same period."""
    seen = [set(times[(codes == i) & np.isfinite(times)].tolist()) for i in group]
    return len(group) > 1 and sum(map(len, seen)) == len(set().union(*seen))


def _usual_first(codes: NDArray[np.intp], names: list[str], group: list[int]) -> list[int]:
    """Put the way first that most rows have."""
    return sorted(group, key=lambda i: (-int((codes == i).sum()), names[i]))
