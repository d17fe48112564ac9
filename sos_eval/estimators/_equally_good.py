"""How far an effect moves over all weights of donors that fit the years before the start equally well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from sos_eval.errors import numeral
from sos_eval.estimators._donors import Cohort, DonorDesign
from sos_eval.numerics.simplex import equally_good_range, simplex_weights
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import UNDECIDED

__all__ = ["equally_good", "told"]

#: Gaps below this share of a unit's largest outcome before the start are none.
EXACT = 1e-8


class _Own(NamedTuple):
    """A cohort's units: how many, how many are fitted exactly, how many by several weights; moves down and up."""

    units: int
    exact: int
    several: int
    down: float
    up: float


def equally_good(design: DonorDesign, paths: Sequence[Array], values: Array) -> pd.DataFrame:
    """Return the range of the overall effect, and of each cohort's, over all equally good weights.

    Every treated unit has weights of its own, so that the ends of a mean are the means of the units' ends.

    Parameters
    ----------
    paths
        What each cohort's weights are found from, (n_units, n_times).
    values : (q,)
        The rows of the estimate.

    Returns
    -------
    pandas.DataFrame
        Columns ``cohort`` (empty: overall), ``n_treated_units``, ``n_fitted_exactly``, ``n_several_weights``,
        ``estimate``, ``lowest``, ``highest``; the overall effect first.

    Raises
    ------
    numpy.linalg.LinAlgError
        A linear programme ended without a solution.
    """
    pairs = zip(paths, design.cohorts, strict=True)
    own = [_of_cohort(path[design.donors], path[cohort.units], cohort) for path, cohort in pairs]
    periods = np.array([design.outcomes.shape[1] - cohort.before for cohort in design.cohorts], float)
    share = periods * [one.units for one in own]
    share /= share.sum()  # averages are by treated unit-periods
    everyone = _Own(
        sum(one.units for one in own), sum(one.exact for one in own), sum(one.several for one in own),
        float(share @ [one.down for one in own]), float(share @ [one.up for one in own]),
    )  # fmt: skip
    kinds, cohorts = np.array(design.lay.keys["aggregation"]), design.lay.keys["cohort"]
    starts = [np.nan, *(cohort.start for cohort in design.cohorts)]
    estimates = [float(values[kinds == "overall"][0])]
    estimates += [float(values[(kinds == "cohort") & (cohorts == start)][0]) for start in starts[1:]]
    rows = [
        {"cohort": start, "n_treated_units": one.units, "n_fitted_exactly": one.exact,
         "n_several_weights": one.several, "estimate": value, "lowest": value + one.down, "highest": value + one.up}
        for start, one, value in zip(starts, [everyone, *own], estimates, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def told(table: pd.DataFrame) -> tuple[str, ...]:
    """Say that several weights fit alike, where that moves the overall effect in its first three digits."""
    whole = table.iloc[0]
    low, high = numeral(whole["lowest"]), numeral(whole["highest"])
    exact, several, every = (int(whole[name]) for name in ("n_fitted_exactly", "n_several_weights", "n_treated_units"))
    fits = (f"{_of(exact, every)} fitted exactly before the start",) if exact else ()
    if low == high:
        return fits
    return (
        *fits,
        f"{UNDECIDED}{_of(several, every)} fitted equally well by more than one set of weights; those with the "
        f"smallest sum of squares are taken, and over all that fit as well the overall effect lies between {low} and "
        f"{high}",
    )


def _of(some: int, every: int) -> str:
    """Return how many of the treated units are something."""
    if every == 1:
        return "the treated unit is"
    return f"{some} of {every} treated units {'is' if some == 1 else 'are'}"


def _of_cohort(donors: Array, treated: Array, cohort: Cohort) -> _Own:
    early, late = donors[:, : cohort.before], donors[:, cohort.before :].mean(1)
    exact, ends = 0, []
    for own in treated[:, : cohort.before]:
        weights = simplex_weights(early.T, own, 0.0)
        low, high = equally_good_range(early.T, own, weights, late)
        ends.append((min(weights @ late - high, 0.0), max(weights @ late - low, 0.0)))
        exact += bool(np.abs(own - weights @ early).max() <= EXACT * np.abs(own).max())
    moves = np.array(ends)
    several = (moves[:, 1] - moves[:, 0] > EXACT * np.abs(late).max()).sum()
    return _Own(len(treated), exact, int(several), *moves.mean(0).tolist())
