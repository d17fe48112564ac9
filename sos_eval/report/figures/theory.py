"""The programme theory as a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.theme import COMPARISON, FAINT, INK, MUTED, TREATED, canvas, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"treatment": TREATED, "outcome": COMPARISON}
_WIDE, _TALL, _GAP = 1.9, 0.42, 0.78


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return a row per node, with its place, and a row per arrow, with the places of its ends."""
    nodes, arrows = bundle.tables("theory.nodes"), bundle.tables("theory.edges")
    if nodes.empty or arrows.empty:
        raise NothingToShow("the design declares no theory")
    place = _places(nodes, arrows)
    boxes = nodes.rename(columns={"node": "name"})[["name", "words", "role", "measured"]].assign(
        kind="node", x=[place[name][0] for name in nodes["node"]], y=[place[name][1] for name in nodes["node"]]
    )
    lines = pd.DataFrame({
        "kind": "arrow", "name": arrows["cause"] + " -> " + arrows["moves"],
        "x": [place[name][0] for name in arrows["cause"]], "y": [place[name][1] for name in arrows["cause"]],
        "x_end": [place[name][0] for name in arrows["moves"]], "y_end": [place[name][1] for name in arrows["moves"]],
    })  # fmt: skip
    return pd.concat([boxes, lines], ignore_index=True)


def _places(nodes: pd.DataFrame, arrows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Put nodes into rows by their layer, causes above what they move, each below the middle of its causes."""
    place: dict[str, tuple[float, float]] = {}
    widest = max(int(nodes["layer"].value_counts().max()), 2)
    for layer, group in nodes.groupby("layer", sort=True):
        middles = {
            name: float(np.mean([place[cause][0] for cause in arrows.loc[arrows["moves"] == name, "cause"]] or [0.0]))
            for name in group["node"]
        }
        order = sorted(middles, key=lambda name: middles[name])
        spread = (np.arange(len(order)) + 0.5) * widest / len(order)
        place |= {name: (float(x), -float(str(layer))) for name, x in zip(order, spread, strict=True)}
    return place


@figure("theory", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """How the intervention is meant to work: what moves what, and what the panel measures."""
    boxes, arrows = table[table["kind"] == "node"], table[table["kind"] == "arrow"]
    hidden = int((boxes["measured"] == "no").sum())
    note = f"{len(boxes)} nodes, {len(arrows)} arrows." + (f" Dashed: not measured ({hidden})." if hidden else "")
    deepest, widest = float(boxes["y"].min()), float(max(boxes["x"].max() + 0.5, 2))
    shown, axes = canvas(
        "How it is meant to work", height=_GAP * (1 - deepest), note=note, left=0.15, right=0.15, bottom=0.1
    )
    axes[0].set_xlim(0, widest)
    axes[0].set_ylim(deepest - 0.5, 0.5)
    axes[0].axis("off")
    for _, row in arrows.iterrows():
        _arrow(axes[0], row)
    for _, row in boxes.iterrows():
        _box(axes[0], row, min(_WIDE, 6.9 / widest - 0.3))
    return shown


def _arrow(axes: Axes, row: pd.Series) -> None:
    """Draw an arrow from under a box to the top of another; one that passes a row bends to the outside."""
    passes = row["y"] - row["y_end"] > 1
    outside = 1 if row["x_end"] + row["x"] < sum(axes.get_xlim()) else -1
    half = _TALL / _GAP / 2
    axes.annotate(
        "", (row["x_end"], row["y_end"] + half), (row["x"], row["y"] - half),
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 0.9, "shrinkA": 0, "shrinkB": 0,
                    "connectionstyle": f"arc3,rad={0.25 * outside if passes else 0:g}"},
    )  # fmt: skip


def _box(axes: Axes, row: pd.Series, wide: float) -> None:
    """Write a node's words in a box; dashed where it is not measured."""
    edge = _COLOURS.get(str(row["role"]), INK)
    axes.text(
        row["x"], row["y"], wrapped(str(row["words"]), wide, size=8.0), ha="center", va="center", size=8.0,
        linespacing=1.15, zorder=3,
        bbox={"boxstyle": "round,pad=0.3", "fc": "white" if edge == INK else FAINT, "ec": edge, "lw": 1.1,
              "ls": "-" if row["measured"] == "yes" else (0, (3, 2))},
    )  # fmt: skip
