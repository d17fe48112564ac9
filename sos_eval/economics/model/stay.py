"""How long an averted entry would have stayed in care: a distribution of stays, and what of them runs in which year.

Stays are a scale family: a draw of the mean moves the whole distribution; they end at 18. All follows from two running
integrals over a stay of D years: ``H(y) = E min(D, y)``, the time spent within y years of the entry, and ``G(y)``, its
integral from 0 to y. An entry that falls evenly within a year spends ``G(1)`` of that year in care, and
``G(k + 1) - 2 G(k) + G(k - 1)`` of the k-th year after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sos_eval.economics.declared import CarePathway, Stays
from sos_eval.errors import DataFault, Faults, OurFault
from sos_eval.panel.read.reading import Reading

__all__ = ["CHILDHOOD", "Observed", "Stay", "read_stays", "stay_of"]

Array = NDArray[np.float64]
_ADULT = 18.0
#: Weeks from birth to 18: no stay is longer.
CHILDHOOD = _ADULT * 365.25 / 7


@dataclass(frozen=True, slots=True)
class Observed:
    """Stays as observed: the product-limit estimate of their distribution (Kaplan and Meier 1958, section 2).

    Attributes
    ----------
    weeks, mass : (q,)
        Lengths at which stays ended, increasing, and the share that ended there.
    error
        Standard error of the mean (Greenwood's variance, weighted by the area to the right).
    """

    weeks: Array
    mass: Array
    error: float

    @property
    def mean(self) -> float:
        """Mean stay in weeks."""
        return float(self.weeks @ self.mass)


@dataclass(frozen=True, slots=True)
class Stay:
    """A distribution of stays with mean one, and the longest that an age at entry leaves before 18.

    Attributes
    ----------
    kind
        fixed, gamma, weibull or empirical.
    shape
        Of the gamma or Weibull distribution; NaN for the others.
    points, mass : (q,)
        Lengths in means, and their shares; one point at 1 for fixed stays, empty where there is a shape.
    longest, share : (a,)
        Years from entry to 18, and the share of entries with it; infinite where no age is declared.
    spread
        Whether entries fall evenly through the year; else all on its first day.
    observed
        Mean of the file of stays, in weeks; NaN where there is none.
    """

    kind: str
    shape: float
    points: Array
    mass: Array
    longest: Array
    share: Array
    spread: bool
    observed: float = float("nan")

    @property
    def limit(self) -> float:
        """Mean stay in years that no distribution can exceed: everybody stays to 18; infinite without ages."""
        return float(self.longest @ self.share)

    def weeks_by_year(self, mean: Array, years: int, weeks: float) -> tuple[Array, Array]:
        """Return the weeks of one entry by calendar year: in that year of the stay, and in the one before, (m, Y) each.

        Parameters
        ----------
        mean : (m,)
            Mean stay in weeks, ended at 18.
        years
            Y.
        weeks
            Weeks in a year.
        """
        scale = self._scale(np.asarray(mean, float) / weeks)
        runs = [self._running(float(y), scale) for y in range(years + 1)]
        spent, area = (np.column_stack([run[i] for run in runs]) for i in (0, 1))
        if not self.spread:
            return weeks * np.diff(spent, axis=1), np.zeros((len(spent), years))
        fresh = np.diff(area, axis=1) - spent[:, :-1]
        carried = np.zeros_like(fresh)
        carried[:, 1:] = spent[:, 1:-1] - np.diff(area, axis=1)[:, :-1]
        return weeks * fresh, weeks * carried

    def _scale(self, mean: Array) -> Array:
        """Return the mean before stays end at 18 that gives `mean` (years) after it, (m,).

        The mean after it is increasing and concave in the one before, and never above it: Newton's steps from `mean`
        approach the root from below. `limit` has been checked to lie above every mean.
        """
        scale = mean.copy()
        if np.isinf(self.longest).all():
            return scale
        for _ in range(200):
            value, slope = self._ended(scale)
            if np.all(np.abs(mean - value) <= 1e-14 * mean):  # steps below that are rounding, and need not shrink
                return scale
            scale = scale + np.where(np.abs(mean - value) <= 1e-14 * mean, 0.0, (mean - value) / slope)
        raise OurFault(f"the mean of stays that end at 18 was not found from {mean.min():g} to {mean.max():g} years")

    def _ended(self, scale: Array) -> tuple[Array, Array]:
        """Return the mean of stays that end at 18 (years) and its derivative by `scale`, (m,) each."""
        value, slope = np.zeros_like(scale), np.zeros_like(scale)
        for longest, share in zip(self.longest, self.share, strict=True):
            x = longest / scale
            survival, first, _ = self._partial(x)
            value += share * scale * (first + x * survival)
            slope += share * first
        return value, slope

    def _running(self, y: float, scale: Array) -> tuple[Array, Array]:
        """Return H(y) and G(y) in years, (m,) each."""
        spent, area = np.zeros_like(scale), np.zeros_like(scale)
        for longest, share in zip(self.longest, self.share, strict=True):
            end = min(y, float(longest))
            x = end / scale
            survival, first, second = self._partial(x)
            within = scale * (first + x * survival)
            spent += share * within
            area += share * (scale**2 * (x * first - second / 2 + x**2 / 2 * survival) + (y - end) * within)
        return spent, area

    def _partial(self, x: Array) -> tuple[Array, Array, Array]:
        """Return P(D > x), E[D; D <= x] and E[D^2; D <= x] of the distribution with mean one."""
        from scipy.special import gamma, gammainc

        k = self.shape
        if self.kind == "gamma":
            below = [gammainc(k + r, k * x) for r in range(3)]
            return np.asarray(1 - below[0]), np.asarray(below[1]), np.asarray((1 + 1 / k) * below[2])
        if self.kind == "weibull":
            scale = 1 / gamma(1 + 1 / k)
            with np.errstate(over="ignore"):  # a power too large for a number lies beyond every stay
                moments = [scale**r * gamma(1 + r / k) * gammainc(1 + r / k, (x / scale) ** k) for r in range(3)]
            return np.asarray(1 - moments[0]), np.asarray(moments[1]), np.asarray(moments[2])
        at = np.searchsorted(self.points, x, side="right")
        sums = [np.concatenate([[0.0], np.cumsum(self.mass * self.points**r)])[at] for r in range(3)]
        return 1 - sums[0], sums[1], sums[2]


def stay_of(pathway: CarePathway, observed: Observed | None) -> Stay:
    """Return the distribution of a declared pathway.

    Parameters
    ----------
    pathway
        With its `stays`.
    observed
        The stays of its file, where they are empirical.
    """
    declared = pathway.stays or Stays("gamma", shape=1.0)
    points, mass = np.empty(0), np.empty(0)
    if declared.distribution == "fixed":
        points, mass = np.ones(1), np.ones(1)
    elif observed is not None:
        points, mass = observed.weeks / observed.mean, observed.mass
    ages = {float(age): share for age, share in pathway.age_at_entry.items()}
    longest = np.array([_ADULT - age for age in ages]) if ages else np.array([np.inf])
    share = np.array(list(ages.values())) if ages else np.ones(1)
    shape = declared.shape if declared.shape is not None else np.nan
    own = observed.mean if observed is not None else np.nan
    return Stay(declared.distribution, shape, points, mass, longest, share, pathway.entries == "spread", own)


def read_stays(path: Path, faults: Faults) -> Observed | None:
    """Read stays of entry cohorts: columns ``weeks`` and ``ended`` (1: it ended; 0: still in care when last seen).

    Parameters
    ----------
    path
        CSV or parquet.
    faults
        Collects what is wrong with the file.
    """
    from sos_eval.panel.read.columns import parsed
    from sos_eval.panel.read.files import read_file, source_of

    if not path.exists():
        faults.add(str(path), "no such file", "name the file of stays")
        return None
    reading = faults.noted(lambda: read_file(path, source_of(path) or "csv", Faults(DataFault)))
    if reading is None:
        return None
    missing = [name for name in ("weeks", "ended") if name not in reading.header]
    if missing:
        faults.add(str(path), f"has no column {' and no column '.join(missing)}", "weeks, and ended: 1 or 0")
        return None
    weeks, ended = (np.asarray(parsed(reading, name)[0], dtype=object) for name in ("weeks", "ended"))
    for row in reading.notes:
        faults.add(str(path), f"{row.reason}: weeks are plain numbers", "write them without signs or separators")
    if reading.notes:
        return None
    return _checked(reading, weeks, ended, faults)


def _checked(
    reading: Reading, weeks: NDArray[np.object_], ended: NDArray[np.object_], faults: Faults
) -> Observed | None:
    """Refuse lengths that are none or longer than a childhood, and a curve that is still open at its end."""
    import pandas as pd

    where = reading.name
    length, mark = (pd.to_numeric(pd.Series(column), errors="coerce").to_numpy(float) for column in (weeks, ended))
    wrong = np.flatnonzero(~(length > 0) | ~np.isin(mark, (0.0, 1.0)))
    if len(wrong):
        what = f"{len(wrong)} rows without weeks above zero and ended 1 or 0 (the first: row {int(wrong[0]) + 1})"
        faults.add(where, what, "a row is one stay; nothing is dropped silently")
        return None
    beyond = length > CHILDHOOD
    if beyond.any():
        what = f"{reading.lines(beyond)}: {length[beyond].max():,.10g} weeks, but 18 years are {CHILDHOOD:,.0f}"
        faults.add(where, what, "are these days? a stay in care ends at 18; weeks are days over 7")
        return None
    if not len(length) or mark[length == length.max()].min() < 1:
        faults.add(where, "the longest stay is still open: how long such stays last is not in the file",
                   "follow the cohorts to their end, or declare weibull or gamma with its shape")  # fmt: skip
        return None
    return _product_limit(length, mark)


def _product_limit(length: Array, ended: Array) -> Observed:
    """Estimate the distribution of stays from ended and open ones."""
    times = np.unique(length[ended == 1])
    deaths = np.array([np.sum((length == t) & (ended == 1)) for t in times], dtype=float)
    risk = np.array([np.sum(length >= t) for t in times], dtype=float)
    survival = np.cumprod(1 - deaths / risk)
    mass = -np.diff(np.concatenate([[1.0], survival]))
    width = np.diff(np.concatenate([times, [times[-1]]]))
    area = np.cumsum((survival * width)[::-1])[::-1]
    left = risk - deaths
    terms = np.where(left > 0, area**2 * deaths / (risk * np.where(left > 0, left, 1.0)), 0.0)
    return Observed(times, mass, float(np.sqrt(terms.sum())))
