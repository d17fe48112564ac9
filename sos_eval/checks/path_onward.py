"""What an estimate makes of the path before the start: passed through the estimator, not by a rule for all methods."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.checks.common_lots import overall_row
from sos_eval.checks.path_lottery import PathLottery
from sos_eval.errors import InputFault
from sos_eval.numerics.lots import path_weights
from sos_eval.panel.panel import Array
from sos_eval.results.fitted import Fitted

__all__ = ["Onward"]

FITTED = "its weights are fitted to the earlier periods, so that the path left there is the fit's own"
BENT = "its weights depend on outcomes, so that the path's share of the answer is not one number"
NO_OVERALL = "there is no overall effect"
ALONE = "some start without others of their kind to be set against"
KINDS = (
    "the answer sets kinds of units against each other, and what this check would find is a divergence of all kinds "
    "together"
)
#: How far a shift and its mirror image may part, as a share of their sizes, before a method counts as not linear.
LINEAR = 1e-3

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Onward:
    """Shifts of the overall estimate by divergences of the treated, with adoption, weights and group as they are.

    Attributes
    ----------
    apart
        By a divergence of one a period, zero in the middle of the earlier periods: in periods, where an estimate is a
        difference from a base, how far the periods after lie behind it. NaN where `why_not_apart`.
    gone_on
        By the straight line that the check sees before the start, its level included, in every period of all treated.
    returned
        By the path as it is seen before the start, and its earlier mean from then on.
    why, why_not_apart
        Why there are none (all are NaN), or no `apart`; else empty.
    """

    apart: float
    gone_on: float
    returned: float
    why: str = ""
    why_not_apart: str = ""

    @classmethod
    def of(cls, lottery: PathLottery) -> Onward:
        """Pass the path seen through the estimator; of pooled counts to first order, by the distance of the centres.

        An estimate that is linear in outcomes moves by what it makes of the divergence alone. Whether it is linear is
        looked at, not assumed: the divergence's mirror image has to shift it as far the other way. Where the estimator
        sets kinds of units against each other, each kind has the path that is seen among its own.
        """
        fitted = lottery.fitted
        if fitted.estimator.weighs_exposure:
            return _of_counts(lottery)
        if fitted.estimator.solves_anew:
            return _none(FITTED)
        paths = _Paths.of(lottery)
        if not np.isfinite(paths.line).all():
            return _none(ALONE)
        try:
            gone, mirrored, back, apart = (
                _shift(fitted, made) for made in (paths.line, -paths.line, paths.back, paths.unit)
            )
        except InputFault as fault:
            return _none(fault.faults[0].what)
        if not np.isfinite([gone, mirrored, back, apart]).all():
            return _none(NO_OVERALL)
        least = 1e-9 * float(np.nanmax(np.abs(fitted.panel.frame["outcome"].to_numpy(float))))
        if not abs(gone + mirrored) <= LINEAR * (abs(gone) + abs(mirrored)) + least:
            return _none(BENT)
        apart, gone, back = (0.0 if abs(one) <= least else one for one in (apart, gone, back))
        if paths.n_kinds > 1:
            return cls(float("nan"), gone, back, why_not_apart=KINDS)
        return cls(apart, gone, back)


@dataclass(frozen=True, slots=True)
class _Paths:
    """Divergences of the treated, (n_rows,), that the check would measure as it measured theirs.

    Attributes
    ----------
    line
        The straight line of level and slope as they are measured, in every period.
    back
        The path of the earlier periods as it is measured, and its mean in all others.
    unit
        One a period, of all treated.
    n_kinds
        How many kinds of units have paths of their own.
    """

    line: Array
    back: Array
    unit: Array
    n_kinds: int

    @classmethod
    def of(cls, lottery: PathLottery) -> _Paths:
        """Lay the paths of every kind on its treated units' rows."""
        estimator, panel = lottery.fitted.estimator, lottery.fitted.panel
        own, rows = estimator.kinds(lottery.panel), estimator.kinds(panel)[panel.unit_codes]
        starts, times = (panel.frame[name].to_numpy(float) for name in ("first_treated", "time"))
        treated, kinds = np.isin(starts, lottery.cohorts), np.unique(own)
        line, back, unit = np.zeros((3, panel.n_rows))
        for kind in kinds:
            path = _Path.of(lottery, own == kind)
            inside = treated & (rows == kind)
            line[inside] = path.level + path.slope * (times[inside] - path.origin)
            unit[inside] = times[inside] - path.origin
            back[inside] = path.returned(starts[inside], times[inside])
        return cls(line, back, unit, len(kinds))


@dataclass(frozen=True, slots=True)
class _Path:
    """The path of the treated of a part of the units.

    A cohort is compared with later ones too, which diverge alike: the path is larger than what is measured.

    Attributes
    ----------
    level, slope, origin
        Of its line, ``level + slope (t - origin)``: `level` is what it is in the middle of the earlier periods.
    dips : (k,)
        Distance of each earlier period from their mean.
    windows
        Which periods (k,) are read before each start.
    """

    level: float
    slope: float
    origin: float
    dips: Array
    windows: dict[float, Array]

    @classmethod
    def of(cls, lottery: PathLottery, part: Bools) -> _Path:
        """Find the line of which the check sees the level and the slope that it sees in the outcomes."""
        times, ever = lottery.panel.times, np.isin(lottery.panel.first_treated, lottery.cohorts)[:, None]
        lines, seen = np.asarray(ever * (times - times[0])), lottery.differences(lottery.outcomes, part)
        ones, lines = (lottery.differences(one, part) for one in (np.asarray(ever, float), lines))
        slopes, whole = path_weights(lottery.early)[:, -1], ones.mean()
        slope = float(slopes @ seen / (slopes @ lines))
        windows = {float(g): lottery.window(g) for g in lottery.cohorts}
        origin = float(times[0] + lines.mean() / whole)
        return cls(float(seen.mean() / whole), slope, origin, (seen - seen.mean()) / whole, windows)

    def returned(self, starts: Array, times: Array) -> Array:
        """Return the path seen before the start, and its mean in all other periods, by rows' starts and times (n,)."""
        made = np.full(len(times), self.level)
        for start, window in self.windows.items():
            for period, dip in zip(window, self.dips, strict=True):
                made[(starts == start) & (times == period)] += dip
        return made


def _shift(fitted: Fitted, divergence: Array) -> float:
    """Return what a divergence (n_rows,) adds to the overall estimate.

    Raises
    ------
    InputFault
        The estimator refuses the panel with it.
    """
    panel = fitted.panel
    moved = fitted.estimator.complete(panel.with_outcome(panel.frame["outcome"].to_numpy(float) + divergence))
    before, after = overall_row(fitted), overall_row(replace(fitted, estimate=moved))
    if before is None or after is None:
        return float("nan")
    return float(moved.values[after] - fitted.estimate.values[before])


def _of_counts(lottery: PathLottery) -> Onward:
    """Return the shifts to first order, by the distance of centres, of an estimate that pools counts."""
    seen = lottery.differences(lottery.outcomes)
    back = float(seen.mean() - seen[-1]) if lottery.fitted.estimator.compares_with_last else 0.0
    return Onward(lottery.apart, float(path_weights(lottery.early)[:, -1] @ seen) * lottery.apart, back)


def _none(why: str) -> Onward:
    return Onward(float("nan"), float("nan"), float("nan"), why)
