"""dowhy's identification behind one door: arrows in, sets of nodes out. Nothing else of the package imports dowhy."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Any

from sos_eval.errors import Fault, InputFault
from sos_eval.numerics._installed import is_installed

__all__ = ["MOST_CANDIDATES", "absent", "back_door_sets", "front_door_set", "instruments"]

Edges = Sequence[tuple[str, str]]

#: Nodes of which every set is tried; with more of them only the smallest sets are looked for.
MOST_CANDIDATES = 14

_ABSENT = Fault(
    "",
    "the design declares a theory, and dowhy, which looks for what identifies it, is not installed",
    "install dowhy, or take the section theory out",
)


def back_door_sets(
    edges: Edges, treatment: str, outcome: str, measured: Collection[str]
) -> tuple[tuple[frozenset[str], ...], bool]:
    """Return sets of measured nodes that block every back-door path, and whether these are all.

    All are those among nodes that bear on the treatment or the outcome at all: adding any other changes nothing. With
    more than `MOST_CANDIDATES` candidates the smallest sets are returned.

    Parameters
    ----------
    edges
        (cause, what it moves).
    measured
        Nodes that may be adjusted for; treatment and outcome are left aside.
    """
    identifier = _identifier()
    candidates = set(measured) - {treatment, outcome}
    every = len(candidates) <= MOST_CANDIDATES
    way = "BACKDOOR_EXHAUSTIVE" if every else "BACKDOOR_MIN"
    named = identifier.identify_backdoor(
        _networkx(edges), [treatment], [outcome], sorted(candidates), getattr(identifier.BackdoorAdjustment, way)
    )
    sets = {frozenset(str(node) for node in one.get_adjustment_variables()) for one in named}
    return tuple(sorted(sets, key=lambda chosen: (len(chosen), sorted(chosen)))), every


def front_door_set(edges: Edges, treatment: str, outcome: str, measured: Collection[str]) -> frozenset[str]:
    """Return measured nodes that carry the whole effect and share no unmeasured cause with either; empty for none."""
    named = _identifier().identify_frontdoor(_networkx(edges), [treatment], [outcome], sorted(measured))
    return frozenset(str(node) for node in named or ())


def instruments(edges: Edges, treatment: str, outcome: str) -> tuple[str, ...]:
    """Return causes of the treatment that reach the outcome through it alone and share no cause with the outcome."""
    _identifier()
    from dowhy.graph import get_instruments

    return tuple(sorted(str(node) for node in get_instruments(_networkx(edges), [treatment], [outcome])))


def _identifier() -> Any:
    """Return dowhy's module of identification.

    Raises
    ------
    InputFault
        dowhy is not installed.
    """
    try:
        from dowhy.causal_identifier import auto_identifier
    except ImportError:
        raise InputFault(_ABSENT) from None
    return auto_identifier


def absent() -> Fault | None:
    """Say that dowhy is not there, without importing it, which takes seconds; None where it is."""
    return None if is_installed("dowhy") else _ABSENT


def _networkx(edges: Edges) -> Any:
    """Return the graph as dowhy takes it."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(sorted(set(itertools.chain.from_iterable(edges))))
    graph.add_edges_from(edges)
    return graph
