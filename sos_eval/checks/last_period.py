"""The estimate from the last period before the start alone: what it is if the level of that period stayed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sos_eval.checks.common_lots import CommonLots, Varied
from sos_eval.checks.quantity import overall
from sos_eval.errors import InputFault, numeral
from sos_eval.numerics.lots import share_shifted
from sos_eval.panel.panel import Array
from sos_eval.results.check import CheckResult, of_hundred
from sos_eval.results.fitted import Fitted, is_fitted_anew

__all__ = ["UNLIKELY", "last_period"]

#: Below it a p speaks against chance; a list of adoptions whose furthest shift comes up more often says nothing of it.
UNLIKELY = 0.05
#: Shifts smaller than this share of the estimate are rounding.
ROUNDING = 1e-9


def last_period(fitted: Fitted, early: Array, draws: int, rng: np.random.Generator) -> list[CheckResult]:
    """Return ``path.last``, the estimate without the other earlier periods, and ``path.last_shift``, p of the shift.

    Nothing where starts differ, where there is one earlier period, where every adoption is fitted anew, or where the
    estimate rests on the last period alone already: a shift is zero by construction there, or rounding.

    Parameters
    ----------
    early : (n_early,)
        Periods before the first start.
    draws
        Random adoptions by which the shift is judged.
    """
    source = fitted.source
    if len(source.cohorts) != 1 or len(early) < 2 or fitted.estimator.compares_with_last or is_fitted_anew(fitted):
        return []
    kept = source.keep_times(np.r_[early[-1], source.times[source.times >= source.cohorts[0]]])
    try:
        alone = replace(fitted, source=kept, estimate=fitted.refit(kept))
    except InputFault as fault:
        return [CheckResult("path.last", "estimate", np.nan, f"Not done: {fault.faults[0].what}.")]
    whole, last = overall(fitted.estimate), overall(alone.estimate)
    if not np.isfinite([whole.estimate, last.estimate]).all():
        return []
    if abs(last.estimate - whole.estimate) <= ROUNDING * abs(whole.estimate):
        return []
    p, why = _p(fitted, alone, draws, rng)
    often = f"; random adoptions shift it as far in {of_hundred(p)} draws" if np.isfinite(p) else ""
    text = (
        f"From {source.periods.name(early[-1])} alone, the last period before the start, the estimate is "
        f"{whole.told(last.estimate, source)} instead of {whole.shown(whole.estimate)}{often}."
    )
    return [
        CheckResult("path.last", "estimate", last.estimate, text),
        CheckResult(
            "path.last_shift", "p_value", p, f"How often random adoptions make so large a shift: {numeral(p, 2)}."
        )
        if np.isfinite(p)
        else CheckResult("path.last_shift", "p_value", p, f"Not done: {why}."),
    ]


def _p(fitted: Fitted, alone: Fitted, draws: int, rng: np.random.Generator) -> tuple[float, str]:
    """Return how often random adoptions move the estimate as far; NaN, and why, where that says nothing."""
    lots = CommonLots.of(fitted, draws, rng)
    if isinstance(lots, str):
        return float("nan"), lots
    both = [lots.drawn(Varied("", one)) for one in (fitted, alone)]
    values = [one.value for one in both if not isinstance(one, str)]
    if len(values) < 2 or not np.isfinite([value[0] for value in values]).all():
        return float("nan"), "adoptions cannot be drawn for both estimates"
    distance = values[1] - values[0]
    if not np.nanstd(distance[1:]) > ROUNDING * abs(values[0][0]):
        return float("nan"), "adoptions do not shift the estimate"
    furthest = distance[[int(np.nanargmax(np.abs(distance - np.nanmedian(distance[1:])))), *range(1, len(distance))]]
    least = share_shifted(furthest, complete=lots.complete)
    if least > UNLIKELY:
        return float("nan"), f"of {len(distance) - 1} possible adoptions none shifts it further than chance does"
    return share_shifted(distance, complete=lots.complete), ""
