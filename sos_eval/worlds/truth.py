"""The truth: effects on expected outcomes, in the key columns of an effect table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.aggregate import EVERY, AggregationPlan, EventTimes, plan_aggregations
from sos_eval.results.estimate import cells
from sos_eval.terms import KEY_COLUMNS

__all__ = ["TRUTH_COLUMNS", "Truth", "TruthPlan", "plan_truth", "true_effects"]

Array = NDArray[np.float64]
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
    """

    cells: pd.DataFrame
    kinds: tuple[tuple[str, str], ...]
    first_treated: Array
    aggregations: AggregationPlan | None

    def apply(self, untreated: Array, treated: Array, exposure: Array) -> Array:
        """Compute every true effect, (reps, m): ratios as ratios; NaN where a log has no meaning.

        Parameters
        ----------
        untreated, treated : (reps, n, n_times)
            Expected outcomes without the intervention, and with each authority's own adoption.
        exposure : (n, n_times) or (reps, n, n_times)
            Children; read for rate ratios only.
        """
        plan, who = self.aggregations, np.isfinite(self.first_treated)
        if plan is None:
            return np.zeros((len(untreated), 0))
        first, without, with_it = self.first_treated[who], untreated[:, who], treated[:, who]
        starts = np.unique(first)
        parts = []
        for estimand, scale in self.kinds:
            if estimand == "rate_ratio":
                children = exposure[..., who, :]
                parts.append(_ratios(without * children, with_it * children, first, starts, plan))
            elif scale == "log":
                parts.append(_att(_log(without), _log(with_it), first, starts, plan))
            else:
                parts.append(_att(without, with_it, first, starts, plan))
        return np.hstack(parts)


def plan_truth(
    first_treated: Array, times: Array, kinds: Collection[tuple[str, str]], event_times: EventTimes = EVERY
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
    """
    starts = np.unique(first_treated[np.isfinite(first_treated)])
    if not len(starts) or not kinds:
        return TruthPlan(cells(estimand=["att"])[list(KEY_COLUMNS)].iloc[:0], (), first_treated, None)
    time = np.tile(times, len(starts))
    cohort = np.repeat(starts, len(times))
    counts = np.array([(first_treated == g).sum() for g in starts])
    grid = cells(
        estimand=["att"], aggregation=["group_time"], cohort=cohort, time=time, event_time=time - cohort,
        n_units=[len(first_treated)], n_treated_units=np.repeat(counts, len(times)),
    )  # fmt: skip
    plan = plan_aggregations(grid, starts, event_times)
    frame = pd.concat([grid, plan.cells], ignore_index=True)[list(KEY_COLUMNS)]
    rows = pd.concat([frame.assign(estimand=estimand, scale=scale) for estimand, scale in kinds], ignore_index=True)
    return TruthPlan(rows, tuple(kinds), first_treated, plan)


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


def _by_cohort(values: Array, first_treated: Array, starts: Array) -> Array:
    """Sum over the authorities of each cohort, (reps, n, n_times) -> (reps, cohorts x n_times)."""
    member = (first_treated == starts[:, None]).astype(float)
    return np.asarray(np.einsum("kn,rnt->rkt", member, values, optimize=True).reshape(len(values), -1))


def _att(untreated: Array, treated: Array, first_treated: Array, starts: Array, plan: AggregationPlan) -> Array:
    """Average differences by cohort and time, then as planned, (reps, m)."""
    sizes = np.array([(first_treated == g).sum() for g in starts])
    sums = _by_cohort(treated - untreated, first_treated, starts)
    group_time = sums / np.repeat(sizes, untreated.shape[-1])
    return np.hstack([group_time, plan.values(group_time, sizes.astype(float))])


def _ratios(untreated: Array, treated: Array, first_treated: Array, starts: Array, plan: AggregationPlan) -> Array:
    """Divide sums of expected counts over the cells that each row averages, (reps, m)."""
    without = _by_cohort(untreated, first_treated, starts)
    with_it = _by_cohort(treated, first_treated, starts)
    members = (plan.weights(np.ones(len(starts))) != 0).astype(float)
    return np.hstack([with_it / without, (with_it @ members.T) / (without @ members.T)])
