"""Cluster-robust sandwiches with their small-sample adjustments: CR0, CR2, CR3, Satterthwaite, Hotelling.

Bell and McCaffrey (2002); Pustejovsky and Tipton (2018). The working model has independent errors of equal variance
(clubSandwich's default), weights are not taken for inverse variances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from sos_eval.numerics.regress import LinearFit

__all__ = ["ClusterDesign", "JointTest", "Sandwich", "cluster_design", "cr0", "cr2", "cr3", "hotelling_t"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Eigenvalues below this are directions that a cluster's own effects explain in full.
_NULL = 1e-10


@dataclass(frozen=True, slots=True)
class ClusterDesign:
    """A regression after its unit effects are absorbed; time effects stand among the regressors.

    Attributes
    ----------
    z : (n, p)
        The k regressors of interest, free of all effects, then time dummies free of unit effects.
    inverse : (p, p)
        ``(Z' W Z)^-1``.
    residuals, weights : (n,)
        Of the regression.
    rows
        Positions of each cluster's observations.
    unit : (n,) or None
        Codes of the absorbed unit effects; None where there are none.
    contrast : (m, p)
        Cells as combinations of the coefficients.
    """

    z: Array
    inverse: Array
    residuals: Array
    weights: Array
    rows: tuple[Codes, ...]
    unit: Codes | None
    contrast: Array

    def direction(self, contrast: Array) -> Array:
        """Weight of each observation's residual in a contrast, (n,): W Z (Z'WZ)^-1 c."""
        return np.asarray(self.weights * (self.z @ (self.inverse @ contrast)))

    def take(self, v: Array, rows: Codes) -> Array:
        """Return the n-vector (I - H)' restricted to a cluster's rows, times v (n_g,), H the full hat matrix."""
        full = -self.weights * (self.z @ (self.inverse @ (self.z[rows].T @ v)))
        full[rows] += v
        if self.unit is not None:
            w, codes = self.weights[rows], np.unique(self.unit[rows], return_inverse=True)[1]
            full[rows] -= w * (np.bincount(codes, v) / np.bincount(codes, w))[codes]
        return np.asarray(full)


@dataclass(frozen=True, slots=True)
class Sandwich:
    """Covariance of the contrasts and Satterthwaite degrees of freedom.

    Attributes
    ----------
    covariance : (m, m)
        NaN where a cluster alone identifies a coefficient (CR3).
    df : (m,)
        Satterthwaite's.
    """

    covariance: Array
    df: Array


@dataclass(frozen=True, slots=True)
class JointTest:
    """F statistic of a joint hypothesis with its degrees of freedom and p-value."""

    statistic: float
    df_num: int
    df_denom: float
    p_value: float


def cluster_design(fit: LinearFit, clusters: Codes) -> ClusterDesign:
    """Lay out a fitted regression by clusters.

    Parameters
    ----------
    clusters : (n,)
        Cluster code of each observation; unit effects are nested in them.
    """
    order = np.argsort(clusters, kind="stable")
    rows = tuple(np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1))
    z, unit = fit.x, None
    if fit.absorbed:
        unit = fit.absorbed[0]
        times = [_swept(codes, unit, fit.weights) for codes in fit.absorbed[1:]]
        z = np.column_stack([fit.x, *times])
    inverse = np.linalg.pinv(z.T @ (z * fit.weights[:, None]), rcond=1e-12, hermitian=True)
    contrast = np.column_stack([fit.contrast, np.zeros((len(fit.contrast), z.shape[1] - fit.x.shape[1]))])
    return ClusterDesign(z, np.asarray(inverse), fit.residuals, fit.weights, rows, unit, contrast)


def _swept(codes: Codes, unit: Codes, weights: Array) -> Array:
    """Dummies of an effect, its first level left out, free of weighted unit means, (n, levels - 1)."""
    dummies = (codes[:, None] == np.unique(codes)[1:]).astype(float)
    sums = np.zeros((int(unit.max()) + 1, dummies.shape[1]))
    np.add.at(sums, unit, dummies * weights[:, None])
    totals = np.bincount(unit, weights)[:, None]
    return np.asarray(dummies - (sums / np.where(totals > 0, totals, 1.0))[unit])


def cr0(design: ClusterDesign) -> Sandwich:
    """No adjustment of residuals."""
    return _sandwich(design, lambda rows: np.eye(len(rows)))


def cr2(design: ClusterDesign) -> Sandwich:
    """Bell and McCaffrey: residuals of a cluster times the symmetric root that makes the working variance unbiased."""
    return _sandwich(design, lambda rows: _bell_mccaffrey(design, rows))


def cr3(design: ClusterDesign) -> Sandwich:
    """Residuals of a cluster as if it had been left out: (I - H_gg)^-1, H after unit effects are absorbed."""
    return _sandwich(design, lambda rows: _left_out(design, rows))


def _sandwich(design: ClusterDesign, adjust: Callable[[Codes], Array]) -> Sandwich:
    """Assemble covariance and degrees of freedom from each cluster's adjustment."""
    taken = _adjusted_directions(design, adjust, design.contrast)
    scores = np.stack([q.T @ design.residuals for q in taken])
    return Sandwich(scores @ scores.T, np.array([_satterthwaite(q.T @ q) for q in taken]))


def _adjusted_directions(design: ClusterDesign, adjust: Callable[[Codes], Array], contrast: Array) -> list[Array]:
    """For each contrast the (n, G) weights of the errors in each cluster's adjusted score.

    Residuals are their own residuals, so the same weights give the scores of the residuals.
    """
    adjustments = [adjust(rows) for rows in design.rows]
    out = []
    for c in contrast:
        direction = design.direction(c)
        columns = [design.take(a.T @ direction[rows], rows) for a, rows in zip(adjustments, design.rows, strict=True)]
        out.append(np.column_stack(columns))
    return out


def _satterthwaite(gram: Array) -> float:
    """Degrees of freedom 2 E(V)² / Var(V) of V, the sum of squares of normals with covariance `gram`."""
    below = float((gram**2).sum())
    return float(np.trace(gram) ** 2 / below) if below > 0 else float("nan")


def _bell_mccaffrey(design: ClusterDesign, rows: Codes) -> Array:
    """Pseudo-inverse symmetric root of ((I - H)(I - H)')_gg."""
    z, w = design.z[rows], design.weights[rows]
    hat = z @ design.inverse @ (z * w[:, None]).T
    outer = z @ design.inverse @ (design.z.T @ (design.z * design.weights[:, None] ** 2)) @ design.inverse @ z.T
    if design.unit is not None:
        own = np.unique(design.unit[rows], return_inverse=True)[1]
        dummies = (own[:, None] == np.arange(own.max() + 1)).astype(float)
        totals = dummies.T @ w
        means = dummies / totals
        cross = z @ design.inverse @ (z * w[:, None] ** 2).T @ means @ dummies.T
        hat = hat + means @ (dummies * w[:, None]).T
        outer = outer + cross + cross.T + means @ np.diag(dummies.T @ w**2) @ means.T
    values, vectors = np.linalg.eigh(np.eye(len(rows)) - hat - hat.T + outer)
    root = np.where(values > _NULL, 1 / np.sqrt(np.maximum(values, _NULL)), 0.0)
    return np.asarray((vectors * root) @ vectors.T)


def _left_out(design: ClusterDesign, rows: Codes) -> Array:
    """(I - H_gg)^-1; NaN where the cluster alone identifies something."""
    z = design.z[rows]
    rest = np.eye(len(rows)) - z @ design.inverse @ (z * design.weights[rows][:, None]).T
    if np.linalg.svd(rest, compute_uv=False)[-1] < _NULL:
        return np.full_like(rest, np.nan)
    return np.asarray(np.linalg.inv(rest))


def hotelling_t(design: ClusterDesign, contrast: Array, value: Array) -> JointTest:
    """Approximate Hotelling T² test of a joint hypothesis on CR2 (HTZ; Pustejovsky and Tipton 2018, section 3).

    Parameters
    ----------
    contrast : (q, p)
        Rows of full rank.
    value : (q,)
        Estimate of the contrasts minus their hypothesised value.
    """

    def adjust(rows: Codes) -> Array:
        return _bell_mccaffrey(design, rows)

    q = len(contrast)
    taken = _adjusted_directions(design, adjust, contrast)
    scores = np.stack([one.T @ design.residuals for one in taken])
    expected = np.array([[(one * two).sum() for two in taken] for one in taken])
    values, vectors = np.linalg.eigh(expected)
    root = (vectors / np.sqrt(values)) @ vectors.T
    scaled = [sum(root[s, j] * taken[j] for j in range(q)) for s in range(q)]
    gram = [[np.asarray(one).T @ np.asarray(two) for two in scaled] for one in scaled]
    spread = sum(
        float((gram[s][s] * gram[t][t]).sum() + (gram[s][t] * gram[s][t].T).sum()) for s in range(q) for t in range(q)
    )
    eta = q * (q + 1) / spread
    statistic = float(value @ np.linalg.solve(scores @ scores.T, value)) / q * (eta - q + 1) / eta
    return JointTest(statistic, q, eta - q + 1, float(fdtrc(q, eta - q + 1, statistic)))
