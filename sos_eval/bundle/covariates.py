"""What is told of covariates that may be made of small counts: nobody here knows the counts behind them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.comparison import are_earlier_outcomes
from sos_eval.results.search import UNKNOWN, can_be_searched_by_number, digits_of, digits_that_leave, taken

__all__ = ["CoarseCovariates"]

Flags = NDArray[np.bool_]

_DIFFERENCE = "std_mean_diff"
#: A distance is made of the covariates: to tell it is to tell more of them.
_OF_ALL = "distance"


class CoarseCovariates:
    """The covariates of a `balance.csv` whose counts could be searched for, if they are made of counts.

    Of those the standardised difference alone is told, to places that leave enough combinations of counts in the
    middle of those protected: it is about one, so that one digit stands before the point. Categories
    (``region=North``) are no counts; earlier outcomes are judged as outcomes.

    Parameters
    ----------
    balance
        In the columns of `balance.csv`.
    fewest, smallest
        Fewest units of a result; smallest count that is shown.
    declared
        Names of columns that the design declares as covariates, which are what they are called, whatever that is.

    Attributes
    ----------
    places
        By covariate, to how many decimal places; 0 where it is not told.
    """

    def __init__(
        self, balance: pd.DataFrame, fewest: int, smallest: int, declared: Collection[str] = frozenset()
    ) -> None:
        names = balance["covariate"].astype(str)
        others = (names.str.contains("=", regex=False) | are_earlier_outcomes(names)) & ~names.isin(list(declared))
        units = balance[["n_treated", "n_comparison"]].to_numpy(float)
        told = ~others.to_numpy(bool) & (units >= fewest).all(axis=1)
        listed = np.array([can_be_searched_by_number(n, smallest) for n in units.min(axis=1)], bool)
        room = np.array([digits_of(taken(np.full(int(n), UNKNOWN), smallest)) for n in units.sum(axis=1)])
        self.names = frozenset(names[told & listed])
        rows = {name: told & (names == name).to_numpy(bool) for name in self.names}
        numbers = {name: balance.loc[own, _DIFFERENCE].nunique() for name, own in rows.items()}
        digits = {name: digits_that_leave(room[own].tolist(), numbers[name]) for name, own in rows.items()}
        self.places = {name: 0 if name == _OF_ALL else max(digits[name] - 1, 0) for name in self.names}

    def rows(self, table: pd.DataFrame) -> Flags:
        """Say which rows of a table are of these covariates."""
        return table["covariate"].astype(str).isin(self.names).to_numpy(bool)

    def untold(self, table: pd.DataFrame) -> Flags:
        """Say of which of these not even the difference is told."""
        return table["covariate"].astype(str).map(self.places).eq(0).to_numpy(bool)

    def coarser(self, table: pd.DataFrame) -> pd.DataFrame:
        """Write their standardised differences to their places."""
        names, numbers = table["covariate"].astype(str), table[_DIFFERENCE].astype(float)
        fewer = [
            round(one, self.places[name]) + 0.0 if name in self.names else one
            for name, one in zip(names, numbers, strict=True)
        ]
        return table.assign(**{_DIFFERENCE: fewer})
