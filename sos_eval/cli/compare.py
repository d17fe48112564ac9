"""`sos-eval compare`: what changed between two bundles."""

from __future__ import annotations

from pathlib import Path

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet

__all__ = ["compare"]


@click.command()
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="CSV file for every line of the comparison.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@quiet
@as_json
@pass_screen
def compare(screen: Screen, before: Path, after: Path, out: Path | None, force: bool) -> None:
    """Say what changed from bundle A to bundle B: design, data, versions, estimates and the verdict.

    Nothing is estimated again. Under a disclosure profile numbers are shown where both publish them and rest on the
    same data, panel, comparison and estimator; no difference is. A bundle with a profile is not compared with one
    without.
    """
    from sos_eval.bundle.files import records
    from sos_eval.jobs.compare import compare_bundles, write_comparison

    answer = compare_bundles(before, after)
    if out is not None:
        write_comparison(answer, out, (before, after), force=force)
    lines = [*answer.lines, *([f"written: {out}"] if out else [])]
    screen.answer("\n".join(lines), {"lines": list(answer.lines), "rows": records(answer.table)})
