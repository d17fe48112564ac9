"""How far paths may have diverged: linear inequalities on the divergence (Rambachan and Roth 2023, section 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bound", "Monotone", "Sign", "Timeline"]

Array = NDArray[np.float64]
Bound = Literal["relative_magnitudes", "relative_trend", "smoothness"]
Sign = Literal["positive", "negative"]
Monotone = Literal["increasing", "decreasing"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The event times of a path, the base apart.

    Attributes
    ----------
    before, after : (q,) and (p,)
        Event times before the base and after it, increasing.
    base
        The event time that all others are compared with.
    """

    before: Array
    after: Array
    base: float

    @property
    def whole(self) -> Array:
        """All event times, the base among them, (q + 1 + p,)."""
        return np.concatenate([self.before, [self.base], self.after])

    def pieces(
        self, bound: Bound, m: float, sign: Sign | None, monotone: Monotone | None
    ) -> Iterator[tuple[Array, Array]]:
        """Yield the polyhedra ``A delta <= d`` whose union is the restriction; rows that touch periods after the base.

        ``relative_magnitudes``: a step after the base is at most m times the largest one before it, steps a period
        where periods are missing. ``relative_trend``: so of changes of step. ``smoothness``: a change of step is at
        most m. `sign` is of the divergence after the base, `monotone` of all of it.

        Yields
        ------
        A : (rows, q + p)
            Whatever the piece, its columns after the base are the same.
        d : (rows,)
        """
        shape = self._shape(sign, monotone)
        if bound == "smoothness":
            turns = self._after(self._turns())
            rows = np.vstack([turns, -turns, shape])
            yield rows, np.concatenate([np.full(2 * len(turns), m), np.zeros(len(shape))])
            return
        steps = self._steps() if bound == "relative_magnitudes" else self._turns()
        later = self._touches(steps)
        for largest in steps[~later]:
            for top in (m * largest, -m * largest):
                rows = np.vstack([steps[later] - top, -steps[later] - top, shape])
                yield rows, np.zeros(len(rows))

    def _steps(self) -> Array:
        """Return steps from period to period, a period, (q + p, q + p)."""
        whole = self.whole
        return self._without_base(np.diff(np.eye(len(whole)), axis=0) / np.diff(whole)[:, None])

    def _turns(self) -> Array:
        """Return changes of step, (q + p - 1, q + p)."""
        return self._without_base(np.diff(np.eye(len(self.whole)), n=2, axis=0))

    def _shape(self, sign: Sign | None, monotone: Monotone | None) -> Array:
        rows = [np.empty((0, len(self.before) + len(self.after)))]
        if sign:
            ahead = np.eye(rows[0].shape[1])[len(self.before) :]
            rows.append(-ahead if sign == "positive" else ahead)
        if monotone:
            steps = self._after(self._steps())
            rows.append(-steps if monotone == "increasing" else steps)
        return np.vstack(rows)

    def _without_base(self, rows: Array) -> Array:
        return np.delete(rows, len(self.before), axis=1)

    def _touches(self, rows: Array) -> NDArray[np.bool_]:
        return np.asarray((rows[:, len(self.before) :] != 0).any(1))

    def _after(self, rows: Array) -> Array:
        return rows[self._touches(rows)]
