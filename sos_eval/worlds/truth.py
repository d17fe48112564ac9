"""The truth: effects on expected outcomes, in the key columns of an effect table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.aggregate import EVERY, AggregationPlan, EventTimes, plan_aggregations
from sos_eval.results.estimate import cells
from sos_eval.results.overall_average import OverallAverage
from sos_eval.terms import KEY_COLUMNS

__all__ = ["TRUTH_COLUMNS", "Truth", "TruthPlan", "plan_truth", "true_effects"]

Array = NDArray[np.float64]
#: How the world itself, and estimators of effects by cohort and period, average.
COHORTS_FIRST = OverallAverage()
TRUTH_COLUMNS = (*KEY_COLUMNS, "true_effect")


@dataclass(frozen=True, eq=False)
class Truth:
    """True effects of a batch of draws.

    Attributes
    ----------
    cells
        Key columns, m rows.
    values : (reps, m)
        On the scale of the table: ratios are ratios here, not logs.
    """

    cells: pd.DataFrame
    values: Array

    @property
    def table(self) -> pd.DataFrame:
        """Key columns and ``true_effect``, averaged over the draws."""
        return self.cells[list(KEY_COLUMNS)].assign(true_effect=self.values.mean(0))


@dataclass(frozen=True, eq=False)
class TruthPlan:
    """True effects on one frame of units, for any number of draws.

    Attributes
    ----------
    cells
        Key columns, m rows: those of each of `kinds` in turn.
    kinds
        (estimand, scale).
    first_treated : (n,)
        ``inf`` = never.
    aggregations
        Of cells by cohort and time; None where nobody is treated.
    average
        How the overall effect averages.
    weights : (n, n_times)
        What each unit-period counts for; where cohorts come first the same in all periods of a unit.
    shares : (k,)
        What each cohort counts for where cohorts come first.
    """

    cells: pd.DataFrame
    kinds: tuple[tuple[str, str], ...]
    first_treated: Array
    aggregations: AggregationPlan | None
    average: OverallAverage
    weights: Array
    shares: Array

    def apply(self, untreated: Array, treated: Array, exposure: Array) -> Array:
        """Compute every true effect, (reps, m): ratios as ratios; NaN where a log has no meaning.

        Parameters
        ----------
        untreated, treated : (reps, n, n_times)
            Expected outcomes without the intervention, and with each authority's own adoption.
        exposure : (n, n_times) or (reps, n, n_times)
            Children; read for rate ratios, and where unit-periods count by them.
        """
        plan, who = self.aggregations, np.isfinite(self.first_treated)
        if plan is None:
            return np.zeros((len(untreated), 0))
        without, with_it, counts = untreated[:, who], treated[:, who], self.weights[who]
        member = (self.first_treated[who] == np.unique(self.first_treated[who])[:, None]).astype(float)
        parts = []
        for estimand, scale in self.kinds:
            if estimand == "rate_ratio":
                weight = counts * exposure[..., who, :]
                parts.append(_ratios(without * weight, with_it * weight, member, plan))
                continue
            change = _log(with_it) - _log(without) if scale == "log" else with_it - without
            if self.average.cohorts_first:
                parts.append(_by_shares(change, counts, member, self.shares, plan))
            else:
                weight = counts * exposure[..., who, :] if self.average.by_exposure else counts
                parts.append(_by_rows(change, weight, member, plan))
        return np.hstack(parts)


def plan_truth(
    first_treated: Array,
    times: Array,
    kinds: Collection[tuple[str, str]],
    event_times: EventTimes = EVERY,
    *,
    average: OverallAverage = COHORTS_FIRST,
    weights: Array | None = None,
    shares: Array | None = None,
) -> TruthPlan:
    """Plan the true effects of some kinds; see `true_effects`.

    Parameters
    ----------
    first_treated : (n,)
        ``inf`` = never.
    kinds
        (estimand, scale), in the order of the rows.
    event_times
        Which cells the averages by event time are made of.
    average
        What an estimate's overall effect averages; unless given, a cohort's periods first and then cohorts, of all.
    weights : (n, n_times) or None
        What each unit-period counts for; None: alike.
    shares : (k,) or None
        What each cohort counts for where cohorts come first, in the order of starts; None: the weight of its units.
    """
    weights = np.ones((len(first_treated), len(times))) if weights is None else weights
    starts = np.unique(first_treated[np.isfinite(first_treated)])
    if not len(starts) or not kinds:
        nothing = cells(estimand=["att"])[list(KEY_COLUMNS)].iloc[:0]
        return TruthPlan(nothing, (), first_treated, None, average, weights, np.zeros(0))
    if shares is None:
        shares = np.array([weights[first_treated == g].mean(1).sum() for g in starts])
    time = np.tile(times, len(starts))
    cohort = np.repeat(starts, len(times))
    counts = np.array([(first_treated == g).sum() for g in starts])
    grid = cells(
        estimand=["att"], aggregation=["group_time"], cohort=cohort, time=time, event_time=time - cohort,
        n_units=[len(first_treated)], n_treated_units=np.repeat(counts, len(times)),
    )  # fmt: skip
    plan = _as_averaged(grid, starts, event_times, average)
    frame = pd.concat([grid, plan.cells], ignore_index=True)[list(KEY_COLUMNS)]
    rows = pd.concat([frame.assign(estimand=estimand, scale=scale) for estimand, scale in kinds], ignore_index=True)
    return TruthPlan(rows, tuple(kinds), first_treated, plan, average, weights, shares)


def _as_averaged(
    grid: pd.DataFrame, starts: Array, event_times: EventTimes, average: OverallAverage
) -> AggregationPlan:
    """Plan the averages of a grid of cells (m,) as an estimate makes them, of the cells that it has after the start."""
    cohort, time = grid["cohort"].to_numpy(float), grid["time"].to_numpy(float)
    used = (time < cohort) | average.holds(cohort, time)
    own = plan_aggregations(grid[used], starts, event_times)
    members = np.zeros((*own.members.shape[:2], len(grid)))
    members[..., used] = own.members
    return replace(own, members=members)


def true_effects(
    untreated: Array, treated: Array, first_treated: Array, times: Array, exposure: Array, scale: str
) -> Truth:
    """Compute every true effect on the treated.

    ``att`` averages authorities' differences in expected outcomes (scale `scale`), and in their logs (scale
    ``log``, where all expected outcomes are positive); its aggregations are those of the estimators
    (`results.aggregate`). ``rate_ratio`` is expected counts over what they would have been without the
    intervention, summed over the authority-periods that the aggregation averages; ``overall`` and ``simple`` sum
    over all treated authority-periods.

    Parameters
    ----------
    untreated, treated : (reps, n, n_times)
        Expected outcomes without the intervention, and with each authority's own adoption.
    exposure : (n, n_times) or (reps, n, n_times)
        Children; NaN where the outcome is no count: then there is no rate ratio.
    """
    who = np.isfinite(first_treated)
    kinds = [("att", scale)]
    if scale != "log" and (untreated[:, who] > 0).all() and (treated[:, who] > 0).all():
        kinds.append(("att", "log"))
    if np.isfinite(exposure[..., who, :]).all():
        kinds.append(("rate_ratio", "ratio"))
    plan = plan_truth(first_treated, times, kinds)
    return Truth(plan.cells, plan.apply(untreated, treated, exposure))


def _log(values: Array) -> Array:
    """Return logs; NaN where there is none."""
    return np.log(values, out=np.full_like(values, np.nan), where=values > 0)


def _by_cohort(values: Array, member: Array) -> Array:
    """Sum over the authorities of each cohort (k, n), (..., n, n_times) -> (..., cohorts x n_times)."""
    sums = np.einsum("kn,...nt->...kt", member, values, optimize=True)
    return np.asarray(sums.reshape(*sums.shape[:-2], -1))


def _by_shares(change: Array, weight: Array, member: Array, shares: Array, plan: AggregationPlan) -> Array:
    """Average changes by cohort and time, then as planned with the cohorts' shares, (reps, m)."""
    group_time = _by_cohort(change * weight, member) / _by_cohort(weight, member)
    return np.hstack([group_time, plan.values(group_time, shares)])


def _by_rows(change: Array, weight: Array, member: Array, plan: AggregationPlan) -> Array:
    """Average changes over the cells that each row averages, unit-periods by weights of their own, (reps, m)."""
    sums = _by_cohort(change * weight, member)
    total = np.broadcast_to(_by_cohort(weight, member), sums.shape)
    inside = (plan.members != 0).any(1).astype(float)
    return np.hstack([sums / total, (sums @ inside.T) / (total @ inside.T) @ plan.means.T])


def _ratios(untreated: Array, treated: Array, member: Array, plan: AggregationPlan) -> Array:
    """Divide sums of expected counts over the cells that each row averages, (reps, m)."""
    without, with_it = _by_cohort(untreated, member), _by_cohort(treated, member)
    inside = (plan.weights(np.ones(len(member))) != 0).astype(float)
    return np.hstack([with_it / without, (with_it @ inside.T) / (without @ inside.T)])
