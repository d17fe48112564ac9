"""How people fare after the last start, against people like them in the same unit before the first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.regress import least_squares
from sos_eval.panel.long_differences import LongDifferences
from sos_eval.panel.panel import Array, Panel

__all__ = ["changes_of_people"]


def changes_of_people(panel: Panel, anticipation: float = 0) -> LongDifferences | str:
    """Return each later person's outcome less what their covariates led to in their unit before the first start.

    The earlier outcome is ``a_u + x'(b + d c)``, by least squares on the rows before the first start: an intercept a
    unit, slopes that differ between units that are ever treated (d) and others. Comparing these changes at the same x
    is a difference in differences of people alike. Units without a row on either side drop out.

    Returns
    -------
    LongDifferences
        A row a person after the last start (`units` are their units); the reason where there is none.
    """
    if panel.layout != "cross_sections":
        return "rows are units, not people"
    if not len(panel.cohorts):
        return "nobody is treated"
    frame = panel.frame
    time = frame["time"].to_numpy(float)
    covariates = {name: _columns(frame[name]) for name in panel.covariates}
    x = np.column_stack([np.empty((len(frame), 0)), *covariates.values()])
    seen = np.isfinite(x).all(1) & frame["outcome"].notna().to_numpy()
    before, after = seen & (time < panel.cohorts.min() - anticipation), seen & (time >= panel.cohorts.max())
    codes = panel.unit_codes
    on_both = np.isin(np.arange(panel.n_units), codes[before]) & np.isin(np.arange(panel.n_units), codes[after])
    before, after = before & on_both[codes], after & on_both[codes]
    if not before.any():
        return "no unit has people both before the first start and after the last"
    treated = np.isfinite(frame["first_treated"].to_numpy(float))
    expected = _expected(frame, np.column_stack([x, x * treated[:, None]]), codes, before)
    name = panel.periods.name
    words = (
        f"people from {name(panel.cohorts.max())} on less people like them in the same unit before "
        f"{name(panel.cohorts.min() - anticipation)}"
    )
    return LongDifferences(
        frame["unit"].to_numpy(object)[after], (frame["outcome"].to_numpy(float) - expected)[after], treated[after],
        frame["weight"].to_numpy(float)[after], _at(covariates, after), np.empty((int(after.sum()), 0)), words,
    )  # fmt: skip


def _expected(frame: pd.DataFrame, x: Array, codes: NDArray[np.intp], before: NDArray[np.bool_]) -> Array:
    """Return what rows are expected to have by the rows before the first start, (n,)."""
    weight = np.where(before, frame["weight"].to_numpy(float), 0.0)
    outcome = frame["outcome"].to_numpy(float)
    inside = np.column_stack([outcome, x])
    inside[~before] = 0.0
    total = np.bincount(codes, weight)
    sums = np.column_stack([np.bincount(codes, weight * column) for column in inside.T])
    means = np.divide(sums, total[:, None], out=np.zeros_like(sums), where=total[:, None] > 0)
    apart = (inside - means[codes])[before]
    coef, _ = least_squares(apart[:, 0], apart[:, 1:], weight[before])
    return np.asarray((means[:, 0] - means[:, 1:] @ coef)[codes] + x @ coef)


def _columns(values: pd.Series) -> Array:
    """Return a covariate's columns, (n, k): itself, or indicators of all words but the first."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(float)[:, None]
    shown = pd.get_dummies(values, drop_first=True).to_numpy(float)
    shown[values.isna().to_numpy()] = np.nan
    return shown


def _at(covariates: Mapping[str, Array], rows: NDArray[np.bool_]) -> dict[str, Array]:
    return {name: values[rows] for name, values in covariates.items()}
