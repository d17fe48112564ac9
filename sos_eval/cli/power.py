"""`sos-eval power`: say whether a design would find the effect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet, seed
from sos_eval.errors import numeral

if TYPE_CHECKING:
    import pandas as pd

    from sos_eval.design.design import Design
    from sos_eval.jobs.power import Power
    from sos_eval.worlds.world import World

__all__ = ["power"]

SHOWN = ("true_effect", "bias", "sd_estimate", "coverage", "power", "power_mcse", "failures")


@click.command()
@click.argument("design", type=click.Path(path_type=Path))
@click.option("--world", type=click.Path(path_type=Path), required=True, help="World file that is drawn.")
@click.option("--reps", type=int, default=1000, show_default=True, help="Draws at every combination of swept keys.")
@click.option("--sweep", multiple=True, metavar="KEY=A,B", help="world.KEY or design.KEY and its values; repeatable.")
@click.option("--frames", type=int, help="Draws of authorities and adopters; one a draw or 50 unless given.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; reports/power-<design> unless given.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="DIR", help="Go on with an interrupted study.")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler, tcp://host:port, in place of processes here.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads or processes; every core unless given.")
@click.option("--chunk", type=int, default=250, show_default=True, help="Draws a chunk; part of the plan.")
@click.option(
    "--permutations",
    type=int,
    default=999,
    show_default=True,
    help="Most random assignments within a draw, without an interval then; 0: as declared.",
)
@click.option(
    "--rematch", is_flag=True, help="Build the comparison group again inside every permutation, as a run does."
)
@click.option("--checks", is_flag=True, help="Power of the joint decision too: rejected, and no declared check fails.")
@click.option(
    "--pretests",
    is_flag=True,
    help="How often pre-trend tests pass where trends are not parallel, and what then.",
)
@click.option("--find", metavar="KEY", help="Search the smallest value of a whole-number world key that has the power.")
@click.option("--power", "target", type=float, default=0.8, show_default=True, help="Power that is aimed at.")
@click.option("--explain", is_flag=True, help="Say how each estimator would be computed, and stop.")
@seed
@quiet
@as_json
@pass_screen
def power(
    screen: Screen, design: Path, world: Path, reps: int, sweep: tuple[str, ...],
    frames: int | None, out: Path | None, resume: Path | None,
    scheduler: str | None, workers: int | None, chunk: int, permutations: int, rematch: bool, checks: bool,
    pretests: bool, find: str | None, target: float, explain: bool, seed: int | None,
) -> None:  # fmt: skip
    """Replicate a whole design over a declared world: power, bias, coverage, what it could detect."""
    from sos_eval.jobs import power as job
    from sos_eval.jobs.look import own_look
    from sos_eval.report.power.page import write_power_report

    _together(out, resume, find=find, pretests=pretests)
    plan: dict[str, Any] = {
        "reps": reps,
        "seed": seed,
        "frames": frames,
        "chunk": chunk,
        "permutations": permutations,
        "rematch": rematch,
        "checks": checks,
    }
    declared, drawn, sweeps = _read(design, world, sweep, {**plan, "pretests": pretests})
    if explain:
        _answer(screen, job.explain(job.plan_study(declared, drawn, sweep=sweeps, pretests=pretests, **plan)))
        return
    plan |= {"workers": workers or os.cpu_count() or 1, "scheduler": scheduler, "target": target}
    if find:
        from sos_eval.jobs.find import find_smallest

        found = find_smallest(declared, drawn, find, sweep=sweeps, **plan)
        screen.answer(f"{found.table.to_string(index=False)}\n{found.sentence}", found.facts)
        return
    look = own_look(declared)  # its faults come before the work
    folder = resume or out or Path("reports") / f"power-{declared.name}"
    with screen.steps(f"power {declared.name}") as tell:
        done = job.power(
            declared, drawn, sweep=sweeps, out=folder, resume=resume is not None, progress=tell, pretests=pretests,
            **plan,
        )  # fmt: skip
        tell("report", 1, 1)
        page = write_power_report(folder, look)
    screen.answer(f"{_told(done)}\nreport: {page}", _facts(done) | {"report": str(page)})


def _read(
    design: Path, world: Path, sweep: tuple[str, ...], plan: dict[str, Any]
) -> tuple[Design, World, dict[str, list[Any]]]:
    """Read design, world and sweeps; where something is wrong with one of them, say all that is wrong."""
    from sos_eval.design.design import load_design
    from sos_eval.errors import Faults, InputFault
    from sos_eval.jobs.power import plan_study
    from sos_eval.montecarlo.sweep import parse_sweeps
    from sos_eval.worlds.world import load_world

    faults = Faults(InputFault)
    declared, drawn = faults.noted(lambda: load_design(design)), faults.noted(lambda: load_world(world))
    sweeps = parse_sweeps(sweep, faults)
    if declared is not None and drawn is not None and not faults.found:
        return declared, drawn, sweeps
    if declared is not None and drawn is not None:
        faults.noted(lambda: plan_study(declared, drawn, sweep=sweeps, **plan))
    raise InputFault(faults.found)


def _together(out: Path | None, resume: Path | None, *, find: str | None, pretests: bool) -> None:
    """Refuse options that say different things."""
    if find and pretests:
        raise click.UsageError("--pretests has no meaning with --find; run the size that was found with --pretests")
    if find and (out or resume):
        raise click.UsageError("--find writes no folder: leave out --out and --resume, and keep what --json prints")
    if out is not None and resume is not None and out != resume:
        raise click.UsageError("--out and --resume name different folders; write only --resume")


def _answer(screen: Screen, table: pd.DataFrame) -> None:
    screen.answer(table.to_string(index=False), table.to_dict("records"))


def _told(done: Power) -> str:
    """Say the sentences, the table in short, and where it all is."""
    swept = [name for name in done.summary.columns if "." in name]
    outcome = ["outcome"] if len(done.summary["outcome"].unique()) > 1 else []
    scale = ["scale"] if len(done.summary["scale"].unique()) > 1 else []
    table = done.summary[["estimator", *outcome, "aggregation", *scale, "inference", *swept, *SHOWN]]
    lines = [*done.sentences, "", table.to_string(index=False, float_format=numeral)]
    if not done.failures.empty:
        lines += ["", "failed draws (they count as not finding the effect):", done.failures.to_string(index=False)]
    return "\n".join([*lines, "", f"results: {done.folder}"])


def _facts(done: Power) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "sentences": list(done.sentences),
        "power": done.summary.to_dict("records"),
        "mdes": done.mdes.to_dict("records"),
        "failures": done.failures.to_dict("records"),
        "families": done.families.to_dict("records"),
        "pretests": done.pretests.to_dict("records"),
        "formulas": done.formulas.to_dict("records"),
    }
