"""Effects per cohort and period in a Poisson model with an exposure offset, averaged over treated rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from sos_eval.estimators._regression import SINGLE, Rows
from sos_eval.estimators._two_way import Statement
from sos_eval.estimators.poisson_did import NOT_CONVERGED, exposure_of
from sos_eval.numerics.absorb import TwoWayEffects
from sos_eval.numerics.poisson import PoissonFit, fit_poisson
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate, cells

__all__ = ["by_cohort_effects", "poisson_effects", "ratios_and_changes"]

Bools = NDArray[np.bool_]


def by_cohort_effects(rows: Rows) -> Rows:
    """Return the rows with an effect for each cohort in place of one for each unit."""
    start = rows.frame["first_treated"].to_numpy(float)
    cohort = np.unique(np.where(start > rows.panel.times[-1], np.inf, start), return_inverse=True)[1]
    return replace(rows, effects=TwoWayEffects(cohort, rows.effects.time, rows.effects.weights))


@dataclass(frozen=True, slots=True)
class _Means:
    """Weighted means over the rows behind each row of the estimate: as fitted, and as they would be untreated.

    Attributes
    ----------
    values : (2, q)
    influence : (n_influence, 2, q)
    """

    values: Array
    influence: Array


def poisson_effects(rows: Rows, stated: Statement) -> Estimate:
    """Fit counts on the statement's terms, and compare fitted means of treated rows with those without treatment.

    With mean ``mu = exp(eta)`` and delta what the terms say of a row, weighted sums of mu and of ``mu exp(-delta)``
    over treated rows are compared (Wooldridge 2023): their difference, on the outcome's `per`, and their log ratio.
    Shares of rows and covariates are taken as fixed.
    """
    fit = fit_poisson(
        rows.outcome, np.column_stack([stated.terms, rows.covariates]), np.log(exposure_of(rows)), rows.effects
    )
    inside = stated.counted.T
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # without a maximum there is no number below
        means = _means(rows, fit, stated.terms, inside)
        values = np.concatenate([np.log(means.values[0] / means.values[1]), means.values[0] - means.values[1]])
        relative = means.influence / means.values
    influence = np.concatenate(
        [relative[:, 0] - relative[:, 1], means.influence[:, 0] - means.influence[:, 1]], axis=1
    )  # fmt: skip
    table = _table(rows, stated, inside)
    if not fit.converged:
        values[:], influence[:] = np.nan, np.nan
        table["reason"] = NOT_CONVERGED
    elif rows.n_treated_units == 1:
        influence[:] = np.nan
        table["reason"] = SINGLE
    return Estimate(table, values, influence, rows.panel, notes=rows.notes)


def _means(rows: Rows, fit: PoissonFit, terms: Array, inside: Bools) -> _Means:
    """Return weighted means and their influence, by way of the working regression.

    A sum ``sum a d eta`` moves with the scores ``x (y - mu) w`` by the projection of ``a / (w mu)`` on the regressors.
    """
    w, mu = rows.weights, fit.mean
    per = rows.panel.outcome.per if rows.panel.outcome.counted else 1.0
    delta = terms @ fit.coef[: terms.shape[1]]
    share = inside * w
    share = per * share / (share @ exposure_of(rows))[:, None]
    sums = np.stack([share * mu, share * mu * np.exp(-delta)])
    working = TwoWayEffects(rows.effects.unit, rows.effects.time, w * mu)
    unit, time = working.effects(sums / (w * mu))
    score, n = (rows.outcome - mu) * w, rows.panel.n_influence
    by_unit, by_time, by_row = (
        csr_array((score, (rows.influence_codes, codes)), (n, int(codes.max()) + 1))
        for codes in (working.unit, working.time, np.arange(len(mu)))
    )
    coef = np.asarray(by_row @ fit.x) @ fit.bread
    influence = np.stack([by_unit @ u.T + by_time @ t.T for u, t in zip(unit, time, strict=True)], axis=1)
    influence += np.stack([coef @ (one @ fit.x).T for one in sums], axis=1)
    influence[:, 1] -= coef[:, : terms.shape[1]] @ (sums[1] @ terms).T
    return _Means(sums.sum(-1), influence * n)


def ratios_and_changes(
    panel: Panel, named: Mapping[str, Any], treated: ArrayLike, n_obs: int, n_units: int
) -> pd.DataFrame:
    """Lay out rate ratios, then changes, of the rows `named` as in `Statement.cells`, with the treated units of each.

    Parameters
    ----------
    treated : (q,)
        How many treated units stand behind a row.
    """
    scale = "rate_per" if panel.outcome.counted else "value"
    parts = [
        cells(**(dict(named) | {"estimand": name, "scale": kind}), n_treated_units=treated)
        for name, kind in (("rate_ratio", "ratio"), ("att", scale))
    ]
    return pd.concat(parts, ignore_index=True).assign(n_obs=n_obs, n_units=n_units)


def _table(rows: Rows, stated: Statement, inside: Bools) -> pd.DataFrame:
    """Lay out the rows of a single fit."""
    unit = rows.panel.unit_codes[rows.used]
    treated = [int(np.count_nonzero(np.bincount(unit[one]))) for one in inside]
    return ratios_and_changes(rows.panel, stated.cells, treated, len(rows.used), rows.n_units)
