"""Dask: a scheduler and workers on this machine, killed on the way; the bytes are those of one process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sos_eval as se
from sos_eval.errors import InputFault
from sos_eval.estimators import CallawaySantAnna
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo import dask
from sos_eval.montecarlo.chunk import Task
from sos_eval.montecarlo.dask import _Lots, compute_there, versions_here
from sos_eval.montecarlo.study import compute
from tests.montecarlo.dask_cluster import cluster_of
from tests.worlds.tiny import tiny

PLAN = {"reps": 300, "chunk": 5, "seed": 5, "sweep": {"world.effect.size": [-1, -3]}}
TABLES = ("power.csv", "mdes.csv", "failures.csv", "sample.csv", "sentences.txt")


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    se.power(CallawaySantAnna(), tiny(), out=folder, **PLAN)
    return folder


def _read(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in TABLES]


def _at(count: int, do: Callable[[], object]) -> Callable[[str, int, int], None]:
    """Do something once so many chunks are finished."""
    return lambda what, done, of: do() if done == count else None


@pytest.mark.slow
def test_a_killed_worker_changes_no_byte(alone, tmp_path):
    with cluster_of(2) as two:
        kill = _at(20, two.workers[0].kill)
        se.power(CallawaySantAnna(), tiny(), out=tmp_path / "two", scheduler=two.address, progress=kill, **PLAN)
        assert two.workers[0].wait() < 0
        assert two.workers[1].poll() is None
    assert _read(tmp_path / "two") == _read(alone)


@pytest.mark.slow
def test_a_lost_scheduler_leaves_a_folder_that_goes_on(alone, tmp_path, capfd, monkeypatch):
    """It is said in one line, without the client's own log; another process finishes to the same bytes."""
    folder = tmp_path / "half"
    monkeypatch.setattr(dask, "ANSWERS_WITHIN", 2.0)
    with cluster_of(1) as one:
        kill = _at(20, one.scheduler.kill)
        with pytest.raises(InputFault) as caught:
            se.power(CallawaySantAnna(), tiny(), out=folder, scheduler=one.address, progress=kill, **PLAN)
    said = "--scheduler: went away before all chunks were done; those that were are kept; start one again, then"
    assert str(caught.value) == f"{one.address}: {said} add --resume to go on"
    assert capfd.readouterr().err == ""
    assert not (folder / "power.csv").exists()
    before = len(list((folder / "draws").iterdir()))
    assert 20 <= before < 120
    seen: list[int] = []
    se.power(CallawaySantAnna(), tiny(), out=folder, resume=True, progress=lambda w, d, n: seen.append(d), **PLAN)
    assert len(seen) == 120 - before
    assert _read(folder) == _read(alone)


@pytest.fixture
def in_haste(monkeypatch):
    monkeypatch.setattr(dask, "ANSWERS_WITHIN", 0.5)
    monkeypatch.setattr(dask, "WORKERS_WITHIN", 0.5)


def _refused(address: str) -> str:
    with pytest.raises(InputFault) as caught:
        se.power(CallawaySantAnna(), tiny(), reps=4, scheduler=address)
    return str(caught.value).removeprefix(f"{address}: ")


NOBODY = "--scheduler: no Dask scheduler answers there; start one with `dask scheduler`, and give its tcp:// address"


@pytest.mark.usefixtures("in_haste")
def test_where_nobody_answers():
    assert _refused("tcp://127.0.0.1:1") == NOBODY


@pytest.mark.usefixtures("in_haste")
def test_where_something_else_listens():
    """A client of its own accord would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert _refused(f"tcp://127.0.0.1:{mute.getsockname()[1]}") == NOBODY


@pytest.mark.parametrize("address", ["somewhere", "http://127.0.0.1:1", "tcp://127.0.0.1:port"])
def test_what_is_no_address(address):
    assert _refused(address) == "--scheduler: is no address; write tcp://HOST:8786"


@pytest.mark.usefixtures("in_haste")
def test_a_scheduler_without_workers_is_given_up():
    with cluster_of(0) as nobody:
        said = "--scheduler: has no workers after 0.5 seconds; start some with `dask worker {}`"
        assert _refused(nobody.address) == said.format(nobody.address)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = "--scheduler needs the package distributed, which is not installed; install sos_eval[cluster]"
    assert _refused("tcp://127.0.0.1:1") == said


def test_a_worker_with_other_versions_refuses():
    study = plan_study(CallawaySantAnna(), tiny(), reps=4, chunk=2)
    other = tuple((name, "0" if name == "numpy" else own) for name, own in versions_here())
    with pytest.raises(InputFault, match=r"a worker has numpy \S+, here it is 0: the bytes would differ"):
        compute_there(study, [0], other)


def test_chunks_that_travel_together_are_those_that_travel_alone():
    study = plan_study(CallawaySantAnna(), tiny(), reps=6, chunk=2)
    together = compute_there(study, [0, 2], versions_here())
    for one, number in zip(together, (0, 2), strict=True):
        assert (one.values == compute(study, Task(0, number)).values).all()


def test_short_chunks_travel_together_and_leave_work_for_others():
    """Chunks of 10 ms: a hundred make a second, but 40 left among two threads with two lots each are ten a lot; and
    a lot ends where its point does."""
    from collections import deque

    lots = _Lots(deque([Task(0, i) for i in range(38)] + [Task(1, i) for i in range(4)]))
    assert lots.take(2) == [Task(0, 0)]
    lots.seconds = 0.01
    assert len(lots.take(2)) == 10
    lots.seconds = 0.5
    assert lots.take(2) == [Task(0, 11), Task(0, 12)]
    lots.seconds, lots.waiting = 0.01, deque([Task(0, 37), *(Task(1, i) for i in range(40))])
    assert lots.take(1) == [Task(0, 37)]


def test_a_count_of_threads_that_fails_leaves_the_last_one():
    """The scheduler can go between a result and the next count; the next result then says so."""

    class Gone:
        def nthreads(self):
            raise OSError("nobody there")

    counted = dask._Cluster(Gone())
    counted.known = 3
    assert counted.threads == 3
