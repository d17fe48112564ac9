"""Faults: where, what, and what to write instead.

::

    SosEvalError
      InputFault          exit 2, no traceback: the user's input is wrong
        DesignFault       a declaration (design, world, economics file)
        DataFault         the data it points to
        NotIdentified     the question cannot be answered with this design and these data
      OurFault            exit 1, traceback in a log file, one line on the screen
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeVar

__all__ = [
    "DataFault",
    "DesignFault",
    "Fault",
    "Faults",
    "InputFault",
    "NotIdentified",
    "OurFault",
    "SosEvalError",
    "listed",
    "nearest",
    "numeral",
    "p_text",
    "visible",
]


T = TypeVar("T")

#: Characters that count as printed and show nothing: joiners, fillers, a blank of Braille, selectors of a variant.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(0xFE00 + k) for k in range(16)}


class SosEvalError(Exception):
    """Anything that sos_eval raises on purpose."""

    exit_code = 1


class OurFault(SosEvalError):
    """Something that should not happen, whatever the user wrote."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, on one line; characters that nobody sees stand in it by their number (`visible`).

    Attributes
    ----------
    where
        ``file:line``, a file, or the name of what was read.
    what
        ``key: what is wrong``, in the user's own names.
    instead
        What to write; may be empty where there is nothing to write.
    """

    where: str
    what: str
    instead: str = ""

    def __post_init__(self) -> None:
        for name in ("where", "what", "instead"):
            object.__setattr__(self, name, visible(getattr(self, name)))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.instead}" if self.instead else text


class InputFault(SosEvalError):
    """The user's input is wrong. Carries every fault that was found, not only the first."""

    exit_code = 2

    def __init__(self, faults: Fault | str | Iterable[Fault]) -> None:
        if isinstance(faults, str):
            faults = Fault("", faults)
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class DesignFault(InputFault):
    """A declaration is wrong: unknown key, wrong type, options that do not go together."""


class DataFault(InputFault):
    """The data are wrong: missing column, duplicate rows, text in a number column."""


class NotIdentified(InputFault):
    """The design and the data together cannot answer the question."""


class Faults:
    """A collector: note faults as they are met, then `stop` with all of them at once."""

    def __init__(self, kind: type[InputFault] = DesignFault) -> None:
        self.kind = kind
        self.found: list[Fault] = []

    def add(self, where: str, what: str, instead: str = "") -> None:
        """Note one fault, once."""
        fault = Fault(where, what, instead)
        if fault not in self.found:
            self.found.append(fault)

    def extend(self, other: InputFault) -> None:
        """Take over the faults of an exception."""
        self.found.extend(fault for fault in other.faults if fault not in self.found)

    def noted(self, make: Callable[[], T]) -> T | None:
        """Return what a call gives; note its faults and return None where it raises them."""
        try:
            return make()
        except InputFault as error:
            self.extend(error)
            return None

    def stop(self) -> None:
        """Raise all faults together; do nothing where there are none."""
        if self.found:
            raise self.kind(self.found)


def nearest(word: str, valid: Iterable[str]) -> str:
    """Say which valid word was probably meant, else list what is valid."""
    options = [str(option) for option in valid]
    close = get_close_matches(str(word), options, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"write one of: {', '.join(options)}" if options else ""


def listed(names: Sequence[object], at_most: int = 8) -> str:
    """Name a few, count the rest: ``a, b, c and 12 more``."""
    shown = ", ".join(str(name) for name in names[:at_most])
    rest = len(names) - at_most
    return f"{shown} and {rest} more" if rest > 0 else shown


def numeral(value: float, digits: int = 3) -> str:
    """Write a computed number for a sentence: significant digits, and no powers of ten that a reader would meet.

    Below a millionth and from 10 to the 15 on, powers of ten stay.

    Examples
    --------
    >>> numeral(-1197.4), numeral(0.00001234), numeral(12.3456), numeral(123456, 2), numeral(float("inf"))
    ('-1,200', '0.0000123', '12.3', '120,000', 'inf')
    """
    text = f"{value:,.{digits}g}"
    if "e" not in text or not 1e-6 <= abs(value) < 1e15:
        return text
    return f"{float(text):,.0f}" if abs(value) > 1 else f"{Decimal(text):f}"


def p_text(p: float) -> str:
    """Write a p for a sentence; tiny values as a bound; empty where there is none.

    Examples
    --------
    >>> p_text(0.0431), p_text(0.00009), p_text(0.4), p_text(float("nan"))
    ('p = 0.043', 'p < 0.001', 'p = 0.40', '')
    """
    if not math.isfinite(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def visible(text: str) -> str:
    r"""Write characters that nobody sees as a declaration reads them between quotation marks: ``\u200b``.

    Blanks and line breaks stay; other blanks, marks of direction, byte-order marks and control characters do not.

    Examples
    --------
    >>> print(visible("\ufeffcode and Kent\u00a0"), visible("St Helens"))
    \ufeffcode and Kent\u00a0 St Helens
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one == "\n" or (one.isprintable() and one not in _BLANK) else _by_number(one) for one in text)


def _by_number(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
