"""What a run knows beside its tables, put into its one form; everything after the run reads that form."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from sos_eval.bundle.tables import lost_periods, panel_facts
from sos_eval.comparison.people import People
from sos_eval.design.design import Design
from sos_eval.design.lock import lock_state
from sos_eval.errors import listed
from sos_eval.inference.analytic import Analytic
from sos_eval.jobs.absorbed import absorbed_covariates
from sos_eval.jobs.answers import Answer, Checked, Group, Key, diagnostics_of, primary
from sos_eval.jobs.group_tables import row_groups
from sos_eval.jobs.judge import Judged
from sos_eval.jobs.universal_base import varies_base
from sos_eval.panel import imputation
from sos_eval.panel.panel import Panel
from sos_eval.panel.selection import WEIGHTLESS
from sos_eval.results.assignments import FIXED, MATCHED_ROWS, WHY_FIXED
from sos_eval.results.estimator import Estimator
from sos_eval.results.facts import (
    CheckFacts,
    HeadlineKey,
    LockFacts,
    MethodFacts,
    PanelFacts,
    ProcedureFacts,
    QuestionFacts,
    ResolutionFacts,
    RunFacts,
)
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod
from sos_eval.results.method import Method, lookup
from sos_eval.results.theory import TheoryFacts

__all__ = ["run_facts"]


def run_facts(
    design: Design,
    groups: dict[Key, Group],
    fitted: dict[Key, Fitted],
    answers: dict[Key, Answer],
    checked: list[Checked],
    judged: Judged,
    theory: TheoryFacts,
) -> RunFacts:
    """Gather what a run knows once its estimates, inference and checks are there."""
    first = primary(design, groups)
    resolution = answers[first].resolution
    methods = _methods(groups, answers)
    panel = _panel_facts(groups[first], fitted[first].panel, guarded=design.disclosure.guards)
    return RunFacts(
        headline=HeadlineKey(*first, resolution.methods[0].key),
        question=QuestionFacts(**asdict(design.question)),
        panel=replace(
            panel,
            support=(*panel.support, *fitted[first].estimate.told),
            estimand=fitted[first].estimand,
            absorbed=absorbed_covariates(fitted[first]),
        ),
        inference=_resolved(first, groups, fitted, answers),
        lock=LockFacts(**asdict(lock_state(design))),
        caveats=_caveats(design, groups[first]),
        notes=_notes(groups, fitted),
        checks=tuple(CheckFacts(*row) for row in diagnostics_of(checked).itertuples(index=False)),
        procedures=tuple(
            ProcedureFacts(*key, str(inferred.table["inference"].iloc[0]), inferred.facts)
            for key, answer in answers.items()
            for inferred in answer.inferred
        ),
        references={method.name: method.reference for method in methods if method.reference},
        methods={_key(method): _method_facts(method) for method in methods},
        detectable=judged.detectable,
        disagreement=judged.disagreement,
        theory=theory,
        row_groups=row_groups(groups, first),
    )


def _resolved(
    first: Key, groups: dict[Key, Group], fitted: dict[Key, Fitted], answers: dict[Key, Answer]
) -> ResolutionFacts:
    """Return what the rule made of the headline's inference; what it advises is not what stands beside it already."""
    facts = answers[first].resolution.facts()
    beside = [
        f"“{groups[key].entry.label or key[0]}”"
        for key, answer in answers.items()
        if key[1] == first[1] and answer.resolution.reliable and MATCHED_ROWS not in fitted[key].panel.frame
        and any(method.few_clusters for method in answer.resolution.methods)
    ]  # fmt: skip
    if not beside:
        return facts
    tested = (
        f"{FIXED}: {listed(beside)} beside it {'test' if len(beside) > 1 else 'tests'} the same outcome over "
        "authorities (its row is in the table of effects), and can answer in its place if declared as the primary entry"
    )
    told = {name: getattr(facts, name).replace(WHY_FIXED, tested) for name in ("reason", "choice")}
    return replace(facts, **told)


def _methods(groups: dict[Key, Group], answers: dict[Key, Answer]) -> list[Method]:
    """List the estimators and the inference in use."""
    entries = [group.entry.method for group in groups.values()]
    figures: list[Method] = [Analytic()] if any(map(varies_base, entries)) else []
    return [*figures, *entries, *(method for answer in answers.values() for method in answer.resolution.methods)]


def _key(method: Method) -> str:
    """Return what a method is called in the tables."""
    return method.key if isinstance(method, InferenceMethod) else method.name


def _method_facts(method: Method) -> MethodFacts:
    """Return what a method says of itself."""
    if isinstance(method, InferenceMethod):
        return MethodFacts(method.told_label, method.says, method.few_clusters, method.alone_from)
    return MethodFacts(method.label, says="", weighs=method.weighs if isinstance(method, Estimator) else "")


def _caveats(design: Design, group: Group) -> tuple[str, ...]:
    """List what a reader of page one has to know: declared, from the data, from the comparison group."""
    caveats = [*design.question.caveats, *group.comparison.panel.caveats]
    kept = set(group.comparison.panel.units)
    far = [group.source.unit_names[unit] for unit in group.comparison.off_support if unit in kept]
    if far:
        caveats.append(
            f"No comparison unit is quite like {len(far)} of the treated units that are kept ({listed(far)}): they lie "
            "outside the range of the comparison group on what it was matched by."
        )
    return tuple(dict.fromkeys(caveats))


def _panel_facts(group: Group, estimated: Panel, *, guarded: bool) -> PanelFacts:
    """Describe the estimate's panel, and what it lost on the way from the source."""
    kept = set(estimated.units) - _without_effect(group.source)
    whole = group.source.keep([unit for unit in estimated.units if unit in kept])
    built = _built(group, guarded=guarded)
    return replace(
        panel_facts(estimated),
        left_out=_left_out(group, kept),
        n_adopters=int(whole.ever_treated.sum()),
        **lost_periods(whole),
        **_gaps(group),
        **built,
    )


def _built(group: Group, *, guarded: bool) -> dict[str, Any]:
    """Return the fields of `PanelFacts` on what units, and rows of people, were chosen or weighed by."""
    method = group.entry.comparison
    people: People | None = getattr(method, "people", None)
    rows = {"rows_matched": _rows_matched(people, group, guarded=guarded)} if people is not None else {}
    if method.name in ("none", "declared"):
        return rows
    apart = method.cohorts == "apart" and len(group.source.cohorts) > 1
    return {"matched_by": method.label, "matched_on": method.matched_on, "matched_apart": apart, **rows}


def _rows_matched(people: People, group: Group, *, guarded: bool) -> str:
    """Say how rows of people are matched within sets of units; under a profile without their numbers."""
    on = f" on {listed(people.on, len(people.on))}" if people.on else ""
    declared = " that are written in the design" if group.entry.comparison.name == "declared" else ""
    text = f"their rows are matched within sets{declared} by {lookup('comparison', people.method).label}{on}"
    if any(row.step == "transition" for row in group.comparison.panel.flow):
        text += "; rows between a set's start and full embedding are left out"
    after = group.comparison.balance.query("stage == 'after'")
    if guarded or after.empty:
        return text
    treated, others, worth = after[["n_treated", "n_comparison", "ess_comparison"]].max()
    kept = f"{treated:,.0f} treated and {others:,.0f} comparison rows are kept"
    return f"{text}; {kept}, the latter worth {worth:,.0f} of equal weight"


def _gaps(group: Group) -> dict[str, Any]:
    """Return the fields of `PanelFacts` on gaps of the covariates that an estimate and its group read."""
    source, entry = group.source, group.entry
    own = source.covariates if entry.method.covariates is None else entry.method.covariates
    read = {*(own if entry.method.takes_covariates else ()), *entry.comparison.columns}
    for row in source.flow:
        if row.step == imputation.STEP and read & set(names := row.names.split(", ")):
            return {"n_gaps": row.rows, "gap_names": tuple(names), "gaps_filled": row.reason}
    empty = source.frame[sorted(read & set(source.frame))].isna()
    named = [str(name) for name in empty if empty[name].any()]
    return {"n_gaps": int(empty.any(axis=1).sum()), "gap_names": tuple(named)}


def _left_out(group: Group, kept: Collection[str]) -> dict[str, int]:
    """Count the adopters that the estimate leaves out, by reason."""
    source = group.source
    early = [row for row in source.flow if row.step == "treated in the first period"]
    reasons = {"had begun in the first period or before it": sum(row.units for row in early)} if early else {}
    for row in source.flow:
        if row.reason == WEIGHTLESS:
            reasons["had no weight in any period"] = row.units
    for why in group.adopters_without.values():
        reasons[why] = reasons.get(why, 0) + 1
    unweighted = set(source.units[group.comparison.weights == 0])
    for unit in source.units[source.ever_treated]:
        if unit in unweighted:
            why = group.comparison.why_without(str(unit)) or "the comparison group gives it no weight"
        elif unit not in kept:
            why = _why_not_estimated(source.keep([unit]))
        else:
            continue
        reasons[why] = reasons.get(why, 0) + 1
    return reasons


def _without_effect(source: Panel) -> set[str]:
    """Return the adopters without any outcome from their start on: whatever compares them, no effect is theirs."""
    if source.layout != "panel":
        return set()
    after = source.times >= source.first_treated[:, None]
    seen = (np.isfinite(source.matrix()) & after).any(1)
    return set(source.units[source.ever_treated & ~seen])


def _why_not_estimated(adopter: Panel) -> str:
    """Say why an estimator takes a single adopter into no comparison."""
    seen = adopter.times[np.isfinite(adopter.matrix()[0])] if adopter.layout == "panel" else adopter.times
    start = adopter.first_treated[0]
    if not (seen < start).any():
        return "had no outcome before their start"
    return "had no outcome from their start on" if not (seen >= start).any() else "are in no comparison that is made"


def _filled(group: Group) -> list[str]:
    """Return which gaps of a group's covariates were filled."""
    return [row.reason for row in group.source.flow if row.step == imputation.STEP]


def _notes(groups: dict[Key, Group], fitted: dict[Key, Fitted]) -> dict[str, tuple[str, ...]]:
    """Return what estimators and comparison groups had to say, by estimator; what holds for one outcome names it."""
    said = {
        key: dict.fromkeys((*_filled(groups[key]), *groups[key].comparison.notes, *fit.estimate.notes))
        for key, fit in fitted.items()
    }
    notes: dict[str, dict[str, None]] = {}
    for key, texts in said.items():
        others = [said[other] for other in said if other[0] == key[0]]
        for text in texts:
            common = all(text in other for other in others)
            label = fitted[key].panel.outcome.label or key[1]
            notes.setdefault(key[0], {})[text if common else f"{label}: {text}"] = None
    return {name: tuple(texts) for name, texts in notes.items()}
