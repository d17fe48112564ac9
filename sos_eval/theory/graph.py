"""A causal graph: who comes before whom, which paths are open, and where it goes round in a circle."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

__all__ = ["Graph"]


@dataclass(frozen=True)
class Graph:
    """Nodes and arrows.

    Attributes
    ----------
    nodes
        In the order of their first mention.
    edges
        (cause, what it moves).
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, edges: Iterable[tuple[str, str]]) -> Graph:
        """Return the graph of some arrows."""
        arrows = tuple(dict.fromkeys(edges))
        return cls(tuple(dict.fromkeys(node for edge in arrows for node in edge)), arrows)

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """The direct causes of each node."""
        return {node: tuple(cause for cause, moved in self.edges if moved == node) for node in self.nodes}

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """What each node moves directly."""
        return {node: tuple(moved for cause, moved in self.edges if cause == node) for node in self.nodes}

    def ancestors(self, nodes: Collection[str]) -> frozenset[str]:
        """Return some nodes and everything before them."""
        return _reached(nodes, self.parents)

    def descendants(self, nodes: Collection[str]) -> frozenset[str]:
        """Return some nodes and everything after them."""
        return _reached(nodes, self.children)

    def without_arrows_from(self, nodes: Collection[str]) -> Graph:
        """Return the graph in which some nodes move nothing: what is left between them and others is back-door."""
        return replace(self, edges=tuple(edge for edge in self.edges if edge[0] not in nodes))

    def without_arrows_into(self, nodes: Collection[str]) -> Graph:
        """Return the graph in which nothing moves some nodes."""
        return replace(self, edges=tuple(edge for edge in self.edges if edge[1] not in nodes))

    def cycle(self) -> tuple[str, ...]:
        """Return the nodes of a circle, the first repeated at the end; empty where there is none."""
        for node in self.nodes:
            for moved in self.children[node]:
                way = self.directed_path(moved, node)
                if way:
                    return (node, *way)
        return ()

    def directed_path(self, start: str, end: str) -> tuple[str, ...]:
        """Return the shortest way along the arrows; empty where there is none."""
        before: dict[str, str] = {start: ""}
        pending = deque([start])
        while pending:
            node = pending.popleft()
            if node == end:
                return tuple(reversed(list(_back(node, before))))
            for moved in self.children[node]:
                if moved not in before:
                    before[moved] = node
                    pending.append(moved)
        return ()

    def separated(self, start: str, end: str, given: Collection[str] = ()) -> bool:
        """Whether no path between two nodes is open given others (d-separation)."""
        return not self.open_path(start, end, given)

    def open_path(self, start: str, end: str, given: Collection[str] = ()) -> tuple[str, ...]:
        """Return the shortest open path between two nodes given others; empty where they are d-separated.

        A path goes on through a node that it enters and leaves by arrowheads (a collider) only where that node or
        something after it is given, and through any other node only where that node is not given (Pearl 2009, 1.2.3).
        """
        opened = self.ancestors(given)
        before: dict[tuple[str, bool], tuple[str, bool]] = {}
        pending = deque(self._steps(start))
        before.update({step: ("", False) for step in pending})
        while pending:
            at = pending.popleft()
            if at[0] == end:
                return (start, *reversed([node for node, _ in _states(at, before)]))
            for step in self._further(at, given, opened):
                if step not in before:
                    before[step] = at
                    pending.append(step)
        return ()

    def open_paths(self, start: str, end: str, given: Collection[str] = ()) -> Iterator[tuple[str, ...]]:
        """Yield every open path between two nodes given others, short ones first; no node stands twice on a path."""
        opened = self.ancestors(given)
        pending: deque[tuple[tuple[str, bool], ...]] = deque(
            ((start, False), step) for step in self._steps(start) if not self.separated(start, end, given)
        )
        while pending:
            path = pending.popleft()
            if path[-1][0] == end:
                yield tuple(node for node, _ in path)
                continue
            seen = {node for node, _ in path}
            pending.extend((*path, step) for step in self._further(path[-1], given, opened) if step[0] not in seen)

    def _steps(self, node: str) -> Iterator[tuple[str, bool]]:
        """Yield where one gets to from a node, and whether by an arrowhead."""
        yield from ((moved, True) for moved in self.children[node])
        yield from ((cause, False) for cause in self.parents[node])

    def _further(
        self, at: tuple[str, bool], given: Collection[str], opened: Collection[str]
    ) -> Iterator[tuple[str, bool]]:
        """Yield the steps that are open from a node, by how it was entered."""
        node, by_head = at
        for step, leaves_forward in self._steps(node):
            collider = by_head and not leaves_forward
            if (node in opened) if collider else (node not in given):
                yield step, leaves_forward

    def colliders(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Return the nodes of a path that both of its neighbours on the path move."""
        inner = zip(path, path[1:], path[2:], strict=False)
        return tuple(node for left, node, right in inner if {left, right} <= set(self.parents[node]))

    def drawn(self, path: tuple[str, ...]) -> str:
        """Write a path with its arrows: ``practice <- need -> care``."""
        arrows = [" -> " if pair in self.edges else " <- " for pair in pairwise(path)]
        return "".join(part for pair in zip(path, [*arrows, ""], strict=True) for part in pair)


def _reached(nodes: Collection[str], by: dict[str, tuple[str, ...]]) -> frozenset[str]:
    pending, seen = list(nodes), set(nodes)
    while pending:
        further = [node for node in by[pending.pop()] if node not in seen]
        seen.update(further)
        pending += further
    return frozenset(seen)


def _back(node: str, before: dict[str, str]) -> Iterator[str]:
    while node:
        yield node
        node = before[node]


def _states(at: tuple[str, bool], before: dict[tuple[str, bool], tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    while at[0]:
        yield at
        at = before[at]
