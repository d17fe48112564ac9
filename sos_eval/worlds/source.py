"""A drawn world as a table of data, as a file would hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.declare import read_yaml, seeded
from sos_eval.numerics.random import stream
from sos_eval.worlds.children import children_from, is_of_children
from sos_eval.worlds.children_source import children_frame, children_tables
from sos_eval.worlds.draw import draw_outcomes
from sos_eval.worlds.draws import Draws
from sos_eval.worlds.effects import share_left
from sos_eval.worlds.frame import draw_frame
from sos_eval.worlds.ways import WAYS, ways_of
from sos_eval.worlds.world import World, world_from

__all__ = ["KnownEffects", "data_of", "draw_once", "known_effects", "world_frame"]


def draw_once(world: World, seed: int | None = None) -> Draws:
    """Draw one panel of a world: the same seed gives the same bytes."""
    used = seeded(seed, world.seed)
    frame = draw_frame(world, stream(used, "frame"))
    return draw_outcomes(world, frame, stream(used, "draw"), 1)


def world_frame(path: str | Path, seed: int | None = None) -> pd.DataFrame:
    """Draw one panel, or the events of a world of children, from a world's file: what ``source: world`` reads."""
    document = read_yaml(path)
    if is_of_children(document):
        return children_frame(document, seed)
    return data_of(draw_once(world_from(document), seed))


@dataclass(frozen=True)
class KnownEffects:
    """The true effects of what `world_frame` draws.

    Attributes
    ----------
    overall
        ``outcome, scale, true_effect``: the average over the treated that the world itself states.
    whose
        Over whom that average is.
    cells
        By ``outcome, unit, time, phase``: expected outcomes ``without`` and ``with_it``, and how many ``rows`` (or
        people) stand behind each. Of events ``without`` is zero and ``with_it`` the average effect.
    per
        What the world's rates are per, by outcome; an outcome that is no rate is not in it.
    ways
        What of the first outcome's effect runs through each measured mediator; see `ways.ways_of`.
    """

    overall: pd.DataFrame
    whose: str
    cells: pd.DataFrame
    per: Mapping[str, float] = field(default_factory=dict)
    ways: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(WAYS)))


def known_effects(path: str | Path, seed: int | None = None) -> KnownEffects:
    """Return the effects that a world's file is known to have, in what `world_frame` draws of it."""
    document = read_yaml(path)
    if is_of_children(document):
        tables = children_tables(children_from(document), seed)
        whose = "the average over the events of the treated after full embedding"
        cells = tables["effects"].rename(columns={"effect": "with_it"}).assign(without=0.0)
        cells["unit"] = cells["unit"].astype(str)
        return KnownEffects(_whole_effects(tables["truth"]), whose, cells)
    world = world_from(document)
    draws = draw_once(world, seed)
    truth = draws.truth
    truth = truth if "outcome" in truth else truth.assign(outcome=world.outcome.name)
    every = {world.outcome.name: draws, **draws.further}
    cells = pd.concat([_cells_of(one).assign(outcome=name) for name, one in every.items()], ignore_index=True)
    whose = "the average over the treated and their periods from the start on, in this draw"
    per = {one.name: one.per for one in world.outcomes if one.counted}
    return KnownEffects(_whole_effects(truth), whose, cells, per, ways_of(draws))


def _whole_effects(truth: pd.DataFrame) -> pd.DataFrame:
    whole = truth[(truth["aggregation"] == "overall") & truth["subgroup"].isin(["", None])]
    return whole[["outcome", "scale", "true_effect"]].dropna().reset_index(drop=True)


def _cells_of(draws: Draws) -> pd.DataFrame:
    """Lay out expected outcomes by authority and period; the authorities themselves where places were moved."""
    times, units = draws.frame.world.periods, np.array(list(map(str, draws.frame.units)), object)
    without, with_it = (draws.by_authority(one[0], 0) for one in (draws.untreated, draws.expected))
    return pd.DataFrame({
        "unit": np.repeat(units, len(times)), "time": np.tile(times, len(units)), "phase": "",
        "without": without.ravel(), "with_it": with_it.ravel(), "rows": draws.frame.children.ravel(),
    })  # fmt: skip


def data_of(draws: Draws) -> pd.DataFrame:
    """Lay out the first draw as users' data: a row per authority and period, ``first_treated`` 0 for never."""
    frame, world = draws.frame, draws.frame.world
    n, n_times = draws.observed.shape[1:]
    first_treated, observed = draws.placed(0)
    starts = np.where(np.isfinite(first_treated), first_treated, 0).astype(int)
    data: dict[str, Any] = {
        world.columns.unit: np.repeat(np.array(frame.units, dtype=int if frame.rates is None else object), n_times),
        world.columns.time: np.tile(world.periods.astype(int), n),
        frame.region_column: np.repeat(frame.table["region"].to_numpy(object), n_times),
        "first_treated": np.repeat(starts, n_times),
    }
    if any(one.counted for one in world.outcomes):
        data[world.columns.exposure] = frame.exposure.ravel().astype(int)
    data[world.outcome.name] = observed.ravel()
    data |= {name: one.placed(0)[1].ravel() for name, one in draws.further.items()}
    for name in frame.columns[1:]:
        data[name] = np.repeat(frame.table[name].to_numpy(), n_times)
    if world.effect.fidelity:
        since = np.maximum(world.periods - np.where(starts > 0, starts, np.inf)[:, None], 0.0)
        own = draws.by_authority(frame.fidelity, 0)[:, None] * share_left(world.effect.fidelity, since)
        data["fidelity"] = np.round(own, 4).ravel()
    data |= {name: values[0].ravel() for name, values in draws.mediators.items()}
    table = pd.DataFrame(data)
    if frame.geography is not None:
        table = table[frame.shown.ravel()].reset_index(drop=True)
    for one in world.outcomes if frame.rates is None else ():
        if one.counted:
            table[one.name] = _whole(table[one.name].to_numpy(float))
    return table


def _whole(counts: np.ndarray) -> pd.Series | np.ndarray:
    """Return whole numbers; where some are not seen, whole numbers that can be missing."""
    if np.isfinite(counts).all():
        return counts.astype(int)
    return pd.Series(counts).astype("Int64")
