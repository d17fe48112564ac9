"""Net benefit at many thresholds in one pass: CEAC, CEAF, pairwise curves, expected loss, EVPI, INMB and INHB.

The pass goes through the draws in blocks that stay in the processor's cache; the (draws x thresholds x strategies)
tensor never exists. Everything is measured relative to the reference, so no precision is lost to large common costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sweep", "sweep", "tail_quantile"]

Array = NDArray[np.float64]
_BLOCK = 4096  # draws a block: 4 strategies fit a cache of 256 kB
_THRESHOLD_BLOCK = 16  # thresholds that share one set of candidates for a tail quantile


@dataclass(frozen=True, slots=True)
class Sweep:
    """Exact quantities of a PSA at T thresholds and K strategies.

    Attributes
    ----------
    thresholds : (T,)
        Value of a unit of effect.
    expected_nb, nb_error : (T, K)
        Expected net (monetary) benefit and its Monte Carlo standard error.
    best : (T,)
        Strategy with the highest expected net benefit, the first listed where several share it.
    probability : (T, K)
        Share of draws in which each strategy has the highest net benefit (CEAC); a tie goes to the first listed.
    frontier : (T,)
        `probability` of `best` (CEAF; Fenwick, Claxton and Sculpher 2001): not the highest probability.
    evpi, evpi_error : (T,)
        Expected value of perfect information and its Monte Carlo standard error.
    loss : (T, K)
        Expected loss of choosing each strategy (Alarid-Escudero et al. 2019); its minimum is the EVPI.
    eib, ib_sd, ib_low, ib_high : (T, K)
        Incremental net benefit against the reference: mean, standard deviation over draws, interval.
    beats : (T, K)
        Share of draws in which the strategy has a higher net benefit than the reference.
    """

    thresholds: Array
    expected_nb: Array
    nb_error: Array
    best: NDArray[np.intp]
    probability: Array
    frontier: Array
    evpi: Array
    evpi_error: Array
    loss: Array
    eib: Array
    ib_sd: Array
    ib_low: Array
    ib_high: Array
    beats: Array


def sweep(effects: Array, costs: Array, thresholds: Array, reference: int, level: float = 0.95) -> Sweep:
    """Compute all exact quantities at all thresholds.

    Parameters
    ----------
    effects, costs : (n, K)
        Draws.
    thresholds : (T,)
        In increasing order.
    reference
        Column of the comparator.
    level
        Of the intervals of the incremental net benefit (percentiles over draws).
    """
    n, k = effects.shape
    lam = np.asarray(thresholds, float)
    rel_e = np.ascontiguousarray((effects - effects[:, [reference]]).T)
    rel_c = np.ascontiguousarray((costs - costs[:, [reference]]).T)
    eib = lam[:, None] * rel_e.mean(1) - rel_c.mean(1)
    expected = lam[:, None] * effects.mean(0) - costs.mean(0)
    best = np.asarray(eib.argmax(1))
    wins, beats, loss, loss_square = _pass(rel_e, rel_c, lam, best)
    evpi = loss / n
    rows = np.arange(len(lam))
    tail = (1 - level) / 2
    low, high = np.zeros((len(lam), k)), np.zeros((len(lam), k))
    for j in range(k):
        if j != reference and n > 1:
            low[:, j] = tail_quantile(rel_e[j], rel_c[j], lam, tail)
            high[:, j] = -tail_quantile(-rel_e[j], -rel_c[j], lam, tail)
    return Sweep(
        thresholds=lam,
        expected_nb=expected,
        nb_error=_sd(effects.T, costs.T, lam) / np.sqrt(n),
        best=best,
        probability=wins / n,
        frontier=wins[rows, best] / n,
        evpi=evpi,
        evpi_error=np.sqrt(np.maximum(loss_square / n - evpi**2, 0.0) / max(n - 1, 1)),
        loss=evpi[:, None] + (eib[rows, best][:, None] - eib),
        eib=eib,
        ib_sd=_sd(rel_e, rel_c, lam),
        ib_low=low,
        ib_high=high,
        beats=beats / n,
    )


def _pass(rel_e: Array, rel_c: Array, lam: Array, best: NDArray[np.intp]) -> tuple[Array, Array, Array, Array]:
    """Go through the draws once: counts of wins (T, K), of draws above the reference (T, K), loss of `best`."""
    k, n = rel_e.shape
    wins, beats = np.zeros((len(lam), k)), np.zeros((len(lam), k))
    loss, square = np.zeros(len(lam)), np.zeros(len(lam))
    for start in range(0, n, _BLOCK):
        e = np.ascontiguousarray(rel_e[:, start : start + _BLOCK])
        c = np.ascontiguousarray(rel_c[:, start : start + _BLOCK])
        nb, top = np.empty_like(e), np.empty(e.shape[1])
        flag = np.empty(e.shape, dtype=bool)
        for t, value in enumerate(lam):
            np.multiply(e, value, out=nb)
            np.subtract(nb, c, out=nb)
            np.maximum.reduce(nb, axis=0, out=top)
            np.greater(nb, 0.0, out=flag)
            beats[t] += np.count_nonzero(flag, axis=1)
            np.equal(nb, top, out=flag)
            count = np.count_nonzero(flag, axis=1)
            wins[t] += count if count.sum() == e.shape[1] else np.bincount(nb.argmax(0), minlength=k)
            np.subtract(top, nb[best[t]], out=top)
            loss[t] += top.sum()
            square[t] += top @ top
    return wins, beats, loss, square


def _sd(effects: Array, costs: Array, lam: Array) -> Array:
    """Return the standard deviation over draws of the net benefit of each row, (T, K), from second moments."""
    n = effects.shape[1]
    if n < 2:
        return np.full((len(lam), len(effects)), np.nan)
    e = effects - effects.mean(1, keepdims=True)
    c = costs - costs.mean(1, keepdims=True)
    ee, ec, cc = ((a * b).sum(1) / (n - 1) for a, b in ((e, e), (e, c), (c, c)))
    variance = lam[:, None] ** 2 * ee - 2 * lam[:, None] * ec + cc
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))  # below zero only by rounding: it is a sum of squares


def tail_quantile(d_effect: Array, d_cost: Array, thresholds: Array, p: float) -> Array:
    """Lower-tail quantile of ``threshold * d_effect - d_cost`` at every threshold, exactly (Hyndman-Fan type 7).

    The net benefit of a draw is linear in the threshold, so between two thresholds it lies between its values at
    the two. A draw whose smaller end lies above the quantile of the larger ends cannot enter the tail in between;
    the others, few, are ranked.

    Parameters
    ----------
    d_effect, d_cost : (n,)
        Increments.
    thresholds : (T,)
        In increasing order.
    p
        Below one half.
    """
    rank = (len(d_effect) - 1) * p
    low = int(rank)
    need = min(low + 1, len(d_effect) - 1)
    out = np.empty(len(thresholds))
    for start in range(0, len(thresholds), _THRESHOLD_BLOCK):
        lam = thresholds[start : start + _THRESHOLD_BLOCK]
        left, right = lam[0] * d_effect - d_cost, lam[-1] * d_effect - d_cost
        bound = np.partition(np.maximum(left, right), need)[need]
        keep = np.minimum(left, right) <= bound
        tail = np.partition(lam[:, None] * d_effect[keep] - d_cost[keep], sorted({low, need}), axis=1)
        out[start : start + len(lam)] = tail[:, low] + (rank - low) * (tail[:, need] - tail[:, low])
    return out
