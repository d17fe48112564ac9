"""Regressions with a coefficient for each cohort in each period, averaged by the weight of the rows behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import NotIdentified, listed
from sos_eval.estimators._averages import averages
from sos_eval.estimators._regression import Rows, independent
from sos_eval.estimators._two_way import Statement, TwoWayRegression
from sos_eval.numerics.regress import LinearFit
from sos_eval.panel.panel import Array, Panel

__all__ = ["CohortCells", "CohortRegression", "cohort_cells"]

Bools = NDArray[np.bool_]

BASE = "reference period: zero by construction"
UNCOMPARED = (
    "an effect is a combination of unit and time effects: those untreated in its period, or before the start, lack "
    "outcomes",
    "choose imputation, which leaves out what it cannot compare, or a panel.window in which untreated units are seen",
)
UNCOMPARED_WITHIN = (
    "an effect is a combination of unit, time and stratum-by-period effects: of its stratum nobody untreated has "
    "outcomes in its period, or before the start",
    "choose wider strata, or a panel.window in which untreated units of each stratum are seen",
)
NOBODY = "no unit is untreated while another is treated"


@dataclass(frozen=True, slots=True)
class CohortCells:
    """The cells of a design.

    Attributes
    ----------
    cohort, time : (m,)
    base : (m,)
        Cells that others are compared with: they have no coefficient.
    last : float
        First period that is left out, for nobody is untreated from then on; ``inf`` where some unit always is.
    """

    cohort: Array
    time: Array
    base: Bools
    last: float


class CohortRegression(TwoWayRegression):
    """A two-way regression on cohort-by-period indicators; a subclass says which of them it has."""

    def cells_of(self, panel: Panel, start: Array, time: Array) -> CohortCells:
        """Lay out the cells of starts and periods, (s,) each and distinct as pairs."""
        raise NotImplementedError

    def state(self, panel: Panel, start: Array, time: Array, treated: Array) -> Statement:
        """State an indicator for each cell that is no base, and every average by the weight of its rows."""
        pairs = np.unique(np.column_stack([start.ravel(), time.ravel()]), axis=0)
        cells = self.cells_of(panel, pairs[:, 0], pairs[:, 1])
        each = (start[..., None] == cells.cohort) & (time[..., None] == cells.time)
        lay = averages(cells.cohort, cells.time)
        shared = lay.inside[:, ~cells.base]
        terms = each[..., ~cells.base].astype(float)
        whole = bool(np.isinf(cells.last))
        return Statement(
            terms=terms if whole else terms[None], contrast=np.zeros(shared.shape), shared=shared,
            counted=each.astype(float) @ lay.inside.T > 0, inside=None if whole else (time < cells.last)[None],
            cells={**lay.keys, "reason": np.where(shared.any(1), "", BASE)},
        )  # fmt: skip

    def uncompared(self, rows: Rows, effects: Array) -> tuple[str, str] | None:
        """Say so where the effects that all rows have alone explain an effect."""
        if not independent(rows, effects).all():
            return UNCOMPARED
        strata = rows.covariates[:, : rows.by_stratum]
        return None if independent(rows, np.column_stack([strata, effects])).all() else UNCOMPARED_WITHIN

    def remarks(self, rows: Rows, fit: LinearFit) -> tuple[str, ...]:
        """Say which rows are left out where nobody is never treated."""
        frame, periods = rows.panel.frame.dropna(subset="outcome"), rows.panel.periods
        start, time = (frame[name].to_numpy(float) for name in ("first_treated", "time"))
        if (start > rows.panel.times[-1]).any():
            return ()
        last = float(start.max())
        return (
            f"nobody is never treated: those that start in {periods.name(last)} are compared with, and "
            f"{int((time >= last).sum())} rows from then on are left out",
        )


def cohort_cells(panel: Panel, start: Array, time: Array, reference: float | None, name: str) -> CohortCells:
    """Lay out the cells of treated cohorts, with the last of them as comparison where nobody is never treated.

    Parameters
    ----------
    start, time : (s,)
        Pairs that are observed.
    reference
        Event time that a cohort's other periods are compared with, or the last one observed before it; None: cells
        before the start have no coefficient and are all compared with.

    Raises
    ------
    NotIdentified
        Nobody is untreated while another is treated, or a cohort has no period to be compared with.
    """
    last = np.inf if np.isinf(start).any() else float(start.max())
    used = (start < last) & (time < last) & ((time >= start) if reference is None else np.isfinite(start))
    cohort, period = start[used], time[used]
    if not (period >= cohort).any():
        raise NotIdentified(
            panel.fault(f"{name}: {NOBODY}", "widen panel.window, or keep units that start later or never")
        )
    if reference is None:
        return CohortCells(cohort, period, np.zeros(len(cohort), bool), last)
    base = np.zeros(len(cohort), bool)
    without: list[float] = []
    for one in np.unique(cohort):
        early = np.flatnonzero((cohort == one) & (period - cohort <= reference))
        base[early[-1:]] = True
        without += [] if len(early) else [one]
    _refuse(panel, without, reference, name)
    return CohortCells(cohort, period, base, last)


def _refuse(panel: Panel, cohorts: Sequence[float], reference: float, name: str) -> None:
    """Refuse cohorts that are never seen at the reference or before."""
    if cohorts:
        named = listed([panel.periods.name(cohort) for cohort in cohorts])
        what = f"{name}: no period at event time {reference:g} or before for units that start in {named}"
        raise NotIdentified(panel.fault(what, "write reference_time: -1, or widen panel.window"))
