"""A study that does not fit into memory names the key and a number that does."""

from __future__ import annotations

import tracemalloc

import pytest

import sos_eval as se
from sos_eval.errors import InputFault
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo.memory import _drawn, check_memory, machine_memory
from sos_eval.montecarlo.study import compute
from tests.worlds.tiny import tiny


def test_the_numbers_that_fit():
    """20 authorities x 12 years x 6 numbers of 8 bytes are 11,520 bytes a draw; a row keeps 2 x 6 x 8 = 96 of them."""
    study = plan_study(TWFE(), tiny(authorities__n=20), reps=1000, chunk=500)
    cells = 20 * len(tiny().periods)
    rows = sum(len(ready.rows) for ready in study.at(0).lines)
    chunk, kept = 48 * cells, 96 * rows
    check_memory(study, 1, memory=500 * chunk)
    with pytest.raises(InputFault, match=r"chunk: 500 draws take \S+ GB of memory, and this machine has \S+; write"):
        check_memory(study, 1, memory=499 * chunk)
    with pytest.raises(InputFault, match="write at most 240"):
        check_memory(study, 2, memory=499 * chunk)
    check_memory(study, 0, memory=1000 * kept)
    with pytest.raises(InputFault, match=r"reps: 1000 draws take .* write at most 990"):
        check_memory(study, 0, memory=999 * kept)


def test_a_chunk_takes_what_is_said():
    """Of a chunk of 400 draws, to a third."""
    study = plan_study(CallawaySantAnna(), tiny(authorities__n=60), reps=400, chunk=400, frames=1)
    study.at(0)
    tracemalloc.start()
    compute(study, study.tasks[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / 400 == pytest.approx(_drawn(study), rel=1 / 3)


def test_nothing_is_drawn_or_written(tmp_path):
    """Ten million draws in one chunk of the real thing: terabytes."""
    assert machine_memory() > 1e8
    with pytest.raises(InputFault, match=r"chunk: 10000000 draws take .* write at most \d+"):
        se.power(TWFE(), tiny(authorities__n=2000), reps=10_000_000, chunk=10_000_000, out=tmp_path / "o")
    assert not (tmp_path / "o").exists()
