"""The grades of an outcome of people, whose means are counts over numbers of people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Grades", "grades_of"]

Array = NDArray[np.float64]
#: Steps between the lowest and the highest grade of an outcome of people, and by how much places may be uneven.
_MOST_STEPS, _ROUNDING = 10, 1e-9


@dataclass(frozen=True)
class Grades:
    """The grades of an outcome of people, whose means are counts over numbers of people.

    Attributes
    ----------
    low, step
        The lowest grade, or the most frequent value where others are uneven, and what lies between two, or all.
    even
        Whether grades are evenly spaced.
    """

    low: float
    step: float
    even: bool = True

    def steps(self, outcome: Array) -> Array:
        """Return how many steps each value lies above the lowest grade, (n,); of uneven ones whether it is another."""
        if self.even:
            return np.asarray(np.round((outcome - self.low) / self.step))
        return np.where(outcome != self.low, 1.0, 0.0)


def grades_of(outcome: Array) -> Grades | None:
    """Return the grades of an outcome of people; None where it has none.

    Grades are evenly spaced values, at most ten steps apart: yes and no however they are written (0 and 1, 1 and 2, 0
    and 100), or how often something happened. Uneven are those of few values, or of one that most have (a code of 99
    among yes and no).

    Parameters
    ----------
    outcome : (n,)
        Without gaps.

    Examples
    --------
    >>> grades_of(np.array([0.0, 100, 0])), grades_of(np.array([1.0, 3, 2]))
    (Grades(low=0.0, step=100.0, even=True), Grades(low=1.0, step=1.0, even=True))
    >>> grades_of(np.array([0.0, 1, 99, 0])), grades_of(np.arange(50.0))
    (Grades(low=0.0, step=99.0, even=False), None)
    """
    values, counts = np.unique(outcome, return_counts=True)
    if len(values) < 2:
        known = len(values) and values[0] not in (0.0, 1.0)
        return Grades(float(values[0]) if known else 0.0, 1.0)
    step = float(np.diff(values).min())
    places = (values - values[0]) / step
    if places[-1] <= _MOST_STEPS + _ROUNDING and np.abs(places - np.round(places)).max() <= _ROUNDING:
        return Grades(float(values[0]), step)
    if len(values) <= _MOST_STEPS + 1 or 2 * counts.max() > len(outcome):
        return Grades(float(values[counts.argmax()]), float(values[-1] - values[0]), even=False)
    return None
