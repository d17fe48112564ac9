"""Minimum detectable effects from simulated power, with their uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sos_eval.montecarlo.diagnosands import RowDraws, groups_of
from sos_eval.montecarlo.line.rows import JOINT, LEADING, ROW_KEYS
from sos_eval.montecarlo.study import Study
from sos_eval.numerics.clusters import reach
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array

__all__ = ["CENTRED", "Detectable", "by_interpolation", "by_shift", "detectable", "normal_mdes", "normal_power"]

REDRAWS = 2000
INSIDE = (0.025, 0.975)
#: How far from the middle of its interval, as a part of half of it, an estimate may lie for rounding.
CENTRED = 1e-6


@dataclass(frozen=True)
class Detectable:
    """A minimum detectable effect.

    Attributes
    ----------
    mdes, low, high
        Size without a sign, with a 95% Monte Carlo interval; of ratios the distance of the log from zero. NaN with a
        `reason`: all of it, or an end of the interval that no simulated effect reaches.
    how
        ``interpolation`` between effects, or ``shift`` of the drawn estimates.
    """

    mdes: float
    low: float
    high: float
    how: str
    reason: str = ""

    @property
    def sizes(self) -> tuple[float, float, float]:
        """Size and interval."""
        return self.mdes, self.low, self.high


def by_interpolation(
    effects: Array, power: Array, reps: Array, target: float, rng: np.random.Generator,
    rejects: NDArray[np.bool_] | None = None, frames: NDArray[np.intp] | None = None,
) -> Detectable:  # fmt: skip
    """Interpolate power between simulated effect sizes, linearly in its normal score.

    Parameters
    ----------
    effects, power, reps : (k,)
        True effects of one sign (or zero), the share of draws that reject, and the number of draws.
    rng
        For the interval: power is drawn again.
    rejects : (k, n) or None
        Which draws reject at each effect, where the effects share their random numbers: whole draws are drawn again.
        Without it power is drawn again from a binomial distribution, effect by effect.
    frames : (n,) or None
        The frame of each draw: whole frames are drawn again, with all draws on them.

    Notes
    -----
    Power made monotone in the size by pooling adjacent violators before it is read.
    """
    how = "interpolation"
    known = np.isfinite(effects) & np.isfinite(power)
    effects, power, reps = effects[known], power[known], reps[known]
    rejects = None if rejects is None else rejects[known]
    if (effects > 0).any() and (effects < 0).any():
        return Detectable(np.nan, np.nan, np.nan, how, "effects of both signs: sweep one sign at a time")
    order = np.argsort(np.abs(effects))
    size, share, n = np.abs(effects)[order], power[order], reps[order]
    whole = _crossing(size, share, n, target) if len(size) else np.inf
    if not np.isfinite(whole):
        where, other = ("above", "smaller") if whole < 0 else ("below", "larger")
        reason = f"power is {where} {target:g} at every simulated effect: simulate {other} ones"
        return Detectable(np.nan, np.nan, np.nan, how, reason)
    if rejects is None:
        drawn = rng.binomial(n.astype(int), share, (REDRAWS, len(share))) / n
    else:
        drawn = _redrawn(rejects[order], frames, rng)
    crossings = np.array([_crossing(size, one, n, target) for one in drawn])
    low, high = np.quantile(crossings, INSIDE, method="inverted_cdf")
    ends = [float(end) if np.isfinite(end) else np.nan for end in (low, high)]
    return Detectable(whole, ends[0], ends[1], how, _open(low, high))


def _redrawn(rejects: NDArray[np.bool_], frames: NDArray[np.intp] | None, rng: np.random.Generator) -> Array:
    """Draw n of n draws, or of frames, again with replacement, many times: the power at each effect, (REDRAWS, k)."""
    if frames is not None:
        _, member = np.unique(frames, return_inverse=True)
        found = np.array([np.bincount(member, one) for one in rejects])
        chosen = rng.multinomial(found.shape[1], np.full(found.shape[1], 1 / found.shape[1]), REDRAWS)
        return np.asarray(chosen @ found.T / (chosen @ np.bincount(member))[:, None])
    patterns, counts = np.unique(rejects, axis=1, return_counts=True)
    again = rng.multinomial(counts.sum(), counts / counts.sum(), REDRAWS)
    return np.asarray(again @ patterns.T / counts.sum())


def _open(low: float, high: float) -> str:
    """Say which end of the interval no simulated effect reaches."""
    below, above = (
        "below every simulated effect: simulate smaller ones",
        "above every simulated effect: simulate larger ones",
    )
    ends = [f"lower end {below}"] * bool(np.isneginf(low)) + [f"upper end {above}"] * bool(np.isposinf(high))
    return f"interval: {'; '.join(ends)}" if ends else ""


def _crossing(size: Array, share: Array, n: Array, target: float) -> float:
    """Return the smallest size at which monotone power reaches the target; inf beyond all sizes, -inf before all."""
    from scipy.optimize import isotonic_regression

    monotone = isotonic_regression(share, weights=n).x
    if monotone[-1] < target:
        return np.inf
    if monotone[0] > target:
        return -np.inf
    score = ndtri(np.clip(monotone, 0.5 / n, 1 - 0.5 / n))  # the score of 0 or n rejections is that of half a draw
    goal = float(ndtri(target))
    last = int(np.argmax(score >= goal)) if (score >= goal).any() else len(score) - 1
    if last == 0 or score[last] == score[last - 1]:
        return float(size[last])
    share_of_way = (goal - score[last - 1]) / (score[last] - score[last - 1])
    return float(size[last - 1] + share_of_way * (size[last] - size[last - 1]))


def by_shift(draws: RowDraws, target: float) -> Detectable:
    """Find the constant effect that the drawn estimates would detect.

    Around its truth an estimate keeps its error and standard error whatever constant is added to every treated
    outcome, for estimators that are linear in the outcome on an additive scale. So power at an effect d is the
    share of draws with ``|error + d| > (conf_high - conf_low) / 2``, exactly for these draws. The interval comes
    from leaving out groups of draws (a jackknife).
    """
    how = "shift"
    error, half = draws.estimate - draws.true_effect, (draws.conf_high - draws.conf_low) / 2
    usable = np.isfinite(error) & np.isfinite(half)
    if not usable.any():
        return Detectable(np.nan, np.nan, np.nan, how, "no interval to shift: sweep world.effect.size")
    off = np.abs((draws.conf_high + draws.conf_low) / 2 - draws.estimate)[usable]
    if (off > CENTRED * half[usable]).any():
        reason = "intervals are not centred on the estimate, so that draws cannot be shifted: sweep world.effect.size"
        return Detectable(np.nan, np.nan, np.nan, how, reason)
    share = usable.mean()
    if share < target:
        return Detectable(np.nan, np.nan, np.nan, how, f"only {share:.0%} of the draws have an interval")
    size = share * float((np.abs(error[usable]) > half[usable]).mean())
    if size >= target:
        reason = (
            f"the test finds an effect that is not there in {size:.0%} of draws: nothing it finds is told from none"
        )
        return Detectable(np.nan, np.nan, np.nan, how, reason)
    member, groups = groups_of(len(error), draws.frames)
    if not all(usable[member != g].any() for g in range(groups)):
        return Detectable(np.nan, np.nan, np.nan, how, "one draw with an interval shows no spread: draw more")
    whole = _shifted(error, half, usable, target)
    parts = np.array(
        [_shifted(error[member != g], half[member != g], usable[member != g], target) for g in range(groups)]
    )
    spread = float(np.sqrt((groups - 1) / groups * ((parts - parts.mean()) ** 2).sum()))
    shared = 1 if draws.frames is None else len(np.unique(draws.frames))
    wide = reach(shared, len(error)) * spread
    reason = "" if wide < whole else "interval: lower end below no effect: draw more"
    return Detectable(whole, whole - wide if wide < whole else np.nan, whole + wide, how, reason)


def _shifted(error: Array, half: Array, usable: NDArray[np.bool_], target: float) -> float:
    """Bisect for the size at which the mean power over both signs reaches the target."""
    low, high = 0.0, float(np.nanmax(half) + 2 * np.nanmax(np.abs(error)))
    known_error, known_half = error[usable], half[usable]
    scale = usable.mean()
    for _ in range(60):
        size = (low + high) / 2
        up = (np.abs(known_error + size) > known_half).mean()
        down = (np.abs(known_error - size) > known_half).mean()
        if scale * (up + down) / 2 < target:
            low = size
        else:
            high = size
    return (low + high) / 2


def normal_mdes(std_error: float, target: float, level: float) -> float:
    """Return the effect that a normal estimate of known error detects: (z_(1-a/2) + z_target) x error."""
    return float((ndtri((1 + level) / 2) + ndtri(target)) * std_error)


def normal_power(effect: float, std_error: float, level: float) -> float:
    """Return two-sided power of a normal estimate of known error."""
    critical = float(ndtri((1 + level) / 2))
    return float(ndtr(effect / std_error - critical) + ndtr(-effect / std_error - critical))


EFFECT = "world.effect.size"
_UNKNOWN = "the world does not know the true effect of what is estimated: sweep world.effect.size=0 as well"


def detectable(
    table: pd.DataFrame, drawn: list[RowDraws], swept: list[str], study: Study, target: float
) -> pd.DataFrame:
    """Find minimum detectable effects: between swept effects, or by shifting the draws."""
    effects = _effect_keys(study)
    rows: list[dict[str, Any]] = []
    for named, group in _groups(table, effects, swept):
        known = group["true_effect"].notna()
        group = group[known] if known.any() else group.iloc[:1]
        if not known.any():
            size = Detectable(np.nan, np.nan, np.nan, "shift", _UNKNOWN)
        elif effects[named["outcome"]] in swept and len(group) > 1:
            rng = stream(study.seed, "mdes", len(rows))
            size = by_interpolation(
                group["true_effect"].to_numpy(float), group["power"].to_numpy(float),
                group["reps"].to_numpy(float), target, rng,
                np.array([drawn[int(i)].rejects for i in group.index]), drawn[int(group.index[0])].frames,
            )  # fmt: skip
        else:
            size = _by_shift(drawn[int(group.index[0])], named, target)
        sign = -1.0 if group["true_effect"].sum() < 0 else 1.0
        ends = [np.exp(sign * end) if named["scale"] == "ratio" else end for end in size.sizes]
        named |= {"target_power": target, **dict(zip(("mdes", "mdes_low", "mdes_high"), ends, strict=True))}
        rows.append(named | {"how": size.how, "reason": size.reason})
    others = [key for key in swept if any(key != effect for effect in effects.values())]
    first = [*LEADING, *others, "target_power", "level", "mdes", "mdes_low", "mdes_high"]
    columns = [*first, "estimand", "scale", "how", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _effect_keys(study: Study) -> dict[str, str]:
    """Return the key of the world that holds each outcome's effect."""
    keys = {}
    for ready in study.at(0).lines:
        first = ready.drawn == study.points[0].world.outcome.name
        keys[ready.source.active] = EFFECT if first else f"world.further.{ready.drawn}.effect.size"
    return keys


def _groups(
    table: pd.DataFrame, effects: Mapping[str, str], swept: list[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield the rows that differ by their own outcome's effect only, with what they have in common."""
    for outcome, part in table.groupby("outcome", sort=False):
        keys = [*ROW_KEYS, *(key for key in swept if key != effects[str(outcome)])]
        for key, group in part.groupby(keys, sort=False, dropna=False):
            yield dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True)), group


def _by_shift(draws: RowDraws, named: Mapping[str, Any], target: float) -> Detectable:
    """Shift the draws where that is valid: additive effects, and intervals that are centred on the estimate."""
    if named["scale"] == "ratio":
        return Detectable(np.nan, np.nan, np.nan, "shift", "a ratio's draws cannot be shifted: sweep world.effect.size")
    if str(named["inference"]).endswith(JOINT):
        return Detectable(np.nan, np.nan, np.nan, "shift", "checks have to be run again: sweep world.effect.size")
    if named["inference"] == "randomization":
        return Detectable(
            np.nan, np.nan, np.nan, "shift", "randomization has to be drawn again: sweep world.effect.size"
        )
    return by_shift(draws, target)
