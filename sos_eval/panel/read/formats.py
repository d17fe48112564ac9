"""Number formats of a workbook: whether a cell shows what it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["in_per_cent", "shows_otherwise", "zeros_shown"]

#: Pieces of a format: text as it stands, padding, what is in brackets, General, a sign for itself.
_PIECE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|General|.', re.DOTALL | re.IGNORECASE)
_CONDITION = re.compile(r"\[(<=|>=|<>|<|>|=)\s*(-?\d+(?:[.,]\d+)?)\]")
_CURRENCY = re.compile(r"\[\$([^\d\]]*?)(-[0-9A-Fa-f]+)?\]")
_RED = re.compile(r"\[(?:red|colou?r ?3)\]", re.IGNORECASE)
#: Digits, a point, commas between digits, per cent, powers of ten and fractions; a comma behind the digits divides.
_DIGITS = re.compile(r"[-+(]?[#0?,]*[#0?](?:\.[#0?]*)?(?:[Ee][-+][#0?]+)?%*(?:[#0?]+/[#0?\d]+)?[-+)%]*|%*")
_DIVIDES = re.compile(r"[#0?.],+(?![#0?,])")
#: Signs that tell a reader nothing else than the number does.
_QUIET = frozenset(" \u00a0\u2009\u202f£$€%()+")
_MINUS = frozenset("-−–(")


@dataclass(frozen=True, slots=True)
class _Section:
    """One part of a format: which numbers it is for, and how it shows them.

    Attributes
    ----------
    condition
        Comparison and number; None where it says none.
    pattern
        Places for digits, without text.
    text
        What stands there beside the digits.
    red
        Whether it shows in red, as negative numbers do.
    """

    condition: tuple[str, float] | None
    pattern: str
    text: str
    red: bool

    @property
    def plain(self) -> bool:
        """Whether it shows a number as it is: digits in their places, and no other digits, letters or marks."""
        per_cent = "%" in self.pattern
        said = any(not (one in _QUIET or one in _MINUS or (per_cent and one.isalpha())) for one in self.text)
        return not said and not _DIVIDES.search(self.pattern) and _DIGITS.fullmatch(self.pattern) is not None

    @property
    def negative(self) -> bool:
        """Whether a minus sign or an opening bracket stands before the digits."""
        return bool(_MINUS & set(self.text)) or self.pattern[:1] in {"-", "("}

    def holds(self, value: float) -> bool:
        """Whether its condition holds; one without a condition always does."""
        if self.condition is None:
            return True
        sign, bound = self.condition
        return {
            "<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound, "=": value == bound,
            "<>": value != bound,
        }[sign]  # fmt: skip


def shows_otherwise(number_format: str, value: float | str) -> bool:
    """Say whether a format hides a cell's value or shows another one: text of its own, thousands taken off, ``;;;``.

    Rounding, per cent, thousands commas, currency signs, a dash for zero and colours change no number.

    Examples
    --------
    >>> [shows_otherwise(one, 3) for one in ("General", "#,##0;[Red]-#,##0", '[<5]"c";0', ";;;", '0",000"', "0,")]
    [False, False, True, True, True, True]
    """
    sections = _sections(number_format)
    if isinstance(value, str):
        of_text = sections[3] if len(sections) > 3 else next((one for one in sections if "@" in one.pattern), None)
        return of_text is not None and (of_text.pattern.strip() != "@" or not set(of_text.text) <= _QUIET)
    if any(one.condition for one in sections):
        section = next((one for one in sections[:3] if one.holds(value)), sections[-1])
        return not section.plain or not section.pattern or (value > 0 and section.negative)
    of_numbers = [one for one in sections[:3] if "@" not in one.pattern] or [_Section(None, "0", "", False)]
    at = 1 if value < 0 else 2 if value == 0 else 0
    own = at < len(of_numbers)
    section = of_numbers[at if own else 0]
    if not section.plain:
        return True
    if value == 0:
        return not section.text and not set("0%/") & set(section.pattern)
    if not section.pattern:
        return True
    return not (section.negative or section.red) if value < 0 and own else value > 0 and section.negative


def zeros_shown(number_format: str, value: float) -> str:
    """Return a whole number with the zeros that its format sets before it (000 shows 7 as 007), else nothing.

    Examples
    --------
    >>> zeros_shown("000", 7), zeros_shown("000", 1234), zeros_shown("0", 7)
    ('007', '', '')
    """
    pattern = _sections(number_format)[0].pattern
    whole = value >= 0 and float(value).is_integer() and set(pattern) == {"0"}
    return f"{int(value):0{len(pattern)}d}" if whole and len(pattern) > len(str(int(value))) else ""


def in_per_cent(number_format: str) -> bool:
    """Say whether a number format multiplies by a hundred.

    Examples
    --------
    >>> [in_per_cent(one) for one in ("0.0%", "General", '0"%"')]
    [True, False, False]
    """
    return any("%" in one.pattern for one in _sections(number_format))


@lru_cache(maxsize=4096)
def _sections(number_format: str) -> tuple[_Section, ...]:
    """Part a format at its semicolons."""
    out: list[_Section] = []
    condition, pattern, text, red = None, "", "", False
    for piece in [*_PIECE.findall(number_format), ";"]:
        if piece == ";":
            out.append(_Section(condition, pattern, text, red))
            condition, pattern, text, red = None, "", "", False
        elif piece[0] == '"' and len(piece) > 1:
            text += piece[1:-1]
        elif piece[0] == "\\" or (piece[0] == "*" and len(piece) > 1):
            text += piece[1:]
        elif piece[0] == "_" and len(piece) > 1:
            continue
        elif piece[0] == "[" and len(piece) > 1:
            compared, money = _CONDITION.fullmatch(piece), _CURRENCY.fullmatch(piece)
            condition = (compared[1], float(compared[2].replace(",", "."))) if compared else condition
            text += money[1] if money and not money[2] else ""
            red = red or _RED.fullmatch(piece) is not None
        elif piece in {"£", "$", "€"}:
            text += piece
        elif piece not in {" ", "\u00a0"}:
            pattern += "0" if piece.casefold() == "general" else piece
    return tuple(out)
