"""Who computes the chunks: this process, its threads, several processes, or a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from signal import SIG_IGN, SIGINT, signal
from threading import Event, Thread
from time import perf_counter, sleep

from sos_eval.bundle.warned import on_terminal
from sos_eval.errors import OurFault
from sos_eval.montecarlo.chunk import Chunk, Task
from sos_eval.montecarlo.study import Study, compute

__all__ = ["Keep", "end_with", "ended_since", "follow", "on_processes", "on_threads", "one_thread_each", "run_tasks"]

#: Receives every finished chunk, in whatever order they finish.
Keep = Callable[[Task, Chunk], None]
DEATHS_AT_MOST = 3
AHEAD = 3
WATCHED = 2.0  # seconds
#: Seconds of a worker's work above which a process of its own is worth its start, a second and more.
PROCESS_PAYS = 10.0
#: In a worker process the one study that it was started for.
_GIVEN: list[Study] = []
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_tasks(
    study: Study, tasks: Sequence[Task], keep: Keep, *, workers: int = 1, scheduler: str | None = None
) -> None:
    """Compute chunks and hand each over as it finishes.

    Parameters
    ----------
    workers
        How many compute on this machine. Where every line comes in a batch, random numbers and linear algebra let
        other threads go on, and a short study runs on threads of this process; any other on processes.
    scheduler
        Address of a Dask scheduler; then its workers compute, and `workers` is not used.

    Raises
    ------
    InputFault
        The scheduler cannot be reached.
    """
    if scheduler is not None:
        from sos_eval.montecarlo.dask import run_on_dask

        run_on_dask(study, tasks, keep, scheduler)
    elif workers == 1 or len(tasks) == 1:
        on_threads(study, tasks, keep, 1)
    elif _in_batches(study, tasks):
        seconds = _first_here(study, tasks[0], keep)
        few = seconds * (len(tasks) - 1) / workers < PROCESS_PAYS
        (on_threads if few else on_processes)(study, tasks[1:], keep, min(workers, len(tasks) - 1))
    else:
        on_processes(study, tasks, keep, min(workers, len(tasks)))


def _in_batches(study: Study, tasks: Sequence[Task]) -> bool:
    """Whether no line of the tasks' points is estimated draw by draw."""
    points = {task.point for task in tasks}
    return all(ready.path == "batch" for point in points for ready in study.at(point).lines)


def _first_here(study: Study, task: Task, keep: Keep) -> float:
    """Compute a chunk in this process and return the seconds that it took."""
    started = perf_counter()
    on_threads(study, [task], keep, 1)
    return perf_counter() - started


def on_threads(study: Study, tasks: Sequence[Task], keep: Keep, workers: int) -> None:
    """Compute in this process, on so many threads, each with linear algebra on its own only."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        if workers == 1:
            for task in tasks:
                keep(task, compute(study, task))
            return
        for point in {task.point for task in tasks}:
            study.at(point)  # compiled before threads ask for it at the same time
        stop = Event()
        with ThreadPoolExecutor(workers) as pool:
            try:
                _drain(pool, partial(compute, study, stop=stop), list(tasks), keep, workers * AHEAD)
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def on_processes(study: Study, tasks: Sequence[Task], keep: Keep, workers: int) -> None:
    """Compute on processes; where one dies, what it had is done again by new ones.

    An interruption ends them at once: what they had under way is not kept.
    """
    left = list(tasks)
    deaths = 0
    while left:
        before = len(left)
        try:
            others, given = active_children(), (os.getpid(), study)
            pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, given)
            with one_thread_each(), pool, ended_since(others):
                _drain(pool, _compute_given, left, keep, workers * AHEAD)
        except BrokenProcessPool:
            deaths = deaths + 1 if len(left) == before else 1
            if deaths >= DEATHS_AT_MOST:
                what = f"worker processes died {deaths} times in a row, {len(left)} chunks are not done"
                raise OurFault(what) from None


def _begin(parent: int, study: Study) -> None:
    """Take the study that this process is started for."""
    _GIVEN.append(study)
    follow(parent)


def _compute_given(task: Task) -> Chunk:
    """Compute a chunk of the study that this process was started for."""
    return compute(_GIVEN[0], task)


@contextmanager
def ended_since(before: Collection[BaseProcess]) -> Iterator[None]:
    """End the processes that were started after some others, where what they work for fails or is interrupted.

    They are told to end, no more: the thread of their pool sees the end and is the only one to reap. It stumbles over
    futures that somebody else has cancelled, so that nobody does.
    """
    try:
        yield
    except BaseException:
        for child in set(active_children()) - set(before):
            child.terminate()
        raise


def follow(parent: int) -> None:
    """Leave interruptions to the process that started this one, warn in our words, and end with it."""
    signal(SIGINT, SIG_IGN)
    on_terminal()
    end_with(parent)


def end_with(parent: int) -> None:
    """Let this process end when the one that started it is gone: nobody would take what it computes."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(WATCHED)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _drain(pool: Executor, job: Callable[[Task], Chunk], left: list[Task], keep: Keep, ahead: int) -> None:
    """Keep a bounded number of chunks under way; take from `left` what is done."""
    under_way: dict[Future[Chunk], Task] = {}
    waiting = iter(list(left))
    for task in _some(waiting, ahead):
        under_way[pool.submit(job, task)] = task
    while under_way:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            task = under_way.pop(future)
            keep(task, future.result())
            left.remove(task)
            for more in _some(waiting, 1):
                under_way[pool.submit(job, more)] = more


def _some(tasks: Iterator[Task], n: int) -> list[Task]:
    return list(islice(tasks, n))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let new processes start with one thread for linear algebra."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
