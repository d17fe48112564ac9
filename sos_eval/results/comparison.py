"""How untreated units stand in for treated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import Method
from sos_eval.terms import BALANCE_COLUMNS

__all__ = ["Comparison", "ComparisonMethod", "GroupWeights", "Regrouping", "weighed"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The group that restriction, matching or weighting built.

    Attributes
    ----------
    panel
        The panel with the comparison's weights in it and units of weight zero left out; its ``flow`` says who.
    weights : (n_units,)
        Weight of each unit of the panel before the comparison (zero: left out; treated units kept: one).
    sets
        Columns ``unit, matched_set, weight, distance``; None where there are no sets.
    balance
        Columns of `balance.csv`, before and after.
    measures
        Balance beyond those: columns ``measure, covariate, stage, value, reason``.
    off_support
        Treated units without an acceptable comparison, with the reason: ``unit -> reason``.
    overlap
        For the overlap figure: columns ``unit, treated, distance, weight``; None where nothing is estimated.
    calibration
        Of an estimated chance of being treated, tables by name of file: ``calibration`` by tenths of the chance,
        ``calibration_line`` with slope and intercept; empty where none is estimated.
    values
        For figures of balance: columns ``unit, treated, covariate, value, before, after``, the last two weights; None
        where no covariate is compared, or rows are people.
    uses_outcomes
        Whether pre-treatment outcomes enter (``outcome_pre``): then an inference that permutes treatment must
        rebuild the comparison for each permutation.
    """

    panel: Panel
    weights: Array
    sets: pd.DataFrame | None = None
    balance: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(BALANCE_COLUMNS)))
    measures: pd.DataFrame = field(default_factory=pd.DataFrame)
    off_support: dict[str, str] = field(default_factory=dict)
    overlap: pd.DataFrame | None = None
    calibration: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    values: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    uses_outcomes: bool = False

    @property
    def made_alike(self) -> str:
        """Why the path before the start tests nothing; empty where earlier outcomes did not enter."""
        why = "the comparison group was made alike on earlier outcomes, so its earlier path is no test"
        return why if self.uses_outcomes else ""


@dataclass(frozen=True, slots=True)
class GroupWeights:
    """The comparison groups of many adoptions.

    Attributes
    ----------
    weights : (draws, n_units)
        Weight of each unit of the panel before the comparison; zero: left out.
    failures : (draws,)
        Why an adoption has no group; "" where it has one.
    """

    weights: Array
    failures: NDArray[np.object_]


@runtime_checkable
class Regrouping(Protocol):
    """Builds the comparison group again: on one panel, or under many adoptions of one panel."""

    def __call__(self, panel: Panel) -> Panel:
        """Return the panel with the group's weights."""

    def weights(self, panel: Panel, first_treated: Array) -> GroupWeights:
        """Build the group under each adoption, (draws, n_units); outcomes from the first start on are not read."""


def weighed(panel: Panel, weights: Array) -> Panel:
    """Multiply the weights of a panel's units, (n_units,), those of zero left out.

    Where nobody's weight changes, the panel stays unweighted.
    """
    kept = weights > 0
    return panel.keep(panel.units[kept]) if (weights[kept] == 1.0).all() else panel.with_weights(weights)


class ComparisonMethod(Method):
    """A way to build the comparison group. It sees a panel without post-treatment outcomes."""

    kind: ClassVar[str] = "comparison"
    rebuilds: ClassVar[bool] = True
    """Whether the group depends on who is treated, so that a permutation must build it again."""

    @property
    def imbalance_limits(self) -> dict[str, float]:
        """Declared limits on imbalance by name (``max_smd``, ``min_overlap`` …); empty where it has none."""
        return {}

    def compare(self, panel: Panel) -> Comparison:
        """Build the group.

        Parameters
        ----------
        panel
            Outcomes from the first start of anyone onward are NaN.
        """
        raise NotImplementedError
