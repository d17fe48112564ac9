"""Studies that share authorities: errors by cluster of studies (Hedges, Tipton and Johnson 2010; Tipton 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.synthesis.random_effects import Heterogeneity, between_variance

__all__ = ["Robust", "robust"]

Array = NDArray[np.float64]

#: Directions in which a cluster's residuals do not vary, over the one in which they vary most.
_NULL = 1e-10


@dataclass(frozen=True, slots=True)
class Robust:
    """Coefficients (p,) of a random-effects model with CR2 errors and Satterthwaite's degrees of freedom."""

    coef: Array
    std_error: Array
    df: Array
    p_value: Array
    low: Array
    high: Array
    tau2: float


def robust(
    effects: Array,
    variances: Array,
    cluster: NDArray[np.generic],
    design: Array | None = None,
    *,
    heterogeneity: Heterogeneity = "reml",
    level: float = 0.95,
) -> Robust:
    """Fit the random-effects model, with errors that hold however studies of a cluster go together.

    The working model is that of independent studies, variance ``variance + tau2``, and the target of CR2
    (Pustejovsky and Tipton 2018, equations 8 and 9, 11 for the degrees of freedom).

    Parameters
    ----------
    effects, variances, cluster : (k,)
        Of the studies.
    design : (k, p) or None
        Moderators with a constant; None: the constant alone.
    """
    from scipy.stats import t

    x = np.ones((len(effects), 1)) if design is None else design
    tau2 = between_variance(effects, variances, x, heterogeneity)
    phi = variances + tau2
    bread = np.linalg.inv(x.T @ (x / phi[:, None]))
    hat = x @ bread @ (x / phi[:, None]).T
    coef = bread @ (x / phi[:, None]).T @ effects
    maker, directions = np.eye(len(x)) - hat, []
    codes = np.unique(cluster, return_inverse=True)[1]
    for one in range(int(codes.max()) + 1):
        rows = np.flatnonzero(codes == one)
        adjusted = _adjustment(maker[rows], phi, phi[rows]).T @ (x[rows] / phi[rows, None]) @ bread
        directions.append(maker[rows].T @ adjusted)
    parts = np.array(directions)  # (clusters, k, p): what each cluster adds to a coefficient, of all outcomes
    error = np.sqrt((np.einsum("gkp,k->gp", parts, effects) ** 2).sum(0))
    df = np.array([_satterthwaite(parts[:, :, j], phi) for j in range(x.shape[1])])
    at = t.ppf((1 + level) / 2, df)
    p_value = 2 * t.sf(np.abs(coef / error), df)
    return Robust(coef, error, df, np.asarray(p_value), coef - at * error, coef + at * error, tau2)


def _adjustment(maker: Array, phi: Array, own: Array) -> Array:
    """Return A with ``A Var(e) A' = diag(own)``, by the symmetric root (n, n) that clubSandwich takes."""
    root = np.sqrt(own)
    variance = root[:, None] * (maker * phi) @ maker.T * root
    values, vectors = np.linalg.eigh(variance)
    usable = values > _NULL * values.max()
    inverse = (vectors[:, usable] / np.sqrt(values[usable])) @ vectors[:, usable].T
    return np.asarray(root[:, None] * inverse * root)


def _satterthwaite(parts: Array, phi: Array) -> float:
    """Return degrees of freedom of a sum of squares of ``parts @ y``, (clusters, k)."""
    gram = (parts * phi) @ parts.T
    return float(np.trace(gram) ** 2 / (gram**2).sum())
