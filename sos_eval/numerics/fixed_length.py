"""The shortest interval of fixed length where paths may bend (Rambachan and Roth 2023; equation numbers not verified).

An estimate ``l'b_after + v'b_before`` that a straight divergence does not move errs by at most M times a constant where
a change of step is at most M. With c_j the sum over k > j of (k - j) v_k, k periods before the base, that constant is
``sum_j |c_j|`` and what the periods after the base contribute: in the c_j the search for the best v is a lasso, whose
path is made of straight pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

__all__ = ["FixedLength", "fixed_length", "folded_quantile", "lasso_path"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FixedLength:
    """An affine estimator and the half length of its interval.

    Attributes
    ----------
    weights : (q + p,)
        Of the estimates before and after the base.
    half
        Half the interval's length.
    bias
        The largest bias.
    error
        The standard error.
    """

    weights: Array
    half: float
    bias: float
    error: float


def fixed_length(covariance: Array, after: Array, weights: Array, *, m: float, alpha: float) -> FixedLength:
    """Find the shortest interval of size alpha for weights' (effects) where no change of step exceeds m.

    Parameters
    ----------
    covariance : (q + p, q + p)
        Of estimates at q consecutive periods before the base, in order, and at those after it.
    after : (p,)
        Periods from the base to each of those after it; some may be missing.
    weights : (p,)
        Of the effects.
    m
        Largest change of step from period to period.
    alpha
        Size.
    """
    q = len(covariance) - len(weights)
    ahead = np.arange(after.max())
    fixed = float(np.abs(np.maximum(after - ahead[:, None], 0.0) @ weights).sum())
    bend = np.maximum(np.arange(q, 0, -1) - np.arange(q)[:, None], 0.0)  # c_j of v, earliest first
    back = np.linalg.inv(bend)
    start = np.concatenate([back[:, 0] * (after @ weights), weights])
    turn = np.vstack([back[:, 1:], np.zeros((len(weights), q - 1))])
    h, g = turn.T @ covariance @ turn, turn.T @ covariance @ start
    knots, path = lasso_path(h, g)

    def at(t: float) -> FixedLength:
        u = np.array([np.interp(t, knots, one) for one in path.T])
        own = start + turn @ u
        error, bias = float(np.sqrt(own @ covariance @ own)), m * (fixed + float(np.abs(u).sum()))
        return FixedLength(own, error * folded_quantile(bias / error, alpha), bias, error)

    return at(_best(at, float(knots[-1]), m, alpha))


def _best(at: Callable[[float], FixedLength], top: float, m: float, alpha: float) -> float:
    """Return the penalty at which the interval is shortest: t = m h f_b / f_h, f = h cv(b / h)."""
    from scipy.optimize import brentq

    def short(t: float) -> float:
        made = at(t)
        along, across = _slopes(made.bias / made.error, alpha)
        return float(t - m * made.error * along / across)

    if m == 0 or top == 0:
        return 0.0
    return top if short(top) <= 0 else float(brentq(short, 0.0, top, xtol=1e-14 * top, rtol=1e-14))


def folded_quantile(x: float, alpha: float) -> float:
    """Return c with P(|N(x, 1)| <= c) = 1 - alpha.

    Examples
    --------
    >>> round(folded_quantile(0.0, 0.05), 6), round(folded_quantile(10.0, 0.05) - 10, 6)
    (1.959964, 1.644854)
    """
    from scipy.optimize import brentq

    low, high = float(ndtri(1 - alpha)), float(ndtri(1 - alpha / 2))
    return x + float(brentq(lambda w: ndtr(w) - ndtr(-w - 2 * x) - (1 - alpha), low - 1e-9, high + 1e-9, xtol=1e-15))


def _slopes(x: float, alpha: float) -> tuple[float, float]:
    """Return the slopes of h cv(b / h) in b and in h at x = b / h."""
    c = folded_quantile(x, alpha)
    far = float(expit(-2 * c * x))  # share of the further end's density
    return 1 - 2 * far, c - x + 2 * x * far


def lasso_path(h: Array, g: Array) -> tuple[Array, Array]:
    """Return the minimisers of ``u'hu / 2 + g'u + t |u|_1`` for every t, by the knots of their straight pieces.

    Returns
    -------
    knots : (k,)
        Increasing from 0 to where all u are zero.
    path : (k, d)
        The minimiser at each.
    """
    t = float(np.abs(g).max()) if len(g) else 0.0
    knots, path, u = [t], [np.zeros(len(g))], np.zeros(len(g))
    active = np.abs(g) == t
    while t > 0:
        sign = np.where(active, -np.sign(g + h @ u), 0.0)
        inner = np.linalg.inv(h[np.ix_(active, active)])
        level, slope = np.zeros(len(g)), np.zeros(len(g))
        level[active], slope[active] = -inner @ g[active], inner @ sign[active]
        t, changed = _next_knot(g + h @ level, h @ slope, level, slope, active, t)
        u = level - t * slope
        if changed is not None:
            active = active ^ (np.arange(len(g)) == changed)
            u[~active] = 0.0
        knots.append(t)
        path.append(u)
    return np.array(knots[::-1]), np.array(path[::-1])


def _next_knot(
    pull: Array, turn: Array, level: Array, slope: Array, active: NDArray[np.bool_], t: float
) -> tuple[float, int | None]:
    """Return the next smaller t at which one of the u becomes zero or stops being so, and which one; 0 at the end.

    On a piece u = level - t slope and the gradient without penalty is pull - t turn; it reaches t where one enters.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        entering = np.where(active, np.nan, [pull / (turn + 1), pull / (turn - 1)])
        leaving = np.where(active, level / slope, np.nan)
    at = np.vstack([entering, leaving])
    at[~((at > 0) & (at < t * (1 - 1e-10)))] = 0.0
    largest = float(at.max())
    return (largest, int(at.max(0).argmax())) if largest > 0 else (0.0, None)
