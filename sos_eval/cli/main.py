"""`sos-eval`: the list of commands, each imported only when it is called, so that `--help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from sos_eval.cli.screen import Screen, answered
from sos_eval.errors import nearest
from sos_eval.limits import raised
from sos_eval.terms import __version__

__all__ = ["COMMANDS", "NOT_IN_THIS_VERSION", "cli", "main"]

#: Command -> where it stands, and what it does. The order is the order of work.
COMMANDS = {
    "init": ("sos_eval.cli.scaffold:init", "scaffold a project folder"),
    "check": ("sos_eval.cli.designs:check", "validate a design and its data; every fault on a line"),
    "protocol": ("sos_eval.cli.designs:protocol", "write the evaluation protocol that a design declares"),
    "lock": ("sos_eval.cli.designs:lock", "freeze the plan before outcomes are seen"),
    "run": ("sos_eval.cli.run:run", "the main job: a design in, a folder with results and report out"),
    "simulate": ("sos_eval.cli.simulate:simulate", "draw one panel from a declared world, with its true effects"),
    "power": ("sos_eval.cli.power:power", "Monte Carlo of a whole design over a world"),
    "economics": ("sos_eval.cli.economics:economics", "economic evaluation from a bundle or from PSA samples"),
    "report": ("sos_eval.cli.reports:report", "write a bundle's report"),
    "figure": ("sos_eval.cli.reports:figure", "draw one of a bundle's figures, or list them"),
    "table": ("sos_eval.cli.reports:table", "write one of a bundle's tables, or list them"),
    "list": ("sos_eval.cli.catalogue:catalogue", "what there is: estimators, comparisons, inference, checks …"),
}

#: Commands of the contract whose room is not built yet.
NOT_IN_THIS_VERSION = {
    "panel": "build, describe and compare care panels",
    "synthesise": "random-effects meta-analysis of several evaluations",
}


class Doors(click.Group):
    """A group that imports a command when it is called, and lists commands without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of work."""
        return [*COMMANDS, *NOT_IN_THIS_VERSION]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name in NOT_IN_THIS_VERSION:
            return _not_in_this_version(cmd_name)
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), name)
        return _limited(command) if cmd_name not in {"init", "list"} else command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command and name the nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            raise click.UsageError(f"no command is called {args[0]!r}; {nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the tables above."""
        with formatter.section("Commands, in the order of work"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])
        with formatter.section("Not in this version"):
            formatter.write_dl(list(NOT_IN_THIS_VERSION.items()))


def _limited(command: click.Command) -> click.Command:
    """Add the options that raise readers' limits, which no file can do; once."""
    if not any(option.name == "limit_bytes" for option in command.params):
        for name, key, words in (
            ("--limit-bytes", "size", "Largest file that is read, in bytes once it is unpacked."),
            ("--limit-depth", "depth", "How deep a YAML or JSON file may nest."),
        ):

            def put(ctx: click.Context, option: click.Parameter, value: int | None, key: str = key) -> None:
                ctx.find_root().with_resource(raised(**{key: value}))

            kind = click.IntRange(min=1)
            command.params.append(
                click.Option([name], type=kind, expose_value=False, is_eager=True, callback=put, help=words)
            )
    return command


def _not_in_this_version(name: str) -> click.Command:
    """Return a command that says that it is not built, whatever its arguments."""

    @click.command(name, help=NOT_IN_THIS_VERSION[name], context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def absent(arguments: tuple[str, ...]) -> None:
        raise click.UsageError(f"`sos-eval {name}` is not in this version")

    return absent


@click.command(cls=Doors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="sos-eval")
def cli() -> None:
    """Evaluate children's social care by comparison.

    A design is a file; a run turns it into a folder; a report reads only the folder.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    sys.exit(answered(cli, args, Screen()))
