"""Outcomes that a design tests together: their p values adjusted for their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from sos_eval.declare import Declared
from sos_eval.inference.family import adjusted_for_number
from sos_eval.inference.randomization import Randomization
from sos_eval.numerics.multiplicity import benjamini_hochberg, holm
from sos_eval.panel.panel import Array
from sos_eval.results.inference import InferenceMethod, Inferred

__all__ = ["FAMILY_COLUMNS", "OutcomeFamily", "family_rows", "outcome_families"]

FAMILY_COLUMNS = (
    "family", "adjust", "estimator", "inference", "outcome", "tests", "estimate", "p_value", "p_adjusted", "reason",
)  # fmt: skip
_NOT_SHARED = (
    "romano_wolf sets tests against each other by the draws that they share, and this inference draws no adoptions: "
    "declare randomization, or adjust: holm"
)


@dataclass(frozen=True)
class OutcomeFamily(Declared):
    """Outcomes that are tested together, so that one in twenty families without any effect shows one, not more."""

    name: str
    """What the outcomes have in common."""
    outcomes: tuple[str, ...]
    """Two or more of `panel.outcomes`."""
    adjust: Literal["romano_wolf", "holm", "benjamini_hochberg"] = "romano_wolf"
    """romano_wolf: step-down by the adoptions that all share, never larger than holm needs; holm: whatever depends on
    whatever; benjamini_hochberg: the expected share of findings that are none (not the chance of one)."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name: say what the outcomes have in common")
        if len(set(self.outcomes)) < max(len(self.outcomes), 2):
            raise ValueError("outcomes: write two or more, each once")


def family_rows(
    family: OutcomeFamily, estimator: str, method: InferenceMethod, tests: Mapping[str, Inferred]
) -> list[dict[str, Any]]:
    """Return a row per outcome of a family, `FAMILY_COLUMNS`: its overall effect's p, and that p adjusted.

    Parameters
    ----------
    tests
        Outcome to its inference by `method`. An outcome without it, or without a p, takes no part.
    """
    told = {name: _overall(tests[name]) for name in family.outcomes if name in tests}
    taking = [name for name, row in told.items() if np.isfinite(row["p_value"])]
    adjusted, why = _adjusted(family, method, {name: tests[name] for name in taking}, told)
    same = {"family": family.name, "adjust": family.adjust, "estimator": estimator, "inference": method.key}
    rows = []
    for name in family.outcomes:
        own = told.get(name, {"estimate": np.nan, "p_value": np.nan, "reason": "not tested by this inference"})
        p = adjusted.get(name, np.nan)
        reason = own["reason"] if name not in taking else why
        rows.append({**same, "outcome": name, "tests": len(taking), **own, "p_adjusted": p, "reason": reason})
    return rows


def _overall(one: Inferred) -> dict[str, Any]:
    """Return the overall effect's estimate, p, and the reason where it has none."""
    table = one.table
    rows = table[(table["aggregation"] == "overall") & table["subgroup"].isin(["", None])]
    if rows.empty:
        return {"estimate": np.nan, "p_value": np.nan, "reason": "the estimator has no overall effect"}
    known = rows["p_value"].notna().to_numpy()
    row = rows.iloc[int(np.argmax(known))]
    reason = "" if known.any() else str(row["reason"] or "no p")
    return {"estimate": float(row["estimate"]), "p_value": float(row["p_value"]), "reason": reason}


def _adjusted(
    family: OutcomeFamily, method: InferenceMethod, tests: Mapping[str, Inferred], told: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, float], str]:
    """Return the adjusted p of each outcome, or why there is none."""
    if not tests:
        return {}, ""
    if family.adjust == "romano_wolf":
        if not isinstance(method, Randomization):
            return {}, _NOT_SHARED
        shared = adjusted_for_number(family.name, tests, method.statistic)
        return {name: float(one.facts["p_adjusted"]) for name, one in shared.items()}, ""
    p: Array = np.array([[told[name]["p_value"]] for name in tests])
    step = holm if family.adjust == "holm" else benjamini_hochberg
    return dict(zip(tests, step(p)[:, 0].tolist(), strict=True)), ""


def outcome_families(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Lay out ``tables/families.csv``."""
    return pd.DataFrame(rows, columns=list(FAMILY_COLUMNS))
