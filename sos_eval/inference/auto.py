"""Which inference comes first: a rule on the design alone, fixed before any outcome is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import annotated_types as at
import numpy as np

from sos_eval.inference.analytic import Analytic
from sos_eval.inference.assignments import assignment_space
from sos_eval.inference.randomization import Randomization, strata_columns
from sos_eval.inference.wald import refused
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, Inferred
from sos_eval.results.method import register

__all__ = ["FEW", "RELIED_ON", "RULE", "Auto", "DesignFacts", "Resolution", "Withheld", "design_facts", "resolve"]

#: Below this many treated (or comparison) clusters a declared plain cluster-robust result never stands alone.
FEW = 20

#: From this many on both sides `auto` relies on cluster-robust errors: measured to reject a true null there in
#: 5.3 to 6.3% (docs/coverage.md; with 20 treated in 6 to 9.4%). Not so `poisson_did` on drawn counts: 7.5% with 40.
RELIED_ON = 40

#: What plain cluster-robust errors rejected with 20 treated, in percent over six estimators and two kinds of noise.
TOO_OFTEN = (6.0, 9.4)

RULE = (
    f"The rule looks at the design only. With fewer than {FEW} treated or comparison clusters a plain cluster-robust "
    "result never stands alone: a randomization test comes first, and where the possible assignments are too few for "
    "it to reject, no procedure is relied on and no verdict is claimed. Otherwise the first declared method is the "
    f"headline. `auto` stands for cluster-robust errors from {RELIED_ON} clusters on both sides, and for the "
    "randomization test (studentised wherever there is an error to divide by) below that or without an influence "
    "function."
)


@dataclass(frozen=True, slots=True)
class DesignFacts:
    """What the rule may look at: counts and the kind of estimator, no outcome.

    Attributes
    ----------
    n_units, n_clusters, n_treated_clusters, n_comparison_clusters, n_cohorts
        Counts.
    layout
        panel or cross_sections.
    estimator
        Name of the method.
    has_influence, is_linear
        Whether it has an influence function, and whether it is a regression.
    rebuilds
        Whether the comparison group depends on who is treated.
    assignments
        Number of distinct assignments within strata (a tuple of names), or the reason why there are none.
    """

    n_units: int
    n_clusters: int
    n_treated_clusters: int
    n_comparison_clusters: int
    n_cohorts: int
    layout: str
    estimator: str
    has_influence: bool
    is_linear: bool
    rebuilds: bool
    assignments: Callable[[tuple[str, ...]], int | str]

    @property
    def fewest(self) -> int:
        """Clusters on the smaller side."""
        return min(self.n_treated_clusters, self.n_comparison_clusters)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is reported, in order; the first is the headline.

    Attributes
    ----------
    methods
        The methods to apply.
    rule, choice
        The rule, and what it chose here and why, in sentences.
    changed
        Whether the first method is another than the first declared.
    reliable
        False where the rule relies on no procedure: the headline has no p and no verdict.
    """

    methods: tuple[InferenceMethod, ...]
    rule: str
    choice: str
    changed: bool
    reliable: bool = True
    counts: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return what the bundle says about it; ``headline`` is None where no procedure is relied on."""
        return {
            "rule": self.rule, "choice": self.choice, "changed": self.changed, "reliable": self.reliable,
            "headline": self.methods[0].name if self.reliable else None,
            "methods": [method.name for method in self.methods], **self.counts,
        }  # fmt: skip


@dataclass(frozen=True)
class Withheld(InferenceMethod):
    """Estimates without errors: the rule relies on no procedure, and this says why. Not declarable."""

    name: ClassVar[str] = "withheld"

    level: float = 0.95
    reason: str = ""

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return the estimates with the reason on every row."""
        return refused(fitted, self.name, self.level, self.reason)


def design_facts(fitted: Fitted) -> DesignFacts:
    """Read off a fitted estimator what the rule may look at."""
    panel, estimate = fitted.panel, fitted.estimate

    def assignments(strata: tuple[str, ...]) -> int | str:
        space = assignment_space(fitted.source, strata) if fitted.source.absorbing else "treatment stops or switches"
        return space if isinstance(space, str) else space.size

    return DesignFacts(
        n_units=panel.n_units, n_clusters=panel.n_clusters, n_treated_clusters=panel.n_treated_clusters,
        n_comparison_clusters=panel.n_clusters - panel.n_treated_clusters, n_cohorts=len(panel.cohorts),
        layout=panel.layout, estimator=fitted.estimator.name, has_influence=estimate.influence is not None,
        is_linear=estimate.linear is not None, rebuilds=fitted.rebuild is not None, assignments=assignments,
    )  # fmt: skip


def resolve(declared: Sequence[InferenceMethod], facts: DesignFacts) -> Resolution:
    """Choose the headline's inference from what was declared and from the design.

    Parameters
    ----------
    declared
        In the order of the design; `Auto` among them stands for the rule's own choice.
    facts
        See `DesignFacts`.
    """
    asked = tuple(declared) or (Auto(),)
    first = asked[0]
    rest = tuple(method for method in asked[1:] if not isinstance(method, Auto))
    if isinstance(first, Auto):
        methods, choice, reliable = _own_choice(first, facts)
        return _resolution(asked, (*methods, *_others(rest, methods)), choice, facts, reliable=reliable)
    others = (first, *rest)
    if not (first.cluster_robust and facts.fewest < FEW):
        return _resolution(asked, others, f"{first.name}, as declared{_too_often(first, facts)}", facts)
    test, why = _test(next((m for m in others if isinstance(m, Randomization)), None) or _permutation(first), facts)
    if test is None:
        methods = (Withheld(first.level, why), *others)
        return _resolution(asked, methods, f"no procedure is reliable here: {why}", facts, reliable=False)
    choice = f"{_count(facts)}, so {test.name} comes before the declared {first.name}"
    return _resolution(asked, (test, *_others(others, (test,))), choice, facts)


def _too_often(first: InferenceMethod, facts: DesignFacts) -> str:
    """Say how often plain cluster-robust errors rejected a true null, where `auto` would not take them."""
    if not isinstance(first, Analytic) or facts.fewest >= RELIED_ON:
        return ""
    low, high = TOO_OFTEN
    return (
        f"; {_count(facts)}: with {FEW} treated such errors were measured to reject a true null in {low:g} to "
        f"{high:g}% at a nominal 5% (docs/coverage.md)"
    )


def _own_choice(auto: Auto, facts: DesignFacts) -> tuple[tuple[InferenceMethod, ...], str, bool]:
    """Return the methods, the reason, and whether one of them is relied on."""
    analytic = Analytic(level=auto.level)
    if facts.fewest >= RELIED_ON and facts.has_influence:
        return (analytic,), f"{_count(facts)}: analytic cluster-robust errors", True
    test, why = _test(auto.permutation(facts), facts)
    beside = (analytic,) if facts.has_influence else ()
    if test is None:
        return (Withheld(auto.level, why), *beside), f"no procedure is reliable here: {why}", False
    because = _count(facts) if facts.has_influence else "the estimator has no influence function"
    return (test, *beside), f"{because}: randomization ({test.statistic} statistic)", True


def _permutation(first: InferenceMethod) -> Randomization:
    return Randomization(level=first.level)


def _test(test: Randomization, facts: DesignFacts) -> tuple[Randomization | None, str]:
    """Return the test if it can reject at its level, else the reason."""
    size = facts.assignments(test.strata)
    if isinstance(size, str):
        return None, size
    if test.statistic == "studentised" and (not facts.has_influence or facts.n_treated_clusters < 2):
        return None, "a studentised test needs two treated clusters and an estimator with an influence function"
    if 1 / size > round(1 - test.level, 12):
        return None, f"{size} possible assignments cannot reject at level {test.level:g}"
    return test, ""


def _count(facts: DesignFacts) -> str:
    return f"{facts.n_treated_clusters} treated and {facts.n_comparison_clusters} comparison clusters"


def _others(methods: Sequence[InferenceMethod], taken: Sequence[InferenceMethod]) -> tuple[InferenceMethod, ...]:
    """Return the methods that are not there yet, by equality of all options."""
    return tuple(method for method in methods if method not in taken)


def _resolution(
    asked: tuple[InferenceMethod, ...],
    methods: tuple[InferenceMethod, ...],
    choice: str,
    facts: DesignFacts,
    *,
    reliable: bool = True,
) -> Resolution:
    counts = {
        "n_treated_clusters": facts.n_treated_clusters,
        "n_comparison_clusters": facts.n_comparison_clusters,
        "declared": [method.name for method in asked],
        "declared_first": asked[0].name,
    }
    changed = methods[0] != asked[0]
    return Resolution(methods, RULE, choice[:1].upper() + choice[1:], changed, reliable, counts)


@register("auto")
@dataclass(frozen=True)
class Auto(InferenceMethod):
    """The rule's own choice: randomization with few treated clusters, else cluster-robust (see `docs/inference.md`)."""

    reference: ClassVar[str] = "docs/inference.md, docs/coverage.md"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the intervals."""
    strata: tuple[str, ...] = ()
    """Strata of the randomization test, where the rule chooses it."""
    draws: Annotated[int, at.Ge(19)] = 9_999
    """Draws of the randomization test, where the rule chooses it."""
    seed: int | None = None
    """Own seed; without it the design's seed."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the strata name."""
        return strata_columns(self.strata)

    def permutation(self, facts: DesignFacts) -> Randomization:
        """Return the randomization test that suits a design: studentised wherever there is an error to divide by."""
        studentised = facts.has_influence and facts.n_treated_clusters >= 2
        return Randomization(
            level=self.level, statistic="studentised" if studentised else "coefficient", strata=self.strata,
            draws=self.draws, seed=self.seed,
        )  # fmt: skip

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Resolve and apply the headline's method; a run resolves earlier and applies all of them."""
        resolution = resolve((self,), design_facts(fitted))
        found = resolution.methods[0].infer(fitted, rng)
        return Inferred(found.table, found.tables, {**found.facts, **resolution.facts()})
