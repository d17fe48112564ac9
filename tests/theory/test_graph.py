"""Graphs: d-separation, shown paths, circles; against listing every path."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sos_eval.theory.graph import Graph
from tests.theory.brute import random_graph, separated


def test_open_path_is_shown_with_its_arrows():
    graph = Graph.of([("a", "t"), ("a", "w"), ("b", "w"), ("b", "y"), ("t", "y")])
    cut = graph.without_arrows_from(["t"])
    assert cut.separated("t", "y")
    path = cut.open_path("t", "y", ["w"])
    assert graph.drawn(path) == "t <- a -> w <- b -> y"
    assert graph.colliders(path) == ("w",)
    assert cut.separated("t", "y", ["w", "b"])


def test_what_follows_a_collider_opens_it_too():
    graph = Graph.of([("a", "w"), ("b", "w"), ("w", "d")])
    assert graph.separated("a", "b")
    assert not graph.separated("a", "b", ["d"])


def test_a_circle_is_named():
    assert Graph.of([("a", "b"), ("b", "c"), ("c", "a")]).cycle() == ("a", "b", "c", "a")
    assert Graph.of([("a", "a")]).cycle() == ("a", "a")
    assert Graph.of([("a", "b"), ("a", "c"), ("b", "c")]).cycle() == ()


@pytest.mark.parametrize("seed", range(5))
def test_separation_is_that_of_listing_all_paths(seed):
    rng = np.random.default_rng(seed)
    for _ in range(20):
        edges, _ = random_graph(rng)
        graph = Graph.of(edges)
        for start, end in itertools.combinations(graph.nodes, 2):
            others = [node for node in graph.nodes if node not in (start, end)]
            given = [node for node in others if rng.random() < 0.4]
            assert graph.separated(start, end, given) == separated(edges, start, end, given), (edges, start, end, given)
