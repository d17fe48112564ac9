"""The lots that a path before the start is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.lots import ContrastLots, contrast_lots, path_weights
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import Assignments, AssignmentSpace
from sos_eval.results.comparison import Regrouping
from sos_eval.results.fitted import Fitted

__all__ = ["PathLottery"]


@dataclass(frozen=True)
class PathLottery:
    """The earlier paths of a fitted estimate's units under adoptions.

    Attributes
    ----------
    adoptions : (1 + draws, n_units)
        The observed one first, and only there.
    listed
        Whether these are all adoptions there are.
    early : (k,)
        Periods before anyone may respond.
    weights : (n_units,) or (1 + draws, n_units)
        Of the units; by adoption where each builds its comparison group, NaN for an adoption that has none.
    outcomes : (n_units, n_times)
        NaN where a unit has none.
    """

    fitted: Fitted
    adoptions: Array
    listed: bool
    space: AssignmentSpace
    strata: tuple[str, ...]
    early: Array
    weights: Array
    outcomes: Array

    @classmethod
    def of(
        cls, fitted: Fitted, drawn: Assignments, space: AssignmentSpace, strata: tuple[str, ...], early: Array
    ) -> PathLottery:
        """Lay out the observed adoption and those drawn, each with the comparison group that it has."""
        adoptions = drawn.with_observed(fitted.source.first_treated)
        weights = fitted.source.weights if fitted.rebuild is None else _rebuilt(fitted, fitted.rebuild, adoptions)
        return cls(fitted, adoptions, drawn.complete, space, strata, early, weights, fitted.source.matrix())

    def as_answered(self) -> PathLottery | None:
        """Return the lottery in which units count by their counts before the start, as in a ratio of pooled rates.

        A period's outcome is set over the unit's own mean of the earlier ones: to first order the contrasts are those
        of log pooled rates. None where the estimate counts units as they count here.
        """
        if not self.fitted.estimator.weighs_exposure:
            return None
        panel, early = self.panel, slice(0, len(self.early))
        exposure = panel.matrix("exposure") if panel.outcome.counted else np.ones_like(self.outcomes)
        counts = np.where(self.complete, (self.outcomes * exposure)[:, early].sum(1), 0.0)
        mean = np.where(counts > 0, counts / exposure[:, early].sum(1), 1.0)
        return replace(self, weights=self.weights * counts, outcomes=self.outcomes / mean[:, None])

    @property
    def without_group(self) -> int:
        """How many drawn adoptions have no comparison group: their path counts as extreme."""
        return int(np.isnan(self.weights[1:]).any(1).sum()) if self.weights.ndim > 1 else 0

    @property
    def draws(self) -> int:
        """How many adoptions were drawn, or are listed."""
        return len(self.adoptions) if self.listed else len(self.adoptions) - 1

    @cached_property
    def panel(self) -> Panel:
        """The panel whose units swap starts."""
        return self.fitted.source

    @cached_property
    def complete(self) -> NDArray[np.bool_]:
        """Units seen in every period that enters, (n_units,)."""
        return np.asarray(np.isfinite(self.outcomes[:, : self._last]).all(1))

    @cached_property
    def starts(self) -> Array:
        """Observed starts of the units that enter, (n,)."""
        return self.panel.first_treated[self.complete]

    @cached_property
    def cohorts(self) -> Array:
        """Starts in the window that somebody follows or never joins, increasing.

        Where everybody starts in the end the last to start are those that the others are compared with.
        """
        known = self.fitted.panel.cohorts
        followed = bool((self.panel.first_treated > known.max()).any())
        return known if followed or len(known) == 1 else known[:-1]

    @cached_property
    def _last(self) -> int:
        """How many periods enter for the latest cohort."""
        return max(self._end(g) for g in self.cohorts)

    def _end(self, cohort: float) -> int:
        """Return how many periods lie before a cohort may respond."""
        ahead = self.cohorts.min() - self.early[-1]
        return int((self.panel.times <= cohort - ahead).sum())

    @property
    def unread(self) -> NDArray[np.intp]:
        """How many periods before its start each treated unit has beside those that enter, (n_treated,)."""
        own = self.starts[np.isin(self.starts, self.cohorts)]
        return np.array([self._end(start) - len(self.early) for start in own], np.intp)

    @property
    def names(self) -> list[str]:
        """Name the periods: of one cohort by time, of several by event time."""
        if len(self.cohorts) == 1:
            return [self.panel.periods.name(time) for time in self.early]
        return [f"event time {time - self.cohorts.min():g}" for time in self.early]

    def observed_lots(self, taken: float = 0.0) -> ContrastLots:
        """Compute contrasts under `adoptions`, a slope added to the treated as observed."""
        weights = self.weights[..., self.complete]
        return self._lots(self.adoptions[:, self.complete], weights, taken, None)

    def lots(self, starts: Array, taken: float, put: tuple[Array, float]) -> ContrastLots:
        """Compute contrasts under other adoptions, with a slope put on an adoption's treated as well."""
        return self._lots(starts, self.weights[self.complete], taken, put)

    def differences(self, outcomes: Array, part: NDArray[np.bool_] | None = None) -> Array:
        """Return treated less comparison in each earlier period, (k,), of outcomes (n_units, n_times), as observed.

        Of the units of a `part` (n_units,) alone where one is given; NaN where it has nobody to compare.
        """
        weights = self.weights if self.weights.ndim == 1 else self.weights[0]
        weights = weights if part is None else weights * part
        made, each = replace(self, outcomes=outcomes + 0.0 * self.outcomes), np.eye(len(self.early))
        lots = made._lots(self.adoptions[:1, self.complete], weights[self.complete], 0.0, None, each)
        return np.asarray(lots.value[0])

    def window(self, cohort: float) -> Array:
        """Return the periods before a cohort's start that are read, (k,)."""
        end = self._end(cohort)
        return np.asarray(self.panel.times[end - len(self.early) : end])

    def _lots(
        self, starts: Array, weights: Array, taken: float, put: tuple[Array, float] | None, each: Array | None = None
    ) -> ContrastLots:
        """Compute contrasts of the earlier periods, (k, q); those of the test unless given."""
        contrasts = path_weights(self.early - self.cohorts.min()) if each is None else each
        outcomes = self.outcomes[self.complete]
        k, cohorts = len(self.early), []
        for g in self.cohorts:
            window = slice(self._end(g) - k, self._end(g))
            values = outcomes[:, window] + taken * self._line(self.starts)[:, None] * self._centred
            if put is not None:
                values = values + put[1] * self._line(put[0])[:, None] * self._centred
            cohorts.append((float(g), values @ contrasts))
        return contrast_lots(cohorts, starts, weights, self._codes, self._clusters)

    def _line(self, starts: Array) -> Array:
        """Return ones for units that start within the window."""
        return np.isin(starts, self.cohorts).astype(float)

    @property
    def _centred(self) -> Array:
        return np.asarray(self.early - self.early.mean())

    @cached_property
    def _codes(self) -> NDArray[np.intp]:
        return self.space.stratum[self.space.item][self.complete]

    @cached_property
    def _clusters(self) -> NDArray[np.intp]:
        return np.asarray(np.unique(self.space.item[self.complete], return_inverse=True)[1], np.intp)

    @property
    def apart(self) -> float:
        """How many periods the centre of those after the start lies behind what the estimate compares them with."""
        first = self.cohorts.min()
        after = self.panel.times[self.panel.times >= first]
        base = self.early[-1] if self.fitted.estimator.compares_with_last else self.early.mean()
        return float(after.mean() - base)

    def table(
        self, drawn: ContrastLots, p: Array, ends: tuple[float, float], seen: tuple[float, float], bias: float
    ) -> pd.DataFrame:
        """Lay out the contrasts with their errors, and the tests beside them."""
        error = np.zeros(len(p)) if self.listed else np.sqrt(p * (1 - p) / self.draws)
        rows = [
            {"quantity": "contrast", "period": name, "value": value, "std_error": own}
            for name, value, own in zip(self.names, drawn.value[0], drawn.error[0], strict=False)
        ]
        tests = [
            {"quantity": "slope", "value": drawn.value[0, -1], "std_error": drawn.error[0, -1], "conf_low": ends[0],
             "conf_high": ends[1], "p_value": p[0], "p_mcse": error[0]},
            {"quantity": "largest", "p_value": p[1], "p_mcse": error[1]},
            {"quantity": "joint", "p_value": p[2], "p_mcse": error[2]},
            {"quantity": "detectable_slope", "value": seen[0], "std_error": seen[1]},
            {"quantity": "implied_bias", "value": bias},
        ]  # fmt: skip
        columns = ["quantity", "period", "value", "std_error", "conf_low", "conf_high", "p_value", "p_mcse"]
        return pd.DataFrame([*rows, *tests], columns=columns).assign(
            draws=self.draws, strata=" ".join(self.strata), n_units=len(self.starts)
        )


def _rebuilt(fitted: Fitted, rebuild: Callable[[Panel], Panel], adoptions: Array) -> Array:
    """Return the source's units' weights under adoptions, (draws, n_units): zero if left out, NaN without a group."""
    source = fitted.source
    if isinstance(rebuild, Regrouping):
        groups = rebuild.weights(source, adoptions)
        return np.where((groups.failures == "")[:, None], groups.weights, np.nan)
    weights = np.zeros(adoptions.shape)
    for own, adoption in zip(weights, adoptions, strict=True):
        built = rebuild(source.with_first_treated(adoption))
        own[pd.Index(source.units).get_indexer(pd.Index(built.units))] = built.weights
    return weights
