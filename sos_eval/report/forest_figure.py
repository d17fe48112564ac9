"""Forest and funnel of a synthesis: each study, the mean, and where a new setting's effect would lie."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pandas as pd

from sos_eval.report.theme import COLOURS, INK, MUTED, evenly, house_style
from sos_eval.report.wording import in_word
from sos_eval.synthesis.synthesis import OWN

__all__ = ["draw_forest", "draw_funnel"]

_NAMES, _ROW = 34, 0.34


def draw_forest(studies: pd.DataFrame, head: pd.Series) -> str:
    """Draw every study with its interval, and below them the mean and the prediction interval, as SVG.

    Parameters
    ----------
    studies
        Columns ``study, scale, estimate, conf_low, conf_high, interval, weight``.
    head
        ``outcome, unit, estimate, conf_low, conf_high, predicted_low, predicted_high, conf_level`` of the headline.
    """
    from matplotlib.figure import Figure

    ratio = studies["scale"].iloc[0] == "ratio"
    places = np.arange(len(studies), 0, -1) + 1.0
    with house_style():
        figure = Figure(figsize=(7.2, 1.5 + _ROW * (len(studies) + 2)), layout="constrained")
        axes = figure.subplots()
        if ratio:
            axes.set_xscale("log")
        for place, (_, row) in zip(places, studies.iterrows(), strict=True):
            given = row["interval"] == OWN
            axes.plot([row["conf_low"], row["conf_high"]], [place, place], color=COLOURS[0], ls="-" if given else "--")
        axes.scatter(
            studies["estimate"], places, s=20 + 400 * studies["weight"], marker="s", color=COLOURS[0], zorder=3
        )
        ends = [head["conf_low"], head["estimate"], head["conf_high"], head["estimate"]]
        axes.fill(ends, [0.6, 0.85, 0.6, 0.35], color=COLOURS[1])
        axes.plot([head["predicted_low"], head["predicted_high"]], [0.6, 0.6], color=COLOURS[1], linewidth=1, zorder=0)
        axes.axvline(1.0 if ratio else 0.0, color=MUTED, linestyle=":", linewidth=1)
        names = ["\n".join(evenly(in_word(str(name)), _NAMES)) for name in studies["study"]]
        axes.set_yticks([*places, 0.6], [*names, "Mean of studies"])
        axes.set_ylim(0, len(studies) + 1.7)
        axes.grid(visible=False, axis="y")
        _number_ticks(axes, ratio=ratio)
        axes.set_xlabel(_axis(head, ratio=ratio))
        axes.set_title("What each study found, and all together")
        figure.text(
            0.01, -0.02, f"Squares: estimates, larger where the weight is; lines: {head['conf_level']:.0%} intervals, "
            "each study's own, dashed where they are\nnormal ones of its standard error. Diamond: mean and its "
            "interval; thin line: a new setting's effect.", fontsize=7.5, color=INK, va="top",
        )  # fmt: skip
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return text.getvalue()


def draw_funnel(studies: pd.DataFrame, head: pd.Series) -> str:
    """Draw effects against their standard errors with the range that chance alone would give, as SVG."""
    from matplotlib.figure import Figure

    ratio = studies["scale"].iloc[0] == "ratio"
    centre = float(np.log(head["estimate"]) if ratio else head["estimate"])
    deepest = float(studies["std_error"].max()) * 1.1
    ends = [centre - 1.96 * deepest, centre, centre + 1.96 * deepest]
    with house_style():
        figure = Figure(figsize=(5.4, 4.0), layout="constrained")
        axes = figure.subplots()
        if ratio:
            axes.set_xscale("log")
        axes.fill(np.exp(ends) if ratio else ends, [deepest, 0, deepest], color="#ececec", zorder=0)
        axes.scatter(studies["estimate"], studies["std_error"], color=COLOURS[0], zorder=3)
        axes.axvline(head["estimate"], color=COLOURS[1], linewidth=1)
        axes.set_ylim(deepest, 0)
        _number_ticks(axes, ratio=ratio)
        axes.set_xlabel(_axis(head, ratio=ratio, width=50))
        axes.set_ylabel("Standard error" + (" of the log" if ratio else ""))
        axes.set_title("Effects by their standard errors")
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _axis(head: pd.Series, *, ratio: bool, width: int = 70) -> str:
    """Say what stands on the axis: the scale, the outcome and its unit, as far as they are known."""
    about = f" in {in_word(str(head['outcome'])).lower()}" if head["outcome"] else ""
    unit = f", {head['unit']}" if head["unit"] else ""
    return "\n".join(evenly(f"{'Ratio' if ratio else 'Difference'}{about}{unit}", width))


def _number_ticks(axes: object, *, ratio: bool) -> None:
    """Write plain numbers on a scale of ratios."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not ratio:
        return
    axis = axes.xaxis  # type: ignore[attr-defined]
    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
