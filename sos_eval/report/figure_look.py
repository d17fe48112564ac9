"""What a figure is laid out for: its room in inches at the house's size of letters, and changes of style."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sos_eval.errors import Fault, InputFault

__all__ = [
    "LOGO",
    "PAGE_HIGH",
    "SIZES",
    "FigureLook",
    "FigureSize",
    "TooHigh",
    "TooTight",
    "current_look",
    "looking",
    "read_size",
]

#: Inches. ``page``: between the margins of A4; ``half``: two beside each other; ``slide``: wide screen.
SIZES: dict[str, tuple[float, float | None]] = {"page": (6.69, None), "half": (3.3, None), "slide": (13.33, 7.5)}
#: Inches of height that a page of A4 has for a figure with its caption, and of a logo.
PAGE_HIGH, LOGO = 9.7, 0.42
#: From this width on letters grow with the figure.
_GROWS_FROM = 7.2
_LEAST, _MOST = 2.0, 60.0
_SIDES = re.compile(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)")


class TooTight(Exception):
    """A figure has no room for its axes; the text says what it needs."""


class TooHigh(TooTight):
    """A figure is higher than a page; `inches` is what it takes."""

    def __init__(self, inches: float) -> None:
        super().__init__(f"it would be {inches:.1f} inches high, a page has {PAGE_HIGH:g}")
        self.inches = inches


@dataclass(frozen=True)
class FigureSize:
    """A figure's size in inches; without a height it is as high as it needs."""

    width: float
    height: float | None = None

    @property
    def scale(self) -> float:
        """Size of letters against the house's."""
        return max(self.width / _GROWS_FROM, 1.0)


@dataclass(frozen=True)
class FigureLook:
    """How the figures that are drawn now are laid out.

    Attributes
    ----------
    width, height
        Inches at the house's size of letters; None: as the figure has it.
    style
        matplotlib settings on top of the house's.
    logo
        Inches on the top right that the title leaves free; where it would have too little beside them it stands below.
    page
        Inches of height that panels are fitted into.
    """

    width: float | None = None
    height: float | None = None
    style: Mapping[str, Any] = field(default_factory=dict)
    logo: float = 0.0
    page: float = PAGE_HIGH


_LOOK: ContextVar[FigureLook] = ContextVar("figure look", default=FigureLook())  # noqa: B039  frozen


def current_look() -> FigureLook:
    """Return the look that figures are drawn in now."""
    return _LOOK.get()


@contextmanager
def looking(look: FigureLook) -> Iterator[None]:
    """Draw and save figures in a look."""
    before = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(before)


def read_size(text: str) -> FigureSize:
    """Return a size by its name, or as inches.

    Examples
    --------
    >>> read_size("13.33x7.5")
    FigureSize(width=13.33, height=7.5)

    Raises
    ------
    InputFault
        It is neither.
    """
    if text in SIZES:
        return FigureSize(*SIZES[text])
    sides = _SIDES.fullmatch(text)
    if sides is None:
        raise InputFault(Fault("--size", f"no size {text!r}", f"write {', '.join(SIZES)}, or inches: 6.5x4"))
    width, height = map(float, sides.groups())
    if not (_LEAST <= width <= _MOST and _LEAST <= height <= _MOST):
        raise InputFault(Fault("--size", f"{text}: sides are {_LEAST:g} to {_MOST:g} inches", "write inches: 6.5x4"))
    return FigureSize(width, height)
