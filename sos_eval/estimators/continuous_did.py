"""Difference in differences with a dose (Callaway, Goodman-Bacon and Sant'Anna 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._cells import BASE_REASON, CellPlan, Control, instead_of, plan_cells, taking_part
from sos_eval.estimators._donors import refuse_gaps_and_weights
from sos_eval.numerics.dose_basis import DoseBasis
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.doses import dose_name
from sos_eval.results.estimate import Batch, Estimate, cells, cluster_sums
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register
from sos_eval.results.strata import without_strata

__all__ = ["ContinuousDiD"]

Bools = NDArray[np.bool_]
Places = NDArray[np.intp]

STRONG = (
    "the effect of a dose, ATT(d), and the causal response to one more of it, ACRT, hold under strong parallel trends, "
    "which are stated and cannot be tested: at the same dose all would have had the same effect on average. Under "
    "parallel trends alone rows by dose are ATT(d|d), of dose d on the units that had it, and their slope is no causal "
    "response. The average effect (overall) needs parallel trends only"
)
POOLED = "cohorts share one curve of the dose"
COVARIATES = "covariates are no part of this method"
ALONE = "one treated unit is seen so long after its start: it has no spread of its own"
RESPONSE = "average causal response"
#: Shares of the treated at or below the doses at which the curve is told, unless doses are declared.
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _DosePlan:
    """What neither outcomes nor who is treated change: units stand in roles, by start, and as they are listed within.

    Attributes
    ----------
    code : (n,)
        Position of each role's start in `laid.starts`, increasing.
    laid
        The cells (cohort, period), each compared with the last period before the start.
    mix : (m, s)
        How a unit's cells are averaged: over all its periods since the start first, then by event time.
    of_set : (q,)
        Which of these a row is of.
    load : (n, q)
        What each treated role's effect counts in a row.
    fit : (n, n)
        From effects to their fitted values on the curve; zero for the untreated.
    slope : (n, n)
        From effects to the slope of the curve at each treated role's dose.
    table
        The rows, `CELL_COLUMNS`.
    """

    code: Places
    laid: CellPlan
    mix: Array
    of_set: Places
    load: Array
    fit: Array
    slope: Array
    table: pd.DataFrame

    def order(self, first_treated: Array) -> Places:
        """Return which unit has each role, (..., n), by starts (..., n_units)."""
        codes = self.laid.codes(first_treated)
        return np.argsort(codes, axis=-1, kind="stable")[..., codes.shape[-1] - len(self.code) :]

    def scored(self, outcomes: Array) -> tuple[Array, Array]:
        """Return rows (..., q) and the influence of every role (..., n, q), from outcomes by role (..., n, t)."""
        laid, n = self.laid, len(self.code)
        own = (self.code[:, None] == laid.group).astype(float)
        share = laid.control.T[self.code].astype(float)
        share /= share.sum(0)
        change = outcomes[..., laid.time] - outcomes[..., laid.base]
        gap = change - (change * share).sum(-2, keepdims=True)
        effect = ((gap * own) @ self.mix)[..., self.of_set]
        values = (effect * self.load).sum(-2)
        counts = (own.T @ self.load) * self.mix[:, self.of_set]
        parts = self.load * self._residual(effect, values) + self._spread(effect, values)
        return values, n * (parts - (gap * share) @ counts)

    @property
    def _curved(self) -> Bools:
        """Rows that rest on the curve, (q,)."""
        return (self.table["subgroup"] != "").to_numpy()

    def _residual(self, effect: Array, values: Array) -> Array:
        """Return effects less their mean, or less the curve in the rows that rest on it."""
        return np.asarray(effect - np.where(self._curved, self.fit @ effect, values[..., None, :]))

    def _spread(self, effect: Array, values: Array) -> Array:
        """Return what the average causal response owes to the doses being those of a sample, (..., n, q)."""
        treated: Bools = (self.fit != 0).any(axis=1)
        told = treated[:, None] & (self.table["subgroup"] == RESPONSE).to_numpy()
        return np.asarray(np.where(told, self.slope @ effect - values[..., None, :], 0.0) / treated.sum())


@register("continuous_did")
@dataclass(frozen=True)
class ContinuousDiD(Estimator):
    """Effects by dose: each treated unit's change less that of the untreated, regressed on its dose."""

    control: Control = "never_treated"
    """Which untreated units a cell is compared with."""
    degree: Annotated[int, Ge(1)] = 1
    """Highest power of the dose in the curve."""
    knots: tuple[float, ...] = ()
    """Doses at which pieces of the curve join smoothly."""
    at: tuple[float, ...] | None = None
    """Doses at which the curve is told; unless given, the 10, 25, 50, 75 and 90% quantiles of the treated units'."""
    over_time: Literal["mean", "first"] | None = None
    """A unit's dose where it varies since the start: the mean, or the first; refused unless declared."""
    anticipation: Annotated[float, Ge(0)] = 0
    """Periods before the start in which units may already respond."""

    label: ClassVar[str] = "difference in differences with a dose"
    reference: ClassVar[str] = "Callaway, Goodman-Bacon and Sant'Anna (2024)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 3}
    takes_weights: ClassVar[bool] = False
    compares_with_last: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.at == ():
            raise ValueError("at: names no dose; write doses, or leave it out")

    def averaged_cells(self, estimate: Estimate) -> Array:
        """Return cohort and period of the effects that the overall one averages: those that can be compared."""
        laid = self._planned(estimate.panel)[1].laid
        cells = np.column_stack([laid.starts[laid.group], laid.times[laid.time]])
        return cells[cells[:, 1] >= cells[:, 0]]

    def averages_cohorts_first(self, estimate: Estimate) -> bool:
        """Whether a unit's periods come first: every unit's own effect is the mean of its periods."""
        return True

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the average effect by event time and overall, the average causal response, and effects by dose."""
        kept, plan = self._planned(panel)
        order = plan.order(kept.first_treated)
        values, by_role = plan.scored(kept.matrix()[order])
        influence = np.empty_like(by_role)
        influence[order] = by_role
        table = plan.table
        influence[:, (table["reason"] != "").to_numpy()] = np.nan
        extra = (COVARIATES if panel.covariates else "", *without_strata(panel))
        pooled = POOLED if len(plan.laid.cohorts) > 1 else ""
        notes = tuple(filter(None, (STRONG, pooled, *extra, plan.laid.note)))
        return Estimate(table, values, influence, kept, notes=notes)

    def estimate_many(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes, (draws, n_units, n_times): the plan is made once."""
        if np.isnan(outcomes).any():
            return super().estimate_many(panel, outcomes)
        kept, plan = self._planned(panel)
        inside = np.isin(panel.units, kept.units)
        order = plan.order(kept.first_treated)
        return _batch(kept, plan, np.asarray(outcomes)[:, inside], np.tile(order, (len(outcomes), 1)))

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions that hand the same starts to other units, and doses with them, in one plan."""
        starts = np.asarray(first_treated, float)
        same = (np.sort(starts, axis=1) == np.sort(panel.first_treated)).all()
        if not same or not panel.absorbing or panel.layout != "panel" or not panel.is_balanced:
            return super().estimate_assignments(panel, first_treated)
        _, plan = self._planned(panel)
        outcomes = np.broadcast_to(panel.matrix(), (len(starts), panel.n_units, panel.n_times))
        return _batch(panel, plan, outcomes, plan.order(starts))

    def leverage(self, panel: Panel) -> tuple[Array, str]:
        """Say what each unit counts for in the row of the curve that the fewest treated units decide.

        That number is (sum of squared loads)^2 / (sum of fourth powers), as in `effective_clusters`.
        """
        kept, plan = self._planned(panel)
        squares = plan.load[:, plan._curved] ** 2
        fewest = np.argmin(squares.sum(0) ** 2 / (squares**2).sum(0))
        own = np.sqrt(squares[:, fewest])
        treated = own > 0
        by_role = np.where(treated, own / own[treated].mean(), 1.0)
        taking = np.ones(kept.n_units)
        taking[plan.order(kept.first_treated)] = by_role
        counts = np.ones(panel.n_units)
        counts[np.isin(panel.units, kept.units)] = taking
        return counts, "the curve of the dose"

    def _planned(self, panel: Panel) -> tuple[Panel, _DosePlan]:
        """Lay out roles, cells and rows.

        Raises
        ------
        NotIdentified
            With what to declare instead.
        """
        self._refuse(panel)
        starts = np.unique(panel.first_treated)
        laid = plan_cells(
            starts, panel.times, control=self.control, base_period="universal", anticipation=self.anticipation
        )
        if isinstance(laid, str):
            raise NotIdentified(panel.fault(f"{self.name}: {laid}", instead_of(laid)))
        kept = taking_part(panel, laid, self.anticipation)
        codes = laid.codes(kept.first_treated)
        order = np.argsort(codes, kind="stable")
        treated = np.isin(codes[order], laid.group)
        dose = self._doses(kept)[order][treated]
        return kept, _plan(kept, laid, codes[order], treated, dose, self._basis(kept, dose), self._told(kept, dose))

    def why_no_transition(self, panel: Panel) -> tuple[str, str] | None:
        """Refuse embedding windows."""
        if not (panel.partly_exposed or panel.transition_dropped):
            return None
        what = "it takes no embedding windows: a dose is of whole periods since the start"
        return what, "leave out panel.treatment.transition, and let the dose say how far it was"

    def _refuse(self, panel: Panel) -> None:
        """Refuse panels without a dose, with treatment that stops, gaps or weights."""
        if "dose" not in panel.frame:
            raise self._fault(panel, "the panel has no dose", "write panel.treatment.dose: COLUMN")
        if not panel.absorbing:
            raise self._fault(panel, "treatment stops for some units", "choose dechaisemartin_dhaultfoeuille")
        refuse_gaps_and_weights(panel, self.name)

    def _doses(self, panel: Panel) -> Array:
        """Return every unit's dose, (n_units,): NaN for those untreated throughout."""
        since = panel.times >= panel.first_treated[:, None]
        dose = np.where(since, panel.matrix("dose"), np.nan)
        first = np.where(since.any(1), dose[np.arange(len(dose)), since.argmax(1)], np.nan)
        varies = ((dose != first[:, None]) & since).any(1)
        if varies.any() and self.over_time is None:
            what = f"the dose varies since the start for {listed(panel.units[varies].tolist())}"
            raise self._fault(panel, what, "write over_time: mean, or over_time: first")
        none = (np.where(since, dose, 0.0) <= 0).all(1) & since.any(1)
        if none.any():
            what = f"treated with a dose of zero: {listed(panel.units[none].tolist())}"
            raise self._fault(panel, what, "write never as their start, or leave them out")
        total = np.where(since, dose, 0.0).sum(1)
        return first if self.over_time != "mean" else np.where(varies, total / np.maximum(since.sum(1), 1), first)

    def _basis(self, panel: Panel, dose: Array) -> DoseBasis:
        """Return the terms of the curve, refused where the doses cannot tell them apart."""
        spread = float(np.ptp(dose))
        if spread == 0:
            what = f"all treated units have the same dose, {dose[0]:g}"
            raise self._fault(panel, what, "choose callaway_santanna: there is no response to see")
        outside = [f"{knot:g}" for knot in self.knots if not dose.min() < knot < dose.max()]
        if outside:
            what = (
                f"knots: {listed(outside)} {'is' if len(outside) == 1 else 'are'} not between the treated units' doses"
            )
            raise self._fault(panel, what, f"write knots between {dose.min():g} and {dose.max():g}")
        basis = DoseBasis(self.degree, np.array(self.knots, float), float(dose.mean()), spread)
        rank = np.linalg.matrix_rank(basis.levels(dose))
        if rank < basis.size or len(dose) <= basis.size:
            what = f"{len(dose)} treated units with {len(np.unique(dose))} doses do not tell {basis.size} coefficients"
            raise self._fault(panel, what, "lower degree, or write fewer knots")
        return basis

    def _told(self, panel: Panel, dose: Array) -> Array:
        """Return the doses at which the curve is told, increasing; those beyond the treated units' are refused."""
        if self.at is None:
            return np.unique(np.quantile(dose, QUANTILES))
        beyond = [one for one in self.at if not dose.min() <= one <= dose.max()]
        if beyond:
            what = f"at: no treated unit had so little or so much as {listed([f'{one:g}' for one in beyond])}"
            raise self._fault(panel, what, f"write doses from {dose.min():g} to {dose.max():g}")
        return np.unique(np.array(self.at, float))

    def _fault(self, panel: Panel, what: str, instead: str) -> NotIdentified:
        return NotIdentified(panel.fault(f"{self.name}: {what}", instead))


def _plan(
    panel: Panel, laid: CellPlan, code: Places, treated: Bools, dose: Array, basis: DoseBasis, at: Array
) -> _DosePlan:  # fmt: skip
    """Lay out the plan for roles (n,), of which some are treated with a dose."""
    event = laid.times[laid.time] - laid.starts[laid.group]
    events = np.unique(event)
    sets = np.column_stack([event >= 0, event[:, None] == events])
    cohort = laid.group[:, None] == laid.group
    mix = sets / np.maximum(cohort.astype(float) @ sets, 1.0)
    own = (code[:, None] == laid.group).astype(float)
    members = (own @ mix > 0).astype(float)
    means = members / members.sum(0)
    levels, slopes = basis.levels(dose), basis.slopes(dose)
    solve = np.zeros((basis.size, len(code)))
    solve[:, treated] = np.linalg.pinv(levels)
    every = np.zeros((2, len(code), basis.size))
    every[:, treated] = levels, slopes
    curve = [slopes.mean(0) @ solve, *(basis.levels(at) @ solve), *(basis.slopes(at) @ solve)]
    load = np.column_stack([means[:, 1:], means[:, 0], *curve])
    of_set = np.append(np.arange(1, len(events) + 1), np.zeros(2 + 2 * len(at), int))
    table = _rows(panel, laid, events, at, members.sum(0)[of_set].astype(int))
    return _DosePlan(code, laid, mix, of_set, load, every[0] @ solve, every[1] @ solve, table)


def _rows(panel: Panel, laid: CellPlan, events: Array, at: Array, n_treated: Places) -> pd.DataFrame:
    """Lay out the rows: average effects by event time and overall, the average causal response, and those by dose."""
    doses = [dose_name(one) for one in at]
    event = np.append(events, np.full(2 + 2 * len(at), np.nan))
    fixed = np.isin(event, (laid.times[laid.time] - laid.starts[laid.group])[laid.is_base])
    alone = np.where(n_treated < 2, ALONE, "")
    return cells(
        estimand=["att"] * (len(events) + 1) + ["acrt"] + ["att"] * len(at) + ["acrt"] * len(at),
        aggregation=["event_time"] * len(events) + ["overall"] * (2 + 2 * len(at)),
        subgroup=[""] * (len(events) + 1) + [RESPONSE, *doses, *doses],
        event_time=event, scale=panel.outcome.scale, n_obs=panel.n_rows, n_units=panel.n_units,
        n_treated_units=n_treated, reason=np.where(fixed, BASE_REASON, alone),
    )  # fmt: skip


def _batch(panel: Panel, plan: _DosePlan, outcomes: Array, order: Places) -> Batch:
    """Apply a plan to draws of outcomes (draws, n_units, n_times) and of who has which role (draws, n)."""
    values, errors = [], []
    clusters = panel.clusters if len(np.unique(panel.clusters)) < panel.n_units else None
    for first in range(0, len(order), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        value, influence = plan.scored(np.take_along_axis(outcomes[part], order[part, :, None], 1))
        values.append(value)
        errors.append([_squares(one, clusters, who) for one, who in zip(influence, order[part], strict=True)])
    error = np.sqrt(np.concatenate(errors)) / len(plan.code)
    error[:, (plan.table["reason"] != "").to_numpy()] = np.nan
    return Batch(plan.table, np.concatenate(values), error, ("",) * len(order))


def _squares(influence: Array, clusters: Places | None, order: Places) -> Array:
    """Return the sum of squared influence (n, q), within clusters of units where there are some, (q,)."""
    sums = influence if clusters is None else cluster_sums(influence, clusters[order])
    return np.asarray((sums**2).sum(0))
