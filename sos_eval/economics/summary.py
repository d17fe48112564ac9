"""The few numbers and sentences of a full analysis, and the headline that only sound evidence fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.economics.decision import Decision
from sos_eval.economics.icers import predecessors
from sos_eval.errors import numeral

__all__ = ["UNDECIDED", "economic_headline", "finding", "main_results", "outside_tiers", "subject_of", "to_pay"]

#: Why no single verdict is given.
UNDECIDED = "no decision_threshold is declared: the curves say what holds at which threshold, none is singled out"
#: Row of the main results that names the strategy which the decision is about.
_SUBJECT = "the decision is about"
#: Unit of effect -> what a threshold prices.
_UNITS = {
    "care_entry": "an averted entry to care", "week_of_care": "an averted week of care",
    "re_entry": "an averted re-entry", "qaly": "a QALY",
}  # fmt: skip
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
        text, share = f"share of draws in which it beats {chosen.reference}", row["prob_cost_effective"]
        rows.append(("probability better than comparator", row["strategy"], chosen.threshold, share, None, None, text))
    text, chances = "share of draws in which its net benefit is the highest", outputs["ceac"]
    for _, row in chances[chances["threshold"] == chosen.threshold].iterrows():
        share = row["probability"]
        rows.append(("probability best of all", row["strategy"], chosen.threshold, share, None, None, text))
    best = ("best on average", chosen.best, chosen.threshold, None, None, None, "highest expected net benefit")
    text = "the best on average, or the best of the others where that is the comparator"
    return [*rows, best, (_SUBJECT, chosen.subject, chosen.threshold, None, None, None, text)]


def subject_of(outputs: Mapping[str, Any]) -> str:
    """Return the strategy that the decision is about, from the main results; empty where nothing is decided."""
    table = outputs.get("summary")
    if not isinstance(table, pd.DataFrame) or "quantity" not in table:
        return ""
    rows = table.loc[table["quantity"] == _SUBJECT, "strategy"]
    return str(rows.iloc[0]) if len(rows) else ""


def economic_headline(
    chosen: Decision, outputs: Mapping[str, Any], tier: str, limits: Sequence[str], mark: str, lacking: str = "",
    unit: str = "",
) -> dict[str, Any]:  # fmt: skip
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
    unit
        Unit of effect as declared; empty for draws from files.
    """
    empty: dict[str, Any] = {
        "icer": None, "inmb": None, "probability_better_than_comparator": None, "probability_best_of_all": None,
        "sentence": None,
    }  # fmt: skip
    if mark or tier != "E3":
        binding = f"the evidence grants {tier} (binding: {', '.join(limits)}): conditional on the effect being causal"
        return {**empty, "reason": mark or binding}
    if chosen.threshold is None or lacking:
        return {**empty, "reason": lacking or UNDECIDED}
    return _filled(chosen, outputs, _UNITS.get(unit, "a unit of effect"))


def _filled(chosen: Decision, outputs: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """Return the headline about the strategy that is best at the threshold, or about the best that is not worth it."""
    pairs, frontier = outputs["pairwise"], outputs["incremental"].set_index("strategy")
    at = pairs[(pairs["threshold"] == chosen.threshold) & (pairs["strategy"] == chosen.subject)].iloc[0]
    chances = outputs["ceac"][outputs["ceac"]["threshold"] == chosen.threshold].set_index("strategy")["probability"]
    icer, status = frontier.loc[chosen.subject, "icer"], str(frontier.loc[chosen.subject, "status"])
    before = predecessors(outputs["incremental"]).get(chosen.subject)
    quadrant = outputs["quadrants"].set_index("strategy").loc[chosen.subject, "quadrant"]
    second, gap = _second(chosen, pairs[pairs["threshold"] == chosen.threshold])
    found = {
        "icer": None if pd.isna(icer) else float(icer),
        "icer_against": before,
        "inmb": {"value": float(at["eib"]), "low": float(at["conf_low"]), "high": float(at["conf_high"])},
        "threshold": chosen.threshold,
        "currency": outputs["gate"]["currency"],
        "unit": unit,
        "probability_better_than_comparator": float(at["prob_cost_effective"]),
        "probability_best_of_all": float(chances[chosen.subject]),
        "strategy": chosen.subject,
        "best": chosen.best,
        "second_best": {"strategy": second, "behind_by": gap},
        "status": status,
        "reason": "" if pd.notna(icer) else _standing(status, before, ratio=False),
    }
    return found | {"sentence": _sentence(chosen, str(quadrant), found)}


def _second(chosen: Decision, pairs: pd.DataFrame) -> tuple[str, float]:
    """Return the second best strategy at the threshold, and how far its expected net benefit lies behind the best."""
    benefit = {chosen.reference: 0.0, **dict(zip(pairs["strategy"], pairs["eib"].astype(float), strict=True))}
    second = max((name for name in benefit if name != chosen.best), key=benefit.__getitem__)
    return second, benefit[chosen.best] - benefit[second]


def _sentence(chosen: Decision, quadrant: str, found: Mapping[str, Any]) -> str:
    """Say what is best at the threshold, how sure that is, and where the strategy lies; amounts have three digits."""
    money, unit, inmb, second = found["currency"], found["unit"], found["inmb"], found["second_best"]
    at = f"At {money} {chosen.threshold:,.10g} for {unit} "
    chance = f"better than {chosen.reference} with probability {found['probability_better_than_comparator']:.2f}"
    ends = f"{numeral(inmb['low'])} to {numeral(inmb['high'])}"
    sure = f"95% interval over {chosen.reference} {ends}; {chance}"
    if len({chosen.reference, chosen.subject, second["strategy"]}) > 2 or chosen.best == chosen.reference:
        sure += f", best of all with {found['probability_best_of_all']:.2f}"
    ratio = (
        ""
        if found["icer"] is None
        else f" ICER {money} {numeral(found['icer'])} for {unit}, over {found['icer_against']}."
    )
    where = f"{chosen.subject} against {chosen.reference}: {quadrant}.{ratio}"
    if chosen.best == chosen.reference:
        less = f"{money} {numeral(-inmb['value'])} lower" if inmb["value"] < 0 else "no higher"
        runner_up = f"the next is {chosen.subject}, whose expected net benefit is {less} ({sure})"
        return f"{at}{chosen.reference} is best on average; {runner_up}. {where}"
    over = f"{money} {numeral(inmb['value'])} over {chosen.reference}"
    if second["strategy"] != chosen.reference:
        over += f" and {money} {numeral(second['behind_by'])} over {second['strategy']}, the second best"
    return f"{at}{chosen.subject} is best on average, by {over} ({sure}). {where}"


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
        pairs = outputs.get("quadrants")
        if not isinstance(pairs, pd.DataFrame) or not len(pairs):
            return "No economic result: the evidence carries none."
        compared, against = " and ".join(pairs["strategy"]), pairs["reference"].iloc[0]
        return f"Costs and effects of {compared} against {against}: draws from files hold no break-even."
    label = f"{_opened(str(table['label'].iloc[0]))}. " if "label" in table else ""
    return label + to_pay(outputs)


def to_pay(outputs: Mapping[str, Any]) -> str:
    """Say what each strategy, or the one decided on, would have to achieve to pay for itself; empty where unknown."""
    table, subject = outputs.get("breakeven"), subject_of(outputs)
    if not isinstance(table, pd.DataFrame) or not len(table):
        return ""
    if "strategy" not in table:  # a folder of an earlier version, whose break-even was the whole programme's
        table = table.assign(strategy="the whole programme", scenario_low=np.nan, scenario_high=np.nan)
    names = [subject] if subject else list(table["strategy"].unique())
    return " ".join(_pays(table[table["strategy"] == name], name) for name in names)


def _pays(table: pd.DataFrame, name: str) -> str:
    """Say what a strategy would have to achieve to pay for itself."""
    rows = table.set_index(["counting", "quantity"])
    everything, cash = (rows.xs(counting) for counting in ("all savings", "cashable savings only"))
    share, text = everything["value"].get("share of all entries averted"), str(everything["text"].iloc[0])
    if share is None or pd.isna(share) or share > 1:
        return f"{_opened(text)}."
    a_year = everything.loc[[str(name).startswith("fewer entries a year") for name in everything.index]].iloc[0]
    only = cash["value"].get("share of all entries averted")
    money = "" if only is None or pd.isna(only) else f"; {_share(float(only))} if only cashable savings count"
    upper = "none that would do" if pd.isna(a_year["scenario_high"]) else numeral(a_year["scenario_high"])
    varied = (
        "" if pd.isna(a_year["scenario_low"]) else f"; over the scenarios {numeral(a_year['scenario_low'])} to {upper}"
    )
    return (
        f"To pay for itself {name} would have to avert {_share(float(share))} of entries to care, "
        f"{numeral(a_year['value'])} a year (95% interval from costs and care {numeral(a_year['low'])} to "
        f"{numeral(a_year['high'])}{varied}), in each year of full effect{money}."
    )


def outside_tiers(outputs: Mapping[str, Any]) -> str:
    """Say what break-even figures are where the tier printed allows nothing numeric; empty elsewhere."""
    gate = outputs.get("gate")
    if not isinstance(gate, Mapping) or gate.get("printed_as") != "E0" or "breakeven" not in outputs:
        return ""
    return "What is printed all the same stands outside the tiers: it follows from costs and care alone."


def _opened(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _share(value: float) -> str:
    return f"{value:.1%}" if value <= 1 else "more than all"
