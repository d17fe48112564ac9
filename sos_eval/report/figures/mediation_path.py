"""The way of an effect through a mediator, and beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import p_text
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import scale_label
from sos_eval.report.theme import COMPARISON, FAINT, INK, MUTED, TREATED, canvas, layout_width, wrapped
from sos_eval.report.wording import alike, plain_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The two links, what runs beside the mediator, and what runs through it.
_FIRST, _SECOND, _BESIDE, _THROUGH = "first link", "second link", "beside it", "through it"
_COLUMNS = ["mediator", "arrow", "start", "end", "estimate", "conf_low", "conf_high", "p_value", "reason"]
#: Inches from the upper edge of a path to its first box, from there down to its last, and under that.
_ABOVE, _DOWN, _UNDER = 0.5, 1.4, 0.35
#: The same on a narrow page, where paths run downwards.
_ABOVE_NARROW, _DOWN_NARROW = 0.25, 2.9
#: Inches between edge and the middle of a box, and of the widths below which a page is narrow.
_SIDE, _NARROW = 0.95, 5.0
_SIZE, _PALE = 8.0, "#b0b0b0"
#: Lines of a box at most, their spacing, the room around them in letters, and points between box and arrow.
_LINES, _SPACED, _PAD, _CLEAR = 3, 1.2, 0.35, 3.0
#: Inches from the edge to words on a narrow page, and of a letter.
_EDGE, _LETTER = 0.05, 0.58 * _SIZE / 72
_EDGES = {"start": TREATED, "middle": INK, "end": COMPARISON}


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return of every measured mediator the links and the parts of the effect, a row each."""
    first, joint = bundle.tables("mechanisms.first_link"), bundle.tables("mechanisms.joint")
    if first.empty or joint.empty:
        raise NothingToShow("no mediator is measured (theory.columns)")
    parts, nodes = bundle.tables("mechanisms.mediation"), bundle.tables("theory.nodes").set_index("role")["words"]
    ends = [_words(nodes.get(role, role)) for role in ("treatment", "outcome")]
    rows = []
    for _, link in first.iterrows():
        words, own = _words(link["words"]), joint[joint["mediator"] == link["mediator"]].iloc[0]
        second = {name: own.get(f"link_{name}") for name in ("low", "high", "p")}
        rows.append((words, _FIRST, ends[0], words, *_ranged(link), link["p_value"], link["reason"]))
        rows.append((words, _SECOND, words, ends[1], own["link"], second["low"], second["high"], second["p"],
                     own["reason"]))  # fmt: skip
        split = parts[parts["mediator"] == link["mediator"]] if len(parts) else parts
        for arrow, quantity in ((_BESIDE, "pure_natural_direct"), (_THROUGH, "total_natural_indirect")):
            found = split[split["quantity"] == quantity] if len(split) else split
            told = _ranged(found.iloc[0]) if len(found) else (np.nan,) * 3
            why = str(split["reason"].iloc[0]) if len(split) and found.empty else "" if len(found) else "not declared"
            rows.append((words, arrow, *ends, *told, np.nan, why))
    return pd.DataFrame(rows, columns=_COLUMNS).fillna({"reason": ""})


def _words(words: object) -> str:
    """Return a node as a box has it."""
    plain = plain_words(str(words))
    return plain[:1].upper() + plain[1:]


def _ranged(row: pd.Series) -> tuple[Any, Any, Any]:
    return row["estimate"], row.get("conf_low"), row.get("conf_high")


@figure("mediation_path", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show what practice does to each mediator, the mediator to the outcome, and what runs beside it."""
    paths = [dict(_by_arrow(rows)) for _, rows in table.groupby("mediator", sort=False)]
    across = layout_width() - 0.3
    narrow = across < _NARROW
    above, down = (_ABOVE_NARROW, _DOWN_NARROW) if narrow else (_ABOVE, _DOWN)
    tall = above + down + _UNDER
    shown, axes = canvas(
        "What runs through the mediator, and what beside it", height=tall * len(paths), note=_note(table, bundle),
        left=0.15, right=0.15, bottom=0.1,
    )  # fmt: skip
    axes[0].set_xlim(0, across)
    axes[0].set_ylim(-tall * len(paths), 0)
    axes[0].axis("off")
    for place, path in enumerate(paths):
        top = -place * tall - above
        if narrow:
            at = {"start": (_SIDE - 0.1, top), "middle": (across - _SIDE + 0.1, top - down / 2),
                  "end": (_SIDE - 0.1, top - down)}  # fmt: skip
        else:
            at = {"start": (_SIDE, top - down), "middle": (across / 2, top), "end": (across - _SIDE, top - down)}
        _path(axes[0], path, at, narrow=narrow)
    return shown


def _by_arrow(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    for _, row in rows.iterrows():
        yield str(row["arrow"]), row


def _note(table: pd.DataFrame, bundle: ResultBundle) -> str:
    """Say what the arrows are, and why one has no number."""
    said = (
        "Estimates with conventional 95% intervals; p by random adoptions (first link) and by permutation (second). "
        "Dashed: an association, since no lot decided the mediator. The first link is in the mediator's own unit, the "
        f"second in the outcome's ({_unit(bundle)}) for one of these, the rest in the outcome's."
    )
    links = table[table["arrow"] == _FIRST]
    if (links["conf_low"].notna() & (links["reason"] != "")).any():
        said += " With few treated the first link's interval is too narrow."
    split = table[table["arrow"] == _BESIDE]
    if split["estimate"].notna().any():
        said += " The parts rest on what the design declares of hidden causes."
    if split["estimate"].isna().any():
        why = next((reason for reason in split["reason"] if reason not in ("", "not declared")), "")
        said += f" Grey: not estimated ({why.split('. ')[0] or 'no split is declared'})."
    return said


def _unit(bundle: ResultBundle) -> str:
    name = bundle.facts.headline.outcome
    return scale_label(bundle, name, bundle.facts.panel.outcomes[name].scale)


def _path(axes: Axes, path: dict[str, pd.Series], at: dict[str, tuple[float, float]], *, narrow: bool) -> None:
    """Draw one triangle of who acts, the mediator and the outcome, at their places."""
    apart = "\n" if narrow else " "
    words = {"start": path[_FIRST]["start"], "end": path[_SECOND]["end"], "middle": path[_FIRST]["end"]}
    boxes = {name: _boxed(str(text)) for name, text in words.items()}
    if _is_told(path[_THROUGH]):
        said = f"{_THROUGH.capitalize()}: {_number(path[_THROUGH], apart)}"
        if narrow:
            boxes["middle"] += f"\n{said}"
        else:
            _label(axes, at["middle"][0], at["middle"][1] + 0.36, said, told=True)
    ways = {_FIRST: ("start", "middle"), _SECOND: ("middle", "end"), _BESIDE: ("start", "end")}
    for arrow, (one, other) in ways.items():
        told = _is_told(path[arrow])
        shape = {"arrowstyle": "-|>", "color": INK if told else _PALE, "lw": 1.2, "mutation_scale": 11,
                 "shrinkA": _to_edge(boxes[one], at[one], at[other]),
                 "shrinkB": _to_edge(boxes[other], at[one], at[other]),
                 "ls": (0, (4, 2)) if arrow == _SECOND else "-"}  # fmt: skip
        axes.annotate("", at[other], at[one], arrowprops=shape)
        x, y = ((at[one][k] + at[other][k]) / 2 for k in (0, 1))
        said = f"{arrow.capitalize()}\n{_number(path[arrow], apart)}"
        if narrow and arrow == _BESIDE:  # at the edge, clear of the mediator's box
            x = min(x, _EDGE + max(map(len, said.split("\n"))) * _LETTER / 2)
        _label(axes, x, y, said, told=told)
    for name, text in boxes.items():
        axes.text(
            *at[name], text, ha="center", va="center", size=_SIZE, zorder=4, linespacing=_SPACED,
            bbox={"boxstyle": f"round,pad={_PAD}", "fc": "white" if name == "middle" else FAINT, "ec": _EDGES[name],
                  "lw": 1.1},
        )  # fmt: skip


def _boxed(text: str) -> str:
    """Break a node's words for its box; of long ones the end is left out (the figure's data have them whole)."""
    lines = wrapped(text, 2 * _SIDE - 0.4, size=_SIZE).split("\n")
    return "\n".join(lines if len(lines) <= _LINES else [*lines[: _LINES - 1], f"{lines[_LINES - 1]} …"])


def _to_edge(text: str, one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the points from the middle of a box to its edge and a little further, towards another box."""
    from matplotlib.textpath import TextPath

    lines = text.split("\n")
    wide = max(TextPath((0, 0), line, size=_SIZE).get_extents().width for line in lines)
    half = np.array([wide, _SPACED * _SIZE * len(lines)]) / 2 + _PAD * _SIZE
    way = np.abs(np.subtract(other, one))
    with np.errstate(divide="ignore"):
        return float((half / (way / np.hypot(*way))).min()) + _CLEAR


def _label(axes: Axes, x: float, y: float, text: str, *, told: bool) -> None:
    axes.text(
        x, y, text, ha="center", va="center", size=_SIZE, zorder=3, linespacing=1.25, color=INK if told else MUTED,
        bbox={"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none"},
    )  # fmt: skip


def _is_told(row: pd.Series) -> bool:
    return bool(np.isfinite(float(row["estimate"])))


def _number(row: pd.Series, apart: str) -> str:
    """Return an estimate with its interval and p as far as there are such."""
    if not _is_told(row):
        return "not estimated"
    best, low, high = alike([float(row[name]) for name in ("estimate", "conf_low", "conf_high")])
    ranged = f"{apart}({low} to {high})" if np.isfinite(row[["conf_low", "conf_high"]].astype(float)).all() else ""
    return f"{best}{ranged}" + (f"\n{said}" if (said := p_text(float(row["p_value"]))) else "")
