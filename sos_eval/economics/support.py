"""Ranges of a sensitivity analysis that leave where a parameter can be: refused, for nothing is computed there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sos_eval.economics.model.draws import Parameter
from sos_eval.economics.model.evaluated import WEEKS, DecisionModel, rate_fall
from sos_eval.economics.model.stay import CHILDHOOD
from sos_eval.economics.problem import Problem

__all__ = ["outside_support"]


def outside_support(model: DecisionModel) -> Iterator[Problem]:
    """Refuse every declared range with an end at which its parameter cannot be, the others at their base values."""
    found = {p.name: p for p in model.parameters}
    for name, (low, high) in model.section.dsa.ranges.items():
        what = _problem(model, found[name], low, high)
        if what:
            yield ("dsa", "ranges", name), f"[{low:g}, {high:g}]: {what}", "write a range that can be"


def _problem(model: DecisionModel, parameter: Parameter, low: float, high: float) -> str:
    """Say what is wrong with a range, or nothing; shares of the mix are checked where they are declared."""
    name = parameter.name
    if name == "weeks":
        return _weeks(model, low, high)
    if name == "effect":
        return _effect(model, low)
    if name == "baseline":
        return _baseline(model, low, high)
    positive = parameter.law in ("gamma", "lognormal") and parameter.mean > 0
    return f"a {parameter.law} cost is not below zero" if positive and low < 0 else ""


def _weeks(model: DecisionModel, low: float, high: float) -> str:
    assert model.stay is not None
    room = min(CHILDHOOD, model.stay.limit * WEEKS)
    if model.stay.kind == "empirical":
        room = CHILDHOOD / float(model.stay.points.max())
    if low <= 0:
        return "a stay is longer than nothing"
    return "" if high < room else f"stays of at most {room:,.0f} weeks on average end at 18"


def _effect(model: DecisionModel, low: float) -> str:
    effect = model.section.effect
    assert effect is not None
    if effect.scale in ("rate_ratio", "odds_ratio"):
        return "" if low > 0 else "a ratio is above zero"
    return "" if -low <= effect.baseline else f"more entries averted than there are (baseline {effect.baseline:g})"


def _baseline(model: DecisionModel, low: float, high: float) -> str:
    effect = model.section.effect
    assert effect is not None
    if low <= 0:
        return "a rate is above zero"
    if effect.scale in ("risk_difference", "odds_ratio") and high > effect.per:
        return "a probability is not above 1"
    (fall,) = rate_fall(effect, {**model.expected, "baseline": np.array([low])})
    return "" if fall <= low else f"more entries averted than there are ({fall:g} of {low:g})"
