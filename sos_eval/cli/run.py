"""`sos-eval run`: a design in, a folder out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet, seed

if TYPE_CHECKING:
    from sos_eval.bundle.bundle import ResultBundle

__all__ = ["run"]

CHECK_FAILED = 3


@click.command()
@click.argument("design", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; reports/<design> unless given.")
@click.option("--panel", type=click.Path(path_type=Path), help="Data file, in place of panel.path.")
@click.option("--force", is_flag=True, help="Replace what an earlier run wrote there.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes for inference; every core unless given.")
@seed
@quiet
@as_json
@pass_screen
def run(
    screen: Screen, design: Path, out: Path | None, panel: Path | None, force: bool, workers: int | None,
    seed: int | None,
) -> int:  # fmt: skip
    """Run a declared design: estimates, checks, figures and report in one folder.

    Exit 3 where everything is written but a check with a declared threshold failed.
    """
    from sos_eval.design.design import load_design
    from sos_eval.jobs.run import default_out
    from sos_eval.jobs.run import run as job

    declared = load_design(design, panel=panel, seed=seed)
    folder = out or default_out(declared)
    screen.log_folder = folder.parent if folder.parent.is_dir() else Path()
    with screen.steps(declared.name) as tell:
        cores = workers or os.cpu_count() or 1
        bundle = job(declared, out=folder, force=force, progress=tell, notice=screen.note, workers=cores)
    failed = failed_checks(bundle)
    screen.answer(_told(bundle, failed), _facts(bundle, failed))
    return CHECK_FAILED if failed else 0


def failed_checks(bundle: ResultBundle) -> list[str]:
    """Name the checks whose declared threshold was not met."""
    rows = bundle.diagnostics
    return [str(name) for name, passed in zip(rows["name"], rows["passed"], strict=True) if passed is False]


def _told(bundle: ResultBundle, failed: list[str]) -> str:
    """Say the result in a few lines."""
    lines = [str(bundle.headline.get("sentence", "")), f"results: {bundle.path}"]
    reports = sorted(bundle.path.glob("report.*"))
    lines += [f"report: {file}" for file in reports]
    if failed:
        lines.append(f"checks that failed their declared threshold: {', '.join(failed)}")
    return "\n".join(line for line in lines if line)


def _facts(bundle: ResultBundle, failed: list[str]) -> dict[str, Any]:
    return {"bundle": str(bundle.path), "headline": dict(bundle.headline), "failed_checks": failed}
