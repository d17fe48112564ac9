"""Authorities of a real panel under outcomes that a world declares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import DataFault, DesignFault, InputFault
from sos_eval.estimators import TWFE
from sos_eval.montecarlo.dask import _findable
from sos_eval.montecarlo.plan import plan_study
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import World, document_of, load_world, world_from

TEXT = """schema: sos-eval/world/1
name: theirs
times: {first: 2011, last: 2014}
authorities:
  panel: {path: p.csv, unit: code, time: year, exposure: pop, region: reg, deprivation: poor}
outcome: {mean: {2011: 28.0}, level_sd: 0.2, distribution: poisson}
adoption: {pattern: calendar, treated: 3, start: 2013, regions: [N]}
effect: {size: -2.0}
"""


def _data() -> pd.DataFrame:
    rows = [(f"A{i}", year, "S" if i % 2 else "N", i / 50) for i in range(12) for year in range(2011, 2015)]
    data = pd.DataFrame(rows, columns=["code", "year", "reg", "poor"])
    data["pop"] = 20000.0 + 1000 * data["code"].str[1:].astype(int) + data["year"]
    data.loc[47, "pop"] = np.nan  # A11 has a gap
    return data


def _world(folder: Path, text: str = TEXT, data: pd.DataFrame | None = None) -> World:
    (_data() if data is None else data).to_csv(folder / "p.csv", index=False)
    (folder / "w.yaml").write_text(text)
    return load_world(folder / "w.yaml")


def test_regions_deprivation_and_children_are_the_file_s(tmp_path):
    world = _world(tmp_path)
    assert world.authorities.n == 11
    assert {name: one.authorities for name, one in world.authorities.regions.items()} == {"N": 6, "S": 5}
    draws = draw_world(world, np.random.default_rng(1), 3)
    real = _data().query("code != 'A11'").sort_values(["reg", "code"], key=lambda x: x.str[1:].astype(int)
                                                      if x.name == "code" else x)  # fmt: skip
    own = [f"A{i}" for i in (0, 10, 2, 4, 6, 8, 1, 3, 5, 7, 9)]
    by = real.pivot(index="code", columns="year", values="pop").loc[own]
    np.testing.assert_array_equal(draws.frame.exposure, by.to_numpy())
    np.testing.assert_array_equal(draws.frame.table["idaci"], [int(code[1:]) / 50 for code in own])
    starts = draws.frame.first_treated
    assert np.isfinite(starts[:6]).sum() == 3
    assert np.isinf(starts[6:]).all()
    assert {"la_code", "region", "idaci", "children_0_17"} <= set(data_of(draws).columns)


def test_it_goes_through_plain_values_sweeps_and_studies(tmp_path):
    world = _world(tmp_path)
    again = world_from(document_of(world), {"effect.size": -1.0})
    assert again.authorities == world.authorities
    done = se.power(TWFE(), world, reps=5, sweep={"world.adoption.treated": [2, 3]}, out=tmp_path / "o")
    assert (done.explained["n_units"] == 11).all()
    data = _data()
    data.loc[0, "pop"] += 1
    with pytest.raises(InputFault, match="holds another study"):
        se.power(
            TWFE(), _world(tmp_path, data=data), reps=5, sweep={"world.adoption.treated": [2, 3]}, out=tmp_path / "o",
            resume=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("authorities:\n", "authorities:\n  n: 20\n"), "authorities.n: 20, and its panel has 11 in every period"),
        (("authorities:\n", "authorities:\n  regions: {X: {authorities: 3}}\n"), "authorities.regions: has no meaning"),
        (("authorities:\n", "authorities:\n  population: {median: 9000}\n"), "population: has no meaning with panel"),
        (("regions: [N]", "regions: [M]"), "no region is called 'M'"),
        (("treated: 3", "treated: 7"), "7 of 6 authorities cannot start"),
    ],
)
def test_what_contradicts_the_panel_is_refused(tmp_path, change, said):
    with pytest.raises(DesignFault, match=said):
        _world(tmp_path, TEXT.replace(*change))


def test_a_file_at_fault_is_named(tmp_path):
    with pytest.raises(DataFault, match=r"authorities\.panel: no column 'pop'; did you mean \"popu\""):
        _world(tmp_path, data=_data().rename(columns={"pop": "popu"}))


def test_files_of_a_point_are_named_from_the_root_for_a_worker_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _world(tmp_path)
    study = plan_study(TWFE(), load_world("w.yaml"), reps=2)
    there = _findable(study.points[0])
    assert study.points[0].world.authorities.panel.path == "p.csv"
    assert there.world.authorities.panel.path == str(tmp_path.resolve() / "p.csv")
    assert replace(study, points=(there,)).hash == study.hash
