"""Randomization inference: the same estimate under every way the treatment could have fallen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import annotated_types as at
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.declare import Seed
from sos_eval.errors import OurFault
from sos_eval.inference.attainable import SmallestP, smallest_p
from sos_eval.inference.confidence_curve import CURVE, curve_table
from sos_eval.inference.memory import refuse_too_many
from sos_eval.inference.null_search import Limits
from sos_eval.inference.nulls import constant_effect_limits
from sos_eval.inference.statistic import (
    Statistic,
    compared,
    error_of_p,
    extreme_draws,
    share_as_extreme,
    statistics,
)
from sos_eval.inference.tests_table import table_of_tests
from sos_eval.inference.wald import refused
from sos_eval.numerics.inversion import TIES
from sos_eval.numerics.random import stream
from sos_eval.panel.own_names import Stratum
from sos_eval.panel.panel import Array
from sos_eval.results.adoptions import Adoptions
from sos_eval.results.assignments import (
    MATCHED_ROWS,
    WHY_FIXED,
    Assignments,
    AssignmentSpace,
    drawn_within,
    strata_columns,
)
from sos_eval.results.estimate import Batch, Estimate
from sos_eval.results.fitted import Fitted, is_fitted_anew
from sos_eval.results.inference import InferenceMethod, Inferred
from sos_eval.results.method import register
from sos_eval.results.table import effect_table

__all__ = ["Permuted", "Randomization", "permute", "strata_columns"]

#: Draws behind an interval that costs new fits, unless a design or the run says otherwise; the fewest that may be said.
SEARCHED, _FEWEST = 999, 99


BOTH = "the smaller p of the two statistics, each by absolute value, judged among the same draws"
_APART = (
    "no effect is rejected by the test and lies between values that are not, or the other way about, within the width "
    "to which the ends were searched: p is the test"
)
_ELSEWHERE = "no test of its own: that of the same effect on the other scale cannot reject"
_LONELY = "no error to studentise with: write statistic: coefficient"


@dataclass(frozen=True, slots=True)
class Permuted:
    """A statistic under the observed assignment and under others.

    Attributes
    ----------
    observed : (m,)
        NaN where it does not exist.
    drawn : (draws, m)
        NaN where a draw could not be estimated: it counts as extreme.
    complete
        Whether the draws are all distinct assignments.
    batch, adoptions
        The estimates behind it, and what they were made under; the observed assignment comes first.
    """

    observed: Array
    drawn: Array
    complete: bool
    batch: Batch
    adoptions: Adoptions
    statistic: Statistic

    @property
    def shown(self) -> Array:
        """What a figure shows, (1 + draws, m): the studentised estimate where two statistics are taken together."""
        if self.statistic == "both":
            return statistics(self.batch, studentised=True)
        return np.vstack([self.observed, self.drawn])

    def extreme(self) -> NDArray[np.intp]:
        """Count draws at least as extreme as the observed, (m,)."""
        return extreme_draws(self.observed, self.drawn)

    def p_value(self) -> Array:
        """Share of draws as extreme, (m,)."""
        return share_as_extreme(self.observed, self.drawn, complete=self.complete)

    def monte_carlo_error(self) -> Array:
        """Binomial standard error of p, (m,)."""
        return error_of_p(self.p_value(), len(self.drawn), complete=self.complete)


def permute(fitted: Fitted, assignments: Assignments, statistic: Statistic) -> Permuted:
    """Estimate under the observed and all given assignments."""
    adoptions = Adoptions(fitted, np.vstack([fitted.source.first_treated, assignments.first_treated]))
    batch = adoptions.estimated()
    if batch.values.shape[1] != len(fitted.estimate.values):
        raise OurFault(f"{fitted.id}: permuted estimates have other cells than the estimate")
    values = compared(batch, statistic, complete=assignments.complete)
    return Permuted(values[0], values[1:], assignments.complete, batch, adoptions, statistic)


@register("randomization")
@dataclass(frozen=True)
class Randomization(InferenceMethod):
    """Randomization test and interval: starts are permuted among units (Fisher 1935; Chung and Romano 2013).

    The studentised statistic also keeps its size for the null of no average effect when effects vary, in large
    samples (MacKinnon and Webb 2020; Wu and Ding 2021); the plain coefficient tests the sharp null only.
    """

    alone_from: ClassVar[int] = 0
    label: ClassVar[str] = "permutation of who was treated"
    refits: ClassVar[bool] = True
    says: ClassVar[str] = (
        "shuffling which {units} were treated gives a result at least this far from zero {often} of the time"
    )
    reference: ClassVar[str] = "Fisher (1935); Chung and Romano (2013); Wu and Ding (2021)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the interval."""
    statistic: Statistic = "studentised"
    """studentised (estimate over its cluster-robust error, both made anew in every draw), coefficient, or both: the
    smaller of their two p values is set against the smaller one of every draw, which ends the choice between them."""
    strata: tuple[Stratum, ...] = ()
    """Starts are swapped within strata: a column constant within units, or exposure_half, outcome_third …"""
    strata_effects: bool = True
    """The estimate carries stratum-by-period effects (cell estimators compare within strata)."""
    draws: Annotated[int, at.Ge(19)] = 9_999
    """Random assignments; where there are no more than this, all are listed and p is exact."""
    seed: Seed | None = None
    """Own seed; without it the design's seed."""
    interval: Literal["inversion", "none"] = "inversion"
    """inversion of the constant-effect null, or none."""
    interval_draws: Annotated[int, at.Ge(99)] | None = None
    """Draws behind the interval where it costs new fits (rate ratios, comparison groups built anew). Unless given: all
    of them, as p, for the primary estimate of a run where many are made at once; elsewhere 999."""

    def __post_init__(self) -> None:
        if not self.strata_effects and not self.strata:
            raise ValueError("strata_effects: false goes with strata")
        if len(set(self.strata)) < len(self.strata):
            raise ValueError("strata: the same one is named twice")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the strata name."""
        return strata_columns(self.strata)

    @property
    def searched_draws(self) -> int:
        """Draws behind an interval that costs new fits."""
        return SEARCHED if self.interval_draws is None else self.interval_draws

    def on_all_draws(self, fitted: Fitted) -> Randomization:
        """Return the test with the interval on the draws of p; as it is where it says otherwise or each costs a fit."""
        if self.interval_draws is not None or is_fitted_anew(fitted):
            return self
        return replace(self, interval_draws=max(self.draws, _FEWEST))

    @property
    def lots(self) -> tuple[str, ...]:
        """The strata."""
        return self.strata

    @property
    def effects_within(self) -> tuple[str, ...]:
        """The strata, unless their effects are declined."""
        return self.strata if self.strata_effects else ()

    def why_not(self, estimate: Estimate) -> str:
        """Say why starts cannot be swapped; empty where they can."""
        return WHY_FIXED if MATCHED_ROWS in estimate.panel.frame else ""

    def condition(self, estimate: Estimate) -> str:
        """Say which statistic alone an estimate has; empty where it has both."""
        return "" if estimate.divides else "statistic: coefficient only"

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with randomization p-values and intervals."""
        space = self._space(fitted)
        if isinstance(space, str):
            return refused(fitted, self.key, self.level, space)
        shared = fitted.lots_of or fitted.panel.active
        draws_of = rng if self.seed is None else stream(self.seed, self.name, fitted.id, shared)
        each = 3 * fitted.source.n_units + 6 * len(fitted.estimate.values)
        refuse_too_many(fitted.source, "draws", min(self.draws, space.size), each)
        assignments = space.draw(self.draws, draws_of)
        permuted = permute(fitted, assignments, self.statistic)
        smallest = smallest_p(fitted, space, self.statistic, draws=self.draws, level=self.level)
        hopeless = smallest.why_never(self.level)
        limits = Limits.none(len(permuted.observed), hopeless)
        if hopeless and smallest.rows:
            reasons = [one.why_never(self.level) or _ELSEWHERE for one in smallest.by_row]
            overall = (fitted.estimate.cells["aggregation"] == "overall").to_numpy()
            untold = overall & (np.array(reasons) == _ELSEWHERE)
            limits = replace(limits, reasons=reasons)
            permuted = replace(permuted, observed=np.where(untold, np.nan, permuted.observed))
        if self.interval == "inversion" and not hopeless:
            limits = self._limits(permuted, self.searched_draws)
            if self._apart(permuted.p_value(), limits).any():  # on fewer draws, which answer otherwise: on all of them
                limits = self._limits(permuted, len(permuted.drawn))
        return self._laid_out(fitted, space, permuted, limits, smallest)

    def _limits(self, permuted: Permuted, search_draws: int) -> Limits:
        """Invert the test, on so many draws where each costs a new fit."""
        return constant_effect_limits(
            permuted.adoptions, permuted.batch, complete=permuted.complete,
            statistic=self.statistic, level=self.level, search_draws=search_draws,
        )  # fmt: skip

    def _space(self, fitted: Fitted) -> AssignmentSpace | str:
        """Return the space of assignments, or why there is none."""
        if self.statistic != "coefficient" and not fitted.estimate.divides:
            return "the estimator has no error of its own to studentise with; write statistic: coefficient"
        return fitted.space(self.strata)

    def _why_no_statistic(self, fitted: Fitted) -> NDArray[Any]:
        """Say of each row, (m,), what stands in place of a statistic that does not exist."""
        told = (fitted.estimate.cells["reason"] != "").to_numpy()
        alone = (fitted.estimate.cells["n_treated_units"] == 1).to_numpy()
        if fitted.estimate.deviations is not None:  # of one cluster
            alone = alone | np.isnan(fitted.estimate.deviations).all(0)
        lonely = alone & (self.statistic != "coefficient")
        return np.where(lonely, _LONELY, np.where(told, "", "no statistic to permute"))

    def _apart(self, p: Array, limits: Limits) -> NDArray[np.bool_]:
        """Tell where p and the interval answer differently whether there is an effect, (m,)."""
        both = np.isfinite(p) & ~np.isnan(limits.low) & ~np.isnan(limits.high)
        outside = (limits.low > 0) | (limits.high < 0)
        return np.asarray(both & (outside != (p <= round(1 - self.level, 12))))

    def _laid_out(
        self, fitted: Fitted, space: AssignmentSpace, permuted: Permuted, limits: Limits, smallest: SmallestP
    ) -> Inferred:
        p = permuted.p_value()
        failed = int(np.isnan(permuted.drawn).all(1).sum())
        no_statistic = np.isnan(p) & np.isfinite(fitted.estimate.values) & (np.array(limits.reasons) != _ELSEWHERE)
        why = np.where(no_statistic, self._why_no_statistic(fitted), "")
        apart = np.where(self._apart(p, limits), _APART, "")
        observed = np.where(np.isfinite(permuted.observed), permuted.observed, np.nan)  # over an error of zero: none
        reasons = ["; ".join(filter(None, texts)) for texts in zip(why, limits.reasons, apart, strict=True)]
        table = effect_table(
            fitted, self.key, level=self.level, conf=(limits.low, limits.high), statistic=observed, p_value=p,
            reason=reasons,
        )  # fmt: skip
        row = _headline_row(fitted, p)
        facts: dict[str, Any] = {
            "statistic": self.statistic,
            "key": self.key,
            "assignments": _counted(space.size),
            "complete": permuted.complete,
            "smallest_p": smallest.value,
            "draws": len(permuted.drawn),
            "failed_draws": failed,
            "strata": space.table(),
            "tie_tolerance": TIES,
            "observed": float(permuted.shown[0, row]),
            "p_value": float(p[row]),
            "p_monte_carlo_error": float(permuted.monte_carlo_error()[row]),
            "two_sided": "by absolute value of the statistic",
            "interval": limits.how,
            "low_error": 0.0 if permuted.complete else limits.low_error,
            "high_error": 0.0 if permuted.complete else limits.high_error,
            "errors_of_ends": "Monte Carlo, of the overall effect, on the scale of logs where the estimate is a ratio",
        }
        tests = table_of_tests(
            fitted, permuted.batch, row, key=self.key, statistic=self.statistic,
            strata=drawn_within(fitted.source, self.strata), complete=permuted.complete, limits=limits,
        )  # fmt: skip
        if self.statistic == "both":
            facts |= {"two_sided": BOTH, "p_of_each": _p_of_each(tests)}
        tables = _tables(fitted, permuted, row, self.key) | _curve(fitted, permuted, row, self.key, limits)
        return Inferred(table, tables, facts, tests)


def _counted(size: int) -> int | float | str:
    """Return a count for JSON: as it is, as a float from 10^15 on, in words where no float holds it."""
    if size < 10**15:
        return size
    return float(size) if size < 10**300 else f"about 10^{_digits(size)}"


def _digits(size: int) -> int:
    """Return the power of ten below a huge count, without writing it out."""
    return int((size.bit_length() - 1) * np.log10(2))


def _headline_row(fitted: Fitted, p: Array) -> int:
    """Return the overall effect's row; the first row with a p where there is none."""
    usable = np.isfinite(p)
    overall = usable & (fitted.estimate.cells["aggregation"] == "overall").to_numpy()
    return int(np.argmax(overall if overall.any() else usable))


def _tables(fitted: Fitted, permuted: Permuted, row: int, key: str) -> dict[str, pd.DataFrame]:
    """Distribution of the overall statistic, and p with its Monte Carlo error for every row."""
    keys = fitted.estimate.cells[["aggregation", "cohort", "time", "event_time"]].reset_index(drop=True)
    rows = keys.assign(
        statistic=permuted.observed, extreme=permuted.extreme(), draws=len(permuted.drawn), p_value=permuted.p_value(),
        p_monte_carlo_error=permuted.monte_carlo_error(),
    )  # fmt: skip
    batch = permuted.batch
    draws = pd.DataFrame({"estimate": batch.values[:, row]})
    if batch.std_error is not None:
        draws["spread" if batch.spread else "std_error"] = batch.std_error[:, row]
    draws.insert(0, "draw", np.arange(len(draws)))
    name, drawn = key.replace(":", "-"), permuted.shown[1:, row]
    return {
        "randomization": pd.DataFrame({"statistic": drawn}), "randomization_p": rows,
        f"draws.{{}}.{name}": draws,
    }  # fmt: skip


def _p_of_each(tests: pd.DataFrame) -> list[dict[str, object]]:
    """Return the two statistics of a joint test with the p of each alone."""
    parts = tests[tests["statistic"] != "both"]
    return [
        {"statistic": name, "p": round(float(p), 4)} for name, p in zip(parts["statistic"], parts["p"], strict=True)
    ]


def _curve(fitted: Fitted, permuted: Permuted, row: int, key: str, limits: Limits) -> dict[str, pd.DataFrame]:
    """Return the confidence curve of the overall effect; none without an interval."""
    if not limits.tried:
        return {}
    ratio = bool(fitted.estimate.cells["scale"].iloc[row] == "ratio")
    table = curve_table(limits.tried, limits.draws, complete=permuted.complete, ratio=ratio)
    return {f"{CURVE}{{}}.{key.replace(':', '-')}": table}
