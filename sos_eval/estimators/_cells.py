"""Who is compared with whom, from when to when: the cells of Callaway and Sant'Anna (2021)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import Columns, cell_columns

__all__ = ["BasePeriod", "CellPlan", "Control", "plan_cells", "taking_part", "without_transition"]

Array = NDArray[np.float64]
Counts = NDArray[np.int_]
Control = Literal["never_treated", "not_yet_treated"]
BasePeriod = Literal["varying", "universal"]

BASE_REASON = "base period: zero by construction"


@dataclass(frozen=True, slots=True)
class CellPlan:
    """The cells (g, t) that can be compared, with their base periods and comparison groups.

    Attributes
    ----------
    starts : (k,)
        First treated periods that take part, increasing; ``inf`` last where there are units untreated throughout.
    times : (t,)
        Observed periods.
    cohorts : (c,)
        Those of `starts` that have cells.
    group : (m,)
        Position in `starts` of each cell's cohort.
    time, base : (m,)
        Positions in `times` of each cell's period and of the period that it is compared with.
    control : (m, k)
        Which of `starts` are untreated through the cell's period and its base.
    note
        What was left out, in a sentence; else empty.
    """

    starts: Array
    times: Array
    cohorts: Array
    group: NDArray[np.intp]
    time: NDArray[np.intp]
    base: NDArray[np.intp]
    control: NDArray[np.bool_]
    note: str = ""

    @property
    def is_base(self) -> NDArray[np.bool_]:
        """Cells that are compared with themselves: zero by construction, (m,)."""
        return np.equal(self.time, self.base)

    def only(self, cells: NDArray[np.bool_], note: str) -> CellPlan:
        """Keep some cells, (m,), and say so."""
        return replace(
            self, group=self.group[cells], time=self.time[cells], base=self.base[cells], control=self.control[cells],
            note=note,
        )  # fmt: skip

    @property
    def positions(self) -> NDArray[np.intp]:
        """Positions in `starts` of `cohorts`, (c,)."""
        return np.searchsorted(self.starts, self.cohorts)

    def codes(self, first_treated: Array) -> NDArray[np.intp]:
        """Return each unit's position in `starts`, any shape; -1 for units that take no part."""
        merged = self.merged(first_treated)
        position = np.minimum(np.searchsorted(self.starts, merged), len(self.starts) - 1)
        return np.where(self.starts[position] == merged, position, -1)

    def columns(self, n_obs: Counts, n_units: Counts, n_treated_units: Counts, scale: str) -> Columns:
        """Lay out the cells with their counts, (m,) each."""
        group, time = self.starts[self.group], self.times[self.time]
        return cell_columns(
            aggregation="group_time", cohort=group, time=time, event_time=time - group, scale=scale, n_obs=n_obs,
            n_units=n_units, n_treated_units=n_treated_units, reason=np.where(self.is_base, BASE_REASON, ""),
        )  # fmt: skip

    def n_treated(self, first_treated: Array) -> int:
        """How many of the units are of cohorts that have cells."""
        return int(np.isin(first_treated, self.cohorts).sum())

    def merged(self, first_treated: Array) -> Array:
        """Take units that start after every cell's period as untreated throughout."""
        beyond = np.isinf(self.starts[-1]) & (first_treated > self.starts[:-1].max(initial=-np.inf))
        return np.where(beyond, np.inf, first_treated)


def plan_cells(
    starts: Array, times: Array, *, control: Control, base_period: BasePeriod, anticipation: float
) -> CellPlan | str:
    """Lay out every cell of a staggered adoption.

    The base is the last period before ``g - anticipation``; with ``base_period: varying`` an earlier period is
    compared with the one before it. A comparison unit starts after ``max(time, base) + anticipation``, or never.
    Units that start later than ``times[-1] + anticipation`` are untreated throughout. Where nobody is, the last
    cohort stands in, and periods from ``its start - anticipation`` on are left out.

    Parameters
    ----------
    starts : (k,)
        First treated periods of the units, increasing, ``inf`` = never.
    times : (t,)
        Observed periods, increasing.

    Returns
    -------
    CellPlan or str
        A sentence that says why nothing can be compared.
    """
    usable = starts[starts - anticipation > times[0]]
    if not (usable <= times[-1]).any():
        if anticipation and ((starts > times[0]) & (starts <= times[-1])).any():
            return f"no unit that starts has a period before its anticipation of {anticipation:g}"
        return "no unit starts within the periods observed, with a period before its start"
    untreated = usable > times[-1] + anticipation
    note = ""
    if not untreated.any():
        last = usable.max()
        kept = times[times < last - anticipation]
        if len(usable) == 1 or not len(kept):
            return "no unit is untreated while another is treated"
        if control == "never_treated":
            return "no unit is untreated throughout"
        note = f"no unit is untreated from {last - anticipation:g} on: those periods are left out"
        times, untreated = kept, usable == last
    merged = np.append(usable[~untreated], np.inf)
    cohorts = merged[merged <= times[-1]]
    if not len(cohorts):
        return "no unit is untreated while another is treated"
    return _laid_out(merged, cohorts, times, control, base_period, anticipation, note)


def instead_of(why: str) -> str:
    """Say what to write where no cell can be laid out.

    Examples
    --------
    >>> instead_of("no unit is untreated throughout")
    'write control: not_yet_treated'
    """
    if "untreated throughout" in why:
        return "write control: not_yet_treated"
    if "anticipation" in why:
        return "write a shorter anticipation, or begin panel.window earlier"
    return "widen panel.window, or keep units that start later or never"


def _laid_out(
    starts: Array,
    cohorts: Array,
    times: Array,
    control: Control,
    base_period: BasePeriod,
    anticipation: float,
    note: str,
) -> CellPlan:
    """Cross cohorts with periods and find bases and comparison groups."""
    first = 0 if base_period == "universal" else 1
    group, time = (
        grid.ravel() for grid in np.meshgrid(np.arange(len(cohorts)), np.arange(first, len(times)), indexing="ij")
    )
    before_start = np.searchsorted(times, cohorts - anticipation, side="left") - 1
    base = before_start[group]
    if base_period == "varying":
        base = np.where(times[time] < cohorts[group] - anticipation, time - 1, base)
    latest = times[np.maximum(time, base)] + anticipation
    later = (
        starts > latest[:, None] if control == "not_yet_treated" else np.isinf(starts) & np.ones((len(group), 1), bool)
    )
    own = np.arange(len(starts)) == group[:, None]
    return CellPlan(starts, times, cohorts, group, time, base, later & ~own, note)


def without_transition(panel: Panel, plan: CellPlan) -> CellPlan:
    """Leave out cells of a cohort in periods that its declared transition leaves no row of."""
    if not panel.transition_dropped:
        return plan
    seen = set(zip(panel.frame["first_treated"].to_numpy(float), panel.frame["time"].to_numpy(float), strict=True))
    cohort, time = plan.starts[plan.group], plan.times[plan.time]
    dropped = np.array([t >= g and (g, t) not in seen for g, t in zip(cohort, time, strict=True)])
    if not dropped.any():
        return plan
    named = listed([f"{t:g} (cohort {g:g})" for g, t in zip(cohort[dropped], time[dropped], strict=True)])
    note = f"no effects and no averages over periods of transition: {named}"
    return plan.only(~dropped, "; ".join(filter(None, (plan.note, note))))


def taking_part(panel: Panel, plan: CellPlan, anticipation: float) -> Panel:
    """Leave out units that have no period before their start."""
    early = plan.codes(panel.first_treated) < 0
    if not early.any():
        return panel
    ahead = f" (anticipation {anticipation:g})" if anticipation else ""
    return panel.keep(panel.units[~early], "estimate", f"no period observed before the start{ahead}")
