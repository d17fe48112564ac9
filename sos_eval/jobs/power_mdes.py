"""The minimum detectable effects of a study, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.jobs.diagnosands import RowDraws
from sos_eval.jobs.line_rows import JOINT, LEADING, ROW_KEYS
from sos_eval.jobs.mdes import Detectable, by_interpolation, by_shift
from sos_eval.jobs.montecarlo import Study, prepared
from sos_eval.numerics.random import stream

__all__ = ["detectable"]

EFFECT = "world.effect.size"


def detectable(
    table: pd.DataFrame, drawn: list[RowDraws], swept: list[str], study: Study, target: float
) -> pd.DataFrame:
    """Find minimum detectable effects: between swept effects, or by shifting the draws."""
    effects = _effect_keys(study)
    found: list[dict[str, Any]] = []
    for named, group in _groups(table, effects, swept):
        if effects[named["outcome"]] in swept and len(group) > 1:
            rng = stream(study.seed, "mdes", len(found))
            one = by_interpolation(
                group["true_effect"].to_numpy(float), group["power"].to_numpy(float),
                group["reps"].to_numpy(float), target, rng,
                np.array([drawn[int(i)].rejects for i in group.index]),
            )  # fmt: skip
        else:
            one = _by_shift(drawn[int(group.index[0])], named, target)
        sign = -1.0 if group["true_effect"].sum() < 0 else 1.0
        sizes = [np.exp(sign * one_size) if named["scale"] == "ratio" else one_size for one_size in one.sizes]
        named |= {"target_power": target, **dict(zip(("mdes", "mdes_low", "mdes_high"), sizes, strict=True))}
        found.append(named | {"how": one.how, "reason": one.reason})
    others = [key for key in swept if any(key != own for own in effects.values())]
    first = [*LEADING, *others, "target_power", "level", "mdes", "mdes_low", "mdes_high"]
    columns = [*first, "estimand", "scale", "how", "reason"]
    return pd.DataFrame(found, columns=columns)


def _effect_keys(study: Study) -> dict[str, str]:
    """Return the key of the world that holds each outcome's effect."""
    keys = {}
    for ready in prepared(study, 0)[1]:
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
