"""Outcomes that should not get worse, beside the verdict: estimate, range, whether harm beyond a margin is excluded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from sos_eval.report.verdict import HeadlineEffect, beside, effect_of
from sos_eval.report.wording import alike, interval_words, p_number, plain_words
from sos_eval.results.facts import HeadlineKey, OutcomeFacts, RunFacts
from sos_eval.terms import SAFETY_ROLES

__all__ = ["harm_excluded", "harm_shown", "safety_rows", "safety_words"]


def safety_rows(
    estimates: pd.DataFrame, facts: RunFacts, ranged: Callable[[HeadlineEffect, OutcomeFacts], str]
) -> list[dict[str, Any]]:
    """Return a row per safety outcome, of the headline's estimator under the headline's inference.

    Parameters
    ----------
    estimates
        In the columns of `estimates.csv`.
    facts
        Which outcomes are declared, with their margins.
    ranged
        Writes estimate and range.
    """
    named = {name: one for name, one in facts.panel.outcomes.items() if one.role in SAFETY_ROLES}
    return [_row(name, outcome, estimates, facts, ranged) for name, outcome in named.items()]


def _key_of(name: str, estimates: pd.DataFrame, facts: RunFacts) -> HeadlineKey:
    """Return where an outcome's estimate stands: under the headline's estimator, else the first that has one."""
    own = replace(facts.headline, outcome=name)
    others = dict.fromkeys(str(one) for one in estimates.loc[estimates["outcome"] == name, "estimator"])
    keys = [own, *(replace(own, estimator=one) for one in others)]
    return next((key for key in keys if key.overall(estimates) is not None), own)


def _row(
    name: str, outcome: OutcomeFacts, estimates: pd.DataFrame, facts: RunFacts,
    ranged: Callable[[HeadlineEffect, OutcomeFacts], str],
) -> dict[str, Any]:  # fmt: skip
    label = plain_words(outcome.label or name)
    said: dict[str, Any] = {
        "outcome": name, "label": f"{label[:1].upper()}{label[1:]}", "role": outcome.role, "margin": outcome.margin
    }  # fmt: skip
    key = _key_of(name, estimates, facts)
    row = key.overall(estimates)
    if row is None:
        return said | {"estimate": math.nan, "excluded": None, "text": "No overall estimate."}
    if math.isnan(float(row["estimate"])) and str(row["reason"] or "").startswith("withheld"):
        return said | {"estimate": math.nan, "excluded": None, "text": "Withheld (disclosure).", "withheld": True}
    effect = effect_of(row, outcome, facts.procedure(key))
    if not facts.inference.reliable:
        effect = replace(effect, low=math.nan, high=math.nan, p=math.nan)
    excluded = harm_excluded(effect, outcome.margin)
    doubts = [*_other_tests(estimates, row, outcome, facts), *_without_one(effect, name, outcome, facts)]
    return said | {
        "doubts": doubts if excluded else [], "whole": harm_shown(effect, outcome.margin),
        "worse": worse_beyond_chance(effect, outcome.margin),
        "estimate": effect.estimate, "conf_low": effect.low, "conf_high": effect.high, "p_value": effect.p,
        "p_adjusted": _adjusted(facts, name), "excluded": excluded,
        "text": f"{ranged(effect, outcome)}{_as_difference(effect, outcome)}{_by(key, facts)}",
    }  # fmt: skip


def _by(key: HeadlineKey, facts: RunFacts) -> str:
    """Name the estimator where it is not the headline's."""
    return "" if key.estimator == facts.headline.estimator else f" By the estimator “{key.estimator}”."


def _as_difference(effect: HeadlineEffect, outcome: OutcomeFacts) -> str:
    """Return a ratio and its range as differences, which is what a margin is; nothing of other scales."""
    best, low, high = (effect.difference(value) for value in (effect.estimate, effect.low, effect.high))
    if effect.scale not in ("ratio", "log") or not math.isfinite(best):
        return ""
    unit = f" per {outcome.per:,.10g}" if outcome.scale == "rate_per" else ""
    span = interval_words(low, high)
    return f" As a difference: {alike([best, low, high])[0]}{unit}{f' ({span})' if span else ''}."


def _adjusted(facts: RunFacts, outcome: str) -> float:
    """Return the headline test's p of an outcome, adjusted for their number; NaN where it was not made."""
    procedure = facts.procedure(replace(facts.headline, outcome=outcome)) if facts.inference.reliable else None
    return float(procedure.details.get("p_adjusted", math.nan)) if procedure else math.nan


def harm_excluded(effect: HeadlineEffect, margin: float | None) -> bool | None:
    """Say whether the range leaves harm beyond the margin out, by more than two Monte Carlo errors of its end.

    A positive margin takes a rise for harm, a negative one a fall. None without a margin or a range, and where the
    end lies within the margin by less than its error allows to tell.
    """
    if margin is None:
        return None
    sign, end = (1.0, "high") if margin > 0 else (-1.0, "low")
    reached = sign * effect.difference(getattr(effect, end))
    if math.isnan(reached):
        return None
    if reached >= abs(margin):
        return False
    return True if sign * effect.furthest(end, sign) < abs(margin) else None


def harm_shown(effect: HeadlineEffect, margin: float | None) -> bool:
    """Say whether the whole range lies beyond the margin, by more than two Monte Carlo errors of its nearer end."""
    if margin is None:
        return False
    sign, end = (1.0, "low") if margin > 0 else (-1.0, "high")
    return sign * effect.furthest(end, -sign) >= abs(margin)


def worse_beyond_chance(effect: HeadlineEffect, margin: float | None) -> bool:
    """Say whether the whole range lies on the harmful side of no difference; without a range, whether p says so."""
    if margin is None:
        return False
    if math.isnan(effect.low) or math.isnan(effect.high):
        return effect.beyond_chance and (effect.estimate > effect.nothing) == (margin > 0)
    return effect.low > effect.nothing if margin > 0 else effect.high < effect.nothing


def _other_tests(estimates: pd.DataFrame, row: Mapping[str, Any], outcome: OutcomeFacts, facts: RunFacts) -> list[str]:
    """Name the other declared tests of the same number that hold with so few and do not leave the harm out."""
    others = [
        other
        for other in beside(estimates, row)
        if facts.panel.n_treated_clusters >= facts.method(str(other["inference"])).alone_from
        and harm_excluded(effect_of(other, outcome), outcome.margin) is False
    ]
    return [f"not by the {facts.method(str(other['inference'])).label}" for other in others]


def _without_one(effect: HeadlineEffect, name: str, outcome: OutcomeFacts, facts: RunFacts) -> list[str]:
    """Say so where leaving one unit out moves the estimate by more than lies between the range's end and the margin."""
    checks = [one for one in facts.checks if one.name == "leave_one_out" and one.outcome == name]
    moved = max((abs(one.value) for one in checks if one.estimator in ("", facts.headline.estimator)), default=0.0)
    if outcome.margin is None or not moved > 0:
        return []
    sign, end = (1.0, effect.high) if outcome.margin > 0 else (-1.0, effect.low)
    reached = sign * effect.difference(end + sign * moved) >= abs(outcome.margin)
    return ["leaving one out moves the estimate by more than the room that is left"] if reached else []


def safety_words(row: Mapping[str, Any], facts: RunFacts) -> tuple[str, str]:
    """Return a safety outcome's verdict in words, and its p."""
    margin, outcome = row["margin"], facts.panel.outcomes.get(str(row["outcome"]), OutcomeFacts())
    values = [row.get(name) for name in ("p_adjusted", "p_value")]
    p = p_number(next((float(one) for one in values if one is not None and not math.isnan(float(one))), math.nan))
    if margin is None:
        return "no margin was declared", p
    unit = f" per {outcome.per:,.10g}" if outcome.scale == "rate_per" else ""
    beyond = f"{'a rise' if margin > 0 else 'a fall'} of {abs(margin):,g}{unit} or more"
    end = row.get("conf_high" if margin > 0 else "conf_low")
    unknown = f"whether {beyond} is excluded cannot be said: no range"
    if row.get("withheld"):
        return f"whether {beyond} is excluded is not told: withheld (disclosure)", p
    if outcome.transform == "log":
        return "cannot be said: a margin is not held against an outcome in logs", p
    if end is not None and not math.isnan(float(end)):
        unknown = f"whether {beyond} is excluded needs more draws: the range ends within their error of it"
    doubts = "".join(f"; {text}" for text in row.get("doubts") or ())
    not_excluded = f"{beyond} is what the whole range shows" if row.get("whole") else f"{beyond} is not excluded"
    words = {True: f"{beyond} is excluded{doubts}", False: not_excluded, None: unknown}
    worse = f"{'higher' if margin > 0 else 'lower'} beyond chance; " if row.get("worse") else ""
    return f"{worse}{words[row['excluded']]}", p
