"""Nested regression bases: natural cubic splines for each parameter, products for their interactions.

The basis of a group of parameters contains the basis of every part of the group, so that knowing more can be compared
with knowing less. Columns stand in blocks that are smoothed apart: a linear block that is not penalised, the splines'
curvature, and the interactions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Basis", "Spline", "plan"]

Array = NDArray[np.float64]
_KNOTS = 20
#: Parameters in the group, at most -> functions of a parameter that enter its products (the linear one first).
_MARGINS = ((6, 4), (14, 2), (30, 1))
_TRIPLES = 6  # groups up to this size have linear three-way products


@dataclass(frozen=True, slots=True)
class Spline:
    """A natural cubic spline of one parameter (Hastie, Tibshirani and Friedman 2009, eq. 5.4 and 5.5).

    Attributes
    ----------
    centre, scale
        The parameter is standardised first.
    knots : (q,)
        At quantiles, in standardised units; fewer than three where the parameter takes few values.
    rotation : (q - 2, q - 2)
        Turns the curved functions into ones whose curvature is orthogonal and of unit size, smoothest first.
    """

    centre: float
    scale: float
    knots: Array
    rotation: Array

    @property
    def curved(self) -> int:
        """Number of curved functions."""
        return max(len(self.knots) - 2, 0)

    def linear(self, x: Array) -> Array:
        """Return the standardised parameter, (n,)."""
        return np.asarray((x - self.centre) / self.scale)

    def curves(self, x: Array) -> Array:
        """Return the curved functions, (n, q - 2)."""
        return np.asarray(_natural(self.linear(x), self.knots) @ self.rotation)


@dataclass(frozen=True, slots=True)
class Basis:
    """The basis of a group of parameters.

    Attributes
    ----------
    splines
        One for each parameter.
    pairs, triples
        Which parameters multiply: pairs by `margin` functions each, triples linearly.
    margin
        Functions of a parameter that enter a pair's products.
    """

    splines: tuple[Spline, ...]
    pairs: tuple[tuple[int, int], ...]
    triples: tuple[tuple[int, int, int], ...]
    margin: int

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Sizes of the blocks: constant and linear; curvature; interactions."""
        widths = [min(self.margin, 1 + spline.curved) for spline in self.splines]
        products = sum(widths[i] * widths[j] for i, j in self.pairs) + len(self.triples)
        return 1 + len(self.splines), sum(spline.curved for spline in self.splines), products

    def columns(self, x: Array) -> Array:
        """Evaluate the basis, (n, q), blocks one after another.

        Parameters
        ----------
        x : (n, p)
            Parameters of the group.
        """
        out = np.empty((len(x), sum(self.blocks)))
        linear = [spline.linear(x[:, i]) for i, spline in enumerate(self.splines)]
        curves = [spline.curves(x[:, i]) for i, spline in enumerate(self.splines)]
        out[:, 0] = 1.0
        at = 1
        for column in linear:
            out[:, at], at = column, at + 1
        for block in curves:
            out[:, at : at + block.shape[1]], at = block, at + block.shape[1]
        margins = [np.column_stack([a, b[:, : max(self.margin - 1, 0)]]) for a, b in zip(linear, curves, strict=True)]
        for i, j in self.pairs:
            product = (margins[i][:, :, None] * margins[j][:, None, :]).reshape(len(x), -1)
            out[:, at : at + product.shape[1]], at = product, at + product.shape[1]
        for i, j, k in self.triples:
            out[:, at], at = linear[i] * linear[j] * linear[k], at + 1
        return out


def plan(x: Array) -> Basis:
    """Choose the basis of a group of parameters from their draws, (n, p).

    Pairs interact through four functions of each parameter in groups of up to six, two in groups of up to fourteen,
    one (linear) in groups of up to thirty, and not at all beyond; triples interact linearly in groups of up to six.
    """
    p = x.shape[1]
    margin = next((functions for most, functions in _MARGINS if p <= most), 0)
    return Basis(
        splines=tuple(_spline(x[:, i]) for i in range(p)),
        pairs=tuple(combinations(range(p), 2)) if margin else (),
        triples=tuple(combinations(range(p), 3)) if p <= _TRIPLES else (),
        margin=margin,
    )


def _spline(x: Array) -> Spline:
    """Place the knots of one parameter at quantiles and orthogonalise its curvature."""
    centre, scale = float(x.mean()), float(x.std()) or 1.0
    z = (x - centre) / scale
    knots = np.unique(np.quantile(z, np.linspace(0, 1, _KNOTS)))
    knots = knots[np.concatenate([[True], np.diff(knots) > 1e-8])]
    if len(knots) < 3:
        return Spline(centre, scale, knots, np.empty((0, 0)))
    curvature = _curvature(knots)
    size, axes = np.linalg.eigh(curvature)
    axes = axes / np.sqrt(size)
    # among functions of unit curvature the smooth ones are the large ones: order by their spread over the knots
    spread = _natural(knots, knots) @ axes
    spread = spread - _line(knots, spread)
    _, _, turn = np.linalg.svd(spread, full_matrices=False)
    return Spline(centre, scale, knots, axes @ turn.T)


def _natural(z: Array, knots: Array) -> Array:
    """Evaluate the curved natural-spline functions N_k(z) = d_k(z) - d_{q-1}(z), (n, q - 2)."""
    if len(knots) < 3:
        return np.empty((len(z), 0))
    cubes = np.maximum(z[:, None] - knots[:-1], 0.0)
    cubes = cubes * cubes * cubes
    last = np.maximum(z - knots[-1], 0.0)
    d = (cubes - (last * last * last)[:, None]) / (knots[-1] - knots[:-1])
    return np.asarray(d[:, :-1] - d[:, [-1]])


def _curvature(knots: Array) -> Array:
    """Integrate products of the functions' second derivatives, exactly: these are linear between knots."""
    bend = 6 * np.maximum(knots[:, None] - knots[:-1], 0.0) / (knots[-1] - knots[:-1])
    bend = bend[:, :-1] - bend[:, [-1]]
    h = np.diff(knots)
    mass = np.zeros((len(knots), len(knots)))
    i = np.arange(len(h))
    mass[i, i] += h / 3
    mass[i + 1, i + 1] += h / 3
    mass[i, i + 1] += h / 6
    mass[i + 1, i] += h / 6
    return np.asarray(bend.T @ mass @ bend)


def _line(z: Array, y: Array) -> Array:
    """Return the straight line through each column of y."""
    x = np.column_stack([np.ones_like(z), z])
    return np.asarray(x @ np.linalg.lstsq(x, y, rcond=None)[0])
