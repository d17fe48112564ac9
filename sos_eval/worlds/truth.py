"""The truth: effects on expected outcomes, in the key columns of an effect table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.aggregate import AggregationPlan, plan_aggregations
from sos_eval.results.estimate import cells
from sos_eval.terms import KEY_COLUMNS

__all__ = ["TRUTH_COLUMNS", "Truth", "true_effects"]

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


def true_effects(
    untreated: Array,
    treated: Array,
    first_treated: Array,
    times: Array,
    exposure: Array,
    scale: str,
    kinds: Collection[tuple[str, str]] | None = None,
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
    exposure : (n, n_times)
        Children; NaN where the outcome is no count: then there is no rate ratio.
    kinds
        (estimand, scale) that are wanted; None for all that exist.
    """
    starts = np.unique(first_treated[np.isfinite(first_treated)])
    if not len(starts):
        return Truth(cells(estimand=["att"]).iloc[:0], np.zeros((len(untreated), 0)))
    cohort = np.repeat(starts, len(times))
    time = np.tile(times, len(starts))
    counts = np.array([(first_treated == g).sum() for g in starts])
    grid = cells(
        estimand=["att"], aggregation=["group_time"], cohort=cohort, time=time, event_time=time - cohort, scale=[scale],
        n_units=[len(first_treated)], n_treated_units=np.repeat(counts, len(times)),
    )  # fmt: skip
    plan = plan_aggregations(grid, starts)
    frame = pd.concat([grid, plan.cells], ignore_index=True)
    who = np.isfinite(first_treated)
    without, with_it, first = untreated[:, who], treated[:, who], first_treated[who]
    wanted = {("att", scale), ("att", "log"), ("rate_ratio", "ratio")} if kinds is None else set(kinds)
    parts = []
    if ("att", scale) in wanted:
        parts.append((frame, _att(without, with_it, first, starts, plan)))
    if ("att", "log") in wanted and scale != "log" and (without > 0).all() and (with_it > 0).all():
        parts.append((frame.assign(scale="log"), _att(np.log(without), np.log(with_it), first, starts, plan)))
    if ("rate_ratio", "ratio") in wanted and np.isfinite(exposure).all():
        children = exposure[who]
        ratios = _ratios(without * children, with_it * children, first, starts, plan)
        parts.append((frame.assign(estimand="rate_ratio", scale="ratio"), ratios))
    if not parts:
        return Truth(frame.iloc[:0], np.zeros((len(untreated), 0)))
    table = pd.concat([part[0] for part in parts], ignore_index=True)
    return Truth(table[list(KEY_COLUMNS)], np.hstack([part[1] for part in parts]))


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
