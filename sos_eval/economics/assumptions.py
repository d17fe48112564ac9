"""What a declaration assumes and no draw varies, in one table: a reader weighs the result by it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sos_eval.economics.model.discount import rate_words
from sos_eval.economics.model.evaluated import DecisionModel
from sos_eval.economics.timing import other_mean
from sos_eval.errors import numeral

__all__ = ["assumption_table"]

_NOWHERE = "no reason is declared"
Row = tuple[str, str, str]


def assumption_table(model: DecisionModel) -> pd.DataFrame:
    """List the assumptions of the base case: ``assumption, value, why``.

    Parameters
    ----------
    model
        The model; scenarios vary what they name.
    """
    rows = [*_frame(model), *_lasting(model), *_programme(model), *_care(model)]
    return pd.DataFrame(rows, columns=["assumption", "value", "why"])


def _frame(model: DecisionModel) -> Iterator[Row]:
    """Yield whose costs count, over how long, for how many."""
    section, frame = model.section, model.section.frame
    assert frame is not None
    why = frame.why or _NOWHERE
    yield "whose costs count", frame.perspective.replace("_", " "), why
    yield "years counted", f"{frame.horizon}", why
    yield "children aged 0 to 17 in an authority", f"{frame.population:,.10g}", ""
    uptake = any(strategy.uptake for strategy in section.strategies)
    when = "as if all did in year 1; the budget alone follows uptake" if uptake else "all in year 1"
    yield "authorities that take it up", f"{frame.authorities:,}", when
    costs, effects = rate_words(section.rates.costs), rate_words(section.rates.effects)
    yield "discounting", f"costs {costs}, effects {effects}", section.rates.why or _NOWHERE
    if section.decision_threshold is not None:
        price = f"{frame.currency} {section.decision_threshold:,.10g}"
        why = section.decision_threshold_source or "no source is declared"
        yield "money a unit of effect at which the decision is taken", price, why


def _lasting(model: DecisionModel) -> Iterator[Row]:
    """Yield how long the effect lasts, and what that makes of one entry averted a year."""
    effect = model.section.effect
    assert effect is not None
    full = model.years if effect.persistence is None else min(effect.persistence, model.years)
    yield "years of full effect", f"{full} of {model.years}", "" if effect.persistence is not None else "not declared"
    if full < model.years:
        yield "share of the effect lost each year after them", f"{effect.decay:.0%}", ""
    entries = f"{numeral(model.profile.sum(), 4)} entries"
    yield "one entry averted in every year of full effect, fading", entries, "over the years counted"


def _programme(model: DecisionModel) -> Iterator[Row]:
    """Yield what the cost of the programme rests on beside its lines."""
    declared = model.section.implementation
    if declared is None:
        return
    if declared.training is not None:
        yield "staff that leave in a year and are trained anew", f"{declared.turnover:.0%}", ""
    yield "optimism bias", f"{declared.optimism_bias:.0%}", declared.optimism_source
    if declared.amortisation is not None:
        yield "years that training and set-up are of use", f"{declared.amortisation}", ""


def _care(model: DecisionModel) -> Iterator[Row]:
    """Yield what the saving of an averted entry rests on beside its costs."""
    pathway, stay = model.section.care_pathway, model.stay
    if pathway is None or stay is None:
        return
    yield "share of the saving that could be cashed", f"{pathway.cashable:.0%}", ""
    said = [pathway.weeks_source or _NOWHERE, other_mean(stay, model.base["weeks"])]
    yield "weeks of an averted stay", numeral(model.base["weeks"], 4), "; ".join(part for part in said if part)
    shape = f", shape {stay.shape:g}" if stay.kind in ("gamma", "weibull") else ""
    why = pathway.stays.why if pathway.stays is not None else "not declared: exponential is assumed"
    yield "how stays vary", f"{stay.kind}{shape}", why
    when = "through the year" if pathway.entries == "spread" else "on the first day of the year"
    yield "when averted entries fall", when, ""
    ages = ", ".join(f"{age}: {share:.0%}" for age, share in pathway.age_at_entry.items())
    yield "age at entry: share of entries", ages or "not declared", "no stay runs beyond 18" if ages else ""
    yield "placements at entry", ", ".join(f"{p.name} {p.share:.0%}" for p in pathway.placements), ""
    moves = [f"{p.name} to {to} {chance:.0%}" for p in pathway.placements for to, chance in p.to.items()]
    when = "at each anniversary of an entry" if moves else ""
    yield "moves between placements in a year", ", ".join(moves) or "none", when
