"""Whether the groups moved apart before the start, and how far apart they could have moved unseen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.pre_coefficients import PreCoefficients, pre_coefficients
from sos_eval.checks.quantity import a_period, scale_of
from sos_eval.errors import numeral, p_text
from sos_eval.numerics.pretrend import Wald, detectable_slope, slope, wald
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.comparison import Comparison
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW
from sos_eval.results.method import register

__all__ = ["Pretrends"]


@register("pretrends")
@dataclass(frozen=True)
class Pretrends(Check):
    """Joint Wald test, linear slope and detectable slope of the coefficients before the start (Roth 2022).

    A test that finds nothing shows parallel trends only as far as it could have found something: the detectable
    slope says how far that is.
    """

    reference: ClassVar[str] = "Callaway and Sant'Anna (2021), remark 12; Roth (2022)"

    distribution: Literal["auto", "chi2", "f"] = "auto"
    """Which p is reported: chi2 (as the did package), f (for few treated clusters), or auto: f with fewer than 20
    treated clusters or more coefficients than a tenth of the clusters, else chi2. The table has both, where neither is
    known to be wrong."""
    of: Literal["auto", "group_time", "event_time"] = "auto"
    """Coefficients of the joint test: group_time (every cohort's, as the did package), event_time (their averages,
    which are fewer), or auto: the first where every cohort has at least two clusters more than coefficients."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """One minus the size of each coefficient's own test, for the detectable slope."""
    power: Annotated[float, Gt(0), Lt(1)] = 0.8
    """Probability with which the detectable slope would have been flagged."""
    include_anticipation: bool = False
    """Count cells within the estimator's declared anticipation as before the start, as the did package does."""
    min_p: Annotated[float, Ge(0), Lt(1)] | None = None
    """Declared limit: the joint test fails where p is below it."""
    max_slope: Annotated[float, Ge(0)] | None = None
    """Declared limit: the slope fails where it is larger than this, either way."""
    max_detectable_slope: Annotated[float, Gt(0)] | None = None
    """Declared limit: the test is too blind where only a larger slope would have been seen."""

    def foreseen(self, comparison: Comparison) -> str:
        """Say so where the groups were made alike."""
        return comparison.made_alike

    def unfit(self, fitted: Fitted) -> str:
        """Say why there are no coefficients before the start to test together."""
        return pre_coefficients(fitted, by=self.of, include_anticipation=self.include_anticipation).reason

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``pretrends.joint``, ``pretrends.slope`` and ``pretrends.detectable_slope``."""
        if fitted.comparison is not None and (alike := fitted.comparison.made_alike):
            return [
                _not_done("pretrends.joint", "p_value", alike, _threshold(self.min_p)),
                _not_done("pretrends.slope", "slope", alike, _threshold(self.max_slope)),
                _not_done("pretrends.detectable_slope", "slope", alike, _threshold(self.max_detectable_slope)),
            ]
        options = {"include_anticipation": self.include_anticipation}
        joint = pre_coefficients(fitted, by=self.of, **options)
        trend = pre_coefficients(fitted, by="event_time", **options)
        unit = scale_of(fitted.panel, str(fitted.estimate.cells["scale"].iloc[0]))
        each = f"{unit} {a_period(fitted.panel)}"
        return [self._joint(joint), self._slope(trend, each), self._detectable(trend, each)]

    def _joint(self, found: PreCoefficients) -> CheckResult:
        """Test all coefficients together."""
        name, limit = "pretrends.joint", _threshold(self.min_p)
        if found.reason:
            return _not_done(name, "p_value", found.reason, limit)
        try:
            test = wald(found.values, found.scores, found.groups)
        except np.linalg.LinAlgError:
            return _not_done(name, "p_value", _singular(found), limit)
        chosen = self.reference_distribution(found)
        if wrong := _all_start(found):  # told by nobody who did not ask for it by name
            test = replace(test, p_f=np.nan, p_chi2=test.p_chi2 if self.distribution == "chi2" else np.nan)
        table = _joint_table(found, test)
        if wrong and chosen == "f":
            return _not_done(name, "p_value", wrong, limit, table)
        p = test.p_f if chosen == "f" else test.p_chi2
        if not np.isfinite(p):
            return _not_done(name, "p_value", _too_few(found, test), limit, table)
        passed = None if self.min_p is None else p >= self.min_p
        return CheckResult(name, "p_value", p, _joint_words(found, test, chosen), limit, passed, table)

    def why_no_p(self, found: PreCoefficients) -> str:
        """Say why the joint test of some coefficients has no p in any data; empty where it may have one."""
        return "" if self.reference_distribution(found) == "chi2" else _all_start(found)

    def reference_distribution(self, found: PreCoefficients) -> str:
        """Choose by the design alone which p is reported."""
        if self.distribution != "auto":
            return self.distribution
        return "f" if _few(found) else "chi2"

    def _slope(self, found: PreCoefficients, each: str) -> CheckResult:
        """Fit a line through the coefficients."""
        name, limit = "pretrends.slope", _threshold(self.max_slope)
        found, reason = _on_a_line(found)
        if reason:
            return _not_done(name, "slope", reason, limit)
        fit = slope(found.values, found.covariance, found.distance)
        reach = 1.959963984540054 * fit.std_error
        low, high = fit.value - reach, fit.value + reach
        way = "up" if fit.value >= 0 else "down"
        text = (
            f"Before the start the treated moved {way} by {numeral(abs(fit.value))}{each} against their "
            f"comparison (difference {numeral(fit.value)}, 95% interval "
            f"{numeral(low)} to {numeral(high)}; generalised least squares on {len(found.values)} coefficients"
            f"{_caution(found)})."
        )
        table = pd.DataFrame(
            {
                "slope": [fit.value],
                "std_error": fit.std_error,
                "conf_low": low,
                "conf_high": high,
                "source": found.source,
            }
        )
        passed = None if self.max_slope is None else abs(fit.value) <= self.max_slope
        return CheckResult(name, "slope", fit.value, text, limit, passed, table)

    def _detectable(self, found: PreCoefficients, each: str) -> CheckResult:
        """Say which slope the coefficients' own tests would have flagged."""
        name, limit = "pretrends.detectable_slope", _threshold(self.max_detectable_slope)
        found, reason = _on_a_line(found)
        if reason:
            return _not_done(name, "slope", reason, limit)
        value = detectable_slope(found.covariance, found.distance, power=self.power, level=self.level)
        if not np.isfinite(value):
            return _not_done(
                name, "slope", f"chance alone flags some coefficient with {self.power:.0%} probability", limit
            )
        text = (
            f"A steady divergence of {numeral(value)}{each} would have shown in some coefficient before the start "
            f"with {self.power:.0%} probability; smaller ones may well be there unseen{_too_small(found)}."
        )
        table = pd.DataFrame({"power": [self.power], "level": [self.level], "slope": [value], "source": [found.source]})
        passed = None if self.max_detectable_slope is None else value <= self.max_detectable_slope
        return CheckResult(name, "slope", value, text, limit, passed, table)


def _all_start(found: PreCoefficients) -> str:
    """Say why there is no p where nobody stays untreated and clusters are few, all told or for each coefficient.

    Empty elsewhere.

    Measured on independent noise, four cohorts of five over ten periods: 19 to 21% by `efficient` weights, 11 to 13% by
    differences.
    """
    if found.n_treated_clusters < found.n_clusters or not _few(found):
        return ""
    return (
        f"everybody starts in the end, and {found.n_clusters} clusters are few for {len(found.values)} coefficients: "
        "on noise of 20 this test rejected 11 to 21 true nulls in 100 at the 5% level; the check path "
        "goes by the headline's own lots, where three periods lie before the first start"
    )


def _on_a_line(found: PreCoefficients) -> tuple[PreCoefficients, str]:
    """Keep the coefficients with a distance, or say why there is no line."""
    if found.reason:
        return found, found.reason
    seen = np.isfinite(found.distance)
    if not seen.any():
        return found, "the coefficients do not share a base period, so no line goes through them"
    kept = found.only(seen)
    try:
        slope(kept.values, kept.covariance, kept.distance)
    except np.linalg.LinAlgError:
        return kept, _singular(kept)
    return kept, ""


def _joint_words(found: PreCoefficients, test: Wald, chosen: str) -> str:
    """Say the p that is reported and the other one, and what a large one does not show."""
    both = {"f": f"{p_text(test.p_f)} by F", "chi2": f"{p_text(test.p_chi2)} by chi-squared"}
    first, other = (both[chosen], both["chi2" if chosen == "f" else "f"])
    if chosen == "chi2" and not np.isfinite(test.p_f):
        other = "F has none"
    return (
        f"Joint test of {test.df} coefficients before the start ({found.n_treated_clusters} treated clusters of "
        f"{found.n_clusters}): Wald statistic {numeral(test.statistic)}, {first} ({other}). {_read(test, chosen)}"
    )


def _read(test: Wald, chosen: str) -> str:
    """Say what a conventional p does not show: a large one, and with few treated clusters a small one."""
    if (test.p_f if chosen == "f" else test.p_chi2) >= 0.05:
        return "A large p is no evidence that trends were parallel."
    if chosen == "f":
        return (
            "On independent noise this test rejects 5 to 6 true nulls in 100 at the 5% level; that of the check path "
            "goes by the headline's own lots."
        )
    return (
        "With few treated clusters this test rejects too often where nothing is wrong: that of the check path does not."
    )


def _too_few(found: PreCoefficients, test: Wald) -> str:
    """Say why F has no p."""
    smallest = int(np.bincount(found.groups).min())
    return (
        f"{test.df} coefficients are too many for groups of {smallest} clusters and more (by chi-squared p would be "
        f"{numeral(test.p_chi2)}, far too small)"
    )


def _joint_table(found: PreCoefficients, test: Wald) -> pd.DataFrame:
    """Lay out the coefficients with their own errors, and the test beside them."""
    return found.cells.assign(
        coefficient=found.values, std_error=np.sqrt(np.diag(found.covariance)), distance=found.distance,
        wald=test.statistic, df=test.df, p_chi2=test.p_chi2, p_f=test.p_f, df_f=test.df_f, source=found.source,
    )  # fmt: skip


def _few(found: PreCoefficients) -> bool:
    """Say whether there are too few clusters for what is right with many."""
    return found.n_treated_clusters < FEW or len(found.values) > found.n_clusters / 10


def _caution(found: PreCoefficients) -> str:
    """Say of the slope's interval that it is too narrow where the covariance comes from few clusters."""
    behind = f"{found.n_treated_clusters} treated clusters of {found.n_clusters}"
    return f"; with {behind} this interval is too narrow, that of path.slope is not" if _few(found) else ""


def _too_small(found: PreCoefficients) -> str:
    """Say of the detectable slope that it is too small where the covariance comes from few clusters."""
    behind = f"{found.n_treated_clusters} treated clusters of {found.n_clusters}"
    return f"; with {behind} this slope is too small, that of path.detectable_slope is not" if _few(found) else ""


def _singular(found: PreCoefficients) -> str:
    return (
        f"the covariance of {len(found.values)} coefficients from {found.n_clusters} clusters "
        f"({found.n_treated_clusters} treated) is singular"
    )


def _threshold(declared: float | None) -> float:
    return float("nan") if declared is None else declared


def _not_done(name: str, statistic: str, reason: str, limit: float, table: pd.DataFrame | None = None) -> CheckResult:
    shown = pd.DataFrame() if table is None else table
    return CheckResult(name, statistic, float("nan"), f"Not done: {reason}.", limit, table=shown)
