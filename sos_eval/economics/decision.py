"""The decision at the declared threshold: which strategy has the highest expected net benefit, and by how much.

The rule looks at expected net benefit alone, at the threshold that was declared before: not at the strategy listed
last, and not at whatever threshold lies in the middle of a plot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.economics.model.psa import Samples

__all__ = ["Decision", "choose", "decided"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decision:
    """What expected net benefit says at the threshold.

    Attributes
    ----------
    reference
        Name of the comparator.
    threshold
        Money a unit of effect; empty where none is declared: then no single verdict is given.
    best
        Strategy with the highest expected net benefit; of several the first listed. Empty without a threshold.
    subject
        Strategy that the sentence, the tornado and the curves are about: the best, or where the comparator is best the
        best of the others. Empty without a threshold.
    """

    reference: str
    threshold: float | None
    best: str
    subject: str


def choose(benefit: Array, reference: int) -> tuple[int, int]:
    """Return the strategy with the highest expected net benefit, (K,), and the best of all but the reference."""
    others = np.asarray(benefit, float).copy()
    others[reference] = -np.inf
    return int(np.argmax(benefit)), int(np.argmax(others))


def decided(psa: Samples, reference: int, threshold: float | None) -> Decision:
    """Decide at a threshold from the draws.

    Parameters
    ----------
    psa
        The draws.
    reference
        Column of the comparator.
    threshold
        Money a unit of effect; None: nothing is decided.
    """
    name = psa.strategies[reference]
    if threshold is None:
        return Decision(name, None, "", "")
    effects, costs = (table - table[:, [reference]] for table in (psa.effects, psa.costs))
    best, subject = choose(threshold * effects.mean(0) - costs.mean(0), reference)
    return Decision(name, threshold, psa.strategies[best], psa.strategies[subject])
