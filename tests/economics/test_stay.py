"""When the money falls: stays of a declared distribution, entries through the year, ended at 18; by hand and force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from sos_eval.declare import build, read_yaml
from sos_eval.economics.assumptions import assumption_table
from sos_eval.economics.model.stay import Stay, read_stays
from sos_eval.economics.prepared import prepare
from sos_eval.economics.section import EconomicsFile
from sos_eval.economics.timing import timing_table
from sos_eval.errors import DataFault, DesignFault, Faults
from tests.conftest import ROOT
from tests.economics.test_model import base, prepared

NONE = np.empty(0)


def stay(kind="gamma", shape=1.0, ages=None, *, spread=True, points=NONE, mass=NONE):
    if kind == "fixed":
        points, mass = np.ones(1), np.ones(1)
    longest = 18.0 - np.array(list(ages)) if ages else np.array([np.inf])
    return Stay(kind, shape, points, mass, longest, np.array(list(ages.values())) if ages else np.ones(1), spread)


def test_entries_spread_through_the_year_by_hand():
    # 60 weeks are 15/13 years. An entry spread over year 1 spends half of it in care: 26 weeks. G(2) = 2 D - D^2 / 2:
    # year 2 holds 52 (2 D - D^2 / 2 - 1) of its weeks; an entry of year 2 another 26. At 100 a week.
    d = 60 / 52
    model = prepared(care_pathway__entries="spread").model
    want = 100 * (26 + 52 * (2 * d - d**2 / 2 - 1) + 26)
    assert model.saving_per_averted(base(model))[0] == pytest.approx(want, rel=1e-12)


def test_moves_follow_the_year_of_the_stay_not_of_the_calendar():
    # Year 2 of the calendar holds weeks of the first and of the second year of a stay of 104 weeks: of an entry at a,
    # a of the first year and 1 - a of the second. Spread: 26 weeks each, and 26 more in year 1.
    line = {"price_year": "2024-25", "source": "by hand", "grade": "B"}
    places = [{"name": "foster", "share": 1, "weekly_cost": 100, "to": {"residential": 0.5}, **line},
              {"name": "residential", "share": 0, "weekly_cost": 1000, **line}]  # fmt: skip
    model = prepared(care_pathway={"weeks": 104, "placements": places, "stays": {"distribution": "fixed"}}).model
    first, second = 100, 550
    assert model.saving_per_averted(base(model))[0] == pytest.approx(26 * first + 26 * (first + second) + 26 * first)


@pytest.mark.parametrize(("kind", "shape"), [("fixed", 1.0), ("gamma", 1.0), ("gamma", 2.5), ("weibull", 0.7)])
@pytest.mark.parametrize("ages", [None, {1.0: 0.4, 16.5: 0.6}])
def test_weeks_by_year_are_the_integral_over_entries(kind, shape, ages):
    made = stay(kind, shape, ages)
    fresh, carried = made.weeks_by_year(np.array([60.0]), 6, 52.0)
    first_day = stay(kind, shape, ages, spread=False)
    grid = (np.arange(4000) + 0.5) / 4000  # entries at the middles of 4,000 parts of the year
    scale = made._scale(np.array([60.0 / 52]))
    for k in range(3):
        spent = lambda y: np.array([first_day._running(v, scale)[0][0] for v in np.maximum(y, 0)])  # noqa: E731
        weeks = 52 * (spent(k + 1 - grid) - spent(k - grid)).mean()
        assert (fresh + carried)[0, k] == pytest.approx(weeks, rel=2e-6, abs=1e-9)


@pytest.mark.parametrize(("kind", "shape"), [("fixed", 1.0), ("gamma", 0.6), ("weibull", 1.4)])
def test_stays_end_at_eighteen_and_keep_their_mean(kind, shape):
    made = stay(kind, shape, {0.5: 0.2, 13.0: 0.5, 16.0: 0.3})
    mean = np.array([20.0, 132.0, 250.0])
    weeks = np.add(*made.weeks_by_year(mean, 30, 52.0))
    np.testing.assert_allclose(weeks.sum(1), mean, rtol=1e-12)
    assert np.abs(weeks[:, 19:]).max() < 1e-9  # entries of a year have all turned 18 after 18.5 years


def test_a_longer_tail_saves_less_within_the_horizon():
    one = [np.add(*stay("weibull", k).weeks_by_year(np.array([132.0]), 5, 52.0)).sum() for k in (0.5, 1, 3)]
    assert one[0] < one[1] < one[2]


def test_what_the_convention_does_in_the_shipped_example():
    # 843,176 on the first day with fixed stays. Spread, 764,704 and 575,233 were given: those are entries at the ends
    # of the year's 52 weeks; evenly spread they are 766,400 and 576,763.
    document = read_yaml(ROOT / "designs" / "economics_sos_breakeven.yaml")
    document.data["care_pathway"].pop("age_at_entry")
    model = prepare(build(EconomicsFile, document.data, document), document).model
    got = dict(zip(*(timing_table(model)[name] for name in ("convention", "saving_one_each_year")), strict=True))
    assert list(got.values())[:4] == pytest.approx([576_762.6, 843_175.6, 766_399.7, 576_762.6], abs=0.05)


def test_a_single_entry_is_beside_one_in_every_year_of_full_effect():
    # 3 full years, 0.75 and 0.5625: what is saved for one entry in each is not what is saved for one
    document = read_yaml(ROOT / "designs" / "economics_sos_breakeven.yaml")
    row = timing_table(prepare(build(EconomicsFile, document.data, document), document).model).iloc[0]
    assert row["saving_one_each_year"] == pytest.approx(574_009, abs=1)
    assert row["saving_single_entry"] == pytest.approx(190_012, abs=1)
    # by hand: two years, 60 weeks on the first day, 52 in year 1 and 8 in year 2 at 100
    assert timing_table(prepared().model).iloc[0]["saving_single_entry"] == pytest.approx(6000)


def test_the_saving_at_the_ends_of_weeks_is_the_published_one():
    document = read_yaml(ROOT / "designs" / "economics_sos_breakeven.yaml")
    document.data["care_pathway"].pop("age_at_entry")
    model = prepare(build(EconomicsFile, document.data, document), document).model
    point = base(model)
    mix = model.mix_by_year(point)[0] @ np.array([7385.0, 765.0])
    for spent, want in (
        (lambda y: min(132 / 52, y), 764_704),
        (lambda y: 132 / 52 * -np.expm1(-y * 52 / 132), 575_234),
    ):
        cost = np.zeros(5)
        for a in (np.arange(52) + 1) / 52:
            for k in range(5):
                cuts = [max(0.0, k - a), *([float(k)] if k > 0 else []), k + 1 - a]
                for low, high in pairwise(cuts):
                    cost[k] += (spent(high) - spent(low)) * mix[min(int(low + 1e-12), 4)]
        total = sum(model.profile[t] * cost[: 5 - t] @ model.cost_factors[t:] for t in range(5))
        assert total == pytest.approx(want, abs=0.6)


def stays_file(tmp_path, text):
    (tmp_path / "stays.csv").write_text(text)
    faults = Faults(DataFault)
    return read_stays(tmp_path / "stays.csv", faults), faults


def test_observed_stays_by_hand(tmp_path):
    # 10 ended (4 at risk), 20 still open, 30 ended (2), 40 ended (1): shares 1/4, 3/8, 3/8; mean 28.75.
    # Greenwood: areas right of 10 and 30 are 0.75 x 20 + 0.375 x 10 = 18.75 and 3.75.
    found, faults = stays_file(tmp_path, "weeks,ended\n10,1\n20,0\n30,1\n40,1\n")
    assert not faults.found
    np.testing.assert_allclose(found.mass, [0.25, 0.375, 0.375])
    assert found.mean == pytest.approx(28.75)
    assert found.error == pytest.approx(np.sqrt(18.75**2 / (4 * 3) + 3.75**2 / (2 * 1)))


@pytest.mark.parametrize(("text", "words"), [
    ("weeks,ended\n10,1\n50,0\n", "the longest stay is still open"),
    ("weeks,ended\n10,1\n-3,1\n", "1 rows without weeks above zero and ended 1 or 0 (the first: row 2)"),
    ("weeks,ended\n10,2\n", "ended 1 or 0"),
    ("weeks,ended\n10,1\n3000,0\n940,1\n30,1\n", "lines 3, 4: 3,000 weeks, but 18 years are 939; are these days?"),
    ("weeks\n10\n", "has no column ended"),
    ("weeks,ended\n10%,1\n20%,1\n", 'weeks: written like "12%", which is read as 12: weeks are plain numbers'),
])  # fmt: skip
def test_a_file_of_stays_that_cannot_be_used(tmp_path, text, words):
    found, faults = stays_file(tmp_path, text)
    assert found is None
    assert words in str(faults.found[0])


def test_empirical_stays_carry_mean_and_error_from_their_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stays.csv").write_text("weeks,ended\n10,1\n20,0\n30,1\n40,1\n")
    model = prepared(
        care_pathway__stays={"distribution": "empirical", "path": "stays.csv"}, care_pathway__weeks=None
    ).model
    found = {p.name: p for p in model.parameters}["weeks"]
    assert (found.mean, found.se) == (pytest.approx(28.75), pytest.approx(np.sqrt(18.75**2 / 12 + 3.75**2 / 2)))
    # all end within the first year of an entry on the first day: 28.75 weeks for each of two years, at 100
    assert model.saving_per_averted(base(model))[0] == pytest.approx(5750)
    assert timing_table(model)["text"][0] == "empirical stays; none of those observed is longer than 18 years"
    # another mean beside the file has the file's error in proportion: it varies, and may be correlated
    both = {"distribution": "empirical", "path": "stays.csv"}
    varied = prepared(care_pathway__stays=both, care_pathway__weeks=57.5, psa={"correlation": [
        {"between": ["effect", "weeks"], "rho": 0.3}]}).model  # fmt: skip
    assert {p.name: p for p in varied.parameters}["weeks"].se == pytest.approx(2 * found.se)
    known = prepared(care_pathway__stays=both, care_pathway__weeks=57.5, care_pathway__weeks_se=3).model
    assert {p.name: p for p in known.parameters}["weeks"].se == 3
    # and they scale with the mean
    assert model.saving_per_averted(base(model, weeks=14.375))[0] == pytest.approx(2875)


def test_timing_says_in_which_direction_the_convention_errs():
    table = timing_table(prepared(care_pathway__entries="spread").model)
    assert isinstance(table, pd.DataFrame)
    assert table.loc[1, "text"].endswith("more is saved")
    assert table.loc[2, "text"] == "the same as declared"
    assert table.loc[3, "text"].endswith("less is saved")
    assert "no stay is ended at 18" in table.loc[0, "text"]


def test_stays_without_a_distribution_are_exponential_and_say_so():
    line = {"price_year": "2024-25", "source": "by hand", "grade": "B"}
    places = [{"name": "foster", "share": 1, "weekly_cost": 100, **line}]
    bare, told = (prepared(care_pathway={"weeks": 60, "placements": places, **more}).model
                  for more in ({}, {"stays": {"distribution": "gamma", "shape": 1}}))  # fmt: skip
    assert bare.saving_per_averted(base(bare)) == told.saving_per_averted(base(told))
    assert timing_table(bare)["text"][0].startswith("no distribution of stays is declared: exponential;")


def test_observed_stays_of_another_mean_say_so_and_stay_within_a_childhood(tmp_path, monkeypatch):
    # mean 28.75, the longest 40: at a mean of 57.5 it is 80, at 700 it would be 974
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stays.csv").write_text("weeks,ended\n10,1\n20,0\n30,1\n40,1\n")
    filed = {"distribution": "empirical", "path": "stays.csv"}
    model = prepared(care_pathway__stays=filed, care_pathway__weeks=57.5, care_pathway__weeks_source="returns").model
    said = "the file's own mean is 28.75 weeks: every stay is taken 2 times as long"
    assert said in timing_table(model)["text"][0]
    rows = assumption_table(model).set_index("assumption")["why"]
    assert rows["weeks of an averted stay"] == f"returns; {said}"
    same = prepared(care_pathway__stays=filed, care_pathway__weeks=28.75).model
    assert "own mean" not in timing_table(same)["text"][0]
    with pytest.raises(DesignFault, match=r"weeks: 700: the file's own mean is 28\.75, so that its longest stay would "
                       "be 974 weeks: 18 years are 939"):  # fmt: skip
        prepared(care_pathway__stays=filed, care_pathway__weeks=700, scenarios=[])
    # 939 weeks are a childhood, 940 are none
    (tmp_path / "stays.csv").write_text("weeks,ended\n10,1\n939,1\n")
    assert prepared(care_pathway__stays=filed, care_pathway__weeks=None).model.base["weeks"] == pytest.approx(474.5)


def test_a_mean_longer_than_a_childhood_is_refused():
    with pytest.raises(DesignFault, match=r"care_pathway\.weeks: 940 weeks on average, but 18 years are 939"):
        prepared(care_pathway__weeks=940)


def test_moves_within_the_year_stand_beside_those_at_its_end():
    # an entry of 60 weeks in foster care at 100, half of which moves to a home at 300 a year: 52 weeks at 100 and 8 at
    # 200 at the anniversary; through the year 52 at 150 and 8 at (200 + 250) / 2. Two entries, the second for a year.
    line = {"price_year": "2024-25", "source": "by hand", "grade": "B"}
    places = [{"name": "foster", "share": 1, "weekly_cost": 100, "to": {"home": 0.5}, **line},
              {"name": "home", "share": 0, "weekly_cost": 300, **line}]  # fmt: skip
    table = timing_table(prepared(care_pathway__placements=places).model).set_index("convention")
    assert table.loc["as declared", "saving_one_each_year"] == pytest.approx(2 * 5200 + 1600)
    row = table.loc["as declared, moves between placements through the year"]
    assert row["saving_one_each_year"] == pytest.approx(2 * 7800 + 8 * 225)
    assert row["saving_single_entry"] == pytest.approx(7800 + 8 * 225)
    assert row["text"] == "would say that 45.0% more is saved"
    assert "children move between placements at each anniversary of their entry" in table["text"].iloc[0]
    still = timing_table(prepared().model)
    assert not still["convention"].str.contains("moves").any()
    assert "anniversary" not in still["text"][0]


@pytest.mark.parametrize("kind", ["weibull", "gamma"])
@pytest.mark.parametrize("shape", [0.05, 0.3, 1.0, 1000.0])
def test_stays_that_end_at_18_have_their_mean_at_every_shape_and_room(kind, shape):
    # all weeks of an entry lie within the year of entry and the 18 that follow, and add up to the mean
    declared = stay(kind, shape, ages={1: 0.3, 8: 0.3, 14: 0.4})
    mean = 52 * declared.limit * np.array([0.01, 0.5, 0.9, 0.97, 0.99, 0.999])
    np.testing.assert_allclose(np.add(*declared.weeks_by_year(mean, 20, 52.0)).sum(1), mean, rtol=1e-10)
