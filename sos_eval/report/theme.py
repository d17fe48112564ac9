"""How everything looks, in one place: colours, type, sizes, and how a figure is saved, byte for byte the same."""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sos_eval.report.figure_look import LOGO, TooTight, current_look
from sos_eval.report.wording import in_word, minus_signs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "FORMATS",
    "INK",
    "METADATA",
    "MUTED",
    "canvas",
    "evenly",
    "house_style",
    "image",
    "layout_width",
    "legend",
    "panel_rows",
    "room_of",
    "room_on_page",
    "shade",
    "wrapped",
]

#: Okabe and Ito (2008): told apart by readers with any common colour vision, and darker ones first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
TREATED, COMPARISON, THIRD = COLOURS[0], COLOURS[1], COLOURS[2]
INK, MUTED, FAINT = "#1a1a1a", "#595959", "#d9d9d9"
FORMATS = ("svg", "png", "pdf")

WIDTH = 7.2
_LONGEST = 44
#: Axes below this width in inches, or below this share of the height that they want, are not read.
_NARROWEST, _FLATTEST = 1.1, 0.7
#: Share of the width that a title has beside a logo, else it stands below; share of its height that a panel keeps.
_BESIDE, _LOWEST = 0.55, 0.6
_DPI = 110

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9.0, "axes.titlesize": 9.5, "axes.labelsize": 9.0,
    "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "legend.fontsize": 8.5, "legend.frameon": False,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#ececec", "grid.linewidth": 0.8,
    "lines.linewidth": 1.8, "lines.markersize": 4.5, "axes.titlelocation": "left", "figure.facecolor": "white",
    "svg.hashsalt": "sos_eval", "svg.fonttype": "path", "axes.unicode_minus": True, "figure.dpi": _DPI,
    "text.parse_math": False,  # a dollar sign in a user's reason or name is a dollar sign
    "axes.formatter.useoffset": False, "path.simplify": True, "pdf.fonttype": 42,
}  # fmt: skip


_NO_LETTER = re.compile(r"Glyph \d+ .*missing from (?:current )?font")
_BOXES = "in figures, letters that the font lacks are drawn as boxes; a theme names another font (docs/figures.md)"

#: Control characters, which a name may hold and a file of XML may not.
_NOT_IN_XML = bytes({*range(32)} - {9, 10, 13})

#: No dates and no names of programs in a file.
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "sos_eval"},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "sos_eval", "Producer": None},
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save under the house style, and leave other people's settings as they were."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = {**_STYLE, **current_look().style}
        mpl.rcParams.update(settings)
        yield


def canvas(
    title: str, *, height: float, note: str = "", rows: int = 1, columns: int = 1, width: float = WIDTH, **grid: Any
) -> tuple[Figure, list[Axes]]:
    """Start a figure: a worded title on top, axes, a note below. Margins are in inches, so nothing is clipped.

    Parameters
    ----------
    title
        Says what is shown, with its unit; wrapped to the width.
    height
        Of the axes area in inches; title and note come on top of it.
    note
        Small print under the axes: numbers shown, shading, what the marks mean.
    rows, columns
        Of axes.
    width
        In inches.
    grid
        For `Figure.subplots` and its ``gridspec_kw``: ``left``, ``right``, ``bottom``, ``top`` in inches,
        ``hspace``, ``wspace`` as matplotlib has them.
    """
    look = current_look()
    width = look.width or width
    title, note = minus_signs(title), minus_signs(note)
    heading, small, over, above, below = _around(title, note, width)
    above, below = above + grid.pop("top", 0.16), below + grid.pop("bottom", 0.48)
    height = _height(height, above + below, look.height)
    total = height + above + below
    figure: Figure = _figure_class()(figsize=(width, total), dpi=_DPI)
    left, right = grid.pop("left", 0.72), grid.pop("right", 0.14)
    if width - left - right < _NARROWEST:
        raise TooTight(f"its axes would be {max(width - left - right, 0.0):.1f} inches wide")
    spec: dict[str, Any] = {"left": left / width, "right": 1 - right / width}
    spec |= {"top": 1 - above / total, "bottom": below / total}
    spec |= {name: grid.pop(name) for name in ("hspace", "wspace", "width_ratios", "height_ratios") if name in grid}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=spec, **grid)
    figure.text(0.12 / width, 1 - over / total, heading, va="top", size=11.0, weight="bold", linespacing=1.2)
    if small:
        figure.text(0.12 / width, 0.07 / total, small, va="bottom", size=8.0, color=MUTED, linespacing=1.25)
    stop = "" if title.endswith(("?", ".")) else "."
    figure.set_label(" ".join(f"{title}{stop} {note}".split()))
    return figure, list(axes.flat)


def _around(title: str, note: str, width: float) -> tuple[str, str, float, float, float]:
    """Return title and note as they are broken, what is over the title, and what both take, in inches.

    Beside a logo the title has what is left; where that is less than half of the width, it stands below.
    """
    logo = current_look().logo
    under = logo > 0 and width - logo < _BESIDE * width
    heading = wrapped(title, width if under else width - logo, size=11.0)
    small = wrapped(note, width, size=8.0, even=False)
    over = 0.10 + (LOGO + 0.1 if under else 0.0)
    above = over + 0.07 + 0.185 * (heading.count("\n") + 1)
    return heading, small, over, above, 0.10 + 0.142 * (small.count("\n") + 1) if small else 0.05


def room_on_page(title: str, note: str, *, more: float) -> float:
    """Return the inches that a page has between title and note, less those of labels above and below the axes."""
    *_, above, below = _around(minus_signs(title), minus_signs(note), layout_width())
    return current_look().page - above - below - more


def panel_rows(
    n: int, title: str, note: str, *, columns: int, tall: float, between: float, more: float = 1.0
) -> tuple[int, float]:
    """Return how many rows of panels a page has room for, and how high each is.

    Parameters
    ----------
    n
        Panels that are wanted.
    title, note
        Above and below them.
    columns
        Panels beside each other.
    tall, between
        Height of a row where there is room, and what stands between two; rows get flatter before any is left out.
    more
        Inches of labels above the first row and below the last.
    """
    room, rows = room_on_page(title, note, more=more), -(-n // columns)
    while rows > 1 and (room - between * (rows - 1)) / rows < _LOWEST * tall:
        rows -= 1
    return rows, min(tall, (room - between * (rows - 1)) / rows) if rows > 1 else tall


def _height(wanted: float, around: float, given: float | None) -> float:
    """Return the height of the axes where the whole figure's is given: what title and note leave."""
    if given is None:
        return wanted
    if given - around < _FLATTEST * wanted:
        raise TooTight(f"it needs {_FLATTEST * wanted + around:.1f} inches of height where it has {given:.1f}")
    return given - around


def layout_width() -> float:
    """Return how wide the figures that are drawn now are, in inches at the house's size of letters."""
    return current_look().width or WIDTH


def wrapped(text: str, width: float, *, size: float, even: bool = True) -> str:
    """Break text to a width in inches; DejaVu Sans is on average 0.53 em wide, bold 0.6."""
    if not text:
        return ""
    text = in_word(text)
    most = max(int((width - 0.3) * 72 / ((0.6 if even else 0.53) * size)), 12)
    return "\n".join(evenly(text, most) if even else textwrap.wrap(text, most))


def evenly(text: str, most: int) -> list[str]:
    """Break text at the narrowest width that needs no more lines than `most` letters: no word is left alone."""
    lines = len(textwrap.wrap(text, most))
    return next((fit for at in range(12, most + 1) if len(fit := textwrap.wrap(text, at)) == lines), [text])


def room_of(labels: Iterable[str]) -> list[str]:
    """Return labels as the margin beside an axis has room for them: of long ones the middle is left out.

    Examples
    --------
    >>> room_of(["Leeds", "The Royal Borough of Somewhere upon Some River with Another"])
    ['Leeds', 'The Royal Borough of Somewhe…er with Another']
    """
    return [text if len(text) <= _LONGEST else f"{text[:28]}…{text[-15:]}" for text in map(in_word, map(str, labels))]


def legend(axes: Axes, *, columns: int = 3, handles: Sequence[Any] | None = None) -> None:
    """Put the legend above the axes, where it covers no data."""
    options: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (0.0, 1.0),
        "ncols": min(columns, max(int(layout_width() / 2.2), 1)),
        "borderaxespad": 0.2,
    }
    options |= {"handlelength": 2.4, "columnspacing": 1.4}
    if handles is None:
        axes.legend(**options)
    else:
        axes.legend(handles=list(handles), **options)


def shade(axes: Axes, start: float, stop: float, label: str | None = None) -> None:
    """Shade a stretch of time."""
    axes.axvspan(start, stop, color="#f0e9d2", lw=0, zorder=0, label=label)


@contextmanager
def _letters_told() -> Iterator[None]:
    """Say once, in our words, that the font lacks letters; the library says it of each, and whatever else it does."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield
    lacking = [one for one in found if _NO_LETTER.match(str(one.message))]
    for one in found:
        if one not in lacking:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if lacking:
        warnings.warn(_BOXES, stacklevel=1)


@cache
def _figure_class() -> type[Figure]:
    """Return a `Figure` that is saved in the house style whoever saves it: same figure, same bytes."""
    from matplotlib.figure import Figure

    class HouseFigure(Figure):
        def savefig(self, fname: Any, **options: Any) -> None:
            form = options.get("format") or str(getattr(fname, "name", fname)).rsplit(".", 1)[-1]
            with house_style(), _letters_told():
                super().savefig(fname, **{"dpi": _DPI, "metadata": METADATA.get(form), **options})

        def _repr_png_(self) -> bytes:
            """Show itself in a notebook."""
            return image(self, "png")

    return HouseFigure


def image(figure: Figure, form: str) -> bytes:
    """Return a figure as svg, png or pdf."""
    out = BytesIO()
    figure.savefig(out, format=form)
    if form != "svg":
        return out.getvalue()
    return _titled(figure, out.getvalue().translate(None, _NOT_IN_XML))


def _titled(figure: Figure, svg: bytes) -> bytes:
    """Put a figure's title and words into its drawing, for readers who do not see it."""
    heading = " ".join(figure.texts[0].get_text().split()) if figure.texts else ""
    label = str(figure.get_label())
    start = svg.index(b">", svg.index(b"<svg"))
    said = f"\n <title>{escape(in_word(heading))}</title>\n <desc>{escape(in_word(label))}</desc>".encode()
    return svg[:start] + b' role="img"' + svg[start : start + 1] + said.translate(None, _NOT_IN_XML) + svg[start + 1 :]
