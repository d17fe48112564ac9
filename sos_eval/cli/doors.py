"""Groups of commands, each imported only when it is called, and commands that are not in this version."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from sos_eval.errors import nearest
from sos_eval.limits import raised

__all__ = ["Doors"]


#: Commands that read no file of the user's.
_READ_NOTHING = frozenset({"init", "list", "england", "doctor"})


def _limited(command: click.Command) -> click.Command:
    """Add the options that raise readers' limits, which no file can do; once."""
    if not any(option.name == "limit_bytes" for option in command.params):
        for name, key, words in (
            ("--limit-bytes", "size", "Largest file that is read, in bytes once it is unpacked."),
            ("--limit-depth", "depth", "How deep a YAML or JSON file may nest."),
            ("--limit-seconds", "seconds", "How long a view of a DuckDB file may take."),
        ):

            def put(ctx: click.Context, option: click.Parameter, value: int | None, key: str = key) -> None:
                ctx.find_root().with_resource(raised(**{key: value}))

            kind = click.IntRange(min=1)
            command.params.append(
                click.Option([name], type=kind, expose_value=False, is_eager=True, callback=put, help=words)
            )
    return command


class Doors(click.Group):
    """A group that imports a command when it is called, and lists commands without importing any.

    Parameters
    ----------
    doors
        Command -> where it stands, and what it does. The order is the order of work.
    absent
        Commands whose room is not built yet -> what they will do.
    """

    def __init__(
        self, *, doors: Mapping[str, tuple[str, str]], absent: Mapping[str, str], **attributes: Any
    ) -> None:  # fmt: skip
        super().__init__(**attributes)
        self.doors, self.absent = doors, absent

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of work."""
        return [*self.doors, *self.absent]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name in self.absent:
            return _not_in_this_version(cmd_name, self.absent[cmd_name])
        if cmd_name not in self.doors:
            return None
        module, name = self.doors[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command if isinstance(command, click.Group) or cmd_name in _READ_NOTHING else _limited(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command and name the nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            raise click.UsageError(f"no command is called {args[0]!r}; {nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the tables."""
        with formatter.section("Commands, in the order of work"):
            formatter.write_dl([(name, text) for name, (_, text) in self.doors.items()])
        if self.absent:
            with formatter.section("Not in this version"):
                formatter.write_dl(list(self.absent.items()))


def _not_in_this_version(name: str, text: str) -> click.Command:
    """Return a command that says that it is not built, whatever its arguments."""

    @click.command(name, help=text, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def absent(ctx: click.Context, arguments: tuple[str, ...]) -> None:
        raise click.UsageError(f"`{ctx.command_path}` is not in this version")

    return absent
