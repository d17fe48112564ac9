"""The chance that a row of people is of the treated arm of its set and period, and what matching makes of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.covariates import dummies, is_text
from sos_eval.comparison.propensity import said
from sos_eval.errors import Fault, NotIdentified, listed
from sos_eval.numerics.assignment import match_weights
from sos_eval.numerics.line import nearest_on_line
from sos_eval.numerics.logistic import COLLINEAR, SEPARATED, SeparationError, logistic
from sos_eval.panel.panel import Array

__all__ = ["MISSING", "chances", "nearest_factors", "odds_factors"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]

#: What stands for a missing value where missing is a category.
MISSING = "missing"


def chances(values: pd.DataFrame, cells: Codes, arm: Bools, own: Array, source: str) -> Array:
    """Fit one logistic regression on covariates and cells (a set in a period), (n,); NaN in cells without both arms.

    A number that is missing is its mean, and an indicator of its own says so.

    Parameters
    ----------
    values
        Covariates, a line a row.
    cells, arm, own : (n,)
        Codes from zero, who is treated, own weights.

    Raises
    ------
    NotIdentified
        The covariates separate the arms, or are collinear.
    """
    counted = [np.bincount(cells, side, int(cells.max(initial=-1)) + 1) for side in (arm, ~arm)]
    both = ((counted[0] > 0) & (counted[1] > 0))[cells]
    found = np.full(len(arm), np.nan)
    if not both.any():
        return found
    names, columns = dummies(_filled(values[both]), drop_first=True)
    columns = columns - columns.mean(0) if columns.size else columns
    inside = np.unique(cells[both], return_inverse=True)[1]
    x = np.column_stack([(inside[:, None] == np.arange(inside.max() + 1)).astype(float), columns])
    try:
        found[both] = logistic(arm[both].astype(float), x, own[both]).probability
    except (SeparationError, np.linalg.LinAlgError) as why:
        words = said(SEPARATED if isinstance(why, SeparationError) else COLLINEAR)
        what = f"comparison.people.on: {listed(names)} {words}".replace("units", "rows")
        raise NotIdentified(Fault(source, what, "match on fewer covariates, or write method: cem")) from None
    return found


def nearest_factors(chance: Array, cells: Codes, arm: Bools, *, ratio: int, caliper: float | None) -> Array:
    """Match treated rows, those of the largest chance first, with the nearest of their cell, without replacement, (n,).

    A treated row that finds one has one; each of its k donors 1/k. The caliper is in standard deviations of the chance.
    """
    factor, known = np.zeros(len(arm)), np.isfinite(chance)
    reach = np.inf if caliper is None else caliper * float(chance[known].std(ddof=1))
    for cell in np.unique(cells[known]):
        ours, theirs = (np.flatnonzero(known & (cells == cell) & side) for side in (arm, ~arm))
        order = np.argsort(-np.round(chance[ours], 12), kind="stable")
        chosen = nearest_on_line(chance[ours], chance[theirs], order=order, ratio=ratio, reach=reach)
        factor[ours], factor[theirs] = match_weights(chosen, len(theirs))
    return factor


def odds_factors(chance: Array, arm: Bools, limits: tuple[float, float] | None) -> Array:
    """Return one for treated rows and the odds for the others, (n,); zero outside the limits."""
    low, high = limits or (0.0, 1.0)
    inside = np.isfinite(chance) & (chance >= low) & (chance <= high)
    odds = np.divide(chance, 1 - chance, out=np.zeros(len(chance)), where=inside & (chance < 1))
    return np.where(inside, np.where(arm, 1.0, odds), 0.0)


def _filled(values: pd.DataFrame) -> pd.DataFrame:
    """Fill texts with a category of their own, and numbers with their mean beside an indicator."""
    columns: dict[str, pd.Series] = {}
    for name, column in values.items():
        empty = column.isna()
        columns[str(name)] = column.fillna(MISSING) if is_text(column) else column.fillna(column.mean())
        if empty.any() and not is_text(column):
            columns[f"{name} missing"] = empty.astype(float)
    return pd.DataFrame(columns, index=values.index)
