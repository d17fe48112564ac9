"""A drawn world of children as tables of data, as files would hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.declare import Document, seeded
from sos_eval.worlds.children import EVENTS, ChildWorld, children_from
from sos_eval.worlds.children_draw import PHASES, DrawnChildren, draw_children
from sos_eval.worlds.truth import TRUTH_COLUMNS

__all__ = ["children_frame", "children_tables", "files_of"]


#: What is written beside the events.
_FURTHER = ("authorities", "register", "sets", "truth", "effects")


def children_tables(world: ChildWorld, seed: int | None = None) -> dict[str, pd.DataFrame]:
    """Draw a world of children: the same seed gives the same tables.

    Returns
    -------
    dict
        ``events``, ``authorities`` (by year), ``register`` (windows of the pilots), ``sets`` (treated, comparison) and
        ``truth``: the average effect on the pilots' events after embedding, by outcome; and ``effects``: the average by
        outcome, pilot, year and phase (before the start, in the window, embedded), with the number of events.
    """
    drawn = draw_children(world, seeded(seed, world.seed))
    pilots = world.children.pilots
    register = [(name, pilot.start.isoformat(), pilot.embedded.isoformat()) for name, pilot in pilots.items()]
    pairs = [(name, other) for name, pilot in pilots.items() for other in pilot.comparators]
    return {
        "events": _dated(drawn.events), "authorities": drawn.authorities,
        "register": pd.DataFrame(register, columns=["unit", "first_treated", "embedded"]),
        "sets": pd.DataFrame(pairs, columns=["treated", "comparison"]), "truth": _truth(drawn),
        "effects": _effects(drawn, world),
    }  # fmt: skip


def children_frame(document: Document, seed: int | None = None) -> pd.DataFrame:
    """Draw the events of a world's file, as ``panel: {source: world}`` reads them."""
    return children_tables(children_from(document), seed)["events"]


def files_of(out: Path) -> dict[str, Path]:
    """Return where the tables of a drawn world are written: ``P.csv`` -> ``P.csv``, ``P.authorities.csv`` and so on."""
    further = {name: out.with_name(f"{out.stem}.{name}.csv") for name in _FURTHER}
    return {"events": out, **further}


def _dated(events: pd.DataFrame) -> pd.DataFrame:
    """Write days as text, 2014-10-01; empty where there is none."""
    days = {name: column for name, column in events.items() if pd.api.types.is_datetime64_any_dtype(column)}
    texts = {str(name): column.dt.strftime("%Y-%m-%d").fillna("") for name, column in days.items()}
    return events.assign(**texts)


def _effects(drawn: DrawnChildren, world: ChildWorld) -> pd.DataFrame:
    """Average the effects on pilots' events by outcome, pilot, year and phase."""
    rows = pd.concat([part.assign(outcome=name) for name, parts in drawn.effects.items() for part in parts])
    names = np.array(world.children.authorities, object)
    rows = rows.assign(unit=names[rows["place"].to_numpy(int)], time=rows["year"] + world.times.first)
    by = rows.groupby(["outcome", "unit", "time", "phase"], sort=True)["effect"].agg(["mean", "size"]).reset_index()
    return by.rename(columns={"mean": "effect", "size": "rows"})


def _truth(drawn: DrawnChildren) -> pd.DataFrame:
    """Lay out the average effects in the key columns of an effect table, and whose they are."""

    def rows() -> Iterator[dict[str, object]]:
        for name in EVENTS:
            parts = [part.loc[part["phase"] == PHASES[-1], "effect"].to_numpy(float) for part in drawn.effects[name]]
            effect = np.concatenate([*parts, np.empty(0)])
            keys = {"estimand": "att", "aggregation": "overall", "subgroup": "", "scale": "value"}
            yield {**keys, "true_effect": float(effect.mean()) if len(effect) else np.nan, "outcome": name}

    return pd.DataFrame(rows()).reindex(columns=[*TRUTH_COLUMNS, "outcome"])
