"""The fall and the rise that a line's test finds with the power aimed at, each from the draws themselves."""

from __future__ import annotations

import numpy as np

from sos_eval.montecarlo.diagnosands import RowDraws, groups_of
from sos_eval.montecarlo.mdes import CENTRED
from sos_eval.numerics.detectable import FALL, RISE
from sos_eval.panel.panel import Array

__all__ = ["SIDES", "found_sizes"]

SIDES = {"fall": FALL, "rise": RISE}


def found_sizes(draws: RowDraws, target: float) -> dict[str, float]:
    """Return the fall and the rise that are found with some power, in the right direction, and their errors.

    A draw whose estimate is off its truth by e, with an interval of half width h, finds an effect of sign g from
    ``h - g e`` on. The target's quantile over all draws, a failed one needing no end, is the size; its error comes
    from leaving out groups of draws or of frames. Empty where intervals are not centred on the estimate, or draws with
    an interval are fewer than the target.
    """
    error, half = draws.estimate - draws.true_effect, (draws.conf_high - draws.conf_low) / 2
    off = np.abs((draws.conf_high + draws.conf_low) / 2 - draws.estimate) > CENTRED * half
    if off.any() or np.isfinite(error + half).mean() < target:
        return {name: np.nan for side in SIDES for name in (f"mdes_{side}", f"mdes_{side}_mcse")}
    member, groups = groups_of(len(error), draws.frames)
    found = {}
    for side, sign in SIDES.items():
        needed = np.where(np.isfinite(error + half), half - sign * error, np.inf)
        parts = np.array([_size(needed[member != g], target) for g in range(groups)])
        found[f"mdes_{side}"] = _size(needed, target)
        found[f"mdes_{side}_mcse"] = float(np.sqrt((groups - 1) / groups * ((parts - parts.mean()) ** 2).sum()))
    return found


def _size(needed: Array, target: float) -> float:
    """Return the smallest size that so large a share of draws needs no more than; NaN where that is no effect."""
    size = float(np.quantile(needed, target, method="inverted_cdf"))
    return size if size > 0 else np.nan
