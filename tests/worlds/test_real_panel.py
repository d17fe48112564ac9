"""Semi-synthetic worlds: a real panel's own noise, placebo adoption, a declared effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import DataFault, DesignFault
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.montecarlo.line.compiled import Line, compile_line
from sos_eval.montecarlo.line.draws import estimate_draws
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import World, load_world

TEXT = """schema: sos-eval/world/1
name: real
times: {first: 2011, last: 2014}
panel: {path: p.csv, unit: code, time: year, count: starts, exposure: pop, region: reg}
outcome: {name: care_entries, per: 10000}
adoption: {pattern: staggered, treated: 4, cohorts: {2013: 1, 2014: 1}}
effect: {size: -2.0}
"""


def _data() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [(f"A{i}", year, "N" if i < 5 else "S") for i in range(10) for year in range(2011, 2015)]
    data = pd.DataFrame(rows, columns=["code", "year", "reg"])
    data["pop"] = 20000 + 1000 * data["code"].str[1:].astype(int)
    data["starts"] = rng.poisson(60, len(data)).astype(float)
    data.loc[39, "starts"] = np.nan  # A9 has a gap
    return data


def _world(folder: Path, text: str = TEXT, data: pd.DataFrame | None = None) -> World:
    (_data() if data is None else data).to_csv(folder / "p.csv", index=False)
    (folder / "w.yaml").write_text(text)
    return load_world(folder / "w.yaml")


def test_untreated_outcomes_are_the_panels_own(tmp_path):
    """Nine authorities without a gap; each draw treats others; who is not yet treated has its real count."""
    world = _world(tmp_path)
    draws = draw_world(world, np.random.default_rng(1), 50)
    real = _data().pivot(index="code", columns="year", values="starts").drop("A9").to_numpy()
    exposure = draws.frame.exposure
    seen = set()
    for rep in range(50):
        starts, observed = draws.placed(rep)
        assert sorted(starts[np.isfinite(starts)]) == [2013, 2013, 2014, 2014]
        effect = np.where(world.periods >= starts[:, None], -2.0, 0.0)
        np.testing.assert_allclose(observed, real + effect * exposure / 10000)
        seen.add(tuple(starts))
    assert len(seen) > 40


def test_named_authorities_never_start(tmp_path):
    world = _world(tmp_path, TEXT.replace("region: reg}", 'region: reg, never: ["A0", "A1"]}'))
    draws = draw_world(world, np.random.default_rng(3), 200)
    starts = np.array([draws.placed(rep)[0] for rep in range(200)])
    assert not np.isfinite(starts[:, :2]).any()
    assert np.isfinite(starts[:, 2:]).any(0).all()


def test_every_authority_is_treated_equally_often(tmp_path):
    draws = draw_world(_world(tmp_path), np.random.default_rng(2), 4000)
    share = np.mean([np.isfinite(draws.placed(rep)[0]) for rep in range(4000)], axis=0)
    assert np.abs(share - 4 / 9).max() < 4.5 * np.sqrt(4 / 9 * 5 / 9 / 4000)


def test_regions_limit_placebo_adoption(tmp_path):
    world = _world(tmp_path, TEXT.replace("treated: 4,", "treated: 4, regions: [N],"))
    draws = draw_world(world, np.random.default_rng(3), 40)
    north = (draws.frame.table["region"] == "N").to_numpy()
    assert all(not np.isfinite(draws.placed(rep)[0][~north]).any() for rep in range(40))


def _refitted(method, draws, rep) -> pd.Series:
    """Return the overall effect estimated anew on the real table under one draw's adoption."""
    starts, observed = draws.placed(rep)
    table = data_of(draws).assign(
        care_entries=observed.ravel(), first_treated=np.repeat(np.where(np.isfinite(starts), starts, 0), 4)
    )
    own = method.fit(
        table, unit="la_code", time="year", outcome="care_entries", exposure="children_0_17", per=10000,
        first_treated="first_treated",
    )  # fmt: skip
    return own[own["aggregation"] == "overall"].iloc[0]


@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna()])
def test_moving_authorities_is_moving_adoption(tmp_path, method):
    """The batch, in which authorities change places, equals re-estimating the real panel under each adoption."""
    world = _world(tmp_path)
    draws = draw_world(world, np.random.default_rng(4), 5)
    batch = compile_line(Line("one", method), draws, data_of(draws))
    assert batch.path == "batch"
    fast = estimate_draws(batch, draws, lambda rep, k: np.random.default_rng(0))
    for rep in range(5):
        estimate = _refitted(method, draws, rep)["estimate"]
        k = list(fast.rows["aggregation"]).index("overall")
        assert fast.values[k, rep, 0] == pytest.approx(estimate, rel=1e-10)


def _wider() -> pd.DataFrame:
    """The panel with a number of each authority's own and a second count."""
    data = _data()
    data["poverty"] = data["code"].str[1:].astype(float) ** 2
    data["stays"] = np.random.default_rng(2).poisson(200, len(data)).astype(float)
    return data


WIDER = TEXT.replace("region: reg}", "region: reg, covariates: [poverty]}")


def _effects(draws, rep):
    """What was added to the rates of each authority, (n, n_times), and when each starts."""
    data = _wider().pivot(
        index="code", columns="year", values=draws.frame.world.outcome.name.replace("care_entries", "starts")
    )
    starts, observed = draws.placed(rep)
    return (observed - data.drop("A9").to_numpy()) / draws.frame.exposure * 10000, starts


def test_who_stands_where_moderates_the_effect(tmp_path):
    world = _world(tmp_path, WIDER.replace("size: -2.0", "size: -2.0, moderator: {poverty: 0.5}"), _wider())
    draws = draw_world(world, np.random.default_rng(1), 20)
    z = np.arange(9.0) ** 2
    z = (z - z.mean()) / z.std()
    truths = draws.true_effects
    row = int(np.flatnonzero((truths.cells["aggregation"] == "simple") & (truths.cells["scale"] == "rate_per"))[0])
    for rep in range(20):
        added, starts = _effects(draws, rep)
        treated = (world.periods >= starts[:, None]).astype(float)
        np.testing.assert_allclose(added, -2.0 * (1 + 0.5 * z[:, None]) * treated, atol=1e-9)
        assert truths.values[rep, row] == pytest.approx(added[treated > 0].mean(), rel=1e-9)
    done = se.power(TWFE(), world, reps=50)
    assert done.explained["how"].tolist() == ["batch"]


def test_practice_spreads_within_regions_and_unrecorded(tmp_path):
    effect = "size: -2.0, spillover: {share: 0.5}, contamination: {share: 0.4, dose: 0.25, start: 2014}"
    draws = draw_world(_world(tmp_path, WIDER.replace("size: -2.0", effect), _wider()), np.random.default_rng(1), 20)
    north = np.arange(9) < 5
    for rep in range(20):
        added, starts = _effects(draws, rep)
        started = draws.frame.world.periods >= starts[:, None]
        around = np.where(north[:, None], started[north].mean(0), started[~north].mean(0))
        left = added + 2.0 * started + 2.0 * 0.5 * around * ~started
        np.testing.assert_allclose(left[:, :3], 0.0, atol=1e-9)
        assert sorted(np.round(left[:, 3], 9)) == [-0.5, -0.5, *[0.0] * 7]
        assert np.isinf(starts[np.abs(left[:, 3]) > 0.1]).all()
        assert draws.true_effects.values[rep, 0] == draws.true_effects.values[0, 0]


def test_adopters_are_selected_on_a_number_of_their_own(tmp_path):
    text = WIDER.replace("treated: 4,", "treated: 4, selection: {covariates: {poverty: 3}},")
    draws = draw_world(_world(tmp_path, text, _wider()), np.random.default_rng(1), 200)
    share = np.mean([np.isfinite(draws.placed(rep)[0]) for rep in range(200)], axis=0)
    assert share[:3].max() < 0.2
    assert share[-2:].min() > 0.9


def test_gaps_and_suppression_are_of_the_authoritys_own_counts(tmp_path):
    world = _world(tmp_path, TEXT.replace("size: -2.0}", "size: 0}\nmissing: {share: 0.1, suppress_below: 55}"))
    draws = draw_world(world, np.random.default_rng(1), 100)
    real = _data().pivot(index="code", columns="year", values="starts").drop("A9").to_numpy()
    gone = np.array([np.isnan(draws.placed(rep)[1]) for rep in range(100)])
    assert gone[:, real < 55].all()
    assert gone[:, real >= 55].mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / (100 * (real >= 55).sum())))
    seen = np.array([draws.placed(rep)[1] for rep in range(100)])
    np.testing.assert_allclose(np.where(gone, np.nan, real), seen)


def test_two_outcomes_of_one_panel_share_their_adopters(tmp_path):
    text = WIDER + "further: [{name: stays, per: 10000, effect: {size: 5.0}}]\n"
    world = _world(tmp_path, text, _wider())
    draws = draw_world(world, np.random.default_rng(1), 20)
    for rep in range(20):
        first, starts = _effects(draws, rep)
        second, same = _effects(draws.about("stays"), rep)
        treated = (world.periods >= starts[:, None]).astype(float)
        np.testing.assert_array_equal(starts, same)
        np.testing.assert_allclose(first, -2.0 * treated, atol=1e-9)
        np.testing.assert_allclose(second, 5.0 * treated, atol=1e-9)
    table = data_of(draws)
    np.testing.assert_allclose(table["stays"], draws.about("stays").placed(0)[1].ravel())
    done = se.power(TWFE(), world, reps=100, seed=1)
    assert done.summary.set_index("outcome")["true_effect"].to_dict() == pytest.approx({"care_entries": -2, "stays": 5})
    assert set(done.families["decision"]) == {"at least one", "every one", "one that is not there", "this one"}


def test_a_rate_ratio_is_of_the_children_of_who_is_treated(tmp_path):
    draws = draw_world(_world(tmp_path), np.random.default_rng(1), 10)
    table = data_of(draws)
    ready = compile_line(Line("p", PoissonDiD()), draws, table)
    found = estimate_draws(ready, draws, lambda rep, k: np.random.default_rng(0))
    real = _data().pivot(index="code", columns="year", values="starts").drop("A9").to_numpy()
    for rep in range(10):
        starts, observed = draws.placed(rep)
        treated = draws.frame.world.periods >= starts[:, None]
        ratio = np.log(observed[treated].sum() / real[treated].sum())
        assert found.values[found.rows["scale"] == "ratio", rep, 5].ravel()[0] == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna()])
def test_gaps_follow_authorities(tmp_path, method):
    text = WIDER.replace("size: -2.0}", "size: -2.0, moderator: {poverty: 0.5}, spillover: {}}\nmissing: {share: 0.08}")
    draws = draw_world(_world(tmp_path, text, _wider()), np.random.default_rng(5), 6)
    ready = compile_line(Line("one", method), draws, data_of(draws))
    assert ready.why == "the outcomes have gaps, and every draw has its own"
    fast = estimate_draws(ready, draws, lambda rep, k: np.random.default_rng(0))
    k = list(fast.rows["aggregation"]).index("overall")
    for rep in range(6):
        row = _refitted(method, draws, rep)
        np.testing.assert_allclose(fast.values[k, rep, :2], [row["estimate"], row["std_error"]], rtol=1e-10)


def test_a_design_reads_a_semi_synthetic_world_and_its_hash_is_the_content(tmp_path):
    world = _world(tmp_path)
    done = se.power(TWFE(), world, reps=20, out=tmp_path / "out")
    assert done.summary["true_effect"].iloc[0] == pytest.approx(-2.0)
    data = _data()
    data.loc[0, "starts"] += 1
    with pytest.raises(Exception, match="holds another study"):
        se.power(TWFE(), _world(tmp_path, data=data), reps=20, out=tmp_path / "out", resume=True)


def test_faults_of_the_declaration(tmp_path):
    text = TEXT.replace(", region: reg}", "}").replace(
        "effect: {size: -2.0}",
        "effect: {size: -2.0, spillover: {share: 0.5}, moderator: {deprivation: 1, povert: 1}}\n"
        "further: [{name: stays, link: identity, effect: {size: 1}}]\nmergers: [{start: 2013, treated: merge}]",
    )
    with pytest.raises(DesignFault) as caught:
        _world(tmp_path, text.replace("treated: 4,", "treated: 4, selection: {level: 1, covariates: {poverty: 1}},"))
    said = " ".join(str(fault) for fault in caught.value.faults)
    assert "adoption.selection.level: has no meaning with panel" in said
    assert "adoption.selection.covariates.poverty: no such covariate; declare it" in said
    assert "effect.spillover: neighbours are the authorities of a region; add panel.region" in said
    assert "effect.moderator.deprivation: no such column" in said
    assert "further.0: a world with a panel takes it from there" in said
    assert "mergers: has no meaning with panel" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.rename(columns={"starts": "start"}), "no column 'starts'; did you mean \"start\""),
        (
            lambda d: d.astype({"starts": object}).assign(starts=lambda x: x["starts"].where(x.index != 3, "c")),
            "has text",
        ),
        (lambda d: pd.concat([d, d.iloc[:1]]), "1 rows stand twice"),
        (lambda d: d[d["year"] < 2013], "fewer than two authorities have every period"),
        (lambda d: d.assign(pop=lambda x: x["pop"].where(x.index != 3, -5)), "column 'pop' has numbers below zero"),
    ],
)
def test_faults_of_the_data(tmp_path, change, said):
    world = _world(tmp_path, data=change(_data()))
    with pytest.raises(DataFault, match=said.replace("(", r"\(")):
        draw_world(world, np.random.default_rng(1))


def test_a_covariate_that_is_not_one_number_is_refused(tmp_path):
    data = _wider()
    data.loc[2, "poverty"] = 7
    data.loc[data["code"] == "A4", "poverty"] = np.nan
    with pytest.raises(DataFault, match=r"'poverty' is not one number throughout for A0, A4; write each"):
        draw_world(_world(tmp_path, WIDER, data), np.random.default_rng(1))
    world = _world(tmp_path, WIDER.replace("size: -2.0", "size: -2.0, spillover: {neighbours: 4}"), _wider())
    with pytest.raises(DesignFault, match=r"spillover.neighbours: 4 neighbours in a region of 4 authorities"):
        draw_world(world, np.random.default_rng(1))


def test_counts_that_nothing_moved_are_the_real_ones_to_the_last_digit(tmp_path):
    """So that none is hidden that equals the threshold, and a file holds 60 and not 59.99999999999999."""
    text = TEXT + "missing: {suppress_below: 60}\n"
    draws = draw_world(_world(tmp_path, text), np.random.default_rng(1), 200)
    real = _data().pivot(index="code", columns="year", values="starts").drop("A9").to_numpy()
    for rep in range(200):
        starts, observed = draws.placed(rep)
        untouched = draws.frame.world.periods < starts[:, None]
        assert (np.isnan(observed) == (real < 60))[untouched].all()
        assert (observed[untouched & (real >= 60)] == real[untouched & (real >= 60)]).all()


def test_fidelity_is_that_of_who_adopts(tmp_path):
    """In the table of data the effect of every adopter is its own fidelity over the mean times the declared one."""
    world = _world(tmp_path, TEXT.replace("size: -2.0", "size: -2.0, fidelity: {mean: 0.5, sd: 0.2}"))
    draws = draw_world(world, np.random.default_rng(4))
    table = data_of(draws)
    real = _data().query("code != 'A9'").set_index(["code", "year"])["starts"]
    table["effect"] = 1e4 * (table["care_entries"] - real.reindex(pd.MultiIndex.from_frame(table[["la_code", "year"]]))
                             .to_numpy()) / table["children_0_17"]  # fmt: skip
    after = (table["first_treated"] > 0) & (table["year"] >= table["first_treated"])
    assert after.sum() == 6
    np.testing.assert_allclose(table["effect"][after], -2 * table["fidelity"][after] / 0.5, atol=1e-3)
    assert (table["fidelity"][table["first_treated"] == 0] == 0).all()


def test_fidelity_falls_with_the_turnover_of_staff(tmp_path):
    """A half leaves each period, a tenth of their successors is trained: .1 + .9 x .5^e of the first fidelity."""
    fades = "size: -2.0, fidelity: {mean: 0.5, sd: 0.2, turnover: 0.5, retrained: 0.1}"
    table = data_of(draw_world(_world(tmp_path, TEXT.replace("size: -2.0", fades)), np.random.default_rng(4)))
    own = table[table["first_treated"] > 0]
    first = own.groupby("la_code")["fidelity"].transform("max")
    left = 0.1 + 0.9 * 0.5 ** np.maximum(own["year"] - own["first_treated"], 0)
    np.testing.assert_allclose(own["fidelity"], first * left, atol=1.1e-4)  # four digits are told
    assert left.nunique() > 1


def test_regions_of_a_panel_are_checked(tmp_path):
    wrong = TEXT.replace("treated: 4,", "treated: 4, regions: [N, Sauth],")
    with pytest.raises(DesignFault, match=r"adoption\.regions: no region of the panel is called 'Sauth'"):
        draw_world(_world(tmp_path, wrong), np.random.default_rng(1))


def test_more_adopters_than_authorities_is_refused_when_the_panel_is_read(tmp_path):
    world = _world(tmp_path, TEXT.replace("treated: 4,", "treated: 12,"))
    with pytest.raises(DesignFault, match="12 of 9 authorities cannot start"):
        draw_world(world, np.random.default_rng(1))
