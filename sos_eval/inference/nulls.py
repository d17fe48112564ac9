"""The null of a constant effect, imposed on the data and estimated under permuted assignments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.inference.assignments import Assignments
from sos_eval.inference.inversion import TIES, Rejection, Terms, limits, search
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch
from sos_eval.results.fitted import Fitted

__all__ = ["Limits", "constant_effect_limits", "without_effect"]

#: Largest relative departure from a straight line (estimate) or parabola (variance) that still counts as rounding.
_LINEAR = 1e-7
_SEARCH_TOLERANCE = 0.01
_CHECKED = 25
_UNBOUNDED = "no constant effect, however large, is rejected: the interval is unbounded"
_OPEN = {
    side: f"no constant effect {side}, however large, is rejected: the interval is open on that side"
    for side in ("below", "above")
}
_BEFORE = "no interval: a constant effect since the start does not touch this row"
_SINGLE_CELL = "no interval by inversion for single cells"
_OVERALL_ONLY = "every trial value needs a new estimation, so the interval is made for the overall effect only"
_ADDITIVE = "no interval by inversion on this scale; read the rate ratio's"


@dataclass(frozen=True, slots=True)
class Limits:
    """Interval of each row on the working scale, (m,), why some are empty, and how they were found."""

    low: Array
    high: Array
    reasons: list[str]
    how: str

    @classmethod
    def none(cls, m: int, reason: str = "") -> Limits:
        """Return no intervals."""
        return cls(np.full(m, np.nan), np.full(m, np.nan), [reason] * m, "none")


def without_effect(panel: Panel, theta: float, *, ratio: bool) -> Panel:
    """Take a constant effect out of the treated observations.

    Subtract ``theta`` from the outcome; on the ratio scale divide counts (or outcomes) by ``exp(theta)``.
    """
    treated = panel.frame["treated"].to_numpy(float)
    if not ratio:
        return panel.with_outcome(panel.frame["outcome"].to_numpy(float) - theta * treated)
    factor = np.exp(-theta * treated)
    if panel.outcome.counted:
        return panel.with_count(panel.frame["count"].to_numpy(float) * factor)
    return panel.with_outcome(panel.frame["outcome"].to_numpy(float) * factor)


def constant_effect_limits(
    fitted: Fitted, assignments: Assignments, batch: Batch, *, studentised: bool, level: float, search_draws: int
) -> Limits:
    """Invert the randomization test of a constant effect, exactly where the estimator is linear in the outcome.

    Linearity is not taken on trust: the estimate under the null is computed at three values of theta on every
    draw, and has to lie on a straight line (its variance, checked at a fourth value, on a parabola).

    Parameters
    ----------
    batch
        Estimates without any effect taken out, the observed assignment first.
    """
    cells = fitted.estimate.cells
    if fitted.rebuild is not None and not assignments.complete:  # every draw builds its comparison group again
        assignments = replace(assignments, first_treated=assignments.first_treated[:search_draws])
        batch = _first(batch, 1 + len(assignments.first_treated))
    if not (cells["scale"] == "ratio").any():
        terms = _linear_terms(fitted, assignments, batch, studentised=studentised)
        if terms is not None:
            return _exact(fitted, terms, level=level, complete=assignments.complete)
    return _searched(fitted, assignments, studentised=studentised, level=level, draws=search_draws)


def _first(batch: Batch, rows: int) -> Batch:
    """Keep the first rows of a batch."""
    errors = None if batch.std_error is None else batch.std_error[:rows]
    return replace(batch, values=batch.values[:rows], std_error=errors)


@dataclass(frozen=True, slots=True)
class _LinearTerms:
    """Arrays (1 + draws, m): estimate a - theta b, variance v0 - 2 theta v1 + theta**2 v2; row 0 is observed."""

    a: Array
    b: Array
    v0: Array
    v1: Array
    v2: Array

    def of_row(self, j: int, usable: NDArray[np.bool_]) -> Terms:
        a, b, v0, v1, v2 = (part[:, j] for part in (self.a, self.b, self.v0, self.v1, self.v2))
        own = (float(a[0]), float(b[0]), float(v0[0]), float(v1[0]), float(v2[0]))
        return Terms(a[1:][usable], b[1:][usable], v0[1:][usable], v1[1:][usable], v2[1:][usable], own)


def _linear_terms(fitted: Fitted, assignments: Assignments, centre: Batch, *, studentised: bool) -> _LinearTerms | None:
    """Estimate at theta = 0, -c and c; None where the estimator is not linear in the outcome."""
    step = float(np.nanstd(fitted.source.frame["outcome"].to_numpy(float)))
    if not step > 0:
        return None
    starts = np.vstack([fitted.source.first_treated, assignments.first_treated])
    below, above = (_under(fitted, theta, starts) for theta in (-step, step))
    a, b = centre.values, (below.values - above.values) / (2 * step)
    size = np.nanmax(np.abs(a), initial=0.0) + np.nanmax(np.abs(b), initial=0.0) * step
    if np.nanmax(np.abs(below.values + above.values - 2 * a), initial=0.0) > _LINEAR * size:
        return None
    if not studentised:
        one, zero = np.ones_like(a), np.zeros_like(a)
        return _LinearTerms(a, b, one, zero, zero)
    if centre.std_error is None or below.std_error is None or above.std_error is None:
        return None
    v0, plus, minus = centre.std_error**2, above.std_error**2, below.std_error**2
    v1, v2 = (minus - plus) / (4 * step), (plus + minus - 2 * v0) / (2 * step**2)
    terms = _LinearTerms(a, b, v0, v1, v2)
    return terms if _is_parabola(fitted, starts[: _CHECKED + 1], 2 * step, terms) else None


def _under(fitted: Fitted, theta: float, starts: Array) -> Batch:
    """Estimate under many assignments with an additive effect taken out."""
    return replace(fitted, source=without_effect(fitted.source, theta, ratio=False)).refit_assignments(starts)


def _is_parabola(fitted: Fitted, starts: Array, theta: float, terms: _LinearTerms) -> bool:
    """Check the variance at a fourth value on some draws."""
    found = _under(fitted, theta, starts).std_error
    if found is None:
        return False
    k = len(starts)
    expected = terms.v0[:k] - 2 * theta * terms.v1[:k] + theta**2 * terms.v2[:k]
    off = np.abs(found**2 - expected)
    return bool(np.nanmax(off, initial=0.0) <= _LINEAR * np.nanmax(np.abs(expected), initial=0.0))


def _exact(fitted: Fitted, terms: _LinearTerms, *, level: float, complete: bool) -> Limits:
    """Solve for the limits of every aggregated row that a constant effect moves one for one."""
    cells = fitted.estimate.cells
    found = Limits.none(len(cells))
    moved = np.abs(terms.b[0] - 1) < 1e-6
    for j, aggregation in enumerate(cells["aggregation"]):
        if not np.isfinite(terms.a[0, j]) or not terms.v0[0, j] > 0:
            continue
        if aggregation == "group_time":
            found.reasons[j] = _SINGLE_CELL
        elif not moved[j]:
            found.reasons[j] = _BEFORE
        else:
            found.low[j], found.high[j] = _row_limits(terms, j, level=level, complete=complete)
    return _unbounded_named(
        replace(found, how=f"exact: the statistic of each of {len(terms.a) - 1} draws solved in the effect")
    )


def _row_limits(terms: _LinearTerms, j: int, *, level: float, complete: bool) -> tuple[float, float]:
    usable = np.isfinite(terms.a[1:, j]) & np.isfinite(terms.v0[1:, j])
    rejection = Rejection.at(level, len(usable), complete=complete, always_extreme=int((~usable).sum()))
    unit = float(np.sqrt(terms.v0[0, j])) if terms.v0[0, j] != 1 else float(np.nanstd(terms.a[:, j])) or 1.0
    return limits(terms.of_row(j, usable), rejection, centre=float(terms.a[0, j] / terms.b[0, j]), unit=unit)


def _searched(fitted: Fitted, assignments: Assignments, *, studentised: bool, level: float, draws: int) -> Limits:
    """Search the limits of the overall effect, everything estimated anew at each trial value on common draws."""
    cells = fitted.estimate.cells
    ratio = (cells["scale"] == "ratio").to_numpy()
    drawn = assignments.first_treated if assignments.complete else assignments.first_treated[:draws]
    starts = np.vstack([fitted.source.first_treated, drawn])
    rejection = Rejection.at(level, len(drawn), complete=assignments.complete)
    found = Limits.none(len(cells))
    for j, aggregation in enumerate(cells["aggregation"]):
        if not np.isfinite(fitted.estimate.values[j]):
            continue
        if aggregation != "overall":
            found.reasons[j] = _OVERALL_ONLY
        elif ratio.any() and not ratio[j]:
            found.reasons[j] = _ADDITIVE
        else:
            kept = _not_rejected(fitted, starts, rejection, j, ratio=bool(ratio[j]), studentised=studentised)
            unit = _unit(fitted, starts, j)
            found.low[j], found.high[j] = search(
                kept, centre=float(fitted.estimate.values[j]), unit=unit, tolerance=_SEARCH_TOLERANCE
            )
    how = f"search on {len(drawn)} common draws, ends to {_SEARCH_TOLERANCE:g} standard errors (outer end reported)"
    return _unbounded_named(replace(found, how=how))


def _unit(fitted: Fitted, starts: Array, j: int) -> float:
    """Return the spread of the estimate over some permutations: a natural step for the search."""
    spread = float(np.nanstd(fitted.refit_assignments(starts[:100]).values[:, j]))
    return spread if spread > 0 else max(abs(float(fitted.estimate.values[j])), 1e-6)


def _not_rejected(
    fitted: Fitted, starts: Array, rejection: Rejection, j: int, *, ratio: bool, studentised: bool
) -> Callable[[float], bool]:
    """Return the test of one constant effect on row j."""

    def kept(theta: float) -> bool:
        changed = replace(fitted, source=without_effect(fitted.source, theta, ratio=ratio))
        batch = changed.refit_assignments(starts)
        statistic = batch.values[:, j]
        if studentised and batch.std_error is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                statistic = statistic / batch.std_error[:, j]
        extreme = (np.abs(statistic[1:]) >= (1 - TIES) * abs(statistic[0])) | np.isnan(statistic[1:])
        return not bool(rejection.rejects(int(extreme.sum())))

    return kept


def _unbounded_named(found: Limits) -> Limits:
    """Turn an interval without ends into an empty one with its reason; say of one end that it is open."""
    endless = np.isinf(found.low) & np.isinf(found.high)
    sides = zip(endless, np.isinf(found.low), np.isinf(found.high), found.reasons, strict=True)
    reasons = [
        _UNBOUNDED if both else _OPEN["below"] if low else _OPEN["above"] if high else own
        for both, low, high, own in sides
    ]
    return replace(
        found, low=np.where(endless, np.nan, found.low), high=np.where(endless, np.nan, found.high), reasons=reasons
    )
