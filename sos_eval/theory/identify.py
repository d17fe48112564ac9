"""What identifies the effect that a graph draws: sets to adjust for, a front door, instruments, or what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sos_eval.errors import OurFault
from sos_eval.numerics import _dowhy
from sos_eval.theory.graph import Graph

__all__ = ["Identification", "identified", "is_back_door", "is_front_door", "is_instrument"]

Sets = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Identification:
    """What identifies the effect of a treatment on an outcome.

    Attributes
    ----------
    back_door
        Sets of measured nodes that block every back-door path, small ones first.
    every
        Whether these are all; with very many candidates only the smallest are listed.
    front_door
        Measured nodes that carry the whole effect and share no unmeasured cause with either; empty for none.
    instruments
        Measured nodes that move the outcome through the treatment alone.
    missing
        Where no set of measured nodes will do: the fewest unmeasured nodes that would complete one.
    """

    back_door: Sets
    every: bool
    front_door: frozenset[str]
    instruments: tuple[str, ...]
    missing: frozenset[str] = frozenset()

    @property
    def minimal(self) -> Sets:
        """The back-door sets from which nothing can be left out."""
        return tuple(one for one in self.back_door if not any(other < one for other in self.back_door))

    @property
    def holds(self) -> bool:
        """Whether the graph alone identifies the effect, without a word on trends."""
        return bool(self.back_door or self.front_door)


def identified(graph: Graph, treatment: str, outcome: str, measured: Collection[str]) -> Identification:
    """Ask dowhy what identifies the effect; what it names is confirmed by our own d-separation.

    Raises
    ------
    InputFault
        dowhy is not installed.
    OurFault
        dowhy names a set that the criterion does not hold for.
    """
    given = set(measured) & set(graph.nodes)
    sets, every = _dowhy.back_door_sets(graph.edges, treatment, outcome, given)
    front = _dowhy.front_door_set(graph.edges, treatment, outcome, given)
    named = [node for node in _dowhy.instruments(graph.edges, treatment, outcome) if node in given]
    _confirm((one, is_back_door(graph, treatment, outcome, one)) for one in sets)
    _confirm([(front, not front or is_front_door(graph, treatment, outcome, front))])
    _confirm(([node], is_instrument(graph, treatment, outcome, node)) for node in named)
    missing = frozenset() if sets else _missing(graph, treatment, outcome, given)
    return Identification(sets, every, _fewest(graph, treatment, outcome, front), tuple(named), missing)


def _confirm(named: Iterable[tuple[Collection[str], bool]]) -> None:
    for nodes, holds in named:
        if not holds:
            raise OurFault(f"dowhy names {sorted(nodes)}, for which the criterion does not hold")


def _fewest(graph: Graph, treatment: str, outcome: str, front: frozenset[str]) -> frozenset[str]:
    """Leave out of a front-door set what it does not need."""
    for node in sorted(front):
        if is_front_door(graph, treatment, outcome, front - {node}):
            front = front - {node}
    return front


def _missing(graph: Graph, treatment: str, outcome: str, given: set[str]) -> frozenset[str]:
    """Return the fewest unmeasured nodes that would complete a back-door set."""
    sets, _ = _dowhy.back_door_sets(graph.edges, treatment, outcome, graph.nodes)
    return min((one - given for one in sets), key=lambda lacking: (len(lacking), sorted(lacking)), default=frozenset())


def is_back_door(graph: Graph, treatment: str, outcome: str, given: Collection[str]) -> bool:
    """Whether nodes block every path into the treatment and are not moved by it (Pearl 2009, definition 3.3.1)."""
    if set(given) & graph.descendants([treatment]):
        return False
    return graph.without_arrows_from([treatment]).separated(treatment, outcome, given)


def is_front_door(graph: Graph, treatment: str, outcome: str, given: Collection[str]) -> bool:
    """Whether nodes meet the front-door criterion (Pearl 2009, definition 3.3.3)."""
    if not given or not set(given) <= graph.descendants([treatment]) - {treatment, outcome}:
        return False
    cut = graph.without_arrows_from(given)
    carries_all = outcome not in cut.descendants([treatment])
    unconfounded = all(graph.without_arrows_from([treatment]).separated(treatment, node) for node in given)
    return carries_all and unconfounded and all(cut.separated(node, outcome, [treatment]) for node in given)


def is_instrument(graph: Graph, treatment: str, outcome: str, node: str) -> bool:
    """Whether a node bears on the treatment, and on the outcome through it alone (Pearl 2009, definition 7.4.1)."""
    cut = graph.without_arrows_from([treatment])
    return not graph.separated(node, treatment) and cut.separated(node, outcome)
