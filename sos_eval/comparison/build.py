"""From a method and a panel to a comparison group, blind to every outcome that treatment could have touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from sos_eval.comparison.cohorts import compared_apart, weights_apart
from sos_eval.comparison.declared import DeclaredSets
from sos_eval.comparison.group import GroupMethod, apply_weights
from sos_eval.comparison.pairs import PairMethod
from sos_eval.comparison.people import People, matched_people
from sos_eval.comparison.regroup import group_weights
from sos_eval.errors import Fault, NotIdentified, OurFault
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.comparison import OF_UNITS, Comparison, GroupWeights

__all__ = ["Rebuilding", "RebuildingPeople", "build", "people_of", "rebuilding"]


def build(method: GroupMethod, panel: Panel) -> Comparison:
    """Build the comparison group, with the original outcomes in its panel.

    The method sees `panel.blinded()`: no outcome from the first start of anyone onward can enter. Where cohorts are
    compared apart it sees each with the units that never start, blinded from that cohort's start on. Where rows are
    people it sees which rows have an outcome, and its panel holds a row per row and set.
    """
    if (people := people_of(method)) is not None:
        return _of_people(method, people, panel)
    made = compared_apart(method, panel) if method.splits(panel) else method.compare(panel.blinded())
    return replace(made, panel=apply_weights(panel, made.weights, made.panel.flow))


def people_of(method: GroupMethod) -> People | None:
    """Return how rows of people are matched within a method's sets of units; None where units alone are compared."""
    return method.people if isinstance(method, DeclaredSets | PairMethod) else None


def _of_people(method: GroupMethod, people: People, panel: Panel) -> Comparison:
    """Match rows of people on a panel that says which outcomes there are, and put their values on the matched rows."""
    names = [str(name) for name in panel.frame if str(name).split(":")[0] in {"outcome", "count"}]
    there = panel.with_columns(**{name: panel.frame[name].where(panel.frame[name].isna(), 0.0) for name in names})
    made = method.compare(there) if isinstance(method, DeclaredSets) else _in_sequence(method, people, panel, there)
    rows = made.panel.frame[MATCHED_ROWS].to_numpy(int)
    values = {name: panel.frame[name].to_numpy(float)[rows] for name in names}
    return replace(made, panel=made.panel.with_columns(**values))


def _in_sequence(method: GroupMethod, people: People, panel: Panel, there: Panel) -> Comparison:
    """Pair units on a panel blind to outcomes since the first start, then match the rows of people within the pairs.

    Balance is of rows, and of units, whose covariates are called ``x of units``.
    """
    if method.splits(panel):
        what = "comparison.people: within pairs of cohorts apart"
        raise NotIdentified(Fault(panel.source, what, "leave cohorts out, or declare the sets by hand"))
    units = method.compare(panel.blinded())
    if units.sets is None:
        raise OurFault(f"{method.name} pairs units and lists no pairs")
    pairs = units.sets.groupby("matched_set", sort=False)["unit"]
    sets = {str(head): tuple(str(one) for one in members if one != head) for head, members in pairs}
    made = matched_people(people, replace(there, flow=units.panel.flow), sets, units.sets, units.notes)
    named = units.balance.assign(covariate=units.balance["covariate"] + OF_UNITS)
    return replace(
        made, balance=pd.concat([made.balance, named], ignore_index=True), overlap=units.overlap,
        left_out={**made.left_out, **units.left_out}, off_support={**units.off_support, **made.off_support},
        calibration=made.calibration or units.calibration,
        uses_outcomes=units.uses_outcomes, max_smd=units.max_smd, estimand=units.estimand,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """The way to a comparison group again, without balance and flow: what permutations ask for thousands of times."""

    method: GroupMethod

    def __call__(self, panel: Panel) -> Panel:
        """Return what `build` makes of the panel."""
        if self.method.splits(panel):
            return apply_weights(panel, weights_apart(self.method, panel), panel.flow)
        return apply_weights(panel, self.method.select(panel.blinded()).weights, panel.flow)

    def weights(self, panel: Panel, first_treated: Array) -> GroupWeights:
        """Build the group under each adoption, (draws, n_units)."""
        return group_weights(self.method, panel, first_treated)


@dataclass(frozen=True, slots=True)
class RebuildingPeople:
    """The way to matched rows of people again, one panel at a time."""

    method: GroupMethod

    def __call__(self, panel: Panel) -> Panel:
        """Return what `build` makes of the panel."""
        return build(self.method, panel).panel


def rebuilding(method: GroupMethod) -> Rebuilding | RebuildingPeople | None:
    """Return the way to a method's group again; None where it does not depend on who is treated."""
    if people_of(method) is not None:
        return RebuildingPeople(method)
    return Rebuilding(method) if method.rebuilds else None
