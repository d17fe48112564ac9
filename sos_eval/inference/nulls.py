"""The interval of a randomization test: constant effects that it does not reject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.inference.confidence_curve import tried_effects
from sos_eval.inference.null_search import TOLERANCE, Limits, end_error, extreme_draws, searched
from sos_eval.inference.statistic import Statistic, compared
from sos_eval.numerics.inversion import Rejection, Terms, limits, search
from sos_eval.panel.panel import Array
from sos_eval.results.adoptions import Adoptions
from sos_eval.results.estimate import Batch
from sos_eval.results.fitted import Fitted
from sos_eval.results.without_effect import without_effect

__all__ = ["constant_effect_limits"]

#: Largest relative departure from a straight line (estimate) or parabola (variance) that still counts as rounding.
_LINEAR = 1e-7
_CHECKED = 25
_UNBOUNDED = "no constant effect, however large, is rejected: the interval is unbounded"
_OPEN = {
    side: f"no constant effect {side}, however large, is rejected: the interval is open on that side"
    for side in ("below", "above")
}
_BEFORE = "no interval: a constant effect since the start does not touch this row"
_SINGLE_CELL = "no interval by inversion for single cells"


def constant_effect_limits(
    adoptions: Adoptions, batch: Batch, *, complete: bool, statistic: Statistic, level: float, search_draws: int
) -> Limits:
    """Invert the randomization test of a constant effect, exactly where the estimator is linear in the outcome.

    Linearity is not taken on trust: the estimate under the null is computed at three values of theta on every
    draw, and has to lie on a straight line (its variance, checked at a fourth value, on a parabola).

    Parameters
    ----------
    adoptions, batch
        The observed assignment first, and the estimates without any effect taken out.
    complete
        Whether the others are all assignments there are.
    search_draws
        How many to use where they cost new fits one by one.
    """
    fitted = adoptions.fitted
    if fitted.rebuild is not None and not complete:  # every draw builds its comparison group again
        adoptions, batch = adoptions.first(1 + search_draws), _first(batch, 1 + search_draws)
    if not (fitted.estimate.cells["scale"] == "ratio").any():
        terms = _linear_terms(adoptions, batch, studentised=statistic != "coefficient")
        if terms is not None:
            return _unbounded_named(_exact(fitted, terms, statistic, level=level, complete=complete))
    return _unbounded_named(
        searched(adoptions, batch, complete=complete, statistic=statistic, level=level, draws=search_draws)
    )


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

    def centre(self, j: int) -> float:
        """Return the effect that a row's own estimate says."""
        return float(self.a[0, j] / self.b[0, j])

    def unit(self, j: int) -> float:
        """Return a step that is near a row's error."""
        return float(np.sqrt(self.v0[0, j])) if self.v0[0, j] != 1 else float(np.nanstd(self.a[:, j])) or 1.0

    def extreme(self, j: int, statistic: Statistic, *, complete: bool) -> Callable[[float], int | None]:
        """Return how many draws of a row are as extreme as the observed under a constant effect."""

        def under(theta: float) -> int | None:
            value = (self.a[:, j] - theta * self.b[:, j])[:, None]
            variance = self.v0[:, j] - 2 * theta * self.v1[:, j] + theta**2 * self.v2[:, j]
            batch = Batch(pd.DataFrame(index=[0]), value, np.sqrt(np.maximum(variance, 0.0))[:, None])
            return extreme_draws(compared(batch, statistic, complete=complete)[:, 0])

        return under

    def of_row(self, j: int, usable: NDArray[np.bool_]) -> Terms:
        a, b, v0, v1, v2 = (part[:, j] for part in (self.a, self.b, self.v0, self.v1, self.v2))
        own = (float(a[0]), float(b[0]), float(v0[0]), float(v1[0]), float(v2[0]))
        return Terms(a[1:][usable], b[1:][usable], v0[1:][usable], v1[1:][usable], v2[1:][usable], own)


def _linear_terms(adoptions: Adoptions, centre: Batch, *, studentised: bool) -> _LinearTerms | None:
    """Estimate at theta = 0, -c and c; None where the estimator is not linear in the outcome."""
    step = float(np.nanstd(adoptions.fitted.source.frame["outcome"].to_numpy(float)))
    if not step > 0:
        return None
    below, above = (_under(adoptions, theta) for theta in (-step, step))
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
    return terms if _is_parabola(adoptions.first(_CHECKED + 1), 2 * step, terms) else None


def _under(adoptions: Adoptions, theta: float) -> Batch:
    """Estimate under many assignments with an additive effect taken out."""
    return adoptions.estimated(without_effect(adoptions.fitted.source, theta, ratio=False))


def _is_parabola(adoptions: Adoptions, theta: float, terms: _LinearTerms) -> bool:
    """Check the variance at a fourth value on some draws."""
    std_error = _under(adoptions, theta).std_error
    if std_error is None:
        return False
    k = len(std_error)
    expected = terms.v0[:k] - 2 * theta * terms.v1[:k] + theta**2 * terms.v2[:k]
    off = np.abs(std_error**2 - expected)
    return bool(np.nanmax(off, initial=0.0) <= _LINEAR * np.nanmax(np.abs(expected), initial=0.0))


def _exact(fitted: Fitted, terms: _LinearTerms, statistic: Statistic, *, level: float, complete: bool) -> Limits:
    """Solve for the limits of every aggregated row that a constant effect moves one for one."""
    cells = fitted.estimate.cells
    solved = Limits.none(len(cells))
    moved = np.abs(terms.b[0] - 1) < 1e-6
    for j, aggregation in enumerate(cells["aggregation"]):
        if not np.isfinite(terms.a[0, j]) or not terms.v0[0, j] > 0:
            continue
        if aggregation == "group_time":
            solved.reasons[j] = _SINGLE_CELL
        elif not moved[j]:
            solved.reasons[j] = _BEFORE
        else:
            solved.low[j], solved.high[j] = _row_limits(terms, j, statistic, level=level, complete=complete)
    draws = len(terms.a) - 1
    how = f"exact: the statistic of each of {draws} draws solved in the effect"
    if statistic == "both":
        how = f"search on {draws} draws, ends to {TOLERANCE:g} of the draws' spread (outer end reported)"
    return _with_errors(replace(solved, draws=draws, how=how), fitted, terms, statistic, level=level, complete=complete)


def _with_errors(
    ends: Limits, fitted: Fitted, terms: _LinearTerms, statistic: Statistic, *, level: float, complete: bool
) -> Limits:
    """Add the overall effect's confidence curve, and the Monte Carlo errors of its ends."""
    overall = (fitted.estimate.cells["aggregation"] == "overall").to_numpy()
    j = int(np.argmax(overall))
    if not overall.any() or np.isnan(ends.low[j]):
        return ends
    extreme, unit = terms.extreme(j, statistic, complete=complete), terms.unit(j)
    ends = replace(ends, tried=tried_effects(extreme, terms.centre(j), unit, ends.draws))
    if complete:
        return ends
    errors = [end_error(extreme, float(end[j]), unit, level=level, draws=ends.draws) for end in (ends.low, ends.high)]
    return replace(ends, low_error=errors[0], high_error=errors[1])


def _row_limits(
    terms: _LinearTerms, j: int, statistic: Statistic, *, level: float, complete: bool
) -> tuple[float, float]:
    if statistic == "both":
        return _joint_limits(terms, j, level=level, complete=complete)
    usable = np.isfinite(terms.a[1:, j]) & np.isfinite(terms.v0[1:, j])
    rejection = Rejection.at(level, len(usable), complete=complete, always_extreme=int((~usable).sum()))
    return limits(terms.of_row(j, usable), rejection, centre=terms.centre(j), unit=terms.unit(j))


def _joint_limits(terms: _LinearTerms, j: int, *, level: float, complete: bool) -> tuple[float, float]:
    """Return the ends where two statistics are taken together: ranks are no polynomials, so they are searched."""
    draws = len(terms.a) - 1
    low, high = search(
        terms.extreme(j, "both", complete=complete), Rejection.at(level, draws, complete=complete), draws,
        centre=terms.centre(j), unit=terms.unit(j), tolerance=TOLERANCE,
    )  # fmt: skip
    return -np.inf if low is None else low, np.inf if high is None else high


def _unbounded_named(ends: Limits) -> Limits:
    """Turn an interval without ends into an empty one with its reason; say of one end that it is open, and why."""
    endless = np.isinf(ends.low) & np.isinf(ends.high)
    sides = zip(endless, np.isinf(ends.low), np.isinf(ends.high), ends.reasons, strict=True)
    reasons = [
        said or (_UNBOUNDED if both else _OPEN["below"] if low else _OPEN["above"] if high else "")
        for both, low, high, said in sides
    ]
    return replace(
        ends, low=np.where(endless, np.nan, ends.low), high=np.where(endless, np.nan, ends.high), reasons=reasons
    )
