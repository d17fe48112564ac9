"""Strata that hold no comparison: with stratum-by-period effects their treated units tell nothing about an effect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sos_eval.panel.caveats import Caveat
from sos_eval.panel.panel import Panel
from sos_eval.results.comparison import Comparison

__all__ = ["alone_in_stratum", "compared_within"]

REASON = "nobody in their stratum can be compared with them ({stratum})"


def alone_in_stratum(panel: Panel) -> dict[str, str]:
    """Return the treated units whose whole stratum starts when they do, each with its stratum; none without strata."""
    return {unit: name for unit, name, started in _of_one_start(panel) if started}


def compared_within(made: Comparison, panel: Panel) -> Comparison:
    """Leave treated units without comparison in their stratum out of a group, and say whose stratum nobody starts in.

    Parameters
    ----------
    panel
        What the group was built of; with its strata.
    """
    of_one_start = _of_one_start(panel)
    if not of_one_start:
        return made
    alone = {unit: name for unit, name, started in of_one_start if started}
    idle = tuple((unit, "") for unit, _, started in of_one_start if not started)
    text = "{n} of the {of} comparison units lie in strata in which nobody starts: no change is set against theirs"
    caveats = (Caveat(text, idle, "untreated", "basis"),) if idle else ()
    inside = made.panel.changed(noted_caveats=(*made.panel.noted_caveats, *caveats))
    for stratum in sorted(set(alone.values())):
        others = [unit for unit in inside.units if alone.get(str(unit)) != stratum]
        inside = inside.keep(others, "strata", REASON.format(stratum=stratum))
    weights = np.where(np.isin(panel.units.astype(str), list(alone)), 0.0, made.weights)
    off = {unit: REASON.format(stratum=name) for unit, name in alone.items()}
    return replace(made, panel=inside, weights=weights, off_support={**made.off_support, **off})


def _of_one_start(panel: Panel) -> list[tuple[str, str, bool]]:
    """List the units of strata with one start (or none): unit, stratum, and whether it starts."""
    if not panel.stratified:
        return []
    stratum, starts = panel.unit_values("stratum").astype(str), panel.first_treated
    single = {name for name in set(stratum) if len(np.unique(starts[stratum == name])) == 1}
    return [
        (str(unit), name, bool(np.isfinite(start)))
        for unit, name, start in zip(panel.units, stratum, starts, strict=True)
        if name in single
    ]
