"""Statistical neighbours as donors: by hand on eight units, as ranks and within their lists."""

import numpy as np
import pytest

from sos_eval.comparison import StatisticalNeighbours, build
from sos_eval.comparison.regroup import group_weights
from sos_eval.errors import Faults, NotIdentified
from sos_eval.panel.read.lists import read_lists
from tests.comparison.panels import eight

# treated: a b c. b is a's closest but treated; x is not in the panel
LISTS = {"a": ("b", "d", "e"), "b": ("x", "d"), "c": ("h", "g"), "d": ("a", "h"), "e": ("f", "g"), "f": ("e",)}
POOR = [1.6, 5, 9, 1.5, 4, 2, 8.25, 20]


def sets_of(found):
    donors = found.sets[found.sets["unit"] != found.sets["matched_set"]]
    return {name: list(rows["unit"]) for name, rows in donors.groupby("matched_set")}


def test_the_closest_untreated_of_each_list_by_hand():
    found = build(StatisticalNeighbours(lists=LISTS), eight())
    assert sets_of(found) == {"a": ["d"], "b": ["d"], "c": ["h"]}
    # d serves two, h one: 3 over 2 in use
    np.testing.assert_allclose(found.weights, [1, 1, 1, 4 / 3, 0, 0, 0, 2 / 3])
    assert found.sets.set_index(["matched_set", "unit"]).loc[("a", "d"), "distance"] == 2
    two = build(StatisticalNeighbours(lists=LISTS, ratio=2), eight())
    assert sets_of(two) == {"a": ["d", "e"], "b": ["d"], "c": ["h", "g"]}
    assert any("fewer than 2 comparison units for b" in note for note in two.notes)


def test_who_is_listed_and_not_there_is_named_and_slips_are_refused():
    found = build(StatisticalNeighbours(lists=LISTS), eight())
    assert "listed, and not among the units that could take part: x" in found.notes
    assert not any("listed, and" in note for note in build(StatisticalNeighbours(lists={"a": ("d",)}), eight()).notes)
    with pytest.raises(ValueError, match=r"lists\.a: names itself"):
        StatisticalNeighbours(lists={"a": ("d", "a")})
    with pytest.raises(ValueError, match=r"lists\.a: d stands twice"):
        StatisticalNeighbours(lists={"a": ("d", "e", "d")})


def test_without_replacement_and_with_fewer_of_each_list():
    alone = build(StatisticalNeighbours(lists=LISTS, replace=False), eight())
    assert alone.off_support == {"b": "every one of its neighbours stands in for another"}
    first = build(StatisticalNeighbours(lists=LISTS, closest=1), eight())
    assert sets_of(first) == {"c": ["h"]}
    assert first.off_support["a"] == "none of its neighbours is an untreated unit of the panel"


def test_lists_as_a_caliper_of_another_distance():
    # a is nearest to d (0.1), c to g (0.75), though h stands first in its list
    found = build(StatisticalNeighbours(lists=LISTS, distance="poor"), eight(poor=POOR))
    assert sets_of(found) == {"a": ["d"], "b": ["d"], "c": ["g"]}
    metric = build(StatisticalNeighbours(lists=LISTS, on=("poor",), distance="mahalanobis"), eight(poor=POOR))
    assert sets_of(metric) == sets_of(found)


def test_a_unit_without_a_list_is_named():
    found = build(StatisticalNeighbours(lists={"a": ("d",), "b": ("e",)}), eight())
    assert "c" in found.off_support
    assert any("no list of neighbours for c" in note for note in found.notes)
    with pytest.raises(NotIdentified, match="none of its neighbours"):
        build(StatisticalNeighbours(lists={"a": ("b",)}), eight())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "neighbours needs its lists"),
        ({"lists": LISTS, "on": ("poor",)}, "goes by the lists alone"),
        ({"lists": LISTS, "distance": "probability"}, "needs covariates"),
        ({"lists": LISTS, "on": ("poor",), "distance": "mahalanobis", "caliper": 0.2}, "a caliper is in SD"),
    ],
)
def test_declarations_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        StatisticalNeighbours(**options)


METHODS = [
    StatisticalNeighbours(lists=LISTS, ratio=2),
    StatisticalNeighbours(lists=LISTS, distance="poor", caliper=1.0),
    StatisticalNeighbours(lists=LISTS, on=("poor",), distance="mahalanobis", exact=("town",)),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_many_adoptions_are_those_of_each(method):
    """In a draw every unit that starts has its own list."""
    panel = eight(poor=POOR, town=[1, 1, 0, 1, 0, 0, 0, 0])
    starts = np.random.default_rng(3).permuted(np.broadcast_to(panel.first_treated, (40, 8)), axis=1)
    groups = group_weights(method, panel, starts)
    for adoption, weights, why in zip(starts, groups.weights, groups.failures, strict=True):
        blind = panel.with_first_treated(adoption).blinded()
        if why:
            with pytest.raises(NotIdentified):
                method.select(blind)
        else:
            np.testing.assert_allclose(weights, method.select(blind).weights, rtol=1e-12)
    assert (groups.failures == "").any()


def test_a_wide_file_of_numbered_neighbours(tmp_path):
    (tmp_path / "sn.csv").write_text("unit,SN_1,SN_2,SN_10\n304,305,306,310\n305,304,,\n", encoding="utf-8")
    found = read_lists(tmp_path / "sn.csv", ("unit", "neighbour"), Faults(), where="x", key="comparison.file")
    assert found == {"304": ("305", "306", "310"), "305": ("304",)}
    method = StatisticalNeighbours(file="sn.csv").with_files(tmp_path, "x", Faults())
    assert method.lists == found
