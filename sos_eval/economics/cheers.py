"""The CHEERS 2022 sheet: 28 items, filled from the declaration where it holds the answer, else left open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import pandas as pd

from sos_eval.economics.model.deflator import named_deflator
from sos_eval.economics.model.discount import rate_words
from sos_eval.economics.problem import modelled
from sos_eval.economics.section import EconomicsSection, threshold_grid

__all__ = ["answered", "cheers_sheet"]


@cache
def _items() -> list[list[str]]:
    text = files("sos_eval.economics").joinpath("data/cheers_2022.json").read_text(encoding="utf-8")
    items: list[list[str]] = json.loads(text)["items"]
    return items


def cheers_sheet(
    section: EconomicsSection, strategies: Sequence[str], title: str = "", *, sourced: bool = False
) -> pd.DataFrame:
    """Fill the sheet: ``item, topic, question, answer, from`` (declaration, author, or empty: not answered).

    Of draws from files the declaration answers only what it does for them: how they were made is the author's to say.

    Parameters
    ----------
    section, strategies, title
        The declaration, the strategies that are compared (the comparator first), and the title.
    sourced
        Whether every input says where it comes from, as ``parameters.csv`` lists them.
    """
    held = _held(section, strategies, title)
    if sourced:
        held["22"] = (
            "every input with its source, and with its error where it is not taken as known: cost_consequence.csv, "
            "parameters.csv"
        )
    rows = []
    for number, topic, question in _items():
        own, given = held.get(number, ""), section.cheers.get(number, "").strip()
        answer = "; ".join(part for part in (own, given) if part)
        origin = " and ".join(name for name, part in (("declaration", own), ("author", given)) if part)
        rows.append((int(number), topic, question, answer, origin))
    return pd.DataFrame(rows, columns=["item", "topic", "question", "answer", "from"])


def answered(sheet: pd.DataFrame) -> int:
    """Count the items that have an answer."""
    return int((sheet["answer"] != "").sum())


def _held(section: EconomicsSection, strategies: Sequence[str], title: str) -> dict[str, str]:
    """Collect the answers that the declaration holds; an item is answered only by what was declared and is used."""
    held = {"1": title} if "economic evaluation" in title.lower() else {}
    held["7"] = f"{', '.join(strategies[1:])} against {strategies[0]}"
    if threshold_grid(section.thresholds) or section.decision_threshold is not None:
        held["13"] = "valued at the declared thresholds"
    if not modelled(section):
        unit = {"11": section.effect.unit.replace("_", " ")} if section.effect is not None else {}
        return held | unit | {"20": _uncertainty(section)}
    return held | _frame_answers(section) | _model_answers(section)


def _model_answers(section: EconomicsSection) -> dict[str, str]:
    """Answer from effect, costs, care and groups of a declared model."""
    held: dict[str, str] = {}
    effect, pathway = section.effect, section.care_pathway
    if effect is not None:
        held["11"] = f"{effect.unit.replace('_', ' ')}; effect as {effect.scale.replace('_', ' ')} of entries to care"
        if effect.baseline_source:
            held["12"] = f"baseline {effect.baseline:g} per {effect.per:,.10g} ({effect.baseline_source})"
    priced = [*section.costs, *(pathway.placements if pathway else ())]
    if priced or section.implementation:
        held["14"] = f"{len(priced)} unit costs with source, price year and grade, beside those of the programme"
    if pathway is not None:
        held["16"] = "entries averted, placement mix with moves, weeks in care by year; open source in this package"
    if section.equity:
        held["18"] = f"by {', '.join(sorted({g.dimension for g in section.equity}))}"
        held["19"] = _priorities(section)
    if effect is not None:
        held["20"] = _uncertainty(section)
    if pathway is not None:
        kind = pathway.stays.distribution if pathway.stays is not None else "exponential"
        entries = "through the year" if pathway.entries == "spread" else "on its first day"
        held["17"] = f"expected values over draws; entries {entries}, {kind} stays"
    return held


def _priorities(section: EconomicsSection) -> str:
    """Say which groups count for more, as declared."""
    said, declared = "entries and costs by group: equity.csv", section.distribution
    if declared is None:
        return f"{said}; no group is given a higher weight"
    said += f"; aversion to inequality {', '.join(f'{one:g}' for one in declared.aversion)}: distribution.csv"
    if not declared.weights:
        return f"{said}; net benefits are not weighted ({declared.why})"
    weights = ", ".join(f"{name} {weight:g}" for name, weight in declared.weights.items())
    return f"{said}; net benefits by declared weights ({weights}): distribution_weighted.csv ({declared.why})"


def _uncertainty(section: EconomicsSection) -> str:
    """Say which analyses of uncertainty are declared."""
    parts = ["draws from files" if section.psa.effects else f"{section.psa.draws:,} draws of the parameters"]
    parts += [f"{len(section.scenarios)} scenarios"] if section.scenarios else []
    parts += ["one-way ranges"] if modelled(section) and section.decision_threshold is not None else []
    return "; ".join([*parts, "gate on the evidence"])


def _frame_answers(section: EconomicsSection) -> dict[str, str]:
    """Answer from the frame; a choice that asks for its reason is answered only with one."""
    frame, discount = section.frame, section.rates
    if frame is None:
        return {}
    held = {
        "15": f"{frame.currency}, prices of {frame.price_year} ({frame.prices}), deflator {_deflator(section)}",
    }
    if frame.why:
        held["8"] = f"{frame.perspective.replace('_', ' ')}: {frame.why}"
        held["9"] = f"{frame.horizon} years: {frame.why}"
    if discount.why or isinstance(discount.costs, str):
        held["10"] = (
            f"costs {rate_words(discount.costs)}, effects {rate_words(discount.effects)}. {discount.why}".strip()
        )
    return held


def _deflator(section: EconomicsSection) -> str:
    return named_deflator(section.deflator).called if isinstance(section.deflator, str) else section.deflator.path
