"""The few numbers and sentences of a full analysis, and the headline that only sound evidence fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sos_eval.economics.decision import Decision
from sos_eval.economics.icers import predecessors

__all__ = ["UNDECIDED", "economic_headline", "finding", "main_results"]

#: Why no single verdict is given.
UNDECIDED = "no decision_threshold is declared: the curves say what holds at which threshold, none is singled out"
_NAMES = ["quantity", "strategy", "threshold", "value", "low", "high", "text"]
Row = tuple[Any, ...]


def main_results(chosen: Decision, outputs: Mapping[str, Any], printed: str, mark: str) -> pd.DataFrame:
    """Give the main results in rows: ``quantity, strategy, threshold, value, low, high, text, condition``.

    Ratios are those of the frontier, each against the strategy before it there; a dominated strategy has its status and
    no ratio. Rows at a threshold are about the declared one.
    """
    rows = [*_increments(outputs), *_frontier(outputs["incremental"]), *_at_threshold(chosen, outputs)]
    table = pd.DataFrame(rows, columns=_NAMES)
    table["condition"] = mark or ("conditional on the effect being causal" if printed == "E2" else "")
    return table


def _increments(outputs: Mapping[str, Any]) -> list[Row]:
    """Return cost and effect of every strategy against the comparator."""
    rows: list[Row] = []
    for _, row in outputs["quadrants"].iterrows():
        text = f"{row['strategy']} against {row['reference']}: {row['quadrant']}"
        rows.append(("incremental cost", row["strategy"], None, row["inc_cost"], None, None, text))
        rows.append(("incremental effect", row["strategy"], None, row["inc_effect"], None, None, text))
    return rows


def _frontier(table: pd.DataFrame) -> list[Row]:
    """Return the ratio of every strategy on the frontier, and the status of those that are not."""
    before, rows = predecessors(table), list[Row]()
    for _, row in table.iterrows():
        text = _standing(str(row["status"]), before.get(row["strategy"]), ratio=bool(pd.notna(row["icer"])))
        value = row["icer"] if pd.notna(row["icer"]) else None
        rows.append(("incremental cost-effectiveness ratio", row["strategy"], None, value, None, None, text))
    return rows


def _standing(status: str, before: str | None, *, ratio: bool) -> str:
    """Say where a strategy stands on the frontier."""
    if status == "D":
        return "dominated: another costs no more and does no worse; no ratio"
    if status == "ED":
        return "extendedly dominated: a mix of two others does more for the money; no ratio"
    return f"against {before}, the one before it on the frontier" if ratio else "the cheapest on the frontier: no ratio"


def _at_threshold(chosen: Decision, outputs: Mapping[str, Any]) -> list[Row]:
    """Return what holds at the declared threshold; without one, the reason why there is no verdict."""
    if chosen.threshold is None:
        return [("best on average", None, None, None, None, None, UNDECIDED)]
    pairs, rows = outputs["pairwise"], []
    for _, row in pairs[pairs["threshold"] == chosen.threshold].iterrows():
        ends = (row["eib"], row["conf_low"], row["conf_high"])
        rows.append(("incremental net benefit", row["strategy"], chosen.threshold, *ends, "95% interval over draws"))
        text, share = f"against {chosen.reference}", row["prob_cost_effective"]
        rows.append(("probability cost-effective", row["strategy"], chosen.threshold, share, None, None, text))
    text = "highest expected net benefit"
    return [*rows, ("best on average", chosen.best, chosen.threshold, None, None, None, text)]


def economic_headline(
    chosen: Decision, outputs: Mapping[str, Any], tier: str, limits: Sequence[str], mark: str, lacking: str = ""
) -> dict[str, Any]:
    """Return the headline: filled at E3 and at a declared threshold only, never by an override (`mark`).

    Parameters
    ----------
    chosen
        The decision at the declared threshold.
    outputs
        The tables of the full analysis.
    tier, limits
        What the evidence grants, and the criteria that bind.
    mark
        Watermark of an override; empty without one.
    lacking
        What the declaration lacks for a headline; empty where nothing is.
    """
    empty: dict[str, Any] = {"icer": None, "inmb": None, "probability_cost_effective": None, "sentence": None}
    if mark or tier != "E3":
        binding = f"the evidence grants {tier} (binding: {', '.join(limits)}): conditional on the effect being causal"
        return {**empty, "reason": mark or binding}
    if chosen.threshold is None or lacking:
        return {**empty, "reason": lacking or UNDECIDED}
    return _filled(chosen, outputs)


def _filled(chosen: Decision, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headline about the strategy that is best at the threshold, or about the best that is not worth it."""
    pairs, frontier = outputs["pairwise"], outputs["incremental"].set_index("strategy")
    at = pairs[(pairs["threshold"] == chosen.threshold) & (pairs["strategy"] == chosen.subject)].iloc[0]
    icer, status = frontier.loc[chosen.subject, "icer"], str(frontier.loc[chosen.subject, "status"])
    before = predecessors(outputs["incremental"]).get(chosen.subject)
    quadrant = outputs["quadrants"].set_index("strategy").loc[chosen.subject, "quadrant"]
    return {
        "icer": None if pd.isna(icer) else float(icer),
        "icer_against": before,
        "inmb": {"value": float(at["eib"]), "low": float(at["conf_low"]), "high": float(at["conf_high"])},
        "threshold": chosen.threshold,
        "probability_cost_effective": float(at["prob_cost_effective"]),
        "strategy": chosen.subject,
        "best": chosen.best,
        "status": status,
        "sentence": _sentence(chosen, str(quadrant), float(at["eib"])),
        "reason": "" if pd.notna(icer) else _standing(status, before, ratio=False),
    }


def _sentence(chosen: Decision, quadrant: str, benefit: float) -> str:
    """Say what is best at the threshold, and where the strategy lies against the comparator."""
    assert chosen.threshold is not None
    at = f"At {chosen.threshold:,.10g} a unit of effect"
    where = f"{chosen.subject} against {chosen.reference}: {quadrant}"
    if chosen.best == chosen.reference:
        less = f"{-benefit:,.0f} lower" if benefit < 0 else "no higher"
        runner_up = f"the next is {chosen.subject}, whose expected net benefit is {less}"
        return f"{at} {chosen.reference} is best on average; {runner_up}. {where}."
    return f"{at} {chosen.subject} is best on average, by {benefit:,.0f} over {chosen.reference}. {where}."


def finding(outputs: Mapping[str, Any]) -> str:
    """Say what was found in a sentence: the headline's, else what would have to happen for costs to be recovered.

    Parameters
    ----------
    outputs
        Tables and mappings of an evaluation by name.
    """
    head = outputs.get("headline")
    if isinstance(head, Mapping) and head.get("sentence"):
        return str(head["sentence"])
    table = outputs.get("breakeven")
    if not isinstance(table, pd.DataFrame) or not len(table):
        return "No economic result: the evidence and the declared costs carry none."
    rows = table.set_index(["counting", "quantity"])
    everything, cash = (rows.xs(counting) for counting in ("all savings", "cashable savings only"))
    share, text = everything["value"].get("share of all entries averted"), str(everything["text"].iloc[0])
    label = f"{table['label'].iloc[0].capitalize()}. " if "label" in table else ""
    if share is None or pd.isna(share) or share > 1:
        return f"{label}{text[:1].upper()}{text[1:]}."
    a_year = everything.loc[[str(name).startswith("fewer entries a year") for name in everything.index]].iloc[0]
    only = cash["value"].get("share of all entries averted")
    money = "" if only is None or pd.isna(only) else f"; {_share(float(only))} if only cashable savings count"
    return (
        f"{label}To pay for itself the programme would have to avert {_share(float(share))} of entries to care, "
        f"{a_year['value']:.3g} a year (95% interval from costs and care {a_year['low']:.3g} to {a_year['high']:.3g}), "
        f"in each year of full effect{money}."
    )


def _share(value: float) -> str:
    return f"{value:.1%}" if value <= 1 else "more than all"
