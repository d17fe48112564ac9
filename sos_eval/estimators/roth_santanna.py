"""The efficient estimator where starts were drawn by lot (Roth and Sant'Anna 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._averages import Averages, averages
from sos_eval.estimators._donors import notes_on, refuse_gaps_and_weights
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate, cells
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["RothSantAnna"]

Bools = NDArray[np.bool_]

BASE = "the period that others are compared with: zero by construction"
BY_LOT = "starts are taken as drawn by lot"
EFFICIENT = (
    f"{BY_LOT}: the adjustment for earlier outcomes is the one of least variance, each row's own; the last period "
    "before the start, by which they are adjusted, has no row: of itself nothing is left"
)
CHANGES = f"{BY_LOT}; beta: 1 compares changes since the last period before the start, as difference in differences do"
MEANS = f"{BY_LOT}; beta: 0 compares means after the start, and takes nothing off for earlier outcomes"


@dataclass(frozen=True, slots=True)
class _Comparisons:
    """Cells (g, t), each the mean of a cohort less that of units that start later than both.

    Attributes
    ----------
    starts : (k,)
        Distinct starts; ``inf`` for those after the last period.
    group, time, base : (m,)
        Cohort of each cell, its period, and the last period before the start, as positions.
    control : (m, k)
        Which starts are compared with.
    """

    starts: Array
    group: NDArray[np.intp]
    time: NDArray[np.intp]
    base: NDArray[np.intp]
    control: Bools

    def slopes(self, sizes: Array, period: NDArray[np.intp], n_times: int) -> Array:
        """Return how far each cohort's mean in each period moves the comparison in a period of each cell, (k, t, m)."""
        held = self.control * sizes
        side = (np.arange(len(self.starts)) == self.group[:, None]) - held / held.sum(1, keepdims=True)
        return np.asarray(side.T[:, None, :] * (period == np.arange(n_times)[:, None]))


@register("roth_santanna")
@dataclass(frozen=True)
class RothSantAnna(Estimator):
    """Efficient estimator for starts drawn by lot: later less not yet treated, adjusted for earlier outcomes."""

    beta: Literal["efficient"] | float = "efficient"
    """How much of the difference in the last period before the start is taken off: what has the least variance, or a
    number (1: difference in differences, 0: difference in means)."""

    label: ClassVar[str] = "efficient under random timing"
    reference: ClassVar[str] = "Roth and Sant'Anna (2023)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 2}
    takes_weights: ClassVar[bool] = False

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        return "when each unit started was as good as drawn by lot"

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate every cohort and period, and averages, each with an adjustment of its own."""
        refuse_gaps_and_weights(panel, self.name)
        panel = _from_the_second_period(panel)
        found = self._comparisons(panel)
        codes = np.searchsorted(found.starts, _merged(panel))
        sizes = np.bincount(codes, minlength=len(found.starts)).astype(float)
        self._refuse_lonely(panel, found, sizes)
        lay = averages(found.starts[found.group], panel.times[found.time])
        mix = lay.mix(sizes[found.group])
        late, early = (
            np.einsum("nt,ntq->nq", panel.matrix(), (found.slopes(sizes, period, panel.n_times) @ mix)[codes])
            for period in (found.time, found.base)
        )  # fmt: skip
        values, influence = self._adjusted(late, early, codes, sizes)
        fixed = self.compares_with_last & (lay.inside.astype(float) @ (found.time != found.base) == 0)
        values[fixed], influence[:, fixed] = 0.0, np.nan
        table = _table(panel, found, lay, sizes, fixed)
        return Estimate(table, values, influence, panel, notes=(*notes_on(panel, np.empty(0)), self._adjustment))

    @property
    def compares_with_last(self) -> bool:  # type: ignore[override]
        """Whether effects are changes since the last period before the start: with ``beta: 1`` alone."""
        return self.beta == 1

    @property
    def _adjustment(self) -> str:
        """Say how earlier outcomes are adjusted for."""
        if self.beta == "efficient":
            return EFFICIENT
        said = f"{BY_LOT}; {self.beta:g} of the difference in the last period before the start is taken off"
        return {0.0: MEANS, 1.0: CHANGES}.get(self.beta, said)

    def pre_base(self, estimate: Estimate, rows: NDArray[np.intp], zero: Bools) -> Array:
        """Return the last period before the start with ``beta: 1``; else earlier periods are compared with none."""
        if self.compares_with_last:
            return super().pre_base(estimate, rows, zero)
        return np.full(len(rows), np.nan)

    def _comparisons(self, panel: Panel) -> _Comparisons:
        """Lay out the cells that have somebody to be compared with."""
        starts, times = np.unique(_merged(panel)), panel.times
        grids = np.meshgrid(np.arange(len(starts)), np.arange(len(times)), indexing="ij")
        group, time = (grid.ravel() for grid in grids)
        control = starts > np.maximum(starts[group], times[time])[:, None]
        kept = np.isfinite(starts[group]) & control.any(1)
        if not (kept & (times[time] >= starts[group])).any():
            what = f"{self.name}: no unit is untreated while another is treated"
            raise NotIdentified(panel.fault(what, "widen panel.window, or keep units that start later or never"))
        base = np.searchsorted(times, starts[group], side="left") - 1
        if self.beta == "efficient":
            kept &= time != base
        return _Comparisons(starts, group[kept], time[kept], base[kept], control[kept])

    def _refuse_lonely(self, panel: Panel, found: _Comparisons, sizes: Array) -> None:
        """Refuse cohorts of one: their variance is not known."""
        used = np.isin(np.arange(len(sizes)), found.group) | found.control.any(0)
        lonely = found.starts[(sizes == 1) & used]
        if len(lonely):
            named = listed([panel.periods.name(one) for one in lonely[np.isfinite(lonely)]])
            whose = [f"starts in {named}"] * bool(named) + ["never starts"] * bool(np.isinf(lonely).any())
            what = f"one unit alone {' and one '.join(whose)}, and the method needs the variance within every cohort"
            others = len(found.starts) - len(lonely) > 1
            instead = "leave it out, or choose another estimator" if others else "choose another estimator"
            raise NotIdentified(panel.fault(f"{self.name}: {what}", instead))

    def _adjusted(self, late: Array, early: Array, codes: NDArray[np.intp], sizes: Array) -> tuple[Array, Array]:
        """Return rows (q,) and their influence (n, q) from what every unit adds to both comparisons, (n, q)."""
        member = codes[:, None] == np.arange(len(sizes))
        means = [member.T @ side / sizes[:, None] for side in (late, early)]
        spread = np.sqrt(1 / (sizes * (sizes - 1)))[codes, None]
        moved = [(side - mean[codes]) * spread for side, mean in zip((late, early), means, strict=True)]
        variance = (moved[1] ** 2).sum(0)
        beta = (moved[0] * moved[1]).sum(0) / np.where(variance > 0, variance, 1.0)
        if self.beta != "efficient":
            beta = np.full(len(beta), self.beta)
        values = means[0].sum(0) - beta * means[1].sum(0)
        return values, len(codes) * (moved[0] - beta * moved[1])


def _merged(panel: Panel) -> Array:
    """Return starts with those after the last period as never, (n_units,)."""
    return np.where(panel.first_treated > panel.times[-1], np.inf, panel.first_treated)


def _from_the_second_period(panel: Panel) -> Panel:
    """Leave out units that start in the first period."""
    kept = panel.first_treated > panel.times[0]
    if kept.all() or not kept.any():
        return panel
    return panel.keep(panel.units[kept], "estimate", "no period observed before the start")


def _table(panel: Panel, found: _Comparisons, lay: Averages, sizes: Array, fixed: Bools) -> pd.DataFrame:
    """Lay out the rows with the treated units that each counts."""
    behind = lay.inside.astype(float) @ (found.group[:, None] == np.arange(len(sizes))) > 0
    return cells(
        **lay.keys, n_treated_units=(behind @ sizes).astype(int), scale=panel.outcome.scale,
        reason=np.where(fixed, BASE, ""), n_units=panel.n_units,
        n_obs=panel.n_units * len(np.union1d(found.time, found.base)),
    )  # fmt: skip
