"""`sos-eval simulate`: one panel from a declared world, with its true effects."""

from __future__ import annotations

from pathlib import Path

import click

from sos_eval.bundle.whole import refuse_inputs
from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet, seed
from sos_eval.errors import numeral

__all__ = ["simulate"]


@click.command()
@click.argument("world", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="CSV file; the truth goes beside it.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="PANEL",
    help="Hold the world against a real panel: a CSV in the world's columns, or a world with panel:.",
)
@click.option("--first", type=int, help="First period that is compared.")
@click.option("--plot", type=click.Path(path_type=Path), help="Where the comparison is drawn: .svg, .png or .pdf.")
@click.option("--force", is_flag=True, help="Replace what an earlier draw wrote there.")
@seed
@quiet
@as_json
@pass_screen
def simulate(
    screen: Screen, world: Path, out: Path | None, compare: Path | None, first: int | None, plot: Path | None,
    force: bool, seed: int | None,
) -> None:  # fmt: skip
    """Draw one panel, or events of children, from a declared world; its true effects go into P.truth.csv beside it."""
    from sos_eval.jobs.simulate import write_simulation

    if out is None and compare is None:
        raise click.UsageError("write --out P.csv, --compare PANEL, or both")
    refuse_inputs([file for file in (out, plot) if file is not None and not file.is_dir()], [world, compare])
    if compare is not None:
        _compared(screen, world, compare, first, plot, seed)
    if out is None:
        return
    panel, truth = write_simulation(world, out, seed=seed, force=force)
    screen.answer(f"panel: {panel}\ntrue effects: {truth}", {"panel": str(panel), "truth": str(truth)})


def _compared(screen: Screen, world: Path, panel: Path, first: int | None, plot: Path | None, seed: int | None) -> None:
    """Print the moments of a world and of a real panel, and draw them."""
    from sos_eval.report.power.calibration import draw_calibration
    from sos_eval.worlds.calibrate import compare_moments, panel_of
    from sos_eval.worlds.world import load_world

    if plot is not None and plot.suffix not in (".svg", ".png", ".pdf"):
        raise click.UsageError(f"--plot {plot}: the name ends in .svg, .png or .pdf")
    declared = load_world(world)
    table = compare_moments(declared, panel_of(panel, declared), seed=seed, first=first)
    if plot is not None:
        draw_calibration(table, plot)
    shown = table.drop(columns="what").to_string(index=False, float_format=numeral)
    screen.answer(shown, table.to_dict("records"))
