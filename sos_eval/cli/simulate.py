"""`sos-eval simulate`: one panel from a declared world, with its true effects."""

from __future__ import annotations

from pathlib import Path

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet, seed

__all__ = ["simulate"]


@click.command()
@click.argument("world", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV file; the truth goes beside it.")
@click.option("--force", is_flag=True, help="Replace what an earlier draw wrote there.")
@seed
@quiet
@as_json
@pass_screen
def simulate(screen: Screen, world: Path, out: Path, force: bool, seed: int | None) -> None:
    """Draw one panel from a declared world; its true effects go into P.truth.csv beside it."""
    from sos_eval.jobs.simulate import write_simulation

    panel, truth = write_simulation(world, out, seed=seed, force=force)
    screen.answer(f"panel: {panel}\ntrue effects: {truth}", {"panel": str(panel), "truth": str(truth)})
