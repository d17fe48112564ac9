"""What of an effect runs through each mediator of a world: expected outcomes with either way closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sos_eval.worlds.draws import Draws
from sos_eval.worlds.effects import apply_dose
from sos_eval.worlds.theory import OUTCOME

__all__ = ["WAYS", "ways_of"]

#: Columns of `ways_of`.
WAYS = ("mediator", "unit", "time", "moved", "slope", "without", "through", "beside", "with_it")


def ways_of(draws: Draws) -> pd.DataFrame:
    """Lay out what practice does by each measured mediator, by authority and period of the first draw.

    Returns
    -------
    DataFrame
        Columns `WAYS`: ``moved``, what the authority's own adoption adds to the mediator; ``slope``, what a unit of the
        mediator adds to the outcome, by all ways, NaN where it acts on logarithms; expected outcomes ``without``
        practice, with only what runs ``through`` the mediator, with all that runs ``beside`` it, and ``with_it`` all.
        No rows where the world has no theory, or where authorities were merged and effects are ratios.
    """
    frame = draws.frame
    effect, theory, counted = frame.world.effect, frame.world.theory, frame.world.outcome.counted
    ratio = effect.scale == "ratio"
    if theory is None or (ratio and frame.geography is not None):
        return pd.DataFrame(columns=list(WAYS))
    untreated, every, dose = draws.untreated[:1], theory.by_practice(OUTCOME), frame.own
    slopes, parts = theory.on_outcome, []
    keys = {
        "unit": np.repeat(np.array(list(map(str, frame.units)), object), dose.shape[1]),
        "time": np.tile(frame.world.periods, len(dose)),
    }
    for name, one in theory.mediators.items():
        if not one.measured:
            continue
        first = theory.by_practice(name)
        ways = {
            "through": apply_dose(replace(effect, size=0.0), untreated, dose, positive=counted,
                                  mediated=first * slopes[name], at_most=1.0),
            "beside": apply_dose(effect, untreated, dose, positive=counted, mediated=every - first * slopes[name],
                                 at_most=1.0),
            "without": untreated, "with_it": draws.expected[:1],
        }  # fmt: skip
        told = {way: values[0].ravel() for way, values in ways.items()}
        slope = np.nan if ratio else slopes[name]
        parts.append(pd.DataFrame(keys | told | {"mediator": name, "moved": first * dose.ravel(), "slope": slope}))
    return pd.concat(parts, ignore_index=True)[list(WAYS)] if parts else pd.DataFrame(columns=list(WAYS))
