"""Names that tables go by: each stands once, and says something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sos_eval.economics.problem import Path, Problem, declared_lines
from sos_eval.economics.section import EconomicsSection

__all__ = ["ALL_GROUPS", "BASE_CASE", "name_problems"]

#: Name of the declaration as it stands, among its scenarios.
BASE_CASE = "base case"
#: Name of the sum over groups of children.
ALL_GROUPS = "all groups"
Named = tuple[Path, str]


def name_problems(section: EconomicsSection) -> Iterator[Problem]:
    """Refuse names that are empty, that stand twice where rows are told apart by them, or that the tables use."""
    yield from _once("strategies", [(("strategies", j, "name"), s.name) for j, s in enumerate(section.strategies)])
    scenarios = [(("scenarios", i, "name"), s.name) for i, s in enumerate(section.scenarios)]
    yield from _once("scenarios", scenarios, BASE_CASE)
    for dimension in dict.fromkeys(group.dimension for group in section.equity):
        groups = [(("equity", i, "name"), g.name) for i, g in enumerate(section.equity) if g.dimension == dimension]
        yield from _once(f"groups of {dimension}", groups, ALL_GROUPS)
    studies = [(("voi", "studies", i, "name"), s.name) for i, s in enumerate(section.voi.studies)]
    yield from _once("proposed studies", studies)
    yield from _once("placements", _placements(section))
    yield from _once("cost lines", _lines(section))


def _placements(section: EconomicsSection) -> list[Named]:
    places = section.care_pathway.placements if section.care_pathway is not None else ()
    return [(("care_pathway", "placements", i, "name"), place.name) for i, place in enumerate(places)]


def _lines(section: EconomicsSection) -> list[Named]:
    """Return the lines of the ledger as they are shown: those made of others first, so that a declared one is named."""
    declared = section.implementation
    made: list[Named] = [(path, f"{name} care") for path, name in _placements(section) if name.strip()]
    if declared is not None and declared.training is not None and declared.turnover > 0:
        made.append((("implementation", "training", "name"), f"{declared.training.name} of new staff"))
    return [*made, *(((*path, "name"), line.name) for path, line in declared_lines(section))]


def _once(what: str, named: Sequence[Named], taken: str = "") -> Iterator[Problem]:
    """Refuse a name that is empty, stands twice, or is `taken`."""
    seen: set[str] = set()
    for path, name in named:
        plain = name.strip()
        if not plain:
            yield path, "is empty", "name it as the tables are to show it"
        elif plain == taken:
            yield path, f"{plain}: the tables call a row of their own so", "give it another name"
        elif plain in seen:
            yield path, f"{plain}: two {what} have this name", "give each its own"
        seen.add(plain)
