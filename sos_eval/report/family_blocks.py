"""Outcomes that a design tests together, as a reader meets them."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.content import Block, Table, Text
from sos_eval.report.reading import estimator_label, method_label, outcome_label
from sos_eval.report.wording import number, p_number

__all__ = ["families"]

_ADJUST = {
    "romano_wolf": "step-down by the random adoptions that the tests share (Romano and Wolf)",
    "holm": "Holm's step-down",
    "benjamini_hochberg": "the expected share of findings that are none (Benjamini and Hochberg)",
}


def families(bundle: ResultBundle) -> list[Block]:
    """Return a table per family: estimates with a p, and that p adjusted; why others have none stands below."""
    if "families" not in bundle.table_names:
        return []
    blocks: list[Block] = []
    for (family, adjust), rows in bundle.tables("families").groupby(["family", "adjust"], sort=False):
        told = rows[rows["p_value"].notna()]
        frame = pd.DataFrame({
            "Estimator": [estimator_label(bundle, str(name)) for name in told["estimator"]],
            "Procedure": [method_label(bundle, str(name)) for name in told["inference"]],
            "Outcome": [outcome_label(bundle, str(name)) for name in told["outcome"]],
            "Tested together": [f"{int(n)}" for n in told["tests"]],
            "Estimate": [number(value) for value in told["estimate"]],
            "p": [p_number(p) for p in told["p_value"]], "p adjusted": [p_number(p) for p in told["p_adjusted"]],
        }, dtype=object)  # fmt: skip
        how = _ADJUST.get(str(adjust), str(adjust))
        blocks.append(Table(frame, f"Outcomes tested together ({family}): p adjusted for their number, {how}"))
        blocks += [Text(text, "small") for text in _silent(rows)]
    return blocks


def _silent(rows: pd.DataFrame) -> list[str]:
    """Say once why adjusted p are missing, and that estimates without a p are left out."""
    unadjusted = rows[rows["p_value"].notna() & rows["p_adjusted"].isna()]["reason"].fillna("")
    why = [str(reason).replace("romano_wolf", "this adjustment") for reason in dict.fromkeys(unadjusted) if reason]
    said = [f"Without an adjusted p: {reason}." for reason in why]
    if (rows["p_value"].isna() & rows["estimate"].notna()).any():
        said.append("Estimates without a p are not in it; their reason stands in the table of overall effects.")
    return said
