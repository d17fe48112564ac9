"""What declarations about groups of children can get wrong: shares, rates and effects that do not make up the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sos_eval.economics.declared import DeclaredEffect
from sos_eval.economics.declared_analysis import Subgroup
from sos_eval.economics.model.evaluated import rate_fall
from sos_eval.economics.problem import Problem, modelled
from sos_eval.economics.section import EconomicsSection
from sos_eval.errors import nearest, numeral

__all__ = ["by_dimension", "group_problems", "make_up_all", "stays_of_groups"]

#: How far shares times rates may lie from the baseline, and shares times effects from the effect: published shares and
#: rates are rounded.
_ROUNDING = 0.01


def by_dimension(section: EconomicsSection) -> dict[str, list[Subgroup]]:
    """Return the declared groups of each dimension, in the order of declaration."""
    found: dict[str, list[Subgroup]] = {}
    for group in section.equity:
        found.setdefault(group.dimension, []).append(group)
    return found


def make_up_all(groups: Sequence[Subgroup]) -> bool:
    """Say whether the groups make up all children."""
    return abs(sum(group.share for group in groups) - 1) < 1e-6


def group_problems(section: EconomicsSection) -> Iterator[Problem]:
    """List what is wrong with groups of children."""
    yield from _shares(section)
    if section.care_pathway is None and any(group.weeks is not None for group in section.equity):
        yield ("equity",), "weeks of a group without a care_pathway change nothing", "declare it, or leave them out"
    yield from _own(section)
    yield from _whole(section)
    yield from _distribution(section)


def _shares(section: EconomicsSection) -> Iterator[Problem]:
    for dimension, groups in by_dimension(section).items():
        total = sum(group.share for group in groups)
        if total > 1 + 1e-6:
            yield ("equity",), f"the shares of {dimension} sum to {total:.6g}", "let them sum to 1 at most"


def _own(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse a group's own rate or effect that cannot be: a probability above one, more averted than there are."""
    effect = section.effect
    for i, group in enumerate(section.equity if effect is not None else ()):
        assert effect is not None
        risk, ratio = (
            effect.scale in names for names in (("risk_difference", "odds_ratio"), ("rate_ratio", "odds_ratio"))
        )
        if risk and group.baseline > effect.per:
            what = f"{group.name}: {group.baseline:g} per {effect.per:,.10g} is a probability above 1"
            yield ("equity", i, "baseline"), what, "check the rate"
        elif group.effect is not None and ratio and group.effect <= 0:
            yield ("equity", i, "effect"), f"{group.name}: {group.effect:g}: a ratio is above zero", "write the ratio"
        elif group.effect is not None and _fall(effect, group.effect, group.baseline) > group.baseline:
            what = (f"{group.name}: {group.effect:g}: more entries averted in the group than there are "
                    f"({group.baseline:g} per {effect.per:,.10g})")  # fmt: skip
            yield ("equity", i, "effect"), what, "check the group's effect and rate"


def _whole(section: EconomicsSection) -> Iterator[Problem]:
    """Check that groups which make up all children have their entries and their effect, others no more entries."""
    effect = section.effect
    if effect is None:
        return
    for dimension, groups in by_dimension(section).items():
        rate = sum(group.share * group.baseline for group in groups)
        whole = make_up_all(groups)
        said = f"{dimension}: shares times rates give {numeral(rate, 4)} per {effect.per:,.10g}, the baseline is "
        if whole and abs(rate / effect.baseline - 1) > _ROUNDING:
            what = f"{said}{effect.baseline:g}: more than {_ROUNDING:.0%} apart, which is not rounding"
            yield ("equity",), what, "give groups and baseline of the same children and year"
        elif rate > effect.baseline * (1 + _ROUNDING):
            yield ("equity",), f"{said}{effect.baseline:g}: more entries than there are", "check shares and rates"
        if whole and effect.estimate is not None and all(group.effect is not None for group in groups):
            yield from _effects(dimension, groups, effect)


def stays_of_groups(section: EconomicsSection, mean: float) -> Iterator[Problem]:
    """Check that the stays of groups which make up all children make up the mean stay, weighed by entries.

    Parameters
    ----------
    section
        The declaration.
    mean
        The mean stay that the model uses, in weeks: of groups that declare none too.
    """
    for dimension, groups in by_dimension(section).items():
        if not make_up_all(groups) or all(group.weeks is None for group in groups):
            continue
        entries = [group.share * group.baseline for group in groups]
        stays = [mean if group.weeks is None else group.weeks for group in groups]
        own = float(np.average(stays, weights=entries))
        if abs(own / mean - 1) > _ROUNDING:
            said = f"{dimension}: the groups' weeks make up {numeral(own, 4)} on average over entries"
            what = f"{said}, the mean stay is {numeral(mean, 4)}"
            yield ("equity",), what, "give every group the weeks of its own children, or none"


def _effects(dimension: str, groups: Sequence[Subgroup], effect: DeclaredEffect) -> Iterator[Problem]:
    """Check that the effects of groups that make up all children make up the effect."""
    own = sum(group.share * _fall(effect, group.effect, group.baseline) for group in groups)
    total = _fall(effect, effect.estimate, effect.baseline)
    if abs(own - total) > _ROUNDING * abs(total):
        said = f"{dimension}: the groups' own effects avert {numeral(own, 4)} per {effect.per:,.10g}"
        what = f"{said}, the effect {numeral(total, 4)}"
        yield ("equity",), what, "leave one group's out: it takes up the rest"


def _fall(effect: DeclaredEffect, size: float | None, baseline: float) -> float:
    """Return the fall in a rate under an effect on the declared scale."""
    assert size is not None
    return float(rate_fall(effect, {"effect": np.array([size]), "baseline": np.array([baseline])})[0])


def _distribution(section: EconomicsSection) -> Iterator[Problem]:
    """Check that the groups whose inequality counts are declared, make up all children and have their weights."""
    declared = section.distribution
    if declared is None:
        return
    groups = by_dimension(section).get(declared.dimension, [])
    if not modelled(section):
        yield ("distribution",), "draws from files hold no groups of children", "leave it out"
    elif not groups:
        known = [group.dimension for group in section.equity]
        instead = nearest(declared.dimension, known) if known else "declare its groups under equity"
        yield ("distribution", "dimension"), f"no group of {declared.dimension!r} under equity", instead
    elif not make_up_all(groups):
        total = sum(group.share for group in groups)
        what = f"the groups are {numeral(total, 4)} of all children: inequality between some of them is none of all"
        yield ("distribution", "dimension"), what, "declare all groups, with shares that sum to 1"
    if not declared.why.strip():
        yield ("distribution", "why"), "is empty: aversion and weights are judgements", "say whose"
    names = [group.name for group in groups]
    for name in declared.weights:
        if name not in names:
            yield ("distribution", "weights", name), "no group is called so", nearest(name, names)
    missing = [name for name in names if declared.weights and name not in declared.weights]
    if missing:
        yield ("distribution", "weights"), f"{', '.join(missing)}: no weight", "give every group one"
