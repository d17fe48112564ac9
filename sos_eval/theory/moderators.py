"""For whom the effect differs: declared groups of units, and one test of the difference by the design's own lots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import NotIdentified
from sos_eval.numerics.lots import found_in_four_of_five, share_reached
from sos_eval.panel.own_names import Stratum
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import assignment_space, strata_columns
from sos_eval.results.estimate import Batch, overall_place
from sos_eval.results.fitted import Fitted
from sos_eval.results.without_effect import without_effect

__all__ = ["Moderation", "Moderator", "difference_label", "group_faults", "groups_of", "moderation"]


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
    scale
        Of the estimates; a ratio's differences are of logarithms.
    """

    groups: Mapping[str, Fitted]
    p_value: float
    draws: int
    difference: float
    detectable: float
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
    """Return the units of each group, (n_units,) each.

    Raises
    ------
    NotIdentified
        The column is missing for some units, changes within one, or the panel holds people.
    """
    if panel.layout != "panel":
        raise NotIdentified(panel.fault(f"moderators: {by}: rows are people, and groups are of units"))
    space = assignment_space(panel, (by,))
    if isinstance(space, str):
        raise NotIdentified(panel.fault(f"moderators: {by}: {space.removeprefix('strata: ')}"))
    own = space.stratum[space.item]
    return {name: own == place for place, name in enumerate(space.names)}


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
    source = fitted.source
    members = groups_of(source.select(fitted.lots_of) if fitted.lots_of else source, moderator.by)
    row = _overall(fitted.estimate.cells)
    effect, scale = float(fitted.estimate.values[row]), str(fitted.estimate.cells["scale"].iloc[row])
    without = replace(fitted, source=without_effect(source, effect, ratio=scale == "ratio"))
    space = fitted.space((*fitted.strata, moderator.by))
    if isinstance(space, str):
        raise NotIdentified(source.fault(f"moderators: {moderator.by}: {space}"))
    lots = space.draw(moderator.draws, rng)
    starts = np.vstack([source.first_treated, lots.first_treated])
    parts = {name: _part(without, units) for name, units in members.items()}
    drawn = [_values(parts[name].refit_assignments(starts[:, units])) for name, units in members.items()]
    effects = np.column_stack(drawn)
    sizes = np.array([(units & source.ever_treated).sum() for units in members.values()], float)
    spread = (effects - (effects @ sizes / sizes.sum())[:, None]) ** 2 @ sizes
    p = share_reached(spread, complete=lots.complete)
    difference, detectable = (np.nan, np.nan) if len(members) != 2 else _two(effects)
    groups = {name: _part(fitted, units) for name, units in members.items()}
    return Moderation(groups, p, len(starts) - 1, difference, detectable, scale)


def _part(fitted: Fitted, units: NDArray[np.bool_]) -> Fitted:
    """Return the estimate on some units alone, comparison group built again among them."""
    source = fitted.source.keep(fitted.source.units[units])
    return replace(fitted, source=source, estimate=fitted.refit(source))


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
    return float(apart[0]), found_in_four_of_five(apart[1:])
