"""What a declaration says and nothing would read: refused, so that nobody takes it for used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sos_eval.economics.problem import Problem, declared_lines, modelled
from sos_eval.economics.section import EconomicsSection

__all__ = ["given_twice", "idle_keys", "idle_parameters", "per_unit"]


def idle_keys(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse keys that change no result as they stand together."""
    for check in (_estimate, _lasting, per_unit, _cashable, _programme, _mix):
        yield from check(section)


def _estimate(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse what belongs to a declared estimate where none is, and what belongs to a run where one is."""
    effect = section.effect
    if effect is None or not modelled(section):
        return
    if effect.estimate is not None and effect.outcome:
        yield ("effect", "outcome"), f"{effect.outcome}: an estimate is declared, and none is taken from a run", (
            "leave it out"
        )  # fmt: skip
    for key, given in (("std_error", effect.std_error), ("source", effect.source)):
        if effect.estimate is None and given not in (None, ""):
            yield ("effect", key), f"{given}: no estimate is declared; a run's has its own", "leave it out"


def _lasting(section: EconomicsSection) -> Iterator[Problem]:
    """Check that a loss has years to fall in, and that years of full effect are followed by one."""
    effect, frame = section.effect, section.frame
    if effect is None or frame is None:
        return
    full = effect.persistence
    within = full is not None and full < frame.horizon
    if effect.decay > 0 and not within:
        since = "without persistence the effect is full" if full is None else f"the effect is full for {full} years,"
        what = f"{effect.decay:g}: {since} over the horizon of {frame.horizon}: nothing is lost"
        yield ("effect", "decay"), what, "declare persistence below the horizon, or leave decay out"
    if within and effect.decay == 0:
        what = f"{full}: with a decay of 0 the effect stays full after them: the years change nothing"
        yield ("effect", "persistence"), what, "declare decay (1: the effect ends), or leave persistence out"


def per_unit(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse units for each entry where the unit is the entry, or follows from the pathway."""
    effect = section.effect
    if effect is None or effect.unit not in ("care_entry", "week_of_care"):
        return
    said = "an averted entry is one unit" if effect.unit == "care_entry" else "weeks follow from the care_pathway"
    for key, given, usual in (("per_entry", effect.per_entry, 1.0), ("per_entry_se", effect.per_entry_se, 0.0)):
        if given != usual:
            yield ("effect", key), f"{given:g}: {said}", "leave it out, or name the unit: re_entry or qaly"
    if "per_entry" in section.dsa.ranges:
        what = f"per_entry: {said}: it has no range"
        yield ("dsa", "ranges", "per_entry"), what, "leave it out, or name the unit: re_entry or qaly"


def _cashable(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse a share of a saving on lines that are no saving."""
    for path, line in declared_lines(section):
        programme = path[0] == "implementation" or line.unit in ("authority_year", "fixed")
        if programme and line.cashable:
            what = f"{line.name}: a cost of the programme is paid in full; cashable is a share of a saving"
            yield (*path, "cashable"), what, "leave it out"
        elif not programme and line.amount < 0 and line.cashable:
            what = f"{line.name}: an averted entry costs this more, and it is paid in full; a share is of a saving"
            yield (*path, "cashable"), what, "leave it out"


def _programme(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse turnover without training, and an annuity of nothing or one that only spreads."""
    declared = section.implementation
    if declared is None:
        return
    if declared.turnover and declared.training is None:
        what = "it is the part of the training that is repeated, and no training is declared"
        yield ("implementation", "turnover"), what, "declare training, or leave it out"
    if declared.amortisation is not None and declared.training is None and declared.set_up is None:
        what = "neither training nor set_up is declared: there is nothing to spread"
        yield ("implementation", "amortisation"), what, "leave it out"
    years = declared.amortisation
    if years is not None and section.frame is not None and years <= section.frame.horizon:
        what = f"an annuity of {years} years within a horizon of {section.frame.horizon} only spreads: nothing changes"
        yield ("implementation", "amortisation"), what, "leave it out; it is for what is of use beyond the horizon"


def _mix(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse uncertainty of a mix that is one placement."""
    pathway = section.care_pathway
    if pathway is not None and pathway.concentration is not None and any(p.share == 1 for p in pathway.placements):
        yield ("care_pathway", "concentration"), "one placement is the whole mix: it does not vary", "leave it out"


def given_twice(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse groups of parameters that are given twice."""
    for key, pairs in (
        (("dsa", "two_way"), section.dsa.two_way),
        (("psa", "correlation"), [entry.between for entry in section.psa.correlation]),
        (("voi", "evppi"), section.voi.evppi),
    ):
        yield from _twice(key, pairs)


def _twice(key: tuple[str, str], groups: Sequence[Sequence[str]]) -> Iterator[Problem]:
    """Refuse a group of parameters that is given twice, or holds a parameter twice."""
    for i, group in enumerate(groups):
        if not group:
            yield (*key, i), "names no parameter", "name one, or leave it out"
        if len(set(group)) < len(group):
            yield (*key, i), f"{', '.join(group)}: a parameter with itself", "name each once"
        if frozenset(group) in [frozenset(earlier) for earlier in groups[:i]]:
            yield (*key, i), f"{', '.join(group)}: given twice", "keep one of them"


def idle_parameters(section: EconomicsSection, fixed: Sequence[str]) -> Iterator[Problem]:
    """Refuse to correlate, or to vary over a grid, what does not vary (`fixed`: parameters without uncertainty)."""
    for i, entry in enumerate(section.psa.correlation):
        for name in entry.between:
            if name in fixed and not _to_come(section, name):
                yield ("psa", "correlation", i), f"{name} does not vary: a correlation with it does nothing", (
                    "declare its standard error, or leave the pair out"
                )  # fmt: skip
    for i, pair in enumerate(section.dsa.two_way):
        for name in pair:
            if name in fixed and name not in section.dsa.ranges and not _to_come(section, name):
                yield ("dsa", "two_way", i), f"{name} does not vary", f"give its range under dsa.ranges.{name}"
        if all(name.startswith("mix[") for name in pair):
            yield ("dsa", "two_way", i), "two shares of one mix move together", "vary one of them"


def _to_come(section: EconomicsSection, name: str) -> bool:
    """Whether it is the effect, which a run has yet to give."""
    return name == "effect" and section.effect is not None and section.effect.estimate is None
