"""The job `power`: Monte Carlo of an estimator or of a whole design over a world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sos_eval.bundle.listing import list_files
from sos_eval.errors import Faults, InputFault, OurFault
from sos_eval.montecarlo.chunk import Chunk, Task
from sos_eval.montecarlo.diagnosands import DIAGNOSANDS, Diagnosand
from sos_eval.montecarlo.finished import Power
from sos_eval.montecarlo.memory import check_memory
from sos_eval.montecarlo.plan import explain, plan_study
from sos_eval.montecarlo.store import Store
from sos_eval.montecarlo.tables import columns_of, finish
from sos_eval.montecarlo.workers import run_tasks
from sos_eval.worlds.world import World

__all__ = ["Power", "explain", "plan_study", "power"]

Progress = Callable[[str, int, int], None]


def power(
    design: Any,
    world: World,
    *,
    reps: int = 1000,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    seed: int | None = None,
    frames: int | None = None,
    chunk: int = 250,
    workers: int = 1,
    scheduler: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    permutations: int = 999,
    rematch: bool = False,
    checks: bool = False,
    pretests: bool = False,
    target: float = 0.8,
    diagnosands: Mapping[str, Diagnosand] | None = None,
    progress: Progress | None = None,
) -> Power:
    """Replicate an evaluation over a world and say what it would find.

    Parameters
    ----------
    design
        A `Design`, an estimator, or estimators by id.
    world
        What is drawn: authorities and who starts when (a frame), and on each frame outcomes.
    reps
        How many draws at every combination of swept keys.
    sweep
        ``world.KEY`` or ``design.KEY`` to values; all combinations are simulated, on the same random numbers.
    seed
        The same seed gives the same tables, whatever the number of workers.
    frames
        How many frames the draws are spread over. Unless given: one a draw where some line is estimated draw by draw,
        50 where all come in batches, and the one that there is where the world is a real panel.
    chunk
        Draws a chunk: bounds memory; part of the plan.
    workers, scheduler
        Processes on this machine (start them from a script's ``if __name__ == "__main__"``), or the address of a
        Dask scheduler.
    out, resume
        Folder for tables and finished chunks; with `resume` a folder of the same study is gone on with.
    permutations
        Most random assignments within a draw, without an interval then; 0 leaves the inference as declared.
    rematch
        Build the comparison group again inside every permutation, as a run does; without it, in every draw only.
    checks
        Run the design's checks of primary estimates in every draw; rows ``<inference>+checks`` then find an effect
        only where no check with a declared threshold fails.
    pretests
        Say how often each line's pre-trend test reassures where it should not (`Power.pretests`); `checks` does so for
        the checked lines of a design that declares ``pretrends``.
    target
        Power of the minimum detectable effects.
    diagnosands
        Further functions of `RowDraws` by name; each is a column, and has a column of its Monte Carlo error.
    progress
        Told (what, done, of).

    Raises
    ------
    InputFault
        Everything that is wrong with design, world and sweep, at once.
    """
    asked: dict[str, Any] = {
        "frames": frames, "permutations": permutations, "rematch": rematch, "checks": checks, "pretests": pretests,
    }  # fmt: skip
    faults = Faults(InputFault)
    _check(target, diagnosands, sweep or (), workers, out, faults, resume=resume)
    study = faults.noted(lambda: plan_study(design, world, reps=reps, sweep=sweep, seed=seed, chunk=chunk, **asked))
    faults.stop()
    if study is None:
        raise OurFault("a study was not planned, and no fault says why")
    explain(study)  # compiles every point: what cannot be done is said before anything is written
    check_memory(study, 0 if scheduler else workers)
    if scheduler is not None:
        from sos_eval.montecarlo.dask import check_scheduler

        check_scheduler(scheduler)
    store = Store.open(Path(out) if out else None, study, resume=resume)
    left = [task for task in study.tasks if not store.has(task)]
    total = len(study.tasks)

    def keep(task: Task, done: Chunk) -> None:
        store.keep(task, done)
        if progress:
            progress("draws", store.count, total)

    if left:
        try:
            run_tasks(study, left, keep, workers=workers, scheduler=scheduler)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(f"{store.count} of {total} chunks are kept; go on with --resume {out}") from stop
    finished = finish(study, store, target, {**DIAGNOSANDS, **(diagnosands or {})})
    store.write_tables(finished)
    if out:
        list_files(Path(out))
    return finished


def _check(
    target: float, diagnosands: Mapping[str, Diagnosand] | None, sweep: Iterable[str], workers: Any, out: Any,
    faults: Faults, *, resume: bool,
) -> None:  # fmt: skip
    """Note what is wrong with how a study is to be run and read."""
    if isinstance(target, bool) or not isinstance(target, int | float) or not 0 < target < 1:
        faults.add("", f"power: {target} is no probability", "write 0.8")
    taken = {*columns_of(DIAGNOSANDS), *sweep}
    for name, function in (diagnosands or {}).items():
        if name in taken or f"{name}_mcse" in taken:
            faults.add("", f"diagnosands: {name!r} is there already", "give yours another name")
        elif not callable(function):
            faults.add("", f"diagnosands: {name!r} is {function!r}", "give a function of RowDraws")
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        faults.add("", f"workers: {workers!r} processes", "write at least 1")
    if resume and out is None:
        faults.add("", "resume: there is no folder to go on with", "name it with out")
