"""Parameters with their uncertainty: declared moments to distributions, and correlated draws by a Gaussian copula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.economics.declared_analysis import Correlation
from sos_eval.economics.model.confidence import ConfidenceDistribution
from sos_eval.errors import numeral

__all__ = ["Parameter", "central_interval", "correlation_problem", "draw_parameters"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One uncertain number.

    Attributes
    ----------
    name
        As in `params.csv`.
    mean, se
        Expected value and standard error on the natural scale (for ``lognormal_median``: the median, and the standard
        error of the logarithm).
    law
        fixed, normal, gamma, lognormal (by mean and standard error), lognormal_median, or share: a gamma variate of
        shape ``mean`` that becomes a Dirichlet share when it is divided by its group's sum; or confidence: the
        quantiles of `test`, `mean` being theirs, which is not the estimate where they are skewed.
    test
        The confidence distribution of a test; empty for other laws.
    """

    name: str
    mean: float
    se: float
    law: str
    test: ConfidenceDistribution | None = None

    @property
    def varies(self) -> bool:
        """Whether draws of it differ."""
        return self.law == "share" or (self.law != "fixed" and self.se > 0)


def quantile(parameter: Parameter, u: Array) -> Array:
    """Return the quantiles of a parameter at probabilities u."""
    from scipy.special import gammaincinv, ndtri

    mean, se = parameter.mean, parameter.se
    if parameter.test is not None:
        return parameter.test.quantile(u)
    if parameter.law == "share":
        return np.asarray(gammaincinv(mean, u))
    if parameter.law == "fixed" or se == 0:
        return np.full_like(u, mean)
    if parameter.law == "normal":
        return np.asarray(mean + se * ndtri(u))
    if parameter.law == "lognormal_median":
        return np.asarray(mean * np.exp(se * ndtri(u)))
    if parameter.law == "lognormal":
        spread = np.sqrt(np.log1p((se / mean) ** 2))
        return np.asarray(mean * np.exp(spread * ndtri(u) - spread**2 / 2))
    shape = (mean / se) ** 2
    return np.asarray(gammaincinv(shape, u) * se**2 / mean)


def central_interval(parameter: Parameter, level: float = 0.95) -> tuple[float, float]:
    """Return a parameter's central interval."""
    low, high = quantile(parameter, np.array([(1 - level) / 2, (1 + level) / 2]))
    return float(low), float(high)


def correlation_problem(names: Sequence[str], declared: Sequence[Correlation]) -> str:
    """Say why the declared correlations cannot be, or nothing."""
    matrix = _matrix(names, declared)
    smallest = float(np.linalg.eigvalsh(matrix).min()) if len(matrix) else 1.0
    if smallest <= 1e-10:
        return f"the correlations together are not positive definite (smallest eigenvalue {numeral(smallest)})"
    return ""


def _matrix(names: Sequence[str], declared: Sequence[Correlation]) -> Array:
    matrix = np.eye(len(names))
    for entry in declared:
        i, j = (names.index(name) for name in entry.between)
        matrix[i, j] = matrix[j, i] = entry.rho
    return matrix


def draw_parameters(
    parameters: Sequence[Parameter], correlation: Sequence[Correlation], count: int, rng: np.random.Generator
) -> Mapping[str, Array]:
    """Draw all parameters, (count,) each; correlated ones through a Cholesky root of their normal scores.

    Antithetic pairs are not used: the draws are independent, so that Monte Carlo errors mean what they say.
    """
    from scipy.special import ndtr

    names = [parameter.name for parameter in parameters]
    root = np.linalg.cholesky(_matrix(names, correlation))
    scores = rng.standard_normal((count, len(names))) @ root.T
    return {parameter.name: quantile(parameter, ndtr(scores[:, j])) for j, parameter in enumerate(parameters)}
