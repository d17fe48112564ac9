"""Curves of a dose: polynomials, in pieces that join smoothly where knots are declared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DoseBasis"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DoseBasis:
    """Powers of a dose, and of what it is beyond each knot: regression splines in their truncated-power form.

    The dose is centred and scaled inside, which changes no fitted value and no slope.

    Attributes
    ----------
    degree : int
        Highest power, at least one.
    knots : (j,)
        Doses at which the pieces join, with ``degree - 1`` derivatives in common.
    centre, spread : float
        What is taken off a dose, and what it is divided by.
    """

    degree: int
    knots: Array
    centre: float
    spread: float

    @property
    def size(self) -> int:
        """How many coefficients, the intercept included."""
        return 1 + self.degree + len(self.knots)

    def levels(self, dose: Array) -> Array:
        """Return the terms of the curve at doses (n,), (n, size).

        Examples
        --------
        >>> DoseBasis(1, np.array([2.0]), 0.0, 1.0).levels(np.array([1.0, 5.0])).tolist()
        [[1.0, 1.0, 0.0], [1.0, 5.0, 3.0]]
        """
        powers = self._scaled(dose)[:, None] ** np.arange(self.degree + 1)
        return np.hstack([powers, self._beyond(dose) ** self.degree])

    def slopes(self, dose: Array) -> Array:
        """Return the derivatives of the terms, (n, size); at a knot of a broken line, those of the piece before it."""
        up = np.arange(1, self.degree + 1)
        powers = up * self._scaled(dose)[:, None] ** (up - 1)
        beyond = self._beyond(dose)
        pieces = self.degree * np.where(beyond > 0, beyond, 0.0) ** (self.degree - 1) * (beyond > 0)
        return np.hstack([np.zeros((len(dose), 1)), powers, pieces]) / self.spread

    def _scaled(self, dose: Array) -> Array:
        return (dose - self.centre) / self.spread

    def _beyond(self, dose: Array) -> Array:
        return np.maximum(dose[:, None] - self.knots, 0.0) / self.spread
