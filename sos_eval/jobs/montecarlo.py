"""The Monte Carlo itself: a study's points, its chunks of draws, and what one chunk gives."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from sos_eval.bundle.provenance import hash_file
from sos_eval.bundle.whole import write_file
from sos_eval.errors import DataFault, Fault, NotIdentified, OurFault
from sos_eval.jobs.line_draws import LineDraws, evaluate
from sos_eval.jobs.line_pretest import PRETEST
from sos_eval.jobs.line_rows import ROW_KEYS
from sos_eval.jobs.lines import Line, Ready, prepare
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array
from sos_eval.worlds.draw import draw_outcomes
from sos_eval.worlds.frame import Frame, draw_frame
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import World, document_of, with_files

__all__ = ["Chunk", "Point", "Study", "Task", "compute", "described", "prepared", "read_chunk", "write_chunk"]

#: Part of every study's hash: raise it when a change of the engine changes what a stored draw means.
ENGINE = 6
_READY: OrderedDict[tuple[str, int], tuple[Frame, tuple[Ready, ...]]] = OrderedDict()
_READY_AT_MOST = 8
FIRST_DRAWS = 5
#: Draws on which a world is asked whether its rates stay above zero.
ASKED = 200


@dataclass(frozen=True)
class Point:
    """One combination of swept keys: the world and the lines that it gives."""

    keys: Mapping[str, Any]
    world: World
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Task:
    """One chunk of one point."""

    point: int
    chunk: int


@dataclass(frozen=True)
class Study:
    """All that decides the draws: points, seed, number of draws and of draws a chunk.

    Chunk size belongs to the plan: every chunk has streams of its own, named by its number, so the draws do not
    depend on who computes them, in what order, or how many there are.
    """

    points: tuple[Point, ...]
    reps: int
    seed: int
    chunk: int
    described: Mapping[str, Any] = field(default_factory=dict)

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


@dataclass(frozen=True)
class Chunk:
    """The draws of one chunk: rows of all lines.

    Attributes
    ----------
    rows
        Columns `ROW_KEYS`, k rows.
    values : (k, reps, quantities)
    failures
        (estimator, outcome, inference, reason) to how many draws.
    seconds
        Spent on drawing and on each line, by name: for `--explain`, not for results.
    pretests : (k, reps, len(PRETEST)) or None
        What pre-trend tests say; NaN for lines without; None where nobody asks.
    """

    rows: pd.DataFrame
    values: Array
    failures: Counter[tuple[str, str, str, str]]
    seconds: Mapping[str, float]
    pretests: Array | None = None


def prepared(study: Study, number: int) -> tuple[Frame, tuple[Ready, ...]]:
    """Return a point's frame and compiled lines, made once a process."""
    key = study.hash, number
    if key not in _READY:
        point = study.points[number]
        frame = draw_frame(point.world, stream(study.seed, "frame"))
        draw_outcomes(point.world, frame, stream(study.seed, "asked"), ASKED)  # refuses rates below zero, once for all
        frame = frame.trusted()
        _READY[key] = frame, _compiled(study, point, frame)
        while len(_READY) > _READY_AT_MOST:
            _READY.popitem(last=False)
    return _READY[key]


def _compiled(study: Study, point: Point, frame: Frame) -> tuple[Ready, ...]:
    """Compile a point's lines on the first draw that all of them can estimate, of a few that are tried."""
    for attempt in range(FIRST_DRAWS):
        first = draw_outcomes(point.world, frame, stream(study.seed, "first", attempt), 1)
        try:
            return tuple(prepare(line, first, data_of(first)) for line in point.lines)
        except NotIdentified:
            if attempt == FIRST_DRAWS - 1:
                raise
    raise OurFault("no draw was tried")


def compute(study: Study, task: Task) -> Chunk:
    """Draw and estimate one chunk; linear algebra should have one thread, so that sums have one order."""
    frame, lines = prepared(study, task.point)
    started = perf_counter()
    world = study.points[task.point].world
    draws = draw_outcomes(world, frame, stream(study.seed, "chunk", task.chunk), study.size(task))
    seconds = {"draw": perf_counter() - started}
    found: list[tuple[Line, LineDraws]] = []
    for ready in lines:
        started = perf_counter()

        def streams(rep: int, method: int, line: str = ready.line.id) -> np.random.Generator:
            return stream(study.seed, "inference", task.chunk, rep, line, method)

        found.append((ready.line, evaluate(ready, draws, streams)))
        seconds[ready.line.id] = seconds.get(ready.line.id, 0.0) + perf_counter() - started
    return _put_together(found, seconds)


def _put_together(found: list[tuple[Line, LineDraws]], seconds: dict[str, float]) -> Chunk:
    failures: Counter[tuple[str, str, str, str]] = Counter()
    for line, draws in found:
        outcome = str(draws.rows["outcome"].iloc[0]) if len(draws.rows) else line.outcome
        for (inference, reason), n in draws.failures.items():
            failures[line.id, outcome, inference, reason] += n
    rows = pd.concat([draws.rows for _, draws in found], ignore_index=True)
    values = np.concatenate([draws.values for _, draws in found])
    return Chunk(rows, values, failures, seconds, _pretests([draws for _, draws in found]))


def _pretests(found: list[LineDraws]) -> Array | None:
    """Put pre-trend tests together, empty for lines without."""
    if all(one.pretests is None for one in found):
        return None
    empty = [np.full((*one.values.shape[:2], len(PRETEST)), np.nan) for one in found]
    return np.concatenate(
        [nothing if one.pretests is None else one.pretests for one, nothing in zip(found, empty, strict=True)]
    )


def write_chunk(folder: Path, task: Task, chunk: Chunk) -> None:
    """Keep a finished chunk, whole or not at all.

    Raises
    ------
    DataFault
        The disk is full, or the folder cannot be written.
    """
    failures = [[*key, n] for key, n in sorted(chunk.failures.items())]
    texts = {"rows": chunk.rows.to_json(orient="values"), "failures": json.dumps(failures)}
    arrays = {name: np.array(text) for name, text in texts.items()}
    if chunk.pretests is not None:
        arrays["pretests"] = chunk.pretests
    file = BytesIO()
    np.savez(file, allow_pickle=False, values=chunk.values, seconds=json.dumps(dict(chunk.seconds)), **arrays)
    write_file(chunk_path(folder, task), file.getvalue(), again="with --resume: finished chunks are kept")


def chunk_path(folder: Path, task: Task) -> Path:
    """Return where a chunk is kept."""
    return folder / f"point{task.point:04d}-chunk{task.chunk:06d}.npz"


def read_chunk(folder: Path, task: Task) -> Chunk | None:
    """Read a kept chunk; None where it is not there.

    Raises
    ------
    DataFault
        The file is not what was written: chunks are written whole, so something else changed it.
    """
    path = chunk_path(folder, task)
    if not path.exists():
        return None
    try:
        return _unpacked(path)
    except (OSError, ValueError, KeyError, BadZipFile):
        what = "cannot be read: it is not the chunk that was written"
        raise DataFault(Fault(str(path), what, "remove it and run again with --resume")) from None


def _unpacked(path: Path) -> Chunk:
    with np.load(path, allow_pickle=False) as kept:
        rows = pd.DataFrame(json.loads(str(kept["rows"])), columns=list(ROW_KEYS))
        failures = Counter({tuple(key): n for *key, n in json.loads(str(kept["failures"]))})
        pretests = kept.get("pretests")
        return Chunk(rows, kept["values"], failures, json.loads(str(kept["seconds"])), pretests)
