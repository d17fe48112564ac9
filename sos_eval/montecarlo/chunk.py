"""One chunk of a study's draws, and the file that keeps it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from sos_eval.bundle.whole import write_file
from sos_eval.errors import DataFault, Fault
from sos_eval.montecarlo.line.rows import ROW_KEYS
from sos_eval.panel.panel import Array

__all__ = ["Chunk", "Task", "chunk_path", "read_chunk", "write_chunk"]


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
