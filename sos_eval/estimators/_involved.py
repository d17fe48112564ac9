"""Who is in an estimate of cells: one definition for cohort shares, counts, clusters and permutations.

A unit is in the estimate where some cell compares it. It weighs in its cohort's share where some cell from the start
on takes it as treated: who enters after the start, or lacks the base period, has no effect to be averaged. Where levels
are compared (cross-sections, `gaps: levels`) every unit that some cell takes is of the sample, and weighs, as in did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.estimators._cells import CellPlan
from sos_eval.panel.panel import Panel

__all__ = ["Involved", "in_some_cell", "involved"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]

IN_NO_CELL = "in no comparison: not seen in the periods that any of them needs"


@dataclass(frozen=True, slots=True)
class Involved:
    """Which units cells involve, by the start that a unit has.

    Attributes
    ----------
    seen : (n, t)
        Whether a unit has a row in a period.
    inside : (n, k)
        Whether some cell compares a unit that starts at ``plan.starts[k]``.
    treated : (n, c)
        Whether some cell takes a unit of ``plan.cohorts[c]`` as treated; of changes, some cell from the start on.
    """

    seen: Bools
    inside: Bools
    treated: Bools

    @property
    def everyone(self) -> bool:
        """Whether no start leaves a unit out, so that nothing depends on who has which."""
        return bool(self.treated.all() and self.inside.all())

    def members(self, codes: Codes) -> Bools:
        """Say which units are in the estimate, (..., n), from their positions among the starts."""
        here = self.inside[np.arange(len(self.inside)), np.maximum(codes, 0)]
        return np.asarray(here & (codes >= 0))

    def weighing(self, codes: Codes, positions: Codes) -> Bools:
        """Say who weighs in which cohort's share, (..., n, c).

        A cohort that nobody has an effect in keeps its members: its cells stay empty, and are named.
        """
        own = (codes[..., None] == positions) & self.inside[:, positions]
        held = own & self.treated
        return np.asarray(np.where(held.any(-2, keepdims=True), held, own))

    def same_plan(self, codes: Codes) -> Bools:
        """Say under which adoptions, (r, n), no start and no period is lost with the units in no cell, (r,)."""
        inside = self.members(codes)
        starts = np.ones(len(codes), bool)
        for k in range(self.inside.shape[1]):
            own = codes == k
            starts &= (own & inside).any(1) | ~own.any(1)
        periods = (inside.astype(float) @ self.seen > 0).all(1)
        return np.asarray(starts & periods)


def involved(panel: Panel, plan: CellPlan, *, pairs: bool) -> Involved:
    """Say whom the cells of a plan involve on a panel of complete rows.

    Parameters
    ----------
    pairs
        Whether a cell compares units seen in both of its periods, or whatever rows it finds.
    """
    seen = np.zeros((panel.n_units, panel.n_times), bool)
    seen[panel.unit_codes, panel.time_codes] = True
    cells = ~plan.is_base
    time, base, group = plan.time[cells], plan.base[cells], plan.group[cells]
    there = seen[:, time] & seen[:, base] if pairs else seen[:, time] | seen[:, base]
    own = np.arange(len(plan.starts)) == group[:, None]
    treats = own & (plan.times[time] >= plan.starts[group])[:, None] if pairs else own
    count = there.astype(float)
    return Involved(seen, count @ (own | plan.control[cells]) > 0, (count @ treats > 0)[:, plan.positions])


def in_some_cell(panel: Panel, plan: CellPlan, *, pairs: bool) -> Panel:
    """Leave out units that are in no cell."""
    inside = involved(panel, plan, pairs=pairs).members(plan.codes(panel.first_treated))
    if inside.all() or not inside.any():
        return panel
    return panel.keep(panel.units[inside], "estimate", IN_NO_CELL)
