"""How untreated units stand in for treated ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import numeral
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import Method
from sos_eval.terms import BALANCE_COLUMNS, Estimand

__all__ = [
    "EARLIER_OUTCOMES",
    "OF_UNITS",
    "USUAL_KS",
    "USUAL_SMD",
    "Comparison",
    "ComparisonMethod",
    "GroupWeights",
    "Regrouping",
    "are_earlier_outcomes",
    "effective_size",
    "gaps_told",
    "weighed",
]

#: Covariates that are made of earlier outcomes, in words.
EARLIER_OUTCOMES = {"outcome_pre": "the outcome before the start", "outcome_pre_slope": "the trend before the start"}
#: What a covariate of units ends on in a table of balance of people.
OF_UNITS = " of units"
#: Standardised mean difference up to which groups count as alike where no limit is declared.
USUAL_SMD = 0.1
#: The same for the distance between distribution functions, of covariates that have no standardised difference.
USUAL_KS = 0.1
#: A difference below this is rounding.
_ROUNDING = 1e-9


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
    left_out
        Units of weight zero, with the reason that `flow` gives: ``unit -> reason``.
    off_support
        Treated units without an acceptable comparison, those that are kept too, with the reason.
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
    max_smd
        Standardised mean difference up to which groups count as alike: the declared limit, else the usual one.
    estimand
        Whom the weights are about, and so the effects of every estimate on the group.
    """

    panel: Panel
    weights: Array
    sets: pd.DataFrame | None = None
    balance: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(BALANCE_COLUMNS)))
    measures: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: Mapping[str, str] = field(default_factory=dict)
    off_support: dict[str, str] = field(default_factory=dict)
    overlap: pd.DataFrame | None = None
    calibration: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    values: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    uses_outcomes: bool = False
    max_smd: float = USUAL_SMD
    estimand: Estimand = "att"

    @property
    def made_alike(self) -> str:
        """Why the path before the start tests nothing; empty where earlier outcomes did not enter.

        Whether the match did make them alike is for the balance to say; numbers of it stand in the checks ``balance``.
        """
        if not self.uses_outcomes:
            return ""
        did = "made alike on earlier outcomes" if self.is_alike else "matched on earlier outcomes"
        but = ", but not made alike" if len(self.left_apart) else ""
        return f"the comparison group was {did}{but}, so its earlier path is no test"

    @property
    def is_alike(self) -> bool:
        """Whether a match on earlier outcomes made them alike, as far as the balance says."""
        return self.uses_outcomes and len(self._earlier()) > 0 and self.left_apart.empty

    @property
    def left_apart(self) -> pd.DataFrame:
        """Earlier outcomes that were matched on and lie further apart than before, or than `max_smd`; `differences`."""
        gaps = self._earlier()
        return gaps[(gaps["after"] > gaps["before"] + _ROUNDING) | (gaps["after"] > self.max_smd)]

    @property
    def differences(self) -> pd.DataFrame:
        """Absolute standardised mean difference by covariate: columns ``before, after``; those without one left out."""
        rows = self.balance[self.balance["covariate"] != "distance"]
        stages = {
            stage: rows[rows["stage"] == stage].groupby("covariate", sort=False)["std_mean_diff"].first()
            for stage in ("before", "after")
        }
        return pd.DataFrame(stages, dtype=float).abs().dropna()

    def effective(self, *, treated: bool) -> float:
        """Return the effective number of treated or untreated units; NaN where there is none."""
        return effective_size(self.panel.weights[self.panel.ever_treated == treated]) or float("nan")

    def weighed(self, *, treated: bool) -> int:
        """Count the treated or untreated units with a weight."""
        return int((self.panel.weights[self.panel.ever_treated == treated] > 0).sum())

    def constant_apart(self, max_ks: float) -> pd.Series:
        """Return covariates without a standardised difference whose distributions lie further apart than `max_ks`.

        These have one value in all treated units: largest distance between distribution functions after, by covariate.
        """
        rows = self.balance[(self.balance["stage"] == "after") & (self.balance["covariate"] != "distance")]
        found = rows[rows["std_mean_diff"].isna()].set_index("covariate")["ks"].astype(float)
        return found[found > max_ks]

    def why_without(self, unit: str) -> str:
        """Say why a unit has no weight, as the flow does; of a kept unit, why nobody is quite like it; else nothing."""
        return self.left_out.get(unit, self.off_support.get(unit, ""))

    def _earlier(self) -> pd.DataFrame:
        """Return the differences of earlier outcomes; none where they were not matched on."""
        gaps = self.differences if self.uses_outcomes else self.differences.iloc[:0]
        return gaps.loc[are_earlier_outcomes(gaps.index)]


def are_earlier_outcomes(covariates: Iterable[object]) -> NDArray[np.bool_]:
    """Say which covariates of a table of balance, of rows or of units, are made of earlier outcomes."""
    return np.array([str(name).removesuffix(OF_UNITS) in EARLIER_OUTCOMES for name in covariates], bool)


def gaps_told(gaps: pd.DataFrame) -> str:
    """Return differences in words: ``in the outcome before the start 0.085 before, 0.36 after``."""
    said = []
    for name, before, after in gaps.itertuples():
        bare = str(name).removesuffix(OF_UNITS)
        told = [_told(gap) for gap in (before, after)]
        if told[0] == told[1]:  # a digit more, where two do not part them
            told = [numeral(gap) for gap in (before, after)]
        said.append(f"in {EARLIER_OUTCOMES.get(bare, bare)} {told[0]} before, {told[1]} after")
    return "; ".join(said)


def effective_size(w: Array) -> float:
    """Effective number of units: (sum w)^2 / sum w^2; zero without any."""
    return float(w.sum() ** 2 / (w @ w)) if w.any() else 0.0


def _told(gap: float) -> str:
    return numeral(gap, 2) if gap < 99.5 else f"{gap:,.0f}"


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

    estimand: Estimand = "att"
    """Whom the weights are about; the treated where the method has no such option."""

    @property
    def uses_covariates(self) -> bool:
        """Whether the group is made by the covariates in its balance; else they are only reported."""
        return True

    @property
    def matched_on(self) -> tuple[str, ...]:
        """Covariates by which units are chosen or weighed."""
        return ()

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
