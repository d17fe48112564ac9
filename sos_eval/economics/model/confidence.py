"""The confidence distribution of an inverted test: the distribution whose central intervals are the test's own.

A level c interval of the test has its ends where p = 1 - c; they are the quantiles (1 - c) / 2 and (1 + c) / 2. So the
distribution function is p / 2 below the estimate and 1 - p / 2 above it (Schweder and Hjort 2016, ch. 3). It is not
symmetric where the test is not, which is why few treated units make a normal distribution a poor stand-in. That holds
at the effects for which the curve was computed; between two of them, as around an estimate that few points surround,
the distribution is a straight line on the normal scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["ConfidenceDistribution", "distribution_of"]

Array = NDArray[np.float64]
_OPEN = 0.05
#: Probabilities at which quantiles are averaged.
_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class ConfidenceDistribution:
    """Quantiles of an effect by the test of it.

    Attributes
    ----------
    scores : (k,)
        Normal scores of the distribution function at the effects, not falling.
    effects : (k,)
        On the working scale (logs of ratios), rising.
    ratio
        Whether the working scale is that of logs.
    """

    scores: Array
    effects: Array
    ratio: bool

    def quantile(self, u: Array) -> Array:
        """Return quantiles, straight between known points on the normal scale.

        Beyond the last point on a side, where the test's draws cannot tell, the line through it from the median goes
        on: less than a fortieth of the distribution lies there.
        """
        from scipy.special import ndtri

        z = ndtri(u)
        inside = np.interp(z, self.scores, self.effects)
        middle = float(np.interp(0.0, self.scores, self.effects))
        for end, beyond in ((0, z < self.scores[0]), (-1, z > self.scores[-1])):
            slope = (self.effects[end] - middle) / self.scores[end]
            inside = np.where(beyond, middle + slope * z, inside)
        return np.asarray(np.exp(inside) if self.ratio else inside)

    @property
    def mean(self) -> float:
        """Mean of the distribution, over its quantiles at 20,000 equally spaced probabilities."""
        return float(self.quantile((np.arange(_POINTS) + 0.5) / _POINTS).mean())

    def scaled(self, factor: float) -> ConfidenceDistribution:
        """Return the distribution of a difference in another unit; a ratio has none."""
        return self if self.ratio else replace(self, effects=self.effects * factor)


def distribution_of(curve: pd.DataFrame, *, ratio: bool) -> ConfidenceDistribution | str:
    """Read a confidence curve; the reason where it makes no distribution.

    Parameters
    ----------
    curve
        ``effect`` and ``p_value``, as ``tables/confidence.*.csv``.
    ratio
        Whether effects are ratios.
    """
    from scipy.special import ndtri

    table = curve.sort_values("effect", kind="stable")
    effects, p = table["effect"].to_numpy(float), table["p_value"].to_numpy(float)
    effects = np.log(effects) if ratio else effects
    top = int(np.argmax(p))
    low, high = np.maximum.accumulate(p[: top + 1]), np.maximum.accumulate(p[top:][::-1])[::-1]
    if max(low[0], high[-1]) >= _OPEN:
        return "the test's curve stays above 0.05 on a side: it gives no distribution"
    below, above = np.flatnonzero(low == low[0])[-1], np.flatnonzero(high == high[-1])[0]
    scores = np.concatenate([ndtri(low[below:] / 2), -ndtri(high[1 : above + 1] / 2)])
    return ConfidenceDistribution(scores, effects[below : top + above + 1], ratio)
