"""Who makes the thousands of estimates of a run's inference: this process, or several where that pays."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import active_children, get_context
from time import perf_counter
from typing import TYPE_CHECKING, Any

from sos_eval.errors import OurFault
from sos_eval.montecarlo.workers import ended_since, follow, one_thread_each

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["Team"]

#: Seconds of a worker's work above which processes of their own are worth their start.
PROCESSES_PAY = 5.0


class Team:
    """A crew of so many processes. Pieces and their order belong to the plan, so answers do not depend on it.

    Parameters
    ----------
    workers
        Processes, this one alone for 1.
    made
        Told after every piece how many estimates were made.
    """

    def __init__(self, workers: int = 1, made: Callable[[int], None] | None = None) -> None:
        self.workers = workers
        self._made = made or (lambda estimates: None)
        self._pool: ProcessPoolExecutor | None = None

    def work(self, piece: Callable[[Any], Any], pieces: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        """Do all pieces: the first here, which says how long the others take, and those on processes if it pays."""
        start = perf_counter()
        answers: list[Any] = []
        with _libraries(len(sys.modules)).limit(limits=1):
            for number, (given, size) in enumerate(zip(pieces, sizes, strict=True)):
                if number == 1 and self._pays(perf_counter() - start, len(pieces) - 1):
                    return answers + list(self._counted(self._on_processes(piece, pieces[1:]), sizes[1:]))
                answers += self._counted([piece(given)], [size])
        return answers

    def _pays(self, seconds: float, left: int) -> bool:
        return (
            self.workers > 1 and left > 1 and (self._pool is not None or seconds * left / self.workers > PROCESSES_PAY)
        )

    def _counted(self, answers: Any, sizes: Sequence[int]) -> Iterator[Any]:
        for answer, size in zip(answers, sizes, strict=True):
            self._made(size)
            yield answer

    def _on_processes(self, piece: Callable[[Any], Any], pieces: Sequence[Any]) -> Iterator[Any]:
        """Yield answers in the order of the pieces."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, get_context("spawn"), follow, (os.getpid(),))
        try:
            with one_thread_each():
                yield from self._pool.map(piece, pieces)
        except BrokenProcessPool:
            raise OurFault("a worker process died; try again, or with --workers 1") from None

    @contextmanager
    def at_work(self) -> Iterator[Team]:
        """Let its processes go at the end, at once where the run is interrupted."""
        try:
            with ended_since(active_children()):
                yield self
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
                self._pool = None


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Find the libraries with threads of their own; they come with modules, so this holds until one more is there."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
