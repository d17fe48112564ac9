"""Economics before the effect is known: what would pay for itself, and what the programme costs when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import numeral
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.theme import COLOURS, INK, MUTED, TREATED, canvas, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["amounts", "colours_of", "economic_table", "gate_of", "marked"]

_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}


def economic_table(bundle: ResultBundle, name: str, *needed: str) -> pd.DataFrame:
    """Return a table of ``economics/``, or say that there is none, or none with the columns that are needed."""
    table = bundle.economics.get(name)
    if not isinstance(table, pd.DataFrame) or table.empty:
        raise NothingToShow("the economic evaluation did not produce this")
    if not {*needed} <= {*table}:
        raise NothingToShow("an earlier version wrote the economic evaluation; run sos-eval economics again")
    return table


def gate_of(bundle: ResultBundle) -> dict[str, Any]:
    """Return the gate's verdict."""
    gate = bundle.economics.get("gate")
    return gate if isinstance(gate, dict) else {}


def marked(bundle: ResultBundle, note: str = "") -> str:
    """Return a note with the verdict's condition or watermark before it."""
    gate = gate_of(bundle)
    mark = gate.get("watermark") or gate.get("condition") or ""
    return f"{mark[:1].upper()}{mark[1:]}{'' if mark.endswith('.') else '.'} {note}".strip() if mark else note


def colours_of(bundle: ResultBundle) -> dict[str, str]:
    """Return a colour for each strategy, the same in every figure: by the order in which they are declared."""
    told = gate_of(bundle).get("strategies")
    names = told if isinstance(told, list) else list(economic_table(bundle, "net_benefit")["strategy"].unique())
    return dict(zip(map(str, names), COLOURS * (1 + len(names) // len(COLOURS)), strict=False))


def amounts(axis: Any, bundle: ResultBundle) -> None:
    """Write money on an axis in thousands or millions of the declared currency."""
    from matplotlib.ticker import FuncFormatter

    currency = str(gate_of(bundle).get("currency") or "GBP")
    axis.set_major_formatter(FuncFormatter(lambda value, _: money(value, currency)))


def money(value: float, currency: str = "GBP") -> str:
    """Write an amount briefly: £1.2m, -€30k, CHF 5."""
    sign = _SIGNS.get(currency, f"{currency} ")
    size, minus = abs(value), "\N{MINUS SIGN}" if value < 0 else ""
    for unit, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if size >= unit:
            return f"{minus}{sign}{numeral(size / unit)}{letter}"
    return f"{minus}{sign}{numeral(size)}"


def _justifiable(bundle: ResultBundle) -> pd.DataFrame:
    return economic_table(bundle, "max_programme_cost", "strategy")


@figure("economics_break_even", _justifiable)
def break_even(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show how high a programme cost each effect would pay for."""
    note = "Shaded: 95% interval from costs and care, without scenarios. No estimate of the effect enters this figure."
    shown, (axes, *_) = canvas(
        "What programme cost would an effect pay for?", height=3.0, note=marked(bundle, note), left=0.85, top=0.55
    )
    costs = table.groupby("strategy", sort=False)["declared_cost"].first()
    widest = table["strategy"].iloc[int(table["share_of_entries"].argmax())]
    wide = table[table["strategy"] == widest]  # the same line for all
    x = wide["share_of_entries"] * 100
    axes.fill_between(x, wide["low"], wide["high"], color=MUTED, alpha=0.15, lw=0)
    axes.plot(x, wide["max_cost"], color=INK, label="all savings")
    axes.plot(x, wide["max_cost_cashable"], color=INK, ls="--", label="cashable savings only")
    colours = colours_of(bundle)
    for dash, (name, cost) in zip((":", "-.", (0, (1, 4)), (0, (5, 3))) * len(costs), costs.items(), strict=False):
        axes.axhline(float(cost), color=colours[str(name)], lw=1.4, ls=dash, label=f"declared cost: {name}")
    axes.set(xlabel="Share of entries to care averted (%)", ylabel="Cost an authority and year", xlim=(0, None))
    axes.set_ylim(0, None)
    amounts(axes.yaxis, bundle)
    legend(axes, columns=2)
    return shown


def _budget(bundle: ResultBundle) -> pd.DataFrame:
    return economic_table(bundle, "budget_impact")


@figure("economics_budget", _budget)
def budget(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show each strategy's cash by year: cost less cashable savings, or cost alone where savings may not be shown."""
    rows = table[table["bearer"] == "all that count"]
    kind = "impact" if "impact" in rows else "cost"
    said = "Cost less cashable savings" if kind == "impact" else "Cost of the programme"
    shown, (axes, *_) = canvas(
        "Budget impact by year, undiscounted", height=2.6, left=0.85, top=0.36,
        note=marked(bundle, "Cash of all authorities and of the bearers that count, with 95% of draws."),
    )  # fmt: skip
    names = list(rows["strategy"].unique())
    wide, colours = 0.8 / len(names), colours_of(bundle)
    for k, (name, group) in enumerate(rows.groupby("strategy", sort=False)):
        value, at = group[kind].to_numpy(), group["year"] + (k - (len(names) - 1) / 2) * wide
        reach = np.maximum(np.stack([value - group[f"{kind}_low"], group[f"{kind}_high"] - value]), 0.0)
        axes.bar(at, value, width=0.9 * wide, color=colours[str(name)], label=str(name))
        axes.errorbar(at, value, yerr=reach, fmt="none", ecolor=INK, elinewidth=1.0, capsize=2)
    axes.axhline(0, color=INK, lw=0.8)
    axes.set(xlabel="Year", ylabel=said)
    axes.set_xticks(sorted(rows["year"].unique()))
    amounts(axes.yaxis, bundle)
    legend(axes)
    return shown


def _criteria(bundle: ResultBundle) -> pd.DataFrame:
    gate = gate_of(bundle)
    if not gate:
        raise NothingToShow("the design declares no economic evaluation")
    rows = [
        (name, gate["evidence"][name]["name"], tier, name in gate["binding"]) for name, tier in gate["criteria"].items()
    ]
    return pd.DataFrame(rows, columns=["criterion", "name", "tier", "binding"])


@figure("economics_gate", _criteria)
def gate(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Show the tier that each criterion of the evidence gate grants."""
    verdict = gate_of(bundle)["tier"]
    note = marked(bundle, "The tier granted is the lowest that any criterion grants; filled diamonds bind it.")
    shown, (axes, *_) = canvas(f"The evidence grants {verdict}", height=3.1, note=note, left=1.9, bottom=0.35)
    tiers = ["E0", "E1", "E2", "E3"]
    x = table["tier"].map(tiers.index).to_numpy()
    y = np.arange(len(table))[::-1]
    axes.hlines(y, 0, x, color="#d9d9d9", lw=3, zorder=1)
    for at, level, binding in zip(y, x, table["binding"], strict=True):
        fill = TREATED if binding else "white"
        axes.plot(level, at, marker="D" if binding else "o", mfc=fill, mec=TREATED, ms=7, mew=1.6, zorder=2)
    axes.axvline(tiers.index(verdict), color=MUTED, lw=1.0, ls=":", zorder=0)
    axes.set_yticks(y, [f"{row.criterion} {str(row.name_).replace('_', ' ')}" for row in _named(table)])
    axes.set_xticks(range(4), tiers)
    axes.set_xlim(-0.3, 3.3)
    axes.grid(axis="y", visible=False)
    return shown


def _named(table: pd.DataFrame) -> list[Any]:
    return list(table.rename(columns={"name": "name_"}).itertuples(index=False))
