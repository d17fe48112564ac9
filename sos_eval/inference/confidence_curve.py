"""The confidence curve of a test: its p at constant effects from far below the estimate to far above.

An interval is one cut through the curve. The whole curve is kept for those who draw the effect (Birnbaum 1961; Schweder
and Hjort 2016, ch. 3 and 4): with few treated it is skewed, and no normal distribution has its quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

__all__ = ["CURVE", "curve_table", "tried_effects"]

#: What the table's name begins with.
CURVE = "confidence."
_POINTS = 60  # a side
_SMALLEST = 0.002
_FARTHEST = 512.0


def tried_effects(
    extreme: Callable[[float], int | None], centre: float, unit: float, draws: int
) -> list[tuple[float, int]]:
    """Count the extreme draws at effects on both sides of the estimate, denser near it.

    A side ends where p falls below 0.002, or where going twice as far no longer lowers it.

    Parameters
    ----------
    extreme
        How many draws are as extreme as the observed under a constant effect; None where that cannot be tested.
    centre, unit
        The estimate, and a step that is near its error.
    draws
        How many there are.
    """
    tried = [(centre, draws)]
    for sign in (-1.0, 1.0):
        reach = _reach(lambda steps, sign=sign: extreme(centre + sign * unit * steps), draws)  # type: ignore[misc]
        for steps in reach * (np.arange(1, _POINTS + 1) / _POINTS) ** 2:
            effect = centre + sign * unit * float(steps)
            count = extreme(effect)
            if count is not None:
                tried.append((effect, count))
    return tried


def _reach(extreme: Callable[[float], int | None], draws: int) -> float:
    """Return how many steps out a side ends."""
    steps, before = 4.0, draws
    while steps < _FARTHEST:
        count = extreme(steps)
        if count is None or count <= _SMALLEST * draws or count == before:
            break
        steps, before = 2 * steps, count
    return steps


def curve_table(tried: Sequence[tuple[float, int]], draws: int, *, complete: bool, ratio: bool) -> pd.DataFrame:
    """Lay the curve out: ``effect`` on the scale of the estimates, rising, and ``p_value``.

    Parameters
    ----------
    tried
        Effects on the working scale, and how many draws were as extreme as the observed.
    draws, complete
        As of the test: p is #/R over a complete list, (1 + #)/(1 + R) over a sample.
    ratio
        Whether the working scale is that of logs.
    """
    effect, count = (np.array(part, float) for part in zip(*sorted(set(tried)), strict=True))
    extra = 0 if complete else 1
    return pd.DataFrame({"effect": np.exp(effect) if ratio else effect, "p_value": (count + extra) / (draws + extra)})
