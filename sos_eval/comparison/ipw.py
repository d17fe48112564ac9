"""Weighting by the inverse of the propensity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt

from sos_eval.comparison.propensity import Model, refuse_model, regressors
from sos_eval.comparison.weighting import Bools, Weighed, WeightMethod
from sos_eval.numerics.chance_weights import chance_weights, trimmed
from sos_eval.numerics.logistic import logistics
from sos_eval.panel.panel import Array
from sos_eval.results.method import register

__all__ = ["IPW"]

_ALL_TRIMMED = "no treated or no untreated unit has a chance within the limits declared"


@register("ipw")
@dataclass(frozen=True)
class IPW(WeightMethod):
    """Weights by the inverse of the chance of being treated (Hirano, Imbens and Ridder 2003)."""

    reference: ClassVar[str] = "Hirano, Imbens and Ridder (2003)"
    label: ClassVar[str] = "inverse probability weighting"

    estimand: Literal["att", "ate", "ato"] = "att"
    """Whom the weights are about: the treated, all units, or those where the groups overlap (ato)."""
    model: Model = "logistic"
    """The model of the chance. boosting and forest need rows that are people."""
    stabilised: bool = False
    """Whether weights are multiplied by their group's share."""
    trim_chance: tuple[float, float] | None = None
    """Units with a chance outside these limits are left out: [0.1, 0.9]."""
    refit: bool = True
    """Whether the chance is fitted again without them."""
    trim_weights: Annotated[float, Gt(0.5), Lt(1)] | None = None
    """Weights above this quantile are set to it: for att among the untreated, else among all."""
    trim_both_ends: bool = False
    """Whether weights below the opposite quantile are raised to it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_model(self.model)
        if self.trim_chance is not None and not 0 <= self.trim_chance[0] < self.trim_chance[1] <= 1:
            raise ValueError("trim_chance: write the lower limit, then the upper one, both from 0 to 1: [0.1, 0.9]")
        if not self.refit and self.trim_chance is None:
            raise ValueError("refit: false changes nothing without trim_chance; write trim_chance: [0.05, 0.95]")
        if self.trim_both_ends and self.trim_weights is None:
            raise ValueError("trim_both_ends trims nothing without trim_weights; write trim_weights: 0.95")

    def weigh(self, values: pd.DataFrame, treated: Bools, base: Array) -> Weighed:
        """Fit the chance of every adoption and weigh by it."""
        x, ones = regressors(values, self.on)[1], np.ones(treated.shape)
        fits = logistics(treated.astype(float), x, ones)
        failures, linear, chance = fits.failures.copy(), fits.linear, fits.probability
        inside = np.ones(treated.shape, bool)
        if self.trim_chance is not None:
            inside = (chance >= self.trim_chance[0]) & (chance <= self.trim_chance[1])
            empty = ~(inside & treated).any(1) | ~(inside & ~treated).any(1)
            failures[empty & (failures == "")] = _ALL_TRIMMED
            if self.refit:
                again = np.flatnonzero((failures == "") & ~inside.all(1))
                second = logistics(treated[again].astype(float), x, inside[again].astype(float))
                linear = linear.copy()
                linear[again], failures[again] = second.linear, second.failures
        weights = chance_weights(
            np.where(inside & (failures == "")[:, None], linear, np.nan),
            treated, average=self.estimand, stabilised=self.stabilised,
        )  # fmt: skip
        if self.trim_weights is not None:
            among = inside & (failures == "")[:, None] & (~treated if self.estimand == "att" else True)
            fine = np.flatnonzero(failures == "")
            weights[fine] = trimmed(weights[fine], among[fine], self.trim_weights, both=self.trim_both_ends)
        return Weighed(weights, failures, chance)

    @property
    def chance_on(self) -> tuple[str, ...]:
        """Covariates of the logistic regression."""
        return self.on

    @property
    def models_chance(self) -> bool:
        """The chance is fitted by likelihood."""
        return True

    @property
    def gone(self) -> str:
        """Why a unit has no weight."""
        low, high = self.trim_chance or (0.0, 1.0)
        return f"estimated chance of starting outside {low:g} to {high:g}"

    def instead(self, why: str) -> str:
        """Say what to declare instead."""
        if why == _ALL_TRIMMED:
            return "widen trim_chance"
        return "take covariates out, or write method: entropy or mahalanobis"
