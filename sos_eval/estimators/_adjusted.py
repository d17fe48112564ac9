"""Group-time effects cell by cell: covariates on balanced panels, and levels where units are not seen throughout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.estimators._cells import CellPlan
from sos_eval.estimators._regression import covariate_columns, missing_note
from sos_eval.numerics.nuisance import NoEffectError
from sos_eval.numerics.two_by_two import Adjust, of_changes, of_levels
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Columns

__all__ = ["CellEffects", "Nuisance", "baseline_covariates", "by_changes", "by_levels", "by_pairs", "complete_rows"]

Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Nuisance:
    """How a comparison is adjusted."""

    adjust: Adjust
    trim: float
    as_drdid: bool = False


@dataclass(frozen=True, slots=True)
class CellEffects:
    """Effects of all cells.

    Attributes
    ----------
    values : (m, r)
        NaN where a cell cannot be compared; r outcomes.
    score : (n, m, r)
        What each entry of the influence function contributes to the error: influence over n.
    reasons : (m,)
        Why a cell is NaN.
    trimmed : (n,)
        Comparison units that some cell left out for their propensity.
    """

    values: Array
    score: Array
    reasons: list[str]
    trimmed: NDArray[np.bool_]


def complete_rows(panel: Panel, names: tuple[str, ...]) -> tuple[Panel, tuple[str, ...]]:
    """Leave out rows without outcome, covariate or weight, and say whose they are."""
    complete = panel.frame["weight"].to_numpy(float) > 0
    for name in ("outcome", *names):
        complete &= panel.frame[name].notna().to_numpy()
    if complete.all():
        return panel, ()
    kept = replace(panel, frame=panel.frame[complete].reset_index(drop=True))
    return kept, missing_note(panel, complete)


def baseline_covariates(panel: Panel, names: tuple[str, ...]) -> Array:
    """Return the covariates with a constant by unit and time, (n, t, 1 + p); one period where they do not vary."""
    columns, _ = covariate_columns(panel.frame, names)
    x = np.ones((panel.n_units, panel.n_times, 1 + columns.shape[1]))
    x[panel.unit_codes, panel.time_codes, 1:] = columns
    return x[:, :1] if (x == x[:, :1]).all() else x


def by_changes(
    outcomes: Array, x: Array, weights: Array, plan: CellPlan, codes: Codes, nuisance: Nuisance
) -> CellEffects:
    """Compare changes in every cell of a balanced panel.

    Cells of one cohort with the same comparison units and the same base-period covariates share their propensity
    model and regressions.

    Parameters
    ----------
    outcomes : (n, t, r)
        Outcomes of r draws.
    x : (n, t, k) or (n, 1, k)
        Covariates with a constant; a cell takes those of the earlier of its two periods.
    weights : (n,)
        Unit weights.
    codes : (n,)
        Position of each unit's start in ``plan.starts``.
    """
    n, r = outcomes.shape[0], outcomes.shape[2]
    m = len(plan.group)
    out = CellEffects(np.full((m, r), np.nan), np.zeros((n, m, r)), [""] * m, np.zeros(n, bool))
    early = np.minimum(plan.time, plan.base) if x.shape[1] > 1 else np.zeros(m, int)
    for members in _sharing(plan, early):
        first = members[0]
        inside = np.flatnonzero((codes == plan.group[first]) | plan.control[first][codes])
        change = outcomes[inside][:, plan.time[members]] - outcomes[inside][:, plan.base[members]]
        treated = codes[inside] == plan.group[first]
        try:
            effect = of_changes(
                change.reshape(len(inside), -1), treated, x[inside, early[first]], weights[inside],
                nuisance.adjust, nuisance.trim,
            )  # fmt: skip
        except NoEffectError as error:
            _not_identified(out, members, str(error))
            continue
        out.values[members] = effect.value.reshape(len(members), r)
        out.score[np.ix_(inside, members)] = effect.score.reshape(len(inside), len(members), r)
        out.trimmed[inside[effect.trimmed]] = True
    out.values[plan.is_base] = 0.0
    return out


def _sharing(plan: CellPlan, early: Codes) -> Iterator[Codes]:
    """Yield the cells that share cohort, comparison units and covariates; base cells are left out."""
    cells_left = np.flatnonzero(~plan.is_base)
    key = np.column_stack([plan.group, early, plan.control])[cells_left]
    _, member = np.unique(key, axis=0, return_inverse=True)
    for one in range(int(member.max(initial=-1)) + 1):
        yield cells_left[member.ravel() == one]


def _not_identified(out: CellEffects, members: Codes, why: str) -> None:
    """Mark cells as not identified."""
    out.score[:, members] = np.nan
    for one in members:
        out.reasons[one] = why


def by_pairs(panel: Panel, names: tuple[str, ...], plan: CellPlan, nuisance: Nuisance) -> tuple[CellEffects, Columns]:
    """Compare, in every cell of a panel with gaps, the changes of the units that are seen in both of its periods.

    Returns
    -------
    CellEffects
        Contributions by unit.
    Columns
        The cells with the counts of rows and units.
    """
    outcome, x, weights = panel.matrix(), baseline_covariates(panel, names), panel.weights
    codes = plan.codes(panel.first_treated)
    m, n = len(plan.group), panel.n_units
    out = CellEffects(np.full((m, 1), np.nan), np.zeros((n, m, 1)), [""] * m, np.zeros(n, bool))
    counts = np.zeros((2, m), int)
    early = np.minimum(plan.time, plan.base) if x.shape[1] > 1 else np.zeros(m, int)
    for one in range(m):
        change = outcome[:, plan.time[one]] - outcome[:, plan.base[one]]
        own = codes == plan.group[one]
        inside = np.flatnonzero((own | plan.control[one][codes]) & (codes >= 0) & np.isfinite(change * weights))
        counts[:, one] = len(inside), int(own[inside].sum())
        if plan.is_base[one]:
            out.values[one] = 0.0
            continue
        try:
            effect = of_changes(
                change[inside, None], own[inside], x[inside, early[one]], weights[inside],
                nuisance.adjust, nuisance.trim,
            )  # fmt: skip
        except NoEffectError as error:
            _not_identified(out, np.array([one]), str(error))
            continue
        out.values[one] = effect.value
        out.score[inside, one] = effect.score
        out.trimmed[inside[effect.trimmed]] = True
    return out, plan.columns(2 * counts[0], counts[0], counts[1], panel.outcome.scale)


def by_levels(panel: Panel, names: tuple[str, ...], plan: CellPlan, nuisance: Nuisance) -> tuple[CellEffects, Columns]:
    """Compare levels before and after in every cell: rows of two periods, whoever they belong to.

    Returns
    -------
    CellEffects
        Contributions summed by unit (panel with gaps) or left by row (cross-sections).
    Columns
        The cells with the counts of rows and units.
    """
    frame = panel.frame
    columns, _ = covariate_columns(frame, names)
    x = np.column_stack([np.ones(len(frame)), columns])
    y, weights = frame["outcome"].to_numpy(float)[:, None], frame["weight"].to_numpy(float)
    codes = plan.codes(frame["first_treated"].to_numpy(float))
    position = panel.unit_codes if panel.layout == "panel" else np.arange(len(frame))
    m, n = len(plan.group), panel.n_influence
    out = CellEffects(np.full((m, 1), np.nan), np.zeros((n, m, 1)), [""] * m, np.zeros(n, bool))
    counts = np.zeros((3, m), int)
    place = _place_in_plan(panel, plan)
    for one in range(m):
        in_time = (place == plan.time[one]) | (place == plan.base[one])
        own = codes == plan.group[one]
        rows = np.flatnonzero(in_time & (own | plan.control[one][codes]) & (codes >= 0))
        counts[:, one] = (
            len(rows),
            len(np.unique(panel.unit_codes[rows])),
            len(np.unique(panel.unit_codes[rows[own[rows]]])),
        )
        if plan.is_base[one]:
            out.values[one] = 0.0
            continue
        try:
            effect = of_levels(
                y[rows], own[rows], place[rows] == plan.time[one], x[rows], weights[rows],
                nuisance.adjust, nuisance.trim, as_drdid=nuisance.as_drdid,
            )  # fmt: skip
        except NoEffectError as error:
            _not_identified(out, np.array([one]), str(error))
            continue
        out.values[one] = effect.value
        out.score[:, one, 0] = np.bincount(position[rows], effect.score[:, 0], n)
        out.trimmed[position[rows[effect.trimmed]]] = True
    return out, plan.columns(counts[0], counts[1], counts[2], panel.outcome.scale)


def _place_in_plan(panel: Panel, plan: CellPlan) -> Codes:
    """Return each row's position in ``plan.times``, -1 where its period is left out."""
    place = panel.time_codes
    return np.where(place < len(plan.times), place, -1)
