"""What is half-written: held while its writer lives, swept once it is dead, taken back by a signal."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from sos_eval.bundle.bundle import write_bundle
from sos_eval.bundle.partial import holding, partial_name, replaced_name, sweep
from sos_eval.bundle.stopping import Stopped, stopped_in_order, unbroken
from sos_eval.bundle.whole import check_folder, refuse_inputs, write_file, write_folder
from sos_eval.errors import DataFault, InputFault
from sos_eval.report.draw import draw_all
from tests.bundle.handmade import full
from tests.bundle.test_whole import holding as filled
from tests.bundle.test_whole import names

WRITER = """
import sys, time
from pathlib import Path
from sos_eval.bundle.whole import write_file, write_folder
def fill(folder):
    (folder / "a.txt").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
write_folder(Path(sys.argv[1]), fill)
"""


@pytest.fixture
def writer(tmp_path):
    """A process that is writing a folder ``out``, and is killed in the end."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_is_being_written_is_not_swept_and_what_was_killed_is(tmp_path, writer):
    check_folder(tmp_path / "out")
    assert len(names(tmp_path)) == 1
    writer.kill()
    writer.wait()
    check_folder(tmp_path / "out")
    assert names(tmp_path) == []


def test_a_file_of_a_dead_writer_is_swept_by_the_next(tmp_path):
    partial_name(tmp_path / "a.txt", hidden=True).write_text("half")
    (tmp_path / ".a.txt.partial-mine").write_text("not ours")
    write_file(tmp_path / "a.txt", "whole")
    assert names(tmp_path) == [".a.txt.partial-mine", "a.txt"]


def test_a_disk_without_locks_is_written_to_and_never_swept(tmp_path, monkeypatch):
    def no_locks(file, how):
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr("fcntl.flock", no_locks)
    left = partial_name(tmp_path / "a.txt", hidden=True)
    left.write_text("half")
    write_file(tmp_path / "a.txt", "whole")
    write_folder(tmp_path / "out", filled("whole"))
    assert names(tmp_path) == [left.name, "a.txt", "out"]


def test_a_folder_that_was_moved_aside_by_a_dead_writer_is_put_back(tmp_path):
    old = replaced_name(partial_name(tmp_path / "out"))
    old.mkdir()
    (old / "a.txt").write_text("old")
    with holding(old):
        sweep(tmp_path / "out")
        assert names(tmp_path) == [old.name]
    sweep(tmp_path / "out")
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "a.txt").read_text() == "old"
    (tmp_path / "out").rename(old)
    (tmp_path / "out").mkdir()
    sweep(tmp_path / "out")
    assert names(tmp_path) == ["out"]


def test_the_second_of_two_is_refused_although_both_began_before_either_ended(tmp_path):
    def slow(folder):
        filled("second")(folder)
        write_folder(tmp_path / "out", filled("first"), replace=False)

    with pytest.raises(InputFault, match="appeared while this was being made"):
        write_folder(tmp_path / "out", slow, replace=False)
    assert (tmp_path / "out" / "a.txt").read_text() == "first"
    assert names(tmp_path) == ["out"]


def test_links_folders_and_devices_are_not_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "link.txt").symlink_to(tmp_path / "mine.txt")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to").symlink_to(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("link.txt", "is a link"), ("folder", "is a folder"), ("pipe", "is a device or a pipe")):
        with pytest.raises(DataFault, match=words):
            write_file(tmp_path / name, "x")
    with pytest.raises(InputFault, match="is a link"):
        check_folder(tmp_path / "to")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_what_a_command_reads_is_not_written_over(tmp_path):
    read = tmp_path / "a" / "in.csv"
    read.parent.mkdir()
    read.write_text("x")
    refuse_inputs([tmp_path / "out.csv"], [read, None])
    for target in (read, read.parent):
        with pytest.raises(InputFault, match="what this command reads"):
            refuse_inputs([target], [read])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_back_what_is_half_written(tmp_path, number, request):
    before = signal.signal(number, signal.SIG_DFL)  # nohup leaves the hang-up ignored
    request.addfinalizer(lambda: signal.signal(number, before))

    def stopped(folder):
        filled("half")(folder)
        os.kill(os.getpid(), number)
        time.sleep(5)

    with pytest.raises(Stopped) as stop, stopped_in_order():
        write_folder(tmp_path / "new" / "out", stopped)
    assert stop.value.number == number
    assert names(tmp_path) == []
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_in_order():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_steps_that_belong_together_are_not_torn_apart():
    done = []

    def steps():
        with stopped_in_order(), unbroken():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("both")

    with pytest.raises(Stopped):
        steps()
    assert done == ["both"]


def test_a_file_that_does_not_fit_is_the_users_fault_and_leaves_the_old_one(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DataFault, match=r"cannot be written \(File too large\)"):
            write_file(tmp_path / "a.txt", "x" * 5000)
        with pytest.raises(InputFault, match="cannot be written: File too large"):
            write_folder(tmp_path / "out", filled("x" * 5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_stop_that_a_figure_swallowed_stops_the_report_all_the_same(tmp_path, monkeypatch):
    """A signal inside a library's callback became the failure of a figure: exit 3, and the report went on."""

    def lost(*args):
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(1)
        except BaseException:
            raise RuntimeError("an error in a callback") from None

    monkeypatch.setattr("sos_eval.report.draw._take", lost)
    with pytest.raises(Stopped) as stop, stopped_in_order():
        draw_all(write_bundle(tmp_path / "b", full()), ("svg",))
    assert stop.value.number == signal.SIGHUP
