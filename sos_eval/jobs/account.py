"""What a run keeps of itself: time per step, progress, streams, log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from sos_eval.design.design import Design
from sos_eval.numerics.random import stream

__all__ = ["STEPS", "Account"]

STEPS = ("load_panel", "identify", "compare", "estimate", "infer", "check", "cost", "write")


@dataclass
class Account:
    """The diary of one run; nothing in it enters an estimate."""

    design: Design
    progress: Callable[[str, int, int], None] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

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
