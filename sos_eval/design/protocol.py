"""The evaluation protocol / statistical analysis plan that a design declares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any

from sos_eval.bundle.provenance import hash_mapping
from sos_eval.declare import valid_keys
from sos_eval.design.design import Design, Entry
from sos_eval.design.estimand import estimand_rows, intercurrent_rows
from sos_eval.design.lock import lock_state
from sos_eval.design.protocol_plan import (
    header_rows,
    left_to_write,
    missing_data,
    multiplicity,
    sample_and_power,
    sensitivity,
    to_write,
)
from sos_eval.design.resolve import plain
from sos_eval.errors import listed
from sos_eval.inference.auto import RULE
from sos_eval.results.method import summary
from sos_eval.results.theory import cited_words
from sos_eval.terms import SAFETY_ROLES
from sos_eval.theory.stages import before_stages

__all__ = ["protocol"]


def protocol(design: Design) -> str:
    """Write the protocol as Markdown, every sentence from the declaration.

    Parameters
    ----------
    design
        A resolved design; no data are read.
    """
    parts = [
        f"# {design.title}", "Evaluation protocol and statistical analysis plan", *_state(design),
        _table(("", ""), list(header_rows(design))),
        "## 1. Background", to_write("what is known, with sources; why this evaluation"),
        "## 2. Question", *_question(design), "### The estimand", *_estimand(design),
        "## 3. Data", *_data(design), "### Missing data", *missing_data(design),
        "## 4. Comparison group",
        *_method(design.comparison), "The group is built before any outcome from the first start onward is read.",
        "## 5. Sample and power", *sample_and_power(design),
        "## 6. Estimators", *_estimators(design), "### Sensitivity", "\n".join(sensitivity(design)),
        "## 7. Uncertainty and the headline", *_inference(design), "### Multiplicity", *multiplicity(design),
        "## 8. Checks", *_checks(design), "## 9. Mechanisms, moderators, implementation, economics", *_emmie(design),
        "## 10. Timeline", to_write("dates of data, analysis and report; entry in the Evaluation Registry"),
        "## 11. Deviations from the locked plan", *_deviations(design),
        "## 12. What the result may and may not be used to say", *_limits(design),
    ]  # fmt: skip
    text = "\n\n".join(part for part in parts if part) + "\n"
    left = left_to_write(text)
    return f"{text}\n## Left to write\n\n" + "\n".join(f"- {what}" for what in left) + "\n" if left else text


def _state(design: Design) -> Iterator[str]:
    state = lock_state(design)
    yield f"{state.text} Hash of the resolved design: `{hash_mapping(design.resolved)[:16]}`. Seed: {design.seed}."


def _deviations(design: Design) -> Iterator[str]:
    """List what differs from the locked plan, in the words of the report; the reasons are the team's."""
    state = lock_state(design)
    if not state.differences:
        yield "None." if state.state == "as_locked" else state.text
        return
    rows = [(line, to_write(f"why {line}")) for line in state.words]
    yield _table(("What differs", "Why"), rows)


def _question(design: Design) -> Iterator[str]:
    asked = design.question
    rows = {
        "Intervention": asked.intervention, "Population": asked.population, "Comparator": asked.comparator,
        "Outcome": asked.outcome, "Expected direction": asked.expected_direction,
    }  # fmt: skip
    yield _table(("", ""), [(key, value or "not declared") for key, value in rows.items()])
    if asked.worthwhile is not None:
        yield (
            f"A change smaller than {asked.worthwhile:g} on the outcome's scale would not matter. The verdict is no "
            "meaningful effect only where the whole interval is smaller; the report says how often the headline's test "
            "would find a change of this size, and how often it would rule one out where nothing changes."
        )
    if asked.caveats:
        yield "Known beforehand:"
        yield "\n".join(f"- {caveat}" for caveat in asked.caveats)


def _estimand(design: Design) -> Iterator[str]:
    yield _table(("part", "as declared"), list(estimand_rows(design)))
    yield "What may come between the start and the outcome, and how this design treats it:"
    yield _table(("event", "treated as"), list(intercurrent_rows(design)))
    yield _safety(design)


def _safety(design: Design) -> str:
    """Name the outcomes that should not get worse, and how several are judged."""
    named = [
        f"{one.label or name} ({one.role}{f', margin {one.margin:g}' if one.margin is not None else ''})"
        for name, one in design.panel.outcomes.items() if one.role in SAFETY_ROLES
    ]  # fmt: skip
    if not named:
        return "No outcome is declared as one that should not get worse: safety is not assessed."
    return (
        f"Beside the verdict stand {listed(named)}. Their p values are adjusted for their number by the adoptions that "
        "they share (Westfall and Young 1993, step-down max-t); a unit without an outcome is left out of that outcome "
        "alone."
    )


def _data(design: Design) -> Iterator[str]:
    yield _table(("key", "declared"), list(_settings(design.panel)))


def _settings(declared: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings of a declared object that were set or matter by default."""
    for f in fields(declared):
        value = getattr(declared, f.name)
        default = (
            f.default if f.default is not MISSING else f.default_factory() if callable(f.default_factory) else None
        )
        if value is None or value in ((), {}, "") or (value == default and isinstance(value, bool)):
            continue
        if hasattr(value, "__dataclass_fields__"):
            yield from _settings(value, f"{prefix}{f.name}.")
        else:
            yield f"{prefix}{f.name}", _words(plain(value))


def _words(value: Any) -> str:
    """Write a plain value in words."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(item)}" for key, item in value.items() if item not in (None, "", [], {}))
    if isinstance(value, list):
        return ", ".join(f"({_words(item)})" if isinstance(item, dict) else _words(item) for item in value)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _method(method: Any) -> Iterator[str]:
    """Name a method, its reference and its options, with what each option means."""
    reference = f" ({method.reference})" if method.reference else ""
    yield f"**{method.name}**: {summary(type(method))}{reference}"
    options = [(key, _words(plain(getattr(method, key)))) for key in valid_keys(type(method))]
    shown = [(key, value) for key, value in options if value]
    if shown:
        yield _table(("option", "value"), shown)


def _estimators(design: Design) -> Iterator[str]:
    for entry in design.estimators:
        yield f"### {entry.id} ({entry.role})"
        if entry.label:
            yield entry.label
        yield from _method(entry.method)
        yield from _differs(entry)


def _differs(entry: Entry) -> Iterator[str]:
    if entry.changes:
        yield "Differs from the main analysis in: " + "; ".join(
            f"`{key}` = {_words(plain(value)) or 'none'}" for key, value in entry.changes.items()
        )


def _inference(design: Design) -> Iterator[str]:
    for method in design.inference:
        yield from _method(method)
    for family in design.families:
        yield (
            f"Family {family.name}: {listed(list(family.outcomes))} are tested together, and their p values are "
            f"adjusted for their number ({family.adjust.replace('_', ' ')})."
        )
    yield (
        f"The headline is the overall effect of the primary estimator. {RULE} The rule is applied before outcomes are "
        "read; no method is chosen, or left out, after its result is known."
    )


def _checks(design: Design) -> Iterator[str]:
    if not design.checks:
        yield "None declared."
    for check in design.checks:
        yield from _method(check)
    yield "A check without a declared threshold informs; it neither passes nor fails."


def _emmie(design: Design) -> Iterator[str]:
    if design.economics is None:
        yield "Economics: not declared; no cost or cost-effectiveness statement will be made."
    yield from _theory(design)
    if design.moderators:
        named = listed([one.by for one in design.moderators])
        yield (
            f"Moderators: the headline's effect is told apart by {named}. Each has one test, of the same effect in all "
            "groups, by random adoptions within groups; the difference that it would find stands beside it."
        )
    if design.discoveries:
        yield (
            f"Discovery: {listed([one.label for _, one in design.discoveries])} look for what the effect depends on "
            f"among {listed(sorted({name for _, one in design.discoveries for name in one.among}))}. Whatever they "
            "find is exploratory: a question for the next evaluation."
        )
    parts = {
        "mechanisms": design.theory is None,
        "moderators": not (design.moderators or design.discoveries),
        "implementation": design.implementation is None,
    }
    rest = [name for name, lacking in parts.items() if lacking]
    yield from _implementation(design)
    if rest:
        yield f"Not evaluated by this design: {listed(rest)}. The report says under each heading what it would need."


def _implementation(design: Design) -> Iterator[str]:
    """State how practice is scored, by which instrument and after whom, and the stages that effects are told by."""
    declared = design.implementation
    if declared is None:
        return
    if declared.measured:
        after = f" The instrument is after: {declared.source}." if declared.source else ""
        yield (
            f"Implementation: fidelity (`{declared.label}`) is described; what those had who practised "
            f"more is labelled as not causal, beside intention to treat.{after}"
        )
    if declared.items:
        rows = [(declared.labels.get(name, name), name, f"{weight:g}", declared.needs.get(name, ""))
                for name, weight in declared.items.items()]  # fmt: skip
        yield _table(("item", "column", "weight", "read off"), rows)
    if declared.minimum is not None:
        within = declared.reached_by
        by = "" if within is None else f", to be reached by {within} periods after the start" if within else ""
        by = ", to be reached at the start" if within == 0 else by
        least = f"Practice counts as the intervention from {declared.minimum:g} on{by}"
        yield f"{least}; units count as treated all the same."
    if declared.stages:
        begin = listed([f"{name} ({first:g})" for name, first in declared.stages.items()])
        left_out = before_stages(min(declared.stages.values()))
        said = f"Effects are told by stage, each from so many periods after the start until the next: {begin}"
        yield f"{said}; {left_out}." if left_out else f"{said}."


def _theory(design: Design) -> Iterator[str]:
    """State the programme theory, and what will be done with it."""
    theory = design.theory
    if theory is None:
        return
    yield (
        "Mechanisms: the programme theory below is declared before outcomes are read. The report says what identifies "
        "the effect by it, what may move trends, and which of the independences that it implies the panel contradicts. "
        "Covariates that the intervention moves, or that open a path, are refused."
    )
    if cited := cited_words(theory.title, theory.source):
        yield cited
    yield "\n".join(f"- {one.words}" for one in theory.statements)
    for node, words in theory.differs.items():
        yield f"{theory.label(node)} is measured by something near it (`{theory.columns[node]}`): {words}."
    arrows = [(theory.label(cause), theory.label(moved)) for cause, moved in theory.graph.edges]
    yield _table(("cause", "moves"), arrows)


def _limits(design: Design) -> Iterator[str]:
    untreated = design.panel.treatment.untreated_means if design.panel.treatment else "never"
    if untreated == "unknown":
        yield (
            "Untreated authorities' own use of the intervention is unknown. The comparison is with usual practice, "
            "which may include it; any true effect would then show smaller than it is."
        )
    yield (
        "An interval that includes no change and changes that matter is inconclusive. It may not be reported as "
        '"no effect", nor as evidence that the intervention is safe, harmful or not worth its cost.'
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows)])
