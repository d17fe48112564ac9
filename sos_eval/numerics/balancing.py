"""Weights that give a group declared covariate means: exactly, by entropy; within a tolerance; as a propensity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import gram
from sos_eval.numerics.newton import Lanes, maximise
from sos_eval.numerics.tilting import OUT_OF_REACH, tilting

__all__ = ["balancing_propensity", "entropy_weights", "moments", "stable_weights", "tilted_odds"]

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Weighted totals this close to those aimed at, as a share of their size, are reached.
_REACHED = 1e-8
_NOT_FOUND = "no weights of the comparison units were found whose means are within the tolerance"
#: A remainder of the least-distance problem that says that no weights exist.
_INFEASIBLE = 1e-9
#: Weights smaller than this are zero to rounding.
_ZERO = 1e-9
#: Coefficients smaller than this are zero.
_ROUNDING = 1e-10
#: Rounds of taking covariates in and out where a tolerance is declared.
_ROUNDS = 200


def moments(x: Array, highest: int) -> Array:
    """Return powers of covariates up to the highest, centred and scaled before, (n, columns); two values: the first.

    The powers of a shifted covariate span what its own powers span, so that the same moments are balanced.
    """
    centred = x - x.mean(0)
    scale = np.abs(centred).max(0)
    scaled = centred / np.where(scale > 0, scale, 1.0)
    many = [len(np.unique(column)) > 2 for column in x.T]
    columns = [scaled] + [scaled[:, many] ** power for power in range(2, highest + 1)]
    return np.column_stack(columns)


def tilted_odds(aim: Array, weighed: Array, x: Array) -> tuple[Array, NDArray[np.object_]]:
    """Return odds exp(x b) under which the weighed units have the aimed units' totals, (r, n), and why not.

    The maximum of entropy (Hainmueller 2012) under exact balance, up to scale, and the covariate-balancing propensity
    of the treated (Imai and Ratkovic 2014, just identified) as it is.

    Parameters
    ----------
    aim, weighed : (r, n)
        Weights of the units whose totals are aimed at, and of those that are weighed; zero for the others.
    x : (n, k)
        Covariates, the constant first.
    """
    odds, failures = np.zeros(weighed.shape), np.full(len(weighed), "", object)
    full = np.linalg.matrix_rank(gram((weighed > 0).astype(float), x), hermitian=True) == x.shape[1]
    for lanes, columns in _by_rank(full, weighed, x):
        start = np.zeros((len(lanes), len(columns)))
        start[:, 0] = np.log(aim[lanes].sum(1) / weighed[lanes].sum(1))
        linear, reached = tilting(aim[lanes], weighed[lanes], x[:, columns], start)
        odds[lanes] = np.where(weighed[lanes] > 0, np.exp(np.where(weighed[lanes] > 0, linear, 0.0)), 0.0)
        gap = (weighed[lanes] * odds[lanes]) @ x - aim[lanes] @ x
        size = np.abs(aim[lanes]) @ np.abs(x) + (weighed[lanes] * odds[lanes]) @ np.abs(x)
        failures[lanes[~reached | (np.abs(gap) > _REACHED * np.maximum(size, 1e-300)).any(1)]] = OUT_OF_REACH
    odds[failures != ""] = 0.0
    return odds, failures


def _by_rank(full: Bools, weighed: Array, x: Array) -> list[tuple[Lanes, NDArray[np.intp]]]:
    """Return lanes with the columns to balance: all, or those that are independent among the units weighed."""
    from scipy.linalg import qr

    whole = np.flatnonzero(full)
    parts = [(whole, np.arange(x.shape[1]))] if len(whole) else []
    for lane in np.flatnonzero(~full):
        inside = x[weighed[lane] > 0]
        rank = int(np.linalg.matrix_rank(inside))
        # the constant stays in, and the others are chosen by what they add to it
        rest = inside[:, 1:] - inside[:, 1:].mean(0)
        pivots = np.asarray(qr(rest, mode="r", pivoting=True)[1], np.intp)[: max(rank - 1, 0)] + 1
        parts.append((np.array([lane]), np.concatenate([[0], np.sort(pivots)]).astype(np.intp)))
    return parts


def entropy_weights(aim: Array, weighed: Array, x: Array, tolerance: Array) -> tuple[Array, NDArray[np.object_]]:
    """Return the weights of least divergence whose means are within a tolerance of those aimed at, (r, n).

    With a tolerance the solution has each mean at the end of its tolerance or left alone: covariates are taken in and
    out until none is outside and none is held back from what it would do alone.

    Parameters
    ----------
    aim, weighed : (r, n)
        Base weights of the units whose means are aimed at, and of those that are weighed; zero for the others.
    x : (n, k)
        Covariates, without the constant.
    tolerance : (r, k)
        Largest distance of a mean from its target.

    Returns
    -------
    weights : (r, n)
        Beside the base weights; together they sum to the number of units weighed. Zero where `failures` say why.
    failures : (r,)
    """
    if not tolerance.any():
        weights, failures = tilted_odds(aim, weighed, np.column_stack([np.ones(len(x)), x]))
    else:
        weights, failures = np.zeros(weighed.shape), np.full(len(weighed), "", object)
        for lane in range(len(weighed)):
            target = aim[lane] @ x / aim[lane].sum()
            weights[lane], failures[lane] = _within(target, weighed[lane], x, tolerance[lane])
    total = (weighed * weights).sum(1, keepdims=True)
    count = (weighed > 0).sum(1, keepdims=True)
    return weights * (count / np.where(total > 0, total, 1.0)), failures


def _at(target: Array, weighed: Array, x: Array) -> tuple[Array, str]:
    """Return weights whose means are the targets, up to scale, (n,): the totals of a unit more that stands there."""
    centred = np.vstack([np.column_stack([np.ones(len(x)), x - target]), np.eye(1, x.shape[1] + 1)])
    aim = np.append(np.zeros(len(x)), weighed.sum())
    odds, failures = tilted_odds(aim[None], np.append(weighed, 0.0)[None], centred)
    return odds[0, :-1], str(failures[0])


def _within(target: Array, weighed: Array, x: Array, tolerance: Array) -> tuple[Array, str]:
    """Return weights within the tolerance, up to scale, (n,), and why not."""
    side = np.zeros(len(target))  # +1: held at the upper end of the tolerance, -1: at the lower one, 0: free
    for _ in range(_ROUNDS):
        held = side != 0
        shifted = (target + side * tolerance)[held]
        weights, why = _at(shifted, weighed, x[:, held])
        if why:
            break
        share = weighed * weights
        gap = share @ x / share.sum() - target
        pull = _pull(weights, weighed, x[:, held])
        against = np.zeros(len(target))
        against[held] = np.maximum(pull * side[held], 0.0)
        against[tolerance == 0] = 0.0  # an exact mean has no inside to leave to
        outside = ~held & (np.abs(gap) > tolerance * (1 + 1e-12))
        if (against > _ROUNDING).any():  # held at an end that it would leave inwards
            side[int(np.argmax(against))] = 0.0
        elif outside.any():
            worst = int(np.argmax(np.where(outside, np.abs(gap) / np.where(tolerance > 0, tolerance, 1.0), -1.0)))
            side[worst] = np.sign(gap[worst])
        else:
            return weights, ""
    return np.zeros(len(weighed)), _NOT_FOUND


def _pull(weights: Array, weighed: Array, x: Array) -> Array:
    """Return the coefficients of the log weights on the covariates that are held, (k,)."""
    used = weighed > 0
    design = np.column_stack([np.ones(int(used.sum())), x[used]])
    return np.asarray(np.linalg.lstsq(design, np.log(weights[used]))[0][1:], float)


def balancing_propensity(treated: Bools, x: Array, weights: Array) -> tuple[Array, NDArray[np.object_]]:
    """Return the logit under which both groups, weighed by the inverse chance, have the same totals, (r, n).

    Imai and Ratkovic (2014), just identified, for the average over all: the maximum of the concave ``sum w [s u -
    exp(-s u)]`` in u = x b, with s = 1 for treated and -1 for untreated units.
    """
    sign = np.where(treated, 1.0, -1.0)

    def pulled(coef: Array, lanes: Lanes) -> tuple[Array, Array]:
        signed = sign[lanes] * (coef @ x.T)
        with np.errstate(over="ignore"):
            return signed, np.exp(-signed)

    def value(coef: Array, lanes: Lanes) -> Array:
        signed, odds = pulled(coef, lanes)
        return np.asarray((weights[lanes] * (signed - odds)).sum(1))

    def slopes(coef: Array, lanes: Lanes) -> tuple[Array, Array]:
        odds = pulled(coef, lanes)[1]
        return (weights[lanes] * sign[lanes] * (1 + odds)) @ x, gram(weights[lanes] * odds, x)

    size = weights.sum(1)
    coef, converged = maximise(np.zeros((len(treated), x.shape[1])), value, slopes, size)
    gap = np.abs(slopes(coef, np.arange(len(coef)))[0]).max(1)
    failures = np.where(converged & (gap <= _REACHED * size), "", OUT_OF_REACH).astype(object)
    return coef @ x.T, failures


def stable_weights(target: Array, base: Array, x: Array, tolerance: Array) -> tuple[Array, str]:
    """Return the weights of least spread whose means are within a tolerance of the targets, (n,), and why not.

    Zubizarreta (2015): the smallest ``sum (w - 1)^2`` with ``sum w = n``, ``w >= 0`` and every mean within its
    tolerance; a least-distance problem, solved exactly by non-negative least squares (Lawson and Hanson 1974, ch. 23).

    Parameters
    ----------
    target, tolerance : (k,)
        Means to reach and how far they may miss.
    base : (n,)
        Weights that the units have already, positive; means and the sum are over the product.
    x : (n, k)
        Covariates.
    """
    from scipy.optimize import nnls

    n, centred, slack = len(x), base[:, None] * (x - target), tolerance * len(x)
    # G z >= h for z = w - 1: the sum from both sides, means within their tolerance, weights from zero on
    rows = np.vstack([base, -base, -centred.T, centred.T, np.eye(n)])
    gap, short = centred.sum(0), n - base.sum()
    least = np.concatenate([[short, -short], gap - slack, -gap - slack, -np.ones(n)])
    length = np.linalg.norm(rows, axis=1)
    length[length == 0] = 1.0
    system = np.vstack([(rows / length[:, None]).T, least / length])
    aim = np.append(np.zeros(n), 1.0)
    found, miss = nnls(system, aim, maxiter=100 * system.shape[1])
    if miss <= _INFEASIBLE:
        return np.zeros(n), OUT_OF_REACH
    rest = system @ found - aim
    weights = 1.0 - rest[:n] / rest[n]
    weights[weights < _ZERO] = 0.0
    return weights, ""
