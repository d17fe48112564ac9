"""For whom the effect differs: declared groups of units, and one test of the difference by the design's own lots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import Faults, InputFault, NotIdentified, numeral
from sos_eval.numerics.lots import found_in_four_of_five, share_reached
from sos_eval.panel.own_names import Stratum
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import ALONE, assignment_space, cut_by, strata_columns
from sos_eval.results.estimate import Batch, overall_place
from sos_eval.results.fitted import Fitted
from sos_eval.results.without_effect import without_effect

__all__ = ["Moderation", "Moderator", "difference_label", "group_faults", "groups_of", "moderation", "parts_of"]


@dataclass(frozen=True)
class Moderator(Declared):
    """What the effect may depend on: a column that is fixed before the start, or its halves or thirds."""

    most: ClassVar[int] = 2
    """How many a design may declare: each is a test, and none finds anything but large differences."""

    by: Stratum
    """A column that does not change within a unit, or `<column>_half`, `<column>_third` of its mean before the first
    start; `exposure_half` and the like as for strata."""
    draws: Annotated[int, Ge(19)] = 999
    """Random adoptions of the test."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The user's columns that it reads."""
        return strata_columns((self.by,))


@dataclass(frozen=True)
class Moderation:
    """The effect in each group, and the test of their difference.

    Attributes
    ----------
    groups
        Label to the estimate on the group's units alone.
    p_value
        Of the same effect in all groups.
    draws
        How many adoptions it rests on.
    difference, detectable
        Of two groups on the working scale, second less first, and the size that the test would find in four of five
        cases; NaN for more than two.
    pairs
        Of more than two groups every pair: ``first, second, difference`` (second less first), ``p_adjusted`` and
        ``detectable``, both for all pairs together; see `_pairs`.
    scale
        Of the estimates; a ratio's differences are of logarithms.
    """

    groups: Mapping[str, Fitted]
    p_value: float
    draws: int
    difference: float
    detectable: float
    pairs: pd.DataFrame
    scale: str


def difference_label(by: str) -> str:
    """Return the name under which a difference of two groups stands among subgroups.

    Examples
    --------
    >>> difference_label("idaci_half")
    'idaci_half: difference'
    """
    return f"{by}: difference"


def groups_of(panel: Panel, by: str) -> dict[str, NDArray[np.bool_]]:
    """Return the units of each group, (n_units,) each; parts of a column are named by what their units have of it.

    Raises
    ------
    NotIdentified
        The column is missing for some units, changes within one, or the panel holds people.
    """
    if panel.layout != "panel":
        raise NotIdentified(panel.fault(f"moderators: {by}: rows are people, and groups are of units"))
    if why := _no_groups(panel, by):
        raise NotIdentified(panel.fault(f"moderators: {why}", f"write {by}_half or {by}_third"))
    space = assignment_space(panel, (by,))
    if space == ALONE:
        what = "no group holds both treated and untreated units: it says who begins, not for whom it works"
        raise NotIdentified(panel.fault(f"moderators: {by}: {what}", "name a column whose values the two share"))
    if isinstance(space, str):
        raise NotIdentified(panel.fault(f"moderators: {by}: {space.removeprefix('strata: ')}"))
    own, values = space.stratum[space.item], cut_by(panel, by)
    members = {name: own == place for place, name in enumerate(space.names)}
    if values is None:
        return members
    return {f"{name} ({_range(values[units])})": units for name, units in members.items()}


def _no_groups(panel: Panel, by: str) -> str:
    """Say that a column of numbers makes no groups: fewer than two units a value, or values that change in a unit."""
    if by not in panel.frame or not pd.api.types.is_numeric_dtype(panel.frame[by]):
        return ""
    values = panel.frame.groupby("unit", sort=False)[by].nunique()
    if (values > 1).any():
        return f"{by} changes within {values.index[values > 1][0]}"
    n = panel.frame[by].nunique()
    return f"{by} has {n} values in {panel.n_units} units, and each would be a group" if 2 * n > panel.n_units else ""


def _range(values: Array) -> str:
    """Return the least and the greatest of some values, in words."""
    low, high = (numeral(float(end)) for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def group_faults(panel: Panel, by: str) -> list[str]:
    """Say which groups have nobody treated, or nobody to compare them with; or that there is one group alone."""
    said, members = [], groups_of(panel, by)
    if len(members) == 1:
        return [f"all {panel.n_units} units are of one group, {next(iter(members))}: there is nothing to tell apart"]
    for name, units in members.items():
        treated = int((units & panel.ever_treated).sum())
        if not treated or treated == units.sum():
            lacks = "a unit that stays untreated" if treated else "a treated unit"
            said.append(
                f"the group {name} ({units.sum()} {'unit' if units.sum() == 1 else 'units'}) is without {lacks}"
            )
    return said


def moderation(fitted: Fitted, moderator: Moderator, rng: np.random.Generator) -> Moderation:
    """Estimate the effect in each group and test whether it is the same in all.

    Under the hypothesis of one effect everywhere, taking the estimated one out of the treated periods leaves a panel
    without any; starts are then swapped within the groups and the strata of the headline's test, and the spread of
    groups' estimates, ``sum n_g (e_g - e)^2`` with treated units `n_g`, is held against the observed one
    (Ding, Feller and Miratrix 2016, section 4, with the estimate plugged in).

    Raises
    ------
    InputFault
        A group cannot be estimated, or nothing can be swapped within groups.
    """
    members, groups = _members(fitted, moderator.by), parts_of(fitted, moderator.by)
    source, fitted = fitted.source, fitted.held
    row = _overall(fitted.estimate.cells)
    effect, scale = float(fitted.estimate.values[row]), str(fitted.estimate.cells["scale"].iloc[row])
    without = replace(fitted, source=without_effect(source, effect, ratio=scale == "ratio"))
    space = fitted.space((*fitted.strata, moderator.by))
    if isinstance(space, str):
        raise NotIdentified(source.fault(f"moderators: {moderator.by}: {space}"))
    lots = space.draw(moderator.draws, rng)
    starts = np.vstack([source.first_treated, lots.first_treated])
    parts = {name: _part(without, units, name) for name, units in members.items()}
    drawn = [_values(parts[name].refit_assignments(starts[:, units])) for name, units in members.items()]
    effects = np.column_stack(drawn)
    sizes = np.array([(units & source.ever_treated).sum() for units in members.values()], float)
    spread = (effects - (effects @ sizes / sizes.sum())[:, None]) ** 2 @ sizes
    p = share_reached(spread, complete=lots.complete)
    two = len(members) == 2
    difference, detectable = _two(effects) if two else (np.nan, np.nan)
    pairs = pd.DataFrame() if two else _pairs(list(members), effects, complete=lots.complete)
    return Moderation(groups, p, len(starts) - 1, difference, detectable, pairs, scale)


def parts_of(fitted: Fitted, by: str) -> dict[str, Fitted]:
    """Return the estimate on the units of each group alone.

    Raises
    ------
    NotIdentified
        Every group in which it cannot be made, or would average other effects than that of all units.
    """
    faults = Faults(NotIdentified)
    made = {
        name: faults.noted(partial(_part, fitted.held, units, name)) for name, units in _members(fitted, by).items()
    }
    faults.stop()
    return {name: part for name, part in made.items() if part is not None}


def _members(fitted: Fitted, by: str) -> dict[str, NDArray[np.bool_]]:
    source = fitted.source
    return groups_of(source.select(fitted.lots_of) if fitted.lots_of else source, by)


def _part(fitted: Fitted, units: NDArray[np.bool_], name: str) -> Fitted:
    """Return the estimate on some units alone, comparison group built again among them.

    Raises
    ------
    NotIdentified
        It cannot be made, or would average other effects than that of all units.
    """
    source = fitted.source.keep(fitted.source.units[units])
    try:
        estimate = fitted.refit(source)
        why = ""
    except InputFault as fault:
        why = fault.faults[0].what
    if not why and np.isnan(estimate.values[row := _overall(estimate.cells)]):
        why = str(estimate.cells["reason"].iloc[row])
    if why:
        raise NotIdentified(source.fault(f"moderators: the group {name}: {why}", "choose wider groups"))
    return replace(fitted, source=source, estimate=estimate)


def _overall(cells: pd.DataFrame) -> int:
    """Return the position of the overall effect, the ratio where there is one."""
    place = overall_place(cells)
    if place is None:
        raise NotIdentified("moderators: the estimator has no overall effect")
    return place


def _values(batch: Batch) -> Array:
    return batch.values[:, _overall(batch.cells)]


def _two(effects: Array) -> tuple[float, float]:
    """Return the observed difference and what the test would find in four of five cases: 2.8 spreads of the drawn."""
    apart = effects[:, 1] - effects[:, 0]
    return float(apart[0]), float(found_in_four_of_five(apart[1:]))


def _pairs(names: Sequence[str], effects: Array, *, complete: bool) -> pd.DataFrame:
    """Return the difference of every two groups, with p that hold for all pairs together.

    A difference counts by its spread over the draws; its p is the share of adoptions whose largest one is as large
    (Westfall and Young 1993, single step), under one effect everywhere. What is detectable is found four times in five
    by that test: the largest one's 95th percentile and 0.84 times the spread.

    Parameters
    ----------
    effects : (1 + draws, k)
        Of the groups, the observed adoption first.
    """
    places = list(combinations(range(len(names)), 2))
    apart = np.column_stack([effects[:, second] - effects[:, first] for first, second in places])
    spread = np.nanstd(apart[1:], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.abs(apart / spread)
    largest = size.max(axis=1)
    adjusted = [share_reached(np.r_[own, largest[1:]], complete=complete) for own in size[0]]
    critical = float(np.nanquantile(largest[1:], 0.95))
    return pd.DataFrame({
        "first": [names[first] for first, _ in places], "second": [names[second] for _, second in places],
        "difference": apart[0], "p_adjusted": adjusted, "detectable": found_in_four_of_five(apart[1:], critical),
    })  # fmt: skip
