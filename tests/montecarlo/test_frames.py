"""A power study draws authorities and adopters more than once, and its error says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import InputFault, NotIdentified
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo.chunk import Task
from sos_eval.montecarlo.study import FRAMES, compute
from sos_eval.numerics.clusters import error_of_mean, reach, spread_between
from sos_eval.numerics.random import stream
from sos_eval.report.power.page import write_power_report
from sos_eval.worlds.draw import draw_outcomes
from sos_eval.worlds.frame import draw_frame
from tests.conftest import ROOT
from tests.worlds.tiny import tiny

#: Eight draws on four frames: shares 1, 1/2, 0 and 1, whose mean is 5/8.
HITS, FRAME = np.array([1.0, 1, 1, 0, 0, 0, 1, 1]), np.repeat(np.arange(4), 2)


def test_the_error_by_hand():
    """SD of the four shares .4787, over the root of 4; B = (.4583 - .125) / 2, W = .125 of the one frame with both."""
    means = np.array([1, 0.5, 0, 1])
    assert error_of_mean(HITS, FRAME) == pytest.approx(means.std(ddof=1) / 2, abs=1e-12)
    assert spread_between(HITS, FRAME) == pytest.approx(np.sqrt(1 / 6), abs=1e-12)
    assert error_of_mean(HITS, FRAME) ** 2 == pytest.approx((1 / 6) / 4 + 0.125 / 8, abs=1e-12)
    assert reach(4, 8) == pytest.approx(3.182446, abs=1e-6)
    assert reach(1, 8) == reach(8, 8) == pytest.approx(1.959964, abs=1e-6)


def test_frames_of_unequal_size_and_draws_without_a_value_by_hand():
    """Frames {1, 3}, {2}, {6}: mean 3; sums of deviations -2, -1, 3; n0 = (4 - 6/4) / 2 = 1.25."""
    values, frames = np.array([1.0, 3, 2, 6, np.nan]), np.array([0, 0, 1, 2, 2])
    assert error_of_mean(values, frames) == pytest.approx(np.sqrt(1.5 * 14) / 4, abs=1e-12)
    between = (2 * 1 + 1 * 1 + 1 * 9) / 2
    assert spread_between(values[:4], frames[:4]) == pytest.approx(np.sqrt((between - 2) / 1.25), abs=1e-12)


def test_frames_that_vary_less_than_their_draws_have_the_error_of_independent_draws():
    """Both frames have a share of 1/2, which is chance: sqrt((1/3) / 4)."""
    assert error_of_mean(np.array([1.0, 0, 0, 1]), np.array([0, 0, 1, 1])) == pytest.approx(np.sqrt(1 / 12), abs=1e-12)


def test_nothing_between_frames_that_differ_less_than_their_draws():
    assert spread_between(np.array([1.0, 0, 0, 1]), np.array([0, 0, 1, 1])) == 0
    assert np.isnan(spread_between(np.arange(3.0), np.arange(3)))
    assert np.isnan(error_of_mean(np.ones(3), np.zeros(3, int)))


def test_draws_are_those_of_their_own_frame():
    """Seven draws on three frames in chunks of four: every estimate is that of a fit on the frame, drawn by hand."""
    world, seed = tiny(), 11
    study = plan_study(TWFE(), world, reps=7, chunk=4, seed=seed, frames=3)
    assert [study.blocks(task) for task in study.tasks] == [[(0, 3), (1, 1)], [(1, 1), (2, 2)]]
    frames = [draw_frame(world, stream(seed, "frame", *number)) for number in ((), (1,), (2,))]
    assert len({tuple(np.isfinite(frame.first_treated)) for frame in frames}) > 1
    for task in study.tasks:
        expected = []
        for number, reps in study.blocks(task):
            rng = stream(seed, "chunk", task.chunk, *([number] if number else []))
            draws = draw_outcomes(world, frames[number], rng, reps)
            panel = draws.panel
            fitted = [TWFE().complete(panel.with_outcome(one)) for one in draws.outcomes]
            expected += [one.values[one.cells["aggregation"] == "overall"][0] for one in fitted]
        np.testing.assert_allclose(compute(study, task).values[0, :, 0], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("world", "plan", "frames"),
    [
        (tiny(), {"reps": 120}, FRAMES),
        (tiny(), {"reps": 20}, 20),
        (tiny(missing__share=0.1), {"reps": 120}, 120),
        (tiny(), {"reps": 120, "frames": 3}, 3),
    ],
)
def test_the_rule_looks_at_design_and_world(world, plan, frames):
    """All lines in batches: 50; draw by draw, here for its gaps: one a draw."""
    assert plan_study(CallawaySantAnna(), world, **plan).frames == frames


@pytest.mark.parametrize(
    ("frames", "said"),
    [(0, "frames: 0 draws of authorities for 9 draws of outcomes; write 1 to 9"), (10, "write 1 to 9"),
     (2.5, "frames: 2.5 is no whole number"), (True, "frames: True is no whole number")],
)  # fmt: skip
def test_wrong_numbers_of_frames_are_said(frames, said):
    with pytest.raises(InputFault, match=said):
        se.power(TWFE(), tiny(), reps=9, frames=frames)


def test_tables_end_with_the_frames():
    done = se.power(TWFE(), tiny(), reps=120, frames=12, seed=2).summary
    assert list(done.columns[-2:]) == ["frames", "power_frame_sd"]
    assert set(done["frames"]) == {12}
    assert (done["power_frame_sd"] >= 0).all()
    alone = se.power(TWFE(), tiny(), reps=40, frames=40, seed=2).summary
    assert alone["power_frame_sd"].isna().all()
    assert alone["power_mcse"].iloc[0] == pytest.approx(np.sqrt(alone["power"] * (1 - alone["power"]) / 40).iloc[0])


@pytest.mark.slow
def test_the_error_is_that_between_seeds():
    """Sixteen studies of 3,000 draws on 10 frames: their spread is the error that each prints, to two fifths."""
    world = tiny(effect__size=-3.0, authorities__population={"sd_log": 1.6, "minimum": 1000.0})
    table = pd.DataFrame(
        [se.power(TWFE(), world, reps=3000, frames=10, seed=seed).summary.iloc[0] for seed in range(16)]
    )
    printed = float(np.sqrt((table["power_mcse"].astype(float) ** 2).mean()))
    binomial = float(np.sqrt((table["power"] * (1 - table["power"]) / 3000).mean()))
    assert table["power"].std() == pytest.approx(printed, rel=0.4)
    assert printed > 1.4 * binomial


def test_another_number_of_frames_is_another_study(tmp_path):
    se.power(TWFE(), tiny(), reps=6, frames=2, out=tmp_path / "a")
    said = "holds another study: its draws are on 2 frames, here on 3"
    with pytest.raises(InputFault, match=said):
        se.power(TWFE(), tiny(), reps=6, frames=3, out=tmp_path / "a", resume=True)


@dataclass(frozen=True)
class Choosy(TWFE):
    """Refuses a panel whose first authority is treated."""

    name = "choosy"

    def compile(self, panel, choice=None):
        if np.isfinite(panel.first_treated[0]):
            raise NotIdentified(panel.fault("choosy: the first authority is treated"))
        return super().compile(panel, choice)


def test_a_frame_that_cannot_be_estimated_is_counted():
    """By hand: the frames whose first authority starts, two draws each, are failures in the denominator."""
    world = tiny(effect__size=25.0)
    seed = next(s for s in range(20) if not np.isfinite(draw_frame(world, stream(s, "frame")).first_treated[0]))
    names = [(), *((k,) for k in range(1, 10))]
    treated = [np.isfinite(draw_frame(world, stream(seed, "frame", *k)).first_treated[0]) for k in names]
    assert 0 < sum(treated) < 10
    done = se.power(Choosy(), world, reps=20, frames=10, seed=seed)
    assert done.failures["draws"].tolist() == [2 * sum(treated)]
    assert done.failures["reason"].tolist() == ["choosy: the first authority is treated"]
    row = done.summary.iloc[0]
    assert row["failures"] == 2 * sum(treated)
    assert row["power"] == pytest.approx(1 - sum(treated) / 10, abs=0.11)


def test_few_further_frames_are_kept():
    study = plan_study(TWFE(), tiny(), reps=40, chunk=40, frames=20)
    compute(study, Task(0, 0))
    assert 0 < len(study._further) <= 4


@pytest.fixture(scope="module")
def panel_world():
    return se.load_world(ROOT / "synthetic" / "sos_pilots_noise.yaml")


def test_a_real_panel_is_one_frame(panel_world, tmp_path):
    with pytest.raises(InputFault, match="frames: 2, and a real panel's authorities are what they are"):
        plan_study(TWFE(), panel_world, reps=9, frames=2)
    done = se.power(TWFE(), panel_world, reps=60, out=tmp_path / "o")
    assert set(done.summary["frames"]) == {1}
    assert "given the panel's own authorities" in done.sentences[0]
    page = write_power_report(tmp_path / "o").read_text()
    assert "The power is conditional on this panel: another one may give another power." in page


@pytest.mark.parametrize(
    ("frames", "said", "shown"),
    [
        (1, "on one draw of authorities", "drawn once: the numbers hold for these"),
        (5, "over five draws of authorities", "are drawn 5 times, for about 4 simulated evaluations each; between"),
        (20, "", "are drawn anew for every simulated evaluation"),
    ],
)
def test_the_page_says_what_was_drawn(tmp_path, frames, said, shown):
    done = se.power(TWFE(), tiny(), reps=20, frames=frames, out=tmp_path / "o")
    assert said in done.sentences[0]
    assert ("draws of authorities" in done.sentences[0]) == (frames == 5)
    assert shown in write_power_report(tmp_path / "o").read_text()
