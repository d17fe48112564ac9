"""An effect put in place in some adoptions, and what a test on the others then asks of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from sos_eval.numerics.detectable import FALL, RISE, Found, Lots, findable
from sos_eval.panel.panel import Array
from sos_eval.results.assignments import Assignments, AssignmentSpace

__all__ = ["PLACED", "PlacedEffect"]

#: Adoptions in which an effect is put in place where not all are.
PLACED = 10


@dataclass(frozen=True, slots=True)
class PlacedEffect:
    """A test among adoptions, with an effect in place in some.

    Attributes
    ----------
    space
        All adoptions.
    estimated
        Gives the test's lots under adoptions, (draws, n_units), an effect of some size in place in one, (n_units,).
    swaps
        Gives the adoptions of the test where the effect is in place in the k-th.
    draws
        How many `swaps` draws.
    in_test
        How many the test itself draws at most: it lists all where there are no more.
    in_each
        In place of `estimated` where the effect is put in place in every adoption of the list, one at a time: gives
        the lots of each, for adoptions and a size. None: there is no quicker way than one by one.
    """

    space: AssignmentSpace
    estimated: Callable[[Array, Array, float], Lots]
    swaps: Callable[[int], Assignments]
    draws: int
    in_test: int
    in_each: Callable[[Array, float], Sequence[Lots]] | None = None

    @property
    def in_all(self) -> bool:
        """Whether the effect is put in place in every adoption: where the test lists them and they are few."""
        return self.space.size <= min(self.in_test, isqrt(PLACED * self.draws))

    def found(self, lots: Lots, rng: np.random.Generator, *, alpha: float, power: float) -> tuple[Found, Found]:
        """Return the fall and the rise that the test finds with the power aimed at.

        Parameters
        ----------
        lots
            Of the test without an effect; all adoptions in the order of their list where the effect is put `in_all`.
        rng
            Of the adoptions in which it is put in place otherwise.
        """
        many = self.space.size if self.in_all else PLACED
        places = self.space.draw(many, rng).first_treated[:many]

        def asked(effect: float) -> Array:
            if self.in_all and self.in_each:
                each = self.in_each(places, effect)
                return np.array([lots.needed_of(k, effect, alpha) for k, lots in enumerate(each)])
            return np.array([self._asked(place, effect, k, alpha) for k, place in enumerate(places)])

        fall, rise = (
            findable(lots, asked, sign, alpha=alpha, power=power, listed=self.in_all) for sign in (FALL, RISE)
        )
        return fall, rise

    def _asked(self, place: Array, effect: float, k: int, alpha: float) -> Array | float:
        """Return the critical values where the effect is in place in one adoption, or what that would have needed."""
        drawn = self.swaps(k)
        lots = self.estimated(drawn.first_treated, place, effect)
        if not drawn.complete or self.space.size > self.in_test:
            return lots.critical(alpha)
        own = int(np.argmax((drawn.first_treated == place).all(1)))
        return lots.needed_of(own, effect, alpha) if self.in_all else lots.critical_of(own, alpha)
