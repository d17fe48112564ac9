"""Power by formula, where theory gives one: the cross-check of the simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.montecarlo.diagnosands import RowDraws, true_effect
from sos_eval.montecarlo.line.compiled import Ready
from sos_eval.montecarlo.line.rows import JOINT, LEADING
from sos_eval.montecarlo.mdes import normal_mdes, normal_power
from sos_eval.montecarlo.needed import found_sizes
from sos_eval.montecarlo.point import CompiledPoint
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array, Panel
from sos_eval.worlds.adoption import Selectivity
from sos_eval.worlds.frame import Frame
from sos_eval.worlds.outcomes import WorldOutcome

__all__ = ["Detects", "formula_rows", "formula_table", "pre_post", "serial_error", "stepped_wedge_error"]


@dataclass(frozen=True)
class Detects:
    """An error by formula and what it can detect.

    Attributes
    ----------
    std_error
        Of the estimate.
    mdes
        Effect with the target power in a two-sided normal test, in the outcome's units.
    share
        The same as a share of the mean outcome.
    """

    std_error: float
    mdes: float
    share: float


def pre_post(
    outcome: Array, post: NDArray[np.bool_], n_treated: int, *, target: float = 0.8, level: float = 0.95
) -> Detects:
    """Return what a two-period comparison of changes can detect, from the spread of real changes.

    Every unit's change is its mean after less its mean before; with the standard deviation s of changes the error is
    ``s sqrt(1/n1 + 1/n0)``: that of the difference of two mean changes of equal variance.

    Parameters
    ----------
    outcome : (n, n_times)
        Untreated outcomes.
    post : (n_times,)
        True in the periods after the start.
    n_treated
        How many of the n units would be treated.
    """
    after = np.asarray(post, bool)
    change = outcome[:, after].mean(1) - outcome[:, ~after].mean(1)
    n = len(change)
    error = float(change.std(ddof=1) * np.sqrt(1 / n_treated + 1 / (n - n_treated)))
    mdes = normal_mdes(error, target, level)
    return Detects(error, mdes, mdes / float(outcome.mean()))


def serial_error(
    *, n: int, n_treated: int, before: int, after: int, variance: float, rho: float, noise: float = 0.0
) -> float:
    """Return the error of a difference in differences whose errors follow an AR(1), plus independent noise.

    Burlig, Preonas and Woerman (2020), equation 2: the variance of the estimate is ``1/(P(1-P)J)`` times
    ``(m+r)/(mr) s2 + (m-1)/m psi_B + (r-1)/r psi_A - 2 psi_X``, with m periods before and r after and psi the mean
    covariances within the periods before, within those after, and across.

    Parameters
    ----------
    n, n_treated
        Units, and those treated.
    before, after
        Periods, m and r.
    variance, rho
        Of the AR(1).
    noise
        Variance of independent noise, added to s2 only.
    """
    m, r = before, after
    within = [variance * rho ** abs(s - t) for t in range(m) for s in range(t)]
    later = [variance * rho ** abs(s - t) for t in range(r) for s in range(t)]
    across = [variance * rho ** (m + s - t) for t in range(m) for s in range(r)]
    psi_b, psi_a = (float(np.mean(one)) if one else 0.0 for one in (within, later))
    share = n_treated / n
    spread = (m + r) / (m * r) * (variance + noise) + (m - 1) / m * psi_b + (r - 1) / r * psi_a - 2 * np.mean(across)
    return float(np.sqrt(spread / (share * (1 - share) * n)))


def stepped_wedge_error(treated: Array, *, variance: float, between: float) -> float:
    """Return the error of the effect in a stepped wedge with known variances.

    Hussey and Hughes (2007), equation 8. ``between`` infinite gives fixed unit effects: two-way regression.

    Parameters
    ----------
    treated : (n, n_times)
        Ones where a unit is treated.
    variance, between
        Of a unit-period mean about its expectation, and of units' levels.
    """
    x = np.asarray(treated, float)
    n, t = x.shape
    u, w, v = x.sum(), (x.sum(0) ** 2).sum(), (x.sum(1) ** 2).sum()
    if np.isinf(between):
        return float(np.sqrt(n * variance * t / (u**2 + n * t * u - t * w - n * v)))
    bottom = (n * u - w) * variance + (u**2 + n * t * u - t * w - n * v) * between
    return float(np.sqrt(n * variance * (variance + t * between) / bottom))


CHANGES = "spread of changes"
SERIAL = "Burlig, Preonas and Woerman (2020), equation 2"
WEDGE = "Hussey and Hughes (2007), equation 8, with fixed unit effects"
COLUMNS = (
    "formula", "std_error", "sd_estimate", "sd_estimate_mcse", "power_by_formula", "power", "power_mcse",
    "mdes_by_formula", "level", "reason", "mdes_fall", "mdes_fall_mcse", "mdes_rise", "mdes_rise_mcse",
)  # fmt: skip
#: Outcomes on which an estimator and a formula's comparison have to agree, and how closely.
TRIALS, AGREED = 3, 1e-9


class _NoFormulaError(Exception):
    """Why theory gives none."""


@dataclass(frozen=True)
class _Comparison:
    """A way to compare: what each outcome counts in the estimate, (n, n_times).

    Attributes
    ----------
    before, after
        How many periods before the one start enter, and from it on; 0 for two-way regression over several starts.
    """

    weights: Array
    before: int = 0
    after: int = 0


def formula_rows(
    point: CompiledPoint, rows: Sequence[Mapping[str, Any]], own: Sequence[RowDraws], target: float
) -> list[dict[str, Any]]:
    """Give a point's overall effects their error, power and detectable effect by formula, or say why there is none.

    Parameters
    ----------
    rows, own
        The point's rows with their diagnosands, and the draws of each.
    """
    ready = {(one.line.id, one.source.active): one for one in point.lines}
    known: dict[tuple[str, str, str], dict[str, Any]] = {}
    found = []
    for row, draws in zip(rows, own, strict=True):
        if row["aggregation"] != "overall" or str(row["inference"]).endswith(JOINT):
            continue
        who = row["estimator"], row["outcome"], row["scale"]
        if who not in known:  # whichever the inference, the formula is the same
            known[who] = _theory(point.frame, ready[who[:2]], who[2])
        one = {**row, **known[who], "target_power": target}
        if not one["reason"]:
            error, level = one["std_error"], float(row["level"])
            one["power_by_formula"] = normal_power(true_effect(draws), error, level)
            one["mdes_by_formula"] = normal_mdes(error, target, level)
            one |= found_sizes(draws, target)
        found.append(one)
    return found


def formula_table(rows: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> pd.DataFrame:
    """Lay out `formulas.csv`."""
    return pd.DataFrame(rows, columns=[*LEADING, *swept, "target_power", *COLUMNS])


def _theory(frame: Frame, ready: Ready, scale: str) -> dict[str, Any]:
    """Return the formula of a line with its error, or the reason why there is none."""
    try:
        name, error = _by_theory(frame, ready, scale)
    except _NoFormulaError as why:
        return {"reason": str(why)}
    return {"formula": name, "std_error": error, "reason": ""}


def _by_theory(frame: Frame, ready: Ready, scale: str) -> tuple[str, float]:
    """Return which formula holds for a line and the error that it gives."""
    panel, effect = ready.panel, frame.world.effect
    if scale == "ratio":
        raise _NoFormulaError("a ratio has no formula here")
    beside = [name for name in ("anticipation", "spillover", "contamination") if getattr(effect, name) is not None]
    if beside:
        raise _NoFormulaError(f"the world's {', '.join(beside)} moves the estimate away from its effect")
    if ready.reference.comparison is not None and ready.reference.comparison.uses_outcomes:
        raise _NoFormulaError("the comparison group is chosen by outcomes")
    if not panel.is_balanced or panel.weighted or panel.n_clusters != panel.n_units:
        raise _NoFormulaError("gaps, weights and clusters above the unit have no formula here")
    if frame.rates is not None:
        if panel.outcome.transform != "none":
            raise _NoFormulaError("the logarithm of a real panel's outcome has no formula here")
        per = panel.outcome.per / frame.world.outcome.per if panel.outcome.counted else 1.0
        return CHANGES, _of_changes(frame, per * frame.rates[ready.drawn], panel, _comparison(ready))
    if panel.outcome.transform != "none":
        raise _NoFormulaError("the logarithm of an outcome has no formula here")
    spec = _fixed_but_noise(frame, ready)
    return _of_a_world(spec, panel, _comparison(ready))


def _comparison(ready: Ready) -> _Comparison:
    """Find the formula's comparison that a line makes."""
    panel, method = ready.panel, ready.line.method
    outcomes = stream(0, "formulas").uniform(10, 20, (TRIALS, panel.n_units, panel.n_times))
    batch = method.compile(panel, _overall).apply(outcomes)
    for one in _comparisons(panel):
        own = np.einsum("rnt,nt->r", outcomes, one.weights)
        if np.allclose(own[:, None], batch.values, rtol=0, atol=AGREED):
            return one
    raise _NoFormulaError(f"no formula is known here for how {method.name} compares")


def _overall(cells: pd.DataFrame) -> NDArray[np.intp]:
    return np.flatnonzero((cells["aggregation"] == "overall") & (cells["scale"] != "ratio"))[:1]


def _comparisons(panel: Panel) -> list[_Comparison]:
    """Return the ways to compare that have a formula: changes from all periods before or the last, and regression."""
    ever, treated = panel.ever_treated, _treated(panel)
    if len(panel.cohorts) == 1 and not ever.all():
        r = int((panel.times >= panel.cohorts[0]).sum())
        m = panel.n_times - r
        side = np.where(ever, 1 / ever.sum(), -1 / (~ever).sum())
        change = {k: np.r_[np.zeros(m - k), np.full(k, -1 / k), np.full(r, 1 / r)] for k in (m, 1)}
        return [_Comparison(np.outer(side, one), k, r) for k, one in change.items()]
    left = treated - treated.mean(0) - treated.mean(1, keepdims=True) + treated.mean()
    return [_Comparison(left / (left**2).sum())] if (left**2).sum() > AGREED else []


def _treated(panel: Panel) -> Array:
    """Return ones where a unit is treated, (n, n_times)."""
    return (panel.times >= panel.first_treated[:, None]).astype(float)


def _of_changes(frame: Frame, rates: Array, panel: Panel, compared: _Comparison) -> float:
    """Return the error over placebo adoptions of a real panel, all of whose authorities are as likely to start."""
    adoption = frame.world.adoption
    if adoption.selection != Selectivity() or adoption.regions or not frame.table["eligible"].all():
        raise _NoFormulaError("not all authorities of the real panel are as likely to start")
    if panel.n_units != len(frame.table) or panel.n_times != len(frame.world.periods):
        raise _NoFormulaError("units or periods of the real panel are left out")
    if not compared.before:
        raise _NoFormulaError("several starts on a real panel have no formula here")
    entering = compared.before + compared.after
    post = np.arange(entering) >= compared.before
    return pre_post(rates[:, -entering:], post, int(panel.ever_treated.sum())).std_error


def _of_a_world(spec: WorldOutcome, panel: Panel, compared: _Comparison) -> tuple[str, float]:
    """Return the formula and error for values with fading shocks and noise around fixed effects."""
    fading, noise = spec.persistence, spec.noise_sd**2
    if compared.before:
        return SERIAL, serial_error(
            n=panel.n_units, n_treated=int(panel.ever_treated.sum()), before=compared.before, after=compared.after,
            variance=fading.sd**2, rho=fading.rho, noise=noise,
        )  # fmt: skip
    if fading.sd:
        raise _NoFormulaError("several starts under shocks that fade have no formula here")
    return WEDGE, stepped_wedge_error(_treated(panel), variance=noise, between=np.inf)


def _fixed_but_noise(frame: Frame, ready: Ready) -> WorldOutcome:
    """Return the line's outcome as declared, where nothing varies over draws but shocks that fade and noise."""
    world = frame.world
    spec = next(one for one in world.outcomes if one.name == ready.drawn)
    varying = {
        "counts": spec.counted,
        "link: log": spec.link == "log",
        "own trends": spec.trend_sd > 0,
        "shocks of varying size or place": any(one.spread or one.authorities for one in spec.shocks),
        "gaps": world.missing.share > 0,
        "mediators": world.theory is not None,
    }
    if there := [name for name, yes in varying.items() if yes]:
        raise _NoFormulaError(f"no formula is known here for a world with {', '.join(there)}")
    return spec
