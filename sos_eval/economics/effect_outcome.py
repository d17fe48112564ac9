"""Which outcome an effect that comes from a run must be of: entries into care, or what the declaration says is."""

from __future__ import annotations

from collections.abc import Mapping
from re import IGNORECASE, compile
from typing import Any, Literal

from sos_eval.economics.declared import DeclaredEffect
from sos_eval.economics.problem import Problem
from sos_eval.results.facts import RunFacts

__all__ = ["SCALES", "counts_entries", "outcome_problem", "run_outcome_problem"]

#: Scale of a run's estimate -> that of a declared effect.
SCALES: dict[str, Literal["rate_difference", "rate_ratio"]] = {"rate_per": "rate_difference", "ratio": "rate_ratio"}
#: Words of an outcome that counts entries into care.
_ENTRIES = compile(
    r"\b(entry|entries|entered|enter|entering|admissions?|admitted)\b|\bstart\w* (being |to be )?(looked after|care)\b|"
    r"\b(taken|coming|come|came|brought|going|go|went) into care\b|\bnewly looked after\b",
    IGNORECASE,
)
#: And of one that counts entries of another kind.
_OTHERS = compile(r"\bre[- ]?(entry|entries|entered|enter\w*|admi\w*)\b", IGNORECASE)


def counts_entries(words: str) -> bool:
    """Say whether an outcome's name or words are of entries into care."""
    plain = words.replace("_", " ")
    return bool(_ENTRIES.search(plain)) and not _OTHERS.search(plain)


def outcome_problem(
    effect: DeclaredEffect, name: str, label: str, *, counted: bool, stock: bool, where: str
) -> Problem | None:
    """Say why an outcome's effect is none on entries into care; nothing where it is one.

    Parameters
    ----------
    effect
        The declared effect, without an estimate; its `outcome` says what counts entries where words do not.
    name, label
        Of the outcome.
    counted, stock
        Whether it is a count over a population at risk, and of those who are there on a day.
    where
        What the outcome is of: “the bundle x” or “the design”.
    """
    said = f"the primary outcome of {where} is “{label or name}” ({name})"
    if effect.outcome not in ("", name):
        return ("effect", "outcome"), f"{effect.outcome!r}: {said}", f"write {name}, if it counts entries into care"
    if not counted or stock:
        how = "children who are there on one day" if stock else "a measured value, no count over a population at risk"
        other = "take a run whose primary outcome counts entries into care, with its population at risk"
        return ("effect",), f"{said}: {how}, not entries into care", f"{other}, or declare estimate and std_error"
    if effect.outcome == name or counts_entries(f"{name} {label}"):
        return None
    instead = f"if it counts entries into care write effect.outcome: {name}; else take a run whose primary outcome does"
    return ("effect",), f"{said}: it does not say that it counts entries into care", instead


def run_outcome_problem(
    effect: DeclaredEffect, facts: RunFacts, row: Mapping[str, Any] | None, where: str
) -> Problem | None:
    """Say why a run's headline gives no effect on entries into care; nothing where it does.

    Parameters
    ----------
    effect
        The declared effect.
    facts
        What the run knows.
    row
        The headline's row of its estimates; None where there is none.
    where
        What the outcome is of.
    """
    name, known = facts.headline.outcome, facts.outcome
    label, counted = (known.label, known.counted) if known is not None else ("", True)
    found = outcome_problem(effect, name, label, counted=counted, stock=known is not None and known.stock, where=where)
    if found is not None or row is None:
        return found
    if facts.panel.period not in ("", "year"):
        what = f"{where} has an effect on entries a {facts.panel.period}; an evaluation counts entries a year"
        how = "take a run of yearly counts" if facts.panel.period != "period" else "say what a period is (panel.period)"
        return ("effect",), what, f"{how}, or declare estimate and std_error"
    own = SCALES.get(row["scale"])
    if own is not None and effect.scale not in ("rate_difference", own):  # rate_difference stands without a word
        what = (
            f"{effect.scale}: the primary estimate of {where}, of “{label or name}”, is a {own}, and is used as it is"
        )
        return ("effect", "scale"), what, "leave it out"
    if own is None:
        what = f"the primary estimate of {where}, of “{label or name}”, is on the scale {row['scale']}"
        return ("effect",), f"{what}: an effect on entries is a difference in rates or a ratio of them", (
            "take a run that estimates one of these, or declare estimate and std_error"
        )  # fmt: skip
    return None
