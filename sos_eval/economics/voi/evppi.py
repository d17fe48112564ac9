"""EVPPI: what it would be worth to know some parameters exactly, from PSA draws by regression.

EVPPI(phi) = E max_d E[NB_d | phi] - max_d E[NB_d] (Strong, Oakley and Brennan 2014). Effects and costs are regressed on
the parameters once; net benefit is linear in them, so every threshold follows from the same fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.ceac import Sweep
from sos_eval.economics.model.psa import Samples
from sos_eval.economics.voi.richer import rules
from sos_eval.economics.voi.smooth import Smooth, smooth
from sos_eval.errors import numeral

__all__ = ["Evppi", "evppi", "evppi_table", "gain"]

Array = NDArray[np.float64]
_REPLICATES = 200
_THIN = 1000  # draws on which the error is evaluated
_Z = 1.96
_SHUFFLES = 5
_ERRORS = 2.0
_RICHER = "by boosted trees out of fold, a lower bound: the splines find less by more than two errors"


@dataclass(frozen=True, slots=True)
class Evppi:
    """Value of knowing one group of parameters.

    Attributes
    ----------
    parameters
        The group.
    evppi, std_error : (T,)
        By threshold.
    smoothed, floor : (T,)
        What the regression finds in the group, and what it finds in the same parameters with their rows shuffled, which
        are worth nothing: the second is taken off the first.
    note
        What the number alone does not show: parameters that do not vary, interactions left out.
    richer : (T,)
        Where boosted trees found more than the smoother, by more than two errors: their value is given.
    """

    parameters: tuple[str, ...]
    evppi: Array
    std_error: Array
    smoothed: Array
    floor: Array
    richer: NDArray[np.bool_]
    note: str = ""


def evppi(
    psa: Samples, parameters: Sequence[str], thresholds: Array, reference: int, rng: np.random.Generator
) -> Evppi:
    """Estimate the EVPPI of one group at all thresholds.

    Parameters
    ----------
    psa
        Draws with parameters.
    parameters
        The group; a parameter that does not vary drops out, it is known already.
    thresholds : (T,)
        Value of a unit of effect.
    reference
        Column of the comparator.
    rng
        For the standard error.
    """
    names, lam = tuple(parameters), np.asarray(thresholds, float)
    x = psa.param(names)
    x = x[:, x.std(0) > 1e-12 * np.abs(x.mean(0))]
    if not x.shape[1]:
        zero = np.zeros(len(lam))
        note = "these parameters do not vary: they are known already"
        return Evppi(names, zero, zero, zero, zero, np.zeros(len(lam), bool), note)
    smoothed, error = gain(psa, x, lam, reference, rng)
    floor, spread = _floor(psa, x, lam, reference, rng)
    value, error = smoothed - floor, np.hypot(error, spread)
    richer = np.zeros(len(lam), bool)
    if x.shape[1] > 1:
        held = rules(x, *_increments(psa, reference), lam, rng)
        richer = held.excess > _ERRORS * held.excess_error
        value, error = np.where(richer, held.value, value), np.where(richer, held.error, error)
    note = "more than 30 parameters: fitted without interactions" if x.shape[1] > 30 and not richer.all() else ""
    return Evppi(names, value, error, smoothed, floor, richer, note)


def _floor(psa: Samples, x: Array, lam: Array, reference: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the value that the regression finds in shuffled parameters, and its standard error, (T,) each."""
    outcomes = np.column_stack(_increments(psa, reference))
    found = []
    for _ in range(_SHUFFLES):
        shuffled = x[rng.permutation(len(x))]
        effect, cost = np.split(smooth(shuffled, outcomes).fitted(shuffled), 2, axis=1)
        found.append(_gain(effect, cost, lam)[0])
    return np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(_SHUFFLES)


def _increments(psa: Samples, reference: int) -> tuple[Array, Array]:
    """Return effects and costs against the comparator, (n, K - 1) each."""
    others = [j for j in range(len(psa.strategies)) if j != reference]
    effect, cost = (table[:, others] - table[:, [reference]] for table in (psa.effects, psa.costs))
    return effect, cost


def gain(psa: Samples, x: Array, lam: Array, reference: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the value of deciding with x known, and its standard error, (T,) each.

    The error has two parts, added as variances: that of the regression (coefficients drawn around their estimate, on a
    spread of draws) and that of averaging over a finite number of draws.
    """
    fit = smooth(x, np.column_stack(_increments(psa, reference)))
    effect, cost = np.split(fit.fitted(x), 2, axis=1)
    value, sampling = _gain(effect, cost, lam)
    return value, np.hypot(_fit_error(fit, x, lam, effect.shape[1], rng), sampling)


def _gain(effect: Array, cost: Array, lam: Array) -> tuple[Array, Array]:
    """Average the best of the fitted increments (and of none), less the best on average; and its sampling error."""
    effect, cost = np.ascontiguousarray(effect.T), np.ascontiguousarray(cost.T)  # strategies first: fast maxima
    value, error = np.empty(len(lam)), np.empty(len(lam))
    for t, price in enumerate(lam):
        nb = price * effect - cost
        means = nb.mean(1)
        top = np.maximum(nb.max(0), 0.0)
        if means.max() > 0:
            top -= nb[int(means.argmax())]
        value[t], error[t] = top.mean(), top.std() / np.sqrt(len(top))
    return value, error


def _fit_error(fit: Smooth, x: Array, lam: Array, k: int, rng: np.random.Generator) -> Array:
    """Spread of the value over coefficients drawn around their estimate, (T,)."""
    rows = np.unique(np.linspace(0, len(x) - 1, _THIN).astype(int))
    drawn = fit.draw_coef(_REPLICATES, rng)
    columns = fit.columns(x[rows])
    moved = np.stack([columns @ drawn[:, :, j].T for j in range(2 * k)])  # (2k, rows, replicates)
    effect, cost = moved[:k], moved[k:]
    effect_mean, cost_mean = effect.mean(1), cost.mean(1)
    out, nb = np.empty(len(lam)), np.empty_like(effect)
    for t, price in enumerate(lam):
        np.multiply(effect, price, out=nb)
        nb -= cost
        best = np.maximum((price * effect_mean - cost_mean).max(0), 0.0)
        out[t] = (np.maximum(nb.max(0), 0.0).mean(0) - best).std(ddof=1)
    return out


def evppi_table(results: Sequence[Evppi], swept: Sweep) -> pd.DataFrame:
    """Lay the results out, and say where a bound is broken; nothing is clipped.

    Knowing a group is worth at least what knowing a part of it is, and at most the EVPI. An estimate outside is
    reported as it is, with the size of the break in standard errors.
    """
    tables = []
    for one in results:
        table = pd.DataFrame({"parameters": "+".join(one.parameters), "threshold": swept.thresholds})
        table["evppi"], table["std_error"], table["note"] = one.evppi, one.std_error, one.note
        table.loc[one.richer, "note"] = _RICHER
        table["smoothed"], table["noise_floor"] = one.smoothed, one.floor
        over = one.evppi - swept.evpi
        _mark(table, over, np.hypot(one.std_error, swept.evpi_error), swept.evpi, "above the EVPI")
        for part in results:
            if part is not one and set(part.parameters) < set(one.parameters):
                words = f"below its part {'+'.join(part.parameters)}"
                error = np.hypot(one.std_error, part.std_error)
                _mark(table, part.evppi - one.evppi, error, swept.evpi, words)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _in_errors(excess: float, error: float) -> str:
    """Say how many standard errors a break is."""
    if not error > 0:
        return "no standard error"
    size = excess / error
    return f"{size:.1f} standard errors" if size >= 0.05 else "less than a tenth of a standard error"


def _mark(table: pd.DataFrame, excess: Array, error: Array, evpi: Array, words: str) -> None:
    """Add a sentence to the rows in which a bound is broken by more than rounding."""
    for t in np.flatnonzero(excess > 1e-9 * (1e-12 + evpi)).tolist():
        sizes = _in_errors(float(excess[t]), float(error[t]))
        size = (
            f"{words} by {numeral(excess[t], 4)} ({sizes}{': more than chance' if excess[t] > _Z * error[t] else ''})"
        )
        table.loc[t, "note"] = "; ".join(part for part in (str(table.loc[t, "note"]), size) if part)
