"""Moderators: groups, one test of the difference by lots, and what is refused."""

from __future__ import annotations

import re
from io import StringIO
from itertools import product

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import DesignFault, NotIdentified
from sos_eval.estimators import TWFE, PoissonDiD
from sos_eval.jobs.check import check_design
from sos_eval.theory.moderators import Moderator, group_faults, groups_of, moderation
from tests.cli.bad_inputs import DESIGN as SMALL
from tests.cli.bad_inputs import panel as small_panel
from tests.fakes import fit, panel_of, people
from tests.jobs.test_theory import load


def panel(seed=0, effects=(-3.0, -3.0), n=40, treated=8, noise=1.0):
    """Two groups of half the units, so many treated in each; an effect in each from the fourth of six periods on."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0, 1], n // 2)
    starts = np.full(n, np.inf)
    for g in (0, 1):
        starts[np.flatnonzero(group == g)[:treated]] = 2004.0
    late = (np.arange(2001, 2007) >= 2004) & np.isfinite(starts)[:, None]
    y = (
        20
        + rng.standard_normal((n, 1))
        + noise * rng.standard_normal((n, 6))
        + np.array(effects)[group][:, None] * late
    )
    return panel_of(y, starts, side=np.array(["north", "south"])[group])


def found(data, method=None, **options):
    options = {"draws": 199} | options
    return moderation(fit(method or TWFE(), data), Moderator("side", **options), np.random.default_rng(1))


def test_groups_are_estimated_on_their_own_units():
    data = panel(effects=(-3.0, -1.0))
    one = found(data)
    assert list(one.groups) == ["side north", "side south"]
    north = data.keep(data.units[groups_of(data, "side")["side north"]])
    assert one.groups["side north"].estimate.values[0] == pytest.approx(TWFE().complete(north).values[0])
    values = [part.estimate.values[0] for part in one.groups.values()]
    assert one.difference == pytest.approx(values[1] - values[0])


def test_four_and_four_by_hand():
    """Groups of four with one treated: sixteen adoptions, of which the observed spread is reached by few."""
    y = np.zeros((8, 2))
    y[:, 1] = [5, 0.1, -0.1, 0, 1, 0.2, -0.2, 0]
    starts = np.array([2002, np.inf, np.inf, np.inf] * 2, float)
    data = panel_of(y, starts, side=["a"] * 4 + ["b"] * 4)
    one = found(data)
    assert one.draws == 16
    effects = []
    without = y[:, 1] - 3.0 * np.isfinite(starts)  # the estimate on all: (5 + 1) / 2 less nothing
    for i in range(4):
        for j in range(4, 8):
            parts = [without[k] - np.delete(without[side], k % 4).mean()
                     for k, side in ((i, slice(0, 4)), (j, slice(4, 8)))]  # fmt: skip
            effects.append(parts[1] - parts[0])
    effects = np.array(effects)
    observed = effects[0]
    assert one.difference == pytest.approx(observed)
    assert one.p_value == pytest.approx(np.mean(np.abs(effects) >= abs(observed) - 1e-9))
    assert one.detectable == pytest.approx(2.8015852 * effects.std(), rel=1e-6)


def test_of_three_groups_every_pair_has_a_difference_and_a_p_for_all_pairs():
    """Three groups of four with one treated: 64 adoptions, each pair's spread and the largest by hand."""
    rng = np.random.default_rng(0)
    y = np.zeros((12, 2))
    y[:, 1] = rng.normal(size=12) + np.repeat([6.0, 0.0, 0.0], 4) * (np.arange(12) % 4 == 0)
    starts = np.where(np.arange(12) % 4 == 0, 2002.0, np.inf)
    data = panel_of(y, starts, score=np.repeat([1.0, 2.5, 7.0], 4) + np.arange(12) % 4 / 10)
    one = moderation(fit(TWFE(), data), Moderator("score_third", draws=99), np.random.default_rng(1))
    assert list(one.groups) == ["score third 1 (1 to 1.3)", "score third 2 (2.5 to 2.8)", "score third 3 (7 to 7.3)"]
    effects = np.array([part.estimate.values[0] for part in one.groups.values()])
    without = y[:, 1] - effects.mean() * np.isfinite(starts)
    drawn = np.array([
        [without[4 * g + i] - np.delete(without[4 * g : 4 * g + 4], i).mean() for g, i in enumerate(picked)]
        for picked in product(range(4), repeat=3)
    ])  # fmt: skip
    apart = np.column_stack([drawn[:, b] - drawn[:, a] for a, b in ((0, 1), (0, 2), (1, 2))])
    spread = apart.std(axis=0)
    largest = np.abs(apart / spread).max(axis=1)
    pairs = one.pairs
    assert pairs["first"].str[12].tolist() == ["1", "1", "2"]
    np.testing.assert_allclose(pairs["difference"], effects[[1, 2, 2]] - effects[[0, 0, 1]])
    at_least = [(largest >= size - 1e-9).mean() for size in np.abs(apart[0] / spread)]
    np.testing.assert_allclose(pairs["p_adjusted"], at_least)
    np.testing.assert_allclose(pairs["detectable"], (np.quantile(largest, 0.95) + 0.8416212) * spread, rtol=1e-6)
    assert np.isnan(one.difference)


def test_one_effect_everywhere_is_rarely_called_two_and_two_are_found():
    same = np.array([found(panel(seed), draws=99).p_value for seed in range(60)])
    apart = np.array([found(panel(seed, (-4.0, 0.0)), draws=99).p_value for seed in range(10)])
    assert (same <= 0.05).sum() <= 8  # 3 expected, 3 errors of 1.7
    assert (apart <= 0.05).sum() >= 9


def test_ratios_are_compared_in_logs():
    rng = np.random.default_rng(4)
    starts = np.where(np.arange(40) % 20 < 8, 2004.0, np.inf)
    late = (np.arange(2001, 2007) >= 2004) & np.isfinite(starts)[:, None]
    rate = 50 * np.where(late, np.repeat([0.5, 1.0], 20)[:, None], 1.0)
    data = panel_of(rng.poisson(rate), starts, exposure=np.ones((40, 6)), side=["a"] * 20 + ["b"] * 20)
    one = found(data, PoissonDiD())
    assert one.difference == pytest.approx(np.log(2), abs=0.15)
    assert one.p_value <= 0.05


def test_a_group_without_a_treated_unit_is_named():
    data = panel(treated=8)
    sides = np.where(np.arange(40) >= 35, "east", "north")
    faults = group_faults(data.with_columns(side=sides[data.unit_codes]), "side")
    assert faults == ["the group side east (5 units) is without a treated unit"]
    with pytest.raises(NotIdentified, match="rows are people"):
        groups_of(people(), "side")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[{by: trust}]", "moderators.0.by: the intervention moves trust: practice -> trust"),
        ("[{by: a}, {by: b}, {by: c}]", "moderators: 3 are declared; more than 2 find differences by chance"),
        ("[{by: a}, {by: a, draws: 99}]", "moderators.1.by: a stands twice"),
        ("[{bye: a}]", 'moderators.0.bye: no such key; did you mean "by"?'),
        ("{by: a}", "moderators: must be a list"),
    ],
)
def test_faults(tmp_path, section, said):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("seed: 1\n", f"moderators: {section}\nseed: 1\n"))
    assert any(said in str(fault) for fault in caught.value.faults)


def test_run_writes_rows_and_the_test(tmp_path):
    import sos_eval as se

    both = "moderators: [{by: idaci_half, draws: 99}, {by: trust_half, draws: 99}]\nseed: 1\n"
    bundle = se.run(load(tmp_path, ("seed: 1\n", both)), out=tmp_path / "out")
    page = (bundle.path / "report.html").read_text()
    assert "mean before the first start, which the interv" in page
    assert "Their p values are not adjusted for their number." in page
    assert "smaller second link than the true one, so that one of about nothing does not show" in page
    moved = ("{method: twfe}", "{method: callaway_santanna, anticipation: 1}")
    one = "moderators: [{by: idaci_half, draws: 19}]\nseed: 1\n"
    early = se.run(load(tmp_path, ("seed: 1\n", one), moved), out=tmp_path / "early")
    page = (early.path / "report.html").read_text()
    assert "mean before the first start, the 1 period of declared anticipation among them." in page
    assert "Their p values" not in page
    assert list(bundle.tables("moderators")["by"]) == ["idaci_half", "trust_half"]  # as practice met it: none moved it
    rows = bundle.estimates[bundle.estimates["subgroup"] != ""].set_index("subgroup")
    ranges = [re.fullmatch(r"idaci half (\d) \((\S+) to (\S+)\)", name).groups() for name in rows.index[:2]]
    assert [one[0] for one in ranges] == ["1", "2"]
    assert float(ranges[0][1]) < float(ranges[0][2]) <= float(ranges[1][1]) < float(ranges[1][2])
    assert rows.index[2] == "idaci_half: difference"
    first, second, apart = rows["estimate"].iloc[:3]
    assert apart == pytest.approx(second - first)
    test = bundle.tables("moderators").iloc[0]
    assert rows.loc["idaci_half: difference", "p_value"] == test["p_value"]
    assert test["detectable"] > 0
    assert bundle.headline["estimate"] not in (first, second)
    groups = rows.iloc[:2]
    told = groups[["n_treated_units", "conf_low", "reason"]].itertuples(index=False)
    for treated, low, reason in told:
        assert np.isfinite(low) == (treated >= 5)
        assert reason.startswith("with few treated" if treated >= 5 else f"{treated} treated and")
    assert "Whether the effect differs between groups" in (bundle.path / "report.html").read_text()


def test_a_column_of_numbers_that_makes_no_groups_is_told_how_to_be_cut():
    data = panel()
    for values, what in ((data.unit_codes * 1.5, "score has 40 values in 40 units, and each would be a group"),
                         (np.tile(np.arange(6.0), 40), "score changes within u001")):  # fmt: skip
        with pytest.raises(NotIdentified) as caught:
            group_faults(data.with_columns(score=values), "score")
        fault = caught.value.faults[0]
        assert what in fault.what
        assert fault.instead == "write score_half or score_third"
    by_code = data.with_columns(code=np.where(data.frame["side"] == "north", 1.0, 2.0))
    assert group_faults(by_code, "code") == []


def test_a_column_that_tells_who_begins_is_no_moderator():
    data = panel()
    scored = data.with_columns(fidelity=np.where(data.ever_treated[data.unit_codes], 0.7, 0.0))
    with pytest.raises(
        NotIdentified, match="no group holds both treated and untreated units: it says who begins"
    ) as caught:
        group_faults(scored, "fidelity_half")
    assert caught.value.faults[0].instead == "name a column whose values the two share"


def test_run_refuses_a_group_without_a_treated_unit(tmp_path):
    load(tmp_path, ("seed: 1\n", "moderators: [{by: lonely}]\nseed: 1\n"))
    with pytest.raises(Exception, match="lonely"):
        check_design(tmp_path / "d.yaml")


def test_check_says_what_run_would_of_groups_that_cannot_be_estimated(tmp_path):
    """With one unit of a start in a group, slopes have nothing to stand on: `check` was in order, and the run ended.

    Its fault named neither group nor moderator, and of several moderators the first alone.
    """
    rows = pd.read_csv(StringIO(small_panel()))
    rows["kind"] = np.where(rows["la"].isin([1, 8, 9, 10]), "alone", "others")
    rows["other"] = np.where(rows["la"].isin([2, 5, 6, 7]), "lone", "rest")
    rows.assign(x=rows["la"] % 4).to_csv(tmp_path / "panel.csv", index=False)
    asked = "moderators:\n  - {by: kind, draws: 19}\n  - {by: other, draws: 19}\n"
    text = SMALL.replace("callaway_santanna", "etwfe, covariates: [x]").replace("seed: 1", f"{asked}seed: 1")
    (tmp_path / "d.yaml").write_text(text.replace("  treatment:", "  covariates: [x]\n  treatment:"))
    told = []
    for job in (check_design, se.run):
        with pytest.raises(NotIdentified) as caught:
            job(tmp_path / "d.yaml")
        told.append([(fault.where[-2:], fault.what, fault.instead) for fault in caught.value.faults])
    assert told[0] == told[1]
    assert [where for where, _, _ in told[0]] == ["17", "18"]
    assert "moderators: the group kind alone: etwfe: the slopes of x need two values" in told[0][0][1]
    assert told[0][0][2] == "choose wider groups, or take it out"
    assert not (tmp_path / "reports").exists()
