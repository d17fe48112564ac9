"""The second E of EMMIE: what the evidence gate allows to be said of costs, and what would lift it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.economics.summary import finding, outside_tiers, subject_of
from sos_eval.report.content import Block, Bullets, Heading, Picture, Table, Text
from sos_eval.report.draw import Drawn
from sos_eval.report.economics_gate import gate_table
from sos_eval.report.economics_texts import in_money, texts
from sos_eval.report.economics_words import criterion_words, table_words
from sos_eval.report.tabulate import shown

__all__ = ["economics"]

#: Tables in the report, in order; the rest are in the bundle's folder ``economics``.
_TABLES = {
    "summary": "Main results", "incremental": "Incremental costs and effects", "value_for_money": "Value for money",
    "breakeven": "Break-even effect",
    "assumptions": "What is assumed and no draw varies",
    "timing": "When the money falls: what the convention does to the saving of one entry averted in every year of full "
    "effect, fading as declared, and of a single entry averted in the first year",
    "cost_consequence": "Costs and consequences by bearer: of the whole programme, and for one entry averted in every "
    "year of full effect, fading as declared",
    "research_value": "Bound on the value of research: for a decision, and for all decisions that it would inform",
    "scenarios": "Scenarios at expected values: savings of one entry averted in every year of full effect, and of a "
    "single entry averted in the first",
    "scenarios_probabilistic": "Scenarios, each with draws of its own: better than the comparator whatever the others "
    "do, and best of all, are two probabilities",
    "tornado": "What would turn the decision: where, over each parameter's range, another strategy becomes the best",
    "equity": "By group of children", "distribution": "Inequality between groups: equally distributed equivalents",
    "distribution_weighted": "Groups by declared weights",
    "budget_impact": "Budget impact by strategy and year, cash: “all that count” is the sum of the bearers that count",
    "evpi": "Value of perfect information, for a decision",
    "evpi_population": "Value of perfect information, for all decisions informed",
    "evppi": "Value of knowing parameters, for a decision: a value below zero is the noise of estimating nothing",
    "evppi_population": "Value of knowing parameters, for all decisions informed",
    "evsi": "Proposed studies, less their cost: all decisions from today are counted, as if the result were there at "
    "once (the next study counts only those after it has ended)",
    "next_study": "The next study, less its cost: only the decisions after it has ended are counted; of the best size "
    "and those not told apart from it by two errors, none is shown to be better",
    "parameters": "Inputs and their uncertainty", "cheers": "CHEERS 2022",
}  # fmt: skip
#: Tables by threshold: the page has the rows at which the decision is taken, where it is declared, else none of these.
_BY_THRESHOLD = ("evpi", "evpi_population", "evppi", "evppi_population", "evsi")
#: Tables of which the page has the strategy that the decision is about, and names it.
_OF_SUBJECT = ("equity", "tornado")
#: Columns of a table on the page; the file has all.
_COLUMNS = {"tornado": ["parameter", "low", "high", "inmb_low", "inmb_high", "switches"]}
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
    blocks += _tier(gate, outside_tiers(found)) if isinstance(gate, dict) else []
    headline = found.get("headline")
    if isinstance(headline, dict) and not headline.get("sentence"):
        reason = str(headline.get("reason") or "the gate grants none").removesuffix(".")
        blocks.append(Text(f"No headline: {reason}."))
    blocks += [Picture(name, drawn.alt[name]) for name in drawn.images if name.startswith("economics_")]
    for name, caption in _TABLES.items():
        table = _decided(name, found)
        if isinstance(table, pd.DataFrame) and len(table):
            subject = subject_of(found) if name in _OF_SUBJECT else ""
            more = f" ({subject})" if subject else ""
            money = in_money(gate, name) if isinstance(gate, dict) else ""
            more += f" ({money})" if money else ""
            more += f" (first {_MOST_ROWS} of {len(table):,} rows)" if len(table) > _MOST_ROWS else ""
            blocks.append(Table(table_words(shown(_told_once(table).head(_MOST_ROWS))), caption + more))
    return [*blocks, *(_gate(gate) if isinstance(gate, dict) else [])]


def _decided(name: str, found: dict[str, Any]) -> Any:
    """Return a table as the page has it: at the decision threshold, about the strategy decided on, in its columns."""
    table, at, subject = found.get(name), found.get("convergence"), subject_of(found)
    if not isinstance(table, pd.DataFrame):
        return None
    if name in _BY_THRESHOLD:
        if not isinstance(at, pd.DataFrame):
            return table if name == "evppi_population" else None
        table = table[table["threshold"] == at["threshold"].iloc[0]]
    if name in _OF_SUBJECT and subject:
        table = table[table["strategy"] == subject].drop(columns="strategy")
    kept = [column for column in _COLUMNS.get(name, list(table.columns)) if column in table]
    return table[kept].reset_index(drop=True)


def _told_once(table: pd.DataFrame) -> pd.DataFrame:
    """Leave the condition of all rows out: it stands at the head of the chapter."""
    same = "condition" in table and len(set(texts(table["condition"]))) == 1
    return table.drop(columns="condition") if same else table


def _tier(gate: dict[str, Any], outside: str) -> list[Block]:
    """Say how far the evidence carries, and under what condition."""
    tier = f"Tier granted by the evidence: {gate.get('tier', 'none')}."
    allowed = f" It allows: {gate['allowed']}." if gate.get("allowed") else ""
    condition = f" Everything here is {gate['condition']}." if gate.get("condition") else ""
    allowed += f" {outside}" if outside else ""
    return [Text(f"{tier}{allowed}{condition} What the tier rests on stands at the end of the chapter.")]


def _gate(gate: dict[str, Any]) -> list[Block]:
    """Return what would lift the tier, and the evidence criterion by criterion."""
    blocks: list[Block] = []
    lift, evidence = gate.get("lift") or {}, gate.get("evidence") or {}
    if lift:
        lines = tuple(f"{criterion_words(name, evidence)}: {text}" for name, text in lift.items())
        blocks += [Heading("What would lift it", 3), Bullets(lines)]
    if evidence:
        table = gate_table(gate).drop(columns="lift").rename(columns={"where": "Where, and notes"})
        blocks.append(Table(table, "The evidence, criterion by criterion; the lowest tier counts"))
    return blocks
