"""The few numbers and sentences of a full analysis, and the headline that only sound evidence fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sos_eval.economics.model.psa import Samples

__all__ = ["economic_headline", "main_results"]


def _best(outputs: dict[str, Any], threshold: float) -> str:
    table = outputs["ceaf"]
    return str(table.loc[table["threshold"] == threshold, "strategy"].iloc[0])


def main_results(psa: Samples, reference: int, outputs: dict[str, Any], printed: str, mark: str) -> pd.DataFrame:
    """Give the main results in rows: ``quantity, strategy, threshold, value, low, high, text``."""
    condition = mark or ("conditional on the effect being causal" if printed == "E2" else "")
    rows: list[tuple[Any, ...]] = []
    for _, row in outputs["quadrants"].iterrows():
        text = f"{row['strategy']} is {row['quadrant']} against {row['reference']}"
        rows.append(("incremental cost", row["strategy"], None, row["inc_cost"], None, None, text))
        rows.append(("incremental effect", row["strategy"], None, row["inc_effect"], None, None, text))
        rows.append(("incremental cost-effectiveness ratio", row["strategy"], None, row["icer"], None, None,
                     row["reason"] or text))  # fmt: skip
    middle = _middle(outputs)
    pairs = outputs["pairwise"]
    for _, row in pairs[pairs["threshold"] == middle].iterrows():
        rows.append(("incremental net benefit", row["strategy"], middle, row["eib"], row["conf_low"],
                     row["conf_high"], "95% interval over draws"))  # fmt: skip
        rows.append(("probability cost-effective", row["strategy"], middle, row["prob_cost_effective"], None, None,
                     f"against {psa.strategies[reference]}"))  # fmt: skip
    rows.append(("best on average", _best(outputs, middle), middle, None, None, None, "highest expected net benefit"))
    table = pd.DataFrame(rows, columns=["quantity", "strategy", "threshold", "value", "low", "high", "text"])
    table["condition"] = condition
    return table


def _middle(outputs: dict[str, Any]) -> float:
    thresholds = outputs["ceaf"]["threshold"]
    return float(thresholds.iloc[len(thresholds) // 2])


def economic_headline(
    psa: Samples, reference: int, outputs: dict[str, Any], tier: str, limits: Sequence[str], mark: str
) -> dict[str, Any]:
    """Return the headline: filled at E3 only, never by an override (`mark`); `limits` are the criteria that bind."""
    empty: dict[str, Any] = {"icer": None, "inmb": None, "probability_cost_effective": None, "sentence": None}
    if mark or tier != "E3":
        reason = (
            mark or f"the evidence grants {tier} (binding: {', '.join(limits)}): conditional on the effect being causal"
        )
        return {**empty, "reason": reason}
    pairs, middle = outputs["pairwise"], _middle(outputs)
    frontier = outputs["incremental"]
    row = pairs[pairs["threshold"] == middle].iloc[-1]
    against = outputs["quadrants"].set_index("strategy").loc[row["strategy"]]
    sentence = (
        f"{row['strategy']} is {against['quadrant']} than {psa.strategies[reference]}"
        if not against["reason"]
        else f"{row['strategy']}: {against['quadrant']}"
    )
    best = _best(outputs, middle)
    return {
        "icer": None if pd.isna(against["icer"]) else float(against["icer"]),
        "inmb": {"value": float(row["eib"]), "low": float(row["conf_low"]), "high": float(row["conf_high"])},
        "threshold": middle,
        "probability_cost_effective": float(row["prob_cost_effective"]),
        "strategy": str(row["strategy"]),
        "status": str(frontier.set_index("strategy").loc[row["strategy"], "status"]),
        "sentence": f"{sentence}. At {middle:,.10g} a unit of effect the best on average is {best}.",
        "reason": "" if not against["reason"] else str(against["reason"]),
    }
