"""d-separation by listing every path: slow, and by another way than the package's."""

from __future__ import annotations

import itertools

import numpy as np


def paths(edges, start, end):
    """Yield every path without a node twice, whichever way its arrows point."""
    beside = {}
    for cause, moved in edges:
        beside.setdefault(cause, set()).add(moved)
        beside.setdefault(moved, set()).add(cause)
    pending = [(start,)]
    while pending:
        path = pending.pop()
        if path[-1] == end:
            yield path
            continue
        pending += [(*path, node) for node in beside.get(path[-1], ()) if node not in path]


def after(edges, node):
    """Return a node and all that it moves."""
    reached = {node}
    while more := {moved for cause, moved in edges if cause in reached} - reached:
        reached |= more
    return reached


def blocked(edges, path, given):
    arrows = set(edges)
    for left, node, right in zip(path, path[1:], path[2:], strict=False):
        if (left, node) in arrows and (right, node) in arrows:
            if not after(edges, node) & set(given):
                return True
        elif node in given:
            return True
    return False


def separated(edges, start, end, given):
    return all(blocked(edges, path, given) for path in paths(edges, start, end))


def is_back_door(edges, treatment, outcome, given):
    """Pearl's criterion: no descendant of the treatment, and every path into the treatment is blocked."""
    if set(given) & after(edges, treatment):
        return False
    into = [path for path in paths(edges, treatment, outcome) if (path[1], treatment) in set(edges)]
    return all(blocked(edges, path, given) for path in into)


def is_front_door(edges, treatment, outcome, given):
    """Pearl's criterion, each of its three parts by listing paths."""
    forward = [
        path
        for path in paths(edges, treatment, outcome)
        if all(pair in set(edges) for pair in itertools.pairwise(path))
    ]
    if not given or not all(set(path[1:-1]) & set(given) for path in forward):
        return False
    if not all(is_back_door(edges, treatment, node, ()) for node in given):
        return False
    cut = [edge for edge in edges if edge[0] not in given]
    return all(separated(cut, node, outcome, (treatment,)) for node in given)


def back_door_sets(edges, treatment, outcome, measured):
    """Return every valid set among measured nodes that bear on the treatment or the outcome at all."""
    nodes = [
        node
        for node in measured
        if node not in (treatment, outcome)
        and not (separated(edges, node, treatment, ()) and separated(edges, node, outcome, ()))
    ]
    every = (set(chosen) for size in range(len(nodes) + 1) for chosen in itertools.combinations(nodes, size))
    return {frozenset(chosen) for chosen in every if is_back_door(edges, treatment, outcome, chosen)}


def minimal(sets):
    return {one for one in sets if not any(other < one for other in sets)}


def random_graph(rng: np.random.Generator):
    """Return a graph in which practice reaches the outcome, and which of its nodes are measured."""
    while True:
        n = int(rng.integers(4, 8))
        names = np.array(["practice", "outcome", *[f"x{i}" for i in range(n - 2)]])
        order = rng.permutation(names)
        share = rng.uniform(0.25, 0.6)
        edges = [(str(a), str(b)) for a, b in itertools.combinations(order, 2) if rng.random() < share]
        if "outcome" in after(edges, "practice"):
            nodes = {node for edge in edges for node in edge}
            hidden = {node for node in sorted(nodes) if node.startswith("x") and rng.random() < 0.3}
            return edges, sorted(nodes - hidden)
