"""Whether small studies say something else than large ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST", "Asymmetry", "egger"]

Array = NDArray[np.float64]

#: Studies below which a test for small studies finds nothing reliably (Sterne and others 2011).
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """Test of the slope of effects on their errors, and the effect where the error is zero."""

    statistic: float
    df: float
    p_value: float
    limit: float
    limit_low: float
    limit_high: float


def egger(effects: Array, variances: Array, level: float = 0.95) -> Asymmetry:
    """Regress effects on their standard errors, weighed by ``1 / variance``, with a dispersion (Egger and others 1997).

    Parameters
    ----------
    effects, variances : (k,)
        Of the studies.
    """
    from scipy.stats import t

    root = 1 / np.sqrt(variances)
    x = np.column_stack([root, np.ones(len(effects))])
    inverse = np.linalg.inv(x.T @ x)
    coef = inverse @ x.T @ (root * effects)
    df = float(len(effects) - 2)
    dispersion = float(((root * effects - x @ coef) ** 2).sum() / df)
    error = np.sqrt(np.diag(inverse) * dispersion)
    at = float(t.ppf((1 + level) / 2, df))
    statistic = float(coef[1] / error[1])
    limits = coef[0] - at * error[0], coef[0] + at * error[0]
    return Asymmetry(statistic, df, float(2 * t.sf(abs(statistic), df)), float(coef[0]), *map(float, limits))
