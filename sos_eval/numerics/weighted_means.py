"""Signed sums of weighted means, and each observation's contribution to them through means, regressions and odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.logistic import gram
from sos_eval.numerics.nuisance import Odds, Regression, cross

__all__ = ["Comparisons", "Mean", "combined"]

Array = NDArray[np.float64]

_WEIGHTLESS = "the propensity limit leaves no comparison unit in one of the two periods"


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Many effects: `value` (b, m), `score` (b, n, m), `trimmed` (b, n).

    Where `failures` (b,) say why there is none the value is NaN and the score zero.
    """

    value: Array
    score: Array
    trimmed: NDArray[np.bool_]
    failures: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Mean:
    """Weighted means: ``sign * sum(weight * residual) / sum(weight)``, a lane each.

    The residual is `outcome` times the outcome plus, for each regression, `fitted` times its fitted value. `moves` says
    how often each regression's fitted value enters the derivative, where that differs; ``odds``: the weight (b, n)
    holds the odds of treatment.
    """

    sign: float
    weight: Array
    outcome: float = 1.0
    fitted: Mapping[str, float] = field(default_factory=dict)
    moves: Mapping[str, float] | None = None
    odds: bool = False


def combined(
    means: list[Mean], fits: Mapping[str, Regression], odds: Odds, x: Array, y: Array, *, tilted: Sequence[str] = ()
) -> Comparisons:
    """Add the means up, and each observation's contribution through means, regressions and odds.

    ``tilted`` names the regressions that are weighted by the odds, and so move with them.
    """
    total = _Sum(fits, x, y)
    failures = odds.failures.copy()
    for fit in fits.values():
        failures[failures == ""] = fit.failures[failures == ""]
    for mean in means:
        total.add(mean)
        failures[(mean.weight.sum(1) == 0) & (failures == "")] = _WEIGHTLESS
    for name in fits:
        total.through(name, tilted=name in tilted)
    return Comparisons(total.value, total.score(odds.leverage), odds.trimmed, failures)


class _Sum:
    """Adds up values and contributions of means.

    A contribution is ``u y + sum over regressions of v (x . coef) + sum over means of share . constant + leverage of
    the odds . by_odds``, with u (b, n) `slope`, v (b, n) `fitted`, and by_odds (b, k, m).
    """

    def __init__(self, fits: Mapping[str, Regression], x: Array, y: Array) -> None:
        self.fits, self.x, self.y = fits, x, y
        self.value: Array = np.zeros((0, y.shape[1]))
        self.slope: Array = np.zeros((0, len(x)))
        self.by_odds: Array = np.zeros((0, x.shape[1], y.shape[1]))
        self.fitted: dict[str, Array] = dict.fromkeys(fits, self.slope)
        self.by_fit: dict[str, Array] = {}
        self.shares: list[Array] = []
        self.constants: list[Array] = []

    def add(self, mean: Mean) -> None:
        """Add one weighted mean."""
        size = mean.weight.sum(1, keepdims=True)
        share = mean.sign * mean.weight / np.where(size > 0, size, 1.0)
        at = share @ self.x
        level = mean.outcome * (share @ self.y)
        for name, times in mean.fitted.items():
            level = level + times * (at[:, None] @ self.fits[name].coef)[:, 0]
            self.fitted[name] = _plus(self.fitted[name], times * share)
        for name, times in (mean.fitted if mean.moves is None else mean.moves).items():
            self.by_fit[name] = self.by_fit.get(name, 0.0) + times * at
        self.value, self.slope = _plus(self.value, level), _plus(self.slope, mean.outcome * share)
        self.shares.append(share)
        self.constants.append(-mean.sign * level)
        if mean.odds:
            self._moves_with_odds(share, mean, at[:, :, None] * (mean.sign * level)[:, None])

    def _moves_with_odds(self, share: Array, mean: Mean, centre: Array) -> None:
        """Add what a mean's weights gain where the odds move."""
        moved = mean.outcome * cross(share, self.x, self.y) - centre
        for name, times in mean.fitted.items():
            moved += times * gram(share, self.x) @ self.fits[name].coef
        self.by_odds = _plus(self.by_odds, moved)

    def through(self, name: str, *, tilted: bool) -> None:
        """Add what each observation contributes through a regression's coefficients."""
        fit = self.fits[name]
        if name in self.by_fit:
            leverage = fit.weights * ((fit.bread @ self.by_fit[name][:, :, None])[:, :, 0] @ self.x.T)
            self.slope = self.slope + leverage
            self.fitted[name] = _plus(self.fitted[name], -leverage)
            if tilted:
                moved = cross(leverage, self.x, self.y) - gram(leverage, self.x) @ fit.coef
                self.by_odds = _plus(self.by_odds, moved)

    def score(self, leverage: Array) -> Array:
        """Return every observation's contribution, (b, n, m), given its leverage on the odds (b, n, k or 0)."""
        left, right = [np.stack(self.shares, 2)], [np.stack(self.constants, 1)]
        if leverage.shape[2] and len(self.by_odds):
            left, right = [*left, leverage], [*right, self.by_odds]
        for name, fit in self.fits.items():
            left, right = [*left, self.fitted[name][:, :, None] * self.x], [*right, fit.coef]
        made = np.concatenate(left, 2) @ np.concatenate(right, 1)
        made += self.slope[:, :, None] * self.y
        return np.asarray(made)


def _plus(before: Array, more: Array) -> Array:
    """Add to what was added so far; nothing yet is an array of no lanes."""
    return more if not len(before) else before + more
