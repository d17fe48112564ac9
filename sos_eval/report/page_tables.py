"""Tables on a page: heads in words, cells that break only where they may, rows to be chosen among."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from sos_eval.report.wording import plain_words

__all__ = ["Choice", "cell_kind", "choices", "head_words", "row_kinds"]

#: Columns whose names are no words.
_HEADS = {
    "p_value": "p", "p_adjusted": "p, adjusted", "std_error": "Error", "conf_low": "Low end", "conf_high": "High end",
    "conf_level": "Level of the interval",
    "n_units": "Units", "n_treated_units": "Treated units", "n_treated": "Treated", "n_clusters": "Clusters",
    "n_unscored": "Not scored", "first_p": "p of the first link", "link": "Second link", "link_error": "Its error",
    "link_low": "Its low end", "link_high": "Its high end", "link_p": "p of the second link",
    "link_detectable": "Second link, detectable", "joint_p": "Joint p",
    "sd_between": "SD between", "sd_within": "SD within",
    "sd": "SD", "ks": "KS distance", "std_mean_diff": "Standardised difference",
    "ess_comparison": "Comparison, effective number", "mean_treated": "Mean, treated",
    "mean_comparison": "Mean, comparison", "n_comparison": "Comparison",
    "event_time": "Periods since the start", "words": "What", "reason": "Note", "text": "In words",
    "inmb low": "Net benefit, low end", "inmb high": "Net benefit, high end", "evpi": "EVPI", "evppi": "EVPPI",
    "evsi": "EVSI", "p": "p", "rate_per": "Rate",
}  # fmt: skip

#: Letters up to which a cell stands on one line, from which on it needs room, and from which on much room.
_SHORT, _MIDDLE, _LONG, _LONGER = 14, 24, 60, 200
_NUMBERS = re.compile(r"[<>±+−]?[£€]?[\d.,]+[%mk]?(?: to [+−]?[\d.,]+%?)?")

#: Columns by which rows are chosen, and of how many rows, and between how many values.
_CHOSEN, _LEAST_ROWS, _MOST_VALUES = ("Outcome", "Estimator"), 8, 9


def head_words(name: object) -> str:
    """Return a column's name as a reader meets it; one that is words stays.

    Examples
    --------
    >>> head_words("conf_low"), head_words("share_reaching"), head_words("strategy"), head_words("p adjusted")
    ('Low end', 'Share reaching', 'Strategy', 'p adjusted')
    """
    known = _HEADS.get(str(name))
    words = plain_words(str(name))
    if known is not None or re.match(r"\w\b", words):  # a letter is a symbol
        return known or words
    return words[:1].upper() + words[1:]


def cell_kind(text: object) -> str:
    """Return how a cell may break: ``n`` nowhere, empty anywhere, ``m``, ``l`` and ``x`` with more and more room.

    Examples
    --------
    >>> cell_kind("−0.0247 to −0.0001"), cell_kind("49 authorities"), cell_kind("permutation of who")
    ('n', 'n', '')
    """
    words = str(text)
    if len(words) <= _SHORT or _NUMBERS.fullmatch(words):
        return "n" if words else ""
    return "x" if len(words) > _LONGER else "l" if len(words) > _LONG else "m" if len(words) > _MIDDLE else ""


@dataclass(frozen=True)
class Choice:
    """A column by whose values a reader can choose rows.

    Attributes
    ----------
    name
        The column.
    letter
        What the rows of its values are marked with, before the value's number.
    values
        In the order of the rows, counted from one.
    """

    name: str
    letter: str
    values: tuple[str, ...]


def choices(frame: pd.DataFrame) -> tuple[Choice, ...]:
    """Return the columns of a longer table by which its rows can be chosen."""
    if len(frame) < _LEAST_ROWS:
        return ()
    found = [(name, tuple(dict.fromkeys(map(str, frame[name])))) for name in _CHOSEN if name in frame]
    kept = [(name, values) for name, values in found if 1 < len(values) <= _MOST_VALUES]
    return tuple(Choice(name, letter, values) for (name, values), letter in zip(kept, "ab", strict=False))


def row_kinds(frame: pd.DataFrame, chosen: tuple[Choice, ...]) -> list[str]:
    """Return the marks of each row, one of every choice: ``a2 b1``."""
    marks = [[f"{one.letter}{one.values.index(str(value)) + 1}" for value in frame[one.name]] for one in chosen]
    return [" ".join(row) for row in zip(*marks, strict=True)] if marks else [""] * len(frame)
