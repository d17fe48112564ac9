"""What a fault of a declaration is, and what several checks of it ask."""

from __future__ import annotations

from collections.abc import Iterator

from sos_eval.economics.declared import CostLine
from sos_eval.economics.section import EconomicsSection

__all__ = ["Path", "Problem", "declared_lines", "modelled"]

Path = tuple[str | int, ...]
#: Path of the key, what is wrong, what to write instead.
Problem = tuple[Path, str, str]


def modelled(section: EconomicsSection) -> bool:
    """Whether the draws are made from the declaration, not read from files."""
    return section.psa.effects is None and section.psa.costs is None


def declared_lines(section: EconomicsSection) -> Iterator[tuple[tuple[str | int, ...], CostLine]]:
    """Yield every cost line with its path."""
    for i, line in enumerate(section.costs):
        yield ("costs", i), line
    if section.implementation is not None:
        for key in ("training", "set_up", "licence", "running"):
            declared = getattr(section.implementation, key)
            if declared is not None:
                yield ("implementation", key), declared
