"""Give a drawn figure the colours of a theme: every artist's colour that is one of the house's is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sos_eval.report.contrast import mixed
from sos_eval.report.theme import COLOURS, FAINT, INK, MUTED
from sos_eval.report.theme_file import ThemeColours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["recolour"]

_KINDS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
_LINES_BEHIND = ("#ececec", "#e8e8e8", "#eeeeee", "#cccccc", FAINT)


def recolour(figure: Figure, colours: ThemeColours) -> None:
    """Replace the house's colours in a figure by a theme's, transparency kept; maps of many colours stay."""
    from matplotlib.text import Text

    table = _replacements(colours)
    for artist in figure.findobj():
        _repaint(artist, table)
        if isinstance(artist, Text) and artist.get_bbox_patch() is not None:
            _repaint(artist.get_bbox_patch(), table)


def _replacements(of: ThemeColours) -> dict[tuple[int, ...], np.ndarray]:
    """Return house colour (0 to 255) -> the theme's (0 to 1)."""
    back = of.background
    pairs = {
        "#ffffff": back, "#000000": of.ink,
        **dict.fromkeys(("#bbbbbb", "#bfbfbf"), mixed(of.muted, back, 0.6)),
        "#9ecae1": mixed(of.treated, back, 0.45), "#e8f1f8": mixed(of.treated, back, 0.1),
        "#f0e9d2": mixed(of.muted, back, 0.2), **dict.fromkeys(_LINES_BEHIND, of.grid), INK: of.ink, MUTED: of.muted,
    }  # fmt: skip
    pairs |= dict(zip(COLOURS, (of.treated, of.comparison, *of.more), strict=False))
    return {tuple(_bytes(old)): _bytes(new) / 255 for old, new in pairs.items()}


def _remap(artist: Any, table: Mapping[tuple[int, ...], np.ndarray]) -> None:
    """Give kinds that are told apart by the house's colours, such as the best of several strategies, the theme's."""
    from matplotlib.colors import ListedColormap

    kinds = artist.get_cmap()
    if not isinstance(kinds, ListedColormap):
        return
    house: Any = kinds.colors
    known: Any = [table.get(tuple(_bytes(colour))) for colour in house]
    if any(colour is not None for colour in known):
        artist.set_cmap(ListedColormap([own if new is None else new for own, new in zip(house, known, strict=True)]))


def _bytes(colour: str) -> np.ndarray:
    from matplotlib.colors import to_rgb

    whole: np.ndarray = np.rint(255 * np.array(to_rgb(colour))).astype(int)
    return whole


def _repaint(artist: Any, table: Mapping[tuple[int, ...], np.ndarray]) -> None:
    """Repaint one artist, unless its colours show values on a scale."""
    from matplotlib.colors import to_rgba_array

    if getattr(artist, "get_array", lambda: None)() is not None:
        _remap(artist, table)
        return
    for kind in _KINDS:
        if not hasattr(artist, f"get_{kind}") or not hasattr(artist, f"set_{kind}"):
            continue
        painted = to_rgba_array(getattr(artist, f"get_{kind}")())
        fresh = painted.copy()
        for row in fresh:
            new = table.get(tuple(np.rint(255 * row[:3]).astype(int)))
            if new is not None and row[3] > 0:
                row[:3] = new
        if not np.array_equal(fresh, painted):
            getattr(artist, f"set_{kind}")(fresh if len(fresh) > 1 else tuple(fresh[0]))
