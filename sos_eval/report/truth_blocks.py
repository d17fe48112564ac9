"""Estimates beside the true effects of a simulated world, which are known."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Heading, Table, Text
from sos_eval.report.reading import estimator_label, method_label, outcome_label
from sos_eval.report.tables.effects import summaries
from sos_eval.report.wording import alike, number, p_number
from sos_eval.results.overall_average import PLAIN

__all__ = ["beside_the_truth", "known_truth"]


def beside_the_truth(bundle: ResultBundle) -> list[Block]:
    """Return overall estimates beside the true effect that each is the average of; nothing where data are real."""
    if "true_effects" not in bundle.table_names:
        return []
    truth = bundle.tables("true_effects")
    found = summaries(bundle.estimates)
    found = found[found["estimate"].notna() & ~found["estimand"].isin(["ate", "ato"])]  # the truth is of the treated
    rows = []
    for estimator, outcome, scale, true, declared, *_ in truth.itertuples(index=False):
        own = found[(found["estimator"] == estimator) & (found["outcome"] == outcome) & (found["scale"] == scale)]
        told = own[own["p_value"].notna() | (own["p_value"].isna().all() & ~own.duplicated("estimator"))]
        rows += [_row(bundle, str(outcome), (float(true), float(declared)), row) for _, row in told.iterrows()]
    if not rows:
        return []
    said = (
        "These data are simulated, so that effects are known. The true effect beside an estimate is the average that "
        "the estimate itself is of: the same units and periods, each counting the same; beside one that mixes effects "
        "by weights of its own stands the plain average. Whether the interval holds "
        f"it is asked of that. The declared effect is another: {truth['whose'].iloc[0]}."
    )
    return [
        Heading("The true effect, and what was found", 3),
        Text(said),
        Table(pd.DataFrame(rows, dtype=object), "True effect of the world beside every estimate of it"),
    ]


def known_truth(bundle: ResultBundle) -> str:
    """Say of the headline what its true effect is and whether its range holds it; empty where nobody knows."""
    headline = bundle.headline
    if "true_effects" not in bundle.table_names or headline.get("estimate") is None:
        return ""
    truth = bundle.tables("true_effects")
    key = [headline.get(name) for name in ("estimator", "outcome", "scale")]
    own = truth[(truth[["estimator", "outcome", "scale"]] == key).all(axis=1) & truth["true_effect"].notna()]
    if own.empty:
        return ""
    true = float(own["true_effect"].iloc[0])
    ends = [float(end) for end in (headline.get("conf_low"), headline.get("conf_high")) if end is not None]
    inside = len(ends) == 2 and ends[0] <= true <= ends[1]
    holds = f", which the range {'holds' if inside else 'does not hold'}" if len(ends) == 2 else ""
    if "averaged" in own and own["averaged"].iloc[0] == PLAIN:
        return (
            "These data are simulated and know the true effect: on average over all that is treated it is "
            f"{number(true, 3)}{holds}; where effects differ this estimate is a mixture with weights of its own."
        )
    return (
        "These data are simulated and know the true effect: averaged as this estimate averages it is "
        f"{number(true, 3)}{holds}."
    )


def _row(bundle: ResultBundle, outcome: str, known: tuple[float, float], row: pd.Series) -> dict[str, str]:
    """Return one line: the effect, an estimate of it, and whether the interval holds it."""
    true, declared, best, low, high = alike([*known, row["estimate"], row["conf_low"], row["conf_high"]])
    ranged = pd.notna(row["conf_low"]) and pd.notna(row["conf_high"]) and pd.notna(known[0])
    holds = "" if not ranged else "yes" if row["conf_low"] <= known[0] <= row["conf_high"] else "no"
    return {
        "Outcome": outcome_label(bundle, outcome), "Estimator": estimator_label(bundle, row["estimator"]),
        "Role": str(row["role"]), "Procedure": method_label(bundle, row["inference"]), "True effect": true,
        "Estimate": best, "Interval": f"{low} to {high}" if ranged else "", "Holds it": holds,
        "p": p_number(row["p_value"]), "Declared effect": declared,
    }  # fmt: skip
