"""Each unit's change from before the first start to after the last: what simple tests of a comparison are made on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import listed
from sos_eval.panel.panel import Array, Panel

__all__ = ["LongDifferences", "long_differences"]


@dataclass(frozen=True, slots=True)
class LongDifferences:
    """A row a unit that was seen on both sides.

    Attributes
    ----------
    units : (n,)
    change : (n,)
        Mean outcome from the last start on, less the mean before the first.
    treated : (n,)
    weights : (n,)
    covariates
        Name to columns, (n, k): numbers as their mean before the first start, words as indicators.
    strata : (n, s)
        Indicators of all strata but one, where estimates carry their period effects.
    words
        Which periods, for a reader.
    """

    units: NDArray[np.object_]
    change: Array
    treated: NDArray[np.bool_]
    weights: Array
    covariates: Mapping[str, Array]
    strata: Array
    words: str

    @property
    def adjusting(self) -> str:
        """What they are adjusted for, whatever the estimate itself does: ``, idaci adjusted for``."""
        return f", {listed(list(self.covariates), 4)} adjusted for" if self.covariates else ""

    @property
    def design(self) -> Array:
        """Regressors: treatment, covariates in order, strata, a constant."""
        constant = np.ones((len(self.change), 1))
        return np.column_stack([self.treated.astype(float), *self.covariates.values(), self.strata, constant])

    def columns(self, covariate: str) -> list[int]:
        """Return where a covariate's columns stand in `design`."""
        at = 1
        for name, values in self.covariates.items():
            if name == covariate:
                return list(range(at, at + values.shape[1]))
            at += values.shape[1]
        raise KeyError(covariate)


def long_differences(panel: Panel, anticipation: float = 0) -> LongDifferences | str:
    """Return units' changes; the reason where there are none.

    Parameters
    ----------
    panel
        As it was estimated on.
    anticipation
        Periods before the first start that count to neither side.
    """
    if panel.layout != "panel":
        return "rows are people, who have no change of their own"
    if not panel.absorbing:
        return "treatment stops or switches"
    if not len(panel.cohorts):
        return "nobody is treated"
    before = panel.times < panel.cohorts.min() - anticipation
    after = panel.times >= panel.cohorts.max()
    if not before.any():
        return "no period lies before the first start"
    outcome = panel.matrix()
    change = _mean(outcome[:, after]) - _mean(outcome[:, before])
    seen = np.isfinite(change)
    covariates = {name: _covariate(panel, name, before) for name in panel.covariates}
    seen &= np.all([np.isfinite(values).all(1) for values in covariates.values()] or True, axis=0)
    strata = _indicators(pd.Series(panel.unit_values("stratum"))) if panel.stratified else np.empty((len(change), 0))
    name = panel.periods.name
    words = f"mean from {name(panel.cohorts.max())} on less mean before {name(panel.cohorts.min() - anticipation)}"
    return LongDifferences(
        panel.units[seen], change[seen], panel.ever_treated[seen], panel.weights[seen],
        {name: values[seen] for name, values in covariates.items()}, strata[seen], words,
    )  # fmt: skip


def _mean(values: Array) -> Array:
    """Return the mean of what is there, by row; NaN where nothing is."""
    seen = np.isfinite(values)
    total = np.where(seen, values, 0.0).sum(1)
    return np.asarray(np.divide(total, seen.sum(1), out=np.full(len(values), np.nan), where=seen.any(1)))


def _covariate(panel: Panel, name: str, before: NDArray[np.bool_]) -> Array:
    """Return a covariate's columns, (n_units, k)."""
    if pd.api.types.is_numeric_dtype(panel.frame[name]):
        return _mean(panel.matrix(name)[:, before])[:, None]
    return _indicators(pd.Series(panel.unit_values(name)))


def _indicators(words: pd.Series) -> Array:
    return pd.get_dummies(words, drop_first=True).to_numpy(float)
