"""What all comparison methods share: restriction, covariates, balance, and the order in which they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from annotated_types import Gt, Le

from sos_eval.comparison.arms import whom_told
from sos_eval.comparison.balance import balance_table
from sos_eval.comparison.calibration import calibrated, said_of
from sos_eval.comparison.covariates import BUILT_IN, dummies, unit_values
from sos_eval.comparison.measures import MEASURE_COLUMNS, measures_table
from sos_eval.comparison.propensity import unseen_chance
from sos_eval.comparison.restrict import Restrict
from sos_eval.declare import Declared
from sos_eval.errors import Fault, Faults, InputFault, NotIdentified, listed
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, FlowRow, Panel
from sos_eval.panel.pretreatment import outcome_pre
from sos_eval.results.comparison import USUAL_SMD, Comparison, ComparisonMethod, GroupWeights, weighed
from sos_eval.terms import BALANCE_COLUMNS

__all__ = [
    "BalanceLimits",
    "GroupMethod",
    "Matched",
    "Selection",
    "apply_weights",
    "calibration_of",
    "left_out",
    "overlap_table",
]


@dataclass(frozen=True)
class BalanceLimits(Declared):
    """How much imbalance after matching is accepted; without a limit balance only informs."""

    max_smd: Annotated[float, Gt(0)] | None = None
    """Largest absolute standardised mean difference."""
    max_variance_ratio: Annotated[float, Gt(1)] | None = None
    """Largest variance ratio, either way: 2 accepts 0.5 to 2."""
    max_ks: Annotated[float, Gt(0), Le(1)] | None = None
    """Largest distance between the distribution functions of a covariate."""
    min_overlap: Annotated[float, Gt(0), Le(1)] | None = None
    """Smallest overlap coefficient of a covariate."""
    max_l1: Annotated[float, Gt(0), Le(1)] | None = None
    """Largest joint distance over the cells of all covariates."""
    max_prognostic: Annotated[float, Gt(0)] | None = None
    """Largest absolute standardised difference of the prognostic score."""
    min_ess: Annotated[float, Gt(0)] | None = None
    """Smallest effective number of comparison units."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What a method makes of the units that may take part.

    Attributes
    ----------
    weights : (n,)
        Zero: left out.
    dropped
        Units of weight zero, group by group, with the reason for `flow`.
    score : (n,) or None
        One number per unit that was matched on.
    chance : (n,) or None
        The estimated chance of being treated, where there is one.
    """

    weights: Array
    dropped: tuple[tuple[tuple[str, ...], str], ...] = ()
    sets: pd.DataFrame | None = None
    score: Array | None = None
    chance: Array | None = None
    off_support: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """A method's answer on one panel, before balance is looked at.

    Attributes
    ----------
    inside
        Units that could take part: after restriction and with complete covariates.
    weights : (n_units,)
        Per unit of the panel that was given.
    values
        Covariates of `inside`, a row a unit.
    """

    inside: Panel
    weights: Array
    matched: Matched
    values: pd.DataFrame

    @property
    def kept(self) -> Panel:
        """Those who take part, unweighted; `flow` says who left and why."""
        panel = self.inside
        for units, why in self.matched.dropped:
            gone = set(units)
            panel = panel.keep([unit for unit in panel.units if unit not in gone], "comparison", why)
        return panel


@dataclass(frozen=True)
class GroupMethod(ComparisonMethod):
    """Base of the comparison methods: a subclass writes `match`, and says in `needs_complete` what it reads."""

    by_cohort: ClassVar[bool] = True
    """Whether a cohort by itself may get other donors."""

    restrict: Restrict | None = None
    """Which untreated units may be donors: {same, as_treated, exclude, why}."""
    on: tuple[Column, ...] = ()
    """Covariates, `outcome_pre`, `outcome_pre_slope`: averages over the periods before the first start of anyone."""
    balance: BalanceLimits | None = None
    """Declared limits on imbalance: {max_smd, max_variance_ratio, max_ks, min_overlap, max_l1, max_prognostic,
    min_ess}."""
    missing: Literal["fault", "exclude"] = "fault"
    """Units without a value of a covariate: refused by name, or left out with the reason in the flow of units."""
    cohorts: Literal["together", "apart"] = "together"
    """Units that start at different times: together, on values before the first start of anyone, or each cohort by
    itself, on values before its own start, with units that never start."""

    def __post_init__(self) -> None:
        """Refuse what nothing would read or judge.

        Raises
        ------
        ValueError
            Units without a covariate are to be left out, or limits are to be judged, and no covariate is named; limits
            that rows of people have no measure of.
        """
        people = getattr(self, "people", None)
        if self.missing != "fault" and not self.reads:
            raise ValueError("missing: no covariate of units is read that could be missing; leave it out")
        limits = [name for name in self.imbalance_limits if name != "min_ess"]
        if limits and not self.reads and people is None:
            raise ValueError(
                f"balance.{limits[0]}: no covariate is named under comparison.on to judge it by; "
                "write on: [outcome_pre]"
            )
        lacking = [name for name in limits if name in ("min_overlap", "max_prognostic")]
        if lacking and people is not None:
            raise ValueError(f"balance.{lacking[0]} has no measure of rows of people; write max_smd, max_ks or max_l1")

    def splits(self, panel: Panel) -> bool:
        """Whether each cohort of a panel is compared by itself.

        Raises
        ------
        NotIdentified
            Cohorts are declared apart, and the method does not depend on who starts when.
        """
        if self.cohorts == "apart" and not self.by_cohort:
            what = f"comparison.cohorts: {self.name} is the same for every cohort"
            raise NotIdentified(Fault(panel.source, what, "leave cohorts out"))
        return self.cohorts == "apart" and len(panel.cohorts) > 1

    @property
    def imbalance_limits(self) -> dict[str, float]:
        """Declared limits on imbalance by name; empty where there is none."""
        limits = {} if self.balance is None else asdict(self.balance)
        return {name: float(limit) for name, limit in limits.items() if limit is not None}

    @property
    def reads(self) -> tuple[str, ...]:
        """Covariates that the method reads, each unit needs a value of them."""
        return self.on

    @property
    def matched_on(self) -> tuple[str, ...]:
        """Covariates by which units are chosen or weighed; others that it reads are only compared."""
        return self.on if self.uses_covariates else ()

    @property
    def chance_on(self) -> tuple[str, ...]:
        """Covariates of a propensity that is a logistic regression by likelihood; none where there is no such."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this method."""
        same = self.restrict.same if self.restrict else ()
        return tuple(name for name in dict.fromkeys((*self.reads, *same)) if name not in BUILT_IN)

    def with_files(self, base: Path, where: str, faults: Faults) -> Self:
        """Return the method with what its files hold; `base` is the design's folder, `where` its line."""
        return self

    def restricted(self, panel: Panel) -> Panel:
        """Return the panel without the untreated units that may not be donors."""
        return self.restrict.apply(panel) if self.restrict else panel

    def adopters_without(self, panel: Panel) -> dict[str, str]:
        """Return the treated units that `restricted` leaves out, with the reason: ``they {reason}`` or a clause."""
        return {}

    def unrestricted(self) -> Self:
        """Return the same method without its restriction."""
        return replace(self, restrict=None)

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Weigh the units of a panel; `values` has a complete row per unit."""
        raise NotImplementedError

    def match_many(self, panel: Panel, values: pd.DataFrame, first_treated: Array) -> GroupWeights:
        """Weigh the units of a panel under many adoptions, (draws, n): one after another unless overridden."""
        weights, failures = np.zeros(first_treated.shape), np.full(len(first_treated), "", object)
        for draw, starts in enumerate(first_treated):
            try:
                weights[draw] = self.match(panel.with_first_treated(starts), values).weights
            except InputFault as fault:
                failures[draw] = fault.faults[0].what
        return GroupWeights(weights, failures)

    def select(self, panel: Panel) -> Selection:
        """Restrict, take complete cases, match and weigh; no balance."""
        inside, values = self.candidates(panel)
        matched = self.match(inside, values)
        weights = np.zeros(panel.n_units)
        weights[pd.Index(panel.units).get_indexer(pd.Index(inside.units))] = matched.weights
        return Selection(inside, weights, matched, values)

    def candidates(self, panel: Panel) -> tuple[Panel, pd.DataFrame]:
        """Return the panel of the units that could take part, and their covariates, a complete row each."""
        faults = Faults(NotIdentified)
        doubtful = BUILT_IN.keys() & set(panel.covariates)  # a column or what is made of the outcome: said further on
        for name in sorted({name for name in self.on if self.on.count(name) > 1} - doubtful):
            faults.add(panel.source, f"comparison.on: {name} stands twice", "name it once")
        faults.stop()
        inside = self.restricted(panel)
        values = unit_values(inside, self.reads, key="comparison.on", faults=faults)
        faults.stop()
        return self._complete(inside, values)

    def compare(self, panel: Panel) -> Comparison:
        """Build the group, and say how balanced it is."""
        made = self.select(panel)
        table, measures, notes = self._balance(panel, made)
        of_chance = calibration_of(self, [made])
        return Comparison(
            panel=apply_weights(panel, made.weights, made.kept.flow),
            weights=made.weights,
            sets=made.matched.sets,
            balance=table,
            measures=measures,
            off_support=made.matched.off_support,
            overlap=overlap_table(made),
            calibration=of_chance,
            values=self._values(panel, made),
            notes=(
                *made.matched.notes,
                *whom_told(self.estimand, len(panel.cohorts)),
                *self._unchanged(made),
                *notes,
                *self._several_starts(panel),
                *said_of(of_chance),
            ),
            uses_outcomes=any(name in BUILT_IN for name in self.matched_on),
            max_smd=self.imbalance_limits.get("max_smd", USUAL_SMD),
            estimand=self.estimand,
            left_out=left_out(self, panel, made),
        )

    def _complete(self, panel: Panel, values: pd.DataFrame) -> tuple[Panel, pd.DataFrame]:
        """Refuse units with missing values, or leave them out with the reason, as `missing` says."""
        faults = Faults(NotIdentified)
        for name in values:
            gone = list(values.index[values[name].isna()])
            if len(gone) == len(values):
                faults.add(panel.source, _nobody(panel, str(name)), "widen panel.window, or take it out of `on`")
                continue
            if gone and self.missing == "fault":
                faults.add(
                    panel.source,
                    f"comparison.on: no value of {name} before the first start for {listed(gone)}",
                    "fill it in, take it out of `on`, or write missing: exclude",
                )
            elif gone:
                panel = panel.keep([unit for unit in panel.units if unit not in gone], "comparison", no_value(name))
        faults.stop()
        return panel, values.reindex(panel.units)

    def _unchanged(self, made: Selection) -> list[str]:
        """Say where a method changes nothing."""
        if not self.rebuilds or not (made.matched.weights == 1.0).all() or not len(made.matched.weights):
            return []
        return [
            f"{self.label} changed nothing: all {len(made.matched.weights)} units that could take part do, each with "
            "weight one, so the comparison group is what it would be without it"
        ]

    def _several_starts(self, panel: Panel) -> list[str]:
        """Say on which values units that start at different times are compared."""
        if not self.reads or len(panel.cohorts) < 2:
            return []
        first = panel.periods.name(panel.cohorts[0])
        return [
            f"units that start at {len(panel.cohorts)} different times are compared together, on values before the "
            f"first start of anyone ({first}): nothing measured after a start enters, and later starters are compared "
            "on older values"
        ]

    def _balance(self, panel: Panel, made: Selection) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
        """Return balance over all of a panel's units before and the selected after, and what to say about it."""
        if not self.reads or not panel.ever_treated.any() or panel.ever_treated.all():
            return pd.DataFrame(columns=list(BALANCE_COLUMNS)), pd.DataFrame(columns=list(MEASURE_COLUMNS)), []
        values = unit_values(panel, self.reads, key="comparison.on", faults=Faults(NotIdentified))
        gaps = [name for name in values if values[name].isna().any()]
        names, x = _columns(values, panel, made)
        table = balance_table(names, x, panel.ever_treated, base_weights=panel.weights, weights=made.weights)
        notes = [f"balance before leaves out units without a value of {listed(gaps)}"] if gaps else []
        empty = table.loc[table["std_mean_diff"].isna(), "covariate"].unique()
        if len(empty):
            notes.append(f"no standardised difference for {listed(list(empty))}: it does not vary among treated units")
        measures = measures_table(values, panel.ever_treated, panel.weights, made.weights, outcome_pre(panel))
        return table, measures, notes

    def _values(self, panel: Panel, made: Selection) -> pd.DataFrame | None:
        """Return each unit's covariates with its weights before and after, a row per unit and covariate."""
        ever = panel.ever_treated
        if not self.reads or not ever.any() or ever.all() or panel.layout != "panel":
            return None
        values = unit_values(panel, self.reads, key="comparison.on", faults=Faults(NotIdentified))
        names, x = _columns(values, panel, made)
        return pd.DataFrame({
            "unit": np.tile(panel.units, len(names)), "treated": np.tile(ever.astype(int), len(names)),
            "covariate": np.repeat(np.array(names, object), len(x)), "value": x.T.ravel(),
            "before": np.tile(panel.weights, len(names)), "after": np.tile(panel.weights * made.weights, len(names)),
        })  # fmt: skip


def _columns(values: pd.DataFrame, panel: Panel, made: Selection) -> tuple[list[str], Array]:
    """Return covariates as columns (n_units, k) and what each is called, a distance first where there is one."""
    names, x = dummies(values, drop_first=False)
    if made.matched.score is None or "distance" in names:
        return names, x
    score = pd.Series(made.matched.score, index=made.inside.units).reindex(panel.units)
    return ["distance", *names], np.column_stack([score.to_numpy(float), x])


def _nobody(panel: Panel, name: str) -> str:
    """Say why no unit has a value."""
    if name == "outcome_pre_slope" and len(panel.pre_times) < 2:
        return f"comparison.on: {name} needs two periods before the first start, there is {len(panel.pre_times)}"
    return f"comparison.on: no unit has a value of {name} before the first start"


def left_out(method: GroupMethod, panel: Panel, made: Selection) -> dict[str, str]:
    """Return the units of a panel that take no part, each with its reason in the flow."""
    reasons = {str(unit): why for units, why in made.matched.dropped for unit in units}
    lacking = set(panel.units) - set(made.inside.units)
    if not lacking:
        return reasons
    values = unit_values(panel, method.reads, key="comparison.on", faults=Faults(NotIdentified))
    for name in values:
        for unit in values[name].index[values[name].isna()]:
            if unit in lacking:
                reasons.setdefault(str(unit), no_value(name))
    return reasons


def no_value(covariate: object) -> str:
    """Return why a unit without a value of a covariate takes no part."""
    return f"no value of {covariate} before the first start"


def apply_weights(panel: Panel, weights: Array, flow: tuple[FlowRow, ...]) -> Panel:
    """Weigh a panel's units, (n_units,), those of weight zero left out, and give it a flow."""
    return replace(weighed(panel, weights), flow=flow)


def overlap_table(made: Selection) -> pd.DataFrame | None:
    """Return the score's distribution for the overlap figure; None where no score was matched on."""
    if made.matched.score is None:
        return None
    return pd.DataFrame(
        {
            "unit": made.inside.units,
            "treated": made.inside.ever_treated,
            "distance": made.matched.score,
            "weight": made.matched.weights,
        }
    )


def calibration_of(method: GroupMethod, made: Sequence[Selection]) -> dict[str, pd.DataFrame]:
    """Compare an estimated chance with what happened, units of several selections stacked; empty without a chance."""
    fitted = [(one, one.matched.chance) for one in made if one.matched.chance is not None]
    if not fitted:
        return {}
    treated = np.concatenate([one.inside.ever_treated for one, _ in fitted])
    chances = {"fitted": np.concatenate([chance for _, chance in fitted])}
    if method.chance_on:
        chances["held_out"] = np.concatenate(
            [unseen_chance(one.values, method.chance_on, one.inside.ever_treated) for one, _ in fitted]
        )
    return calibrated(chances, treated)
