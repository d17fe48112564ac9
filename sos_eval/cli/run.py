"""`sos-eval run`: a design in, a folder out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sos_eval.cli.screen import UNMET, Screen, as_json, not_made, pass_screen, quiet, seed
from sos_eval.errors import numeral

if TYPE_CHECKING:
    from sos_eval.bundle.bundle import ResultBundle

__all__ = ["run"]


@click.command()
@click.argument("design", type=click.Path(path_type=Path))
@click.argument("panels", nargs=-1, type=click.Path(path_type=Path), metavar="[PANEL]...")
@click.option("--vintages", is_flag=True, help="Run on each of PANEL..., vintages of one panel; show the drift.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; reports/<design> unless given.")
@click.option("--panel", type=click.Path(path_type=Path), help="Data file, in place of panel.path.")
@click.option("--force", is_flag=True, help="Replace what an earlier run wrote there.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes for inference; every core unless given.")
@seed
@quiet
@as_json
@pass_screen
def run(
    screen: Screen, design: Path, panels: tuple[Path, ...], vintages: bool, out: Path | None, panel: Path | None,
    force: bool, workers: int | None, seed: int | None,
) -> int:  # fmt: skip
    """Run a declared design: estimates, checks, figures and report in one folder.

    Exit 3 where everything is written but something declared did not come about: a check failed its threshold, a
    figure or a format could not be made.

    `sos-eval run DESIGN --vintages A.csv B.csv` runs it on each of several vintages of a panel, and writes a folder
    with the bundle of each, drift.csv (estimate, range, p, cells that changed against the first) and changes.csv.
    """
    if vintages:
        return _drift(screen, design, panels, out, panel, force, workers, seed)
    if panels:
        raise click.UsageError(f"got {panels[0]} beside the design: write --panel, or --vintages for several panels")
    from sos_eval.design.design import load_design
    from sos_eval.jobs.run import default_out
    from sos_eval.jobs.run import run as job

    declared = load_design(design, panel=panel, seed=seed)
    folder = out or default_out(declared)
    screen.log_folder = folder.parent if folder.parent.is_dir() else Path()
    with screen.steps(declared.name) as tell:
        cores = workers or os.cpu_count() or 1
        bundle = job(declared, out=folder, force=force, progress=tell, notice=screen.note, workers=cores)
    unmet: list[dict[str, str]] = bundle.results["unmet"]
    screen.answer(_told(bundle, unmet), _facts(bundle, unmet))
    return UNMET if unmet else 0


def _drift(
    screen: Screen, design: Path, panels: tuple[Path, ...], out: Path | None, panel: Path | None, force: bool,
    workers: int | None, seed: int | None,
) -> int:  # fmt: skip
    """Run a design on each vintage, and say how its estimate drifts."""
    from sos_eval.jobs.vintages import run_vintages

    if panel is not None or force:
        option = "--panel" if panel is not None else "--force"
        raise click.UsageError(f"{option} does not go with --vintages, which names the panels and replaces nothing")
    with screen.steps(design.stem) as tell:
        drift = run_vintages(
            design,
            panels,
            out=out,
            seed=seed,
            progress=tell,
            notice=screen.note,
            workers=workers or os.cpu_count() or 1,
        )
    rows = drift.table.astype(object).where(drift.table.notna(), None).to_dict("records")
    shown = drift.table[["vintage", "estimate", "conf_low", "conf_high", "p_value", "cells_changed_read"]]
    text = shown.to_string(index=False, float_format=lambda value: numeral(value, 4))
    told = [drift.sentence, text, f"results: {drift.folder}", *(f"not met: {line}" for line in drift.unmet)]
    facts = {"folder": str(drift.folder), "sentence": drift.sentence, "drift": rows, "unmet": list(drift.unmet)}
    screen.answer("\n".join(told), facts)
    return UNMET if drift.unmet else 0


def _told(bundle: ResultBundle, unmet: list[dict[str, str]]) -> str:
    """Say the result in a few lines."""
    lines = [str(bundle.headline.get("sentence", "")), f"results: {bundle.path}"]
    reports = sorted(bundle.path.glob("report.*"))
    lines += [f"report: {file}" for file in reports]
    lock = bundle.facts.lock
    lines += [f"not as locked: {'; '.join(lock.differs)}"] if lock.state == "changed" else []
    lines += lock.notes
    failed = _named(unmet, "check")
    lines += [f"checks that failed their declared threshold: {', '.join(failed)}"] if failed else []
    lines += not_made(line for line in unmet if line["kind"] != "check")
    return "\n".join(line for line in lines if line)


def _named(unmet: list[dict[str, str]], kind: str) -> list[str]:
    return [line["name"] for line in unmet if line["kind"] == kind]


def _facts(bundle: ResultBundle, unmet: list[dict[str, str]]) -> dict[str, Any]:
    lock = bundle.facts.lock
    told = {"state": lock.state, "differs": list(lock.differs), "runs": len(lock.runs), "notes": list(lock.notes)}
    answer = {"bundle": str(bundle.path), "headline": dict(bundle.headline), "lock": told}
    return answer | {"failed_checks": _named(unmet, "check"), "unmet": unmet}
