"""Whom the headline's number is an average over, in words: the treated, all units compared, or where groups overlap."""

from __future__ import annotations

from sos_eval.report.wording import count
from sos_eval.results.facts import PanelFacts
from sos_eval.terms import Estimand

__all__ = ["averaged_over", "came_out", "in_place_of", "level_of", "others_than", "rests_on", "stands_for"]


def came_out(whom: Estimand, what: str, did: str, way: str, units: tuple[str, str]) -> str:
    """Say that an outcome came out ``lower`` or ``higher``, and for whom."""
    if whom == "att":
        return f"In the {units[1]} with a recorded start of {did}, {what} came out {way} than the comparison suggests."
    return f"With {did}, {what} came out {way} than without it, {_over(whom, units)}."


def averaged_over(whom: Estimand, units: tuple[str, str]) -> str:
    """Say whom a number is about; nothing where it is the treated."""
    return "" if whom == "att" else f" The number is {_over(whom, units)}, not over those with a recorded start alone."


def stands_for(whom: Estimand, units: tuple[str, str]) -> str:
    """Return the clause on whom the number is an average over."""
    return "an average over those that were treated" if whom == "att" else _over(whom, units)


def others_than(whom: Estimand) -> str:
    """Return the clause on those to whom the number does not carry over."""
    return {
        "att": "that differ from those that were treated", "ate": "that differ from those compared",
        "ato": "that differ from those where either could have started or not",
    }[whom]  # fmt: skip


def rests_on(panel: PanelFacts) -> list[str]:
    """Return a clause on whom both groups are weighed to stand for; nothing where it is the treated."""
    return {
        "att": [], "ate": ["both groups are weighed to stand for all of them (ate)"],
        "ato": ["both groups are weighed to stand for those where they overlap (ato)"],
    }[panel.estimand]  # fmt: skip


def level_of(whom: Estimand) -> str:
    """Return whose level without the intervention percentages are of."""
    if whom == "att":
        return "the level of treated units without the intervention that goes with each value"
    over = "all units compared" if whom == "ate" else "units where the groups overlap"
    return f"the level without the intervention that goes with each value, over {over}"


def _over(whom: Estimand, units: tuple[str, str]) -> str:
    if whom == "ate":
        return f"an average over all {units[1]} compared, those that started and those that did not"
    return f"an average over the {units[1]} where either could have started or not (overlap weights)"


def in_place_of(panel: PanelFacts, units: tuple[str, str]) -> str:
    """Say how untreated units stand to the treated, as the head of a sentence that goes on after a comma."""
    who = count(panel.n_comparison_units, f"untreated {units[0]}", f"untreated {units[1]}")
    verb = "stands" if panel.n_comparison_units == 1 else "stand"
    first = f"{units[1].capitalize()} that start later, until they do," if len(panel.cohorts) > 1 else "Untreated units"
    stand = f"{who} {verb}" if panel.n_comparison_units else f"{first} stand"
    if panel.estimand == "att":
        return f"{stand} in for the treated"
    for_whom = "all that are compared" if panel.estimand == "ate" else "those where the groups overlap"
    return f"{stand} beside the treated, and both are weighed to stand for {for_whom}"
