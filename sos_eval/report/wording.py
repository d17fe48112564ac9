"""Numbers and years as a reader meets them."""

from __future__ import annotations

import math
import re

from sos_eval.errors import p_text
from sos_eval.results.comparison import EARLIER_OUTCOMES

__all__ = [
    "alike",
    "count",
    "covariate_words",
    "drawn_alike",
    "in_units",
    "in_word",
    "interval_words",
    "listing",
    "minus_signs",
    "number",
    "p_number",
    "percent",
    "plain_words",
    "sentence_count",
    "signed",
    "time_axis",
    "whole",
    "year_label",
]


#: Characters that Word and XML cannot hold and no font draws, though a name or a title can have them.
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def in_word(text: str) -> str:
    """Return text with a mark in the place of what no document can hold: control characters, halves of others."""
    return _NO_CHARACTER.sub("\ufffd", text)


def alike(values: list[float], digits: int = 3) -> list[str]:
    """Return numbers with as many decimals as the largest of them needs for `digits` significant figures."""
    decimals = _decimals(values, digits)
    return [_fixed(value, decimals) for value in values]


def drawn_alike(values: list[float], within: list[float], digits: int = 3) -> list[str]:
    """Return numbers as `alike` does, one digit less where two Monte Carlo errors of a number reach its last place."""
    decimals = _decimals(values, digits)
    return [_fixed(value, _held(value, decimals, error)) for value, error in zip(values, within, strict=True)]


def _decimals(values: list[float], digits: int) -> int:
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    return min(max(digits - 1 - math.floor(math.log10(max(sizes))), 0), 4) if sizes else 0


def _held(value: float, decimals: int, within: float) -> int:
    """Return decimals, one fewer where the last place is not above `within`; two digits stay."""
    fewer = decimals - 1
    stays = math.isfinite(value) and abs(value) >= 10.0 ** (1 - fewer)
    return fewer if within >= 10.0**-decimals and stays else decimals


def _fixed(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return number(value)
    return f"{round(value, decimals):,.{max(decimals, 0)}f}".replace("-", "−")


def number(value: float, digits: int = 3, *, exact: bool = False) -> str:
    """Return a number for the eye: three significant figures, at most four decimals; empty where there is none.

    With more digits, or where `exact`, there are as many decimals as they take.
    """
    if value is None or not math.isfinite(value):
        return "" if value is None or math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    if abs(value) < 5e-5:
        return f"{value:.1e}".replace("-", "−")
    most = 4 if digits <= 3 and not exact else digits + 4
    decimals = min(max(digits - 1 - math.floor(math.log10(abs(value))), 0), most)
    text = f"{value:,.{decimals}f}"
    if "." in text and float(value).is_integer():
        text = text.split(".")[0]
    return text.replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and math.isfinite(value) else text


def interval_words(low: float, high: float, digits: int = 3) -> str:
    """Return ``low to high`` with signs; an open end is said in words."""
    if math.isnan(low) and math.isnan(high):
        return ""
    ends = alike([low, high], digits)
    lower = "no lower limit" if math.isnan(low) or low == -math.inf else ends[0]
    upper = "no upper limit" if math.isnan(high) or high == math.inf else ends[1]
    return f"{lower} to {upper}"


def percent(share: float, within: float = 0.0) -> str:
    """Return a share as a percentage: whole above 10%, one decimal below; a third digit goes where two errors reach it.

    Examples
    --------
    >>> percent(0.143), percent(0.0512), percent(0.143, within=0.012), percent(1.284, within=0.02)
    ('14%', '5.1%', '14%', '130%')
    """
    if not math.isfinite(share):
        return ""
    decimals = 0 if abs(share) >= 0.0995 else 1
    return f"{_fixed(100 * share, _held(100 * share, decimals, 100 * within))}%"


def whole(n: float, within: float = 0.0) -> str:
    """Return a count of whole people; a hundred and more in tens where two Monte Carlo errors are a person or more."""
    return _fixed(n, _held(n, 0, within))


def p_number(p: float) -> str:
    """Return p for a column headed p: ``0.043``, ``0.43``, ``<0.001``; empty where there is none."""
    return p_text(p).removeprefix("p ").removeprefix("= ").replace("< ", "<")


def minus_signs(text: str) -> str:
    """Return text with a minus sign before negative numbers.

    Examples
    --------
    >>> minus_signs("from -1.2 to 3 in 2014-15, ages 0-17")
    'from −1.2 to 3 in 2014-15, ages 0-17'
    """
    return re.sub(r"(?<![\w.)\]-])-(?=\d|\.\d)", "−", text)


def in_units(text: str, units: tuple[str, str]) -> str:
    """Return text of the run with units called what they are: ``3 treated units`` reads ``3 treated authorities``.

    Examples
    --------
    >>> in_units("a unit of 3 units", ("authority", "authorities"))
    'an authority of 3 authorities'
    """
    if units[0][:1].lower() in "aeio":  # "u" is said as in unit
        text = re.sub(r"\b([Aa]) (?=unit\b)", r"\1n ", text)
    return re.sub(r"\bunits?\b", lambda found: units[found.group().endswith("s")], text)


def sentence_count(text: str) -> int:
    """Return how many sentences a text has.

    Examples
    --------
    >>> sentence_count("One of 0.5 a year. Two?"), sentence_count("no stop")
    (2, 1)
    """
    return max(1, len(re.findall(r"[.!?](?=\s|$)", text.strip())))


def count(n: float, word: str, many: str | None = None) -> str:
    """Return ``1 authority`` or ``12 authorities``."""
    n = int(n)
    return f"{n:,} {word if n == 1 else many or word + 's'}"


def listing(items: list[str], last: str = "and") -> str:
    """Return ``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def plain_words(name: str) -> str:
    """Return a column's name as words: ``children_0_17`` reads ``children 0-17``.

    Examples
    --------
    >>> plain_words("care_entries per 10,000 children_0_17")
    'care entries per 10,000 children 0-17'
    """
    return re.sub(r"(?<=\d)_(?=\d)", "-", name).replace("_", " ")


def covariate_words(name: str) -> str:
    """Return a covariate in words.

    Examples
    --------
    >>> covariate_words("idaci_2015"), covariate_words("outcome_pre")
    ('idaci 2015', 'outcome before the start')
    """
    return EARLIER_OUTCOMES.get(name, plain_words(name)).removeprefix("the ")


def year_label(time: float, convention: str) -> str:
    """Return a time under its convention: ``year to March 2015``."""
    words = {"ends_march": "year to March ", "starts_april": "year from April "}
    return f"{words.get(convention, '')}{time:g}"


def time_axis(convention: str) -> str:
    """Return the label of an axis of years."""
    words = {"ends_march": "Year to March", "starts_april": "Year from April", "calendar": "Year"}
    return words.get(convention, "Time")
