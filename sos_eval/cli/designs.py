"""`sos-eval check`, `protocol` and `lock`: what can be done with a design before it is run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from sos_eval.bundle.whole import refuse_inputs, write_file
from sos_eval.cli.screen import Screen, as_json, check_ending, pass_screen, quiet
from sos_eval.errors import Fault, InputFault

__all__ = ["check", "lock", "protocol"]

_PROTOCOLS = ["md", "html", "docx"]

_DESIGN = click.argument("design", type=click.Path(path_type=Path))
_PANEL = click.option("--panel", type=click.Path(path_type=Path), help="Data file, in place of panel.path.")


@click.command()
@_DESIGN
@_PANEL
@quiet
@as_json
@pass_screen
def check(screen: Screen, design: Path, panel: Path | None) -> None:
    """Validate a design, and its data if they are there.

    Exit 0, or exit 2 with every fault on a line of its own: `file:line: key: what is wrong; what to write instead`.
    """
    from sos_eval.jobs.check import check_design

    done = check_design(design, panel=panel)
    screen.answer(done.text, {"faults": [], "design": str(design), "data_read": done.data_read, "text": done.text})


@click.command()
@_DESIGN
@click.option("--format", "form", type=click.Choice(_PROTOCOLS), help="Else from --out's ending, or md.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; beside the design unless given.")
@click.option("--theme", type=click.Path(path_type=Path), help="File with colours, font, logo, template, style sheet.")
@quiet
@pass_screen
def protocol(screen: Screen, design: Path, form: str | None, out: Path | None, theme: Path | None) -> None:
    """Write the evaluation protocol (statistical analysis plan) that a design declares.

    Without --theme page and document have the look that the design names (report.theme).
    """
    from sos_eval.cli.reports import own_look
    from sos_eval.design.design import load_design
    from sos_eval.design.lock import as_locked
    from sos_eval.jobs import look
    from sos_eval.report.protocol_file import protocol_file

    declared = as_locked(load_design(design))
    ending = out.suffix.lower().removeprefix(".") if out is not None else "md"
    form = form or (ending if ending in _PROTOCOLS else "md")
    out = out or design.with_name(f"{design.stem}.protocol.{form}")
    check_ending(out, form)
    refuse_inputs([out], [one for one in (design, theme) if one is not None])
    if theme is not None and form == "md":
        raise click.UsageError("--theme is for a page or a document: write --format html or docx")
    own = None if form == "md" else own_look(screen, theme) or look.own_look(declared)
    write_file(out, protocol_file(declared, form, own))
    screen.say(f"protocol: {out}")


@click.command()
@_DESIGN
@_PANEL
@click.option("--outcomes-seen", help="yes, no, or published: had anyone in the team seen the outcomes by now?")
@click.option("--force", is_flag=True, help="Replace the lock of an earlier plan.")
@quiet
@pass_screen
def lock(screen: Screen, design: Path, panel: Path | None, outcomes_seen: str | None, force: bool) -> None:
    """Freeze the plan: writes `x.lock` beside `x.yaml`.

    Locking a plan for data already seen is not pre-registration, so it is asked whether the outcomes were seen,
    and the answer is recorded and printed on page one of the report.
    """
    from sos_eval.design.design import load_design
    from sos_eval.design.lock import lock_path, write_lock
    from sos_eval.jobs.runs import data_hashes, refuse_unseen

    declared = load_design(design, panel=panel)
    refuse_inputs([lock_path(declared)], [design, panel])
    answer = outcomes_seen or _ask_whether_seen()
    refuse_unseen(declared, answer)
    path = write_lock(declared, answer, force=force, data=dict(data_hashes(declared)))
    screen.say(f"locked: {path}")


def _ask_whether_seen() -> str:
    """Ask on a terminal; elsewhere nobody can answer, and it is not guessed."""
    from sos_eval.design.lock import OutcomesSeen

    answers = list(get_args(OutcomesSeen))
    if not sys.stdin.isatty():
        raise InputFault(
            Fault(
                "", "--outcomes-seen is missing", "say whether outcomes were seen: --outcomes-seen yes, no or published"
            )
        )
    asked: str = click.prompt("Had anyone in the team seen the outcomes by now?", type=click.Choice(answers))
    return asked
