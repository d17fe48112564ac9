"""A randomization test on completed data sets: the statistic is averaged over them, under the same lots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.inference.statistic import error_of_p, share_as_extreme
from sos_eval.panel.panel import Array
from sos_eval.results.inference import Inferred

__all__ = ["AveragedTest", "averaged", "is_permuted"]

#: What the lots of every completed data set have in common, or they are not the same lots.
_OF_LOTS = ("assignments", "draws", "complete", "strata", "statistic")


@dataclass(frozen=True, slots=True)
class AveragedTest:
    """The test of the overall effect.

    Attributes
    ----------
    row
        Its place in the table.
    observed
        The statistic, mean over the data sets.
    drawn : (draws,)
        The same under every draw; NaN, which counts as extreme, where one data set could not be estimated.
    complete
        Whether the draws are all assignments.
    """

    row: int
    observed: float
    drawn: Array
    complete: bool

    @property
    def p(self) -> float:
        """Share of draws as extreme."""
        return float(share_as_extreme(np.array([self.observed]), self.drawn[:, None], complete=self.complete)[0])

    @property
    def facts(self) -> dict[str, Any]:
        """What stands in place of one data set's facts; there is no interval."""
        error = error_of_p(np.array([self.p]), len(self.drawn), complete=self.complete)
        return {
            "observed": self.observed, "p_value": self.p, "p_monte_carlo_error": float(error[0]),
            "failed_draws": int(np.isnan(self.drawn).sum()), "interval": "none: the statistic is a mean over data sets",
        }  # fmt: skip


def is_permuted(one: Inferred) -> bool:
    """Whether a method's answer on a data set is that of a randomization test."""
    return {"statistic", "assignments"} <= set(one.facts)


def averaged(several: Sequence[Inferred]) -> AveragedTest | str:
    """Average a randomization test over completed data sets, or say why it cannot be.

    The p of the overall effect is that of the mean statistic among its means under the draws: under the null of no
    effect on anybody, whatever filled the gaps without a look at starts or outcomes, lots are as good as one another,
    and any function of a draw's data sets is a statistic (Fisher 1935).
    """
    first = several[0]
    name = next((table for table in first.tables if table.startswith("draws.{}.")), "")
    overall = (first.table["aggregation"] == "overall").to_numpy()
    if first.facts.get("statistic") == "both":
        return "the smaller of two p is not averaged over completed data sets: use studentised, or coefficient"
    tested = [one.table.loc[overall, "p_value"] for one in several]
    if not name or overall.sum() != 1 or any(p.isna().any() for p in tested):
        return "the test has no p on every completed data set"
    if any(str(one.facts[key]) != str(first.facts[key]) for one in several for key in _OF_LOTS):
        return "the completed data sets do not have the same lots"
    studentised = first.facts["statistic"] == "studentised"
    values = np.array([_statistic(one.tables[name], studentised) for one in several]).mean(0)
    return AveragedTest(int(np.flatnonzero(overall)[0]), float(values[0]), values[1:], bool(first.facts["complete"]))


def _statistic(draws: pd.DataFrame, studentised: bool) -> Array:
    """Return the statistic of every draw, the observed assignment first, (1 + draws,)."""
    estimate = draws["estimate"].to_numpy(float)
    if not studentised:
        return estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(estimate / draws["std_error"].to_numpy(float))
