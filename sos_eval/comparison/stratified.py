"""Base of the methods that put units into strata: exact, coarsened exact, and by propensity."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.arms import both_arms, dropped_by_reason, left_out_note
from sos_eval.comparison.group import GroupMethod, Matched
from sos_eval.errors import Fault, NotIdentified
from sos_eval.numerics.strata import stratum_weights
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import GroupWeights

__all__ = ["Stratification", "StratumMethod"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Stratification:
    """Strata of a panel's units.

    Attributes
    ----------
    codes : (n,)
        Counted from 0.
    score : (n,) or None
        The number that was cut, where there is one.
    """

    codes: Codes
    score: Array | None = None
    off_support: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StratumMethod(GroupMethod):
    """Strata that hold treated and untreated units are kept; a subclass says which stratum a unit is in."""

    alike: ClassVar[str] = "stratum"
    """What units of one stratum have in common, for reasons."""

    estimand: Literal["att", "ate"] = "att"
    """Whom the weights are about: the treated (att), or treated and untreated together (ate)."""

    def __post_init__(self) -> None:
        if not self.on:
            raise ValueError(f"{self.name} needs covariates; write on: [region]")
        super().__post_init__()

    @abstractmethod
    def stratify(self, panel: Panel, values: pd.DataFrame) -> Stratification:
        """Put the units of a panel into strata."""

    @abstractmethod
    def codes_many(self, values: pd.DataFrame, treated: Bools) -> Codes:
        """Return the stratum of each unit under many adoptions, (n,) or (r, n); any where there are none."""

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Weigh the units of strata that hold both groups, and leave out the rest."""
        both_arms(panel)
        found, treated = self.stratify(panel, values), panel.ever_treated
        weights = stratum_weights(found.codes, treated[None], average=self.estimand)[0]
        if not weights.any():
            what = f"comparison: no {self.alike} holds treated and untreated units"
            raise NotIdentified(Fault(panel.source, what, "coarsen more, match on fewer covariates, or restrict less"))
        without = {
            str(unit): f"no comparison unit in the same {self.alike}" for unit in panel.units[treated & (weights == 0)]
        }
        unused = {
            str(unit): f"no treated unit in the same {self.alike}" for unit in panel.units[~treated & (weights == 0)]
        }
        return Matched(
            weights=weights,
            dropped=dropped_by_reason(without | unused),
            sets=_sets(panel, found.codes, weights),
            score=found.score,
            chance=found.score,
            off_support=dict(found.off_support) | without,
            notes=(*left_out_note(panel, without | unused, self.estimand), *found.notes),
        )

    def match_many(self, panel: Panel, values: pd.DataFrame, first_treated: Array) -> GroupWeights:
        """Weigh under many adoptions, (draws, n), in arrays; by itself where that finds no group, which says why."""
        treated = np.isfinite(first_treated)
        weights = stratum_weights(self.codes_many(values, treated), treated, average=self.estimand)
        failures = np.full(len(treated), "", object)
        alone = np.flatnonzero(~weights.any(1))
        groups = super().match_many(panel, values, first_treated[alone])
        weights[alone], failures[alone] = groups.weights, groups.failures
        return GroupWeights(weights, failures)


def _sets(panel: Panel, codes: Codes, weights: Array) -> pd.DataFrame:
    """List the strata in use, numbered from 1, with each unit's weight; nothing is a distance."""
    used = weights > 0
    number = pd.factorize(codes[used], sort=True)[0] + 1
    sets = pd.DataFrame(
        {"unit": panel.units[used], "matched_set": number.astype(str), "weight": weights[used], "distance": np.nan}
    )
    return sets.iloc[np.argsort(number, kind="stable")].reset_index(drop=True)
