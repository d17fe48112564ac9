"""Which columns are an outcome, or made of one: nobody is matched on them, and nothing is adjusted for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from sos_eval.panel.events.spec import EventRule
from sos_eval.panel.spec import PanelSpec

__all__ = ["of_outcomes"]


def of_outcomes(spec: PanelSpec, columns: Collection[str], outcomes: Collection[str] = ()) -> dict[str, str]:
    """Return those columns that are an outcome or made of one, with the reason.

    A column is made of an outcome where a rule of ``events.derive`` reads it, or where what the outcome itself is made
    of can be read from the column: another code list of the same column, the same two dates in years. A single date
    of it stands for it too: among rows of one day, or of one end, little else is left to differ; and so does what reads
    the later of its dates, whatever the other one is.

    Parameters
    ----------
    columns
        The user's names.
    outcomes
        Which of the panel's outcomes; all unless given.

    Examples
    --------
    >>> from sos_eval.panel.spec import OutcomeSpec, Treatment
    >>> spec = PanelSpec(source="csv", unit="la", time="year", treatment=Treatment(first_treated="start"),
    ...                  outcome=OutcomeSpec(value="days"))
    >>> of_outcomes(spec, ["age", "days"])
    {'days': 'is the outcome itself'}
    """
    rules = spec.events.derive if spec.events else {}
    found: dict[str, str] = {}
    for name, one in spec.named_outcomes.items():
        if outcomes and name not in outcomes:
            continue
        own = str(one.value if one.value is not None else one.count)
        for column in columns:
            if column == own:
                found.setdefault(column, "is the outcome itself")
            elif own in _read(column, rules, lambda rule: {*rule.columns}):
                found.setdefault(column, "is made of the outcome")
            elif own in rules and _said_by(rules[own]) <= _read(column, rules, _said_by):
                found.setdefault(column, "tells what the outcome is made of")
            elif column in _read(own, rules, lambda rule: {*rule.dates}):
                found.setdefault(column, "is a date that the outcome is made of")
            elif _ends(own, rules) - {spec.events.date if spec.events else ""} & _read(column, rules, _said_by):
                found.setdefault(column, "reads a date at which the outcome ended")
    return found


def _ends(own: str, rules: Mapping[str, EventRule]) -> set[str]:
    """Return the later dates of a column and of all that its rules read."""
    return {end for name in _read(own, rules, _said_by) if name in rules for end in rules[name].ends}


def _said_by(rule: EventRule) -> set[str]:
    """Return the columns whose values a rule turns into its own; not those that say for whom."""
    named = (rule.next, rule.previous, rule.code)
    return {*rule.dates, *(name for name in named if name)}


def _read(column: str, rules: Mapping[str, EventRule], reads: Callable[[EventRule], set[str]]) -> set[str]:
    """Return a column with all that rules read for it, one after another."""
    seen, waiting = set(), [column]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += reads(rules[name]) if name in rules else ()
    return seen
