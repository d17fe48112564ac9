"""Contrasts of units' outcomes under many adoptions: treated less comparison, with errors, within strata.

A unit's contrasts C_i, (q,), are linear in its outcomes: its mean after a start less its mean before, or its path
before the start, where every earlier period is set against the mean of the other earlier ones (no year serves as base)
and the slope weighs periods by least squares. The treated are compared within strata:
``T = sum_i w_i (C_i - mean of C over the comparison in i's stratum) / sum_i w_i`` over treated i.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ContrastLots",
    "contrast_lots",
    "found_in_four_of_five",
    "path_weights",
    "place_of_observed",
    "share_at_least",
    "share_reached",
    "symmetric_ranks",
]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Numbers held at a time, (draws, n, q).
AT_ONCE = 2**22


@dataclass(frozen=True, slots=True)
class ContrastLots:
    """Contrasts under many adoptions.

    Attributes
    ----------
    value, error : (draws, q)
        NaN where a stratum with treated units has no comparison, or no treated unit counts.
    """

    value: Array
    error: Array

    @property
    def statistic(self) -> Array:
        """Contrasts over their errors, (draws, q)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.value / self.error)


def path_weights(distance: Array) -> Array:
    """Return the weights of k earlier periods in their contrasts and in the slope, (k, k + 1).

    Parameters
    ----------
    distance : (k,)
        When the periods lie.

    Examples
    --------
    >>> path_weights(np.array([1.0, 2.0, 3.0]))[:, -1].tolist()
    [-0.5, 0.0, 0.5]
    """
    k = len(distance)
    apart = (np.eye(k) - 1 / k) * k / (k - 1)
    centred = distance - distance.mean()
    return np.column_stack([apart, centred / (centred**2).sum()])


def contrast_lots(
    cohorts: list[tuple[float, Array]], starts: Array, weights: Array, strata: Codes, clusters: Codes
) -> ContrastLots:
    """Compute contrasts and their errors under adoptions.

    Parameters
    ----------
    cohorts
        Each cohort's start, and the units' contrasts around it, (n, q). Cohorts count by the weight of their units.
    starts : (draws, n)
        ``inf`` for never treated. A cohort is compared with the units that start later or never.
    weights : (n,) or (draws, n)
        Unit weights.
    strata, clusters : (n,)
        Codes from 0.

    Returns
    -------
    ContrastLots
        Errors are sums of squares over clusters, without small-sample factors.
    """
    n, q = cohorts[0][1].shape
    size = max(1, AT_ONCE // (n * q))
    weight = np.broadcast_to(weights, starts.shape)
    parts = [
        _lots(cohorts, starts[i : i + size], weight[i : i + size], strata, clusters)
        for i in range(0, len(starts), size)
    ]
    return ContrastLots(*(np.concatenate([part[j] for part in parts]) for j in range(2)))


def _lots(
    cohorts: list[tuple[float, Array]], starts: Array, weights: Array, strata: Codes, clusters: Codes
) -> tuple[Array, Array]:
    member = np.eye(int(strata.max()) + 1)[strata]
    whole = sum((weights * (starts == g)).sum(1) for g, _ in cohorts)
    value: Array = np.zeros((len(starts), cohorts[0][1].shape[1]))
    score: Array = np.zeros((len(starts), *cohorts[0][1].shape))
    for g, contrast in cohorts:
        treated, control = weights * (starts == g), weights * (starts > g)
        with np.errstate(divide="ignore", invalid="ignore"):
            own = _cohort(contrast, treated, control, member, strata)
            share = treated.sum(1) / whole
        value = value + np.where(share[:, None] > 0, share[:, None] * own[0], 0.0)
        score = score + np.where(share[:, None, None] > 0, share[:, None, None] * own[1], 0.0)
    value[~(whole > 0)] = np.nan
    return value, _error(score, clusters)


def _cohort(contrast: Array, treated: Array, control: Array, member: Array, strata: Codes) -> tuple[Array, Array]:
    """Return a cohort's contrasts (draws, q), and what each unit adds to their error, (draws, n, q)."""
    in_stratum = control @ member
    sums = np.einsum("rn,ns,nq->rsq", control, member, contrast, optimize=True)
    mean = sums / in_stratum[..., None]
    apart = contrast - mean[:, strata]
    shares = treated / treated.sum(1, keepdims=True)
    value = np.einsum("rn,rnq->rq", shares, np.where(shares[..., None] > 0, apart, 0.0))
    balance = (shares @ member)[:, strata] * control / in_stratum[:, strata]
    score = shares[..., None] * (apart - value[:, None]) - balance[..., None] * apart
    takes_part = (shares > 0) | ((control > 0) & ((shares @ member)[:, strata] > 0))
    return value, np.where(takes_part[..., None], score, 0.0)


def _error(score: Array, clusters: Codes) -> Array:
    if len(np.unique(clusters)) < len(clusters):
        score = np.einsum("rnq,nc->rcq", score, np.eye(int(clusters.max()) + 1)[clusters], optimize=True)
    return np.asarray(np.sqrt((score**2).sum(1)))


def place_of_observed(statistic: Array) -> int:
    """Return where the observed adoption, which comes first, stands in the complete list after it: by its size.

    Adoptions without a statistic are no match.
    """
    apart = np.abs(np.abs(statistic[1:]) - abs(statistic[0]))
    return int(np.argmin(np.where(np.isnan(apart), np.inf, apart)))


def share_reached(statistic: Array, *, complete: bool, ties: float = 1e-9) -> float:
    """Return the share of adoptions, the observed one first, whose statistic is as large as its, two-sided.

    A statistic that does not exist counts as large. Where the others are a complete list, the observed one is among
    them and is not counted twice.
    """
    size = np.where(np.isnan(statistic), np.inf, np.abs(statistic))
    reached = size >= size[0] * (1 - ties)
    return float(reached[1:].mean() if complete else reached.mean())


def found_in_four_of_five(drawn: Array, critical: float | None = None) -> Array:
    """Return the size that a two-sided test at 5% finds four times in five: 2.8 spreads of draws without an effect.

    Parameters
    ----------
    drawn : (draws, …)
        Estimates without an effect; NaN for those that could not be made.
    critical
        Spreads from which on the test rejects; the normal 1.96 unless given.

    Examples
    --------
    >>> float(found_in_four_of_five(np.array([-1.0, 1.0])).round(4))
    2.8016
    """
    from scipy.special import ndtri

    least = ndtri(0.975) if critical is None else critical
    return np.asarray((least + ndtri(0.8)) * np.nanstd(drawn, axis=0))


def share_shifted(distance: Array, *, complete: bool) -> float:
    """Return the share of adoptions whose distance lies as far from the draws' median as the observed one, first."""
    return share_reached(distance - np.nanmedian(distance[1:]), complete=complete)


def share_at_least(statistic: Array, *, complete: bool, ties: float = 1e-9) -> float:
    """Return the share of adoptions, the observed one first, whose statistic is as large as its, one-sided.

    A complete list holds the observed one, which is not counted twice.
    """
    reached = statistic >= statistic[0] - ties * max(abs(float(statistic[0])), 1.0)
    return float(reached[1:].mean() if complete else reached.mean())


def symmetric_ranks(statistic: Array, ties: float = 1e-9) -> Array:
    """Return for every row the share of rows, itself included, whose statistic is as large, (draws,).

    A statistic that does not exist counts as extreme.
    """
    size = np.where(np.isnan(statistic), np.inf, np.abs(statistic))
    ordered = np.sort(size)
    return np.asarray((len(size) - np.searchsorted(ordered, size * (1 - ties), side="left")) / len(size))
