"""Outcomes that a design tests together, as a reader meets them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import p_text
from sos_eval.report.content import Block, Table, Text
from sos_eval.report.reading import estimator_label, method_label, outcome_label
from sos_eval.report.wording import count, listing, number, p_number

__all__ = ["families", "together"]

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


def together(bundle: ResultBundle) -> str:
    """Say which outcomes of the headline's family differ beyond chance once their number counts; empty without one."""
    headline = bundle.headline
    if "families" not in bundle.table_names or headline.get("outcome") is None:
        return ""
    rows = bundle.tables("families")
    own = rows[(rows["estimator"] == headline["estimator"]) & (rows["inference"] == headline["inference"])]
    own = own[own["p_adjusted"].notna()]
    for _, family in own.groupby("family", sort=False):
        if len(family) > 1 and headline["outcome"] in set(family["outcome"]):
            return _together(bundle, family, 1 - float(headline.get("conf_level") or 0.95))
    return ""


def _together(bundle: ResultBundle, family: pd.DataFrame, level: float) -> str:
    """Say of the answer, and of the others by name, whether they stand out among all that are tested together."""
    is_answer = family["outcome"] == bundle.headline["outcome"]
    out = family["p_adjusted"] < level
    labels = np.array([outcome_label(bundle, str(name)) for name in family["outcome"]], dtype=object)
    said = f"the answer {'stands' if out[is_answer].any() else 'does not stand'} out beyond chance"
    parts = [f"{said} ({p_text(float(family.loc[is_answer, 'p_adjusted'].iloc[0]))})"]
    for which, none in ((out & ~is_answer, ""), (~out & ~is_answer, " not")):
        named = [
            f"{label[:1].lower()}{label[1:]} ({p_text(float(p))})"
            for label, p in zip(labels[which], family.loc[which, "p_adjusted"], strict=True)
        ]
        if named:
            parts.append(f"{listing(named)} {'does' if len(named) == 1 else 'do'}{none}")
    return f"Of {count(len(family), 'outcome')} tested together, their number counted, {'; '.join(parts)}."


def _silent(rows: pd.DataFrame) -> list[str]:
    """Say once why adjusted p are missing, and that estimates without a p are left out."""
    unadjusted = rows[rows["p_value"].notna() & rows["p_adjusted"].isna()]["reason"].fillna("")
    why = [str(reason).replace("romano_wolf", "this adjustment") for reason in dict.fromkeys(unadjusted) if reason]
    said = [f"Without an adjusted p: {reason}." for reason in why]
    if (rows["p_value"].isna() & rows["estimate"].notna()).any():
        said.append("Estimates without a p are not in it; their reason stands in the table of overall effects.")
    return said
