"""Numbers as people write them: thousands commas, a currency sign, a true minus, per cent; mixed ways are refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["ERRORS", "Written", "like", "written"]

#: What a spreadsheet shows where a formula fails.
ERRORS = frozenset({
    "#REF!", "#N/A", "#N/A N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
    "#REF", "#VALUE", "#DIV/0", "#NAME", "#NULL", "#NUM", *(f"ERR:{number}" for number in range(500, 541)),
})  # fmt: skip

_PLAIN = re.compile(
    r"(?P<minus>[-+−]?)(?P<sign>[£$€]?)\s?(?P<digits>\d+|\d{1,3}(?:,\d{3})+)(?P<rest>(?:\.\d*)?)\s?(?P<per>%?)"
)
#: Digits with any separators and signs: a number in some way, if not in one that is certain.
_NUMERIC = re.compile(r"\(?[-+−]?\s?[£$€]?\s?\d[\d.,\s']*\s?[%£$€]?\)?")
_DECIMAL_COMMA = re.compile(r"[-+−]?[£$€]?\s?(?:\d+,(?:\d{1,2}|\d{4,})|0,\d+|\d{4,},\d+|[\d.]*\d\.\d{3},\d+)\s?[%£$€]?")


@dataclass(frozen=True, slots=True)
class Written:
    """Words as numbers.

    Attributes
    ----------
    values
        Word to number, of those that are numbers.
    signed
        Words that were read in spite of a sign or separator.
    why
        Why words that look like numbers were not read; empty where there is nothing to say.
    numeric
        Whether most words look like numbers, read or not: no column of categories.
    """

    values: dict[str, float]
    signed: tuple[str, ...] = ()
    why: str = ""
    numeric: bool = False


def written(words: Sequence[str]) -> Written:
    """Read distinct words as numbers, all in one way.

    Thousands commas are read where they part groups of three, one currency sign where it stands first in every word,
    ``%`` where it stands in every word (12% is 12), a true minus (U+2212) anywhere. A decimal comma, or signs in some
    words and not in others, are left unread and said in `why`.

    Examples
    --------
    >>> written(["1,234", "12"]).values, written(["12%", "3%"]).values, written(["£1,000", "£2"]).values
    ({'12': 12.0, '1,234': 1234.0}, {'12%': 12.0, '3%': 3.0}, {'£1,000': 1000.0, '£2': 2.0})
    >>> written(["12%", "12"]).why, written(["12,5", "1,234"]).why
    ('numbers with and without %', 'decimal commas')
    """
    numeric = pd.to_numeric(pd.Series(list(words), dtype=object), errors="coerce").to_numpy(float)
    plain = {word: float(value) for word, value in zip(words, numeric, strict=True) if np.isfinite(value)}
    others = [word for word in words if word not in plain]
    looks = sum(_NUMERIC.fullmatch(word) is not None for word in others)
    if not looks:
        return Written(plain, numeric=bool(plain))
    of_numbers = 2 * (looks + len(plain)) > len(words)
    found = {word: match for word in others if (match := _PLAIN.fullmatch(word)) is not None}
    matches = {word: match for word, match in found.items() if np.isfinite(_value(match))}
    why = _why_not(words, matches, plain)
    if why:
        return Written(plain, why=why, numeric=of_numbers)
    signed = {word: _value(match) for word, match in matches.items()}
    return Written(plain | signed, tuple(signed), numeric=of_numbers)


def like(word: str) -> str:
    """Return a number of our own that is written as a word is, for a note that quotes no data.

    Examples
    --------
    >>> [like(word) for word in ("£7", "47,628", "−3.5%")]
    ['£12', '1,234', '−12%']
    """
    match = _PLAIN.fullmatch(word)
    if match is None:
        return "12"
    nought = ord(match["digits"][0]) - unicodedata.digit(match["digits"][0])
    digits = "".join(chr(nought + int(one)) if one.isdigit() else one for one in ("1,234" if "," in word else "12"))
    return f"{match['minus']}{match['sign']}{digits}{match['per']}"


def _value(match: re.Match[str]) -> float:
    number = float(match["digits"].replace(",", "") + match["rest"])
    return -number if match["minus"] in {"-", "−"} else number


def _why_not(words: Sequence[str], matches: dict[str, re.Match[str]], plain: dict[str, float]) -> str:
    """Say what makes the words ambiguous; empty where nothing does."""
    if any(_DECIMAL_COMMA.fullmatch(word) for word in words if word not in plain):
        return "decimal commas"
    for group, shown in (("per", "%"), ("sign", "a currency sign")):
        kinds = {match[group] for match in matches.values()} | ({""} if plain else set())
        if len(kinds) > 1:
            return f"numbers with and without {shown}" if "" in kinds else "numbers in several currencies"
    commas = any("," in match["digits"] for match in matches.values())
    whole = [abs(value) for value in plain.values()] + [
        _value(match) for match in matches.values() if "," not in match["digits"]
    ]
    if commas and any(abs(value) >= 1000 for value in whole):
        return "numbers with and without thousands commas"
    return ""
