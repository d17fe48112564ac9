"""A crew of processes: answers in order, none left behind."""

from __future__ import annotations

import os
import time
from multiprocessing import active_children

import pytest

from sos_eval.errors import OurFault
from sos_eval.jobs import crew, steps
from sos_eval.jobs.crew import Team


def gone(piece):
    """End the process where asked to."""
    if piece:
        os._exit(1)


def test_pieces_come_back_in_order_wherever_they_were_made(monkeypatch):
    monkeypatch.setattr(crew, "PROCESSES_PAY", 0.0)
    made = []
    with Team(2, made.append).at_work() as team:
        assert team.work(abs, [-3, -1, -2, -5], [7, 8, 9, 1]) == [3, 1, 2, 5]
    assert made == [7, 8, 9, 1]
    assert not active_children()


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_an_interruption_ends_its_processes_at_once(times, monkeypatch):
    """Five times: two threads that reap one child leave it listed in about one of three."""
    monkeypatch.setattr(crew, "PROCESSES_PAY", 0.0)

    def interrupt(size):
        if size == 2:
            raise KeyboardInterrupt

    for _ in range(times):
        start = time.perf_counter()
        with pytest.raises(KeyboardInterrupt), Team(2, interrupt).at_work() as team:
            team.work(time.sleep, [0.0, 0.0, 60.0, 60.0], [1, 2, 3, 4])
        assert time.perf_counter() - start < 30
        assert not active_children()


def test_a_fault_in_a_process_is_the_fault(monkeypatch):
    monkeypatch.setattr(crew, "PROCESSES_PAY", 0.0)
    with pytest.raises(TypeError), Team(2).at_work() as team:
        team.work(abs, [1, 2, "x"], [1, 1, 1])
    with pytest.raises(OurFault, match="worker process died"), Team(2).at_work() as team:
        team.work(gone, [0, 1, 1], [1, 1, 1])


@pytest.mark.parametrize(("seconds", "words"), [
    (4.0, "5 seconds"), (44.2, "45 seconds"), (125.0, "2 minutes"), (7300.0, "2.0 hours"),
])  # fmt: skip
def test_durations_in_words(seconds, words):
    assert steps.rounded(seconds) == words
