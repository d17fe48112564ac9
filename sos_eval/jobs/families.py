"""Outcomes that are looked at together: their tests are adjusted for their number."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from sos_eval.design.design import Design
from sos_eval.inference.family import adjusted_for_number
from sos_eval.inference.outcome_family import family_rows, outcome_families
from sos_eval.inference.randomization import Randomization
from sos_eval.jobs.answers import Answer, Key
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import Inferred
from sos_eval.terms import SAFETY_ROLES

__all__ = ["SAFETY", "declared_families", "with_families"]

#: The family of the outcomes that should not get worse, those to which children may be displaced among them.
SAFETY = "safety"


def with_families(fitted: dict[Key, Fitted], answers: dict[Key, Answer]) -> dict[Key, Answer]:
    """Adjust the permutation tests of each primary entry's safety outcomes for their number, by their common lots."""
    told = dict(answers)
    for entry in dict.fromkeys(key[0] for key, one in fitted.items() if one.role == "primary"):
        members = [key for key, one in fitted.items() if key[0] == entry and one.panel.outcome.role in SAFETY_ROLES]
        for test in _tests(told, members):
            told |= _adjusted(told, members, test)
    return told


def declared_families(design: Design, answers: dict[Key, Answer]) -> dict[str, pd.DataFrame]:
    """Return ``families``: the outcomes of every declared family, by estimator and inference; nothing without one."""
    if not design.families:
        return {}
    rows = []
    for family in design.families:
        for entry in dict.fromkeys(key[0] for key in answers):
            members = {key[1]: one for key, one in answers.items() if key[0] == entry and key[1] in family.outcomes}
            methods = {method.key: method for one in members.values() for method in one.resolution.methods}
            for key, method in methods.items():
                rows += family_rows(family, entry, method, {name: one for name, answer in members.items()
                                                            if (one := _by(answer, key)) is not None})  # fmt: skip
    return {"families": outcome_families(rows)}


def _by(answer: Answer, key: str) -> Inferred | None:
    """Return what an answer says by an inference; None where it is not in use."""
    pairs = zip(answer.resolution.methods, answer.inferred, strict=True)
    return next((one for method, one in pairs if method.key == key), None)


def _tests(answers: dict[Key, Answer], members: list[Key]) -> list[Randomization]:
    """List the permutation tests in use, each once."""
    methods = [method for key in members for method in answers[key].resolution.methods]
    return list({method.key: method for method in methods if isinstance(method, Randomization)}.values())


def _adjusted(answers: dict[Key, Answer], members: list[Key], test: Randomization) -> dict[Key, Answer]:
    """Return the answers of the members, those to one test adjusted."""
    place = {key: _place(answers[key], test) for key in members}
    own = {key: answers[key].inferred[k] for key, k in place.items() if k is not None}
    adjusted = adjusted_for_number(SAFETY, {key[1]: one for key, one in own.items()}, test.statistic)
    return {
        key: replace(answers[key], inferred=tuple(adjusted[key[1]] if one is own[key] else one
                                                  for one in answers[key].inferred))
        for key in own
    }  # fmt: skip


def _place(answer: Answer, test: Randomization) -> int | None:
    """Return where a test stands among the methods of an answer, whatever its interval rests on; None without it."""
    return next((k for k, method in enumerate(answer.resolution.methods) if method.key == test.key), None)
