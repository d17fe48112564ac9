"""A world held against a real panel: the moments of both, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.declare import seeded
from sos_eval.errors import Fault, InputFault
from sos_eval.numerics.random import stream
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.moments import moments
from sos_eval.worlds.real_panel import RealPanel, real_authorities
from sos_eval.worlds.world import World, load_world

__all__ = ["compare_moments", "panel_of"]

Array = NDArray[np.float64]
FRAMES, DRAWS = 10, 40

#: A spread between draws that is a smaller part of the mean is rounding.
ROUNDING = 1e-12


def panel_of(path: str | Path, world: World) -> RealPanel:
    """Return how a real panel is read: from a world with a `panel:` block, or a CSV in the world's own columns."""
    if str(path).endswith((".yaml", ".yml")):
        other = load_world(path)
        if other.panel is None:
            raise InputFault(
                Fault(str(path), "--compare: this world has no panel", "name a CSV file, or a world with panel:")
            )
        return other.panel
    names = world.columns
    return RealPanel(
        path=str(path), unit=names.unit, time=names.time, count=world.outcome.name, exposure=names.exposure,
        deprivation=world.authorities.deprivation.name,
    )  # fmt: skip


def compare_moments(
    world: World, panel: RealPanel, *, seed: int | None = None, first: int | None = None
) -> pd.DataFrame:
    """Compute the same moments of a world's draws and of a real panel.

    Parameters
    ----------
    first
        First period that is compared; the world's own first one unless given.

    Returns
    -------
    DataFrame
        ``moment, what, real, world, world_sd, distance``: the real value, the world's mean and standard deviation
        over draws and frames, and how many of those the two are apart.
    """
    if not world.outcome.counted or world.panel is not None:
        raise InputFault(Fault(f"world {world.name}", "--compare: only a drawn world of counts is compared"))
    times = world.periods[world.periods >= (first or world.times.first)]
    table, exposure, (rates,) = real_authorities(panel, times, world.outcome.per)
    if (rates <= 0).any():
        raise InputFault(Fault(panel.path, "--compare: a count of zero has no logarithm", "exclude that authority"))
    score = table["deprivation"].to_numpy(float)
    real = moments(rates * exposure / world.outcome.per, exposure, score, times, world.outcome.per)
    drawn = _drawn(world, times, seeded(seed, world.seed))
    out = real[["moment", "what", "value"]].rename(columns={"value": "real"})
    out["world"], out["world_sd"] = drawn.mean(0), drawn.std(0, ddof=1)
    spread = out["world_sd"].where(out["world_sd"] > ROUNDING * out["world"].abs())
    return out.assign(distance=(out["world"] - out["real"]) / spread)


def _drawn(world: World, times: Array, seed: int) -> Array:
    """Return the moments of every draw, (draws, moments)."""
    late = np.isin(world.periods, times)
    rows = []
    for frame in range(FRAMES):
        draws = draw_world(world, stream(seed, "compare", frame), DRAWS)
        score = draws.frame.table["deprivation"].to_numpy(float)
        if np.isnan(draws.observed[..., late]).any():
            what = "--compare: the drawn panel has gaps, and moments are of whole panels"
            raise InputFault(Fault(f"world {world.name}", what, "take out mergers and missing"))
        if (draws.observed[..., late] == 0).any():
            what = "--compare: some drawn counts are zero, which have no logarithm"
            raise InputFault(Fault(f"world {world.name}", what, "raise outcome.mean or population.minimum"))
        for observed in draws.observed[..., late]:
            one = moments(observed, draws.frame.exposure[:, late], score, times, world.outcome.per)
            rows.append(one["value"].to_numpy(float))
    return np.array(rows)
