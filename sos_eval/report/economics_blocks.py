"""The second E of EMMIE: what the evidence gate allows to be said of costs, and what would lift it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.economics.summary import finding
from sos_eval.report.content import Block, Bullets, Heading, Picture, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.tabulate import shown

__all__ = ["economics"]

#: Tables in the report, in order; the rest are in the bundle's folder ``economics``.
_TABLES = {
    "summary": "Main results", "incremental": "Incremental costs and effects", "value_for_money": "Value for money",
    "breakeven": "Break-even effect", "timing": "When the money falls: what the convention does to the saving",
    "cost_consequence": "Costs and consequences by bearer", "research_value": "Bound on the value of research",
    "scenarios": "Scenarios at expected values", "scenarios_probabilistic": "Scenarios, each with draws of its own",
    "equity": "By group of children", "distribution": "Inequality between groups: equally distributed equivalents",
    "distribution_weighted": "Groups by declared weights", "budget_impact": "Budget impact by strategy and year",
    "evppi_population": "Value of knowing parameters, all decisions informed",
    "next_study": "The next study: value to the decisions after it, less its cost",
    "parameters": "Inputs and their uncertainty", "cheers": "CHEERS 2022",
}  # fmt: skip
_MOST_ROWS = 40
_NEEDS = (
    "Not evaluated. It would need costs of the programme and of care, declared in the design under “economics”, and an "
    "effect that passes the evidence gate. A number for savings without them would not be evidence."
)


def economics(bundle: ResultBundle, drawn: Drawn) -> list[Block]:
    """Return what was evaluated of costs, or what it would need."""
    found = bundle.economics
    if not found:
        return [Heading("Economics"), Text(_NEEDS)]
    gate = found.get("gate")
    mark = gate.get("watermark") if isinstance(gate, dict) else ""
    blocks: list[Block] = [Heading("Economics"), *([Text(str(mark), "answer")] if mark else []), Text(finding(found))]
    blocks += _tier(gate) if isinstance(gate, dict) else []
    headline = found.get("headline")
    if isinstance(headline, dict) and not headline.get("sentence"):
        reason = str(headline.get("reason") or "the gate grants none").removesuffix(".")
        blocks.append(Text(f"No headline: {reason}."))
    blocks += [Picture(name, drawn.alt[name]) for name in drawn.images if name.startswith("economics_")]
    for name, caption in _TABLES.items():
        table = _decided(name, found)
        if isinstance(table, pd.DataFrame) and len(table):
            more = f" (first {_MOST_ROWS} of {len(table):,} rows)" if len(table) > _MOST_ROWS else ""
            blocks.append(Table(_worded(shown(_told_once(table).head(_MOST_ROWS))), caption + more))
    return [*blocks, *(_gate(gate) if isinstance(gate, dict) else [])]


def _decided(name: str, found: dict[str, Any]) -> Any:
    """Return a table; of values by threshold only those at which the decision is taken, where it is declared."""
    table, at = found.get(name), found.get("convergence")
    if name != "evppi_population" or not isinstance(at, pd.DataFrame) or not isinstance(table, pd.DataFrame):
        return table
    return table[table["threshold"] == at["threshold"].iloc[0]].reset_index(drop=True)


def _told_once(table: pd.DataFrame) -> pd.DataFrame:
    """Leave the condition of all rows out: it stands at the head of the chapter."""
    same = "condition" in table and len(set(table["condition"].fillna(""))) == 1
    return table.drop(columns="condition") if same else table


def _worded(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=lambda name: str(name).replace("_", " "))


def _tier(gate: dict[str, Any]) -> list[Block]:
    """Say how far the evidence carries, and under what condition."""
    tier = f"Tier granted by the evidence: {gate.get('tier', 'none')}."
    allowed = f" It allows: {gate['allowed']}." if gate.get("allowed") else ""
    condition = f" Everything here is {gate['condition']}." if gate.get("condition") else ""
    return [Text(f"{tier}{allowed}{condition} What the tier rests on stands at the end of the chapter.")]


def _gate(gate: dict[str, Any]) -> list[Block]:
    """Return what would lift the tier, and the evidence criterion by criterion."""
    blocks: list[Block] = []
    lift, evidence = gate.get("lift") or {}, gate.get("evidence") or {}
    if lift:
        lines = tuple(f"{_criterion(name, evidence)}: {text}" for name, text in lift.items())
        blocks += [Heading("What would lift it", 3), Bullets(lines)]
    if evidence:
        rows = [[_criterion(name, evidence), str(entry["tier"]), *_measured(entry)] for name, entry in evidence.items()]
        names = ["Criterion", "Tier", "Measured", "Needed", "Where, and notes"]
        frame = pd.DataFrame(rows, columns=names, dtype=object)
        blocks.append(Table(frame, "The evidence, criterion by criterion; the lowest tier counts"))
    return blocks


def _measured(entry: dict[str, Any]) -> tuple[str, str, str]:
    """Return what was measured, what the higher tiers need, and where the evidence stands."""
    measured = "; ".join(f"{field} {_said(value)}" for field, value in (entry.get("measured") or {}).items())
    needed = ". ".join(f"{tier}: {text}" for tier, text in (entry.get("threshold") or {}).items() if tier != "E1")
    where = [f"{field}: {pointer}" for field, pointer in (entry.get("pointer") or {}).items()]
    return measured, needed, "; ".join([*where, *map(str, entry.get("notes") or [])])


def _said(value: Any) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _criterion(name: str, evidence: dict[str, Any]) -> str:
    words = str((evidence.get(name) or {}).get("name", "")).replace("_", " ")
    return f"{name} {words}".strip()
