"""The Monte Carlo itself: a study's points, what is compiled for them, and how one chunk of draws is computed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.provenance import hash_file
from sos_eval.montecarlo.chunk import Chunk, Task
from sos_eval.montecarlo.line.compiled import Line
from sos_eval.montecarlo.line.draws import LineDraws, estimate_draws
from sos_eval.montecarlo.line.frames import joined, lost, on_rows
from sos_eval.montecarlo.line.pretest import PRETEST
from sos_eval.montecarlo.point import CompiledPoint, FurtherFrame, Point, compile_further, compile_point, numbered
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array
from sos_eval.worlds.draw import draw_outcomes
from sos_eval.worlds.world import World, document_of, with_files

__all__ = ["FRAMES", "Study", "compute", "described"]

Seconds = defaultdict[str, float]
#: Part of every study's hash: raise it when a change of the engine changes what a stored draw means.
ENGINE = 8
#: Frames of a study whose lines all come in a batch: there a frame costs what a hundred draws do.
FRAMES = 50
#: Further frames that are kept as compiled: one whose draws lie in several chunks is met again soon.
KEPT = 4


@dataclass(frozen=True)
class Study:
    """All that decides the draws: points, seed, number of draws, of draws a chunk, and of frames.

    A frame is one draw of authorities and of who starts when. The first draws are on the first frame, and so on, as
    many on each. Chunk size belongs to the plan: every chunk has streams of its own, named by its number and its
    frames', so the draws do not depend on who computes them, in what order, or how many there are. A study keeps what
    it has compiled, each point once a process and frame; that does not travel with it to other processes. Its title,
    the design's, is what a report is headed with; `worthwhile` is the smallest change worth having that the design
    declares, which sentences hold sizes against.

    Attributes
    ----------
    asked
        How many frames are asked for; 0 leaves it to the rule of `frames`.
    """

    points: tuple[Point, ...]
    reps: int
    seed: int
    chunk: int
    described: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    asked: int = 0
    worthwhile: float | None = None
    _compiled: dict[int, CompiledPoint] = field(default_factory=dict, init=False, repr=False, compare=False)
    _further: dict[tuple[int, int], FurtherFrame] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave what is compiled behind: whoever receives a study compiles the points that it computes."""
        return self.__dict__ | {"_compiled": {}, "_further": {}}

    def at(self, number: int) -> CompiledPoint:
        """Return a point as it is computed on its first frame, compiled when it is first asked for.

        Raises
        ------
        InputFault
            What cannot be drawn or estimated there.
        """
        if number not in self._compiled:
            self._compiled[number] = compile_point(self.points[number], self.seed)
        return self._compiled[number]

    def on(self, number: int, frame: int) -> CompiledPoint | FurtherFrame:
        """Return a point on one of its frames; the last few are kept."""
        if not frame:
            return self.at(number)
        kept = self._further.get((number, frame))
        if kept is None:
            kept = compile_further(self.points[number], self.at(number), self.seed, frame)
            self._further[number, frame] = kept
            for old in list(self._further)[:-KEPT]:
                self._further.pop(old, None)
        return kept

    @property
    def fixed(self) -> bool:
        """Whether the authorities are those of a real panel, of which there is one."""
        return all(point.world.panel is not None for point in self.points)

    @cached_property
    def frames(self) -> int:
        """How many frames there are: by design and world alone, where none are asked for.

        One for a real panel. One a draw where some line is estimated draw by draw, beside which a frame costs little;
        50 where all lines come in batches of draws on a frame.
        """
        if self.asked or self.fixed:
            return self.asked or 1
        every = [ready for number in range(len(self.points)) for ready in self.at(number).lines]
        return self.reps if any(ready.path == "loop" for ready in every) else min(FRAMES, self.reps)

    def frame_of(self, draws: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the frame of each of some draws: as many draws to each frame, or one more."""
        return draws * self.frames // self.reps

    @property
    def clusters(self) -> NDArray[np.intp] | None:
        """The frame of every draw, (reps,), where some draws share theirs and others do not; else None."""
        return self.frame_of(np.arange(self.reps)) if 1 < self.frames < self.reps else None

    @cached_property
    def hash(self) -> str:
        """What a folder of draws is known by."""
        points = [
            {"keys": dict(p.keys), "world": _world(p.world), "lines": [described(line) for line in p.lines]}
            for p in self.points
        ]
        plan = {
            "engine": ENGINE, "points": points, "reps": self.reps, "seed": self.seed, "chunk": self.chunk,
            "frames": self.frames,
        }  # fmt: skip
        return sha256(json.dumps(plan | dict(self.described), sort_keys=True, default=str).encode()).hexdigest()

    @property
    def tasks(self) -> list[Task]:
        """All chunks of all points."""
        chunks = -(-self.reps // self.chunk)
        return [Task(point, chunk) for point in range(len(self.points)) for chunk in range(chunks)]

    def size(self, task: Task) -> int:
        """How many draws a chunk has."""
        return min(self.chunk, self.reps - task.chunk * self.chunk)

    def blocks(self, task: Task) -> list[tuple[int, int]]:
        """Return the frames of a chunk's draws, in order, and how many of its draws each has."""
        first = task.chunk * self.chunk
        frames, draws = np.unique(self.frame_of(np.arange(first, first + self.size(task))), return_counts=True)
        return list(zip(frames.tolist(), draws.tolist(), strict=True))


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


def compute(study: Study, task: Task, stop: Event | None = None) -> Chunk:
    """Draw and estimate one chunk; linear algebra should have one thread, so that sums have one order.

    Parameters
    ----------
    stop
        Looked at between frames: where it is set nobody waits for the chunk any more.
    """
    lines, seconds, done = study.at(task.point).lines, defaultdict[str, float](float), 0
    parts: list[list[LineDraws]] = [[] for _ in lines]
    for frame, reps in study.blocks(task):
        if stop is not None and stop.is_set():
            raise CancelledError
        for part, found in zip(parts, _on_frame(study, task, (frame, reps, done), seconds), strict=True):
            part.append(found)
        done += reps
    estimated = [(ready.line, joined(part)) for ready, part in zip(lines, parts, strict=True)]
    return _put_together(estimated, dict(seconds))


def _on_frame(study: Study, task: Task, block: tuple[int, int, int], seconds: Seconds) -> Iterator[LineDraws]:
    """Draw on one frame and yield what each line gives, on the rows that it has on the first frame.

    Parameters
    ----------
    block
        The frame, how many draws, and the place of the first of them in its chunk.
    seconds
        Takes what was spent on the frame, on drawing and on each line.
    """
    frame, reps, done = block
    with _timed(seconds, "frame"):
        there = study.on(task.point, frame)
    with _timed(seconds, "draw"):
        rng = stream(study.seed, "chunk", task.chunk, *numbered(frame))
        draws = draw_outcomes(study.points[task.point].world, there.frame, rng, reps)
    for first, ready in zip(study.at(task.point).lines, there.lines, strict=True):

        def streams(rep: int, method: int, line: str = first.line.id) -> np.random.Generator:
            return stream(study.seed, "inference", task.chunk, done + rep, line, method)

        with _timed(seconds, first.line.id):
            found = lost(first, reps, ready) if isinstance(ready, str) else estimate_draws(ready, draws, streams)
        yield on_rows(found, first)


@contextmanager
def _timed(seconds: Seconds, name: str) -> Iterator[None]:
    started = perf_counter()
    yield
    seconds[name] += perf_counter() - started


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
