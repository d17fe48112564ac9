"""How far from equal chances matched sets may be before a test no longer finds anything (Rosenbaum 2002, 2007)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["MatchedTest", "largest_gamma", "m_scores", "signed_rank"]

Array = NDArray[np.float64]

#: Up to where odds are looked for.
_FURTHEST = 100.0
#: Pairs up to which every way in which they may have fallen is counted.
_COUNTED = 20


@dataclass(frozen=True)
class MatchedTest:
    """A statistic over matched sets: the sum of the treated units' scores.

    Attributes
    ----------
    scores
        Of each set the scores of all its units, the treated one's first; large ones speak for an effect.
    """

    scores: tuple[tuple[float, ...], ...]

    def p_value(self, gamma: float) -> float:
        """Return the largest one-sided p where odds of treatment within a set differ by at most `gamma`.

        Of at most 20 pairs exact: the higher of a pair's scores is the treated unit's with chance
        ``gamma / (1 + gamma)``, and all ways to fall are counted (Rosenbaum 2002, section 4.3). Else a normal
        approximation: in each set the units with the k highest scores have the higher odds; the k that gives
        the largest expectation, and of these the largest variance, is taken set by set (Gastwirth, Krieger and
        Rosenbaum 2000).
        """
        from scipy.special import ndtr

        if self.exact:
            high = np.arange(len(self.scores) + 1)
            chance = gamma / (1 + gamma)
            return float(self._as_large @ (chance**high * (1 - chance) ** high[::-1]))
        moments = np.array([_worst(np.asarray(one), gamma) for one in self.scores])
        statistic, (mean, variance) = sum(one[0] for one in self.scores), moments.sum(0)
        return float(ndtr(-(statistic - mean) / np.sqrt(variance))) if variance > 0 else float("nan")

    @property
    def exact(self) -> bool:
        """Whether the p values are exact, and not from a normal approximation."""
        return 0 < len(self.scores) <= _COUNTED and all(len(one) == 2 for one in self.scores)

    @cached_property
    def _as_large(self) -> Array:
        """Of pairs, in how many ways with k treated units on the higher score the statistic is reached, (n + 1,)."""
        sums, highs = np.zeros(1), np.zeros(1, dtype=np.intp)
        for one in self.scores:
            sums = np.concatenate([sums + max(one), sums + min(one)])
            highs = np.concatenate([highs + 1, highs])
        rounding = 1e-9 * sum(abs(score) for one in self.scores for score in one)
        reached = sums >= sum(one[0] for one in self.scores) - rounding
        return np.bincount(highs[reached], minlength=len(self.scores) + 1).astype(float)


def _worst(scores: Array, gamma: float) -> tuple[float, float]:
    """Return the mean and variance of the treated unit's score in one set under the worst allotment of odds."""
    ordered = np.sort(scores)[::-1]
    moments = []
    for k in range(1, len(ordered)):
        chance = np.where(np.arange(len(ordered)) < k, gamma, 1.0)
        chance /= chance.sum()
        mean = float(chance @ ordered)
        moments.append((mean, float(chance @ ordered**2) - mean**2))
    return max(moments)


def signed_rank(differences: Array) -> MatchedTest:
    """Return Wilcoxon's signed-rank test of pairs: a pair's score is the rank of its difference, if positive.

    Pairs that do not differ are left out; ties have the mean of their ranks. The normal approximation has no
    continuity correction.
    """
    from scipy.stats import rankdata

    kept = differences[differences != 0]
    ranks = rankdata(np.abs(kept))
    pairs = zip(ranks, kept, strict=True)
    return MatchedTest(tuple((float(rank), 0.0) if sign > 0 else (0.0, float(rank)) for rank, sign in pairs))


def m_scores(sets: Sequence[Array], trim: float = 3.0) -> MatchedTest:
    """Return Huber's M test of matched sets with several controls.

    A unit's score is the mean over the others of its set of the difference to them, in units of the median absolute
    difference of treated and controls, cut at `trim` (Rosenbaum 2007, section 3).

    Parameters
    ----------
    sets
        Outcomes of each set, the treated unit's first.
    """
    scale = float(np.median(np.abs(np.concatenate([one[0] - one[1:] for one in sets]))))
    if scale == 0:
        return MatchedTest(())
    scores = []
    for one in sets:
        apart = np.clip((one[:, None] - one[None, :]) / scale, -trim, trim)
        scores.append(tuple(float(score) for score in apart.sum(1) / (len(one) - 1)))
    return MatchedTest(tuple(scores))


def largest_gamma(test: MatchedTest, alpha: float) -> float:
    """Return the odds up to which the test stays at `alpha`; NaN where it does not find anything at equal odds."""
    from scipy.optimize import brentq

    if not test.scores or not test.p_value(1.0) <= alpha:
        return float("nan")
    if test.p_value(_FURTHEST) <= alpha:
        return _FURTHEST
    return float(brentq(lambda gamma: test.p_value(gamma) - alpha, 1.0, _FURTHEST, xtol=1e-10))
