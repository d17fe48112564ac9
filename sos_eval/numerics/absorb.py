"""Unit and time effects taken out of columns, exactly, weighted or not, balanced or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["TwoWayEffects"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class TwoWayEffects:
    """The projection on unit and time effects.

    Unit effects are concentrated out; what is left is a system in the few time effects, solved directly (no
    iteration): ``(diag(w_t) - W' diag(1 / w_i) W) b = sum_i w_it (y_it - ybar_i)`` with W the weights by unit and
    time. Greene (2018), section 11.4.4; where the panel falls apart into unconnected parts the minimum-norm solution
    is taken, which leaves residuals unique.

    Attributes
    ----------
    unit, time : (n,)
        Positions of each row's unit and time, counted from zero.
    weights : (n,) or None
        Row weights, positive; None for ones.
    """

    unit: Codes
    time: Codes
    weights: Array | None = None

    @cached_property
    def shape(self) -> tuple[int, int]:
        """How many units and times."""
        return int(self.unit.max()) + 1, int(self.time.max()) + 1

    @cached_property
    def is_grid(self) -> bool:
        """Whether rows are units by times in order, so that sums are sums over axes."""
        n, t = self.shape
        return len(self.unit) == n * t and bool(
            (self.unit == np.repeat(np.arange(n), t)).all() and (self.time == np.tile(np.arange(t), n)).all()
        )

    @cached_property
    def by_cell(self) -> Array:
        """Weights summed by unit and time, (units, times)."""
        n, t = self.shape
        return np.bincount(self.unit * t + self.time, self.weights, n * t).reshape(n, t).astype(float)

    @cached_property
    def solver(self) -> Array:
        """Pseudo-inverse of the system in the time effects, (times, times)."""
        cell = self.by_cell
        gram = np.diag(cell.sum(0)) - cell.T @ (cell / cell.sum(1, keepdims=True))
        return np.linalg.pinv(gram, rcond=1e-11, hermitian=True)

    def residual(self, columns: Array) -> Array:
        """Take both effects out of columns, (..., n) -> (..., n)."""
        if self.is_grid and self.weights is None:
            return self._grid_residual(columns)
        unit, time = self.effects(columns)
        return self._less(self._less(columns, unit, self.unit), time, self.time)

    def effects(self, columns: Array) -> tuple[Array, Array]:
        """Return the unit and time effects of columns, (..., n) -> (..., units) and (..., times)."""
        weights, unit_total = 1.0 if self.weights is None else self.weights, self.by_cell.sum(1)
        unit_mean = self._sum_units(columns * weights) / unit_total
        time = self._sum_times(self._less(columns, unit_mean, self.unit) * weights) @ self.solver
        return unit_mean - time @ (self.by_cell / unit_total[:, None]).T, time

    def _grid_residual(self, columns: Array) -> Array:
        grid = self._grid(columns)
        out = grid - grid.mean(-1, keepdims=True)
        out -= out.mean(-2, keepdims=True)
        return np.asarray(out.reshape(columns.shape))

    def _less(self, columns: Array, effects: Array, codes: Codes) -> Array:
        if not self.is_grid:
            return np.asarray(columns - effects[..., codes])
        wide = effects[..., None] if codes is self.unit else effects[..., None, :]
        return np.asarray((self._grid(columns) - wide).reshape(columns.shape))

    def _grid(self, columns: Array) -> Array:
        return columns.reshape(*columns.shape[:-1], *self.shape)

    def _sum_units(self, columns: Array) -> Array:
        return self._grid(columns).sum(-1) if self.is_grid else _sums(columns, self.unit, self.shape[0])

    def _sum_times(self, columns: Array) -> Array:
        return self._grid(columns).sum(-2) if self.is_grid else _sums(columns, self.time, self.shape[1])


def _sums(columns: Array, codes: Codes, size: int) -> Array:
    """Sum columns by code, (..., n) -> (..., size)."""
    if columns.ndim == 1:
        return np.bincount(codes, columns, size).astype(float)
    flat = columns.reshape(-1, columns.shape[-1])
    shifted = codes + size * np.arange(len(flat))[:, None]
    sums = np.bincount(shifted.ravel(), flat.ravel(), size * len(flat))
    return sums.reshape(*columns.shape[:-1], size).astype(float)
