"""The chance that a row of people is of the treated arm of its set and period, and what matching makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.calibration import calibrated
from sos_eval.comparison.covariates import dummies, is_text
from sos_eval.comparison.propensity import Model, said
from sos_eval.errors import Fault, NotIdentified
from sos_eval.numerics.assignment import match_weights
from sos_eval.numerics.calibration import held_out
from sos_eval.numerics.crossfit import UnlearnableError, from_other_folds
from sos_eval.numerics.folds import cluster_folds
from sos_eval.numerics.heterogeneity import LARGEST_CHANCE
from sos_eval.numerics.line import nearest_on_line
from sos_eval.numerics.logistic import COLLINEAR, SEPARATED, SeparationError, logistic
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array

__all__ = ["MISSING", "RowChances", "chances", "dealt", "nearest_factors", "odds_factors", "persons", "refuse_extreme"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]

#: What stands for a missing value where missing is a category.
MISSING = "missing"


@dataclass(frozen=True, slots=True)
class RowChances:
    """Chances of being of the treated arm, (n,) each; NaN in cells without both arms.

    Attributes
    ----------
    used
        What rows are matched or weighed by: fitted on all rows by the logistic regression, else said by other folds.
    held_out
        Said by a model of the other folds; NaN too where that cannot be fitted.
    parameters
        How many the model of all rows has; zero of learners, which say nothing of rows that they learnt from.
    """

    used: Array
    held_out: Array
    parameters: int = 0

    def calibrated(self, arm: Bools, own: Array) -> dict[str, pd.DataFrame]:
        """Compare chances with the arms, by own weights; chances that are both stand once."""
        known = np.isfinite(self.used)
        named = {"held_out": self.held_out[known]}
        if self.used is not self.held_out:
            named = {"fitted": self.used[known]} | named
        return calibrated(named, arm[known], own[known])


def chances(
    values: pd.DataFrame, cells: Codes, arm: Bools, own: Array, source: str, *, folds: Codes, model: Model = "logistic"
) -> RowChances:
    """Estimate chances by one model of covariates and cells (a set in a period).

    Logistic: by maximum likelihood on all rows, an indicator a cell. Boosting and forest learn from the other folds,
    with each cell's place. A number that is missing is its mean, and an indicator of its own says so.

    Parameters
    ----------
    values
        Covariates, a line a row.
    cells, arm, own, folds : (n,)
        Codes from zero, who is treated, own weights, and folds in which people are whole.

    Raises
    ------
    NotIdentified
        The covariates separate the arms, are collinear, or leave nothing to learn.
    """
    counted = [np.bincount(cells, side, int(cells.max(initial=-1)) + 1) for side in (arm, ~arm)]
    both = ((counted[0] > 0) & (counted[1] > 0))[cells]
    used, unseen = np.full(len(arm), np.nan), np.full(len(arm), np.nan)
    if not both.any():
        return RowChances(used, unseen)
    names, columns = dummies(_filled(values[both]), drop_first=True)
    columns = columns - columns.mean(0) if columns.size else columns
    inside = np.unique(cells[both], return_inverse=True)[1]
    if model != "logistic":
        unseen[both] = _learnt(np.column_stack([columns, inside]), arm[both], own[both], folds[both], model, source)
        return RowChances(unseen, unseen)
    level = columns.mean(0) if len(columns) else 0.0  # a large origin takes digits
    x = np.column_stack([(inside[:, None] == np.arange(inside.max() + 1)).astype(float), columns - level])
    try:
        used[both] = logistic(arm[both].astype(float), x, own[both]).probability
    except (SeparationError, np.linalg.LinAlgError) as why:
        words = said(names, SEPARATED if isinstance(why, SeparationError) else COLLINEAR, "rows")
        what = f"comparison.people.on: {words}"
        raise NotIdentified(Fault(source, what, "match on fewer covariates, or write method: cem")) from None
    unseen[both] = held_out(arm[both], x, folds[both], own[both])
    return RowChances(used, unseen, x.shape[1])


def _learnt(x: Array, arm: Bools, own: Array, folds: Codes, model: Model, source: str) -> Array:
    """Learn chances from the other folds, (n,)."""
    try:
        return from_other_folds(
            arm.astype(float), np.ones(len(arm), bool), x, own / own.mean(), folds, model=model, classes=True
        )
    except UnlearnableError as why:
        what = f"comparison.people.model: {model}: {why}"
        raise NotIdentified(Fault(source, what, "write fewer folds, or model: logistic")) from None


def persons(places: Codes, clusters: Codes, units: Codes) -> Codes:
    """Say whose each row is, (n,), where no column does: the cluster's where these are more than units, else its own.

    A person with rows in two units has one cluster, and stays whole.

    Parameters
    ----------
    places, clusters, units : (n,)
        Row of the panel, codes of clusters and units.
    """
    seen = np.unique(clusters, return_inverse=True)[1]
    finer = seen.max(initial=-1) + 1 > len(np.unique(units))
    return np.unique(seen if finer else places, return_inverse=True)[1].astype(np.intp)


def dealt(person: Codes, arm: Bools, folds: int, deal: int) -> Codes:
    """Deal rows into folds, (n,), each person whole.

    Not by authority: the treated arm of a set is one authority, from which alone its difference can be learnt.

    Parameters
    ----------
    person, arm : (n,)
        Codes of persons from zero, who is treated.
    """
    return cluster_folds(person, arm, folds, stream(deal, "people")) if len(person) else person


def nearest_factors(
    chance: Array, cells: Codes, arm: Bools, *, ratio: int, caliper: float | None, deal: int = 1
) -> Array:
    """Match treated rows, those of the largest chance first, with the nearest of their cell, without replacement, (n,).

    A treated row that finds one has one; each of its k donors 1/k. The caliper is in standard deviations of the chance.
    Rows of the same chance stand in an order by lot: by their place those of the first authority and the earliest
    period would be taken before all others.

    Parameters
    ----------
    deal
        Number of the lots.
    """
    lot = stream(deal, "people", "ties").permutation(len(arm))
    factor, known = np.zeros(len(arm)), np.isfinite(chance)
    reach = np.inf if caliper is None else caliper * float(chance[known].std(ddof=1))
    for cell in np.unique(cells[known]):
        ours, theirs = (lot[(known & (cells == cell) & side)[lot]] for side in (arm, ~arm))
        order = np.argsort(-np.round(chance[ours], 12), kind="stable")
        chosen = nearest_on_line(chance[ours], chance[theirs], order=order, ratio=ratio, reach=reach)
        factor[ours], factor[theirs] = match_weights(chosen, len(theirs))
    return factor


def refuse_extreme(chance: Array, arm: Bools, source: str) -> None:
    """Refuse odds of comparison rows that hardly anybody of theirs is like.

    Raises
    ------
    NotIdentified
        Some have a chance above `LARGEST_CHANCE`.
    """
    far = int((~arm & (chance > LARGEST_CHANCE)).sum())
    if far:
        what = (
            f"comparison.people: no overlap: {far} comparison rows have an estimated chance of treatment above "
            f"{LARGEST_CHANCE:g}, and each would count {LARGEST_CHANCE / (1 - LARGEST_CHANCE):.0f} times or more"
        )
        raise NotIdentified(Fault(source, what, "match on fewer covariates, or write trim_chance: [0.05, 0.95]"))


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
