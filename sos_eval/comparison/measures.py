"""Balance beyond `balance.csv`: overlap by covariate, the joint distance, effective numbers, a prognostic score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.balance import standardised_difference
from sos_eval.comparison.covariates import BUILT_IN, dummies, is_text
from sos_eval.numerics.coarsen import bins_scott, intervals, round_breaks
from sos_eval.numerics.overlap import overlap_coefficient
from sos_eval.numerics.strata import common_support, joint_distance, strata
from sos_eval.panel.panel import Array
from sos_eval.results.comparison import effective_size

__all__ = ["MEASURE_COLUMNS", "measures_table"]

Bools = NDArray[np.bool_]

MEASURE_COLUMNS = ("measure", "covariate", "stage", "value", "reason")

_NO_WIDTH = "more than half of the smaller group have one value, so there is no density"


@dataclass(frozen=True, slots=True)
class _Stage:
    """Who is compared, and with what weight: `after` may leave units out."""

    name: str
    treated: Bools
    weights: Array

    @property
    def empty(self) -> bool:
        """Whether a group has no weight."""
        return not (self.weights[self.treated].sum() > 0 and self.weights[~self.treated].sum() > 0)


def measures_table(values: pd.DataFrame, treated: Bools, base: Array, weights: Array, earlier: Array) -> pd.DataFrame:
    """Measure how alike the groups are before and after, beside the columns of `balance.csv`.

    ``overlap``: the overlap coefficient of a covariate; ``l1`` and ``local_common_support``: over the joint cells of
    all covariates, numbers cut at round breaks (about as many as Scott's rule gives), the same cells before and
    after; ``ess_treated``, ``ess_comparison``: effective numbers; ``prognostic``: the standardised difference of what
    the covariates foretell of the mean outcome before the start, by least squares among the untreated.

    Parameters
    ----------
    values
        Covariates, (n, k); units with a missing value are left out.
    treated, base : (n,)
        Who is treated, and the panel's own weights.
    weights : (n,)
        What the comparison multiplies them by.
    earlier : (n,)
        Mean outcome before the start.

    Returns
    -------
    DataFrame
        Columns ``measure, covariate, stage, value, reason``; ``reason`` says why a value is empty.
    """
    complete = values.notna().all(axis=1).to_numpy()
    inside, group = values[complete], treated[complete]
    stages = [_Stage("before", group, base[complete]), _Stage("after", group, (base * weights)[complete])]
    if any(stage.empty for stage in stages):
        return pd.DataFrame(columns=list(MEASURE_COLUMNS))
    rows = _overlaps(inside, stages) + _joint(inside, stages) + _numbers(stages)
    rows += _prognostic(inside, earlier[complete], stages)
    return pd.DataFrame(rows, columns=list(MEASURE_COLUMNS))


Row = tuple[str, str, str, float, str]


def _overlaps(values: pd.DataFrame, stages: list[_Stage]) -> list[Row]:
    """Return the overlap coefficient of every covariate."""
    names, x = dummies(values, drop_first=False)
    rows: list[Row] = []
    for name, column in zip(names, x.T, strict=True):
        for stage in stages:
            found = overlap_coefficient(column, stage.treated, stage.weights)
            rows.append(("overlap", name, stage.name, found, "" if np.isfinite(found) else _NO_WIDTH))
    return rows


def _joint(values: pd.DataFrame, stages: list[_Stage]) -> list[Row]:
    """Return the joint distance and the local common support."""
    cell = strata([_cut(values[name]) for name in values])
    rows: list[Row] = []
    for measure, function in (("l1", joint_distance), ("local_common_support", common_support)):
        rows += [(measure, "", one.name, function(cell, one.treated, one.weights), "") for one in stages]
    return rows


def _cut(column: pd.Series) -> NDArray[np.intp]:
    """Cut a number at round breaks; text as it is."""
    if is_text(column):
        return np.asarray(pd.factorize(column, sort=True)[0], np.intp)
    x = column.to_numpy(float)
    return intervals(x, round_breaks(x.min(), x.max(), bins_scott(x))[1:-1], closed="right")


def _numbers(stages: list[_Stage]) -> list[Row]:
    """Return the effective number of each group."""
    groups = {"ess_treated": stages[0].treated, "ess_comparison": ~stages[0].treated}
    return [(name, "", one.name, effective_size(one.weights[of]), "") for name, of in groups.items() for one in stages]


def _prognostic(values: pd.DataFrame, outcome: Array, stages: list[_Stage]) -> list[Row]:
    """Return the standardised difference of the prognostic score; empty, with the reason, where there is none."""
    score, reason = _score(values[[name for name in values if name not in BUILT_IN]], outcome, stages[0])
    rows: list[Row] = []
    for one in stages:
        value = np.nan if reason else standardised_difference(score, one.treated, one.weights, stages[0].weights)
        why = reason or ("" if np.isfinite(value) else "it does not vary among treated units")
        rows.append(("prognostic", "", one.name, value, why))
    return rows


def _score(values: pd.DataFrame, outcome: Array, stage: _Stage) -> tuple[Array, str]:
    """Foretell the outcome from covariates by least squares among the untreated, (n,); else say why not."""
    nothing = np.full(len(values), np.nan)
    x = np.column_stack([np.ones(len(values)), dummies(values, drop_first=True)[1]])
    used = ~stage.treated & np.isfinite(outcome) & (stage.weights > 0)
    if x.shape[1] == 1:
        return nothing, "no covariate but the earlier outcome itself"
    if used.sum() <= x.shape[1]:
        return nothing, f"{int(used.sum())} untreated units for {x.shape[1]} coefficients"
    scale = np.sqrt((x[used] ** 2).mean(0))
    root = np.sqrt(stage.weights[used])
    scaled = x / np.where(scale > 0, scale, 1.0)
    if np.linalg.matrix_rank(scaled[used] * root[:, None]) < x.shape[1]:
        return nothing, "the covariates are collinear among untreated units"
    return scaled @ np.linalg.lstsq(scaled[used] * root[:, None], outcome[used] * root)[0], ""
