"""What identifies an effect: twenty graphs of the textbooks, and five hundred random ones against listing all paths."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sos_eval.errors import InputFault, OurFault
from sos_eval.numerics import _dowhy
from sos_eval.theory.graph import Graph
from sos_eval.theory.identify import identified, is_instrument
from tests.conftest import ROOT
from tests.theory import brute

#: name: arrows, unmeasured nodes, minimal back-door sets, front door, instruments. T moves Y.
CLASSIC = {
    "no confounding": ("T>Y", "", [""], "", ""),
    "fork": ("C>T C>Y T>Y", "", ["C"], "", ""),
    "unmeasured fork": ("U>T U>Y T>Y", "U", [], "", ""),
    "chain": ("T>M M>Y", "", [""], "M", ""),
    "mediator and direct": ("T>M M>Y T>Y", "", [""], "", ""),
    "collider": ("T>C Y>C T>Y", "", [""], "", ""),
    "M": ("A>T A>W B>W B>Y T>Y", "", [""], "", "A"),
    "butterfly": ("A>T A>W B>W B>Y W>T W>Y T>Y", "", ["AW", "BW"], "", ""),
    "butterfly, wings unmeasured": ("A>T A>W B>W B>Y W>T W>Y T>Y", "AB", [], "", ""),
    "two forks": ("C>T C>Y D>T D>Y T>Y", "", ["CD"], "", ""),
    "fork through a chain": ("U>C C>T U>Y T>Y", "U", ["C"], "", ""),
    "fork through the outcome's side": ("U>T U>C C>Y T>Y", "U", ["C"], "", ""),
    "either side of a chain": ("A>T A>B B>Y T>Y", "", ["A", "B"], "", ""),
    "front door": ("U>T U>Y T>M M>Y", "U", [], "M", ""),
    "front door with a leak": ("U>T U>Y T>M M>Y T>Y", "U", [], "", ""),
    "instrument": ("Z>T U>T U>Y T>Y", "U", [], "", "Z"),
    "instrument that leaks": ("Z>T Z>Y U>T U>Y T>Y", "U", [], "", ""),
    "confounder of the mediator": ("T>M U>M U>Y M>Y", "U", [""], "", ""),
    "proxy of a confounder": ("U>T U>Y U>P T>Y", "U", [], "", ""),
    "nets on both sides": ("A>B A>C D>C D>E C>B C>E B>F F>Y T>Y B>T E>T G>Y G>F C>T", "AD", ["B", "FG"], "", ""),
}  # fmt: skip


def drawn(text):
    return [tuple(arrow.split(">")) for arrow in text.split()]


@pytest.mark.parametrize("name", CLASSIC)
def test_classic_graph(name):
    arrows, hidden, minimal, front, instruments = CLASSIC[name]
    edges = drawn(arrows)
    graph = Graph.of(edges)
    measured = [node for node in graph.nodes if node not in hidden]
    found = identified(graph, "T", "Y", measured)
    assert set(found.minimal) == {frozenset(one) for one in minimal}
    assert set(found.back_door) == brute.back_door_sets(edges, "T", "Y", measured)
    assert set(found.minimal) == brute.minimal(brute.back_door_sets(edges, "T", "Y", measured))
    assert found.front_door == frozenset(front)
    assert found.instruments == tuple(instruments)
    assert found.holds == bool(found.back_door or front)


def test_what_would_identify_it_is_named():
    graph = Graph.of(drawn("U>T U>Y V>T V>Y C>T C>Y T>Y"))
    assert identified(graph, "T", "Y", ["T", "Y", "C"]).missing == {"U", "V"}
    assert identified(graph, "T", "Y", graph.nodes).missing == frozenset()


@pytest.mark.parametrize("seed", range(10))
def test_sets_of_random_graphs_are_those_of_listing_all_paths(seed):
    """Fifty graphs a seed: all back-door sets, the minimal ones, and each front door and instrument that is named."""
    rng = np.random.default_rng(seed)
    for _ in range(50):
        edges, measured = brute.random_graph(rng)
        found = identified(Graph.of(edges), "practice", "outcome", measured)
        expected = brute.back_door_sets(edges, "practice", "outcome", measured)
        assert set(found.back_door) == expected, (edges, measured)
        assert set(found.minimal) == brute.minimal(expected)
        if found.front_door:
            assert brute.is_front_door(edges, "practice", "outcome", found.front_door), (edges, found.front_door)
        cut = [edge for edge in edges if edge[0] != "practice"]
        for node in found.instruments:
            assert brute.separated(cut, node, "outcome", ())
            assert not brute.separated(edges, node, "practice", ())


def test_a_set_that_is_none_is_not_taken_on_trust(monkeypatch):
    monkeypatch.setattr(_dowhy, "back_door_sets", lambda *given: ((frozenset(),), True))
    with pytest.raises(OurFault, match="the criterion does not hold"):
        identified(Graph.of(drawn("C>T C>Y T>Y")), "T", "Y", ["T", "Y", "C"])


def test_instrument_has_to_bear_on_the_treatment():
    graph = Graph.of(drawn("Z>X T>Y X>A"))
    assert not is_instrument(graph, "T", "Y", "Z")


def test_many_candidates_give_the_smallest_sets_only():
    edges = drawn("T>Y C>T C>Y " + " ".join(f"x{i}>Y" for i in range(_dowhy.MOST_CANDIDATES)))
    graph = Graph.of(edges)
    found = identified(graph, "T", "Y", graph.nodes)
    assert not found.every
    assert found.minimal == (frozenset("C"),)


CODE = """
import sys
sys.modules["dowhy"] = None
from sos_eval.errors import InputFault
from sos_eval.numerics._dowhy import back_door_sets
try:
    back_door_sets([("T", "Y")], "T", "Y", [])
except InputFault as fault:
    print(fault)
"""


def test_without_dowhy_one_is_told_what_to_install():
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "install dowhy" in done.stdout
    assert InputFault.exit_code == 2
