"""A linear model with random intercepts of units and of units by period, by restricted likelihood.

Laird and Ware (1982); Bates et al. (2015), section 3.4, for the profiled restricted likelihood. Sums over the rows of a
unit in a period are all that it reads of rows, so that its cost is that of units by periods.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.regress import least_squares

__all__ = ["LevelRows", "LevelsFit"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Where the search for the standard deviations of levels, relative to that of rows, begins.
_STARTS = (0.05, 0.3, 1.0)
#: A standard deviation below this share of a row's is none.
_NOTHING = 1e-6


@dataclass(frozen=True, slots=True)
class LevelsFit:
    """A fitted model.

    Attributes
    ----------
    coef : (k,)
    unexplained
        Variance of a row of weight one.
    of_unit, of_period
        Variance of the intercepts of units, and of units by period.
    x : (n, k)
        Regressors made independent: least squares on them is the generalised one.
    residuals : (n,)
        Of those.
    bread : (k, k)
        ``(X' V^-1 X)^-1`` where V is the variance over `unexplained`.
    """

    coef: Array
    unexplained: float
    of_unit: float
    of_period: float
    x: Array
    residuals: Array
    bread: Array

    @property
    def own_error(self) -> Array:
        """Errors that the model gives its coefficients by itself, variances taken as known, (k,)."""
        return np.asarray(np.sqrt(self.unexplained * np.diag(self.bread)))


@dataclass(frozen=True)
class LevelRows:
    """Rows of people in units and periods.

    Attributes
    ----------
    y : (n,)
    x : (n, k)
        Of full rank.
    weights : (n,)
        A row's variance is that of weight one over its weight (lme4's ``weights``).
    unit, period : (n,)
        Codes.
    by_period
        Whether units have intercepts by period beside their own.
    """

    y: Array
    x: Array
    weights: Array
    unit: Codes
    period: Codes
    by_period: bool

    @cached_property
    def cell(self) -> Codes:
        """Unit and period of each row, codes from zero, (n,)."""
        pairs = self.unit * (int(self.period.max()) + 1) + self.period
        return np.asarray(np.unique(pairs, return_inverse=True)[1], np.intp)

    @cached_property
    def cell_unit(self) -> Codes:
        """Unit of each cell, codes from zero, (cells,)."""
        of = np.empty(int(self.cell.max()) + 1, np.intp)
        of[self.cell] = np.unique(self.unit, return_inverse=True)[1]
        return of

    @cached_property
    def cell_weight(self) -> Array:
        """Sum of weights, (cells,)."""
        return np.bincount(self.cell, self.weights).astype(float)

    @cached_property
    def plain(self) -> Array:
        """Least squares without levels, (k,): what is left of it is sought in, so that few digits are lost."""
        return least_squares(self.y, self.x, self.weights)[0]

    @cached_property
    def both(self) -> Array:
        """Regressors, then what plain least squares leave of the outcome, (n, k + 1)."""
        return np.column_stack([self.x, self.y - self.x @ self.plain])

    @cached_property
    def scale(self) -> float:
        """Weighted squares of what plain least squares leave."""
        return float(self.weights @ self.both[:, -1] ** 2)

    @cached_property
    def means(self) -> Array:
        """Weighted means by cell, (cells, k + 1)."""
        sums = np.column_stack([np.bincount(self.cell, self.weights * one) for one in self.both.T])
        return np.asarray(sums / self.cell_weight[:, None])

    @cached_property
    def inside(self) -> Array:
        """Products of what is left of cell means, (k + 1, k + 1)."""
        left = self.both - self.means[self.cell]
        return np.asarray((left * self.weights[:, None]).T @ left)

    def fit(self) -> LevelsFit:
        """Maximise the restricted likelihood over the levels' standard deviations, in units of a row's."""
        from scipy.optimize import minimize

        size = 2 if self.by_period else 1
        found = [
            minimize(
                self._deviance, np.full(size, start), method="L-BFGS-B", bounds=[(0, None)] * size,
                options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500},
            )
            for start in _STARTS
        ]  # fmt: skip
        best = min(found, key=lambda one: float(one.fun))
        polished = minimize(
            self._deviance, best.x, method="Nelder-Mead", bounds=[(0, None)] * size,
            options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 2000},
        )  # fmt: skip
        found_at = polished.x if polished.fun <= best.fun else best.x
        return self._at(np.where(found_at > _NOTHING, found_at, 0.0))

    def _between(self, deviations: Array) -> tuple[Array, Array, Array]:
        """Return each cell's factor, (cells,), each unit's share of its mean that is taken out, and its precision."""
        apart = 1 / self.cell_weight + (deviations[1] ** 2 if self.by_period else 0.0)
        precision = np.bincount(self.cell_unit, 1 / apart).astype(float)
        theta = 1 - 1 / np.sqrt(1 + float(deviations[0]) ** 2 * precision)
        return np.asarray(1 / np.sqrt(apart)), np.asarray(theta), precision

    def _turned(self, deviations: Array) -> Array:
        """Return cell means made independent of one another with variance one, (cells, k + 1)."""
        root, theta, precision = self._between(deviations)
        sums = np.column_stack([np.bincount(self.cell_unit, root**2 * one) for one in self.means.T])
        centre = theta[:, None] * sums / precision[:, None]
        return np.asarray(root[:, None] * (self.means - centre[self.cell_unit]))

    def _deviance(self, deviations: Array) -> float:
        """Return minus twice the profiled restricted log likelihood, but for constants."""
        k = self.x.shape[1]
        turned = self._turned(deviations)
        whole = self.inside + turned.T @ turned
        coef = np.linalg.solve(whole[:k, :k], whole[:k, k])
        left = float(whole[k, k] - coef @ whole[:k, k])
        root, theta, _ = self._between(deviations)
        spread = float(np.log(self.cell_weight).sum() - 2 * np.log(root).sum() - 2 * np.log1p(-theta).sum())
        of_fixed = float(np.linalg.slogdet(whole[:k, :k])[1])
        return float((len(self.y) - k) * np.log(left / self.scale)) + spread + of_fixed

    def _at(self, deviations: Array) -> LevelsFit:
        """Return the generalised least squares at some standard deviations."""
        k, turned = self.x.shape[1], self._turned(deviations)
        shared = turned / np.sqrt(self.cell_weight)[:, None]
        rows = np.sqrt(self.weights)[:, None] * (self.both - self.means[self.cell] + shared[self.cell])
        x, y = rows[:, :k], rows[:, k]
        moved, bread = least_squares(y, x)
        residuals = y - x @ moved
        unexplained = float(residuals @ residuals) / (len(y) - k)
        levels = unexplained * deviations**2
        return LevelsFit(
            self.plain + moved,
            unexplained,
            float(levels[0]),
            float(levels[1]) if self.by_period else 0.0,
            x,
            residuals,
            bread,
        )
