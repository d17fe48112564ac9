"""The base class of inference methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from sos_eval.results.estimate import Estimate
from sos_eval.results.facts import SAYS
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import Method
from sos_eval.results.table import EffectTable

__all__ = [
    "FEW",
    "NEVER",
    "SPREAD_FROM",
    "InferenceMethod",
    "Inferred",
    "Standing",
    "strata_of_effects",
    "too_few_for_an_interval",
]

#: Below this many treated (or comparison) clusters a declared plain cluster-robust result never stands alone.
FEW = 20
#: From so many treated clusters on their spread is divided by where a method has no error: with two it is a t with one
#: degree of freedom, and a test that finds three effects in ten where the coefficient finds all (docs/decisions/0033).
SPREAD_FROM = 5
#: As many clusters as no panel has: a method that never stands alone.
NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Inferred:
    """An effect table, and what stands behind it.

    Attributes
    ----------
    table
        The rows of `estimates.csv`.
    tables
        Further numbers by name; the run writes each to ``tables/<estimator>.<name>.csv`` (``randomization``: the
        statistic's distribution over draws).
    facts
        Plain values for `results.json`: draws, strata, number of possible assignments, Monte Carlo error of p …
    tests
        Rows of `tests.csv`; None where nothing is permuted.
    """

    table: EffectTable
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    tests: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a method of inference is defined for an estimate, and what to know or why not."""

    status: Literal["defined", "by refitting", "refused"]
    note: str = ""


@dataclass(frozen=True)
class InferenceMethod(Method):
    """A way to say how uncertain an estimate is. Every subclass has a field ``level`` (0.95).

    It reads the estimate's influence or regression, or re-estimates through ``fitted``. Where it is not defined
    for an estimate, the table has the estimates with empty errors and a `reason`.
    """

    kind: ClassVar[str] = "inference"
    alone_from: ClassVar[int] = 5
    """Fewest clusters on either side with which a declared headline stands without a randomization test before it: 20
    for plain cluster-robust errors; for others five, the fewest with which their size was measured; `NEVER` for one
    that no number of clusters makes hold."""
    why_never_alone: ClassVar[str] = ""
    """Why no number does, for page one; empty for all others."""
    refits: ClassVar[bool] = False
    """Whether it estimates everything again, in place of reading the estimate as it stands."""
    says: ClassVar[str] = SAYS
    """How its p is stated: ``{label}``, ``{p}``, ``{often}`` (p as a percentage), ``{units}``."""

    level: float
    id: str = field(default="", kw_only=True)
    """Its name in the column `inference`; unless given, the method's, and for later ones of a method what differs."""

    @property
    def key(self) -> str:
        """What stands in the column `inference`."""
        return self.id or self.name

    @property
    def told_label(self) -> str:
        """Its words, with what an id of its own or a further entry of the method adds."""
        more = self.id.removeprefix(self.name).lstrip(":")
        return f"{self.label} ({more.replace(':', ', ').replace('_', ' ')})" if more else self.label

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this method."""
        return ()

    @property
    def adds_up_by(self) -> tuple[str, ...]:
        """Columns by which it adds units up, beside the panel's clusters."""
        return ()

    @property
    def few_clusters(self) -> bool:
        """Whether it holds where few clusters are treated (or few are not)."""
        return self.alone_from < FEW

    @property
    def lots(self) -> tuple[str, ...]:
        """Strata within which it swaps starts, and within which checks that draw lots swap them too."""
        return ()

    @property
    def effects_within(self) -> tuple[str, ...]:
        """Strata whose period effects the estimate carries; none unless the method draws by stratum."""
        return ()

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        return ""

    def condition(self, estimate: Estimate) -> str:
        """Say with which options alone it is defined for an estimate; empty where with any."""
        return ""

    def refusal(self, fitted: Fitted) -> str:
        """Say why it is not defined for an estimate that was made by some estimator; empty where it is."""
        return self.why_not(fitted.estimate)

    def standing(self, fitted: Fitted) -> Standing:
        """Say how it stands to an estimate: defined, by refitting, or refused."""
        if why := self.refusal(fitted):
            return Standing("refused", why)
        return Standing("by refitting" if self.refits else "defined", self.condition(fitted.estimate))

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return the effects of a fitted estimator under this method."""
        raise NotImplementedError


def strata_of_effects(methods: Sequence[InferenceMethod]) -> tuple[str, ...]:
    """Return the strata whose period effects an estimate carries: those of the first declared test that has some.

    Which test the headline takes is decided later: a stratified one is not to test an estimate without strata.
    """
    return next((method.effects_within for method in methods if method.lots), ())


def too_few_for_an_interval(treated: int, others: int) -> str:
    """Say that so few clusters on a side have no conventional interval; empty from five on either side.

    Examples
    --------
    >>> too_few_for_an_interval(2, 38)
    '2 treated and 38 comparison clusters: below 5 on either side there is no conventional interval'
    """
    fewest = InferenceMethod.alone_from
    if min(treated, others) >= fewest:
        return ""
    what = f"{treated} treated and {others} comparison clusters"
    return f"{what}: below {fewest} on either side there is no conventional interval"
