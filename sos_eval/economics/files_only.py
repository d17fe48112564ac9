"""What draws from files leave nothing to do for: refused beside them, so that nobody takes it for used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any

from sos_eval.economics.problem import Problem
from sos_eval.economics.section import EconomicsSection

__all__ = ["beside_files"]

#: Blocks that only a declared model has, and what the draws are instead.
_OF_A_MODEL = {
    "deflator": "their costs are in prices of one year already",
    "strategies": "their columns are the strategies",
    "costs": "they hold the costs",
    "care_pathway": "they hold the costs",
    "implementation": "they hold the costs",
    "dsa": "no parameter of theirs can be moved alone",
    "scenarios": "they cannot be made again under other choices",
    "equity": "they hold no groups of children",
}
#: Keys of a block that are used beside files; of the others what is not the default is refused.
_USED = {
    "frame": ("perspective", "price_year", "currency", "horizon", "comparator", "population"),
    "effect": ("baseline", "unit", "bundle"),
    "psa": ("effects", "costs", "params", "seed", "correlation"),
}
_INSTEAD = {
    "frame": "currency, price year, horizon and comparator are told and nothing is computed from the rest",
    "effect": "its unit is told and its bundle is evidence for the gate; the draws hold the effect",
    "psa": "the files have as many draws as they have",
}


def beside_files(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse what is declared beside draws from files and would change nothing."""
    for key, why in _OF_A_MODEL.items():
        if _given(section, (key,)):
            yield (key,), f"beside draws from files it changes nothing: {why}", "leave it out"
    for block, used in _USED.items():
        declared = getattr(section, block)
        for name in _given(declared, _others(declared, used)) if declared is not None else ():
            yield (block, name), f"beside draws from files it changes nothing: {_INSTEAD[block]}", "leave it out"
    yield from _rates(section)


def _rates(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse rates where no later decision is discounted: draws are present values already."""
    rates, voi = section.discount, section.voi
    if rates is None:
        return
    if voi.years == 1 or not (voi.evpi or voi.evppi or voi.studies):
        what = "draws from files are present values already, and no later decision is informed (voi.years)"
        yield ("discount",), what, "leave it out"
    elif _given(rates, ("effects",)) and rates.effects != rates.costs:
        what = "draws from files are present values already; later decisions are discounted at the rate of costs"
        yield ("discount", "effects"), what, "leave it out"


def _others(block: Any, used: Sequence[str]) -> list[str]:
    return [one.name for one in fields(block) if one.name not in used]


def _given(block: Any, names: Sequence[str]) -> list[str]:
    """Return those of the keys that hold something else than their default."""
    usual = {one.name: one.default if one.default is not MISSING else _made(one) for one in fields(block)}
    return [name for name in names if getattr(block, name) != usual[name]]


def _made(one: Any) -> Any:
    """Return the default that a field makes; nothing where it has none."""
    return one.default_factory() if one.default_factory is not MISSING else None
