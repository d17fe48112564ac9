"""How strong an unmeasured cause would have to be: robustness values, bounds, E-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AdjustedEffect", "Coefficient", "adjusted_effect", "benchmark_strength", "coefficient", "e_value",
    "extreme_robustness_value", "partial_r2", "robustness_value",
]  # fmt: skip

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient of least squares, its classical error, and the residual degrees of freedom."""

    estimate: float
    std_error: float
    df: int

    @property
    def t(self) -> float:
        """The estimate over its error."""
        return self.estimate / self.std_error

    @property
    def partial_r2(self) -> float:
        """Share of what is left of the outcome that the regressor explains: ``t^2 / (t^2 + df)``."""
        return self.t**2 / (self.t**2 + self.df)


@dataclass(frozen=True, slots=True)
class AdjustedEffect:
    """The coefficient as it would be with an unmeasured cause of given strength; NaN where none can be so strong."""

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float


def coefficient(y: Array, x: Array, weights: Array, column: int = 0) -> Coefficient:
    """Return one coefficient of a weighted regression of `y`, (n,), on `x`, (n, k), a constant among its columns.

    Columns without anything of their own are left aside and count as none.
    """
    root = np.sqrt(weights)
    others = np.delete(x, column, axis=1) * root[:, None]
    own, outcome = x[:, column] * root, y * root
    basis = _basis(others)
    own, outcome = own - basis @ (basis.T @ own), outcome - basis @ (basis.T @ outcome)
    df = len(y) - basis.shape[1] - 1
    estimate = float(own @ outcome / (own @ own))
    rest = outcome - estimate * own
    return Coefficient(estimate, float(np.sqrt(rest @ rest / df / (own @ own))), df)


def _basis(x: Array) -> Array:
    """Return an orthonormal basis of columns."""
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    return left[:, values > 1e-10 * values.max()] if len(values) else left


def partial_r2(y: Array, x: Array, weights: Array, group: list[int]) -> float:
    """Return the share of what the other columns leave of `y` that a group of columns of `x` explains."""
    root = np.sqrt(weights)
    y, x = y * root, x * root[:, None]
    rests = []
    for columns in (np.delete(x, group, axis=1), x):
        basis = _basis(columns)
        rest = y - basis @ (basis.T @ y)
        rests.append(float(rest @ rest))
    return 1 - rests[1] / rests[0]


def robustness_value(t: float, df: int, q: float = 1.0, alpha: float | None = None) -> float:
    """Return the strength, with treatment and outcome alike, that would take the estimate down by a share `q`.

    ``RV = (sqrt(f^4 + 4 f^2) - f^2) / 2`` with ``f = q |t| / sqrt(df)`` (their equation 19); with `alpha`, the strength
    that would leave the rest not significant at that level, f less its critical value with one degree fewer.

    Examples
    --------
    >>> round(robustness_value(4.18445, 783), 3)
    0.139
    """
    f = q * abs(t) / np.sqrt(df)
    critical = 0.0 if alpha is None else _critical(df, alpha)
    left = f - critical
    if left <= 0:
        return 0.0
    if critical > 0 and f > 1 / critical:
        return float((f**2 - critical**2) / (1 + f**2))
    return float((np.sqrt(left**4 + 4 * left**2) - left**2) / 2)


def extreme_robustness_value(t: float, df: int, q: float = 1.0, alpha: float | None = None) -> float:
    """Return the strength with the treatment that would do so, were all that is left of the outcome explained."""
    f, critical = q * abs(t) / np.sqrt(df), 0.0 if alpha is None else _critical(df, alpha)
    return float((f**2 - critical**2) / (1 + f**2)) if f > critical else 0.0


def _critical(df: int, alpha: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df - 1, 1 - alpha / 2) / np.sqrt(df - 1))


def benchmark_strength(with_treatment: float, with_outcome: float, times: float) -> tuple[float, float]:
    """Return the partial R2, with treatment and outcome, of a cause so many times as strong as a covariate.

    Theorem 4 of Cinelli and Hazlett; NaN where no cause can be so strong.

    Parameters
    ----------
    with_treatment, with_outcome
        Partial R2 of the covariate with the treatment, and with the outcome given the treatment.
    """
    if times * with_treatment >= 1 - with_treatment:
        return np.nan, np.nan
    treated = times * with_treatment / (1 - with_treatment)
    mixed = times * with_treatment**2 / ((1 - times * with_treatment) * (1 - with_treatment))
    if mixed >= 1:
        return treated, np.nan
    bound = ((np.sqrt(times) + np.sqrt(mixed)) / np.sqrt(1 - mixed)) ** 2 * with_outcome / (1 - with_outcome)
    return float(treated), float(bound) if bound <= 1 else np.nan


def adjusted_effect(found: Coefficient, treated: float, outcome: float, level: float = 0.95) -> AdjustedEffect:
    """Return what a cause with these partial R2 would leave of a coefficient, taken towards zero (and past it).

    ``bias = se sqrt(df R2_y R2_d / (1 - R2_d))`` and ``se' = se sqrt((1 - R2_y) / (1 - R2_d) df / (df - 1))``.
    """
    from scipy.special import stdtrit

    if not (treated < 1 and outcome <= 1):
        return AdjustedEffect(*[float("nan")] * 4)
    bias = found.std_error * np.sqrt(found.df * outcome * treated / (1 - treated))
    estimate = float(np.sign(found.estimate) * (abs(found.estimate) - bias))
    error = float(found.std_error * np.sqrt((1 - outcome) / (1 - treated) * found.df / (found.df - 1)))
    reach = float(stdtrit(found.df, (1 + level) / 2)) * error
    return AdjustedEffect(estimate, error, estimate - reach, estimate + reach)


def e_value(ratio: float, true: float = 1.0) -> float:
    """Return the risk ratio that a cause must have with exposure and outcome to move a risk ratio to `true`.

    ``E = RR + sqrt(RR (RR - 1))``, of the inverse below 1 (VanderWeele and Ding 2017).

    Examples
    --------
    >>> round(e_value(2.1), 6), e_value(1.0)
    (3.619868, 1.0)
    """
    apart = max(ratio / true, true / ratio)
    return float(apart + np.sqrt(apart * (apart - 1)))
