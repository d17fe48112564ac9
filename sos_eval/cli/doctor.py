"""`sos-eval doctor`: whether a run would work here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet

__all__ = ["doctor"]

WOULD_NOT_RUN = 2


@click.command()
@quiet
@as_json
@pass_screen
def doctor(screen: Screen) -> int:
    """Look at Python, libraries, the font and the working folder: a line each, no network.

    Exit 0 where a run would work, 2 where it would not.
    """
    from sos_eval.jobs.doctor import examine

    found = examine(Path())
    width = max(len(one.what) for one in found)
    would_run = all(one.state != "missing" for one in found)
    lines = [f"{one.what:<{width}}  {one.state:<8}  {one.text}" for one in found]
    lines.append("a run would work here" if would_run else "a run would not work here: see what is missing")
    screen.answer("\n".join(lines), {"would_run": would_run, "findings": [asdict(one) for one in found]})
    return 0 if would_run else WOULD_NOT_RUN
