"""Whether one unit carries the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt

from sos_eval.checks.quantity import Quantity, judged, overall, refitted
from sos_eval.panel.panel import Panel
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["LeaveOneOut"]


@register("leave_one_out")
@dataclass(frozen=True)
class LeaveOneOut(Check):
    """The overall effect without each unit in turn, comparison group built again without it."""

    reference: ClassVar[str] = "Abadie, Diamond and Hainmueller (2015), section 4"

    drop: tuple[Literal["treated", "comparison", "cluster"], ...] = ("treated",)
    """Who is left out in turn: each treated unit, each comparison unit in use, each cluster in use."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""
    max_change: Annotated[float, Gt(0)] | None = None
    """Declared limit: the check fails where leaving somebody out moves the estimate by more."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``leave_one_out``: the largest change, and a table with a row per unit left out."""
        whole = overall(fitted.estimate, self.level)
        limit = np.nan if self.max_change is None else self.max_change
        if not np.isfinite(whole.estimate):
            return [CheckResult("leave_one_out", "max_change", np.nan, f"Not done: {whole.reason}.", limit)]
        rows = []
        for kind, name, gone in self._left_out(fitted):
            found = refitted(fitted, _without(fitted.source, gone), self.level)
            rows.append({"unit": name, "left_out": kind, "change": found.estimate - whole.estimate, **found.row})
        table = pd.DataFrame(rows)
        known = table[table["change"].notna()] if len(table) else table
        if known.empty:
            why = "nobody to leave out" if table.empty else str(table["reason"].iloc[0])
            return [CheckResult("leave_one_out", "max_change", np.nan, f"Not done: {why}.", limit, table=table)]
        worst = known.iloc[int(np.argmax(known["change"].abs().to_numpy(float)))]
        value = float(abs(worst["change"]))
        passed = judged(value, self.max_change, complete=len(known) == len(table))
        name = fitted.source.unit_names.get(str(worst["unit"]), str(worst["unit"]))
        text = _words(name, float(worst["estimate"]), whole, table, known)
        return [CheckResult("leave_one_out", "max_change", value, text, limit, passed, table)]

    def _left_out(self, fitted: Fitted) -> Iterator[tuple[str, str, list[str]]]:
        """Yield who is left out: what they are, their name, and the units that go."""
        panel, source = fitted.panel, fitted.source
        if "treated" in self.drop:
            for unit in panel.units[panel.ever_treated]:
                yield "treated", str(unit), [unit]
        if "comparison" in self.drop:
            for unit in panel.units[~panel.ever_treated]:
                yield "comparison", str(unit), [unit]
        if "cluster" in self.drop:
            clusters = source.frame.drop_duplicates("unit").set_index("unit")["cluster"]
            for cluster in pd.unique(clusters.reindex(panel.units)):
                yield "cluster", str(cluster), list(clusters.index[clusters == cluster])


def _without(panel: Panel, gone: list[str]) -> Panel:
    return panel.keep([unit for unit in panel.units if unit not in gone])


def _words(unit: str, without: float, whole: Quantity, table: pd.DataFrame, known: pd.DataFrame) -> str:
    """Say who moves the estimate most, whether anybody turns its sign, and what could not be done."""
    turned = int((np.sign(known["estimate"] - whole.neutral) != np.sign(whole.estimate - whole.neutral)).sum())
    sign = (
        f"; leaving out any one of {turned} of {len(table)} would turn its sign"
        if turned
        else "; nobody alone turns its sign"
    )
    failed = f"; {len(table) - len(known)} could not be estimated" if len(known) < len(table) else ""
    return (
        f"Without {unit} the estimate is {whole.shown(without)} instead of {whole.shown(whole.estimate)}, the largest "
        f"change{sign}{failed}."
    )
