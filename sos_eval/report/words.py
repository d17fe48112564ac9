"""Sentences, chosen from numbers: the headline, what it does not show, and what must not be made of it."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from sos_eval.errors import numeral
from sos_eval.report.attenuation import attenuation
from sos_eval.report.basis import basis, lot_clause
from sos_eval.report.by_dose import by_dose
from sos_eval.report.cautions import caveats, does_not_show, failed_checks, must_not_say, what_would_change_it
from sos_eval.report.clustered import clustered_apart
from sos_eval.report.converted import conversions, converted_rows
from sos_eval.report.earlier_path import earlier_path
from sos_eval.report.outcomes import other_outcomes
from sos_eval.report.procedures import disagreement, procedure_rows
from sos_eval.report.reading import every_of, people, period_word, words_for_units
from sos_eval.report.safety import safety_rows
from sos_eval.report.verdict import (
    ROOM,
    RULE,
    HeadlineEffect,
    Natural,
    beside,
    effect_of,
    natural_units,
    verdict_of,
)
from sos_eval.report.whose import averaged_over, came_out, level_of
from sos_eval.report.wording import count, drawn_alike, in_units, listing, percent, plain_words, whole
from sos_eval.results.check import of_hundred
from sos_eval.results.facts import DetectableFacts, OutcomeFacts, QuestionFacts, RunFacts
from sos_eval.terms import Estimand, Verdict

__all__ = ["headline_of"]


def headline_of(estimates: pd.DataFrame, facts: RunFacts, by_lot: str = "") -> dict[str, Any]:
    """Return `headline.json`: one number, fixed by rule before outcomes are read, in words and in natural units.

    Parameters
    ----------
    estimates
        In the columns of `estimates.csv`.
    facts
        Which row it is, and what its words need beside the numbers.
    by_lot
        Where it is declared that a lot drew when each unit starts; empty if nowhere.
    """
    facts = replace(facts, question=_in_sentences(facts.question))
    question = facts.question
    row = facts.headline.overall(estimates)
    if row is None:
        return _without_row(facts)
    outcome = facts.outcome or OutcomeFacts()
    effect = effect_of(row, outcome, facts.procedure(facts.headline))
    if not facts.inference.reliable:
        effect = replace(effect, low=math.nan, high=math.nan, p=math.nan, std_error=math.nan)
    verdict = verdict_of(effect, question.worthwhile)
    natural = natural_units(effect, outcome)
    others = beside(estimates, row)
    units = words_for_units(facts.panel.unit, question.comparator, question.population)
    every, period = every_of(facts.panel, outcome), period_word(facts.panel)
    return {
        "sentence": sentence(
            verdict, effect, natural, question=question, outcome=outcome, units=units, every=every,
            whom=facts.panel.estimand,
        ),
        "disagreement": disagreement(effect, facts, units),
        "other_outcomes": other_outcomes(
            estimates, facts,
            lambda other, own: range_text(other, None, outcome=own, units=units, question=question, every=every),
        ),
        "safety": safety_rows(
            estimates, facts,
            lambda other, own: range_text(other, None, outcome=own, units=units, question=question, every=every),
        ),
        "basis": basis(effect, facts, units, [*by_dose(estimates, row), *lot_clause(by_lot)]),
        "earlier_path": earlier_path(effect, facts, units),
        **{name: row[name] for name in ("estimator", "outcome", "inference", "estimand", "aggregation", "scale")},
        "per": outcome.per,
        "estimate": effect.estimate, "std_error": effect.std_error, "conf_low": effect.low, "conf_high": effect.high,
        "conf_level": effect.level, "p_value": effect.p,
        "n_units": row["n_units"], "n_treated_units": row["n_treated_units"], "n_clusters": row["n_clusters"],
        "natural_units": _natural(natural, units, question, outcome, every), "percent": _percent(effect, facts),
        "verdict": verdict, "verdict_rule": RULE, "reason": row["reason"],
        "range": range_text(effect, natural, outcome=outcome, units=units, question=question, every=every),
        "converted": converted_rows(effect, facts, outcome),
        "conversions": conversions(effect, outcome, units, period),
        "detectable": asdict(facts.detectable),
        "detectable_text": detectable_text(effect, facts, units, by_lot=bool(by_lot)),
        "attenuation": attenuation(facts, units),
        "beside": procedure_rows(others),
        "caveats": [*clustered_apart(estimates, facts, units), *caveats(effect, facts, units)],
        "does_not_show": does_not_show(
            verdict, question, units, ranged=not math.isnan(effect.low), whom=facts.panel.estimand,
            by_lot=by_lot, alone=effect.row["n_treated_units"] == 1,
        ),
        "what_would_change_it": what_would_change_it(verdict, effect, facts, units, by_lot=bool(by_lot)),
        "must_not_say": must_not_say(verdict),
        "inference_rule": asdict(facts.inference),
        "expected_direction": question.expected_direction,
        "lock": asdict(facts.lock),
    }  # fmt: skip


def _in_sentences(question: QuestionFacts) -> QuestionFacts:
    """Return the question with its intervention as it stands inside a sentence."""
    return replace(question, intervention=in_a_sentence(question.intervention or "the intervention"))


def in_a_sentence(text: str) -> str:
    """Return a declared phrase as it stands inside a sentence: what is in brackets at its end goes with page one."""
    bare = re.sub(r"\s*\([^()]*\)\s*$", "", text) or text
    return re.sub(r"^(A|An|The)\b", lambda article: article.group().lower(), bare)


def _without_row(facts: RunFacts) -> dict[str, Any]:
    """Return the headline of a run that has no overall estimate."""
    units = words_for_units(facts.panel.unit, facts.question.comparator, facts.question.population)
    about = f"whether {facts.question.intervention} changed {_outcome(facts.question, OutcomeFacts())}"
    return {
        "sentence": f"These data and this design give no overall estimate, so they cannot say {about}.",
        "verdict": "not_identified", "verdict_rule": RULE, "estimate": math.nan, "conf_low": math.nan,
        "conf_high": math.nan, "p_value": math.nan, "must_not_say": must_not_say("not_identified"),
        "caveats": [*facts.question.caveats, *failed_checks(facts, units)], "does_not_show": [],
        "what_would_change_it": [],
        "lock": asdict(facts.lock), "inference_rule": asdict(facts.inference),
    }  # fmt: skip


def _outcome(question: QuestionFacts, outcome: OutcomeFacts) -> str:
    """Return the outcome as it stands inside a sentence."""
    text = plain_words(question.outcome or outcome.label or "the outcome")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def sentence(
    verdict: Verdict,
    effect: HeadlineEffect,
    natural: Natural | None,
    *,
    question: QuestionFacts,
    outcome: OutcomeFacts,
    units: tuple[str, str],
    every: str,
    whom: Estimand = "att",
) -> str:
    """Return the answer in one or two sentences of plain English."""
    what, did = _outcome(question, outcome), question.intervention
    span = range_text(effect, natural, outcome=outcome, units=units, question=question, every=every)
    if verdict == "not_identified":
        reason = str(effect.row["reason"])
        who = "This page does not say" if reason.startswith("withheld") else "These data cannot say"
        return f"{who} whether {did} changed {what}" + (f": {in_units(reason, units)}." if reason else ".")
    if verdict == "inconclusive":
        worth = _room_for_worth(effect, question, outcome) + averaged_over(whom, units)
        return f"This evaluation cannot tell whether {did} changed {what}. {span}{worth}"
    if verdict == "no_meaningful_effect" and question.worthwhile is not None:
        least = _scaled(question.worthwhile, outcome)
        return (
            f"The whole {100 * effect.level:g}% interval of the difference in {what} with {did} lies inside the "
            f"smallest one worth having ({least}). {span}{averaged_over(whom, units)}"
        )
    lower = "lower" if verdict == "decrease" else "higher"
    said = f"{came_out(whom, what, did, lower, units)} {span}"
    return f"{said}{_expectation(verdict, question)}{_worth_of_range(verdict, effect, question, outcome)}"


def _worth_of_range(verdict: str, effect: HeadlineEffect, question: QuestionFacts, outcome: OutcomeFacts) -> str:
    """Hold a range beyond no difference against the smallest change worth having, where one was declared."""
    least = question.worthwhile
    if least is None or outcome.transform == "log" or math.isnan(effect.low) or math.isnan(effect.high):
        return ""
    sign, near, far, way = (-1.0, "high", "low", "fall") if verdict == "decrease" else (1.0, "low", "high", "rise")
    scaled = _scaled(least, outcome)
    if sign * effect.furthest(far, sign) < least:
        return f" The whole range is smaller than the smallest change worth having ({scaled})."
    if sign * effect.furthest(near, -sign) >= least:
        return f" The whole range is a {way} worth having ({scaled} or more)."
    return f" The range has room for a {way} worth having ({scaled} or more) and for smaller ones."


def _room_for_worth(effect: HeadlineEffect, question: QuestionFacts, outcome: OutcomeFacts) -> str:
    """Say whether the range has room for a change worth having, where one was declared."""
    least = question.worthwhile
    if least is None or math.isnan(effect.low) or math.isnan(effect.high):
        return ""
    if outcome.transform == "log":
        return " The smallest change worth having is not held against an outcome in logs."
    fall, rise = effect.difference(effect.low) <= -least, effect.difference(effect.high) >= least
    worth, there = f"worth having ({_scaled(least, outcome)} or more)", {"fall": fall, "rise": rise}
    wanted, other = {"decrease": ("fall", "rise"), "increase": ("rise", "fall")}.get(
        question.expected_direction, ("", "")
    )
    if not wanted:
        ways = listing([f"a {name}" for name in there if there[name]], "and")
        return f" The range has room for {ways} {worth}." if ways else ""
    if not there[wanted]:
        sign, end = (-1.0, "low") if wanted == "fall" else (1.0, "high")
        if not sign * effect.furthest(end, sign) < least:
            return f" Whether a {wanted} {worth} lies outside the range needs more draws."
        return f" A {wanted} {worth} lies outside the range{f'; a {other} as large does not' if there[other] else ''}."
    return f" The range has room for a {wanted} {worth}{f' and for a {other} as large' if there[other] else ''}."


def _expectation(verdict: str, question: QuestionFacts) -> str:
    """Say when the direction is not the one that was expected."""
    opposite = {"decrease": "increase", "increase": "decrease"}
    unexpected = question.expected_direction == opposite[verdict]
    return " This is the opposite of what was expected." if unexpected else ""


def _scaled(value: float, outcome: OutcomeFacts) -> str:
    """Return a declared size with its unit: ``1.5 per 10,000``."""
    return f"{value:,g} per {outcome.per:,.10g}" if outcome.scale == "rate_per" else f"{value:,g}"


def range_text(
    effect: HeadlineEffect,
    natural: Natural | None,
    *,
    outcome: OutcomeFacts,
    units: tuple[str, str],
    question: QuestionFacts,
    every: str,
) -> str:
    """Return estimate and range: on the outcome's scale, then as people a period where it counts people."""
    if not math.isfinite(effect.estimate):
        return ""
    values = [effect.estimate, effect.low, effect.high]
    unit = f" per {outcome.per:,.10g}" if effect.scale == "rate_per" else ""
    if effect.scale in ("ratio", "log"):
        errors = [0.0, *(effect.within(end, effect.share) for end in ("low", "high"))]
        best, low, high = (percent_change(effect.share(v), error) for v, error in zip(values, errors, strict=True))
    else:
        more = _directions(values, counted=effect.scale in ("rate_per", "count"))
        errors = [0.0, *(effect.within(end, float) for end in ("low", "high"))]
        sizes = drawn_alike([abs(value) for value in values], errors)
        best, low, high = (f"{_above_nothing(size)}{word}" for size, word in zip(sizes, more, strict=True))
    said = f"The best estimate is {best}{unit}"
    low, high = (
        "no lower limit" if effect.low == -math.inf else low,
        "no upper limit" if effect.high == math.inf else high,
    )
    if math.isnan(effect.low) or math.isnan(effect.high):
        return f"{said}; {_no_range(effect)}."
    said = f"{said} ({100 * effect.level:g}% interval: {low} to {high}{_ends_within(effect)})"
    if natural is None or not all(map(math.isfinite, (natural.low, natural.high))):
        return f"{said}."
    noun = people(question, outcome)
    size = f"{units[0]} of average size ({natural.exposure:,.0f} {'children' if noun == 'children' else 'people'})"
    article = "an" if units[0] == "authority" else "a"
    per = natural.exposure / outcome.per
    low, high = (
        fewer(n, noun, per * effect.within(end, effect.difference))
        for end, n in (("low", natural.low), ("high", natural.high))
    )
    span = f"{low} to {high}"
    return f"{said}: anything from {span} {every} in {article} {size}."


def _above_nothing(size: str) -> str:
    """Return a size that is not zero; one that is rounded to nothing as less than its last place."""
    return f"less than {size[:-1]}1" if re.fullmatch(r"0\.0+", size) else size


def _no_range(effect: HeadlineEffect) -> str:
    """Say why an estimate stands without a range, and what its p is where it has one."""
    if not math.isfinite(effect.p):
        return "no reliable range can be given with this design"
    reason = str(effect.row["reason"] or "")
    why = f"there is none, since {reason}" if reason else "the plan asks for none"
    return f"beside it stands no range ({why}); chance alone gives as much in {of_hundred(effect.p)} draws"


def _ends_within(effect: HeadlineEffect) -> str:
    """Say within what two Monte Carlo errors leave the drawn ends of a range; nothing where none is drawn."""
    ends = {"low": effect.low_error, "high": effect.high_error}
    relative = effect.scale in ("ratio", "log")
    sizes = [
        ROOM * error * (100 * (1 + effect.share(getattr(effect, name))) if relative else 1.0)
        for name, error in ends.items()
        if error > 0 and math.isfinite(getattr(effect, name))
    ]
    if not sizes:
        return ""
    told = _two(max(sizes))
    unit = "" if not relative else " point" if told == "1" else " points"
    return f"; other random draws would move its ends by up to about {told}{unit}"


def _directions(values: list[float], *, counted: bool) -> list[str]:
    """Return ``fewer`` and ``more`` for counts and rates, else ``lower`` and ``higher``."""
    less, more = (" fewer", " more") if counted else (" lower", " higher")
    return [less if value < 0 else more if value > 0 else "" for value in values]


def percent_change(share: float, within: float = 0.0) -> str:
    """Return ``7% lower`` or ``3% higher``."""
    if not math.isfinite(share) or abs(share) < 0.0005:
        return "unchanged"
    return f"{percent(abs(share), within)} {'lower' if share < 0 else 'higher'}"


def fewer(n: float, noun: str, within: float = 0.0) -> str:
    """Return ``47 fewer children``, ``1 more child`` or ``less than one child fewer``: whole people only."""
    size, word = abs(n), "fewer" if n < 0 else "more"
    single = {"children": "child", "cases": "case"}[noun]
    if abs(n) < 0.05:
        return f"no more and no fewer {noun}"
    if abs(n) < 0.5:
        return f"less than one {single} {word}"
    return f"{whole(max(size, 1), within)} {word} {single if round(size) <= 1 else noun}"


def _natural(
    natural: Natural | None, units: tuple[str, str], question: QuestionFacts, outcome: OutcomeFacts, every: str
) -> dict[str, Any] | None:
    if natural is None:
        return None
    unit = f"{people(question, outcome)} {every} per {units[0]} of average size"
    return {"unit": unit, "estimate": natural.estimate, "low": natural.low, "high": natural.high,
            "average_exposure": natural.exposure}  # fmt: skip


def _percent(effect: HeadlineEffect, facts: RunFacts) -> dict[str, Any]:
    """Return the effect as a percentage of the level that those it is about would have had without treatment."""
    shares = [100 * effect.share(value) for value in (effect.estimate, effect.low, effect.high)]
    return {
        "of": level_of(facts.panel.estimand),
        "level_without": effect.without,
        "estimate": shares[0],
        "low": shares[1],
        "high": shares[2],
    }


def _few_ways(facts: RunFacts) -> str:
    """Say how few ways there are to choose who starts, and how clear the clearest of them is; nothing of many."""
    procedure = facts.procedure(facts.headline)
    details = procedure.details if procedure else {}
    ways, least = details.get("assignments"), details.get("smallest_p")
    if not details.get("complete") or not isinstance(ways, int) or ways > _FEW_WAYS or least is None:
        return ""
    often = of_hundred(float(least))
    return f" ({ways} ways to choose who starts: even the clearest result comes up by chance in {often})"


#: Lists of adoptions up to this long are told.
_FEW_WAYS = 499
_NO_TEST = (
    "No test that is relied on can tell a difference from chance here, so that no range and no size that would have "
    "been found is given"
)


def detectable_text(effect: HeadlineEffect, facts: RunFacts, units: tuple[str, str], *, by_lot: bool = False) -> str:
    """Say which fall and rise the headline's test would have found, or why no test tells anything from chance.

    Empty where the size is not known for another reason, which stands in the facts.
    """
    seen = facts.detectable
    if not facts.inference.reliable:
        return f"{_NO_TEST}: {facts.inference.reason}." if facts.inference.reason else ""
    if seen.reason:
        return ""
    treated = count(float(effect.row["n_treated_units"] or 0), units[0], units[1])
    often = {0.8: "four times in five", 0.9: "nine times in ten"}.get(seen.power, f"{percent(seen.power)} of the time")
    declared = " and the design declares" if by_lot else ""
    assumed = f"If the {treated} had been drawn by lot, as the test assumes{declared}"
    if seen.error_monte_carlo == 0:  # a list: many of few adoptions may need the same
        often = f"at least {often}"
    assumed += _few_ways(facts)
    rise = f"a rise would have to be {_seen(seen, 'rise', effect)}"
    worth = _worth_seen(seen, facts.outcome or OutcomeFacts())
    if not math.isfinite(seen.fall):
        return f"{assumed}, no fall could be found {often}; {rise}{worth}."
    fall = _seen(seen, "fall", effect)
    said = f"{assumed}, and the true change were a fall of {fall}, this test would find it {often}; {rise}{worth}."
    return f"{said}{_wider(effect, seen)}"


def _wider(effect: HeadlineEffect, seen: DetectableFacts) -> str:
    """Say why the range reaches further to either side than the sizes that would have been found, where it does."""
    told = effect.share if seen.unit == "share" else effect.difference
    if not (told(effect.high) - told(effect.low)) / 2 > max(seen.fall, seen.rise):
        return ""
    return " (The range is wider than that: it is of the starts as they fell, these are of all that a lot could draw.)"


def _worth_seen(seen: DetectableFacts, outcome: OutcomeFacts) -> str:
    """Say how often the smallest change worth having is found, and ruled out where nothing changes."""
    if math.isnan(seen.worthwhile):
        return ""
    ways = {"decrease": (("a fall", seen.worthwhile_fall),), "increase": (("a rise", seen.worthwhile_rise),)}
    shown = ways.get(seen.declared_direction, (*ways["decrease"], *ways["increase"]))
    found = listing([f"{name} of it in {of_hundred(share)} cases" for name, share in shown], "and")
    return (
        f"; the smallest change worth having is {_scaled(seen.worthwhile, outcome)}, and it would find {found} and, "
        f"where nothing changes, rule out both a fall and a rise of it in {of_hundred(seen.equivalence)}"
    )


def _seen(seen: DetectableFacts, name: str, effect: HeadlineEffect) -> str:
    """Return ``17% (15 to 19%)``: a size and two errors each way, as a share where the level is known."""
    size, error = (float(getattr(seen, key)) for key in (name, f"{name}_error"))
    if math.isnan(error):
        own = f" {seen.unit}" if seen.unit.startswith("per ") else ""
        return f"{percent(size) if seen.unit == 'share' else f'{_two(size)}{own}'} (its error is not known)"
    low, high = max(size - 2 * error, 0.0), size + 2 * error
    if seen.unit == "share":
        return f"{percent(size)} ({100 * low:.{0 if high >= 0.0995 else 1}f} to {percent(high)})"
    unit = f" {seen.unit}" if seen.unit.startswith("per ") else ""
    share = f", {percent(size / effect.without)} of the level without it" if effect.without > 0 else ""
    return f"{_two(size)}{unit} ({_two(low)} to {_two(high)}{share})"


def _two(value: float) -> str:
    """Return a size to two significant digits: its error allows no more."""
    return numeral(value, 2)
