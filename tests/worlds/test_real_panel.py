"""Semi-synthetic worlds: a real panel's own noise, placebo adoption, a declared effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import DataFault, DesignFault
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.jobs.line_draws import evaluate
from sos_eval.jobs.lines import Line, prepare
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
    draws = world.draw(np.random.default_rng(1), 50)
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
    draws = world.draw(np.random.default_rng(3), 200)
    starts = np.array([draws.placed(rep)[0] for rep in range(200)])
    assert not np.isfinite(starts[:, :2]).any()
    assert np.isfinite(starts[:, 2:]).any(0).all()


def test_every_authority_is_treated_equally_often(tmp_path):
    draws = _world(tmp_path).draw(np.random.default_rng(2), 4000)
    share = np.mean([np.isfinite(draws.placed(rep)[0]) for rep in range(4000)], axis=0)
    assert np.abs(share - 4 / 9).max() < 4.5 * np.sqrt(4 / 9 * 5 / 9 / 4000)


def test_regions_limit_placebo_adoption(tmp_path):
    world = _world(tmp_path, TEXT.replace("treated: 4,", "treated: 4, regions: [N],"))
    draws = world.draw(np.random.default_rng(3), 40)
    north = (draws.frame.table["region"] == "N").to_numpy()
    assert all(not np.isfinite(draws.placed(rep)[0][~north]).any() for rep in range(40))


@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna()])
def test_moving_authorities_is_moving_adoption(tmp_path, method):
    """The batch, in which authorities change places, equals re-estimating the real panel under each adoption."""
    world = _world(tmp_path)
    draws = world.draw(np.random.default_rng(4), 5)
    batch = prepare(Line("one", method), draws, data_of(draws))
    assert batch.path == "batch"
    fast = evaluate(batch, draws, lambda rep, k: np.random.default_rng(0))
    for rep in range(5):
        starts, observed = draws.placed(rep)
        table = data_of(draws).assign(
            care_entries=observed.ravel(), first_treated=np.repeat(np.where(np.isfinite(starts), starts, 0), 4)
        )
        own = method.fit(
            table, unit="la_code", time="year", outcome="care_entries", exposure="children_0_17", per=10000,
            first_treated="first_treated",
        )  # fmt: skip
        estimate = own[(own["aggregation"] == "overall")]["estimate"].item()
        k = list(fast.rows["aggregation"]).index("overall")
        assert fast.values[k, rep, 0] == pytest.approx(estimate, rel=1e-10)


def test_a_design_reads_a_semi_synthetic_world_and_its_hash_is_the_content(tmp_path):
    world = _world(tmp_path)
    done = se.power(TWFE(), world, reps=20, out=tmp_path / "out")
    assert done.summary["true_effect"].iloc[0] == pytest.approx(-2.0)
    data = _data()
    data.loc[0, "starts"] += 1
    with pytest.raises(Exception, match="holds another study"):
        se.power(TWFE(), _world(tmp_path, data=data), reps=20, out=tmp_path / "out", resume=True)


def test_faults_of_the_declaration(tmp_path):
    text = TEXT.replace("effect: {size: -2.0}", "effect: {size: -2.0, spillover: {share: 0.5}}\nmissing: {share: 0.1}")
    with pytest.raises(DesignFault) as caught:
        _world(tmp_path, text.replace("treated: 4,", "treated: 4, selection: {level: 1},"))
    said = " ".join(str(fault) for fault in caught.value.faults)
    assert "adoption.selection.level: has no meaning with panel" in said
    assert "effect.spillover: is not in this version with panel" in said
    assert "missing: is not in this version with panel" in said


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
    ],
)
def test_faults_of_the_data(tmp_path, change, said):
    world = _world(tmp_path, data=change(_data()))
    with pytest.raises(DataFault, match=said.replace("(", r"\(")):
        world.draw(np.random.default_rng(1))


def test_more_adopters_than_authorities_is_refused_when_the_panel_is_read(tmp_path):
    world = _world(tmp_path, TEXT.replace("treated: 4,", "treated: 12,"))
    with pytest.raises(DesignFault, match="12 of 9 authorities cannot start"):
        world.draw(np.random.default_rng(1))
