"""Sentences of a theory's answers, for the report and `results.json`."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from sos_eval.results.theory import TheoryFacts
from sos_eval.theory.identify import Identification
from sos_eval.theory.programme import ProgrammeTheory

__all__ = ["facts_of", "inside"]


def facts_of(
    theory: ProgrammeTheory, found: Identification, moving: pd.DataFrame, tested: pd.DataFrame, level: float
) -> TheoryFacts:
    """Put a theory's answers into the form that a bundle keeps.

    Parameters
    ----------
    moving, tested
        Of `movers` and `held_against`.
    level
        Of the adjusted tests.
    """
    return TheoryFacts(
        identification=_identification(theory, found),
        trends=_trends(moving),
        implications=" ".join(filter(None, (_implications(tested, level), _differing(theory)))),
        adjustment=tuple(tuple(sorted(one)) for one in found.minimal),
        every=found.every,
        front_door=tuple(sorted(found.front_door)),
        instruments=found.instruments,
        missing=tuple(sorted(found.missing)),
        statements=tuple(one.words for one in theory.statements),
    )


def _identification(theory: ProgrammeTheory, found: Identification) -> str:
    """Say what identifies the effect by the graph alone, or what it would take."""
    practice, outcome = inside(theory.label(theory.treatment)), inside(theory.label(theory.outcome))
    effect = f"the effect of {practice} on {outcome}"
    if found.minimal == (frozenset(),):
        return f"By the graph nothing has to be adjusted for to know {effect}."
    said = []
    if found.minimal:
        sets = "; or ".join(_named(theory, sorted(one)) for one in found.minimal)
        said.append(f"By the graph it takes adjusting for {sets} to know {effect}.")
    else:
        said.append(f"By the graph no adjustment for what is measured is enough to know {effect}.")
        if found.missing:
            said.append(f"It would be, with these measured too: {_named(theory, sorted(found.missing))}.")
    if found.front_door:
        said.append(f"It can be known through {_named(theory, sorted(found.front_door))} (front door).")
    if found.instruments:
        said.append(f"As an instrument would serve: {_named(theory, found.instruments)}.")
    return " ".join(said)


def _trends(moving: pd.DataFrame) -> str:
    """Say what the design rests on in place of the graph, and what may upset it."""
    rests = (
        "The estimates here compare changes, so they rest on parallel trends: that without the intervention adopters' "
        "outcomes would have moved as the others' did. No graph can show that."
    )
    if moving.empty:
        return f"{rests} The theory names nothing that moves both."
    constant, adjusted = (moving[name].astype(bool) for name in ("constant", "adjusted"))
    groups = {
        "vary over time, may move adopters' trends, and are not adjusted for": ~constant & ~adjusted,
        "vary over time and are adjusted for": ~constant & adjusted,
        "drop out of changes unless what they do changes over time": constant,
    }
    named = [(what, [inside(label) for label in moving.loc[rows, "words"]]) for what, rows in groups.items()]
    told = [f"By the theory these {what}: {_joined(labels)}." for what, labels in named if labels]
    return " ".join([rests, *told])


def _implications(tested: pd.DataFrame, level: float) -> str:
    """Say how many independences were tested, and which the data contradict."""
    done = tested[tested["p_value"].notna()]
    if done.empty:
        if len(tested) == 1:
            return "The one independence that the graph implies could not be tested."
        return f"None of the {len(tested)} independences that the graph implies could be tested." if len(tested) else ""
    against = done[done["p_adjusted"] < level]
    pairs = _joined([f"{row['left']} and {row['right']}" for _, row in against.iterrows()])
    verdict = f"the data contradict {len(against)} ({pairs})" if len(against) else "the data contradict none"
    every = "1 independence" if len(tested) == 1 else f"{len(tested)} independences"
    return (
        f"Of {every} that the graph implies, {len(done)} could be tested on units' means (of what the intervention "
        "moves from the first start on, of the rest before it; linear tests, p adjusted for their number): "
        f"{verdict}. What is not contradicted is not thereby shown."
    )


def _differing(theory: ProgrammeTheory) -> str:
    """Say which nodes are measured by something near them."""
    near = [f"{inside(theory.label(node))} (in its place {words.strip()})" for node, words in theory.differs.items()]
    return f"Measured by something near it: {_joined(near)}." if near else ""


def _named(theory: ProgrammeTheory, nodes: Iterable[str]) -> str:
    return _joined([inside(theory.label(node)) for node in nodes])


def inside(label: str) -> str:
    """Write a label as it stands within a sentence."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _joined(names: list[str]) -> str:
    """Return names as ``a, b and c``."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
