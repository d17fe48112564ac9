"""`sos-eval panel`: care panels, of which the published one of England ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from sos_eval.cli.doors import Doors
from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet
from sos_eval.panel.spec import Geography

__all__ = ["COMMANDS", "NOT_IN_THIS_VERSION", "england", "panel"]

COMMANDS = {
    "england": ("sos_eval.cli.panel:england", "write the published care-entry panel of English authorities"),
}

NOT_IN_THIS_VERSION = {
    "ssda903": "build a panel from SSDA903 returns",
    "dfe": "build a panel from the DfE's published tables",
    "describe": "say what a panel holds and lacks",
    "diff": "compare two vintages of a panel",
    "join": "join panels and covariates",
}


@click.command(cls=Doors, doors=COMMANDS, absent=NOT_IN_THIS_VERSION)
def panel() -> None:
    """Build, describe and compare care panels."""


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file; sources and register go beside.")
@click.option(
    "--geography",
    type=click.Choice(["constant", "as_published"]),
    default="constant",
    show_default=True,
    help="148 areas, the same in all years, or the authorities of each year.",
)
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def england(screen: Screen, out: Path, geography: str, force: bool) -> None:
    """Write the published panel of England, years to March 2011 to 2025, as CSV.

    P.sources.md beside it says what the columns mean, where they come from and under which licence; P.programmes.csv
    says which authority took part in which programme. A design reads the same panel with `source: england`.
    """
    from sos_eval.jobs.published import write_published

    files = write_published(out, cast(Geography, geography), force=force)
    named = dict(zip(("panel", "sources", "programmes"), map(str, files), strict=True))
    screen.answer("\n".join(f"{name}: {file}" for name, file in named.items()), named)
