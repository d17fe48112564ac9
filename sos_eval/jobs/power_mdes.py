"""The minimum detectable effects of a study, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.jobs.diagnosands import RowDraws
from sos_eval.jobs.line_rows import JOINT, LEADING, ROW_KEYS
from sos_eval.jobs.mdes import Detectable, by_interpolation, by_shift
from sos_eval.jobs.montecarlo import Study
from sos_eval.numerics.random import stream

__all__ = ["detectable"]

EFFECT = "world.effect.size"


def detectable(
    table: pd.DataFrame, drawn: list[RowDraws], swept: list[str], study: Study, target: float
) -> pd.DataFrame:
    """Find minimum detectable effects: between swept effects, or by shifting the draws."""
    others = [key for key in swept if key != EFFECT]
    keys = [*ROW_KEYS, *others]
    found = []
    for number, (key, group) in enumerate(table.groupby(keys, sort=False, dropna=False)):
        named = dict(zip(keys, key if isinstance(key, tuple) else (key,), strict=True))
        if EFFECT in swept and len(group) > 1:
            rng = stream(study.seed, "mdes", number)
            one = by_interpolation(
                group["true_effect"].to_numpy(float), group["power"].to_numpy(float),
                group["reps"].to_numpy(float), target, rng,
            )  # fmt: skip
        else:
            one = _by_shift(drawn[int(group.index[0])], named, target)
        sign = -1.0 if group["true_effect"].sum() < 0 else 1.0
        sizes = [np.exp(sign * one_size) if named["scale"] == "ratio" else one_size for one_size in one.sizes]
        named |= {"target_power": target, **dict(zip(("mdes", "mdes_low", "mdes_high"), sizes, strict=True))}
        found.append(named | {"how": one.how, "reason": one.reason})
    columns = [
        *LEADING,
        *others,
        "target_power",
        "level",
        "mdes",
        "mdes_low",
        "mdes_high",
        "estimand",
        "scale",
        "how",
        "reason",
    ]
    return pd.DataFrame(found, columns=columns)


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
