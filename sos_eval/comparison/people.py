"""Rows of people matched within declared sets of authorities, each set dated by its own window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import annotated_types as at
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.balance import balance_table, effective_size
from sos_eval.comparison.calibration import said_of
from sos_eval.comparison.cem import CEM, Cuts
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
from sos_eval.comparison.propensity import Model
from sos_eval.comparison.windows import Windows, windows_of
from sos_eval.declare import Declared, Seed
from sos_eval.errors import Fault, Faults, NotIdentified, listed, nearest
from sos_eval.numerics.composite import composite_weights
from sos_eval.numerics.strata import common_support, joint_distance, strata
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, FlowRow, Panel
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.comparison import Comparison

__all__ = ["People", "matched_people"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


#: Why rows are left out, by method.
_NO_STRATUM = "without a {other} row in the same stratum of set, period and covariates"
_WHY_OUT = {
    "nearest": "that no {other} row of the same set and period stands for or needs",
    "ipw": "without a {other} row in the same set and period, or with a chance outside trim_chance",
}


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
            have = sorted({str(value) for value in values[name].dropna()})
            for word in (str(value) for group in groups for value in group):
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


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of people in sets: a row of the panel stands once for each set that its authority serves.

    Attributes
    ----------
    place : (n,)
        Position in the panel's frame, increasing.
    arm : (n,)
        Whether it is a row of the set's treated authority.
    times : (n,)
        In how many sets the row of the panel stands.
    """

    place: Codes
    matched_set: NDArray[np.object_]
    arm: Bools
    post: Bools
    event_time: Array
    times: Array

    def kept(self, mask: Bools) -> _Rows:
        """Keep some rows, and count anew in how many sets each stands."""
        place = self.place[mask]
        times = np.bincount(place, minlength=int(place.max(initial=-1)) + 1)[place].astype(float)
        return _Rows(
            place, self.matched_set[mask], self.arm[mask], self.post[mask], self.event_time[mask], times
        )  # fmt: skip


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
    rows, flow = _expanded(sets, windows_of(panel), panel, hidden)
    values = panel.frame[list(people.on)]
    rows, missing = _complete(people, panel, values, rows)
    codes = _strata(people, panel, values, rows)
    own = panel.frame["weight"].to_numpy(float)[rows.place] / rows.times
    chance = _chances(people, panel, values, rows, own) if people.by_chance else None
    weights = (
        composite_weights(codes, rows.arm, own) if chance is None else _by_chance(people, panel, rows, own, chance)
    )
    calibration = {} if chance is None else chance.calibrated(rows.arm, own)
    if not weights.any():
        where = "set and period" if people.by_chance else "stratum of a set and period"
        what = f"comparison.people: no {where} holds rows of both groups" + (" that are matched" * people.by_chance)
        raise NotIdentified(Fault(panel.source, what, "coarsen more, or match on fewer covariates"))
    flow = (*flow, *missing, *_left_out(rows, weights, _WHY_OUT.get(people.method, _NO_STRATUM)))
    lone = _sets_lost(rows, weights)
    return Comparison(
        panel=_laid_out(panel, rows, weights, flow), weights=_unit_weights(panel, rows, weights),
        sets=listed_sets, balance=_balance(people, values, rows, own, weights),
        measures=_measures(codes, rows, own, weights), calibration=calibration,
        notes=(*notes, *_notes(rows, weights), *lone, *said_of(calibration)),
    )  # fmt: skip


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


def _expanded(
    sets: Mapping[str, tuple[str, ...]], windows: Windows, panel: Panel, observed: Bools
) -> tuple[_Rows, tuple[FlowRow, ...]]:
    """Lay rows with an outcome out by set, without those that lie in the set's window."""
    units, codes = {str(unit): i for i, unit in enumerate(panel.units)}, panel.unit_codes
    parts: list[tuple[Codes, str, Bools]] = []
    for head, others in sets.items():
        members = np.array([units[name] for name in (head, *others)])
        place = np.flatnonzero(np.isin(codes, members) & observed)
        parts.append((place, head, codes[place] == units[head]))
    place = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.intp)
    names = np.repeat(np.array([part[1] for part in parts], object), [len(part[0]) for part in parts])
    arm = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0, bool)
    post, inside, event_time = windows.place(place, names)
    order = np.lexsort((names.astype(str), place))
    whole = _Rows(place, names, arm, post, event_time, np.ones(len(place)))
    rows = replace(whole, **{f: getattr(whole, f)[order] for f in _Rows.__slots__}).kept(~inside[order])
    dropped = len(np.unique(place[inside]))
    reason = "in the window of every set that they are in, between its start and full embedding"
    gone = dropped - len(np.intersect1d(np.unique(place[inside]), rows.place))
    return rows, (FlowRow("transition", "dropped", 0, gone, "", reason),) if gone else ()


def _complete(people: People, panel: Panel, values: pd.DataFrame, rows: _Rows) -> tuple[_Rows, list[FlowRow]]:
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


def _strata(people: People, panel: Panel, values: pd.DataFrame, rows: _Rows) -> Codes:
    """Return the stratum of each row: its set, its period, its covariates, (n,)."""
    used = np.unique(rows.place)
    by_row = np.zeros(len(panel.frame), np.intp)
    by_row[used] = people.strata(values.iloc[used], panel.source)
    sets = pd.factorize(rows.matched_set, sort=True)[0].astype(np.intp)
    return strata([sets, rows.post.astype(np.intp), by_row[rows.place]]) if len(rows.place) else by_row[:0]


def _cells(rows: _Rows) -> Codes:
    """Return the set and period of each row, (n,)."""
    return strata([pd.factorize(rows.matched_set, sort=True)[0].astype(np.intp), rows.post.astype(np.intp)])


def _chances(people: People, panel: Panel, values: pd.DataFrame, rows: _Rows, own: Array) -> RowChances:
    """Estimate the chance of each row."""
    places, arm = rows.place, rows.arm
    if people.person is None:
        whole = persons(places, panel.clusters[places], panel.unit_codes[places])
    else:
        whole = np.unique(panel.frame[people.person].to_numpy()[places], return_inverse=True)[1]
    folds = dealt(whole, arm, people.folds, people.deal)
    covariates = values.iloc[places]
    return chances(covariates, _cells(rows), arm, own, panel.source, folds=folds, model=people.model)


def _by_chance(people: People, panel: Panel, rows: _Rows, own: Array, chance: RowChances) -> Array:
    """Weigh rows by their chance within set and period: own weight times match weight, made alike by cell, (n,)."""
    cells = _cells(rows)
    if people.method == "nearest":
        factor = nearest_factors(chance.used, cells, rows.arm, ratio=people.ratio, caliper=people.caliper, deal=people.deal)
    else:
        if people.trim_chance is None:
            refuse_extreme(chance.used, rows.arm, panel.source)
        factor = odds_factors(chance.used, rows.arm, people.trim_chance)
    theirs = ~rows.arm & (factor > 0)
    if theirs.any():
        factor[theirs] *= own[theirs].sum() / (own * factor)[theirs].sum()
    return composite_weights(cells, rows.arm, own * factor)


def _left_out(rows: _Rows, weights: Array, why: str) -> list[FlowRow]:
    """Count the rows that nothing is matched with, by group."""
    flow = []
    for words, group in (("treated", rows.arm), ("comparison", ~rows.arm)):
        lost = np.setdiff1d(rows.place[group & (weights == 0)], rows.place[weights > 0])
        if len(lost):
            other = "comparison" if words == "treated" else "treated"
            reason = f"{words} rows {why.format(other=other)}"
            flow.append(FlowRow("comparison", "dropped", 0, len(lost), "", reason))
    return flow


def _sets_lost(rows: _Rows, weights: Array) -> list[str]:
    """Name the sets that are not matched in both periods: they hold no difference of differences."""
    used = weights > 0
    both = [
        str(name) for name in np.unique(rows.matched_set)
        if len(np.unique(rows.post[used & (rows.matched_set == name)])) < 2
    ]  # fmt: skip
    return [f"sets without matched rows in both periods: {listed(both)}"] if both else []


def _laid_out(panel: Panel, rows: _Rows, weights: Array, flow: tuple[FlowRow, ...]) -> Panel:
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


def _unit_weights(panel: Panel, rows: _Rows, weights: Array) -> Array:
    """Return one for authorities with matched rows, zero for others, (n_units,)."""
    used = np.bincount(panel.unit_codes[rows.place], weights > 0, panel.n_units)
    return (used > 0).astype(float)


def _balance(people: People, values: pd.DataFrame, rows: _Rows, own: Array, weights: Array) -> pd.DataFrame:
    """Compare the rows of both arms before (each row's own weight) and after."""
    plain = values.take(rows.place)
    texts = {str(name): plain[name].fillna(MISSING) for name in plain if is_text(plain[name])}
    names, x = dummies(plain.assign(**texts), drop_first=False)
    if not names:
        names, x = ["after the window"], rows.post[:, None].astype(float)
    factor = np.divide(weights, own, out=np.zeros(len(own)), where=own > 0)
    return balance_table(names, x, rows.arm, base_weights=own, weights=factor)


def _measures(codes: Codes, rows: _Rows, own: Array, weights: Array) -> pd.DataFrame:
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


def _notes(rows: _Rows, weights: Array) -> list[str]:
    """Say that rows stand in several sets, and that the weights add up."""
    several = rows.times.max(initial=1) > 1
    shared = "rows of authorities that serve several sets count one over their number in each; " if several else ""
    sums = [weights[group].sum() for group in (rows.arm, ~rows.arm)]
    own = [(1 / rows.times[group & (weights > 0)]).sum() for group in (rows.arm, ~rows.arm)]
    return [f"{shared}composite weights sum to {sums[0] / own[0]:.6g} and {sums[1] / own[1]:.6g} of the rows' own"]
