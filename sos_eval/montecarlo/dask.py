"""Chunks on a Dask cluster that somebody else runs."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

from sos_eval.errors import Fault, InputFault, OurFault
from sos_eval.montecarlo.chunk import Chunk, Task
from sos_eval.montecarlo.point import Point
from sos_eval.montecarlo.study import ENGINE, Study, compute
from sos_eval.terms import __version__
from sos_eval.worlds.world import document_of, with_files, world_from

__all__ = ["check_scheduler", "compute_there", "run_on_dask", "versions_here"]

#: Seconds until a scheduler counts as unreachable, and until one without workers is given up.
ANSWERS_WITHIN = 5.0
WORKERS_WITHIN = 30.0
#: Lots of chunks under way per thread of the cluster; its threads are counted again after so many seconds.
AHEAD = 2
COUNT_EVERY = 5.0
#: Seconds of work that a worker is given at once.
LOT_SECONDS = 1.0
#: What decides the last digits of a draw, and so has to be the same on every worker.
PACKAGES = ("numpy", "pandas", "scipy")
#: In a worker: the studies that lots came with, by hash, the last few; each keeps what it has compiled.
_SENT: OrderedDict[str, Study] = OrderedDict()
SENT_AT_MOST = 8
#: What a client raises that has lost its scheduler; RuntimeError where it has closed its connections already.
GONE = (OSError, CancelledError, RuntimeError)


def run_on_dask(study: Study, tasks: Sequence[Task], keep: Callable[[Task, Chunk], None], address: str) -> None:
    """Compute chunks on a cluster's workers; the scheduler gives a dead worker's chunks to others.

    Raises
    ------
    InputFault
        No scheduler answers at the address, it has no workers, a worker has other versions, or the scheduler went
        away: what is finished has been kept.
    """
    with _quiet(), _connected(address) as client:
        _gather(client, study, tasks, keep, address)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's own log of a lost scheduler from the screen: that is said in one line, as a fault."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Connect to a scheduler that has workers."""
    check_scheduler(address)
    from distributed import Client

    client = Client(address, timeout=ANSWERS_WITHIN)
    try:
        _wait_for_workers(client, address)
        yield client
    finally:
        client.close(timeout=2)


def check_scheduler(address: str) -> None:
    """Ask who is there: a client of its own accord would wait for ever where another program listens.

    Raises
    ------
    InputFault
        No scheduler answers at the address.
    """
    if find_spec("distributed") is None:
        what = "--scheduler needs the package distributed, which is not installed"
        raise InputFault(Fault(address, what, "install sos_eval[cluster]"))
    try:
        with ThreadPoolExecutor(1) as apart:  # a notebook's own event loop is left alone
            found = apart.submit(asyncio.run, _identity(address)).result()
    except ValueError:
        raise InputFault(Fault(address, "--scheduler: is no address", "write tcp://HOST:8786")) from None
    except OSError:
        what = "--scheduler: no Dask scheduler answers there"
        raise InputFault(Fault(address, what, "start one with `dask scheduler`, and give its tcp:// address")) from None
    if found.get("type") != "Scheduler":
        what = f"--scheduler: a Dask {str(found.get('type')).lower()} answers"
        raise InputFault(Fault(address, what, "give the scheduler's address"))


async def _identity(address: str) -> Mapping[str, Any]:
    """Return what the program at an address says that it is."""
    from distributed import rpc
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    async with rpc(address, timeout=ANSWERS_WITHIN, connection_args=arguments) as there:
        found: Mapping[str, Any] = await asyncio.wait_for(there.identity(), ANSWERS_WITHIN)
        return found


def _wait_for_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN)
    except TimeoutError:
        what = f"--scheduler: has no workers after {WORKERS_WITHIN:g} seconds"
        raise InputFault(Fault(address, what, f"start some with `dask worker {address}`")) from None


def _gather(
    client: Any, study: Study, tasks: Sequence[Task], keep: Callable[[Task, Chunk], None], address: str
) -> None:
    """Keep a bounded number of lots of chunks under way, and hand over what is done.

    A lot travels with its own point of the study only: data scattered to workers would be lost with them, and the
    whole study would grow with its points.
    """
    from distributed import as_completed

    lots, under_way, done = _Lots(deque(tasks)), dict[Any, list[Task]](), as_completed()
    cluster = _Cluster(client)

    def submit(lot: list[Task]) -> None:
        alone = replace(study, points=(_findable(study.points[lot[0].point]),), asked=study.frames)
        chunks = [task.chunk for task in lot]
        future = client.submit(compute_there, alone, chunks, versions_here(), pure=False)
        under_way[future] = lot
        done.add(future)

    def fill() -> None:
        while lots.waiting and len(under_way) < cluster.threads * AHEAD:
            submit(lots.take(cluster.threads))

    fill()
    for future in done:
        lot = under_way.pop(future)
        chunks = _result(client, future, address)
        if chunks is None:
            submit(lot)
            continue
        for task, chunk in zip(lot, chunks, strict=True):
            keep(task, chunk)
        lots.learn(chunks)
        fill()


def _findable(point: Point) -> Point:
    """Return a point whose files are named from the root: a worker runs in another folder."""
    document = document_of(point.world)
    data = with_files(document.data, lambda path: str(Path(path).resolve()))
    return point if data == document.data else replace(point, world=world_from(replace(document, data=data)))


@dataclass
class _Lots:
    """What is left to do, and how much of it goes to a worker at once.

    A worker's own messages slow a short chunk down by some milliseconds, so short chunks travel together. Which
    chunks do so changes no number: every chunk has streams of its own.
    """

    waiting: deque[Task]
    seconds: float = LOT_SECONDS

    def take(self, threads: int) -> list[Task]:
        """Take chunks of one point for about `LOT_SECONDS`, and never so many that other threads stand idle."""
        most = max(1, min(int(LOT_SECONDS / self.seconds), len(self.waiting) // (AHEAD * threads)))
        lot = [self.waiting.popleft()]
        while len(lot) < most and self.waiting and self.waiting[0].point == lot[0].point:
            lot.append(self.waiting.popleft())
        return lot

    def learn(self, chunks: Sequence[Chunk]) -> None:
        """Note what a chunk takes."""
        self.seconds = max(sum(sum(chunk.seconds.values()) for chunk in chunks) / len(chunks), 1e-3)


class _Cluster:
    """How many threads a cluster has: workers come and go."""

    def __init__(self, client: Any) -> None:
        self.client, self.counted, self.known = client, -COUNT_EVERY, 1

    @property
    def threads(self) -> int:
        """Threads of all workers, counted every few seconds; at least one.

        Where nobody answers the last count stands: the next result says that the scheduler is gone.
        """
        if monotonic() - self.counted >= COUNT_EVERY:
            self.counted = monotonic()
            with suppress(*GONE):
                self.known = max(1, sum(self.client.nthreads().values()))
        return self.known


def _result(client: Any, future: Any, address: str) -> list[Chunk] | None:
    """Return finished chunks; None where they were lost and have to be submitted again.

    Raises
    ------
    InputFault
        The scheduler is gone.
    OurFault
        Several workers in a row died of the same chunks.
    """
    from distributed import KilledWorker

    try:
        chunks: list[Chunk] = future.result()
    except KilledWorker as error:
        what = f"workers died of the same chunks {error.allowed_failures + 1} times in a row"
        raise OurFault(what) from None
    except ModuleNotFoundError as error:
        what = f"--scheduler: a worker cannot compute ({error.msg})"
        raise InputFault(Fault(address, what, "install the same sos_eval on every worker")) from None
    except FileNotFoundError as error:
        what = f"--scheduler: a worker does not have the file {error.filename}"
        raise InputFault(Fault(address, what, "give every worker the world's files at the same place")) from None
    except (CancelledError, OSError):
        if not _is_there(client):
            what = "--scheduler: went away before all chunks were done; those that were are kept"
            raise InputFault(Fault(address, what, "start one again, then add --resume to go on")) from None
        if future.status == "error":
            raise
        return None
    return chunks


def _is_there(client: Any) -> bool:
    """Whether the scheduler still answers."""
    try:
        client.sync(client.scheduler.ncores, callback_timeout=ANSWERS_WITHIN)
    except GONE:
        return False
    return bool(client.status == "running")


@lru_cache(1)
def versions_here() -> tuple[tuple[str, str], ...]:
    """Return the versions that decide the last digits."""
    own = (("sos_eval", __version__), ("its engine", str(ENGINE)))
    return (*own, *((name, version(name)) for name in PACKAGES))


def compute_there(study: Study, chunks: Sequence[int], versions: tuple[tuple[str, str], ...]) -> list[Chunk]:
    """Compute chunks of a study of one point, in a process that somebody else started, on one thread.

    Parameters
    ----------
    versions
        Those of the process that asks; a worker with others refuses.
    """
    for (name, wanted), (_, own) in zip(versions, versions_here(), strict=True):
        if own != wanted:
            what = f"--scheduler: a worker has {name} {own}, here it is {wanted}: the bytes would differ"
            raise InputFault(Fault("", what, "install the same versions on every worker"))
    kept = _kept(study)
    with _threads(len(sys.modules)).limit(limits=1):
        return [compute(kept, Task(0, chunk)) for chunk in chunks]


def _kept(study: Study) -> Study:
    """Return a study as it came with an earlier lot, and what was compiled then with it."""
    kept = _SENT.setdefault(study.hash, study)
    _SENT.move_to_end(study.hash)
    while len(_SENT) > SENT_AT_MOST:
        _SENT.popitem(last=False)
    return kept


@lru_cache(1)
def _threads(modules: int) -> Any:
    """Return what limits the threads of the libraries there are; looked for again where `modules` were added."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
