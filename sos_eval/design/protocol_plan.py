"""Parts of the protocol that a design cannot fill by itself: what is declared of them, and what is left to write."""

from __future__ import annotations

from collections.abc import Iterator

from sos_eval.design.design import Design, Entry
from sos_eval.errors import listed
from sos_eval.panel.spec import Omission, OutcomeSpec
from sos_eval.terms import SAFETY_ROLES

__all__ = [
    "header_rows",
    "left_to_write",
    "missing_data",
    "multiplicity",
    "sample_and_power",
    "sensitivity",
    "to_write",
]

_OPEN = "[to be written: "


def to_write(what: str) -> str:
    """Return a placeholder that `left_to_write` finds again."""
    return f"{_OPEN}{what}]"


def left_to_write(text: str) -> list[str]:
    """Return what the placeholders of a text name, each once, in their order.

    Examples
    --------
    >>> left_to_write(f"{to_write('authors')}, {to_write('timeline')} and {to_write('authors')}")
    ['authors', 'timeline']
    """
    return list(dict.fromkeys(part.split("]")[0] for part in text.split(_OPEN)[1:]))


def header_rows(design: Design) -> Iterator[tuple[str, str]]:
    """Yield the rows that a What Works trial protocol opens with."""
    asked, entry = design.question, design.primary
    primary, others = _outcomes(design, entry)
    for name in ("Developer", "Delivery organisations", "Evaluator", "Principal investigator", "Authors"):
        yield name, to_write(name.lower())
    yield "Trial type", f"{_type(design)} ({entry.method.label})"
    yield "Age or status of participants", asked.population or to_write("age or status of participants")
    yield "Number of authorities", to_write("number of authorities (`sos-eval check` counts them)")
    yield "Number of children or families", to_write("number of children or families")
    yield "Primary outcome", asked.outcome or primary or to_write("primary outcome")
    yield "Secondary outcomes", listed(others) if others else "none declared"
    yield "Contextual factors", " ".join(asked.caveats) or to_write("contextual factors")


def _type(design: Design) -> str:
    """Say what kind of trial it is declared to be."""
    if design.by_lot:
        return "roll-out by lot, if the draw is documented"
    return "quasi-experimental, authorities with and without a recorded start"


def _outcomes(design: Design, entry: Entry) -> tuple[str, list[str]]:
    """Return the primary outcome's words and those of the others."""
    declared = design.panel.outcomes
    own = [name for name in entry.outcomes or tuple(declared) if name in declared]
    first = next((name for name in own if declared[name].role == "primary"), own[0] if own else "")
    others = [_named(name, one) for name, one in declared.items() if name != first]
    return (_named(first, declared[first]) if first else ""), others


def _named(name: str, outcome: OutcomeSpec) -> str:
    words = outcome.label or name
    return f"{words} ({outcome.role})" if outcome.role in SAFETY_ROLES else words


def sample_and_power(design: Design) -> Iterator[str]:
    """Say what the sample is and what it could find."""
    least = design.question.worthwhile
    aim = (
        f"The smallest change worth having is {least:g} on the outcome's scale."
        if least is not None
        else f"Smallest change worth having: {to_write('smallest change worth having (question.smallest_worthwhile)')}."
    )
    yield (
        f"{aim} The sample is what the panel holds: no authority is added. What the headline's test would find four "
        f"times in five: {to_write('detectable fall and rise (sos-eval feasible, before outcomes; sos-eval power)')}."
    )


def missing_data(design: Design) -> Iterator[str]:
    """Say what becomes of outcomes, covariates and counts that are missing."""
    panel = design.panel
    yield {
        "allow": "Authorities that lack some periods stay in; estimators that cannot take gaps are refused.",
        "balance": "Authorities that lack some period are left out, and named.",
        "error": "A missing period ends the run.",
    }[panel.unbalanced]
    yield (
        "Suppressed counts are taken as missing, and their bounds stand beside the estimate where `suppression_bounds` "
        "is declared."
        if panel.suppressed == "missing"
        else "A suppressed count ends the run."
    )
    if panel.omit_times:
        yield f"Left out for everybody: {listed([_omitted(one) for one in panel.omit_times])}."
    if panel.imputation is not None:
        yield "Covariates of children are completed several times without sight of treatment or later outcomes."


def _omitted(periods: Omission) -> str:
    named = ", ".join(f"{time:g}" if isinstance(time, float) else str(time) for time in periods.times)
    return f"{named} ({periods.why})" if periods.why else named


def multiplicity(design: Design) -> Iterator[str]:
    """Say which tests there are, and for which of them p is adjusted."""
    roles = {entry.role for entry in design.estimators}
    yield "One test decides: that of the primary estimator on the primary outcome. No other result changes the verdict."
    roles_of = [one.role for one in design.panel.outcomes.values()]
    if any(role in SAFETY_ROLES for role in roles_of):
        yield "The p values of outcomes that should not get worse are adjusted for their number, as said under safety."
    if any(role not in (*SAFETY_ROLES, "primary") for role in roles_of) and not design.families:
        yield "Further outcomes have their own intervals; their p values are not adjusted, as no family is declared."
    if "sensitivity" in roles or "secondary" in roles:
        yield "Other estimators are told beside it, with the p of the largest difference from it."


def sensitivity(design: Design) -> Iterator[str]:
    """Name the estimates that stand beside the primary one."""
    others = [entry for entry in design.estimators if entry.role != "primary"]
    for entry in others:
        yield f"- {entry.id} ({entry.role}): {entry.label or entry.method.label}"
    if not others:
        yield "None declared beside the primary estimator."
