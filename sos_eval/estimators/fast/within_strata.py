"""Treatment's coefficient beside unit and stratum-by-period effects under many adoptions, each with its own weights.

On a balanced panel with weights w_i that do not vary over time both effects come out in one pass, stratum by stratum:
``D~_it = D_it - D_i. - sum_j w_j (D_jt - D_j.) / sum_j w_j`` over the stratum's units j (Frisch, Waugh and Lovell;
Greene 2018, section 11.4.4). Then ``b = sum w D~ Y / sum w D~^2``, and a unit adds ``w_i sum_t D~_it e_it`` to its
error.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.estimators._regression import ABSORBED
from sos_eval.estimators.fast.assignments import by_itself, chunks
from sos_eval.estimators.fast.groups import Grouped
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Estimate

__all__ = ["batch_within_strata"]


def batch_within_strata(grouped: Grouped, complete: Callable[[Panel], Estimate]) -> Batch:
    """Estimate one coefficient of treatment on a balanced stratified panel, every unit a cluster of its own.

    Parameters
    ----------
    grouped
        Its `cells` are one row.
    complete
        Estimates the panel of one draw by itself: where somebody is treated throughout, or nothing is left of
        treatment.

    Returns
    -------
    Batch
        Errors are sums of squares over units, without small-sample factors; NaN where one unit alone is treated.
    """
    panel = grouped.panel
    stratum = np.asarray(pd.factorize(panel.unit_values("stratum").astype(str))[0], np.intp)
    member = (stratum[:, None] == np.arange(stratum.max() + 1)).astype(float)
    outcome = panel.matrix()
    weights = panel.weights * grouped.weights
    values, error = np.full((2, len(weights)), np.nan)
    for rows in chunks(len(weights), 6 * outcome.size):
        values[rows], error[rows] = _coefficients(
            outcome, panel.times, grouped.first_treated[rows], weights[rows], member
        )
    inside = weights > 0
    throughout = (inside & (grouped.first_treated <= panel.times[0])).any(1)
    alone = (inside & (grouped.first_treated <= panel.times[-1])).sum(1) == 1
    error[alone] = np.nan
    failures = np.full(len(weights), "", object)
    for draw in np.flatnonzero(throughout | np.isnan(values)):
        own, its, failures[draw] = by_itself(grouped.panel_of(int(draw)), grouped.cells, complete)
        values[draw], error[draw] = own[0], its[0]
    return Batch(grouped.cells, values[:, None], error[:, None], tuple(failures))


def _coefficients(
    outcome: Array, times: Array, first_treated: Array, weights: Array, member: NDArray[np.float64]
) -> tuple[Array, Array]:
    """Return coefficients and errors, (r,); NaN where the effects leave nothing of treatment."""
    treated = (times >= first_treated[..., None]).astype(float)
    d, y = (_without_effects(one, weights, member) for one in (treated, np.broadcast_to(outcome, treated.shape)))
    weighted = weights[..., None] * d
    square, whole = (weighted * d).sum((1, 2)), (weights[..., None] * treated**2).sum((1, 2))
    square = np.where(square > ABSORBED**2 * whole, square, np.nan)
    coefficient = (weighted * y).sum((1, 2)) / square
    score = (weighted * (y - coefficient[:, None, None] * d)).sum(2)
    return coefficient, np.sqrt((score**2).sum(1)) / square


def _without_effects(values: Array, weights: Array, member: Array) -> Array:
    """Take unit and stratum-by-period effects out of values, (r, n, t)."""
    centred = values - values.mean(-1, keepdims=True)
    total = weights @ member
    sums = np.einsum("rn,ns,rnt->rst", weights, member, centred, optimize=True)
    mean = sums / np.where(total > 0, total, 1.0)[..., None]
    return np.asarray(centred - np.einsum("ns,rst->rnt", member, mean, optimize=True))
