"""Rows of people matched within declared sets of authorities, each set dated by its own window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import annotated_types as at
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.balance import balance_table
from sos_eval.comparison.calibration import said_of
from sos_eval.comparison.cem import CEM, Cuts, word_of
from sos_eval.comparison.covariates import dummies, is_text
from sos_eval.comparison.measures import MEASURE_COLUMNS
from sos_eval.comparison.people_chance import (
    MISSING,
    RowChances,
    chances,
    dealt,
    nearest_factors,
    odds_factors,
    persons,
    refuse_extreme,
)
from sos_eval.comparison.people_rows import SetRows, expanded, rows_left_out
from sos_eval.comparison.propensity import Model, few_told
from sos_eval.comparison.windows import windows_of
from sos_eval.declare import Declared, Seed
from sos_eval.errors import Fault, Faults, NotIdentified, listed, nearest
from sos_eval.numerics.composite import composite_weights
from sos_eval.numerics.strata import common_support, joint_distance, strata
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import NAMED, Array, FlowRow, Panel
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.comparison import Comparison, effective_size

__all__ = ["People", "matched_people"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


#: Why an authority is left out.
_NO_ROW = "no row of theirs is matched"


@dataclass(frozen=True)
class People(Declared):
    """How rows are matched within matched sets of authorities."""

    method: Literal["cem", "exact", "nearest", "ipw"] = "cem"
    """cem: coarsened exact matching; exact: on the values as they are; nearest: pairs by the chance of being treated,
    without replacement; ipw: comparison rows by the odds of it."""
    on: tuple[Column, ...] = ()
    """Covariates of rows; set and period (before the window, after it) always count."""
    cutpoints: Mapping[Column, Cuts] = field(default_factory=dict)
    """As those of the method cem: {age: [4.5, 12.5]}."""
    groupings: Mapping[Column, tuple[tuple[str | int | float, ...], ...]] = field(default_factory=dict)
    """As those of the method cem."""
    missing: Literal["fault", "exclude", "category"] = "fault"
    """Rows without a value: refused, left out, or a category of their own."""
    ratio: Annotated[int, at.Ge(1)] = 1
    """Of nearest: comparison rows a treated row, at most."""
    caliper: Annotated[float, at.Gt(0)] | None = None
    """Of nearest: largest distance of a pair, in standard deviations of the chance."""
    trim_chance: tuple[float, float] | None = None
    """Of ipw: rows with a chance outside these limits are left out: [0.05, 0.95]."""
    model: Model = "logistic"
    """Of nearest and ipw: the model of the chance. logistic is fitted on all rows; boosting and forest (scikit-learn)
    say a row's chance by the rows of other folds."""
    folds: Annotated[int, at.Ge(2)] = 5
    """Of nearest and ipw: folds in which each person is whole; of logistic for its calibration alone."""
    deal: Seed = 1
    """Of nearest and ipw: number of the random deal of people into folds, and of the lots between rows of the same
    chance."""
    person: Column | None = None
    """Of nearest and ipw: column that says whose a row is, so that folds keep the rows of a person together. Unless
    given: the cluster where clusters lie within units, else each row of the table is a person."""

    def __post_init__(self) -> None:
        if self.method != "cem" and (self.cutpoints or self.groupings):
            raise ValueError("cutpoints and groupings go with method: cem")
        if self.method != "nearest" and (self.ratio != 1 or self.caliper is not None):
            raise ValueError("ratio and caliper go with method: nearest")
        if self.method != "ipw" and self.trim_chance is not None:
            raise ValueError("trim_chance goes with method: ipw")
        if not self.by_chance and (self.model, self.folds, self.deal, self.person) != ("logistic", 5, 1, None):
            raise ValueError("model, folds, deal and person go with method: nearest or ipw")
        if self.trim_chance is not None and not 0 <= self.trim_chance[0] < self.trim_chance[1] <= 1:
            raise ValueError("trim_chance: write the lower limit, then the upper one, both from 0 to 1: [0.05, 0.95]")
        if self.by_chance and not self.on:
            raise ValueError(f"{self.method} needs covariates; write on: [age]")
        if self.on:
            self.coarsening  # noqa: B018  its own rules hold here too

    @property
    def by_chance(self) -> bool:
        """Whether rows are matched or weighed by an estimated chance of being treated."""
        return self.method in ("nearest", "ipw")

    @property
    def looser(self) -> str:
        """What to write where nothing is matched."""
        if self.by_chance:
            limit = "caliper" if self.caliper is not None else "trim_chance" if self.trim_chance is not None else ""
            if limit == "caliper":
                return f"widen people.caliper ({self.caliper:g} standard deviations of the chance)"
            return f"widen {limit}" if limit else "declare sets with rows of both groups in a period"
        return f"{'coarsen more' if self.method == 'cem' else 'write method: cem'}, or match on fewer covariates"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of rows that are read."""
        return self.on if self.person is None else (*self.on, self.person)

    @property
    def coarsening(self) -> CEM:
        """The method that cuts."""
        return CEM(on=self.on, cutpoints=self.cutpoints, groupings=self.groupings)

    def strata(self, values: pd.DataFrame, source: str) -> Codes:
        """Return the stratum of rows by covariates alone, (n,)."""
        if not self.on:
            return np.zeros(len(values), np.intp)
        faults = Faults(NotIdentified)
        for name, groups in self.groupings.items():
            have = sorted({word_of(value) for value in values[name].dropna()})
            for word in (word_of(value) for group in groups for value in group):
                if word not in have:
                    what = f'comparison.people.groupings: {name} has no category "{word}"'
                    faults.add(source, what, nearest(word, have))
        for name in self.cutpoints:
            if is_text(values[name]):
                faults.add(
                    source, f"comparison.people.cutpoints: {name} is text and has no cut-points", "use groupings"
                )
        faults.stop()
        return strata([self._codes(values[name]) for name in self.on])

    def _codes(self, column: pd.Series) -> Codes:
        """Return the code of each row on one covariate, (n,); a missing value has one of its own."""
        empty = column.isna().to_numpy()
        codes = np.zeros(len(column), np.intp)
        known = column[~empty]
        if self.method == "exact" or not len(known):
            codes[~empty] = pd.factorize(known, sort=True)[0] + 1
            return codes
        name = str(column.name)
        cuts = {name: self.cutpoints[name]} if name in self.cutpoints else {}
        groups = {name: self.groupings[name]} if name in self.groupings else {}
        alone = CEM(on=(name,), cutpoints=cuts, groupings=groups)
        codes[~empty] = alone.codes_many(known.to_frame(), np.zeros((1, len(known)), bool)) + 1
        return codes


def matched_people(
    people: People, panel: Panel, sets: Mapping[str, tuple[str, ...]], listed_sets: pd.DataFrame, notes: Sequence[str]
) -> Comparison:
    """Match rows within the declared sets; of outcomes it is seen whether there are any, never their value.

    Parameters
    ----------
    sets
        Treated unit -> its comparators in the panel.
    listed_sets, notes
        The sets as a table, and what is to be said of them.

    Raises
    ------
    NotIdentified
        Covariates that are not there or empty, a window that leaves nothing, no stratum with both groups.
    """
    _refuse_columns(people, panel)
    hidden = panel.frame["outcome"].notna().to_numpy()
    rows, flow = expanded(sets, windows_of(panel), panel, hidden)
    values = panel.frame[list(people.on)]
    rows, missing = _complete(people, panel, values, rows)
    made, lost, out = _two_sided(people, panel, values, rows)
    rows, weights = made.rows, made.weights
    calibration = {} if made.chance is None else made.chance.calibrated(rows.arm, made.own)
    used = None if made.chance is None else made.chance.used
    over = rows_left_out(people.method, people.trim_chance, rows, weights, used)
    flow = (*flow, *missing, *out, *over)
    of_units = _unit_weights(panel, rows, weights)
    return Comparison(
        panel=_laid_out(panel, rows, weights, flow), weights=of_units,
        left_out=dict.fromkeys(map(str, panel.units[of_units == 0]), _NO_ROW) | lost,
        sets=listed_sets[~listed_sets["matched_set"].astype(str).isin(lost)].reset_index(drop=True),
        balance=_balance(people, values, rows, made.own, weights), off_support=lost,
        measures=_measures(made.codes, rows, made.own, weights), calibration=calibration,
        notes=(
            *notes, *_idle(people, values, rows), *_notes(rows, weights), *_lone(rows, weights), *_few(made),
            *said_of(calibration),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Rows in sets with their weights, (n,) each: stratum, own weight, composite weight; and their chances."""

    rows: SetRows
    codes: Codes
    own: Array
    weights: Array
    chance: RowChances | None


def _two_sided(
    people: People, panel: Panel, values: pd.DataFrame, rows: SetRows
) -> tuple[_Weighed, dict[str, str], list[FlowRow]]:
    """Weigh rows without the sets that are not matched on both sides of their window, named with the reason.

    Such a set has no difference to take a difference from, and its level would stand in the estimate. Rows that it
    shared count for the other sets alone then, and all are matched anew. Where no set is matched on both sides all
    stay: an estimator that needs both sides refuses them.
    """
    lost: dict[str, str] = {}
    flow: list[FlowRow] = []
    while True:
        made = _weigh(people, panel, values, rows)
        found = rows.one_sided(made.weights)
        if not found or len(found) == len(np.unique(rows.matched_set)):
            return made, lost, flow
        for head, side in found.items():
            kept = rows.without(head)
            gone = len(np.unique(rows.place)) - len(np.unique(kept.place))
            units = panel.units[np.setdiff1d(panel.unit_codes[rows.place], panel.unit_codes[kept.place])]
            lost[head] = f"its set has no matched rows {side} its window"
            reason = f"the set of {head} has no matched rows {side} its window: no difference can be taken from it"
            flow.append(FlowRow("comparison", "dropped", len(units), gone, listed(list(units), NAMED), reason))
            rows = kept


def _weigh(people: People, panel: Panel, values: pd.DataFrame, rows: SetRows) -> _Weighed:
    """Match and weigh rows in sets.

    Raises
    ------
    NotIdentified
        Nothing is matched.
    """
    codes = _strata(people, panel, values, rows)
    own = panel.frame["weight"].to_numpy(float)[rows.place] / rows.times
    chance = _chances(people, panel, values, rows, own) if people.by_chance else None
    weights = (
        composite_weights(codes, rows.arm, own) if chance is None else _by_chance(people, panel, rows, own, chance)
    )
    if not weights.any():
        where = "set and period" if people.by_chance else "stratum of a set and period"
        what = f"comparison.people: no {where} holds rows of both groups" + (" that are matched" * people.by_chance)
        raise NotIdentified(Fault(panel.source, what, people.looser))
    return _Weighed(rows, codes, own, weights, chance)


def _refuse_columns(people: People, panel: Panel) -> None:
    """Refuse columns that the panel does not have, and persons without a name, all at once."""
    faults = Faults(NotIdentified)
    for name in dict.fromkeys(people.on):
        if people.on.count(name) > 1:
            faults.add(panel.source, f"comparison.people.on: {name} stands twice", "name it once")
        if name not in panel.further_columns:
            what = f"comparison.people.on: {name} is no covariate of the panel"
            faults.add(panel.source, what, nearest(name, panel.further_columns))
    person = people.person
    if person is not None and person not in panel.further_columns:
        what = f"comparison.people.person: {person} is no column of the panel"
        faults.add(panel.source, what, nearest(person, panel.further_columns))
    elif person is not None and (nobody := int(panel.frame[person].isna().sum())):
        what = f"comparison.people.person: {nobody} rows have no value of {person}"
        faults.add(panel.source, what, "fill it in, or leave person out")
    if panel.layout != "cross_sections":
        faults.add(panel.source, "comparison.people: rows are units and periods", "write layout: cross_sections")
    faults.stop()


def _complete(people: People, panel: Panel, values: pd.DataFrame, rows: SetRows) -> tuple[SetRows, list[FlowRow]]:
    """Refuse rows without a covariate, leave them out, or keep them, as declared."""
    empty: Bools = np.asarray(values.isna().to_numpy(bool)[rows.place], bool)
    gone: Bools = np.asarray(empty.any(1), bool)
    somewhere: Bools = np.asarray(empty.any(0), bool)
    if not gone.any() or people.missing == "category":
        return rows, []
    names = [str(name) for name, some in zip(values, somewhere, strict=True) if some]
    if people.missing == "fault":
        what = f"comparison.people.on: {int(gone.sum())} rows have no value of {listed(names)}"
        raise NotIdentified(Fault(panel.source, what, "write people: {missing: category} or exclude"))
    row = FlowRow("comparison", "dropped", 0, len(np.unique(rows.place[gone])), "", f"no value of {listed(names)}")
    return rows.kept(~gone), [row]


def _strata(people: People, panel: Panel, values: pd.DataFrame, rows: SetRows) -> Codes:
    """Return the stratum of each row: its set, its period, its covariates, (n,)."""
    used = np.unique(rows.place)
    by_row = np.zeros(len(panel.frame), np.intp)
    by_row[used] = people.strata(values.iloc[used], panel.source)
    sets = pd.factorize(rows.matched_set, sort=True)[0].astype(np.intp)
    return strata([sets, rows.post.astype(np.intp), by_row[rows.place]]) if len(rows.place) else by_row[:0]


def _chances(people: People, panel: Panel, values: pd.DataFrame, rows: SetRows, own: Array) -> RowChances:
    """Estimate the chance of each row."""
    places, arm = rows.place, rows.arm
    if people.person is None:
        whole = persons(places, panel.clusters[places], panel.unit_codes[places])
    else:
        whole = np.unique(panel.frame[people.person].to_numpy()[places], return_inverse=True)[1]
    folds = dealt(whole, arm, people.folds, people.deal)
    covariates = values.iloc[places]
    return chances(covariates, rows.cells, arm, own, panel.source, folds=folds, model=people.model)


def _by_chance(people: People, panel: Panel, rows: SetRows, own: Array, chance: RowChances) -> Array:
    """Weigh rows by their chance within set and period: own weight times match weight, made alike by cell, (n,)."""
    cells = rows.cells
    if people.method == "nearest":
        factor = nearest_factors(
            chance.used, cells, rows.arm, ratio=people.ratio, caliper=people.caliper, deal=people.deal
        )
    else:
        if people.trim_chance is None:
            refuse_extreme(chance.used, rows.arm, panel.source)
        factor = odds_factors(chance.used, rows.arm, people.trim_chance)
    theirs = ~rows.arm & (factor > 0)
    if theirs.any():
        factor[theirs] *= own[theirs].sum() / (own * factor)[theirs].sum()
    return composite_weights(cells, rows.arm, own * factor)


def _laid_out(panel: Panel, rows: SetRows, weights: Array, flow: tuple[FlowRow, ...]) -> Panel:
    """Return a panel of the matched rows with their set, arm, period, event time and composite weight."""
    used = weights > 0
    kept = rows.kept(used)
    frame = panel.frame.take(kept.place).reset_index(drop=True)
    frame = frame.assign(
        weight=weights[used], matched_set=kept.matched_set.astype(str), arm=kept.arm.astype(float),
        post=kept.post.astype(float), treated=(kept.arm & kept.post).astype(float),
        since_window=kept.event_time, **{MATCHED_ROWS: kept.place.astype(float)},
    )  # fmt: skip
    return replace(panel, frame=frame, weighted=True, flow=(*panel.flow, *flow))


def _unit_weights(panel: Panel, rows: SetRows, weights: Array) -> Array:
    """Return one for authorities with matched rows, zero for others, (n_units,)."""
    used = np.bincount(panel.unit_codes[rows.place], weights > 0, panel.n_units)
    return (used > 0).astype(float)


def _balance(people: People, values: pd.DataFrame, rows: SetRows, own: Array, weights: Array) -> pd.DataFrame:
    """Compare the rows of both arms before (each row's own weight) and after."""
    plain = values.take(rows.place)
    texts = {str(name): plain[name].fillna(MISSING) for name in plain if is_text(plain[name])}
    names, x = dummies(plain.assign(**texts), drop_first=False)
    gaps = [str(name) for name in plain if str(name) not in texts and plain[name].isna().any()]
    names = [*names, *(f"{name}={MISSING}" for name in gaps)]
    x = np.column_stack([x, plain[gaps].isna().to_numpy(float)])
    if not names:
        names, x = ["after the window"], rows.post[:, None].astype(float)
    factor = np.divide(weights, own, out=np.zeros(len(own)), where=own > 0)
    return balance_table(names, x, rows.arm, base_weights=own, weights=factor)


def _measures(codes: Codes, rows: SetRows, own: Array, weights: Array) -> pd.DataFrame:
    """Return joint imbalance (L1), local common support and effective sizes, before and after."""
    table = []
    for stage, w in (("before", own), ("after", weights)):
        table += [
            ("l1", "", stage, joint_distance(codes, rows.arm, w), ""),
            ("local_common_support", "", stage, common_support(codes, rows.arm, w), ""),
            ("ess_treated", "", stage, effective_size(w[rows.arm]), ""),
            ("ess_comparison", "", stage, effective_size(w[~rows.arm]), ""),
        ]
    return pd.DataFrame(table, columns=list(MEASURE_COLUMNS))


def _lone(rows: SetRows, weights: Array) -> list[str]:
    """Say where no set is matched on both sides of its window."""
    sets = rows.one_sided(weights)
    return [f"no set has matched rows on both sides of its window: {listed(list(sets))}"] if sets else []


def _few(made: _Weighed) -> list[str]:
    """Warn of chances with few rows of an arm a parameter."""
    if made.chance is None or not made.chance.parameters:
        return []
    fitted = np.isfinite(made.chance.used)
    ours, theirs = (len(np.unique(made.rows.place[fitted & side])) for side in (made.rows.arm, ~made.rows.arm))
    return few_told(made.chance.parameters, ours, theirs, of="rows", theirs="comparison")


def _idle(people: People, values: pd.DataFrame, rows: SetRows) -> list[str]:
    """Say which declared cut-points separate no rows of the sets."""
    return people.coarsening.idle(values.iloc[np.unique(rows.place)]) if people.cutpoints else []


def _notes(rows: SetRows, weights: Array) -> list[str]:
    """Say that rows stand in several sets, and that the weights add up."""
    several = rows.times.max(initial=1) > 1
    shared = "rows of authorities that serve several sets count one over their number in each; " if several else ""
    sums = [weights[group].sum() for group in (rows.arm, ~rows.arm)]
    own = [(1 / rows.times[group & (weights > 0)]).sum() for group in (rows.arm, ~rows.arm)]
    of = [f"{total / whole:.6g} times the rows' own ({arm})" for total, whole, arm in
          zip(sums, own, ("treated", "comparison"), strict=True)]  # fmt: skip
    return [f"{shared}weights of matched rows sum to {' and '.join(of)}; 1 is right"]
