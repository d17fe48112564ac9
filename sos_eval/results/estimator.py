"""The base class of estimators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.declare import Document, build, seeded
from sos_eval.errors import DataFault, DesignFault, Fault, Faults, InputFault, NotIdentified, OurFault, nearest
from sos_eval.panel.own_names import as_written
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.aggregate import EVERY, EventTimes, with_aggregations
from sos_eval.results.comparison import weighed
from sos_eval.results.estimate import Batch, Compiled, Estimate, RowChoice, Unplanned, finite, loop_batch
from sos_eval.results.fitted import Fitted, standing
from sos_eval.results.method import Method, lookup
from sos_eval.results.table import EffectTable
from sos_eval.terms import Estimand

__all__ = ["Estimator", "PartlyExposed", "PlannedEstimator", "without_gaps"]

T = TypeVar("T")
#: What a method does with periods that count as a fraction of exposure.
PartlyExposed = Literal["refused", "weighed", "whole"]
_OTHERS_DROP = "Or choose callaway_santanna, imputation or twfe, which take such gaps"
_OTHERS_WEIGH = "Or choose twfe or poisson_did, which weigh them"


class Estimator(Method):
    """A way to estimate effects. A subclass writes `estimate`; the rest it has for free.

    Class attributes say early what it needs, so that a design can be refused before anything runs:
    ``needs`` maps ``pre_periods``, ``treated_units``, ``untreated_units``, ``exposure`` to minimum counts;
    ``fewest_from_start`` is how many periods it needs from the start on;
    ``takes_unbalanced``, ``takes_switching``, ``takes_cross_sections``, ``takes_covariates`` and ``takes_weights`` say
    what it can do;
    ``weighs_exposure`` says that units count by their exposure, ``compares_with_last`` that effects are changes since
    the last period before the start (and not since the mean of all of them), ``solves_anew`` that every adoption is a
    programme of its own to be solved, so that numbers beside an estimate come from fewer of them;
    ``mixes`` that the overall effect weighs treated rows by how treatment varies, and is no average of them by weights
    of their own where effects differ;
    ``partly_exposed`` what it does with periods that count as a fraction of exposure (`transition: partial`): weighs
    their exposure, or gives them effects of their own, which are of the exposure that they had (``whole``);
    ``weighs`` how it weighs untreated units itself, in words; empty where they count as the comparison group has them;
    ``takes_dropped`` whether periods of a transition may be left out: where nothing is said, whether gaps may be.
    """

    kind: ClassVar[str] = "estimator"
    needs: ClassVar[dict[str, int]] = {}
    fewest_from_start: ClassVar[int] = 1
    takes_unbalanced: ClassVar[bool] = False
    takes_switching: ClassVar[bool] = False
    takes_cross_sections: ClassVar[bool] = False
    takes_covariates: ClassVar[bool] = False
    takes_weights: ClassVar[bool] = True
    weighs_exposure: ClassVar[bool] = False
    compares_with_last: ClassVar[bool] = False
    solves_anew: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    partly_exposed: ClassVar[PartlyExposed] = "refused"
    takes_dropped: ClassVar[bool | None] = None
    weighs: ClassVar[str] = ""

    covariates: tuple[str, ...] | None = None
    """The method's own covariates; None for those of the panel, or where it has no such option."""
    estimand: Estimand = "att"
    """Whom the effects are about by the method's own option; the treated where it has none."""
    anticipation: float = 0
    """Periods before the start in which units may already respond; 0 where the method has no such option."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this method, its covariates apart."""
        return ()

    @property
    def assumes(self) -> str:
        """What would have been without the intervention, as its effects take it."""
        return "without the intervention both groups would have changed alike (parallel trends)"

    @property
    def event_times(self) -> EventTimes:
        """Which cells averages by event time are made of: all, unless the method has options that say otherwise."""
        return EVERY

    def over_event_times(self, first: float, last: float) -> Estimator | None:
        """Return the method with its event study averaged from one event time to another; None without an option."""
        return None

    @property
    def why_no_earlier(self) -> str:
        """Why an estimate has no coefficient before the start although periods are there, and what to do instead."""
        return f"{self.name} gives no coefficient before the start; choose one that does, such as callaway_santanna"

    def adjusts_for(self, covariates: tuple[str, ...]) -> tuple[str, ...]:
        """Return the covariates that it adjusts for, of those of a panel; none with ``adjust: none``."""
        takes = self.takes_covariates and getattr(self, "adjust", "") != "none"
        return () if not takes else covariates if self.covariates is None else self.covariates

    def adoption(self, panel: Panel) -> Panel:
        """Return the panel with the adoption that effects are of: its own, unless a method looks at less of it."""
        return panel

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the cells and their influence."""
        raise NotImplementedError

    def pre_base(self, estimate: Estimate, rows: NDArray[np.intp], zero: NDArray[np.bool_]) -> Array:
        """Say which event time each cell before the start is compared with; NaN where that is not one number.

        Parameters
        ----------
        estimate
            What the method returned.
        rows : (q,)
            Which of its cells.
        zero : (q,)
            Which of them are zero by construction: unless a method knows better, the only such event time is the base.
        """
        bases = np.unique(estimate.cells["event_time"].to_numpy(float)[rows[zero]])
        return np.full(len(rows), bases[0] if len(bases) == 1 else np.nan)

    @property
    def kind_column(self) -> str:
        """Column that says which kind a unit is of; empty where all are of one."""
        return ""

    def kinds(self, panel: Panel) -> NDArray[np.intp]:
        """Say which kind each unit is of, (n_units,), where treated are set against untreated kind by kind: one."""
        return np.zeros(panel.n_units, np.intp)

    def donor_shares(self, panel: Panel) -> tuple[Array, Array] | None:
        """Return untreated units' shares of each cohort's comparison (c, n) and treated units of each (c,); or None.

        None where all untreated units of the panel stand for the treated as the panel weighs them.
        """
        return None

    def averaged_cells(self, estimate: Estimate) -> Array | None:
        """Return cohort and period of the effects that the overall one averages, (c, 2); None: of all treated rows."""
        cells = estimate.cells
        time, cohort = cells["time"].to_numpy(float), cells["cohort"].to_numpy(float)
        own = (cells["aggregation"] == "group_time").to_numpy() & np.isfinite(estimate.values) & (time >= cohort)
        return np.unique(np.column_stack([cohort, time])[own], axis=0) if own.any() else None

    def averages_cohorts_first(self, estimate: Estimate) -> bool:
        """Whether the overall effect averages a cohort's periods first, then cohorts: as `aggregate` does."""
        return bool((estimate.cells["aggregation"] == "simple").any())

    def held_to(self, panel: Panel) -> Estimator:
        """Return the method with what it chooses from a panel written out.

        On a part of that panel it asks what was asked of the whole; itself, unless its estimand is of its own choice.
        """
        return self

    def on_one_base(self) -> Estimator:
        """Return the method with every period compared with the same one; itself, unless it has an option for that."""
        return self

    def leverage(self, panel: Panel) -> tuple[Array, str] | None:
        """Say what units count for beside their weights where rows rest on fewer of them than the overall effect.

        Returns
        -------
        tuple of (n_units,) and str, or None
            What each unit counts for in the row that the fewest decide, and what that row is of; None where all rows
            rest on units by their weights. No outcome is read.
        """
        return None

    def complete(self, panel: Panel) -> Estimate:
        """Estimate, and add every aggregation that the cells allow."""
        self._refuse_unknown(panel)
        if why := self.why_no_transition(panel):
            raise NotIdentified(panel.fault(f"{self.name}: {why[0]}", why[1]))
        return finite(with_aggregations(self.estimate(panel), self.event_times))

    def why_no_transition(self, panel: Panel) -> tuple[str, str] | None:
        """Say why the method cannot carry a panel's periods between start and embedding, and what to write instead."""
        dropped = self.takes_unbalanced if self.takes_dropped is None else self.takes_dropped
        if panel.transition_dropped and not dropped:
            what = "transition: drop leaves out periods after the start, and it compares whole paths"
            return what, f"leave out panel.treatment.transition: they count as exposed then. {_OTHERS_DROP}"
        if panel.partly_exposed and self.partly_exposed == "refused":
            what = "it cannot weigh periods that count as partly exposed (transition: partial)"
            return what, f"write treatment: {{transition: drop}}. {_OTHERS_WEIGH}" if dropped else (
                f"leave out panel.treatment.transition: they count as exposed then. {_OTHERS_WEIGH}"
            )
        return None

    def _refuse_unknown(self, panel: Panel) -> None:
        """Refuse the method's own covariates that the panel does not have, all at once."""
        faults, known = Faults(DataFault), panel.further_columns
        for name in self.covariates or ():
            if name not in known:
                faults.add(
                    panel.source, f"{self.name}: there is no covariate {as_written(name)!r}", nearest(name, known)
                )
        faults.stop()

    def estimate_many(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes, (draws, n_units, n_times), on one panel: a loop unless overridden."""
        panels = [panel.with_outcome(outcome) for outcome in outcomes]
        return loop_batch(panels, self.complete, self._own_cells(panel))

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan what outcomes do not change, to be applied to batch after batch on one panel.

        Parameters
        ----------
        panel
            Its adoption, weights, clusters and covariates hold for every draw.
        choice
            Which rows are wanted; None for all. Few rows cost less.
        """
        return Unplanned(panel, self.estimate_many, choice)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate one outcome under many adoptions, (draws, n_units): a loop unless overridden."""
        return loop_batch([panel.with_first_treated(starts) for starts in first_treated], self.complete)

    def estimate_groups(self, panel: Panel, first_treated: Array, weights: Array, cells: pd.DataFrame) -> Batch:
        """Estimate one outcome under many adoptions, each with a comparison group of its own: a loop unless overridden.

        Parameters
        ----------
        panel
            Whose units may take part.
        first_treated, weights : (draws, n_units)
            Starts, and what each unit's weight is multiplied by; zero: left out.
        cells
            The rows that are wanted; a group without one of them (a cohort that found no match) has NaN there.
        """
        panels = (weighed(panel.with_first_treated(s), w) for s, w in zip(first_treated, weights, strict=True))
        return loop_batch(panels, self.complete, cells)

    def _own_cells(self, panel: Panel) -> pd.DataFrame | None:
        """Return the cells of the panel as it stands, so that no draw decides which cells the others have.

        None where the panel itself is refused: then the draws that are not have to say.
        """
        try:
            return self.complete(panel).cells
        except InputFault:
            return None

    def fit(
        self,
        df: pd.DataFrame,
        *,
        unit: str,
        time: str,
        outcome: str,
        first_treated: str,
        exposure: str | None = None,
        per: float = 1,
        covariates: Sequence[str] = (),
        weight: str | None = None,
        cluster: str | None = None,
        dose: str | None = None,
        inference: Any = "analytic",
        seed: int = 0,
    ) -> EffectTable:
        """Estimate on a DataFrame, without any design.

        Parameters
        ----------
        df
            A row per unit and time; left as it is.
        unit, time, outcome, first_treated
            Columns. `outcome` is a count where `exposure` is given, else a value. `first_treated` is a unit's
            first treated period; 0, inf, "never" or empty mean never treated.
        exposure, per
            Column of the population at risk, and the scale of the rate.
        covariates, weight, cluster
            Further columns; the cluster is the unit unless given.
        dose
            Column of an intensity of treatment, for the method that asks for one.
        inference
            A method's name, its mapping of options, or a method object.
        seed
            For inference that draws.

        Returns
        -------
        EffectTable
            Columns of `estimates.csv`. ``attrs["flow"]`` holds what was left out or noted of the data, and
            ``attrs["notes"]`` what was done to estimate; nothing is left out in silence.

        Raises
        ------
        DataFault, NotIdentified
            With every fault, in the frame's own column names.
        """
        from sos_eval.panel.tabular import from_frame

        method, rng = _inference(inference), np.random.default_rng(seeded(seed))
        made = checked(type(self), {f.name: getattr(self, f.name) for f in fields(self)}, self.name)  # type: ignore[arg-type]
        covariates = (covariates,) if isinstance(covariates, str) else covariates
        panel = from_frame(
            df, unit=unit, time=time, outcome=outcome, first_treated=first_treated, exposure=exposure,
            per=per, covariates=covariates, weight=weight, cluster=cluster, dose=dose,
            also=tuple(dict.fromkeys((*made.columns, *(made.covariates or ()), *method.columns))),
            require_untreated=self.needs.get("untreated_units", 1) > 0,
        )  # fmt: skip
        estimate = made.complete(panel)
        fitted = Fitted(self.name, "primary", made, estimate, standing(made.adoption(panel), panel, estimate))
        table = EffectTable(panel.periods.in_table(method.infer(fitted, rng).table))
        table.attrs |= {"flow": fitted.panel.flow, "notes": fitted.estimate.notes}
        return table


class PlannedEstimator(Estimator):
    """An estimator whose fast form is a plan: a subclass writes `compile`, and has `estimate_many` from it."""

    def estimate_many(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes, (draws, n_units, n_times), on one panel."""
        return self.compile(panel).apply(outcomes)

    def compile(self, panel: Panel, choice: RowChoice | None = None) -> Compiled:
        """Plan for a panel; see `Estimator.compile`."""
        raise NotImplementedError

    def unplanned(self, panel: Panel, choice: RowChoice | None) -> Unplanned:
        """Return the loop, for panels and outcomes that no plan is for."""
        return Unplanned(panel, super().estimate_many, choice)


def without_gaps(panel: Panel) -> str:
    """Say what to write where a method needs every unit in every period: balancing must leave a treated unit."""
    seen = np.bincount(panel.unit_codes[panel.frame["outcome"].notna().to_numpy()], minlength=panel.n_units)
    if (seen[panel.ever_treated] == panel.n_times).any():
        return "set panel.unbalanced: balance, or narrow panel.window"
    return "narrow panel.window: every treated unit has a gap. Or choose imputation, which takes gaps"


def checked(kind: type[T], options: dict[str, Any], name: str) -> T:
    """Make a method from options that were written in Python, checked as a design's are.

    Raises
    ------
    DesignFault
        Every option that is wrong, with what can be written instead.
    """
    made = build(kind, options, Document({}, Path(name)))
    if made is None:
        raise OurFault(f"{name} was not made, and no fault says why")
    return made


def _inference(given: Any) -> Any:
    """Return an inference object from a name, a mapping or an object."""
    from sos_eval.results.inference import InferenceMethod

    if isinstance(given, str):
        return lookup("inference", given, key="inference")()
    if isinstance(given, dict):
        rest = {key: value for key, value in given.items() if key != "method"}
        return checked(lookup("inference", given.get("method", ""), key="inference"), rest, "inference")
    if not isinstance(given, InferenceMethod):
        what = f"inference: {given!r} is no method"
        raise DesignFault(Fault("", what, "write a name, a mapping of options or a method object"))
    return given
