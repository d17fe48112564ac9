"""One chunk of a study's draws, and the file that keeps it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from sos_eval.bundle.whole import write_file
from sos_eval.errors import DataFault, Fault
from sos_eval.montecarlo.line.rows import ROW_KEYS
from sos_eval.panel.panel import Array

__all__ = ["Chunk", "Task", "chunk_path", "is_kept", "read_chunk", "write_chunk"]

AGAIN = "remove it and run again with --resume"


@dataclass(frozen=True)
class Task:
    """One chunk of one point."""

    point: int
    chunk: int


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


def write_chunk(folder: Path, task: Task, chunk: Chunk, study: str) -> None:
    """Keep a finished chunk with its place and its study's hash, whole or not at all.

    Raises
    ------
    DataFault
        The disk is full, or the folder cannot be written.
    """
    stamp = [study, task.point, task.chunk]
    failures = [[*key, n] for key, n in sorted(chunk.failures.items())]
    texts = {"rows": chunk.rows.to_json(orient="values"), "failures": json.dumps(failures), "stamp": json.dumps(stamp)}
    arrays = {name: np.array(text) for name, text in texts.items()}
    if chunk.pretests is not None:
        arrays["pretests"] = chunk.pretests
    file = BytesIO()
    np.savez(file, allow_pickle=False, values=chunk.values, seconds=json.dumps(dict(chunk.seconds)), **arrays)
    write_file(chunk_path(folder, task), file.getvalue(), again="with --resume: finished chunks are kept", sync=True)


def chunk_path(folder: Path, task: Task) -> Path:
    """Return where a chunk is kept."""
    return folder / f"point{task.point:04d}-chunk{task.chunk:06d}.npz"


def is_kept(folder: Path, task: Task, study: str) -> bool:
    """Whether a chunk is there; see `read_chunk`."""
    path = chunk_path(folder, task)
    if not path.exists():
        return False
    with _opened(path, task, study):
        return True


def read_chunk(folder: Path, task: Task, study: str) -> Chunk | None:
    """Read a kept chunk; None where it is not there.

    Raises
    ------
    DataFault
        The file is not what was written there: chunks are written whole, so something else changed it.
    """
    path = chunk_path(folder, task)
    if not path.exists():
        return None
    with _opened(path, task, study) as kept:
        rows = pd.DataFrame(json.loads(str(kept["rows"])), columns=list(ROW_KEYS))
        failures = Counter({tuple(key): n for *key, n in json.loads(str(kept["failures"]))})
        pretests = kept.get("pretests")
        return Chunk(rows, kept["values"], failures, json.loads(str(kept["seconds"])), pretests)


@contextmanager
def _opened(path: Path, task: Task, study: str) -> Iterator[Any]:
    """Open a chunk's file and see that it belongs to its place."""
    if not path.stat().st_size:
        raise DataFault(Fault(str(path), "is empty: it is not the chunk that was written", AGAIN))
    try:
        with np.load(path, allow_pickle=False) as kept:
            _check_stamp(path, json.loads(str(kept["stamp"])), [study, task.point, task.chunk])
            yield kept
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        what = "cannot be read: it is not the chunk that was written"
        raise DataFault(Fault(str(path), what, AGAIN)) from None


def _check_stamp(path: Path, stamp: list[Any], wanted: list[Any]) -> None:
    """Refuse another study's chunk, and one of this study in another's place."""
    if stamp[0] != wanted[0]:
        what = f"is a chunk of another study (hash {str(stamp[0])[:12]}, this one is {wanted[0][:12]})"
        raise DataFault(Fault(str(path), what, AGAIN))
    if stamp != wanted:
        what = f"is chunk {stamp[2]} of point {stamp[1]}, in the place of chunk {wanted[2]} of point {wanted[1]}"
        raise DataFault(Fault(str(path), what, AGAIN))
