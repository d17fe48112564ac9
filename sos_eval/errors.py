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

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
]


T = TypeVar("T")


class SosEvalError(Exception):
    """Anything that sos_eval raises on purpose."""

    exit_code = 1


class OurFault(SosEvalError):
    """Something that should not happen, whatever the user wrote."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, on one line.

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
