"""The job `simulate`: one panel from a declared world, and its true effects beside it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file
from sos_eval.declare import read_yaml
from sos_eval.worlds.children import children_from, is_of_children
from sos_eval.worlds.children_source import children_tables, files_of
from sos_eval.worlds.source import data_of, draw_once
from sos_eval.worlds.world import World, files_read, load_world

__all__ = ["simulate", "truth_path", "write_simulation"]


def simulate(world: World, *, seed: int | None = None) -> pd.DataFrame:
    """Draw one panel from a world.

    Parameters
    ----------
    world
        From `load_world`.
    seed
        The same seed gives the same panel; without one, the world's own.

    Returns
    -------
    pandas.DataFrame
        A row per authority and period, in the world's columns; ``first_treated`` is 0 for never treated.
        ``attrs["truth"]`` holds the true effects in the key columns of an effect table.
    """
    draws = draw_once(world, seed)
    data = data_of(draws)
    data.attrs["truth"] = draws.truth.to_dict("list")
    return data


def truth_path(out: Path) -> Path:
    """Return where the true effects of a drawn panel are written: ``P.csv`` -> ``P.truth.csv``."""
    return out.with_name(f"{out.stem}.truth.csv")


def write_simulation(
    world_path: str | Path, out: str | Path, *, seed: int | None = None, force: bool = False
) -> tuple[Path, Path]:
    """Draw one panel and write it, with its truth beside it; of children, what a design joins to them as well.

    Returns
    -------
    panel, truth
        The two files. Each appears whole or not at all.

    Raises
    ------
    InputFault
        The world is at fault, a file exists and `force` is not given, or the folder cannot be written.
    """
    target = Path(out)
    if is_of_children(read_yaml(world_path)):
        return _write_children(world_path, target, seed=seed, force=force)
    refuse_target(target, [truth_path(target)] if target.name else [], "a simulated panel", force=force)
    world = load_world(world_path)
    refuse_inputs([target, truth_path(target)], [Path(world_path), *files_read(world_path)])
    draws = draw_once(world, seed)
    for file, table in ((target, data_of(draws)), (truth_path(target), draws.truth)):
        write_file(file, table.to_csv(index=False, lineterminator="\n"))
    return target, truth_path(target)


def _write_children(world_path: str | Path, target: Path, *, seed: int | None, force: bool) -> tuple[Path, Path]:
    """Write the tables of a world of children: events, authorities, register, sets and truth."""
    files = files_of(target) if target.name else {"events": target}
    refuse_target(target, [file for file in files.values() if file != target], "simulated events", force=force)
    world = children_from(world_path)
    refuse_inputs(list(files.values()), [Path(world_path)])
    for name, table in children_tables(world, seed).items():
        write_file(files[name], table.to_csv(index=False, lineterminator="\n"))
    return target, files["truth"]
