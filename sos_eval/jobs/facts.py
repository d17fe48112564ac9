"""What a run knows beside its tables, put into its one form; everything after the run reads that form."""

from __future__ import annotations

from dataclasses import asdict

from sos_eval.bundle.tables import panel_facts
from sos_eval.design.design import Design
from sos_eval.design.lock import lock_state
from sos_eval.errors import listed
from sos_eval.jobs.answers import Answer, Checked, Group, Key, diagnostics_of, primary
from sos_eval.results.facts import (
    CheckFacts,
    HeadlineKey,
    LockFacts,
    MethodFacts,
    ProcedureFacts,
    QuestionFacts,
    RunFacts,
)
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod
from sos_eval.results.method import Method

__all__ = ["run_facts"]


def run_facts(
    design: Design,
    groups: dict[Key, Group],
    fitted: dict[Key, Fitted],
    answers: dict[Key, Answer],
    checked: list[Checked],
) -> RunFacts:
    """Gather what a run knows once its estimates, inference and checks are there."""
    first = primary(design, groups)
    resolution = answers[first].resolution
    methods = _methods(groups, answers)
    return RunFacts(
        headline=HeadlineKey(*first, resolution.methods[0].name),
        question=QuestionFacts(**asdict(design.question)),
        panel=panel_facts(fitted[first].panel),
        inference=resolution.facts(),
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
        methods={method.name: _method_facts(method) for method in methods},
    )


def _methods(groups: dict[Key, Group], answers: dict[Key, Answer]) -> list[Method]:
    """List the estimators and the inference in use."""
    estimators: list[Method] = [group.entry.method for group in groups.values()]
    return estimators + [method for answer in answers.values() for method in answer.resolution.methods]


def _method_facts(method: Method) -> MethodFacts:
    """Return what a method says of itself."""
    if isinstance(method, InferenceMethod):
        return MethodFacts(method.label, method.says, method.few_clusters, method.alone_from)
    return MethodFacts(method.label, says="")


def _caveats(design: Design, group: Group) -> tuple[str, ...]:
    """List what a reader of page one has to know: declared, from the data, from the comparison group."""
    caveats = [*design.question.caveats, *group.source.caveats]
    reasons = group.comparison.off_support
    for reason in dict.fromkeys(reasons.values()):
        names = [group.source.unit_names[unit] for unit, why in reasons.items() if why == reason]
        caveats.append(f"{len(names)} treated ({listed(names)}) off the comparison's support: {reason}.")
    return tuple(dict.fromkeys(caveats))


def _notes(groups: dict[Key, Group], fitted: dict[Key, Fitted]) -> dict[str, tuple[str, ...]]:
    """Return what estimators and comparison groups had to say, by estimator."""
    notes: dict[str, tuple[str, ...]] = {}
    for key, fit in fitted.items():
        said = (*notes.get(key[0], ()), *groups[key].comparison.notes, *fit.estimate.notes)
        notes[key[0]] = tuple(dict.fromkeys(said))
    return {name: said for name, said in notes.items() if said}
