"""What a run keeps of itself: time per step, progress, streams, log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter

import numpy as np

from sos_eval.design.design import Design
from sos_eval.jobs.crew import Team
from sos_eval.numerics.random import stream

__all__ = ["STEPS", "Account"]

STEPS = ("load_panel", "identify", "compare", "estimate", "infer", "check", "judge", "cost", "write")


@dataclass
class Account:
    """The diary of one run; nothing in it enters an estimate."""

    design: Design
    progress: Callable[[str, int, int], None] | None = None
    notice: Callable[[str], None] | None = None
    workers: int = 1
    timings: dict[str, float] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    _under_way: tuple[str, int, int] = ("", 0, 0)

    @cached_property
    def crew(self) -> Team:
        """Who makes the estimates that inference asks for."""
        return Team(self.workers, self._made)

    def say(self, text: str) -> None:
        """Tell whoever waits, and keep it for the log."""
        self.log.append(text)
        if self.notice:
            self.notice(text)

    def expects(self, what: str, estimates: int) -> None:
        """Start counting estimates towards about so many."""
        self._under_way = (what, 0, estimates)

    def _made(self, estimates: int) -> None:
        """Move the progress bar on by so many estimates."""
        what, done, expected = self._under_way
        self._under_way = (what, done + estimates, expected)
        if self.progress and what:
            self.progress(what, done + estimates, max(expected, done + estimates))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and tell the progress bar."""
        if self.progress:
            self.progress(name, STEPS.index(name), len(STEPS))
        start = perf_counter()
        yield
        self.timings[name] = perf_counter() - start
        self.log.append(f"{name}: done")
        if self.progress:
            self.progress(name, STEPS.index(name) + 1, len(STEPS))

    def stream(self, *names: str | int) -> np.random.Generator:
        """Return the random stream of a named purpose under the design's seed."""
        return stream(self.design.seed, *names)
