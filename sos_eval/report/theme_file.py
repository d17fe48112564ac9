"""An organisation's own look: a theme file with colours, font, size of letters and a logo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types as at
from pydantic import AfterValidator

from sos_eval.declare import Declared, build, read_yaml
from sos_eval.errors import Fault, Faults, InputFault, nearest
from sos_eval.report.contrast import contrast, rgb

__all__ = ["Theme", "ThemeColours", "ThemeFonts", "ThemeSizes", "read_theme"]


def _colour(text: str) -> str:
    rgb(text)
    return text.lower()


Colour = Annotated[str, AfterValidator(_colour)]
#: Least contrast of text and of marks with what is behind them (WCAG 2.2, 1.4.3 and 1.4.11).
_TEXT, _MARKS = 4.5, 3.0


@dataclass(frozen=True)
class ThemeColours(Declared):
    """Colours, each as ``#0072B2``."""

    treated: Colour = "#0072b2"
    """Treated units, and estimates."""
    comparison: Colour = "#d55e00"
    """Comparison units."""
    more: Annotated[tuple[Colour, ...], at.MaxLen(5)] = ()
    """Further lines, up to five, in order."""
    ink: Colour = "#1a1a1a"
    """Text and the main lines."""
    muted: Colour = "#595959"
    """Notes and axes."""
    grid: Colour = "#ececec"
    """Lines behind the data."""
    background: Colour = "#ffffff"
    """Behind everything."""


@dataclass(frozen=True)
class ThemeFonts(Declared):
    """Fonts by name, as installed on the machine."""

    family: str = "DejaVu Sans"
    """Of all text."""


@dataclass(frozen=True)
class ThemeSizes(Declared):
    """Sizes."""

    text: Annotated[float, at.Ge(6), at.Le(30)] = 9.0
    """Points of the text of a figure as wide as a page; all else grows with it."""
    dpi: Annotated[int, at.Ge(50), at.Le(600)] = 110
    """Dots an inch of a png."""


@dataclass(frozen=True)
class Theme(Declared):
    """A theme file.

    Attributes
    ----------
    file
        Where it was read; the logo's name is relative to it.
    """

    schema: Literal["sos-eval/theme/1"]
    """Which kind of file this is."""
    colours: ThemeColours = field(default_factory=ThemeColours)
    """Colours by what they are for."""
    fonts: ThemeFonts = field(default_factory=ThemeFonts)
    """Fonts."""
    sizes: ThemeSizes = field(default_factory=ThemeSizes)
    """Sizes."""
    logo: str | None = None
    """A png or jpg beside the theme file, shown on the top right."""

    @property
    def style(self) -> dict[str, Any]:
        """The settings of matplotlib that follow."""
        of = self.colours
        return {
            "font.family": self.fonts.family, "text.color": of.ink, "axes.labelcolor": of.ink,
            "axes.edgecolor": of.muted, "xtick.color": of.muted, "ytick.color": of.muted, "xtick.labelcolor": of.ink,
            "ytick.labelcolor": of.ink, "grid.color": of.grid, "figure.facecolor": of.background,
            "savefig.facecolor": of.background, "axes.facecolor": of.background,
        }  # fmt: skip

    @property
    def unreadable(self) -> list[str]:
        """What of the theme cannot be told from its background, in words."""
        of = self.colours
        pairs = {
            "ink": (of.ink, _TEXT), "muted": (of.muted, _TEXT), "treated": (of.treated, _MARKS),
            "comparison": (of.comparison, _MARKS),
        } | {f"more[{k}]": (colour, _MARKS) for k, colour in enumerate(of.more)}  # fmt: skip
        return [
            f"colours.{name}: {colour} on {of.background} has a contrast of {contrast(colour, of.background):.2f}; "
            f"many cannot read it below {least:g}"
            for name, (colour, least) in pairs.items()
            if contrast(colour, of.background) < least
        ]


def read_theme(path: str | Path) -> tuple[Theme, Path | None]:
    """Read a theme file; return it and where its logo is.

    Raises
    ------
    InputFault
        A key is unknown, a value is none, the font is not on this machine, or the logo is not there.
    """
    document = read_yaml(path)
    theme = build(Theme, document.data, document)
    if theme is None:
        raise InputFault(Fault(str(path), "holds no theme", "write schema: sos-eval/theme/1"))
    faults = Faults()
    families = _families()
    if theme.fonts.family not in families:
        what = f"fonts.family: no font {theme.fonts.family!r} on this machine"
        faults.add(document.where(("fonts", "family")), what, nearest(theme.fonts.family, families))
    logo = document.path.parent / theme.logo if theme.logo is not None else None
    if logo is not None and (logo.suffix.lower() not in (".png", ".jpg", ".jpeg") or not logo.is_file()):
        faults.add(document.where(("logo",)), f"logo: no picture {theme.logo}", "a png or jpg beside the theme file")
    faults.stop()
    return theme, logo


def _families() -> list[str]:
    from matplotlib.font_manager import get_font_names

    return sorted(get_font_names())
