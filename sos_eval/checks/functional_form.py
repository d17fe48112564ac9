"""Whether earlier paths are alike in levels, in logs, in both or in neither (Roth and Sant'Anna 2023)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge

from sos_eval.checks.path import early_periods, path_p_values, why_no_path
from sos_eval.checks.path_lottery import PathLottery
from sos_eval.errors import numeral
from sos_eval.panel.panel import Array
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["FunctionalForm"]

NOT_POSITIVE = "an outcome is not above zero, so it has no logarithm"


@register("functional_form")
@dataclass(frozen=True)
class FunctionalForm(Check):
    """The path before the start in levels and in logs, by the same lots as the headline.

    Where groups differ in level and anything changes, trends can be parallel in one of the two only; a scale in which
    earlier paths are unlike is the worse one to estimate on. It is no test that the other one is right.
    """

    reference: ClassVar[str] = "Roth and Sant'Anna (2023)"

    draws: Annotated[int, Ge(19)] = 1_999
    """Random adoptions, the same for both; where there are no more than this, all are listed."""
    rebuilt_draws: Annotated[int, Ge(19)] = 499
    """Most draws where each builds its comparison group again."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``functional_form.levels``, ``.logs``: p of the earlier path in each; ``.apart``: ratio of levels."""
        space, early = fitted.space(fitted.strata), early_periods(fitted)
        why = why_no_path(fitted, space, early)
        forms = _forms(fitted)
        if why or isinstance(space, str) or isinstance(forms, str):
            return [_not_done(name, why or str(forms)) for name in ("levels", "logs", "apart")]
        drawn = space.draw(self.draws if fitted.rebuild is None else min(self.draws, self.rebuilt_draws), rng)
        p = {}
        for name, outcome in forms.items():
            moved = replace(fitted, source=fitted.source.with_outcome(outcome))
            lottery = PathLottery.of(moved, drawn, space, fitted.strata, early)
            p[name] = path_p_values(lottery.observed_lots())
        return _results(p, _apart(fitted, forms["levels"]), len(drawn.first_treated))


def _forms(fitted: Fitted) -> dict[str, Array] | str:
    """Return the outcome in levels and in logs, a row each; the reason where one does not exist."""
    outcome = fitted.source.frame["outcome"].to_numpy(float)
    if fitted.source.outcome.transform == "log":
        return {"levels": np.exp(outcome), "logs": outcome}
    if (outcome[np.isfinite(outcome)] <= 0).any():
        return NOT_POSITIVE
    return {"levels": outcome, "logs": np.log(outcome)}


def _apart(fitted: Fitted, levels: Array) -> float:
    """Return the treated's weighted mean level before the first start over that of the others; NaN without one."""
    frame = fitted.source.frame
    early = np.isin(frame["time"].to_numpy(float), early_periods(fitted)) & np.isfinite(levels)
    treated, weight = np.isfinite(frame["first_treated"].to_numpy(float)), frame["weight"].to_numpy(float)
    own, other = early & treated, early & ~treated
    if not (weight[own].any() and weight[other].any()):
        return np.nan
    return float(np.average(levels[own], weights=weight[own]) / np.average(levels[other], weights=weight[other]))


def _results(p: dict[str, Array], apart: float, draws: int) -> list[CheckResult]:
    table = pd.DataFrame(p.values(), columns=["p_slope", "p_largest", "p_joint"]).assign(
        form=list(p), draws=draws
    )[["form", "p_slope", "p_largest", "p_joint", "draws"]]  # fmt: skip
    made = [
        CheckResult(
            f"functional_form.{name}", "p_value", float(both[-1]),
            f"In {name}, an earlier path as unlike that of units drawn alike comes up in {of_hundred(both[-1])} draws.",
            table=table if name == "levels" else pd.DataFrame(),
        )
        for name, both in p.items()
    ]  # fmt: skip
    if np.isnan(apart):
        return [*made, _not_done("apart", "no level before the start on one side")]
    text = (
        f"Before the start the treated's level was {numeral(apart)} times that of the others: the further from "
        "one, the "
        "less can trends be parallel in levels and in logs at once."
    )
    return [*made, CheckResult("functional_form.apart", "ratio", apart, text)]


def _not_done(name: str, why: str) -> CheckResult:
    statistic = "ratio" if name == "apart" else "p_value"
    return CheckResult(f"functional_form.{name}", statistic, np.nan, f"Not done: {why}.")
