"""What the command line says, and with which exit code it leaves."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import click
import pytest

from sos_eval.bundle.stopping import Stopped
from sos_eval.bundle.whole import write_file
from sos_eval.cli.main import COMMANDS, NOT_IN_THIS_VERSION, cli
from sos_eval.cli.screen import LOG_NAME, Screen, answered, as_json, pass_screen
from sos_eval.errors import DataFault, DesignFault, Fault, InputFault


def call(*args):
    return answered(cli, list(args), Screen())


def test_help_lists_every_command(capsys):
    assert call("--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in [*COMMANDS, *NOT_IN_THIS_VERSION])


def test_nearest_command_is_named(capsys):
    assert call("lits") == 2
    assert 'did you mean "list"?' in capsys.readouterr().err


@pytest.mark.parametrize("name", NOT_IN_THIS_VERSION)
def test_what_is_not_built_says_so(name, capsys):
    assert call(name, "anything", "--at-all") == 2
    assert "not in this version" in capsys.readouterr().err


def raising(error):
    @click.command()
    @as_json
    @pass_screen
    def command(screen):
        screen.say("working")
        raise error

    return command


def test_every_fault_stands_on_its_own_line(capsys):
    error = DesignFault([Fault("x.yaml:3", "a: no such key", "drop it"), Fault("x.yaml:9", "b: is\nmissing", "add it")])
    assert answered(raising(error), [], Screen()) == 2
    said = capsys.readouterr()
    assert said.err == "x.yaml:3: a: no such key; drop it\nx.yaml:9: b: is missing; add it\n"
    assert "Traceback" not in said.err + said.out


def test_faults_as_json(capsys):
    answered(raising(InputFault(Fault("x.yaml:3", "a: no such key", "drop it"))), ["--json"], Screen())
    said = capsys.readouterr().out
    assert json.loads(said) == {"faults": [{"where": "x.yaml:3", "what": "a: no such key", "instead": "drop it"}]}


def test_our_own_fault_leaves_a_log_without_rows(tmp_path, capsys):
    rows = "cannot use\n  unit  outcome\n  Leeds 212"
    assert answered(raising(ValueError(rows)), [], Screen(log_folder=tmp_path)) == 1
    said, log = capsys.readouterr().err, (tmp_path / LOG_NAME).read_text()
    assert said.count("\n") == 1
    assert str(tmp_path / LOG_NAME) in said
    assert "Leeds" not in said + log
    assert "raise error" in log


def test_log_keeps_where_an_error_came_from(tmp_path, capsys):
    inner = KeyError("inner")
    outer = ValueError("outer")
    outer.__cause__ = inner
    answered(raising(outer), [], Screen(log_folder=tmp_path))
    assert "KeyError: 'inner'" in (tmp_path / LOG_NAME).read_text()


def test_log_that_cannot_be_written_is_said(tmp_path, capsys):
    assert answered(raising(ValueError("x")), [], Screen(log_folder=tmp_path / "missing")) == 1
    assert "could not be written" in capsys.readouterr().err


def test_interrupt_is_one_line(capsys):
    assert answered(raising(KeyboardInterrupt()), [], Screen()) == 130
    assert capsys.readouterr().err.strip() == "stopped: nothing was left half-written"


def test_files_are_written_whole_or_not_at_all(tmp_path):
    write_file(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").read_text() == "text"
    with pytest.raises(DataFault, match="does not exist; make it first"):
        write_file(tmp_path / "missing" / "a.txt", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataFault, match="is a folder; name a file"):
        write_file(tmp_path / "folder", b"text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "folder"]


def test_no_bar_when_quiet_or_piped(capsys):
    for screen in (Screen(quiet=True), Screen(as_json=True), Screen()):
        with screen.steps("x") as tell:
            tell("estimate", 1, 2)
    assert capsys.readouterr().err == ""


def test_quiet_prints_nothing(capsys):
    Screen(quiet=True).answer("text", {"a": 1})
    assert capsys.readouterr().out == ""


def test_json_needs_no_terminal(capsys):
    Screen(as_json=True).answer("text", {"path": Path("x")})
    assert json.loads(capsys.readouterr().out) == {"path": "x"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_disk_that_takes_nothing_is_the_users_fault_wherever_it_shows(code, capsys):
    assert answered(raising(OSError(code, "refused", "out.csv")), [], Screen()) == 2
    assert capsys.readouterr().err == "out.csv: cannot be written or read (refused)\n"


def test_another_error_of_the_system_is_ours(tmp_path):
    assert answered(raising(OSError(errno.EIO, "broken")), [], Screen(log_folder=tmp_path)) == 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_signal_has_its_own_exit_code(wrapped, capsys):
    stop: BaseException = Stopped(15)
    if wrapped:  # as power does, which says what it kept
        stop = KeyboardInterrupt("3 of 4 chunks are kept")
        stop.__cause__ = Stopped(15)
    assert answered(raising(stop), [], Screen()) == 143
    assert capsys.readouterr().err.strip().startswith("stopped: ")


def test_a_log_that_is_a_link_is_left(tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / LOG_NAME).symlink_to(tmp_path / "mine")
    assert answered(raising(ValueError("x")), [], Screen(log_folder=tmp_path)) == 1
    assert "is a link" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "mine"
