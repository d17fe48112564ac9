"""The Monte Carlo itself: a study's points, what is compiled for them, and how one chunk of draws is computed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.provenance import hash_file
from sos_eval.errors import NotIdentified, OurFault
from sos_eval.montecarlo.chunk import Chunk, Task
from sos_eval.montecarlo.line.compiled import Line, Ready, compile_line
from sos_eval.montecarlo.line.draws import LineDraws, estimate_draws
from sos_eval.montecarlo.line.pretest import PRETEST
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array
from sos_eval.worlds.draw import draw_outcomes
from sos_eval.worlds.frame import Frame, draw_frame
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import World, document_of, with_files

__all__ = ["CompiledPoint", "Point", "Study", "compute", "described"]

#: Part of every study's hash: raise it when a change of the engine changes what a stored draw means.
ENGINE = 7
FIRST_DRAWS = 5
#: Draws on which a world is asked whether its rates stay above zero.
ASKED = 200


@dataclass(frozen=True)
class Point:
    """One combination of swept keys: the world and the lines that it gives."""

    keys: Mapping[str, Any]
    world: World
    lines: tuple[Line, ...]


@dataclass(frozen=True, eq=False)
class CompiledPoint:
    """A point as a process computes it: its frame of authorities, and its lines compiled on that frame."""

    frame: Frame
    lines: tuple[Ready, ...]


@dataclass(frozen=True)
class Study:
    """All that decides the draws: points, seed, number of draws and of draws a chunk.

    Chunk size belongs to the plan: every chunk has streams of its own, named by its number, so the draws do not
    depend on who computes them, in what order, or how many there are. A study keeps what it has compiled, each point
    once a process; that does not travel with it to other processes. Its title, the design's, is what a report is headed
    with.
    """

    points: tuple[Point, ...]
    reps: int
    seed: int
    chunk: int
    described: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    _compiled: dict[int, CompiledPoint] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave what is compiled behind: whoever receives a study compiles the points that it computes."""
        return self.__dict__ | {"_compiled": {}}

    def at(self, number: int) -> CompiledPoint:
        """Return a point as it is computed, compiled when it is first asked for.

        Raises
        ------
        InputFault
            What cannot be drawn or estimated there.
        """
        if number not in self._compiled:
            self._compiled[number] = _compile_point(self.points[number], self.seed)
        return self._compiled[number]

    @cached_property
    def hash(self) -> str:
        """What a folder of draws is known by."""
        points = [
            {"keys": dict(p.keys), "world": _world(p.world), "lines": [described(line) for line in p.lines]}
            for p in self.points
        ]
        plan = {"engine": ENGINE, "points": points, "reps": self.reps, "seed": self.seed, "chunk": self.chunk}
        return sha256(json.dumps(plan | dict(self.described), sort_keys=True, default=str).encode()).hexdigest()

    @property
    def tasks(self) -> list[Task]:
        """All chunks of all points."""
        chunks = -(-self.reps // self.chunk)
        return [Task(point, chunk) for point in range(len(self.points)) for chunk in range(chunks)]

    def size(self, task: Task) -> int:
        """How many draws a chunk has."""
        return min(self.chunk, self.reps - task.chunk * self.chunk)


def _world(world: World) -> dict[str, Any]:
    """Return a world as plain values, the panels it reads by content and not by where they lie."""
    data: dict[str, Any] = with_files(document_of(world).data, hash_file)
    return data


def described(line: Line) -> dict[str, Any]:
    """Return what decides a line's draws, as plain values."""
    methods = [(str(method.name), repr(method)) for method in line.inference]
    panel = repr(getattr(line.load, "spec", ""))
    return {
        "id": line.id, "method": repr(line.method), "inference": methods, "outcome": line.outcome,
        "comparison": repr(line.comparison), "panel": panel, "permutations": line.permutations,
        "rematch": line.rematch, "checks": repr(line.checks), "pretest": repr(line.pretest),
    }  # fmt: skip


def _compile_point(point: Point, seed: int) -> CompiledPoint:
    """Draw a point's frame and compile its lines on it."""
    frame = draw_frame(point.world, stream(seed, "frame"))
    draw_outcomes(point.world, frame, stream(seed, "asked"), ASKED)  # refuses rates below zero, once for all
    frame = frame.trusted()
    return CompiledPoint(frame, _compile_lines(point, frame, seed))


def _compile_lines(point: Point, frame: Frame, seed: int) -> tuple[Ready, ...]:
    """Compile a point's lines on the first draw that all of them can estimate, of a few that are tried."""
    for attempt in range(FIRST_DRAWS):
        first = draw_outcomes(point.world, frame, stream(seed, "first", attempt), 1)
        try:
            return tuple(compile_line(line, first, data_of(first)) for line in point.lines)
        except NotIdentified:
            if attempt == FIRST_DRAWS - 1:
                raise
    raise OurFault("no draw was tried")


def compute(study: Study, task: Task) -> Chunk:
    """Draw and estimate one chunk; linear algebra should have one thread, so that sums have one order."""
    point = study.at(task.point)
    started = perf_counter()
    world = study.points[task.point].world
    draws = draw_outcomes(world, point.frame, stream(study.seed, "chunk", task.chunk), study.size(task))
    seconds = {"draw": perf_counter() - started}
    estimated: list[tuple[Line, LineDraws]] = []
    for ready in point.lines:
        started = perf_counter()

        def streams(rep: int, method: int, line: str = ready.line.id) -> np.random.Generator:
            return stream(study.seed, "inference", task.chunk, rep, line, method)

        estimated.append((ready.line, estimate_draws(ready, draws, streams)))
        seconds[ready.line.id] = seconds.get(ready.line.id, 0.0) + perf_counter() - started
    return _put_together(estimated, seconds)


def _put_together(estimated: list[tuple[Line, LineDraws]], seconds: dict[str, float]) -> Chunk:
    failures: Counter[tuple[str, str, str, str]] = Counter()
    for line, draws in estimated:
        outcome = str(draws.rows["outcome"].iloc[0]) if len(draws.rows) else line.outcome
        for (inference, reason), n in draws.failures.items():
            failures[line.id, outcome, inference, reason] += n
    rows = pd.concat([draws.rows for _, draws in estimated], ignore_index=True)
    values = np.concatenate([draws.values for _, draws in estimated])
    return Chunk(rows, values, failures, seconds, _pretests([draws for _, draws in estimated]))


def _pretests(lines: list[LineDraws]) -> Array | None:
    """Put pre-trend tests together, empty for lines without."""
    if all(line.pretests is None for line in lines):
        return None
    empty = [np.full((*line.values.shape[:2], len(PRETEST)), np.nan) for line in lines]
    return np.concatenate(
        [nothing if line.pretests is None else line.pretests for line, nothing in zip(lines, empty, strict=True)]
    )
