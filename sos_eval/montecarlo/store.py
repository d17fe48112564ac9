"""Where a power study keeps what is finished: in memory, or in a folder that an interrupted study goes on from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from sos_eval.bundle.files import read_object
from sos_eval.bundle.partial import sweep
from sos_eval.bundle.whole import make_folder, write_file
from sos_eval.errors import Fault, InputFault, OurFault
from sos_eval.montecarlo.chunk import Chunk, Task, is_kept, read_chunk, write_chunk
from sos_eval.montecarlo.finished import Power
from sos_eval.montecarlo.study import Study

__all__ = ["Store"]

PLAN = "study.json"


@dataclass
class Store:
    """The finished chunks of a study.

    Attributes
    ----------
    folder
        Where they are kept; None keeps them in memory.
    """

    study: Study
    folder: Path | None = None
    memory: dict[Task, Chunk] = field(default_factory=dict)
    count: int = 0

    @classmethod
    def open(cls, folder: Path | None, study: Study, *, resume: bool) -> Store:
        """Open a folder, or refuse it.

        Raises
        ------
        InputFault
            It holds another study (by hash), holds anything and `resume` is not given, or cannot be written.
        """
        if folder is None:
            return cls(study)
        plan = folder / PLAN
        if folder.is_dir():
            sweep(plan, hidden=True)
        if plan.exists():
            _same_study(plan, study, resume=resume)
        elif resume:
            what = "--resume: holds no power study to go on with"
            raise InputFault(Fault(str(folder), what, "begin one with --out"))
        elif folder.exists() and not folder.is_dir():
            raise InputFault(Fault(str(folder), "--out: is a file", "name a new folder"))
        elif folder.exists() and any(folder.iterdir()):
            raise InputFault(Fault(str(folder), "--out: is not empty and holds no power study", "name a new folder"))
        else:
            _begin(plan, study)
        make_folder(folder / "draws", again="with --resume")
        store = cls(study, folder)
        store.count = sum(store.has(task) for task in study.tasks)
        return store

    @property
    def draws(self) -> Path:
        """The folder of chunks."""
        if self.folder is None:
            raise OurFault("a study in memory has no folder")
        return self.folder / "draws"

    def has(self, task: Task) -> bool:
        """Whether a chunk is finished; a file in its place that is not this chunk is refused."""
        return task in self.memory if self.folder is None else is_kept(self.draws, task, self.study.hash)

    def keep(self, task: Task, chunk: Chunk) -> None:
        """Keep a finished chunk."""
        if self.folder is None:
            self.memory[task] = chunk
        else:
            write_chunk(self.draws, task, chunk, self.study.hash)
        self.count += 1

    def chunks(self, point: int) -> list[Chunk]:
        """Return all chunks of a point in order."""
        return [self.chunk(task) for task in self.study.tasks if task.point == point]

    def chunk(self, task: Task) -> Chunk:
        """Return a finished chunk."""
        chunk = self.memory.get(task) if self.folder is None else read_chunk(self.draws, task, self.study.hash)
        if chunk is None:
            raise OurFault(f"chunk {task.chunk} of point {task.point} is not there")
        return chunk

    def write_tables(self, finished: Power) -> None:
        """Write the tables of a finished study."""
        if self.folder is None:
            return
        tables = {
            "power": finished.summary, "mdes": finished.mdes, "failures": finished.failures,
            "explain": finished.explained, "formulas": finished.formulas, "sample": _sample(self),
        }  # fmt: skip
        asked = {"pretests": finished.pretests, "families": finished.families}
        tables |= {name: table for name, table in asked.items() if len(table)}
        texts = {f"{name}.csv": table.to_csv(index=False, lineterminator="\n") for name, table in tables.items()}
        texts["sentences.txt"] = "".join(f"{line}\n" for line in finished.sentences)
        for name, text in texts.items():
            write_file(self.folder / name, text, again="with --resume: all draws are kept")


def _begin(plan: Path, study: Study) -> None:
    """Write the plan of a new study; a folder made for it does not stay where that fails."""
    new = not plan.parent.exists()
    make_folder(plan.parent)
    try:
        write_file(plan, json.dumps(_plan(study), indent=2) + "\n")
    except BaseException:
        if new and not any(plan.parent.iterdir()):
            plan.parent.rmdir()
        raise


def _plan(study: Study) -> dict[str, object]:
    """Say what a folder holds."""
    return {
        "schema": "sos-eval/power/1", "hash": study.hash, "reps": study.reps, "seed": study.seed, "chunk": study.chunk,
        "frames": study.frames, "fixed": study.fixed,
        "world": study.points[0].world.name, "title": study.title,
        "world_title": study.points[0].world.title, "analysed": _analysed(study),
        "per": {one.name: one.per for line in study.at(0).lines for one in line.source.outcomes if one.counted},
        "labels": {
            "estimator": {line.id: line.words for line in study.points[0].lines},
            "inference": {one.key: one.told_label for line in study.points[0].lines for one in line.inference},
        },
        "points": [{str(k): v for k, v in point.keys.items()} for point in study.points],
    }  # fmt: skip


def _analysed(study: Study) -> list[float]:
    """Return the first and the last period that any line of any point is estimated on: a window is narrower."""
    panels = [ready.panel for number in range(len(study.points)) for ready in study.at(number).lines]
    return [min(float(panel.times[0]) for panel in panels), max(float(panel.times[-1]) for panel in panels)]


def _same_study(plan: Path, study: Study, *, resume: bool) -> None:
    """Refuse a folder of another study, and one of the same without `resume`."""
    folder = str(plan.parent)
    try:
        read = read_object(plan)
        kept, frames = read["hash"], read.get("frames", 1)
    except (InputFault, KeyError):
        what = f"{PLAN} cannot be read, so that nobody knows which study the folder holds"
        raise InputFault(Fault(folder, what, "name a new folder")) from None
    if kept != study.hash:
        more = f": its draws are on {frames} frames, here on {study.frames}" if frames != study.frames else ""
        what = f"holds another study{more} (hash {str(kept)[:12]}, this one is {study.hash[:12]})"
        raise InputFault(Fault(folder, what, "name a new folder, or take back what was changed since"))
    if not resume:
        raise InputFault(
            Fault(folder, "holds this study already", "add --resume to go on with it, or name a new folder")
        )


def _sample(store: Store, at_most: int = 1000) -> pd.DataFrame:
    """Return the first draws of every row, for the figure of sampling distributions."""
    tables = []
    for number, point in enumerate(store.study.points):
        chunk = store.chunk(next(task for task in store.study.tasks if task.point == number))
        for k, key in enumerate(chunk.rows.to_dict("records")):
            values = chunk.values[k, :at_most]
            named = {str(name): value for name, value in key.items()} | dict(point.keys)
            tables.append(pd.DataFrame({**named, "estimate": values[:, 0], "true_effect": values[:, 5]}))
    return pd.concat(tables, ignore_index=True)
