"""`sos-eval feasible`: before funding, which change a comparison of so many authorities could find."""

from __future__ import annotations

from pathlib import Path

import click

from sos_eval.bundle.whole import refuse_inputs
from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet, seed

__all__ = ["feasible"]


def _numbers(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Read ``5,10,20``."""
    try:
        numbers = tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r}: write whole numbers, {parameter.default}") from None
    if min(numbers) < 1:
        raise click.BadParameter(f"{value!r}: write numbers from 1 on")
    return numbers


@click.command()
@click.argument("design", required=False, type=click.Path(path_type=Path))
@click.option("--panel", type=click.Path(path_type=Path), metavar="P", help="A panel; the one that ships unless given.")
@click.option("--treated", default="5,10,20,40", show_default=True, callback=_numbers, help="Authorities that start.")
@click.option("--before", default="4", show_default=True, callback=_numbers, help="Periods before the start.")
@click.option("--after", default="2,4", show_default=True, callback=_numbers, help="Periods after it.")
@click.option("--within", metavar="COLUMN", help="Compare within this column as well: region.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for feasible.csv, .svg and .json.")
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@seed
@quiet
@as_json
@pass_screen
def feasible(
    screen: Screen, design: Path | None, panel: Path | None, treated: tuple[int, ...], before: tuple[int, ...],
    after: tuple[int, ...], within: str | None, out: Path | None, force: bool, seed: int | None,
) -> None:  # fmt: skip
    """Say which fall and which rise would be found four times in five, by number of authorities and years.

    The noise is that of the panel: a DESIGN's, that of --panel P in the columns of the panel that ships, or that panel.
    """
    from sos_eval.jobs import feasible as job
    from sos_eval.jobs.runs import files_read

    scheme = job.Scheme(
        treated=treated, windows=tuple((b, a) for b in before for a in after),
        within=("",) if within is None else ("", within),
    )  # fmt: skip
    read = [panel, *([] if design is None or out is None else files_read(design, panel))]
    refuse_inputs([] if out is None else job.files_of(out), read)
    answer = job.feasible(job.quiet_panel(design, panel), scheme, seed=seed or 0)
    written = [] if out is None else job.write_feasible(answer, out, force=force)
    shown = answer.table.drop(columns=["fall_error", "rise_error", "panel_error"]).round(3).to_string(index=False)
    lines = [answer.sentence, shown, *(f"written: {file}" for file in written)]
    screen.answer("\n".join(lines), {"sentence": answer.sentence, "rows": answer.table.to_dict("records")})
