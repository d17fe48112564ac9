"""Tests by a complete list of adoptions under a profile: an end or a quantile of it is a single adoption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.facts import ProcedureFacts

__all__ = ["ENDS", "FROM_LIST", "SINGLE", "ListedTests"]

SINGLE = "withheld: each end is one adoption of a complete list, and tells of the few units that change places in it"
#: Ends of a range, in rows of effects, of tests and of alternatives.
ENDS = ("conf_low", "conf_high", "low", "high", "percent_low", "percent_high")

#: Checks that tell ends or quantiles of the list.
FROM_LIST = ("path", "placebo_units")


class ListedTests:
    """Which estimates are tested by a complete list of adoptions.

    An end of the range is the effect at which one adoption of the list is as extreme as the observed one: a contrast of
    the units that change places between the two, in few adoptions often one on either side. A rank over the list is
    none. Of a sample of thousands the adoption at the end is one that changes many.

    Parameters
    ----------
    procedures
        What each inference wrote down.
    """

    def __init__(self, procedures: Sequence[ProcedureFacts]) -> None:
        whole = [one for one in procedures if one.details.get("complete")]
        self._tests = {(one.estimator, one.outcome, one.inference) for one in whole}
        self._estimates = {(one.estimator, one.outcome) for one in whole}

    def rows(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows of effects or of tests are of such a test, (n_rows,)."""
        keys = zip(*(table[name].astype(str) for name in ("estimator", "outcome", "inference")), strict=True)
        return np.array([key in self._tests for key in keys], bool)

    def of(self, estimator: str, outcome: str) -> bool:
        """Whether an estimate has such a test, so that its checks draw from the same list."""
        return (estimator, outcome) in self._estimates
