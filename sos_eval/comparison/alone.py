"""Strata of one start: with stratum-by-period effects their units are compared with nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sos_eval.panel.panel import Panel
from sos_eval.results.comparison import Comparison

__all__ = ["alone_in_stratum", "compared_within"]


def alone_in_stratum(panel: Panel) -> dict[str, str]:
    """Return the units of strata in which all start at once, or nobody does, with the reason; none without strata.

    No change is set against theirs: they are in no effect, and so in no number of units, clusters or people.
    """
    if not panel.stratified:
        return {}
    stratum, starts = panel.unit_values("stratum").astype(str), panel.first_treated
    single = {name for name in set(stratum) if len(np.unique(starts[stratum == name])) == 1}
    return {
        str(unit): f"nobody in their stratum can be compared with them ({name})"
        if np.isfinite(start)
        else "nobody in their stratum has a recorded start"
        for unit, name, start in zip(panel.units, stratum, starts, strict=True)
        if name in single
    }


def compared_within(made: Comparison, panel: Panel) -> Comparison:
    """Leave units that are alone in their stratum out of a group, by name.

    Parameters
    ----------
    panel
        What the group was built of; with its strata.
    """
    alone = alone_in_stratum(panel)
    inside = made.panel
    for reason in dict.fromkeys(alone.values()):
        inside = inside.keep([unit for unit in inside.units if alone.get(str(unit)) != reason], "strata", reason)
    weights = np.where(np.isin(panel.units.astype(str), list(alone)), 0.0, made.weights)
    if not alone:
        return made
    out = {**alone, **made.left_out}  # a unit that the match left out was gone before its stratum was looked at
    return replace(made, panel=inside, weights=weights, left_out=out, off_support={**made.off_support, **alone})
