"""Diagnosands: what is computed over the draws of one row, each with its own Monte Carlo error.

A diagnosand is a plain function of `Draws of a row`; a user's own has the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.clusters import error_of_mean
from sos_eval.panel.panel import Array

__all__ = ["DIAGNOSANDS", "Diagnosand", "RowDraws", "diagnose", "groups_of", "share"]

Codes = NDArray[np.intp]

GROUPS = 50


@dataclass(frozen=True)
class RowDraws:
    """The draws of one row: (reps,) arrays; ratios are logs. A failed draw is NaN.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high, p_value, true_effect
        As in `estimates.csv`.
    level
        Of the interval; a p-value below ``1 - level`` rejects.
    frames
        The frame (draw of authorities and adopters) of each draw, where some share theirs and others do not; None
        where all draws are independent, given the one frame if there is one.
    """

    estimate: Array
    std_error: Array
    conf_low: Array
    conf_high: Array
    p_value: Array
    true_effect: Array
    level: float
    frames: Codes | None = None

    @property
    def rejects(self) -> NDArray[np.bool_]:
        """Whether each draw rejects no effect; a failed one does not."""
        return self.p_value <= round(1 - self.level, 12)

    def without(self, mask: NDArray[np.bool_]) -> RowDraws:
        """Return the draws where a mask is false."""
        names = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "true_effect")
        chosen: dict[str, Array] = {name: getattr(self, name)[~mask] for name in names}
        frames = None if self.frames is None else self.frames[~mask]
        return RowDraws(**chosen, level=self.level, frames=frames)


Diagnosand = Callable[[RowDraws], float]


def true_effect(draws: RowDraws) -> float:
    """Mean true effect."""
    return _mean(draws.true_effect)


def mean_estimate(draws: RowDraws) -> float:
    """Mean estimate."""
    return _mean(draws.estimate)


def bias(draws: RowDraws) -> float:
    """Mean of estimate minus truth."""
    return _mean(draws.estimate - draws.true_effect)


def rmse(draws: RowDraws) -> float:
    """Root mean squared error."""
    return float(np.sqrt(_mean((draws.estimate - draws.true_effect) ** 2)))


def sd_estimate(draws: RowDraws) -> float:
    """Return the standard deviation of estimates around their truths."""
    error = draws.estimate - draws.true_effect
    known = error[np.isfinite(error)]
    if not len(known):
        known = draws.estimate[np.isfinite(draws.estimate)]
    return float(known.std(ddof=1)) if len(known) > 1 else np.nan


def mean_std_error(draws: RowDraws) -> float:
    """Mean standard error."""
    return _mean(draws.std_error)


def coverage(draws: RowDraws) -> float:
    """Share of intervals that hold the truth, among draws with an interval."""
    known = np.isfinite(draws.conf_low) & np.isfinite(draws.conf_high) & np.isfinite(draws.true_effect)
    return _mean(((draws.conf_low <= draws.true_effect) & (draws.true_effect <= draws.conf_high))[known].astype(float))


def power(draws: RowDraws) -> float:
    """Share of all draws that reject no effect: the size of the test where there is none."""
    return float(draws.rejects.mean()) if len(draws.rejects) else np.nan


def type_s(draws: RowDraws) -> float:
    """Share of rejections with the wrong sign (Gelman and Carlin 2014); none where there is no effect."""
    wrong = np.sign(draws.estimate) != np.sign(draws.true_effect)
    return _mean(wrong[draws.rejects & _has_effect(draws)].astype(float))


def type_m(draws: RowDraws) -> float:
    """Mean exaggeration among rejections: size of the estimate over size of the truth."""
    chosen = draws.rejects & _has_effect(draws)
    return _mean(np.abs(draws.estimate[chosen] / draws.true_effect[chosen]))


def _has_effect(draws: RowDraws) -> NDArray[np.bool_]:
    return np.isfinite(draws.true_effect) & (np.abs(draws.true_effect) > 0)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


#: Name -> function; the order is that of `power.csv`.
DIAGNOSANDS: Mapping[str, Diagnosand] = {
    "true_effect": true_effect,
    "mean_estimate": mean_estimate,
    "bias": bias,
    "rmse": rmse,
    "sd_estimate": sd_estimate,
    "mean_std_error": mean_std_error,
    "coverage": coverage,
    "power": power,
    "type_s": type_s,
    "type_m": type_m,
}


def diagnose(draws: RowDraws, diagnosands: Mapping[str, Diagnosand]) -> dict[str, float]:
    """Compute diagnosands and their Monte Carlo errors: ``name`` and ``name_mcse``."""
    out: dict[str, float] = {}
    for name, function in diagnosands.items():
        out[name] = float(function(draws))
        closed = CLOSED.get(name)
        out[f"{name}_mcse"] = closed(draws) if closed else jackknife_error(function, draws)
    return out


def _error_of_bias(draws: RowDraws) -> float:
    """Return the error of the mean of the errors."""
    return error_of_mean(draws.estimate - draws.true_effect, draws.frames)


def _error_of_coverage(draws: RowDraws) -> float:
    """Error of a share of the draws with an interval."""
    known = np.isfinite(draws.conf_low) & np.isfinite(draws.conf_high) & np.isfinite(draws.true_effect)
    held = (draws.conf_low <= draws.true_effect) & (draws.true_effect <= draws.conf_high)
    return share(held[known], None if draws.frames is None else draws.frames[known])[1]


def _error_of_power(draws: RowDraws) -> float:
    """Error of a share of all draws."""
    return share(draws.rejects, draws.frames)[1]


def share(hits: NDArray[np.bool_], frames: Codes | None = None) -> tuple[float, float]:
    """Return a share of draws and its Monte Carlo error: binomial where no frame is shared by some of them only."""
    if not len(hits):
        return np.nan, np.nan
    rate = float(hits.mean())
    if frames is None:
        return rate, float(np.sqrt(rate * (1 - rate) / len(hits)))
    return rate, error_of_mean(hits.astype(float), frames)


#: Monte Carlo errors that have a formula.
CLOSED: Mapping[str, Diagnosand] = {
    "bias": _error_of_bias,
    "coverage": _error_of_coverage,
    "power": _error_of_power,
}


def jackknife_error(function: Diagnosand, draws: RowDraws) -> float:
    """Return a diagnosand's Monte Carlo error by leaving out interleaved groups of draws, or of frames.

    The delete-a-group jackknife (Efron and Tibshirani 1993, section 11.5) with up to 50 groups: for a mean of
    independent draws it is their standard deviation over the root of their number, up to its own noise; it holds
    for any smooth diagnosand, a user's own too.
    """
    member, groups = groups_of(len(draws.estimate), draws.frames)
    if groups < 2:
        return np.nan
    values = np.array([function(draws.without(member == g)) for g in range(groups)])
    if not np.isfinite(values).all():
        return np.nan
    return float(np.sqrt((groups - 1) / groups * ((values - values.mean()) ** 2).sum()))


def groups_of(reps: int, frames: Codes | None) -> tuple[Codes, int]:
    """Return the group of each draw for a jackknife, and how many there are: draws of a frame stay together."""
    place = np.arange(reps) if frames is None else np.unique(frames, return_inverse=True)[1]
    groups = min(GROUPS, int(place.max(initial=-1)) + 1)
    return (place % groups if groups else place), groups
