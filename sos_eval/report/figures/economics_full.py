"""Economics where the evidence carries it: plane, acceptability, losses, value of information, sensitivity."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.economics.summary import subject_of
from sos_eval.errors import numeral
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.economics_texts import texts
from sos_eval.report.economics_words import parameter_words
from sos_eval.report.figures.economics_first import amounts, colours_of, economic_table, marked
from sos_eval.report.theme import COLOURS, INK, canvas, legend, wrapped
from sos_eval.report.wording import minus_signs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS = 800
_BARS = 12
#: Of lines that can lie on one another, so that those below are seen.
_DASHES: tuple[Any, ...] = ("-", (0, (4, 2.5)), (0, (1, 1.6)), (0, (6, 2, 1, 2)))


def decision_threshold(bundle: ResultBundle) -> float:
    """Return the threshold at which the decision is taken, or say that none is declared."""
    at = economic_table(bundle, "summary").set_index("quantity")["threshold"].get("best on average")
    if at is None or pd.isna(at):
        raise NothingToShow("no decision_threshold is declared")
    return float(at)


def _plane(bundle: ResultBundle) -> pd.DataFrame:
    table = economic_table(bundle, "psa")
    step = max(len(table["draw"].unique()) // _DOTS, 1)
    return pd.DataFrame(table[(table["draw"] - 1) % step == 0]).reset_index(drop=True)


@figure("economics_plane", _plane)
def plane(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the draws on the cost-effectiveness plane."""
    note = marked(bundle, f"{table['draw'].nunique():,} draws shown; crosses: means of the draws shown.")
    shown, (axes, *_) = canvas("Cost and effect against the comparator", height=3.4, note=note, left=0.85, top=0.36)
    colours = colours_of(bundle)
    for name, group in table.groupby("strategy", sort=False):
        axes.scatter(
            group["inc_effect"], group["inc_cost"], s=5, color=colours[str(name)], alpha=0.3, lw=0, label=str(name)
        )
        axes.plot(group["inc_effect"].mean(), group["inc_cost"].mean(), "x", color=INK, ms=8, mew=2)
    axes.axhline(0, color=INK, lw=0.8)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set(xlabel="Additional units of effect", ylabel="Additional cost")
    amounts(axes.yaxis, bundle)
    legend(axes)
    for handle in axes.get_legend().legend_handles:  # type: ignore[union-attr]
        if handle is not None:
            handle.set_alpha(1)
            handle.set_sizes([24])  # type: ignore[union-attr]
    return shown


def _acceptability(bundle: ResultBundle) -> pd.DataFrame:
    table = economic_table(bundle, "ceac").assign(curve="acceptability")
    return pd.concat([table, economic_table(bundle, "ceaf").assign(curve="frontier")], ignore_index=True)


@figure("economics_acceptability", _acceptability)
def acceptability(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the probability that each strategy is best, and the frontier of the one that is best on average."""
    note = marked(bundle, "Bold: the frontier, the probability for the strategy with the highest expected net benefit.")
    title = "Probability of being the best of all by threshold"
    shown, (axes, *_) = canvas(title, height=2.9, note=note, top=0.5)
    curves = table[table["curve"] == "acceptability"]
    colours = colours_of(bundle)
    for name, group in curves.groupby("strategy", sort=False):
        axes.plot(group["threshold"], group["probability"], color=colours[str(name)], lw=1.3, label=str(name))
    frontier = table[table["curve"] == "frontier"]
    axes.plot(frontier["threshold"], frontier["probability"], color=INK, lw=2.6, alpha=0.55, label="frontier")
    axes.set(xlabel="Threshold: money a unit of effect", ylabel="Probability", ylim=(0, 1))
    amounts(axes.xaxis, bundle)
    legend(axes)
    return shown


def _information(bundle: ResultBundle) -> pd.DataFrame:
    return economic_table(bundle, "evpi")


@figure("economics_evpi", _information)
def information(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show what perfect information would be worth."""
    note = marked(bundle, "Shaded: two Monte Carlo standard errors.")
    shown, (axes, *_) = canvas("Expected value of perfect information", height=2.5, note=note, left=0.85)
    reach = 2 * table["std_error"]
    axes.fill_between(
        table["threshold"], table["evpi"] - reach, table["evpi"] + reach, color=COLOURS[0], alpha=0.2, lw=0
    )
    axes.plot(table["threshold"], table["evpi"], color=COLOURS[0])
    axes.set(xlabel="Threshold: money a unit of effect", ylabel="A decision")
    axes.set_ylim(0, None)
    amounts(axes.xaxis, bundle)
    amounts(axes.yaxis, bundle)
    return shown


def _converging(bundle: ResultBundle) -> pd.DataFrame:
    return economic_table(bundle, "convergence")


@figure("economics_convergence", _converging)
def converging(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the incremental net benefit after fewer draws, which says whether there have been enough."""
    at = float(table["threshold"].iloc[0])
    note = marked(bundle, f"Incremental net benefit at {at:,.10g} a unit of effect. Shaded: two Monte Carlo errors.")
    title = "Have there been enough draws?"
    shown, (axes, *_) = canvas(title, height=2.5, note=note, left=1.05, top=0.5)
    colours = colours_of(bundle)
    for name, group in table.groupby("strategy", sort=False):
        value, reach = group["incremental_net_benefit"], 2 * group["std_error"]
        axes.fill_between(group["draws"], value - reach, value + reach, color=colours[str(name)], alpha=0.15, lw=0)
        axes.plot(group["draws"], value, color=colours[str(name)], label=str(name))
    axes.set(xlabel="Draws", ylabel="Incremental net benefit")
    amounts(axes.yaxis, bundle)
    legend(axes)
    return shown


def _loss(bundle: ResultBundle) -> pd.DataFrame:
    return economic_table(bundle, "expected_loss")


@figure("economics_expected_loss", _loss)
def loss(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the expected loss of choosing each strategy; the lowest curve is the value of perfect information."""
    shown, (axes, *_) = canvas("Expected loss of each choice", height=2.7, note=marked(bundle), left=0.85, top=0.5)
    colours = colours_of(bundle)
    for dash, (name, group) in zip(cycle(_DASHES), table.groupby("strategy", sort=False), strict=False):
        axes.plot(group["threshold"], group["expected_loss"], color=colours[str(name)], ls=dash, label=str(name))
    axes.set(xlabel="Threshold: money a unit of effect", ylabel="Expected loss a decision")
    amounts(axes.xaxis, bundle)
    amounts(axes.yaxis, bundle)
    legend(axes)
    return shown


def _partial(bundle: ResultBundle) -> pd.DataFrame:
    return economic_table(bundle, "evppi")


@figure("economics_evppi", _partial)
def partial(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show what knowing groups of parameters would be worth, with errors."""
    bounds = [parameter_words(name) for name, group in table.groupby("parameters", sort=False) if _bound(group)]
    said = f" A lower bound: {', '.join(bounds)}." if bounds else ""
    note = marked(bundle, f"Shaded: two standard errors of the regression and of averaging.{said}")
    title = "Value of knowing some parameters exactly"
    shown, (axes, *_) = canvas(title, height=2.9, note=note, left=0.85, top=0.5)
    groups = table.groupby("parameters", sort=False)
    for colour, dash, (name, group) in zip(cycle(COLOURS), cycle(_DASHES), groups, strict=False):
        reach, x = 2 * group["std_error"], group["threshold"]
        axes.fill_between(x, group["evppi"] - reach, group["evppi"] + reach, color=colour, alpha=0.12, lw=0)
        axes.plot(x, group["evppi"], color=colour, ls=dash, label=parameter_words(name))
    axes.set(xlabel="Threshold: money a unit of effect", ylabel="A decision")
    amounts(axes.xaxis, bundle)
    amounts(axes.yaxis, bundle)
    legend(axes, columns=2)
    return shown


def _bound(group: pd.DataFrame) -> bool:
    """Whether the value of a group is a lower bound at some threshold."""
    return any("a lower bound" in note for note in texts(group["note"]))


def _studies(bundle: ResultBundle) -> pd.DataFrame:
    table = economic_table(bundle, "evsi")
    threshold = decision_threshold(bundle)
    return pd.DataFrame(table[table["threshold"] == threshold]).reset_index(drop=True)


@figure("economics_studies", _studies)
def studies(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the net benefit of proposed studies by size."""
    at = float(table["threshold"].iloc[0])
    said = "Bars: two standard errors. All decisions from today are counted."
    note = marked(bundle, f"At a threshold of {at:,.10g}. {said}")
    shown, (axes, *_) = canvas("Expected net benefit of research", height=2.7, note=note, left=0.85, top=0.36)
    for colour, (name, group) in zip(COLOURS, table.groupby("study", sort=False), strict=False):
        reach = 2 * group["enbs_error"]
        axes.errorbar(group["size"], group["enbs"], yerr=reach, color=colour, marker="o", label=str(name))
    axes.axhline(0, color=INK, lw=0.8)
    axes.set(xlabel="Observations", ylabel="Value less cost of the study")
    amounts(axes.yaxis, bundle)
    legend(axes)
    return shown


def _sizes(bundle: ResultBundle) -> pd.DataFrame:
    return economic_table(bundle, "next_study", "not_told_apart")


@figure("economics_next_study", _sizes)
def sizes(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show what the next study would be worth by authorities and years, the best size, and those not told from it."""
    at, best, near = float(table["threshold"].iloc[0]), table[table["best"] == 1], table[table["not_told_apart"] == 1]
    others = f"; small rings: {len(near)} that two errors do not tell from it" if len(near) else ""
    edge = "note" in table and any("edge of the sweep" in note for note in texts(best["note"]))
    beyond = ", at the edge of the sweep (a size beyond it may be better)" if edge else ""
    said = "no size is worth its cost" if best.empty else f"large ring: the largest value{beyond}{others}"
    note = marked(bundle, f"At a threshold of {at:,.10g}; bars: two standard errors; {said}.")
    shown, (axes, *_) = canvas("How large should the next study be?", height=2.7, note=note, left=0.85, top=0.5)
    for colour, (years, group) in zip(COLOURS * 3, table.groupby("years"), strict=False):
        label = f"{years:g} years"
        axes.errorbar(
            group["authorities"], group["enbs"], yerr=2 * group["enbs_error"], color=colour, marker="o", label=label
        )
    axes.plot(best["authorities"], best["enbs"], "o", ms=14, mfc="none", mec=INK, mew=1.5)
    axes.plot(near["authorities"], near["enbs"], "o", ms=10, mfc="none", mec=INK, mew=0.8)
    axes.axhline(0, color=INK, lw=0.8)
    axes.set(xlabel="Authorities", ylabel="Value to later decisions less cost")
    amounts(axes.yaxis, bundle)
    legend(axes)
    return shown


def _tornado(bundle: ResultBundle) -> pd.DataFrame:
    table, subject = economic_table(bundle, "tornado", "switches"), subject_of(bundle.economics)
    return pd.DataFrame(table[table["strategy"] == subject]).head(_BARS).reset_index(drop=True)


@figure("economics_tornado", _tornado)
def tornado(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show how far each parameter alone moves the result, and where another strategy would become the best."""
    at, turned = float(table["threshold"].iloc[0]), table[table["switch_value"].notna()]
    said = "within none of them another strategy becomes the best"
    if len(turned):
        said = "at the right, the value nearest the base case at which another strategy becomes the best"
    subject = str(table["strategy"].iloc[0])
    note = marked(bundle, f"{subject}, at a threshold of {at:,.10g}; each parameter over its range; {said}.")
    title = "Which parameter moves the incremental net benefit?"
    shown, (axes, *_) = canvas(title, height=0.3 * len(table) + 0.4, note=note, left=1.9, right=0.75)
    y = np.arange(len(table))[::-1]
    base = float(table["inmb_base"].iloc[0])
    for end, colour in (("inmb_low", "#9ecae1"), ("inmb_high", COLOURS[0])):
        axes.barh(y, table[end] - base, left=base, height=0.6, color=colour)
    axes.axvline(0, color=INK, lw=1.0, ls=":")
    axes.set_yticks(y, [wrapped(parameter_words(name), 2.1, size=8.5) for name in table["parameter"]])
    for at_y, (_, row) in zip(y, table.iterrows(), strict=True):
        if np.isfinite(row["switch_value"]):
            place, text = axes.get_yaxis_transform(), f"at {_short(row['switch_value'])}"
            axes.text(1.01, at_y, text, transform=place, va="center", size=7.5)
    axes.set_xlabel("Incremental net benefit (light: low end of the range; dark: high end)")
    amounts(axes.xaxis, bundle)
    return shown


def _short(value: float) -> str:
    """Write a number in three figures, thousands and millions by their letter."""
    value = float(f"{value:.3g}")
    for unit, letter in ((1e6, "m"), (1e3, "k")):
        if abs(value) >= unit:
            return minus_signs(f"{numeral(value / unit)}{letter}")
    return minus_signs(numeral(value))


def _capital(name: object) -> str:
    """Return a parameter as an axis is labelled."""
    words = parameter_words(name)
    return words[:1].upper() + words[1:]


def _grid(bundle: ResultBundle) -> pd.DataFrame:
    table = economic_table(bundle, "two_way")
    first = table.iloc[0]
    keep = (table["first"] == first["first"]) & (table["second"] == first["second"])
    return pd.DataFrame(table[keep]).reset_index(drop=True)


@figure("economics_two_way", _grid)
def two_way(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show which strategy is best over a grid of two parameters."""
    note = marked(bundle, f"At a threshold of {float(table['threshold'].iloc[0]):,.10g}.")
    shown, (axes, *_) = canvas("Best strategy over two parameters", height=3.0, note=note, left=0.9, top=0.36)
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    names = list(dict.fromkeys(table["strategy"]))
    grid = table.assign(code=table["strategy"].map(names.index)).pivot_table(
        index="second_value", columns="first_value", values="code"
    )
    own = [colours_of(bundle)[str(name)] for name in names]
    axes.pcolormesh(
        grid.columns, grid.index, grid.to_numpy(float), cmap=ListedColormap(own), vmin=-0.5, vmax=len(names) - 0.5
    )
    axes.grid(visible=False)
    axes.set(xlabel=_capital(table["first"].iloc[0]), ylabel=_capital(table["second"].iloc[0]))
    legend(axes, handles=[Patch(color=colour, label=str(name)) for colour, name in zip(own, names, strict=True)])
    return shown
