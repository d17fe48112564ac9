"""What a report says about economics: the gate's verdict first, then no more than it allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.report.content import Block, Bullets, Heading, Picture, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.tabulate import shown

__all__ = ["economic_blocks", "verdict_blocks"]

#: Tables in a report, in order, with their captions; the rest stand in the folder.
_TABLES = {
    "summary": "Main results", "incremental": "Strategies by cost, with those that others dominate",
    "breakeven": "What the programme would have to achieve to pay for itself",
    "cost_consequence": "Costs and consequences by bearer, present values",
    "research_value": "Bound on the value of research, under the stated prior",
    "scenarios": "Under other choices", "equity": "By group of children", "budget_impact": "Budget by year",
    "parameters": "Inputs and their uncertainty", "cheers": "CHEERS 2022",
}  # fmt: skip
_PICTURES = (
    "economics_gate", "economics_break_even", "economics_budget", "economics_plane", "economics_acceptability",
    "economics_expected_loss", "economics_evpi", "economics_evppi", "economics_studies", "economics_tornado",
    "economics_two_way",
)  # fmt: skip
_MOST_ROWS = 60


def verdict_blocks(found: Mapping[str, Any]) -> list[Block]:
    """Return the verdict: tier, what it allows, watermark or condition, headline, what would lift it."""
    gate = found["gate"]
    blocks: list[Block] = []
    if gate.get("watermark"):
        blocks.append(Text(str(gate["watermark"]), "answer"))
    blocks.append(Text(f"The evidence grants tier {gate['tier']}. It allows: {gate['allowed']}."))
    if gate.get("condition"):
        blocks.append(Text(f"Everything below is {gate['condition']}."))
    headline = found.get("headline")
    if isinstance(headline, dict):
        blocks.append(Text(str(headline.get("sentence") or f"No headline: {headline.get('reason')}.")))
    lift = gate.get("lift") or {}
    if lift:
        names = {name: gate["evidence"][name]["name"].replace("_", " ") for name in lift}
        blocks.append(Heading("What would lift the verdict", 3))
        blocks.append(Bullets(tuple(f"{name} ({names[name]}) {text}." for name, text in lift.items())))
    return blocks


def economic_blocks(found: Mapping[str, Any], drawn: Drawn) -> list[Block]:
    """Return the evidence, figures and tables that the verdict allows."""
    blocks: list[Block] = [Table(_criteria(found["gate"]), "The evidence, criterion by criterion")]
    blocks += [Picture(name, drawn.alt[name]) for name in _PICTURES if name in drawn.images]
    for name, caption in _TABLES.items():
        table = found.get(name)
        if isinstance(table, pd.DataFrame) and len(table):
            more = len(table) - _MOST_ROWS
            words = f"{caption} (the first {_MOST_ROWS} of {len(table)} rows)" if more > 0 else caption
            frame = shown(table.head(_MOST_ROWS))
            blocks.append(Table(frame.rename(columns=lambda column: str(column).replace("_", " ")), words))
    return blocks


def _criteria(gate: Mapping[str, Any]) -> pd.DataFrame:
    """Lay the criteria out: tier, what was measured and where, what is needed, notes."""
    rows = []
    for name, entry in gate["evidence"].items():
        measured = [f"{field} {_said(value)}" for field, value in entry["measured"].items()]
        where = [f"{field}: {pointer}" for field, pointer in entry["pointer"].items()]
        needed = [f"{tier}: {entry['threshold'][tier]}" for tier in ("E2", "E3")]
        parts = ("; ".join(measured), ". ".join(needed), "; ".join([*where, *entry["notes"]]))
        rows.append((f"{name} {entry['name'].replace('_', ' ')}", entry["tier"], *parts))
    return pd.DataFrame(rows, columns=["Criterion", "Tier", "Measured", "Needed", "Where, and notes"], dtype=object)


def _said(value: Any) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
