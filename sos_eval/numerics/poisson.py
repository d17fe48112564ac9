"""Poisson pseudo-likelihood with unit and time effects taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.absorb import TwoWayEffects
from sos_eval.numerics.regress import scaled_inverse

__all__ = ["PoissonFit", "fit_poisson"]

Array = NDArray[np.float64]

#: Newton steps are quadratic near the maximum: the step after one below this leaves an error below rounding.
CONVERGED = 1e-7
MAX_STEPS = 60
#: Linear predictors beyond this have no finite, positive mean: there is no maximum that numbers can hold.
FARTHEST = 700.0
#: Linear predictors of separated rows fall by about one a step for ever; others have long settled by then.
FALLING = -0.5


@dataclass(frozen=True, slots=True)
class PoissonFit:
    """A Poisson regression.

    Attributes
    ----------
    coef : (k,)
        Coefficients of the regressors.
    mean : (n,)
        Fitted means.
    x : (n, k)
        Regressors with the effects taken out under the working weights ``weights * mean``.
    bread : (k, k)
        ``(x' diag(weights * mean) x)^-1``; NaN where the steps did not converge.
    converged
        Whether the last step was smaller than `CONVERGED` everywhere.
    separated : (n,)
        Rows without events whose fitted mean runs to zero: the maximum lies at infinity along a direction that only
        they see (Correia, Guimaraes and Zylkin 2019). Empty of True where converged.
    """

    coef: Array
    mean: Array
    x: Array
    bread: Array
    converged: bool
    separated: NDArray[np.bool_]


def fit_poisson(y: Array, x: Array, offset: Array, effects: TwoWayEffects) -> PoissonFit:
    """Maximise the Poisson pseudo-likelihood with mean ``exp(offset + x b + unit effect + time effect)``.

    Iteratively reweighted least squares, the effects absorbed exactly in every step (Correia, Guimaraes and Zylkin
    2020, section 3), with the step halved where the deviance rises.

    Parameters
    ----------
    y : (n,)
        Counts, not negative; every unit and time has an event somewhere.
    x : (n, k)
        Regressors that unit and time effects do not explain.
    offset : (n,)
        Log exposure.
    effects
        Unit and time effects with the row weights.
    """
    weights = np.ones(len(y)) if effects.weights is None else effects.weights
    eta = np.log((y + y.mean()) / 2)
    deviance, converged = np.inf, False
    for _ in range(MAX_STEPS):
        proposed, coef, absorbed, gram = _step(y, x, offset, effects, weights, eta)
        proposed, new = _no_worse(y, weights, eta, proposed, deviance)
        moved = proposed - eta
        if not (np.isfinite(new) and np.abs(proposed).max() < FARTHEST):
            converged = False
            break
        eta, deviance = proposed, new
        if converged:
            break
        converged = bool(np.abs(moved).max() < CONVERGED)
    separated = (y == 0) & (moved < FALLING) & (not converged)
    bread = scaled_inverse(gram) if converged else np.full_like(gram, np.nan)
    return PoissonFit(coef, np.exp(eta), absorbed, bread, converged, separated)


def _step(
    y: Array, x: Array, offset: Array, effects: TwoWayEffects, weights: Array, eta: Array
) -> tuple[Array, Array, Array, Array]:
    """Take one weighted least-squares step: next linear predictor, coefficients, absorbed regressors, their gram."""
    mean = np.exp(eta)
    working = TwoWayEffects(effects.unit, effects.time, weights * mean)
    z = eta - offset + (y - mean) / mean
    absorbed = working.residual(np.vstack([z, x.T]))
    z_left, x_left = absorbed[0], absorbed[1:].T
    weighted = x_left * (weights * mean)[:, None]
    gram = weighted.T @ x_left
    length = np.sqrt(np.diagonal(gram))
    length = np.where(length > 0, length, 1.0)  # a regressor's unit of measure decides nothing
    coef = np.linalg.lstsq(gram / length[:, None] / length, weighted.T @ z_left / length, rcond=None)[0] / length
    return offset + z - (z_left - x_left @ coef), coef, x_left, gram


def _no_worse(y: Array, weights: Array, eta: Array, proposed: Array, deviance: float) -> tuple[Array, float]:
    """Halve the step until the deviance does not rise by more than rounding."""
    for _ in range(30):
        new = _deviance(y, weights, proposed)
        if new <= deviance + 1e-9 * (1 + abs(deviance)):
            return proposed, new
        proposed = (eta + proposed) / 2
    return proposed, new


def _deviance(y: Array, weights: Array, eta: Array) -> float:
    """Return minus twice the log-likelihood, up to a constant."""
    with np.errstate(over="ignore"):
        value = float(2 * (weights * (np.exp(eta) - y * eta)).sum())
    return value if np.isfinite(value) else np.inf
