"""An organisation's own look: a theme file with colours, font, size of letters, logo, Word template and style sheet."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types as at
from pydantic import AfterValidator

from sos_eval.bundle.files import yaml_text
from sos_eval.declare import Declared, build, read_yaml
from sos_eval.errors import Fault, Faults, InputFault, nearest
from sos_eval.report.contrast import contrast, mixed, rgb
from sos_eval.report.word_template import unfit_template

__all__ = [
    "SCHEMA",
    "THEME_NAME",
    "OwnLook",
    "Theme",
    "ThemeColours",
    "ThemeFonts",
    "ThemeSizes",
    "read_template",
    "read_theme",
]


def _colour(text: str) -> str:
    rgb(text)
    return text.lower()


Colour = Annotated[str, AfterValidator(_colour)]
#: Name of a theme's file in a bundle.
THEME_NAME = "theme.yaml"
SCHEMA: Literal["sos-eval/theme/1"] = "sos-eval/theme/1"
#: What makes a page load something, or ends its style.
_LOADS = re.compile(r"@import|url\(\s*[\"']?(?!data:)[^)]{0,40}|</style|expression\(|image-set\(", re.IGNORECASE)
#: Least contrast of text and of marks with what is behind them (WCAG 2.2, 1.4.3 and 1.4.11).
_TEXT, _MARKS = 4.5, 3.0
#: Below this contrast text is refused: on screen and paper it is as good as not there.
_NO_TEXT = 2.0


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
    """A theme file; the files that it names are beside it."""

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
    template: str | None = None
    """A docx beside the theme file: the styles, margins, head and foot of documents; its text is left out."""
    style_sheet: str | None = None
    """A css beside the theme file, which comes after the page's own and loads nothing."""

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


@dataclass(frozen=True)
class OwnLook:
    """A theme, and the folder that holds the files which it names.

    Attributes
    ----------
    theme
        As declared.
    folder
        Of its file.
    given
        A Word template in place of the theme's.
    """

    theme: Theme
    folder: Path
    given: Path | None = None

    def on(self, template: Path) -> OwnLook:
        """Return the look on another Word template."""
        return replace(self, given=read_template(template))

    @property
    def logo(self) -> Path | None:
        """Where the logo is."""
        return self._beside(self.theme.logo)

    @property
    def template(self) -> Path | None:
        """Where the Word template is."""
        return self.given or self._beside(self.theme.template)

    @property
    def style_sheet(self) -> Path | None:
        """Where the style sheet is."""
        return self._beside(self.theme.style_sheet)

    def _beside(self, name: str | None) -> Path | None:
        return None if name is None else self.folder / name

    @property
    def css(self) -> str:
        """What of a page follows from the theme, and then its style sheet."""
        of, back = self.theme.colours, self.theme.colours.background
        link = of.treated if contrast(of.treated, back) >= _TEXT else of.ink
        family = self.theme.fonts.family.replace('"', "")
        names = {
            "ink": of.ink, "back": back, "accent": of.treated, "soft": mixed(of.treated, back, 0.07), "link": link,
            "quiet": of.muted, "line": of.grid, "font": f'"{family}", Arial, sans-serif',
        }  # fmt: skip
        own = ":root { " + " ".join(f"--{name}: {value};" for name, value in names.items()) + " }"
        sheet = "" if self.style_sheet is None else self.style_sheet.read_text(encoding="utf-8")
        return f"{own}\n{sheet}"

    def kept_in(self, folder: Path) -> None:
        """Write the theme and its files into a folder of a bundle, by their own names."""
        folder.mkdir()
        named = {name: file for name in _FILES if (file := self._beside(getattr(self.theme, name))) is not None}
        for file in named.values():
            shutil.copyfile(file, folder / file.name)
        kept = asdict(self.theme) | {name: file.name for name, file in named.items()}
        (folder / THEME_NAME).write_text(yaml_text(kept), encoding="utf-8", newline="\n")


def read_theme(path: str | Path) -> OwnLook:
    """Read a theme file, and look at the files that it names.

    Raises
    ------
    InputFault
        With every fault: a key is unknown, a value is none, the font is not on this machine; a file that is named is
        not there or not of its kind, a template lacks a style, a style sheet loads something; text that nobody could
        read on its background.
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
    of = theme.colours
    for name, colour in (("ink", of.ink), ("muted", of.muted)):
        if (seen := contrast(colour, of.background)) < _NO_TEXT:
            what = f"colours.{name}: {colour} on {of.background} cannot be read: its contrast is {seen:.2f}"
            instead = f"a colour of a contrast of {_TEXT:g} or more"
            faults.add(document.where(("colours", name)), what, instead)
    look = OwnLook(theme, document.path.parent)
    for name, (endings, what, instead, unfit) in _FILES.items():
        file = look._beside(getattr(theme, name))
        if file is not None and (file.suffix.lower() not in endings or not file.is_file()):
            faults.add(document.where((name,)), f"{name}: no {what} {getattr(theme, name)}", instead)
        elif file is not None and (why := unfit(file)):
            faults.add(document.where((name,)), f"{name}: {why[0]}", why[1])
    faults.stop()
    return look


def read_template(path: Path) -> Path:
    """Return a Word template that has what a report needs.

    Raises
    ------
    InputFault
        It is not there, cannot be read as a document, or lacks a style.
    """
    if not path.is_file():
        raise InputFault(Fault(str(path), "--template: no such file", "a docx with your styles"))
    if why := unfit_template(path):
        raise InputFault(Fault(str(path), f"--template: {why[0]}", why[1]))
    return path


def _unfit_sheet(file: Path) -> tuple[str, str] | None:
    """Say what a style sheet would load, or what ends it early; nothing where it is one."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return f"{file.name} is not UTF-8", "save it as UTF-8"
    found = _LOADS.search(text)
    return (
        None
        if found is None
        else (f"{file.name} holds {found[0]}: a report loads nothing", "leave it out, or data: URLs")
    )


def _families() -> list[str]:
    from matplotlib.font_manager import get_font_names

    return sorted(get_font_names())


def _unfit_picture(file: Path) -> tuple[str, str] | None:
    """Say why a file is no picture; nothing where it is one."""
    from matplotlib.image import imread

    try:
        imread(file)
    except (OSError, SyntaxError, ValueError) as error:
        return f"{file.name} cannot be read as a picture ({type(error).__name__})", "a png or jpg"
    return None


#: Key of a theme -> endings of its file, what it is, what to write instead, and why a file is none.
_FILES: dict[str, tuple[tuple[str, ...], str, str, Callable[[Path], tuple[str, str] | None]]] = {
    "logo": ((".png", ".jpg", ".jpeg"), "picture", "a png or jpg beside the theme file", _unfit_picture),
    "template": ((".docx",), "Word document", "a docx beside the theme file", unfit_template),
    "style_sheet": ((".css",), "style sheet", "a css beside the theme file", _unfit_sheet),
}
