"""How strong an unmeasured cause would have to be to undo what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt

from sos_eval.checks.quantity import overall
from sos_eval.errors import numeral, p_text
from sos_eval.numerics.confounding import (
    Coefficient,
    adjusted_effect,
    benchmark_strength,
    coefficient,
    e_value,
    partial_r2,
    robustness_value,
)
from sos_eval.numerics.rosenbaum import MatchedTest, largest_gamma, m_scores, signed_rank
from sos_eval.panel.long_differences import LongDifferences, long_differences
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW
from sos_eval.results.method import register

__all__ = ["Sensitivity"]


@register("sensitivity")
@dataclass(frozen=True)
class Sensitivity(Check):
    """How strong an unmeasured cause would have to be, on units' changes and matched sets; refused where undefined."""

    reference: ClassVar[str] = (
        "Cinelli and Hazlett (2020); Rosenbaum (2002, 2007); VanderWeele and Ding (2017) for risk ratios of people"
    )

    share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Of the estimate that would be undone: 1 is all of it."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Of intervals and tests."""
    benchmark: tuple[str, ...] = ()
    """Covariates that an unmeasured cause is likened to; all that the estimate has, unless given."""
    times: tuple[Annotated[float, Gt(0)], ...] = (1.0, 2.0, 3.0)
    """So many times as strong as each."""
    gammas: tuple[Annotated[float, Ge(1)], ...] = (1.0, 1.25, 1.5, 2.0, 3.0)
    """Odds by which chances of treatment may differ within a matched set, for the table."""
    min_robustness_value: Annotated[float, Gt(0), Lt(1)] | None = None
    """Declared limit: fails where a cause weaker than this would undo the estimate."""
    min_gamma: Annotated[float, Gt(1)] | None = None
    """Declared limit: fails where smaller odds within matched sets would."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``sensitivity.robustness_value``, ``.benchmarks``, ``.matched_sets`` and ``.e_value``."""
        return [*self._regression(fitted), self._matched(fitted), self._e_value(fitted)]

    def _regression(self, fitted: Fitted) -> list[CheckResult]:
        """Return robustness values and bounds on units' changes."""
        changes = long_differences(fitted.panel, fitted.estimator.anticipation)
        why = changes if isinstance(changes, str) else _too_few(changes)
        limit = np.nan if self.min_robustness_value is None else self.min_robustness_value
        if isinstance(changes, str) or why:
            return [
                CheckResult("sensitivity.robustness_value", "partial_r2", np.nan, f"Not done: {why}.", limit),
                CheckResult("sensitivity.benchmarks", "estimate", np.nan, f"Not done: {why}."),
            ]
        found = coefficient(changes.change, changes.design, changes.weights)
        return [self._robustness(changes, found, limit), self._benchmarks(changes, found)]

    def _robustness(self, changes: LongDifferences, found: Coefficient, limit: float) -> CheckResult:
        value = robustness_value(found.t, found.df, self.share)
        significant = robustness_value(found.t, found.df, self.share, 1 - self.level)
        undone = "all" if self.share == 1 else f"{self.share:.0%}"
        text = (
            f"On {len(changes.change)} units' changes ({changes.words}; the outcome's own scale, {found.df} degrees of "
            f"freedom, plain errors{changes.adjusting}) the difference is {numeral(found.estimate)} (error "
            f"{numeral(found.std_error, 2)}). An "
            f"unmeasured cause that explained {value:.1%} of what is left of both, who began and how outcomes changed, "
            f"would undo {undone} of it"
        )
        rest = f"{significant:.1%} would leave the rest within chance" if significant else "it is within chance as is"
        text = f"{text}; {rest}."
        row = {"estimate": found.estimate, "std_error": found.std_error, "df": found.df, "share": self.share}
        row |= {"partial_r2": found.partial_r2, "robustness_value": value, "robustness_value_test": significant}
        passed = None if self.min_robustness_value is None else value >= limit
        table = pd.DataFrame([{**row, "n_units": len(changes.change), "n_treated_units": int(changes.treated.sum())}])
        return CheckResult("sensitivity.robustness_value", "partial_r2", value, text, limit, passed, table)

    def _benchmarks(self, changes: LongDifferences, found: Coefficient) -> CheckResult:
        """Say what would be left with a cause so many times as strong as each covariate."""
        name = "sensitivity.benchmarks"
        unknown = [one for one in self.benchmark if one not in changes.covariates]
        if unknown or not changes.covariates:
            why = f"{', '.join(unknown)}: no covariate of the estimate" if unknown else "the estimate has no covariate"
            return CheckResult(name, "estimate", np.nan, f"Not done: {why}.")
        rows = [
            {"covariate": covariate, "times": times, **self._bound(changes, found, covariate, times)}
            for covariate in self.benchmark or changes.covariates
            for times in self.times
        ]
        table = pd.DataFrame(rows)
        known = table[table["estimate"].notna()]
        if known.empty:
            return CheckResult(name, "estimate", np.nan, "Not done: no cause can be so strong.", table=table)
        worst = known.loc[(np.sign(found.estimate) * known["estimate"]).idxmin()]
        value = float(worst["estimate"])
        turned = "; its sign would turn" if np.sign(value) != np.sign(found.estimate) else ""
        text = (
            f"With a cause {worst['times']:g} times as strong as {worst['covariate']} the difference of "
            f"{numeral(found.estimate)} would be {numeral(value)} ({numeral(worst['conf_low'])} to "
            f"{numeral(worst['conf_high'])}){turned}."
        )
        return CheckResult(name, "estimate", value, text, table=table)

    def _bound(self, changes: LongDifferences, found: Coefficient, covariate: str, times: float) -> dict[str, float]:
        """Return one line of the bounds: strengths, and what is left."""
        group, x, weights = changes.columns(covariate), changes.design, changes.weights
        treated = partial_r2(x[:, 0], x[:, 1:], weights, [at - 1 for at in group])
        outcome = partial_r2(changes.change, x, weights, group)
        strength = benchmark_strength(treated, outcome, times)
        left = adjusted_effect(found, *strength, level=self.level)
        return {
            "r2_treatment": strength[0], "r2_outcome": strength[1], "estimate": left.estimate,
            "std_error": left.std_error, "conf_low": left.conf_low, "conf_high": left.conf_high,
        }  # fmt: skip

    def _matched(self, fitted: Fitted) -> CheckResult:
        """Say how unequal chances within matched sets may be before the finding goes."""
        name, limit = "sensitivity.matched_sets", np.nan if self.min_gamma is None else self.min_gamma
        made = _matched_test(fitted)
        if isinstance(made, str):
            return CheckResult(name, "gamma", np.nan, f"Not done: {made}.", limit)
        test, words = made
        gamma = largest_gamma(test, 1 - self.level)
        table = pd.DataFrame({"gamma": self.gammas, "p_value": [test.p_value(one) for one in self.gammas]})
        how = "exact" if test.exact else "normal approximation, so approximate with few sets"
        sets = f"{len(test.scores)} matched sets ({words}, {how})"
        text = f"Not done: over {sets} chance at equal odds explains what is found ({p_text(test.p_value(1.0))})."
        if np.isfinite(gamma):
            text = (
                f"Over {sets} odds of having begun that differ {gamma:.2f} times within a set could explain it all "
                f"(one-sided test at {numeral(100 * (1 - self.level), 2)}%)."
            )
        passed = None if self.min_gamma is None else bool(gamma >= limit)
        return CheckResult(name, "gamma", gamma, text, limit, passed, table)

    def _e_value(self, fitted: Fitted) -> CheckResult:
        """Return the E-value of a risk ratio of people; refused for anything else."""
        whole = overall(fitted.estimate, self.level)
        why = ""
        if fitted.panel.layout != "cross_sections":
            why = "E-values are for risks of people, and units here are not people"
        elif whole.scale != "ratio":
            why = "E-values are for risk ratios, and this estimate is none"
        elif not fitted.panel.frame["outcome"].dropna().isin((0, 1)).all():
            why = "E-values are for risk ratios, and the outcome is not one that a person has or has not"
        elif not np.isfinite(whole.estimate):
            why = whole.reason
        if why:
            return CheckResult("sensitivity.e_value", "risk_ratio", np.nan, f"Not done: {why}.")
        value = e_value(whole.estimate)
        nearest = whole.conf_low if whole.estimate > 1 else whole.conf_high
        crosses = whole.conf_low <= 1 <= whole.conf_high
        limit = 1.0 if crosses else e_value(nearest)
        few = fitted.panel.n_treated_clusters
        narrow = f"; with {few} treated clusters this interval is too narrow" if few < FEW else ""
        text = (
            f"An unmeasured cause would need risk ratios of {value:.2f} with practice and outcome to explain the ratio "
            f"of {whole.estimate:.3f}, and of {limit:.2f} to bring its interval by clustered errors and the normal law "
            f"({whole.conf_low:.3f} to {whole.conf_high:.3f}) to none{narrow}."
        )
        return CheckResult("sensitivity.e_value", "risk_ratio", value, text)


def _too_few(changes: LongDifferences) -> str:
    """Say why a regression of changes cannot be made; empty where it can."""
    df = len(changes.change) - np.linalg.matrix_rank(changes.design)
    if not 0 < changes.treated.sum() < len(changes.change):
        return "nobody is left on one side"
    if np.linalg.matrix_rank(changes.design) == np.linalg.matrix_rank(changes.design[:, 1:]):
        return "covariates or strata tell who is treated"
    return f"{df} degrees of freedom over units are too few" if df < 2 else ""


def _matched_test(fitted: Fitted) -> tuple[MatchedTest, str] | str:
    """Return the test of disjoint matched sets and its name; the reason where there are no such sets."""
    sets = fitted.comparison.sets if fitted.comparison is not None else None
    if sets is None:
        return "the comparison group has no matched sets"
    if sets["unit"].duplicated().any():
        return "a comparison unit stands in several sets, so the sets are not independent"
    changes = long_differences(fitted.panel, fitted.estimator.anticipation)
    if isinstance(changes, str):
        return changes
    rows = pd.DataFrame({"unit": changes.units, "change": changes.change, "treated": changes.treated})
    joined = sets[["unit", "matched_set"]].astype({"unit": str}).merge(rows.astype({"unit": str}), on="unit")
    groups = [group for _, group in joined.groupby("matched_set", sort=True) if len(group) > 1]
    whole = [group for group in groups if group["treated"].sum() == 1]
    if any(group["treated"].sum() > 1 for group in groups):
        return "a set holds several treated units"
    if len(whole) < 2:
        return "fewer than two sets have a treated unit and a comparison with a change"
    values = [np.r_[group.loc[group["treated"], "change"], group.loc[~group["treated"], "change"]] for group in whole]
    sign = 1.0 if sum(one[0] - one[1:].mean() for one in values) >= 0 else -1.0
    if all(len(one) == 2 for one in values):
        return signed_rank(np.array([sign * (one[0] - one[1]) for one in values])), "Wilcoxon's signed ranks of pairs"
    return m_scores([sign * one for one in values]), "Huber's M statistic"
