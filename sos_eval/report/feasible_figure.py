"""What falls and rises could be found, by number of starters: one picture of a table of `feasible`."""

from __future__ import annotations

from io import StringIO

import pandas as pd

from sos_eval.report.theme import house_style

__all__ = ["draw_feasible"]


def draw_feasible(table: pd.DataFrame) -> str:
    """Draw `feasible.csv` as SVG: a panel an outcome, a line a window and direction."""
    from matplotlib.figure import Figure

    outcomes = list(dict.fromkeys(table["outcome"]))
    with house_style():
        figure = Figure(figsize=(7.2, 0.6 + 3.4 * len(outcomes)), layout="constrained")
        for axes, outcome in zip(figure.subplots(len(outcomes), squeeze=False)[:, 0], outcomes, strict=True):
            _panel(axes, table[table["outcome"] == outcome])
            axes.set_title(f"Detectable change: {outcome}" if len(outcomes) > 1 else "Detectable change", loc="left")
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _panel(axes: object, rows: pd.DataFrame) -> None:
    """Draw falls (below zero) and rises (above) as shares of the level."""
    markers = dict(zip(dict.fromkeys(rows["within"]), "os^v", strict=False))
    windows = list(dict.fromkeys(zip(rows["before"], rows["after"], strict=True)))
    for k, (before, after) in enumerate(windows):
        for within, marker in markers.items():
            own = rows[(rows["before"] == before) & (rows["after"] == after) & (rows["within"] == within)]
            words = f"{before} before, {after} after" + (f", within {within}" if within else "")
            for name, sign in (("fall", -1), ("rise", 1)):
                label = words if sign < 0 else None
                axes.errorbar(  # type: ignore[attr-defined]
                    own["treated"], sign * 100 * own[f"{name}_share"],
                    yerr=200 * own[f"{name}_error"] / own["level_without"], color=f"C{k}", marker=marker,
                    linestyle="-" if within == "" else ":", label=label,
                )  # fmt: skip
    axes.axhline(0, color="0.5", linewidth=0.8)  # type: ignore[attr-defined]
    axes.set_xlabel("Authorities that start")  # type: ignore[attr-defined]
    axes.set_ylabel("% of the level")  # type: ignore[attr-defined]
    axes.set_xticks(sorted(set(rows["treated"])))  # type: ignore[attr-defined]
    axes.legend(title="Periods; bars: two standard errors", fontsize="small")  # type: ignore[attr-defined]
