"""Base of the methods that weigh every unit: by a propensity, or until covariates balance."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.arms import both_arms, dropped_by_reason, left_out_note, outside_range
from sos_eval.comparison.covariates import dummies
from sos_eval.comparison.group import GroupMethod, Matched
from sos_eval.comparison.propensity import few_note, said
from sos_eval.errors import Fault, NotIdentified
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import GroupWeights

__all__ = ["Weighed", "WeightMethod"]

Bools = NDArray[np.bool_]

#: Adoptions that are weighed at a time.
DRAWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Weighed:
    """Weights under many adoptions.

    Attributes
    ----------
    weights : (r, n)
        Zero: left out, or there are none.
    failures : (r,)
        Why there are none; else "".
    chance : (r, n) or None
        The estimated chance of being treated, where the method has one.
    """

    weights: Array
    failures: NDArray[np.object_]
    chance: Array | None = None


@dataclass(frozen=True)
class WeightMethod(GroupMethod):
    """Every unit gets a weight; a subclass says which, for many adoptions at once."""

    def __post_init__(self) -> None:
        if not self.on:
            raise ValueError(f"{self.name} needs covariates; write on: [outcome_pre]")
        super().__post_init__()

    @abstractmethod
    def weigh(self, values: pd.DataFrame, treated: Bools, base: Array) -> Weighed:
        """Weigh under many adoptions.

        Parameters
        ----------
        values
            Covariates, (n, k), complete.
        treated : (r, n)
            Who is treated.
        base : (n,)
            The panel's own weights.
        """

    @abstractmethod
    def instead(self, why: str) -> str:
        """Say what to declare instead where there are no weights."""

    @property
    def models_chance(self) -> bool:
        """Whether a propensity is fitted by likelihood, so that few units a parameter are worth a warning."""
        return False

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Weigh the units of a panel."""
        both_arms(panel)
        found = self.weigh(values, panel.ever_treated[None], panel.weights)
        if why := found.failures[0]:
            what = f"comparison.on: {said(dummies(values[list(self.on)], drop_first=True)[0], str(why))}"
            raise NotIdentified(Fault(panel.source, what, self.instead(str(why))))
        weights, treated = found.weights[0], panel.ever_treated
        gone = {str(unit): self.gone for unit in panel.units[weights == 0]}
        without = {unit: why for unit, why in gone.items() if unit in set(panel.units[treated])}
        chance = None if found.chance is None else found.chance[0]
        off = {} if chance is None else outside_range(panel, chance, "estimated chance of starting")
        return Matched(
            weights=weights,
            dropped=dropped_by_reason(gone),
            score=chance,
            chance=chance,
            off_support=off | without,
            notes=(
                *left_out_note(panel, gone, self.estimand),
                *(few_note(panel, values, self.on) if self.models_chance else ()),
            ),
        )

    @property
    def gone(self) -> str:
        """Why a unit has no weight."""
        return "given no weight by the balance declared"

    def match_many(self, panel: Panel, values: pd.DataFrame, first_treated: Array) -> GroupWeights:
        """Weigh under many adoptions, (draws, n), in arrays; by itself where that finds no group, which says why."""
        treated, weights = np.isfinite(first_treated), np.zeros(first_treated.shape)
        failures = np.full(len(treated), "", object)
        two = np.flatnonzero(treated.any(1) & ~treated.all(1))
        for first in range(0, len(two), DRAWS_AT_ONCE):
            some = two[first : first + DRAWS_AT_ONCE]
            found = self.weigh(values, treated[some], panel.weights)
            weights[some] = np.where((found.failures == "")[:, None], found.weights, 0.0)
        alone = np.flatnonzero(~weights.any(1))
        groups = super().match_many(panel, values, first_treated[alone])
        weights[alone], failures[alone] = groups.weights, groups.failures
        return GroupWeights(weights, failures)
