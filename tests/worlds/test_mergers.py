"""Authorities that are joined or divided: what is published adds up, and the truth is that of who is shown."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import DesignFault
from sos_eval.estimators import CallawaySantAnna
from sos_eval.montecarlo.line.compiled import Line, compile_line
from sos_eval.montecarlo.line.draws import estimate_draws
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.mergers import Geography
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import document_of, world_from
from tests.worlds.tiny import tiny

CALENDAR = {"pattern": "calendar", "treated": 2, "start": 2014}


def _overall(truth):
    rows = truth[(truth["estimand"] == "att") & (truth["scale"] == "rate_per") & (truth["aggregation"] == "overall")]
    return float(rows["true_effect"].item())


def test_sums_shares_and_averages_by_hand():
    """Authority 0 stands; 1 and 2 (100 and 300 children, rates 10 and 20) become one, or are divided in two."""
    exposure, both = np.array([[50.0], [100.0], [301.0]]), np.ones(1, bool)
    one = Geography(
        np.array([0]), (np.array([1, 2]),), np.array([0, 0]), np.array([0, 1]), np.array([2, 2]),
        np.array([both, both, both]), np.array([0, 3, 4]),
    )  # fmt: skip
    assert one.children(exposure).ravel().tolist() == [50, 201, 200]  # the odd child goes to the first
    rates = one.rates(np.array([[[5.0], [10.0], [20.0]]]), exposure).ravel()
    np.testing.assert_allclose(rates, [5, 7020 / 401, 7020 / 401])
    counts = one.counts(np.array([[[3.0], [40.0], [60.0]]] * 2000), exposure, np.random.default_rng(1))
    assert (counts[:, 1:].sum(1) == 100).all()
    assert (counts[:, 0] == 3).all()
    assert counts[:, 1].mean() == pytest.approx(100 * 201 / 401, abs=4.5 * 5 / np.sqrt(2000))
    assert one.starts(np.array([np.inf, 2014, 2013])).tolist() == [np.inf, 2013, 2013]


def test_predecessors_end_when_the_successor_starts_and_nothing_is_lost():
    """One group of two untreated becomes one in 2014: seven authorities are published then, eight before."""
    merger = {"start": 2014, "treated": "drop", "among": "untreated"}
    plain, merged = (draw_world(tiny(**more), np.random.default_rng(4)) for more in ({}, {"mergers": [merger]}))
    data = data_of(merged)
    assert data.groupby("year").size().tolist() == [8, 8, 8, 7, 7, 7]
    new = data[data["la_code"] == 209]
    assert new["year"].tolist() == [2014, 2015, 2016]
    gone = set(data["la_code"]) - set(data.loc[data["year"] == 2016, "la_code"])
    before = data_of(plain).query("la_code in @gone and year >= 2014").groupby("year")["children_0_17"].sum()
    assert len(gone) == 2
    assert new["children_0_17"].tolist() == before.tolist()
    np.testing.assert_array_equal(
        data.groupby("year")["children_0_17"].sum(), data_of(plain).groupby("year")["children_0_17"].sum()
    )
    assert set(new["first_treated"]) == {0}
    assert len(merged.panel.frame) == len(data)


def test_a_treated_group_is_left_out_or_one_throughout():
    merger = {"start": 2014, "among": "treated"}
    drop = data_of(draw_world(tiny(mergers=[{**merger, "treated": "drop"}]), np.random.default_rng(4)))
    assert drop.groupby("year").size().tolist() == [6] * 6
    merge = data_of(draw_world(tiny(mergers=[{**merger, "treated": "merge"}]), np.random.default_rng(4)))
    assert merge.groupby("year").size().tolist() == [7] * 6
    assert merge.loc[merge["la_code"] == 209, "first_treated"].nunique() == 1
    assert merge.loc[merge["la_code"] == 209, "first_treated"].min() in (2013, 2015)


def test_the_truth_of_a_diluted_successor():
    """Two of eight start in 2014 (-3); one is merged with an untreated one: -3 by its share of children."""
    merger = {"start": 2015, "treated": "merge", "among": "treated"}
    for seed in range(20):
        draws = draw_world(tiny(adoption=CALENDAR, mergers=[merger]), np.random.default_rng(seed), 2)
        frame = draws.frame
        members = frame.geography.groups[0]
        if np.isfinite(frame.drawn.first_treated[members]).sum() == 1:
            break
    else:
        pytest.fail("no seed merges a treated authority with an untreated one")
    dose = np.isfinite(frame.drawn.first_treated[members]).astype(float)
    children = frame.drawn.children[members, 3:]
    share = (dose[:, None] * children).sum(0) / children.sum(0)
    assert _overall(draws.truth) == pytest.approx((-3 + (-3 * share).mean()) / 2, abs=1e-9)


def test_an_estimate_on_draws_with_mergers_is_that_on_their_tables():
    """Draw by draw as a file would be read: the panel with gaps gives the same estimate."""
    world = tiny(mergers=[{"start": 2014, "treated": "drop", "among": "untreated"}])
    draws = draw_world(world, np.random.default_rng(4), 1)
    ready = compile_line(Line("one", CallawaySantAnna()), draws, data_of(draws))
    found = estimate_draws(ready, draws, lambda rep, k: np.random.default_rng(0))
    own = CallawaySantAnna().fit(
        data_of(draws), unit="la_code", time="year", outcome="care_entries", exposure="children_0_17", per=10000,
        first_treated="first_treated",
    )  # fmt: skip
    k = list(found.rows["aggregation"]).index("overall")
    assert found.values[k, 0, 0] == pytest.approx(own[own["aggregation"] == "overall"]["estimate"].item(), abs=1e-10)


def test_an_entry_can_be_swept_by_its_number():
    document = document_of(tiny(mergers=[{"start": 2014, "treated": "drop"}]))
    assert world_from(document, {"mergers.0.groups": 2}).mergers[0].groups == 2
    with pytest.raises(DesignFault, match=r"mergers.1.groups: there is no entry '1'"):
        world_from(document, {"mergers.1.groups": 2})


@pytest.mark.parametrize(
    ("merger", "words"),
    [
        ({"start": 2011, "treated": "drop"}, "start: 2011 leaves no period before or none after; write 2012 to 2016"),
        ({"start": 2014, "treated": "drop", "authorities": 1}, "one authority into one changes nothing"),
        ({"start": 2014, "treated": "drop", "authorities": 5}, "5 authorities of one region, of which none has more"),
        ({"start": 2014, "treated": "drop", "groups": 5}, "mergers: 10 authorities in groups, of 8; write fewer"),
        ({"start": 2014, "treated": "drp"}, "mergers.0.treated"),
        ({"start": 2014}, "mergers.0.treated"),
    ],
)
def test_faults_of_mergers(merger, words):
    with pytest.raises(DesignFault) as caught:
        tiny(mergers=[merger])
    assert words in str(caught.value)


def test_mergers_that_find_no_authorities_say_so():
    merger = {"start": 2014, "treated": "drop", "among": "untreated", "authorities": 3}
    world = tiny(adoption={"pattern": "stepped_wedge", "steps": [2013]}, mergers=[merger])
    with pytest.raises(DesignFault, match=r"mergers\.0: no 3 authorities of one region, all untreated, are left"):
        draw_world(world, np.random.default_rng(1))
