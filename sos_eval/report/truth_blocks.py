"""Estimates beside the true effects of a simulated world, which are known."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Heading, Table, Text
from sos_eval.report.reading import estimator_label, method_label, outcome_label
from sos_eval.report.tables.effects import summaries
from sos_eval.report.wording import alike, p_number

__all__ = ["beside_the_truth"]


def beside_the_truth(bundle: ResultBundle) -> list[Block]:
    """Return every overall estimate beside the effect that the world declares; nothing where data are real."""
    if "true_effects" not in bundle.table_names:
        return []
    truth = bundle.tables("true_effects")
    found = summaries(bundle.estimates)
    found = found[found["estimate"].notna() & ~found["estimand"].isin(["ate", "ato"])]  # the truth is of the treated
    rows = []
    for outcome, scale, true, _ in truth.itertuples(index=False):
        own = found[(found["outcome"] == outcome) & (found["scale"] == scale)]
        alone = own.groupby("estimator", sort=False)["p_value"].transform("count") == 0
        told = own[own["p_value"].notna() | (alone & ~own.duplicated("estimator"))]
        rows += [_row(bundle, str(outcome), float(true), row) for _, row in told.iterrows()]
    if not rows:
        return []
    said = f"These data are simulated, so that the effect is known: {truth['whose'].iloc[0]}."
    return [
        Heading("The declared effect, and what was found", 3),
        Text(said),
        Table(pd.DataFrame(rows, dtype=object), "Declared effect of the world beside every estimate of it"),
    ]


def _row(bundle: ResultBundle, outcome: str, true: float, row: pd.Series) -> dict[str, str]:
    """Return one line: the effect, an estimate of it, and whether the interval holds it."""
    declared, best, low, high = alike([true, row["estimate"], row["conf_low"], row["conf_high"]])
    ranged = pd.notna(row["conf_low"]) and pd.notna(row["conf_high"])
    holds = "" if not ranged else "yes" if row["conf_low"] <= true <= row["conf_high"] else "no"
    return {
        "Outcome": outcome_label(bundle, outcome), "Declared effect": declared,
        "Estimator": estimator_label(bundle, row["estimator"]), "Role": str(row["role"]),
        "Procedure": method_label(bundle, row["inference"]), "Estimate": best,
        "Interval": f"{low} to {high}" if ranged else "", "Holds it": holds, "p": p_number(row["p_value"]),
    }  # fmt: skip
