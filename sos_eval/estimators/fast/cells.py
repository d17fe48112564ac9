"""Group-time cells and their averages, planned for one set of starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._cells import CellPlan
from sos_eval.estimators.fast.cohort_means import Contributions, contributions
from sos_eval.panel.panel import Array
from sos_eval.results.aggregate import AggregationPlan, EventTimes, plan_aggregations
from sos_eval.results.estimate import Columns, stacked

__all__ = ["GroupTimePattern", "group_time_columns", "group_time_pattern"]


@dataclass(frozen=True, slots=True)
class GroupTimePattern:
    """Cells and aggregations planned for one set of starts (see `Pattern`)."""

    plan: CellPlan
    aggregation: AggregationPlan
    cells: pd.DataFrame

    @property
    def n_cohorts(self) -> int:
        """How many groups of units."""
        return len(self.plan.starts)

    @property
    def n_times(self) -> int:
        """How many periods take part."""
        return len(self.plan.times)

    @property
    def no_error(self) -> NDArray[np.bool_]:
        """Rows that hold base periods alone."""
        base = self.plan.is_base
        uses = (self.aggregation.members.sum(1) > 0) & ~base
        return np.append(base, (self.aggregation.means @ uses).sum(1) == 0)

    def codes(self, first_treated: Array) -> NDArray[np.intp]:
        """Return each unit's group; -1 for units that take no part."""
        return self.plan.codes(first_treated)

    def contributions(self, weight: Array, sums: Array) -> Contributions:
        """Compute cells and aggregates from sums by group."""
        return contributions(self.plan, weight, sums, self.aggregation)


def group_time_columns(plan: CellPlan, codes: NDArray[np.intp], scale: str) -> Columns:
    """Lay out the cells with their counts of units, from each unit's position among the starts, (m rows)."""
    counts = np.bincount(codes[codes >= 0], minlength=len(plan.starts))
    treated = counts[plan.group]
    both = treated + plan.control @ counts
    return plan.columns(2 * both, both, treated, scale)


def group_time_pattern(
    plan: CellPlan, codes: NDArray[np.intp], scale: str, event_times: EventTimes
) -> GroupTimePattern:
    """Plan the aggregations of a plan of cells, with the counts of units of one adoption."""
    table = group_time_columns(plan, codes, scale)
    aggregation = plan_aggregations(table, plan.cohorts, event_times)
    return GroupTimePattern(plan, aggregation, stacked(table, aggregation.columns))
