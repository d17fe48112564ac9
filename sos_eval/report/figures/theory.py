"""The programme theory as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.theme import COMPARISON, FAINT, INK, MUTED, TREATED, canvas, wrapped
from sos_eval.report.wording import plain_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: A node, or the place of an arrow (cause, moved) in a row that it passes.
_Stop = tuple[str] | tuple[str, str, int]
_COLOURS = {"treatment": TREATED, "outcome": COMPARISON}
_WIDE, _TALL, _GAP = 1.9, 0.42, 0.78
#: Width of the place that an arrow takes up in a row that it passes, a box's being one.
_LANE = 0.18
#: How much more an arrow is drawn to its own next place than to its ends.
_STRAIGHT = 8.0
#: How often rows are put in order, and how often drawn towards what they are joined to.
_SWEEPS = 24


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return a row per node, with its place, and a row per piece of an arrow, from row to row, with its ends."""
    nodes, arrows = bundle.tables("theory.nodes"), bundle.tables("theory.edges")
    if nodes.empty or arrows.empty:
        raise NothingToShow("the design declares no theory")
    layers = dict(zip(nodes["node"].astype(str), nodes["layer"].astype(int), strict=True))
    routes = [
        _route(str(cause), str(moved), layers) for cause, moved in zip(arrows["cause"], arrows["moves"], strict=True)
    ]
    across, place = _places(layers, routes)
    boxes = nodes.rename(columns={"node": "name"})[["name", "words", "role", "measured"]].assign(
        kind="node", across=across,
        x=[place[name,][0] for name in nodes["node"]], y=[place[name,][1] for name in nodes["node"]],
    )  # fmt: skip
    pieces = [
        {"kind": "arrow", "name": f"{route[0][0]} -> {route[-1][0]}", "x": place[start][0], "y": place[start][1],
         "x_end": place[end][0], "y_end": place[end][1]}
        for route in routes for start, end in pairwise(route)
    ]  # fmt: skip
    return pd.concat([boxes, pd.DataFrame(pieces)], ignore_index=True)


def _route(cause: str, moved: str, layers: dict[str, int]) -> list[_Stop]:
    """Return where an arrow goes through: its ends, and a place of its own in every row between."""
    between = [(cause, moved, layer) for layer in range(layers[cause] + 1, layers[moved])]
    return [(cause,), *between, (moved,)]


def _places(layers: dict[str, int], routes: Sequence[list[_Stop]]) -> tuple[float, dict[_Stop, tuple[float, float]]]:
    """Put nodes into rows by their layer, causes above what they move; return how wide rows are, and everybody's place.

    Rows are put in order by the means of their neighbours above and below in turn (Sugiyama, Tagawa and Toda 1981),
    and then drawn towards all of them, so that arrows that pass run straight.
    """
    rows: dict[int, list[_Stop]] = {layer: [] for layer in sorted(set(layers.values()))}
    for node, layer in layers.items():
        rows[layer].append((node,))
    joined: dict[_Stop, list[_Stop]] = {}
    for route in routes:
        for stop in route[1:-1]:
            rows[int(stop[-1])].append(stop)
        for start, end in pairwise(route):
            joined.setdefault(end, []).append(start)
            joined.setdefault(start, []).append(end)
    widest = max(2.0, *(sum(map(_width, row)) for row in rows.values()))
    place: dict[_Stop, tuple[float, float]] = {}
    for layer, row in rows.items():
        place |= _spread(row, layer, widest)
    for sweep in range(_SWEEPS):
        for layer in sorted(rows, reverse=sweep % 2 == 1):
            near = {
                stop: [place[one][0] for one in joined.get(stop, ()) if (place[one][1] > -layer) == (sweep % 2 == 0)]
                for stop in rows[layer]
            }
            middle = {stop: float(np.mean(xs)) if xs else place[stop][0] for stop, xs in near.items()}
            rows[layer].sort(key=middle.__getitem__)
            place |= _spread(rows[layer], layer, widest)
    for sweep in range(_SWEEPS):
        for layer in sorted(rows, reverse=sweep % 2 == 1):
            row = rows[layer]
            wanted = np.array([_middle(stop, joined.get(stop, [stop]), place) for stop in row])
            place |= _drawn(row, layer, widest, wanted)
    return widest, place


def _width(stop: _Stop) -> float:
    """Return how much of a row a box, or an arrow that passes, takes up."""
    return 1.0 if len(stop) == 1 else _LANE


def _spread(row: Sequence[_Stop], layer: int, widest: float) -> dict[_Stop, tuple[float, float]]:
    """Spread a row over the whole width: everybody in the middle of a place that fits it."""
    widths = np.array([_width(stop) for stop in row])
    room = widths + (widest - widths.sum()) / len(row)
    middles = np.cumsum(room) - room / 2
    return {stop: (float(x), -float(layer)) for stop, x in zip(row, middles, strict=True)}


def _middle(stop: _Stop, near: Sequence[_Stop], place: dict[_Stop, tuple[float, float]]) -> float:
    """Return the middle of what a stop is joined to; of an arrow that passes above all its own next places."""
    weights = [_STRAIGHT if len(stop) > 1 and len(one) > 1 else 1.0 for one in near]
    return float(np.average([place[one][0] for one in near], weights=weights))


def _drawn(
    row: Sequence[_Stop], layer: int, widest: float, wanted: NDArray[np.float64]
) -> dict[_Stop, tuple[float, float]]:
    """Put a row as near to where its members want to be as their order and widths allow; arrows that pass go first."""
    from scipy.optimize import isotonic_regression

    widths = np.array([_width(stop) for stop in row])
    offset = np.cumsum(widths) - widths / 2
    weights = [1.0 if len(stop) == 1 else _STRAIGHT for stop in row]
    found = np.clip(isotonic_regression(wanted - offset, weights=weights).x, 0, widest - widths.sum()) + offset
    return {stop: (float(x), -float(layer)) for stop, x in zip(row, found, strict=True)}


@figure("theory", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """How the intervention is meant to work: what moves what, and what the panel measures."""
    boxes, pieces = table[table["kind"] == "node"], table[table["kind"] == "arrow"]
    hidden, arrows = int((boxes["measured"] == "no").sum()), pieces.groupby("name", sort=False)
    note = f"{len(boxes)} nodes, {len(arrows)} arrows." + (f" Dashed: not measured ({hidden})." if hidden else "")
    deepest, across = float(boxes["y"].min()), float(boxes["across"].iloc[0])
    shown, axes = canvas(
        "How it is meant to work", height=_GAP * (1 - deepest), note=note, left=0.15, right=0.15, bottom=0.1
    )
    axes[0].set_xlim(0, across)
    axes[0].set_ylim(deepest - 0.5, 0.5)
    axes[0].axis("off")
    for _, arrow in arrows:
        _arrow(axes[0], arrow)
    for _, row in boxes.assign(words=[_capital(str(words)) for words in boxes["words"]]).iterrows():
        _box(axes[0], row, min(_WIDE, 6.9 / across - 0.2))
    return shown


def _capital(words: str) -> str:
    """Return a node's words as a box has them, whether it has a label or goes by its name."""
    plain = plain_words(words)
    return plain[:1].upper() + plain[1:]


def _arrow(axes: Axes, pieces: pd.DataFrame) -> None:
    """Draw an arrow from under a box to the top of another, straight down where it passes a row."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    half = _TALL / _GAP / 2
    points: list[tuple[float, float]] = []
    for x, y, x_end, y_end in pieces[["x", "y", "x_end", "y_end"]].to_numpy(float):
        top, foot = y - half, y_end + half
        points += [(x, top), (x, (top + foot) / 2), (x_end, (top + foot) / 2), (x_end, foot)]
    codes = [Path.MOVETO if k == 0 else Path.LINETO if k % 4 == 0 else Path.CURVE4 for k in range(len(points))]
    axes.add_patch(FancyArrowPatch(path=Path(points, codes), arrowstyle="-|>", mutation_scale=9, color=MUTED, lw=0.9))


def _box(axes: Axes, row: pd.Series, wide: float) -> None:
    """Write a node's words in a box; dashed where it is not measured."""
    edge = _COLOURS.get(str(row["role"]), INK)
    axes.text(
        row["x"], row["y"], wrapped(str(row["words"]), wide, size=8.0), ha="center", va="center", size=8.0,
        linespacing=1.15, zorder=3,
        bbox={"boxstyle": "round,pad=0.3", "fc": "white" if edge == INK else FAINT, "ec": edge, "lw": 1.1,
              "ls": "-" if row["measured"] == "yes" else (0, (3, 2))},
    )  # fmt: skip
