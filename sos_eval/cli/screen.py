"""What the user sees: words, `--json`, `--quiet`, progress bars, faults and exit codes.

Exit codes: 0 done; 1 a fault of ours (traceback in a log file); 2 the user's input is wrong; 3 finished and
written, but something declared did not come about: a check's threshold, a figure, a format; 128 and the number
of the signal that stopped it, 130 for Ctrl-C.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from traceback import format_tb
from typing import Any, TypeVar

import click

from sos_eval.bundle.stopping import Stopped
from sos_eval.bundle.warned import shown_once
from sos_eval.bundle.whole import unwritable, write_file
from sos_eval.errors import Fault, InputFault

__all__ = [
    "LOG_NAME", "UNMET", "Screen", "answered", "as_json", "check_ending", "not_made", "pass_screen", "quiet", "seed",
]  # fmt: skip

LOG_NAME = "sos-eval-error.log"
UNMET = 3

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(slots=True)
class Screen:
    """How one command talks. Set by the options `--quiet` and `--json`.

    Attributes
    ----------
    quiet
        Nothing but faults.
    as_json
        One JSON document on standard output, nothing else.
    log_folder
        Where a traceback would be written.
    """

    quiet: bool = False
    as_json: bool = False
    log_folder: Path = Path()

    def say(self, text: str) -> None:
        """Print a line for a person."""
        if not (self.quiet or self.as_json):
            click.echo(text)

    def note(self, text: str) -> None:
        """Tell a person on standard error, above a progress bar that may be there."""
        from tqdm import tqdm

        if not (self.quiet or self.as_json):
            tqdm.write(text, file=sys.stderr)

    def answer(self, text: str, data: Any) -> None:
        """Print the result: the text for a person, the data under `--json`."""
        if self.as_json:
            click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))
        else:
            self.say(text)

    def bar(self, total: int, label: str) -> Any:
        """Return a progress bar on standard error: none when piped, quiet or `--json`."""
        from tqdm import tqdm

        return tqdm(total=total, desc=label, disable=True if self.quiet or self.as_json else None, leave=False)

    @contextmanager
    def steps(self, label: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar while a job tells (what it does, steps done, steps in all)."""
        with self.bar(1, label) as bar:

            def tell(what: str, done: int, of: int) -> None:
                bar.total, bar.n = of, done
                bar.set_description(f"{label}: {what}")

            yield tell


pass_screen = click.make_pass_decorator(Screen, ensure=True)


def _note(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    """Return a callback that sets a field of the screen."""

    def set_field(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            setattr(ctx.ensure_object(Screen), name, True)

    return set_field


def quiet(command: C) -> C:
    """Add `--quiet` to a command."""
    return _flag("--quiet", "-q", field="quiet", help_text="Print nothing but faults.")(command)


def as_json(command: C) -> C:
    """Add `--json` to a command."""
    return _flag("--json", field="as_json", help_text="Print the result, or the faults, as JSON.")(command)


def _flag(*names: str, field: str, help_text: str) -> Callable[[C], C]:
    """Return an option that sets a field of the screen and is not passed on."""
    return click.option(
        *names, is_flag=True, expose_value=False, callback=_note(field), is_eager=True, help=help_text
    )  # fmt: skip


def seed(command: C) -> C:
    """Add `--seed` to a command; it goes before the seeds in the file."""
    option = click.option("--seed", type=click.IntRange(min=0), help="Goes before every seed in the file.")
    return option(command)


def not_made(unmet: Iterable[Mapping[str, str]]) -> list[str]:
    """Say which figures and formats could not be made, a line each."""
    return [f"could not be made, a fault of ours: {line['kind']} {line['name']}: {line['why']}" for line in unmet]


def check_ending(out: Path, form: str) -> None:
    """Refuse a file whose name says another format: it would be written over something that is no report.

    Raises
    ------
    InputFault
        The ending is not the format's.
    """
    if out.suffix.lower() != f".{form}":
        what = f"--out: does not end in .{form}, which is what is written"
        raise InputFault(Fault(str(out), what, f"name it {out.stem}.{form}, or give another --format"))


def answered(command: click.Command, args: Sequence[str] | None, screen: Screen) -> int:
    """Run a command and return its exit code, with every fault said in words.

    Parameters
    ----------
    command
        The group, or one command.
    args
        The words typed; None reads them from the process.
    screen
        How to talk.
    """
    try:
        with _warned(screen):
            code = command.main(args=args, prog_name="sos-eval", standalone_mode=False, obj=screen)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as stop:
        kept = str(stop) or str(stop.__context__ or "")
        click.echo(f"stopped: {kept or 'nothing was left half-written'}", err=True)
        return 128 + _signal_of(stop)
    except InputFault as error:
        return _refuse(error, screen)
    except MemoryError as error:
        return _refuse(_too_large(error), screen)
    except Exception as error:
        if isinstance(error, OSError) and unwritable(error):
            return _refuse(_unwritten(error), screen)
        return _apologise(error, screen)
    return code if isinstance(code, int) else 0


@contextmanager
def _warned(screen: Screen) -> Iterator[None]:
    """Say warnings in a line each, in our words."""
    with warnings.catch_warnings():
        warnings.showwarning = shown_once(screen.note)
        yield


def _signal_of(error: BaseException | None) -> int:
    """Return the number of the signal that stopped a command, whatever was said on the way."""
    while error is not None:
        if isinstance(error, Stopped):
            return error.number
        error = error.__cause__ or error.__context__
    return SIGINT


def _unwritten(error: OSError) -> InputFault:
    """Say which file the disk did not take, from the working folder where it is in it."""
    file = Path(str(error.filename or ""))
    named = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    where = str(named) if error.filename else ""
    return InputFault(Fault(where, f"cannot be written or read ({error.strerror})", ""))


def _too_large(error: MemoryError) -> InputFault:
    """Say how much memory a step asked for."""
    asked = re.search(r"[\d.]+ [KMGTPE]iB", str(error))
    more = f"a step takes {asked.group()} at once" if asked else "a step takes more memory than is free"
    instead = "narrow panel.window, join periods, ask for fewer draws, or run it where there is more memory"
    return InputFault(Fault("", f"too large for this machine: {more}", instead))


def _refuse(error: InputFault, screen: Screen) -> int:
    """Say every fault of the user's input, each on its own line."""
    for fault in error.faults:
        click.echo(" ".join(str(fault).split()), err=True)
    if screen.as_json:
        faults = [{"where": f.where, "what": f.what, "instead": f.instead} for f in error.faults]
        click.echo(json.dumps({"faults": faults}, indent=2, ensure_ascii=False))
    return error.exit_code


def _apologise(error: Exception, screen: Screen) -> int:
    """Put the traceback into a log file and say one line."""
    log = screen.log_folder / LOG_NAME
    what = f"{type(error).__name__}: {_first_line(error)}"
    try:
        write_file(log, "\n".join(_trace(error)) + "\n")
        told = f"the traceback is in {log}"
    except InputFault as why:
        told = f"the traceback could not be written: {why}"
    click.echo(f"a fault of ours, not of your input: {what}; {told}", err=True)
    return 1


def _trace(error: BaseException | None) -> Iterator[str]:
    """Yield a traceback without local values; messages are cut to a line, so that no rows of data get in."""
    while error is not None:
        yield "".join(format_tb(error.__traceback__)) + f"{type(error).__name__}: {_first_line(error)}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is not None:
            yield "\ncame from:"


def _first_line(error: BaseException) -> str:
    """Return the start of an exception's message."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else ""
