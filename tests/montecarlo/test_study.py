"""A study keeps what it has compiled: each point once a process, and nothing of it travels."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sos_eval as se
from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo import point as room
from sos_eval.montecarlo import workers
from sos_eval.montecarlo.dask import compute_there, versions_here
from sos_eval.montecarlo.study import compute
from tests.worlds.tiny import tiny


@pytest.fixture
def compiled(monkeypatch) -> list[str]:
    """Every line that is compiled, as it happens."""
    lines: list[str] = []

    def counted(line, draws, table):
        lines.append(line.id)
        return compile_line(line, draws, table)

    compile_line = room.compile_line
    monkeypatch.setattr(room, "compile_line", counted)
    return lines


@pytest.mark.parametrize("points", [1, 8, 12])
def test_every_point_is_compiled_once(compiled, points):
    """However many there are: a bounded cache compiled the ninth and all after it five times each."""
    sweep = {"world.effect.size": [-1 - 0.1 * i for i in range(points)]}
    done = se.power(
        {"a": CallawaySantAnna(), "b": TWFE()}, tiny(), reps=4, frames=1, chunk=2, sweep=sweep, pretests=True
    )
    assert len(done.explained) == 2 * points
    assert sorted(compiled) == ["a"] * points + ["b"] * points


def test_what_is_compiled_stays_where_it_is(compiled):
    study = plan_study(CallawaySantAnna(), tiny(), reps=4, frames=1, chunk=2)
    bare = len(pickle.dumps(study))
    study.at(0)
    assert len(pickle.dumps(study)) == bare
    there = pickle.loads(pickle.dumps(study))
    assert there.hash == study.hash
    assert (compute(there, there.tasks[1]).values == compute(study, study.tasks[1]).values).all()
    assert len(compiled) == 2


def test_lots_on_a_cluster_s_worker_share_what_is_compiled(compiled):
    """Every lot comes with a copy of the study of its own."""
    study = plan_study(CallawaySantAnna(), tiny(), reps=8, frames=1, chunk=2, seed=77)
    lots = [compute_there(pickle.loads(pickle.dumps(study)), [chunk], versions_here())[0] for chunk in range(4)]
    assert len(compiled) == 1
    for lot, task in zip(lots, study.tasks, strict=True):
        assert (lot.values == compute(study, task).values).all()


METHODS = {"a": CallawaySantAnna(), "b": TWFE(), "c": EventStudyTWFE(), "d": PoissonDiD()}


def test_threads_give_the_bytes_of_one():
    plan = plan_study(METHODS, tiny(), reps=60, frames=5, chunk=2, seed=3)
    chunks = {n: {} for n in (1, 4)}
    for n, kept in chunks.items():
        workers.on_threads(plan, plan.tasks, kept.__setitem__, n)
    assert list(chunks[1]) == plan.tasks
    for task in plan.tasks:
        np.testing.assert_array_equal(chunks[1][task].values, chunks[4][task].values)
        assert chunks[1][task].failures == chunks[4][task].failures


@pytest.mark.parametrize(
    ("pays", "permuted", "on"),
    [(1e9, False, ["on_threads", "on_threads"]), (0.0, False, ["on_threads", "on_processes"]),
     (1e9, True, ["on_processes"])],
)  # fmt: skip
def test_who_computes(monkeypatch, pays, permuted, on):
    """A short study in batches on threads, a long one and one that goes draw by draw on processes."""
    method = {"a": CallawaySantAnna()}
    asked: list[str] = []
    study = plan_study(method, tiny(missing__share=0.1) if permuted else tiny(), reps=8, chunk=2)
    monkeypatch.setattr(workers, "PROCESS_PAYS", pays)
    for name in ("on_threads", "on_processes"):
        monkeypatch.setattr(workers, name, lambda study, tasks, keep, n, name=name: asked.append(name))
    workers.run_tasks(study, study.tasks, lambda task, chunk: None, workers=2)
    assert asked == on
