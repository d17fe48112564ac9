"""What is not seen: values missing at random, small counts suppressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from sos_eval.declare import Declared

__all__ = ["Missing", "withhold"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Missing(Declared):
    """What is not seen of the outcome."""

    share: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    """Share of authority-periods that are missing completely at random."""
    suppress_below: Annotated[int, Ge(0)] = 0
    """Counts of 1 up to, not including, this number are suppressed."""


def withhold(spec: Missing, observed: Array, *, counted: bool, rng: np.random.Generator) -> Array:
    """Return what is observed with NaN where it is not seen, (reps, n, n_times)."""
    if not spec.share and not (spec.suppress_below and counted):
        return observed
    hidden = rng.random(observed.shape) < spec.share if spec.share else np.zeros(observed.shape, bool)
    if spec.suppress_below and counted:
        hidden |= (observed >= 1) & (observed < spec.suppress_below)
    return np.where(hidden, np.nan, observed)
