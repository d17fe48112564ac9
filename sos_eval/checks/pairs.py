"""An estimator with a single coefficient, on two periods at a time: a path, a period after another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sos_eval.errors import InputFault
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.fitted import Fitted

__all__ = ["PairEffect", "on_pair", "pair"]


@dataclass(frozen=True, slots=True)
class PairEffect:
    """An overall coefficient of two periods.

    Attributes
    ----------
    value
        On the working scale.
    influence : (n_influence,)
        On the whole panel; NaN where the coefficient has no error.
    reason
        Why it has none; else empty.
    """

    value: float
    influence: Array
    reason: str


def on_pair(fitted: Fitted, source: Panel, time: float, base: float) -> Fitted:
    """Return the method on two periods of a panel, its comparison group as it was built; its estimate is the whole."""
    return replace(fitted, rebuild=None, source=source.keep_times(sorted([time, base])))


def pair(fitted: Fitted, time: float, base: float, row: int | None = None) -> PairEffect | str:
    """Estimate two periods, units that are ever treated taken as treated in the later one.

    Parameters
    ----------
    row
        Which row of the estimate; the first overall one unless given.

    Returns
    -------
    PairEffect or str
        The reason where there is no coefficient.
    """
    panel = fitted.estimate.panel
    two = on_pair(fitted, panel, time, base)
    both = " and ".join(panel.periods.name(one) for one in two.source.times)
    starts = np.where(np.isfinite(two.source.first_treated), max(time, base), np.inf)
    try:
        made = two.refit(two.source.with_first_treated(starts))
    except InputFault as fault:
        return f"{both}: {fault.faults[0].what}"
    at = int(np.flatnonzero(made.cells["aggregation"] == "overall")[0]) if row is None else row
    why = f"{both}: {made.cells['reason'].iloc[at] or 'not identified'}"
    if not np.isfinite(made.values[at]):
        return why
    if made.influence is None or not np.isfinite(made.influence[:, at]).all():
        return PairEffect(float(made.values[at]), np.full(panel.n_units, np.nan), why)
    return PairEffect(float(made.values[at]), _aligned(made.influence[:, at], made.panel, panel), "")


def _aligned(influence: Array, own: Panel, whole: Panel) -> Array:
    """Return an influence on fewer units as one on all of them: zero for those left out, same variance."""
    full = np.zeros(whole.n_units)
    full[pd.Index(whole.units).get_indexer(pd.Index(own.units))] = influence * (whole.n_units / own.n_units)
    return full
