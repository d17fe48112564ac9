from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.comparison.nearest import Nearest
from sos_eval.errors import DesignFault, InputFault, NotIdentified
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.jobs.find import Tried, _ends, _fall, _without_effects, find_smallest
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo.line.compiled import Line, compile_line
from sos_eval.montecarlo.line.draws import estimate_draws
from sos_eval.montecarlo.mdes import normal_mdes, normal_power
from sos_eval.montecarlo.words import _level, in_letters
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import World
from tests.conftest import ROOT
from tests.worlds.tiny import tiny

LEADING = ["estimator", "outcome", "aggregation", "inference"]
CONTRACT = [
    "reps", "true_effect", "mean_estimate", "bias", "bias_mcse", "rmse", "sd_estimate", "mean_std_error", "coverage",
    "coverage_mcse", "power", "power_mcse", "type_s", "type_m", "failures",
]  # fmt: skip


def _normal(**changes: Any) -> World:
    """Forty units, half treated from 2012, two years, iid normal noise of SD 1: everything has a formula."""
    return tiny(
        **{
            "times": {"first": 2011, "last": 2012}, "authorities": {"n": 40},
            "outcome": {"link": "identity", "mean": {"2011": 5}, "distribution": "normal", "noise_sd": 1.0},
            "adoption": {"pattern": "calendar", "treated": 20, "start": 2012}, "effect": {"size": 1.0}, **changes,
        }
    )  # fmt: skip


#: SD of a difference of two mean changes over 20 units, each change having variance 2.
ERROR = np.sqrt(2 / 20 + 2 / 20)


def test_power_is_that_of_the_formula():
    """A difference in differences of normals: its SD and power are known; the normal test with an estimated error
    rejects a little more, which the t distribution with 38 df bounds (2 points at most here)."""
    done = se.power(TWFE(), _normal(), reps=4000, seed=1)
    row = done.summary.iloc[0]
    assert row["sd_estimate"] == pytest.approx(ERROR, abs=4 * row["sd_estimate_mcse"])
    assert row["bias"] == pytest.approx(0, abs=4 * row["bias_mcse"])
    assert row["power"] == pytest.approx(normal_power(1.0, ERROR, 0.95), abs=0.03)
    assert row["coverage"] == pytest.approx(0.95, abs=0.015)
    assert done.mdes.iloc[0]["mdes"] == pytest.approx(normal_mdes(ERROR, 0.8, 0.95), rel=0.04)


def test_tables_have_the_columns_of_the_contract():
    done = se.power(
        {"cs": CallawaySantAnna(), "poisson": PoissonDiD()}, tiny(), reps=20, sweep={"world.effect.size": [-1, -2]}
    )
    assert list(done.summary.columns[:4]) == LEADING
    assert list(done.summary.columns[4 : 5 + len(CONTRACT)]) == ["world.effect.size", *CONTRACT]
    assert list(done.mdes.columns[: 4 + 5]) == [*LEADING, "target_power", "level", "mdes", "mdes_low", "mdes_high"]
    assert {"estimator", "reason", "draws"} <= set(done.failures.columns)
    ratio = done.summary[done.summary["scale"] == "ratio"]
    assert (ratio["true_effect"] < 1).all()
    assert (ratio["true_effect"] > 0.8).all()


@pytest.mark.slow
def test_a_sweep_is_full_factorial_on_the_same_random_numbers():
    done = se.power(
        TWFE(), _normal(), reps=50, sweep={"world.effect.size": [0.0, 1.0], "world.adoption.treated": [10, 20]}
    )
    assert len(done.summary) == 4
    by = done.summary.set_index(["world.effect.size", "world.adoption.treated"])["mean_estimate"]
    assert by[1.0, 10] - by[0.0, 10] == pytest.approx(1.0, abs=1e-9)
    assert len(done.mdes) == 2


@pytest.mark.parametrize("method", [CallawaySantAnna(control="not_yet_treated"), TWFE(), PoissonDiD()])
def test_a_batch_is_a_loop(method):
    """The same line draw by draw, through `complete` and a fresh error, to 1e-10 of its size."""
    world = tiny(authorities__n=30, adoption__treated=12)
    draws = draw_world(world, np.random.default_rng(3), 6)
    line = Line("one", method)
    batch = compile_line(line, draws, data_of(draws))
    assert batch.path == "batch"
    loop = replace(batch, compiled=None)
    fast, slow = (estimate_draws(one, draws, lambda rep, k: np.random.default_rng(0)) for one in (batch, loop))
    pd.testing.assert_frame_equal(fast.rows, slow.rows)
    np.testing.assert_allclose(fast.values, slow.values, rtol=1e-10, atol=1e-10)


def _read(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("power.csv", "mdes.csv", "failures.csv", "sample.csv")]


def test_the_same_bytes_from_one_process_two_and_an_interrupted_one(tmp_path, monkeypatch):
    """Chunks of 7: in one process, in two, and in two halves with a resume between."""
    plan = {"reps": 30, "chunk": 7, "seed": 5, "sweep": {"world.effect.size": [-1, -3]}}
    se.power(CallawaySantAnna(), tiny(), out=tmp_path / "one", **plan)
    se.power(CallawaySantAnna(), tiny(), out=tmp_path / "threads", workers=2, **plan)
    monkeypatch.setattr("sos_eval.montecarlo.workers.PROCESS_PAYS", 0.0)
    se.power(CallawaySantAnna(), tiny(), out=tmp_path / "two", workers=2, **plan)

    class Interrupted(Exception):
        pass

    def stop(what: str, done: int, of: int) -> None:
        if done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        se.power(CallawaySantAnna(), tiny(), out=tmp_path / "half", progress=stop, **plan)
    assert len(list((tmp_path / "half" / "draws").iterdir())) == 4
    seen: list[int] = []
    se.power(
        CallawaySantAnna(), tiny(), out=tmp_path / "half", resume=True, progress=lambda w, d, n: seen.append(d), **plan
    )
    assert seen == list(range(5, 11))
    read = [_read(tmp_path / name) for name in ("one", "threads", "two", "half")]
    assert all(bytes_there == read[0] for bytes_there in read[1:])


def test_another_study_is_refused_by_hash(tmp_path):
    se.power(TWFE(), tiny(), reps=5, out=tmp_path / "a")
    with pytest.raises(InputFault, match="holds this study already; add --resume"):
        se.power(TWFE(), tiny(), reps=5, out=tmp_path / "a")
    for changed in ({"reps": 6}, {"reps": 5, "seed": 99}, {"reps": 5, "sweep": {"world.effect.size": [-3.5]}}):
        with pytest.raises(InputFault, match="holds another study"):
            se.power(TWFE(), tiny(), out=tmp_path / "a", resume=True, **changed)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("mine")
    with pytest.raises(InputFault, match="holds no power study"):
        se.power(TWFE(), tiny(), reps=5, out=tmp_path / "b")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"reps": 0}, "reps: 0 draws; write 2 to"),
        ({"reps": 1}, "reps: 1 draw: one says nothing of the next; write 2 to"),
        ({"chunk": 0}, "chunk: 0 draws; write at least 1"),
        ({"target": 1.5}, "power: 1.5 is no probability"),
        ({"sweep": {"world.effect.sise": [1]}}, 'effect.sise: no such key; did you mean "size"?'),
        ({"sweep": {"world.adoption.treated": [5, 900]}}, "900 of 8 authorities cannot start"),
        ({"sweep": {"world.outcome.level_sd": [-1]}}, "must be greater than or equal to 0"),
        ({"sweep": {"design.comparison.ratio": [1]}}, "there is no design"),
    ],
)
def test_wrong_input_is_said(arguments, said):
    with pytest.raises(InputFault, match="(?s)" + said.replace("?", r"\?")):
        se.power(TWFE(), tiny(), **{"reps": 4, **arguments})


def test_two_wrong_points_are_said_together():
    with pytest.raises(InputFault) as caught:
        plan_study(TWFE(), tiny(), reps=2, sweep={"world.adoption.treated": [900, 901]})
    assert len(caught.value.faults) == 2


@dataclass(frozen=True)
class Sometimes(TWFE):
    """Refuses a panel whose first outcome is above its world's mean."""

    name = "sometimes"

    def estimate(self, panel):
        if panel.matrix()[0, 0] > 5:
            raise NotIdentified(panel.fault("sometimes: the first outcome is too large"))
        return super().estimate(panel)

    def compile(self, panel, choice=None):
        return self.unplanned(panel, choice)


def test_failed_draws_are_counted_and_stay_in_the_denominator():
    """About half of the draws cannot be estimated; all others find an effect of 50."""
    done = se.power(Sometimes(), _normal(effect={"size": 50.0}), reps=200, seed=1)
    row = done.summary.iloc[0]
    assert 60 < row["failures"] < 140
    assert row["power"] == pytest.approx(1 - row["failures"] / 200)
    assert done.failures["draws"].tolist() == [row["failures"]]
    assert done.failures["reason"].tolist() == ["sometimes: the first outcome is too large"]


@dataclass(frozen=True)
class Deadly(TWFE):
    """Kills its process once."""

    marker: str = ""

    def compile(self, panel, choice=None):
        if not os.path.exists(self.marker) and os.environ.get("OMP_NUM_THREADS") == "1":
            Path(self.marker).write_text("dead")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compile(panel, choice)


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("sos_eval.montecarlo.workers.PROCESS_PAYS", 0.0)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    method = Deadly(marker=str(tmp_path / "dead"))
    done = se.power(method, _normal(), reps=20, chunk=5, workers=2)
    assert (tmp_path / "dead").exists()
    alone = se.power(method, _normal(), reps=20, chunk=5)
    pd.testing.assert_frame_equal(done.summary, alone.summary)


def test_a_users_own_diagnosand_has_its_error():
    own = {"share_negative": lambda draws: float((draws.estimate < 0).mean())}
    done = se.power(TWFE(), _normal(effect={"size": 0.0}), reps=1000, diagnosands=own)
    row = done.summary.iloc[0]
    assert row["share_negative"] == pytest.approx(0.5, abs=5 * row["share_negative_mcse"])
    assert row["share_negative_mcse"] == pytest.approx(np.sqrt(0.25 / 1000), rel=0.4)
    with pytest.raises(InputFault, match="'bias' is there already"):
        se.power(TWFE(), _normal(), reps=5, diagnosands={"bias": lambda draws: 0.0})


def test_find_brackets_the_formula():
    """An effect of 1 has power 50% where its error is 1/1.96: 4/n1 + 4/(40 - n1) = 0.52 / 2, n1 about 9."""
    world = _normal(adoption={"pattern": "calendar", "treated": 2, "start": 2012})
    found = find_smallest(TWFE(), world, "world.adoption.treated", reps=600, frames=1, target=0.5)
    exact = next(n for n in range(2, 20) if normal_power(1.0, np.sqrt(2 / n + 2 / (40 - n)), 0.95) >= 0.5)
    assert found.value == pytest.approx(exact, abs=2)
    table = found.table.set_index("world.adoption.treated")
    assert found.value is not None
    assert table["power"][found.value] >= 0.5
    assert table["size"][found.value] == pytest.approx(0.05, abs=0.04)
    before = table[table.index < found.value]
    assert ((before["power"] < 0.5) | ~before["holds"]).all()
    assert not table["holds"][2]
    assert table["size"][2] > 0.2
    assert found.low is not None
    assert found.low <= found.value
    assert found.high is None or found.high >= found.value
    assert "with a test that holds its level" in found.sentence
    impossible = find_smallest(TWFE(), _normal(effect={"size": 0.001}), "world.adoption.treated", reps=50, frames=1)
    assert impossible.value is None
    assert re.match(
        r"No value of world\.adoption\.treated that was tried \([\d, ]+\) has power 80%", impossible.sentence
    )
    assert impossible.sentence.endswith(f" At 40 it cannot be estimated: {impossible.table['reason'].iloc[-1]}.")
    assert impossible.table["power"].isna().sum() == 1
    with pytest.raises(InputFault, match="is no whole number"):
        find_smallest(TWFE(), _normal(), "world.effect.size")
    with pytest.raises(InputFault, match="there is nothing to find"):
        find_smallest(TWFE(), _normal(effect={"size": 0.0}), "world.adoption.treated")


def test_power_that_rises_and_falls_again_is_found_between():
    """Of 40 authorities 35 treated have power 31% by the formula, 40 cannot be estimated, and 9 have 50%."""
    world = _normal(adoption={"pattern": "calendar", "treated": 35, "start": 2012})
    found = find_smallest(TWFE(), world, "world.adoption.treated", reps=400, frames=1, target=0.5)
    assert found.value is not None
    assert 7 <= found.value <= 17
    table = found.table.set_index("world.adoption.treated")
    assert table["power"][found.value] >= 0.5
    assert table["holds"][found.value]
    assert table["power"][35] == pytest.approx(0.31, abs=0.08)
    assert np.isnan(table["power"][40])
    assert table["reason"][40]
    best = table["power"].idxmax()
    said = (
        f" Power does not only rise with it: {table['power'][best]:.1%} at {best} and {table['power'][35]:.1%} at 35."
    )
    assert found.sentence.endswith(said)
    assert found.low is not None
    assert found.low <= found.value


@pytest.mark.slow
def test_adopters_of_the_reference_world_are_searched_between():
    """Doubling from 60 tries 60, 120 and 148: 78%, 78%, and all treated, which cannot be estimated. 79 to 84% lie
    between, in a sweep of 2,000 draws on one frame; the search has to look there and to say what it tried."""
    lines = {"primary": CallawaySantAnna(), "twfe": TWFE()}
    world = se.load_world(ROOT / "synthetic" / "england.yaml")
    found = find_smallest(lines, world, "world.adoption.treated", reps=2000, frames=1)
    table = found.table.set_index("world.adoption.treated")
    assert {60, 120, 148} <= set(table.index)
    assert table["power"][[60, 120]].tolist() == pytest.approx([0.78, 0.78], abs=0.03)
    assert np.isnan(table["power"][148])
    assert table["reason"][148]
    assert found.value is not None
    assert 60 < found.value < 120
    assert table["power"][found.value] >= 0.8
    assert "possible" not in found.sentence


def test_a_fall_by_more_than_chance_is_said():
    """By hand: 90 to 80% with errors of 2 points is 3.5 errors of the difference; 90 to 83% is 2.5."""
    one = {"power_mcse": 0.02, "size": 0.05, "size_mcse": 0.01, "level": 0.95}
    tried = {4: Tried(0.5, **one), 8: Tried(0.9, **one), 16: Tried(0.8, **one), 32: Tried(np.nan, *[np.nan] * 4, "no")}
    assert _fall(tried) == " Power does not only rise with it: 90.0% at 8 and 80.0% at 16."
    assert _fall(tried | {16: Tried(0.83, **one)}) == ""


def test_the_world_without_effects_has_none_through_mediators_either():
    """The example's whole effect runs through its theory: a search has something to find, and a null to hold."""
    world = se.load_world(ROOT / "synthetic" / "programme_theory.yaml")
    assert se.power(TWFE(), world, reps=2).summary["true_effect"].iloc[0] < -1
    assert (se.power(TWFE(), _without_effects(world), reps=2).summary["true_effect"] == 0).all()


@pytest.mark.slow
def test_values_that_give_no_world_are_passed_over():
    """Halving the authorities ends below the adopters: those values have no power, and the search goes on above."""
    world = _normal(adoption={"pattern": "calendar", "treated": 16, "start": 2012})
    found = find_smallest(TWFE(), world, "world.authorities.n", reps=30, target=0.3)
    assert found.table["world.authorities.n"].min() > 16
    with pytest.raises(InputFault, match=r"world\.seed: is no whole number"):
        find_smallest(TWFE(), world, "world.seed")


def test_where_a_search_ends_is_said_with_its_uncertainty():
    """By hand: 4 and 8 are short by more than two errors, 12 is too large a test, 16 has it but for chance."""
    one = {"power_mcse": 0.02, "size": 0.05, "size_mcse": 0.01, "level": 0.95}
    tried = {4: Tried(0.3, **one), 8: Tried(0.75, **one), 12: Tried(0.9, **one | {"size": 0.2}), 16: Tried(0.81, **one)}
    assert _ends(tried, 0.8) == (13, None)
    assert _ends({**tried, 20: Tried(0.85, **one)}, 0.8) == (13, 20)
    assert _ends({16: tried[16]}, 0.8) == (None, None)


def test_an_effect_that_nobody_adopts_is_refused():
    with pytest.raises(DesignFault, match="nobody adopts"):
        tiny(adoption={"pattern": "none"})


def test_sentence_says_what_is_missed():
    done = se.power(TWFE(), tiny(), reps=40)
    assert done.sentences[0].startswith(
        "With four treated authorities and four years since the first start, you would miss a"
    )
    nothing = se.power(TWFE(), tiny(effect__size=0.0), reps=40)
    assert "would report an effect that is not there" in nothing.sentences[0]


def test_a_change_is_a_share_of_the_level_of_all_draws_and_not_of_the_first():
    """Levels of the treated differ much from draw to draw: the same study said 3% or 4% by its seed."""
    world = tiny(outcome__level_sd=0.5)
    told = [_level(plan_study(TWFE(), world, reps=40, seed=seed), 0) for seed in (1, 2, 3)]
    lone = []
    for k in range(300):
        draws = draw_world(world, np.random.default_rng(k))
        after = draws.frame.world.periods >= draws.frame.first_treated[:, None]
        lone.append(draws.untreated[0][after].mean())
    assert np.std(lone) > 0.15 * np.mean(lone)  # what the first draw alone may be off by
    assert told == pytest.approx([np.mean(lone)] * 3, rel=0.12)


#: Words for a chance that are no fraction of their own, and what they stand for.
IN_WORDS = {
    "practically never": 0.0, "two times in five": 0.4, "half of the time": 0.5, "three times in five": 0.6,
    "practically always": 1.0,
}  # fmt: skip


def _said(words: str) -> float:
    """Read a chance in words back into a number."""
    times = re.fullmatch(r"(\w+) times? in (\w+)", words)
    if words in IN_WORDS or times is None:
        return IN_WORDS[words]
    number = {in_letters(n): n for n in range(1, 101)}
    return number[times[1]] / number[times[2]]


@pytest.mark.parametrize("size", [0.1, 0.3, 0.5, 0.65, 0.8, 1.0, 1.2, 2.0])
def test_words_are_made_from_the_number(size):
    """Runs whose power goes from none to all: nobody reads another chance than the one that was found."""
    done = se.power(TWFE(), _normal(effect={"size": size}), reps=400, frames=1, seed=4)
    found = done.summary.iloc[0]
    missed = 1 - found["power"] * (1 - np.nan_to_num(found["type_s"]))
    words = re.search(r"you would miss an? .*? (?:fall|rise) (.*?)(?: \(power|, and report)", done.sentences[0])
    assert words is not None, done.sentences[0]
    assert abs(_said(words[1]) - missed) <= max(0.006, 0.15 * min(missed, 1 - missed))
    assert f"power {found['power']:.0%}" in done.sentences[0]


def test_explain_says_how_and_why():
    explained = se.power({"a": TWFE(), "b": CallawaySantAnna()}, tiny(), reps=3).explained
    assert explained["how"].tolist() == ["batch", "batch"]
    assert explained["why"].tolist() == ["", ""]
    assert (explained[["ms_draw", "ms_estimate"]] > 0).all().all()


def test_a_mediator_as_covariate_is_refused():
    """Every draw has mediators of its own; a plan would adjust all draws by the first one's."""
    world = se.load_world(ROOT / "synthetic" / "programme_theory.yaml")
    with pytest.raises(InputFault, match="covariate trust is a mediator, which changes with every draw"):
        se.power(TWFE(covariates=("trust",)), world, reps=4)


def test_a_mediator_to_match_on_is_refused():
    """The comparison group of a batch is that of the first draw, whose mediators are no other draw's."""
    world = se.load_world(ROOT / "synthetic" / "programme_theory.yaml")
    draws = draw_world(world, np.random.default_rng(1), 2)
    line = Line("one", TWFE(), comparison=Nearest(on=("trust",)))
    with pytest.raises(InputFault, match="one: covariate trust is a mediator"):
        compile_line(line, draws, data_of(draws))


@pytest.mark.parametrize("options", [{"balance_e": 2}, {"window": (0, 1)}, {}])
def test_the_truth_of_averaged_event_times_is_that_of_the_same_cohorts(options):
    """An effect that grows, twice as large in the later cohort, and no noise: estimates are the truth."""
    world = tiny(
        outcome={"link": "identity", "mean": {"2011": 5}, "distribution": "none"},
        effect={"size": 1.0, "shape": "growing", "periods": 4, "by_cohort": {"2015": 2.0}},
    )
    done = se.power(CallawaySantAnna(**options), world, reps=2, seed=1).summary.set_index("aggregation")
    np.testing.assert_allclose(done["bias"], 0, atol=1e-12)
    later = {0: 1.5 * 0.25, 1: 1.5 * 0.5, 2: 0.75, 3: 1.0}  # both cohorts stand behind event times 0 and 1
    of_2013 = {0: 0.25, 1: 0.5, 2: 0.75}
    expected = {"balance_e": np.mean([*of_2013.values()]), "window": np.mean([later[0], later[1]])}
    whole = np.mean([*later.values()])
    assert done.loc["event_time", "true_effect"] == pytest.approx(expected.get(next(iter(options), ""), whole))
