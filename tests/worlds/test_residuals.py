"""A real panel's residuals as noise: their moments stay, the expected rates are the world's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DataFault, DesignFault
from sos_eval.montecarlo.study import Point, Study
from sos_eval.panel.england.published import panel_file
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.moments import moments
from sos_eval.worlds.residuals import Residuals, read_residuals, resample
from sos_eval.worlds.world import document_of, world_from
from tests.worlds.tiny import tiny

COLUMNS = {"unit": "unit", "time": "year", "count": "cla_started", "exposure": "pop_0_17"}


def _file(folder, counts=(20, 20, 20, 80)):
    """Write two authorities with 1,000 children over two years."""
    rows = {"unit": ["a", "a", "b", "b"], "year": [2011, 2012] * 2, "cla_started": counts, "pop_0_17": [1000] * 4}
    pd.DataFrame(rows).to_csv(folder / "p.csv", index=False)
    return Residuals(path=str(folder / "p.csv"), **COLUMNS)


def test_residuals_by_hand(tmp_path):
    """Rates 20, 20 and 20, 80: authority b grows by log 4, a by 0, so that residuals are a quarter of log 4 each."""
    found = read_residuals(_file(tmp_path), np.array([2011.0, 2012.0]), 1000.0)
    np.testing.assert_allclose(found, np.log(4) / 4 * np.array([[1, -1], [-1, 1]]))


def test_whole_histories_are_drawn_and_the_mean_stays():
    """Factors 1.5 and 0.5 by turns: an authority has either history in full, and 100 on average."""
    found = np.log([[1.5, 0.5], [0.5, 1.5]])
    counts = resample(found, np.full((4000, 3, 2), 10.0), np.full((3, 2), 10.0), np.random.default_rng(1))
    assert set(map(tuple, counts.reshape(-1, 2))) == {(150.0, 50.0), (50.0, 150.0)}
    assert counts[..., 0].mean() == pytest.approx(100, abs=4.5 * 50 / np.sqrt(12000))


def test_a_zero_count_and_a_missing_panel_are_refused(tmp_path):
    with pytest.raises(
        DataFault, match=r"a count of zero has no logarithm; write that authority in outcome\.residuals"
    ):
        read_residuals(_file(tmp_path, (0, 20, 20, 80)), np.array([2011.0, 2012.0]), 1000.0)
    with pytest.raises(DataFault, match=r"outcome\.residuals: no column 'pop'"):
        read_residuals(replace(_file(tmp_path), exposure="pop"), np.array([2011.0, 2012.0]), 1000.0)
    with pytest.raises(DesignFault, match=r"outcome\.residuals: is missing; name the panel"):
        tiny(outcome__distribution="residuals")
    with pytest.raises(DesignFault, match=r"outcome\.residuals: has no meaning with distribution: poisson"):
        tiny(outcome__residuals={"path": "p.csv", **COLUMNS})


def test_moments_of_the_real_panel_stay():
    """Spread and trends within authorities are the real panel's, in a world without other noise."""
    file = panel_file("constant")
    world = tiny(
        times={"first": 2014, "last": 2025}, authorities={"n": 148}, effect__size=0.0, adoption={"pattern": "none"},
        outcome__distribution="residuals", outcome__residuals={
            "path": str(file), "unit": "la_code", "time": "year", "count": "care_entries", "exposure": "children_0_17"
        },
    )  # fmt: skip
    assert world_from(document_of(world)) == world
    draws = draw_world(world, np.random.default_rng(1), 200)
    zeros = np.arange(148.0)
    drawn = moments(draws.observed, draws.frame.exposure, zeros, world.periods).set_index("moment")
    data = pd.read_csv(file)
    data = data[data["year"] >= 2014]
    names = ("care_entries", "children_0_17")
    wide = {c: data.pivot(index="la_code", columns="year", values=c).to_numpy(float) for c in names}
    real = moments(wide["care_entries"], wide["children_0_17"], zeros, world.periods).set_index("moment")["value"]
    for name in ("within_sd_log", "within_sd_log_short", "trend_sd_log", "trend_sd_log_short"):
        error = 4.5 * drawn.loc[name, "sd"] / np.sqrt(200)
        assert drawn.loc[name, "value"] == pytest.approx(real[name], abs=error + 0.01 * real[name]), name
    np.testing.assert_allclose(draws.outcomes.mean((0, 1)), 28, rtol=0.01)


def test_a_study_knows_the_panel_of_residuals_by_its_content(tmp_path):
    def hashed(folder, counts=(20, 20, 20, 80)):
        folder.mkdir()
        data = pd.DataFrame({
            "unit": ["a"] * 6 + ["b"] * 6, "year": [*range(2011, 2017)] * 2, "cla_started": [20] * 8 + [*counts],
            "pop_0_17": [1000] * 12,
        })  # fmt: skip
        data.to_csv(folder / "p.csv", index=False)
        world = tiny()
        spec = Residuals(path=str(folder / "p.csv"), **COLUMNS)
        outcome = replace(world.outcome, distribution="residuals", dispersion=0.0, residuals=spec)
        point = Point({}, replace(world, outcome=outcome), ())
        return Study((point,), 4, 1, 2).hash

    assert hashed(tmp_path / "here") == hashed(tmp_path / "there")
    assert hashed(tmp_path / "other", counts=(20, 20, 20, 81)) != hashed(tmp_path / "again")
