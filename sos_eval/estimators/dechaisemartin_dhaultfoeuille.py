"""Switchers compared with units not yet switched (de Chaisemartin and D'Haultfoeuille 2024)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified
from sos_eval.estimators._cells import BASE_REASON, Control
from sos_eval.estimators._donors import notes_on
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Estimate, cells, cluster_sums
from sos_eval.results.estimator import Estimator, without_gaps
from sos_eval.results.method import register

__all__ = ["DechaisemartinDhaultfoeuille"]

Bools = NDArray[np.bool_]
Places = NDArray[np.intp]
_PLACES = ("group", "time", "base", "weighed")

ITT = "effects are of a unit's first switch, whatever follows it"
OVERALL = "overall: the mean over switchers and the periods since their switch"
ALONE = "one unit switches, or is compared with: it has no spread of its own, so there is no analytic error"
WEIGHTLESS = "nobody behind this row has a weight"
LONE = "a unit that switches alone counts its effect as chance: errors are too large rather than too small"
NO_SWITCH = "no unit switches while one that it can be compared with, of the same first treatment, has not switched"


@dataclass(frozen=True, slots=True)
class _Switches:
    """Units by the treatment of their first period and the period of their first switch.

    Attributes
    ----------
    on : (k,)
        Whether a group is treated from the first period on, and so switches off.
    start : (k,)
        When it switches; ``inf`` for those that never do.
    code : (n_units,)
        Each unit's group.
    path : (k, n_times)
        Mean treatment of the group.
    """

    on: Bools
    start: Array
    code: Places
    path: Array

    @property
    def sizes(self) -> Array:
        """Units of every group, (k,)."""
        return np.bincount(self.code, minlength=len(self.start)).astype(float)


class _Change(NamedTuple):
    """A group at a time since its switch: periods as positions, and the groups (k,) that it is compared with."""

    group: int
    event: float
    time: int
    base: int
    weighed: int
    control: Bools


@dataclass(frozen=True, slots=True)
class _SwitchPlan:
    """Cells (a group at a time since its switch), who they are compared with, and the rows that average them.

    Attributes
    ----------
    group, time, base, weighed : (m,)
        Positions of each cell's group, of the two periods that are compared, and of the one whose weights count.
    control : (m, k)
        Groups of the same first treatment that have not switched by then.
    sign, received : (m,)
        -1 where treatment is dropped; what an effect is divided by, on average over the cells of a row.
    inside : (m, q)
        Which cells a row averages.
    table
        The rows, `CELL_COLUMNS`.
    """

    group: Places
    time: Places
    base: Places
    weighed: Places
    control: Bools
    sign: Array
    received: Array
    inside: Bools
    table: pd.DataFrame

    @property
    def fixed(self) -> Bools:
        """Rows that are zero by construction, (q,)."""
        return np.asarray(~self.inside.any(0))

    def scored(self, outcomes: Array, code: Places, weights: Array) -> tuple[Array, Array]:
        """Return rows (q,) and every unit's influence (n, q), from outcomes (n, t), groups (n,) and weights (n, t).

        The influence is that of the paper's package: deviations from the mean change of a unit's own group, and of all
        units compared at that date, each times the root of n / (n - 1). A unit that switches alone deviates from those
        that it is compared with: its effect counts as chance, which is too much rather than too little. NaN where one
        unit alone is compared with, and in rows of one switcher.
        """
        change, weight = outcomes[:, self.time] - outcomes[:, self.base], weights[:, self.weighed]
        switched, waiting = weight * (code[:, None] == self.group), weight * self.control.T[code]
        compared, others = _mean(change, waiting)
        treated, own = _mean(change, switched, alone=compared)
        mix = self._mix(switched.sum(0) * (waiting.sum(0) > 0))
        influence = own - others
        unknown = np.isnan(influence).any(0) @ (mix != 0) | (self.table["n_treated_units"] < 2).to_numpy() | self.fixed
        mixed = np.nan_to_num(influence) @ mix * len(code)
        return (treated - compared) @ mix, np.where(unknown, np.nan, mixed)

    def _mix(self, mass: Array) -> Array:
        """Return what each row takes of each cell, (m, q), by the weight (m,) of the units that switched."""
        share = self.inside * mass[:, None]
        share = share / np.where(share.sum(0) > 0, share.sum(0), np.where(self.fixed, 1.0, np.nan))
        received = np.where(self.fixed | (self.table["aggregation"] == "overall"), 1.0, self.received @ share)
        return np.asarray(share * self.sign[:, None] / received)


def _mean(change: Array, weight: Array, alone: Array | float = np.nan) -> tuple[Array, Array]:
    """Return weighted means (m,) and every unit's part in their error (n, m), from changes and weights (n, m).

    Deviations are from the mean; from `alone` (m,) in cells of one unit, which has no deviation from itself.
    """
    number, total = (weight > 0).sum(0), weight.sum(0)
    total = np.where(total > 0, total, 1.0)  # nobody weighs anything: the cell is in no row (`_SwitchPlan._mix`)
    mean = (weight * change).sum(0) / total
    several = number > 1
    factor = np.where(several, np.sqrt(number / np.maximum(number - 1, 1)), 1.0)
    centre = np.where(several, mean, alone)
    return mean, np.where(weight > 0, weight * (change - centre) * factor / total, 0.0)


@register("dechaisemartin_dhaultfoeuille")
@dataclass(frozen=True)
class DechaisemartinDhaultfoeuille(Estimator):
    """Changes since the period before a unit's first switch, less those of units not yet switched."""

    effects: Annotated[int, Ge(1)] | None = None
    """Periods since the switch, the first included, that have an effect; all that can be compared, unless given."""
    placebos: Annotated[int, Ge(0)] | None = None
    """Periods before the last one before the switch that have a placebo; all that can be compared, unless given."""
    control: Control = "not_yet_treated"
    """Units that have not switched yet, or those that never do (never_treated)."""
    normalized: bool = False
    """Divide every effect by the treatment received since the switch, on average, over what would have been."""

    label: ClassVar[str] = "de Chaisemartin and D'Haultfoeuille"
    reference: ClassVar[str] = "de Chaisemartin and D'Haultfoeuille (2024)"
    needs: ClassVar[dict[str, int]] = {"treated_units": 1}
    takes_switching: ClassVar[bool] = True
    compares_with_last: ClassVar[bool] = True

    def adoption(self, panel: Panel) -> Panel:
        """Return the panel with first switches alone, where they are all starts: what follows is in no effect."""
        if self.normalized or panel.absorbing or panel.layout != "panel" or not panel.is_balanced:
            return panel
        return panel if _switches(panel).on.any() else panel.with_first_treated(panel.first_treated)

    def averaged_cells(self, estimate: Estimate) -> Array:
        """Return start and period of the effects that the overall one averages: those that can be compared."""
        switches, times = _switches(estimate.panel), estimate.panel.times
        laid = [one for one in self._cells(times, switches) if one.event >= 0 and not switches.on[one.group]]
        return np.array([[switches.start[one.group], times[one.time]] for one in laid]).reshape(-1, 2)

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate an effect at every time since the switch, placebos before it, and the mean of the effects."""
        self._refuse(panel)
        switches = _switches(panel)
        plan = self._plan(panel, switches)
        values, influence = plan.scored(panel.matrix(), switches.code, panel.matrix("weight"))
        table = plan.table
        without = np.isnan(influence).any(0) & ~plan.fixed
        empty = np.isnan(values)
        table = table.assign(reason=np.where(empty, WEIGHTLESS, np.where(without, ALONE, table["reason"])))
        stays = panel.absorbing and not switches.on.any()
        lonely = (switches.sizes[np.unique(plan.group)] == 1).any()
        notes = (*notes_on(panel, np.empty(0)), OVERALL, *([] if stays else [ITT]), *([LONE] if lonely else []))
        return Estimate(
            table, values, influence, panel, notes=(*notes, *self._beyond(table)), told=_switched_again(panel)
        )

    def _beyond(self, table: pd.DataFrame) -> tuple[str, ...]:
        """Say which of the effects and placebos that are declared the panel does not have."""
        event = table["event_time"].dropna()
        seen = {"effects": int(event.max()) + 1, "placebos": max(int(-1 - event.min()), 0)}
        return tuple(
            f"{name}: {wanted} are declared, and this panel has {seen[name]}"
            for name, wanted in (("effects", self.effects), ("placebos", self.placebos))
            if wanted is not None and wanted > seen[name]
        )

    def estimate_many(self, panel: Panel, outcomes: Array) -> Batch:
        """Estimate a batch of outcomes, (draws, n_units, n_times): the plan is made once."""
        if np.isnan(outcomes).any():
            return super().estimate_many(panel, outcomes)
        self._refuse(panel)
        switches = _switches(panel)
        plan = self._plan(panel, switches)
        return _batch(panel, plan, [(one, switches.code) for one in outcomes])

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions that hand the same starts to other units: the plan is made once."""
        starts = np.asarray(first_treated, float)
        switches = _switches(panel.with_first_treated(starts[0]))
        same = (np.sort(starts, axis=1) == np.sort(starts[0])).all()
        if not same or switches.on.any() or panel.layout != "panel" or not panel.is_balanced:
            return super().estimate_assignments(panel, first_treated)
        self._refuse(panel)
        plan, outcomes = self._plan(panel, switches), panel.matrix()
        codes = np.searchsorted(switches.start, np.where(starts > panel.times[-1], np.inf, starts))
        return _batch(panel, plan, [(outcomes, code) for code in codes])

    def _plan(self, panel: Panel, switches: _Switches) -> _SwitchPlan:
        """Lay out cells and rows.

        Raises
        ------
        NotIdentified
            No switch can be compared.
        """
        laid = list(self._cells(panel.times, switches))
        if not laid:
            what = f"{self.name}: {NO_SWITCH}"
            waiting = "write control: not_yet_treated" if self.control == "never_treated" else "widen panel.window"
            raise NotIdentified(panel.fault(what, f"{waiting}, or choose another method"))
        group, time, base, weighed = (np.array([getattr(cell, name) for cell in laid], np.intp) for name in _PLACES)
        event = np.array([cell.event for cell in laid])
        received = np.ones(len(laid))
        if self.normalized:
            change = np.abs(switches.path - switches.on[:, None])
            received = np.array([change[cell.group, cell.base + 1 : cell.time + 1].sum() or 1.0 for cell in laid])
        table, inside = _rows(panel, event, switches.sizes, group)
        return _SwitchPlan(
            group, time, base, weighed, np.array([cell.control for cell in laid]),
            np.where(switches.on[group], -1.0, 1.0), received, inside, table,
        )  # fmt: skip

    def _refuse(self, panel: Panel) -> None:
        """Refuse panels with gaps, when a unit switched not being known, and options that do not go together."""
        if panel.layout != "panel" or not panel.is_balanced:
            what = f"{self.name}: units lack periods, and when they switched may not be known"
            raise NotIdentified(panel.fault(what, without_gaps(panel)))
        if self.normalized and panel.weighted and not panel.absorbing:
            what = f"{self.name}: normalized, units that weigh differently and treatment that stops do not go together"
            raise NotIdentified(panel.fault(what, "leave out normalized, or panel.weight"))

    def _cells(self, times: Array, switches: _Switches) -> Iterator[_Change]:
        """Yield every effect that has somebody to be compared with, and the placebo as long before the base."""
        for group in np.flatnonzero(np.isfinite(switches.start)):
            start = switches.start[group]
            base = int(np.searchsorted(times, start)) - 1
            for time in range(base + 1, len(times)):
                event = times[time] - start
                later = np.isinf(switches.start) if self.control == "never_treated" else switches.start > times[time]
                control = later & (switches.on == switches.on[group])
                if not control.any() or (self.effects is not None and event >= self.effects):
                    break
                yield _Change(int(group), event, time, base, time, control)
                lag = event + 1
                before = np.flatnonzero(times == start - 1 - lag)
                if len(before) and (self.placebos is None or lag <= self.placebos):
                    yield _Change(int(group), times[before[0]] - start, int(before[0]), base, time, control)


def _switches(panel: Panel) -> _Switches:
    """Group units by their first treatment and the period of their first switch."""
    treated = panel.matrix("treated")
    on = treated[:, 0] > 0
    switched = treated != treated[:, :1]
    start = np.where(switched.any(1), panel.times[switched.argmax(1)], np.inf)
    start = np.where(on | ~np.isfinite(start), start, panel.first_treated)  # which no left out period hides
    groups, code = np.unique(np.column_stack([on, start]), axis=0, return_inverse=True)
    code = code.ravel()
    path = np.array([treated[code == k].mean(0) for k in range(len(groups))])
    return _Switches(groups[:, 0] > 0, groups[:, 1], code, path)


def _switched_again(panel: Panel) -> tuple[str, ...]:
    """Say of how many units the treatment changed again after its first switch; nothing where it did of none."""
    changes = (np.diff(panel.matrix("treated"), axis=1) != 0).sum(1)
    again, all_of_them = int((changes > 1).sum()), int((changes > 0).sum())
    if not again:
        return ()
    return (
        f"in {again} of the {all_of_them} treatment stopped again: the effect is of the first start, whatever followed",
    )


def _rows(panel: Panel, event: Array, sizes: Array, group: Places) -> tuple[pd.DataFrame, Bools]:
    """Return the rows of the estimate, and which cells each averages, (m, q): none in the base."""
    events = np.union1d(event, [-1.0])
    inside = np.column_stack([event[:, None] == events, event >= 0])
    members = np.arange(len(sizes)) == group[:, None]
    treated = ((inside.T.astype(float) @ members > 0) @ sizes).astype(int)
    base = ~inside.any(0)
    treated[base] = treated[-1]
    aggregation = ["event_time"] * len(events) + ["overall"]
    table = cells(
        aggregation=aggregation, event_time=np.append(events, np.nan), scale=panel.outcome.scale,
        n_obs=panel.n_rows, n_units=panel.n_units, n_treated_units=treated,
        reason=np.where(base, BASE_REASON, ""),
    )  # fmt: skip
    return table, inside


def _batch(panel: Panel, plan: _SwitchPlan, drawn: list[tuple[Array, Places]]) -> Batch:
    """Apply a plan to draws of outcomes or of groups."""
    weights = panel.matrix("weight")
    scored = [plan.scored(outcomes, code, weights) for outcomes, code in drawn]
    values = np.array([one for one, _ in scored])
    sums = (cluster_sums(influence, panel.clusters) for _, influence in scored)
    errors = np.array([np.sqrt((one**2).sum(0)) / panel.n_units for one in sums])
    return Batch(plan.table, values, errors, ("",) * len(drawn))
