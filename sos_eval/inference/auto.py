"""Which inference comes first: a rule on the design alone, fixed before any outcome is looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, ClassVar

import annotated_types as at
import numpy as np

from sos_eval.declare import Seed
from sos_eval.errors import numeral
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.design_facts import DesignFacts, design_facts
from sos_eval.inference.naming import named
from sos_eval.inference.randomization import Randomization
from sos_eval.inference.two_way import TwoWay
from sos_eval.inference.wald import refused
from sos_eval.panel.own_names import Stratum
from sos_eval.results.assignments import strata_columns
from sos_eval.results.facts import ResolutionFacts
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW, SPREAD_FROM, InferenceMethod, Inferred
from sos_eval.results.method import register

__all__ = ["FEW", "RELIED_ON", "RULE", "SPREAD_FROM", "Auto", "Resolution", "Withheld", "resolve"]

#: From this many on both sides, by their share in the variance, `auto` relies on cluster-robust errors
#: (docs/decisions/0014, docs/coverage.md).
RELIED_ON = 40

#: What plain cluster-robust errors rejected with 20 treated, in percent over six estimators and two kinds of noise.
TOO_OFTEN = (5.8, 9.1)

#: A test that loses more than this share of its level to random adoptions that cannot be estimated is not relied on.
LOSABLE = 0.2

_NO_ERROR = (
    "a studentised test needs two treated clusters in the estimate and an error to divide by, or the spread of "
    f"{SPREAD_FROM} of them"
)
_NONE = "no procedure is reliable here"

RULE = (
    "The rule looks at the design only. Clusters are counted by their weight in the estimate: a few heavy ones count "
    f"for less. With fewer than {FEW} treated or comparison clusters a plain cluster-robust result never stands alone, "
    f"and with fewer than {InferenceMethod.alone_from} no other test does, since none was measured to hold there, nor "
    "do errors over time with any number: a randomization test comes first. Where the possible assignments are too few "
    "for that test to reject (one that is always as extreme as the observed one, its mirror image, counts with "
    f"it), or more than {LOSABLE:.0%} of its level is used up by random adoptions that cannot be estimated, no "
    "procedure is relied on and no verdict is claimed. Otherwise the first declared method is the headline. `auto` "
    "stands for "
    f"cluster-robust errors from {RELIED_ON} clusters on both sides, counted by their share in the variance (squared "
    "weights: a few heavy ones count for less still; for `continuous_did` in the row of its curve that the fewest "
    "decide), and for the randomization test (studentised "
    f"wherever there is an error to divide by, or the spread of {SPREAD_FROM} treated or more, else of the "
    "coefficient) "
    "below that or without an influence function. A "
    "declared studentised test with nothing to divide by comes behind that of the coefficient."
)


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
    caution
        What page one has to say of a declared method that the rule leaves in its place; empty where nothing.
    reason
        Why no procedure is relied on; empty where one is.
    """

    methods: tuple[InferenceMethod, ...]
    rule: str
    choice: str
    changed: bool
    reliable: bool = True
    caution: str = ""
    reason: str = ""
    counts: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> ResolutionFacts:
        """Return what the bundle says about it; ``headline`` is None where no procedure is relied on."""
        return ResolutionFacts(
            rule=self.rule, choice=self.choice, changed=self.changed, reliable=self.reliable, caution=self.caution,
            reason=self.reason,
            headline=self.methods[0].key if self.reliable else None,
            methods=tuple(method.key for method in self.methods), **self.counts,
        )  # fmt: skip


@dataclass(frozen=True)
class Withheld(InferenceMethod):
    """Estimates without errors: the rule relies on no procedure, and this says why. Not declarable."""

    name: ClassVar[str] = "withheld"
    label: ClassVar[str] = "no procedure relied on"

    level: float = 0.95
    reason: str = ""

    @property
    def few_clusters(self) -> bool:
        """No: nothing is relied on."""
        return False

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return the estimates with the reason on every row."""
        return refused(fitted, self.key, self.level, self.reason)


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
        methods, choice, why = _own_choice(first, facts)
        return _resolution(asked, (*methods, *_others(rest, methods)), choice, facts, reason=why)
    others = (first, *rest)
    own = next((method for method in others if isinstance(method, Randomization)), None)
    suited = _suited(own or Randomization(level=first.level), facts)
    if first is not own and _fewest(first, facts) >= first.alone_from:
        return _resolution(asked, others, f"{first.name}, as declared", facts, caution=_caution(first, facts))
    test, why = _test(suited, facts)
    if test is None:
        methods = (Withheld(first.level, why), *others)
        return _resolution(asked, methods, f"{_NONE}: {why}", facts, reason=why)
    if test is first:
        return _resolution(asked, others, f"{first.name}, as declared", facts)
    counted = first.why_never_alone or f"{_count(facts, facts.by_weight)}{_also(first, facts)}"
    choice = f"{counted}, so {test.name} comes before the declared {first.name}"
    if first is own:
        choice = f"{counted}: {_NO_ERROR}, so the coefficient is permuted in its place"
    return _resolution(asked, (test, *_others(others, (test,))), choice, facts)


def _suited(test: Randomization, facts: DesignFacts) -> Randomization:
    """Return a test as it is, or of the coefficient where the estimate has no error to divide by."""
    needed = 2 if facts.has_influence else SPREAD_FROM
    if test.statistic == "coefficient" or (facts.divides and facts.n_treated_clusters >= needed):
        return test
    return replace(test, statistic="coefficient", id="")


def _fewest(method: InferenceMethod, facts: DesignFacts) -> float:
    """Return the clusters on the smaller side, or those of a second clustering where they are fewer."""
    fewest = min(facts.by_weight)
    return min(fewest, facts.clusters_of(method.also)) if isinstance(method, TwoWay) else fewest


def _also(method: InferenceMethod, facts: DesignFacts) -> str:
    """Say how many clusters a second clustering has."""
    if not isinstance(method, TwoWay):
        return ""
    return f", and {facts.clusters_of(method.also)} clusters by {method.also or 'period'}"


def _caution(first: InferenceMethod, facts: DesignFacts) -> str:
    """Say how often plain cluster-robust errors rejected a true null, where `auto` would not take them."""
    if not isinstance(first, Analytic) or min(facts.by_variance) >= RELIED_ON:
        return ""
    low, high = TOO_OFTEN
    counted = _count(facts, facts.by_variance)
    return (
        f"Conventional (cluster-robust) intervals were declared for {counted}. With {FEW} treated such "
        f"intervals were measured to leave out no difference in {low:g} to {high:g}% of cases in which there was none, "
        "where 5% is promised."
    )


def _own_choice(auto: Auto, facts: DesignFacts) -> tuple[tuple[InferenceMethod, ...], str, str]:
    """Return the methods, what they were chosen by, and why none of them is relied on where none is."""
    analytic = Analytic(level=auto.level)
    counted = _count(facts, facts.by_variance)
    if min(facts.by_variance) >= RELIED_ON and facts.has_influence:
        return (analytic,), f"{counted}: analytic cluster-robust errors", ""
    test, why = _test(auto.permutation(facts), facts)
    beside = (analytic,) if facts.has_influence else ()
    if test is None:
        return (Withheld(auto.level, why), *beside), f"{_NONE}: {why}", why
    because = counted if facts.has_influence else "the estimator has no influence function"
    return (test, *beside), f"{because}: randomization ({test.statistic} statistic)", ""


def _test(test: Randomization, facts: DesignFacts) -> tuple[Randomization | None, str]:
    """Return the test if it can reject at its level, else the reason."""
    smallest = facts.smallest(test)
    if isinstance(smallest, str):
        return None, smallest
    if why := smallest.why_never(test.level):
        return None, f"a randomization test {why}"
    lost, why = facts.lost(test)
    return (None, _lost(lost, why, test, facts.kind_column)) if lost > LOSABLE * (1 - test.level) else (test, "")


def _lost(share: float, why: str, test: Randomization, kind: str) -> str:
    """Say by which rule a test is not relied on, what keeps adoptions from being estimated, and a way out."""
    size = 1 - test.level
    bare = re.sub(r" \([^()]*\)$", "", why).removeprefix("comparison.on: ")
    mostly = f" (most often: {bare})" if bare else ""
    way = f"{{method: randomization, strata: [{kind}], strata_effects: false}}"
    needed = kind and kind not in test.strata
    out = f"; starts swapped among units of one {kind} leave no comparison empty: write {way}" if needed else ""
    return (
        f"{share:.1%} of random adoptions cannot be estimated{mostly} and count as extreme: more than "
        f"{LOSABLE * size:.1%} of all, up to which a test at {numeral(size, 2)} is relied on{out}"
    )


def _count(facts: DesignFacts, worth: tuple[float, float]) -> str:
    """Return the clusters on both sides, with what they are worth where that is less."""
    treated, comparison = facts.n_treated_clusters, facts.n_comparison_clusters
    counted = f"{treated} treated and {comparison} comparison clusters"
    if treated - worth[0] < 0.5 and comparison - worth[1] < 0.5:
        return counted
    share = "weight" if worth == facts.by_weight else "share in the variance"
    if facts.variance_of and worth == facts.by_variance:
        share = f"{share} of {facts.variance_of}"
    return f"{counted}, by {share} worth {worth[0]:.1f} and {worth[1]:.1f}"


def _others(methods: Sequence[InferenceMethod], taken: Sequence[InferenceMethod]) -> tuple[InferenceMethod, ...]:
    """Return the methods that are not there yet, by equality of all options."""
    return tuple(method for method in methods if method not in taken)


def _resolution(
    asked: tuple[InferenceMethod, ...],
    methods: tuple[InferenceMethod, ...],
    choice: str,
    facts: DesignFacts,
    *,
    caution: str = "",
    reason: str = "",
) -> Resolution:
    counts = {
        "n_treated_clusters": facts.n_treated_clusters,
        "n_comparison_clusters": facts.n_comparison_clusters,
        "effective_treated_clusters": facts.by_weight[0],
        "effective_comparison_clusters": facts.by_weight[1],
        "variance_treated_clusters": facts.by_variance[0],
        "variance_comparison_clusters": facts.by_variance[1],
        "declared": tuple(method.name for method in asked),
        "declared_first": asked[0].name,
    }
    changed = methods[0] != asked[0]
    said = choice[:1].upper() + choice[1:]
    return Resolution(named(methods, asked), RULE, said, changed, not reason, caution, reason, counts)


@register("auto")
@dataclass(frozen=True)
class Auto(InferenceMethod):
    """The rule's own choice: randomization with few treated clusters, else cluster-robust (see `docs/inference.md`)."""

    reference: ClassVar[str] = "docs/inference.md, docs/coverage.md"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the intervals."""
    strata: tuple[Stratum, ...] = ()
    """Strata of the randomization test, where the rule chooses it."""
    strata_effects: bool = True
    """The estimate carries stratum-by-period effects (cell estimators compare within strata)."""
    draws: Annotated[int, at.Ge(19)] = 9_999
    """Draws of the randomization test, where the rule chooses it."""
    seed: Seed | None = None
    """Own seed; without it the design's seed."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the strata name."""
        return strata_columns(self.strata)

    @property
    def lots(self) -> tuple[str, ...]:
        """The strata."""
        return self.strata

    @property
    def effects_within(self) -> tuple[str, ...]:
        """The strata, unless their effects are declined."""
        return self.strata if self.strata_effects else ()

    def permutation(self, facts: DesignFacts) -> Randomization:
        """Return the randomization test that suits a design: studentised wherever there is an error to divide by."""
        return _suited(Randomization(level=self.level, strata=self.strata, draws=self.draws, seed=self.seed), facts)

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Resolve and apply the headline's method; a run resolves earlier and applies all of them."""
        resolution = resolve((self,), design_facts(fitted))
        found = resolution.methods[0].infer(fitted, rng)
        return Inferred(found.table, found.tables, {**found.facts, **asdict(resolution.facts())})
