"""Weights of cluster bootstraps, and the wild cluster bootstrap of a t statistic as matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.covariance import ClusterDesign

__all__ = ["BootstrapWeights", "WildTerms", "all_signs", "draw_weights", "wild_terms"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
BootstrapWeights = Literal["rademacher", "mammen", "webb"]

_GOLDEN = (1 + np.sqrt(5)) / 2


def draw_weights(kind: BootstrapWeights, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Draw weights of mean zero and variance one, (draws, clusters).

    ``rademacher``: ±1; ``mammen``: Mammen (1993), two points with third moment one; ``webb``: Webb (2023), six points
    ±sqrt(1/2), ±1, ±sqrt(3/2).
    """
    if kind == "rademacher":
        return (2 * rng.integers(0, 2, shape, dtype=np.int8) - 1).astype(np.float64)
    if kind == "mammen":
        low, high = 1 - _GOLDEN, _GOLDEN
        return np.asarray(np.where(rng.random(shape) < _GOLDEN / np.sqrt(5), low, high), dtype=np.float64)
    points = np.sqrt(np.array([0.5, 1.0, 1.5]))
    six: Array = np.concatenate([-points, points])
    return six[rng.integers(0, 6, shape, dtype=np.int8)]


def all_signs(clusters: int) -> Array:
    """List every vector of signs, (2**clusters, clusters)."""
    bits = np.arange(2**clusters)[:, None] >> np.arange(clusters) & 1
    return np.asarray(2.0 * bits - 1.0)


@dataclass(frozen=True, slots=True)
class WildTerms:
    """Score of one contrast in every cluster under a bootstrap draw: numerator ``v·(alpha + s beta)``.

    With residuals under the null (the contrast equals its estimate minus ``s`` times `width`) the numerator is
    ``v @ (alpha + s beta)`` and the scores are ``v @ (k0 + s k1)``, one per cluster; their sum of squares is the
    cluster-robust variance without factors. ``s = 0`` gives the unrestricted bootstrap. Weights ``v`` are of the d
    groups that are drawn: the G clusters, or finer ones.

    Attributes
    ----------
    alpha, beta : (d,)
    k0, k1 : (d, G)
    error
        Of the estimate, without factors.
    """

    alpha: Array
    beta: Array
    k0: Array
    k1: Array
    width: float
    error: float


def wild_terms(design: ClusterDesign, contrast: Array, drawn: Codes | None = None) -> WildTerms:
    """Reduce a regression to what the bootstrap of one contrast needs.

    Cameron, Gelbach and Miller (2008), computed on clusters as in MacKinnon, Nielsen and Webb (2023, section 4):
    the data are read once, draws cost a product of (draws, d) and (d, G).

    Parameters
    ----------
    contrast : (p,)
        Combination of the coefficients.
    drawn : (n,) or None
        Codes from zero of the groups whose weights are drawn, each inside one cluster (MacKinnon and Webb 2018); None
        for the clusters.
    """
    a = design.inverse @ contrast
    weighted = design.z * design.weights[:, None]
    along = design.z @ a
    scores = _sums(weighted * design.residuals[:, None], design, drawn)  # (d, p)
    moved = _sums(weighted * along[:, None], design, drawn)  # (d, p): Z_s' W Z_s a
    own = moved if drawn is None else _sums(weighted * along[:, None], design, None)  # (G, p)
    alpha, beta = scores @ a, moved @ a
    inside = np.eye(len(own)) if drawn is None else _inside(design, drawn)

    def response(raw: Array, per_group: Array) -> Array:
        # rows: the group whose weight moves; columns: the cluster whose score answers
        return inside * raw[:, None] - per_group @ design.inverse @ own.T

    error = float(np.sqrt(((alpha @ inside) ** 2).sum()))
    return WildTerms(alpha, beta, response(alpha, scores), response(beta, moved), float(contrast @ a), error)


def _sums(values: Array, design: ClusterDesign, drawn: Codes | None) -> Array:
    """Sum rows (n, p) by cluster, or by the groups that are drawn."""
    if drawn is None:
        return np.stack([values[rows].sum(0) for rows in design.rows])
    return np.column_stack([np.bincount(drawn, column) for column in values.T])


def _inside(design: ClusterDesign, drawn: Codes) -> Array:
    """Say which cluster each drawn group lies in, (d, G): zero or one."""
    inside = np.zeros((int(drawn.max()) + 1, len(design.rows)))
    for g, rows in enumerate(design.rows):
        inside[drawn[rows], g] = 1.0
    return inside
