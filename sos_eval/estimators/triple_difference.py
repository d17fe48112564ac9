"""Triple differences: eligible against ineligible units of a cohort, less the same among those not treated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified
from sos_eval.estimators._adjusted import TRIM, TwoByTwoEstimator, baseline_covariates, finished, refuse_idle
from sos_eval.estimators._cells import BasePeriod, CellPlan, Control, plan_cells
from sos_eval.estimators.fast.cells import group_time_columns
from sos_eval.estimators.fast.effects import Nuisance
from sos_eval.numerics.two_by_two import Adjust, compare_changes
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["TripleDifference"]

Bools = NDArray[np.bool_]
#: What the comparison with each group adds: ineligible of the cohort, eligible and ineligible of the untreated.
SIGNS = np.array([1.0, 1.0, -1.0])
GROUPS = ("ineligible units of the cohort", "eligible untreated units", "ineligible untreated units")
COLLINEAR = "the comparisons with different cohorts not yet treated cannot be told apart"


@register("triple_difference")
@dataclass(frozen=True)
class TripleDifference(TwoByTwoEstimator):
    """Triple differences of a staggered adoption, each of three comparisons adjusted by itself."""

    eligible: Column = "eligible"
    """Column, constant within units: 1 where the unit is of the kind that treatment is for, else 0."""
    control: Control = "never_treated"
    """never_treated, or not_yet_treated: each cohort not yet treated by itself, combined with the least error."""
    adjust: Adjust = "none"
    """As in callaway_santanna: none, reg, ipw, dr (dr_comparison is the same here), dr_improved."""
    anticipation: Annotated[float, Ge(0)] = 0
    """Periods before the start in which units may already respond."""
    base_period: BasePeriod = "varying"
    """Compare earlier periods with the one before (varying), or everything with the last one before the start."""
    covariates: tuple[Column, ...] | None = None
    """Covariates to adjust for; those of the panel unless named here."""
    trim: Annotated[float, Gt(0), Le(1)] = TRIM
    """Comparison units with a propensity at or above it are left out of ipw and dr."""

    label: ClassVar[str] = "triple differences"
    reference: ClassVar[str] = "Ortiz-Villavicencio and Sant'Anna (2025)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 2}
    takes_covariates: ClassVar[bool] = True
    compares_with_last: ClassVar[bool] = True

    def __post_init__(self) -> None:
        refuse_idle(self.adjust, self.trim, self.covariates)

    def on_one_base(self) -> TripleDifference:
        """Compare everything with the last period before the start."""
        return replace(self, base_period="universal")

    def kinds(self, panel: Panel) -> NDArray[np.intp]:
        """Say who is eligible (1): the others' change is taken off."""
        return self._eligible(panel).astype(np.intp)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that says who is eligible."""
        return (self.eligible,)

    @property
    def nuisance(self) -> Nuisance:
        """How a comparison is adjusted."""
        return Nuisance(self.adjust, self.trim, as_drdid=False)

    @property
    def kind_column(self) -> str:
        """Who is eligible is not."""
        return self.eligible

    def cell_plan(self, starts: Array, times: Array) -> CellPlan | str:
        """Lay out every cohort and period, or say why nothing can be compared."""
        return plan_cells(
            starts, times, control=self.control, base_period=self.base_period, anticipation=self.anticipation
        )

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        return (
            "without the intervention the gap between eligible and other units would have changed alike in both groups"
        )

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every cohort's effect in every period that can be compared."""
        names = self._names(panel)
        kept, plan = self._taking_part(panel)
        eligible, codes = self._eligible(kept), plan.codes(kept.first_treated)
        self._refuse_strata(kept, eligible)
        x, nuisance = baseline_covariates(kept, names), self._adjusted_for(names)
        values, influence = np.zeros(len(plan.group)), np.full((kept.n_units, len(plan.group)), np.nan)
        table = group_time_columns(plan, codes, kept.outcome.scale)
        reasons = table["reason"].copy()
        for k in np.flatnonzero(~plan.is_base):
            cell = _Cell.of(plan, int(k), codes, eligible, kept, x)
            values[k], score, why = cell.combined(nuisance)
            influence[:, k] = score * kept.n_units
            reasons[k] = why or reasons[k]
        own = np.array([(eligible & (codes == g)).sum() for g in plan.group])
        table = table | {"reason": reasons, "n_treated_units": own}
        notes = (*((plan.note,) if plan.note else ()), *self._adjust_note(names))
        told = _split(eligible, np.isin(codes, plan.group))
        return replace(finished(kept, plan, table, values, influence, notes), told=told)

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan nothing: outcomes are estimated one after another."""
        return self.unplanned(panel, choice)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions, one after another."""
        return Estimator.estimate_assignments(self, panel, first_treated)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate under many adoptions, each with a comparison group of its own, one after another."""
        return Estimator.estimate_groups(self, panel, first_treated, weights, cells)

    def _names(self, panel: Panel) -> tuple[str, ...]:
        return tuple(name for name in super()._names(panel) if name != self.eligible)

    def _refuse_strata(self, panel: Panel, eligible: Bools) -> None:
        """Refuse effects of strata that hold one kind alone each: they are taken off with the ineligible already.

        Raises
        ------
        NotIdentified
            No stratum holds eligible and ineligible units.
        """
        if not panel.stratified:
            return
        strata = pd.Series(panel.unit_values("stratum"))
        if (
            strata.groupby(strata)
            .transform(lambda one: eligible[one.index].any() and not eligible[one.index].all())
            .any()
        ):
            return
        what = (
            f"{self.name}: no stratum holds units with and without {self.eligible}, so that none has an effect to tell"
        )
        raise NotIdentified(panel.fault(what, "write strata_effects: false beside strata"))

    def _eligible(self, panel: Panel) -> Bools:
        """Return who is eligible, (n_units,).

        Raises
        ------
        NotIdentified
            The column is not there, changes within units, or holds other values than 0 and 1.
        """
        what = f"{self.name}: eligible: {self.eligible}"
        if self.eligible not in panel.frame:
            raise NotIdentified(panel.fault(f"{what} is no column of the panel", "name one that holds 0 and 1"))
        values = pd.to_numeric(panel.frame[self.eligible], errors="coerce")
        first = values.groupby(panel.unit_codes).first()
        if not (values.isin([0, 1]).all() and (values.to_numpy() == first.to_numpy()[panel.unit_codes]).all()):
            raise NotIdentified(panel.fault(f"{what} is not 0 or 1, the same in all periods of a unit"))
        return np.asarray(first.to_numpy() == 1)


def _split(eligible: Bools, started: Bools) -> tuple[str, ...]:
    """Say who is eligible on either side, of those who take part (n,)."""
    n = [int((started & ~eligible).sum()), int((~started & eligible).sum()), int((~started & ~eligible).sum())]
    return (
        f"it is a triple difference: from the change of these, who are eligible, that of {n[0]} others with a recorded "
        f"start, who are not, is taken off, each against comparison units of their kind ({n[1]} eligible, {n[2]} not)",
    )


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cohort in a period: changes, who is treated and eligible, and who is not treated, by start.

    Attributes
    ----------
    change : (n,)
    cohort, eligible : (n,)
    controls : (c, n)
        Units of each start that is untreated through the cell.
    x : (n, p)
    weights : (n,)
    """

    change: Array
    cohort: Bools
    eligible: Bools
    controls: Bools
    x: Array
    weights: Array

    @classmethod
    def of(cls, plan: CellPlan, k: int, codes: NDArray[np.intp], eligible: Bools, panel: Panel, x: Array) -> _Cell:
        """Lay out one cell of a plan."""
        y, time, base = panel.matrix(), plan.time[k], plan.base[k]
        starts = np.flatnonzero(plan.control[k])
        early = min(time, base) if x.shape[1] > 1 else 0
        return cls(
            y[:, time] - y[:, base], codes == plan.group[k], eligible, codes == starts[:, None], x[:, early],
            panel.weights,
        )  # fmt: skip

    def combined(self, nuisance: Nuisance) -> tuple[float, Array, str]:
        """Return the effect, the units' contributions to its error (n,), and why there is none.

        Comparisons with several starts are weighted by the inverse of their covariance (equation number not verified).
        """
        each = [self._against(untreated, nuisance) for untreated in self.controls]
        if why := next((why for _, _, why in each if why), ""):
            return np.nan, np.full(len(self.change), np.nan), why
        values, scores = np.array([value for value, _, _ in each]), np.array([score for _, score, _ in each])
        weights = np.ones(1)
        if len(each) > 1:
            covariance = scores @ scores.T
            if np.linalg.matrix_rank(covariance, hermitian=True) < len(each):
                return np.nan, np.full(len(self.change), np.nan), COLLINEAR
            weights = np.linalg.solve(covariance, np.ones(len(each)))
        weights = weights / weights.sum()
        return float(weights @ values), weights @ scores, ""

    def _against(self, untreated: Bools, nuisance: Nuisance) -> tuple[float, Array, str]:
        """Return the triple difference with one group of untreated units."""
        own = self.cohort & self.eligible
        compared = np.array([self.cohort & ~self.eligible, untreated & self.eligible, untreated & ~self.eligible])
        made = compare_changes(
            self.change[:, None], np.tile(own, (3, 1)), compared, self.x, self.weights, nuisance.adjust, nuisance.trim
        )
        failed = [f"{group}: {why}" for group, why in zip(GROUPS, made.failures, strict=True) if why]
        return float(SIGNS @ made.value[:, 0]), SIGNS @ made.score[:, :, 0], "; ".join(failed)
