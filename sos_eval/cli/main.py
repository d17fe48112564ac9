"""`sos-eval`: the list of commands, each imported only when it is called, so that `--help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from sos_eval.bundle.stopping import stopped_in_order
from sos_eval.cli.doors import Doors
from sos_eval.cli.screen import Screen, answered
from sos_eval.terms import __version__

__all__ = ["COMMANDS", "NOT_IN_THIS_VERSION", "cli", "main"]

#: Command -> where it stands, and what it does. The order is the order of work.
COMMANDS = {
    "init": ("sos_eval.cli.scaffold:init", "scaffold a project folder"),
    "check": ("sos_eval.cli.designs:check", "validate a design and its data; every fault on a line"),
    "protocol": ("sos_eval.cli.designs:protocol", "write the evaluation protocol that a design declares"),
    "lock": ("sos_eval.cli.designs:lock", "freeze the plan before outcomes are seen"),
    "feasible": ("sos_eval.cli.feasible:feasible", "before funding: which change so many authorities could show"),
    "match": ("sos_eval.cli.match:match", "who is compared with whom: balance and flow, no later outcome read"),
    "run": ("sos_eval.cli.run:run", "the main job: a design in, a folder with results and report out"),
    "panel": ("sos_eval.cli.panel:panel", "write the published panel of England; build and compare care panels"),
    "simulate": ("sos_eval.cli.simulate:simulate", "draw one panel from a declared world, with its true effects"),
    "power": ("sos_eval.cli.power:power", "Monte Carlo of a whole design over a world"),
    "economics": ("sos_eval.cli.economics:economics", "economic evaluation from a bundle or from PSA samples"),
    "synthesise": ("sos_eval.cli.synthesise:synthesise", "random-effects meta-analysis of several evaluations"),
    "compare": ("sos_eval.cli.compare:compare", "what changed between two bundles: design, data, versions, estimates"),
    "report": ("sos_eval.cli.reports:report", "write a bundle's report"),
    "figure": ("sos_eval.cli.reports:figure", "draw one of a bundle's figures, or list them"),
    "table": ("sos_eval.cli.reports:table", "write one of a bundle's tables, or list them"),
    "doctor": ("sos_eval.cli.doctor:doctor", "whether a run would work here: versions, parts, font, folder, disk"),
    "list": ("sos_eval.cli.catalogue:catalogue", "what there is: estimators, comparisons, inference, checks …"),
}

#: Commands of the contract whose room is not built yet.
NOT_IN_THIS_VERSION: dict[str, str] = {}


@click.command(
    cls=Doors,
    doors=COMMANDS,
    absent=NOT_IN_THIS_VERSION,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="sos-eval")
def cli() -> None:
    """Evaluate children's social care by comparison.

    A design is a file; a run turns it into a folder; a report reads only the folder.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    with stopped_in_order():
        code = answered(cli, args, Screen())
    sys.exit(code)
