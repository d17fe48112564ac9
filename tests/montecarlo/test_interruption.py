"""An interrupted study stops at once and leaves no process behind."""

from __future__ import annotations

import os
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from threading import Event

import pytest

from sos_eval.estimators import TWFE
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo import study as room
from sos_eval.montecarlo.study import compute
from sos_eval.montecarlo.workers import on_processes, on_threads
from tests.worlds.tiny import tiny

#: In a worker process: how many estimates it made.
MADE: list[int] = []


@dataclass(frozen=True)
class Sleeper(TWFE):
    """In other processes than its maker's: one draw of all is estimated, every other takes a minute."""

    name = "sleeper"
    marker: str = ""
    parent: int = 0

    def complete(self, panel):
        if os.getpid() != self.parent:
            MADE.append(1)
            if len(MADE) > 1:  # the first is what the point is compiled on
                self.sleep()
        return super().complete(panel)

    def sleep(self):
        try:
            Path(self.marker).touch(exist_ok=False)
        except FileExistsError:
            time.sleep(60)


def interrupt(task, chunk):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interruption_ends_the_processes_at_once(tmp_path):
    """Five times: two threads that reap one child leave it listed in about one of three."""
    for number in range(5):
        method = Sleeper(marker=str(tmp_path / f"{number}"), parent=os.getpid())
        study = plan_study(method, tiny(missing__share=0.05), reps=8, frames=1, chunk=1)
        started = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            on_processes(study, study.tasks, interrupt, 2)
        assert time.perf_counter() - started < 30
        assert (tmp_path / f"{number}").exists()
        assert not active_children()


def test_a_chunk_that_nobody_waits_for_is_left_between_frames(monkeypatch):
    study = plan_study(TWFE(), tiny(), reps=80, frames=40, chunk=40)
    study.at(0)
    stop, begun = Event(), []
    drawn = room.draw_outcomes

    def counted(*arguments):
        begun.append(1)
        stop.set()
        return drawn(*arguments)

    monkeypatch.setattr(room, "draw_outcomes", counted)
    with pytest.raises(CancelledError):
        compute(study, study.tasks[0], stop)
    assert len(begun) == 1


def test_an_interruption_of_threads_is_the_interruption():
    study = plan_study(TWFE(), tiny(), reps=80, frames=20, chunk=10)
    with pytest.raises(KeyboardInterrupt):
        on_threads(study, study.tasks, interrupt, 2)
