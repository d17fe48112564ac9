"""What a power study must not say: effects of the wrong sign, tests that do not exist, effects nobody can see."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import InputFault
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.inference.multiplier_bootstrap import MultiplierBootstrap
from sos_eval.inference.wild_cluster_bootstrap import WildClusterBootstrap
from sos_eval.montecarlo.diagnosands import RowDraws
from sos_eval.montecarlo.line.compiled import Line
from sos_eval.montecarlo.mdes import by_shift
from sos_eval.montecarlo.words import _sentence
from sos_eval.report.power.figures import FIGURES
from sos_eval.report.power.reading import read_power
from tests.worlds.tiny import tiny


def shifted_draws(error: float, upper: float = 1.0) -> RowDraws:
    """A hundred estimates so far from a truth of 2, with intervals from one below to `upper` above."""
    estimate = np.full(100, 2.0 + error)
    return RowDraws(
        estimate=estimate, std_error=np.full(100, 0.5), conf_low=estimate - 1, conf_high=estimate + upper,
        p_value=np.full(100, 0.01), true_effect=np.full(100, 2.0), level=0.95,
    )  # fmt: skip


def row(**changed: object) -> pd.Series:
    return pd.Series({
        "estimator": "twfe", "inference": "analytic", "scale": "rate_per", "true_effect": -3.0, "power": 0.9,
        "power_mcse": 0.01, "type_s": 0.0, "reps": 1000, "failures": 0, "frames": 1, **changed,
    })  # fmt: skip


def test_rejections_of_the_wrong_sign_are_misses_and_are_said():
    said = _sentence(row(power=1.0, type_s=1.0, reps=600), "With ten", 30.0, "")
    assert said.startswith("With ten, you would miss a 10% fall practically always, and report a rise in 100% of")
    assert "power 100%, Monte Carlo error not estimable: true share within 0.5% of it" in said
    assert "rise" not in _sentence(row(), "With ten", 30.0, "")


def test_a_rare_rejection_of_the_wrong_sign_is_not_none():
    """1 of 200 is half of one per cent."""
    said = _sentence(row(power=0.1, type_s=0.05, reps=200), "With ten", 30.0, "")
    assert "and report a rise in fewer than 1% of evaluations" in said


def test_the_share_is_of_what_is_expected_without_the_effect_and_failures_are_said():
    assert "an 8% fall" in _sentence(row(true_effect=-2.4, failures=7), "With ten", 30.0, "")
    assert "7 of 1000 draws could not be estimated" in _sentence(row(failures=7), "With ten", 30.0, "")
    assert "an 11% fall" in _sentence(row(scale="log", true_effect=np.log(0.89)), "With ten", 30.0, "")


def test_no_detectable_effect_where_the_test_finds_what_is_not_there():
    """Every estimate is ten errors off its truth: whatever the effect, the test rejects."""
    found = by_shift(shifted_draws(error=10.0), 0.8)
    assert np.isnan(found.mdes)
    assert "finds an effect that is not there in 100% of draws" in found.reason


def test_no_shift_of_intervals_that_are_off_centre():
    found = by_shift(shifted_draws(error=0.0, upper=1.5), 0.8)
    assert np.isnan(found.mdes)
    assert "not centred" in found.reason


def test_an_effect_that_nobody_can_see_is_refused():
    world = tiny(effect={"size": -3.0, "by_cohort": {"2013": 0, "2015": 0}})
    with pytest.raises(InputFault, match=r"the world's effect \(-3\) falls on none of the units and periods"):
        se.power(TWFE(), world, reps=2)


def test_inference_that_is_not_defined_is_no_power_of_zero(monkeypatch):
    from sos_eval.montecarlo import plan

    def lines(*methods):
        return lambda design, changes, world: (Line("cs", CallawaySantAnna(), methods, outcome=world.outcome.name),)

    first, second = WildClusterBootstrap(draws=99), MultiplierBootstrap(draws=99)
    monkeypatch.setattr(plan, "lines_of", lines(first))
    with pytest.raises(InputFault, match="inference wild_cluster_bootstrap is refused for callaway_santanna"):
        se.power(CallawaySantAnna(), tiny(), reps=2)
    monkeypatch.setattr(plan, "lines_of", lines(second, first))
    done = se.power(CallawaySantAnna(), tiny(), reps=2)
    assert set(done.summary["inference"]) == {"multiplier_bootstrap"}
    assert "inference wild_cluster_bootstrap is left out" in done.explained["why"].iloc[0]


def test_a_line_has_one_colour_in_all_panels(tmp_path):
    sweep = {"world.effect.size": [-1.0, -3.0], "world.adoption.treated": [4, 6]}
    se.power({"b": TWFE(), "a": CallawaySantAnna()}, tiny(), reps=4, sweep=sweep, out=tmp_path / "o")
    study = read_power(tmp_path / "o")
    study = dataclasses.replace(study, power=study.power.drop(index=study.power.query(
        "estimator == 'b' and `world.adoption.treated` == 4").index))  # fmt: skip
    figure, _ = FIGURES["power_curves"](study)
    colours = {
        (line.get_label(), line[0].get_color()) for ax in figure.axes for line in ax.containers if line.get_label()
    }
    assert len(colours) == len({label for label, _ in colours}) == 2


def test_a_world_is_asked_once_and_not_by_chunk():
    """A tenth of a percent of rates stop at zero: that is an accident in a thousand draws, and in two as well."""
    world = tiny(outcome={"mean": {"2011": 28.0}, "level_sd": 0.45, "distribution": "poisson"}, effect={"size": -8.0})
    whole, parts = (se.power(TWFE(), world, reps=60, chunk=size).summary for size in (60, 1))
    assert list(whole["reps"]) == list(parts["reps"]) == [60]


def test_a_chunk_that_something_else_changed_is_named(tmp_path):
    out = tmp_path / "o"
    se.power(TWFE(), tiny(), reps=4, chunk=2, out=out)
    kept = next((out / "draws").iterdir())
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(InputFault, match="cannot be read: it is not the chunk that was written; remove it"):
        se.power(TWFE(), tiny(), reps=4, chunk=2, out=out, resume=True)


@pytest.fixture
def chunks(tmp_path) -> dict[str, Path]:
    """Two chunks of a study, and one of another."""
    for name, reps in (("study", 4), ("other", 2)):
        se.power(TWFE(), tiny(), reps=reps, chunk=2, out=tmp_path / name)
    draws = tmp_path / "study" / "draws"
    names = {"first": 0, "second": 1}
    return {name: draws / f"point0000-chunk{n:06d}.npz" for name, n in names.items()} | {
        "foreign": tmp_path / "other" / "draws" / "point0000-chunk000000.npz"
    }


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ("second", "is chunk 1 of point 0, in the place of chunk 0 of point 0; remove it"),
        ("foreign", "is a chunk of another study .hash .{12}, this one is .{12}.; remove it"),
        ("", "is empty: it is not the chunk that was written; remove it"),
    ],
)
def test_a_chunk_in_another_s_place_is_refused_before_anything_is_drawn(chunks, tmp_path, instead, said):
    chunks["first"].write_bytes(chunks[instead].read_bytes() if instead else b"")
    chunks["second"].unlink()
    with pytest.raises(InputFault, match=f"chunk000000.npz: {said}"):
        se.power(TWFE(), tiny(), reps=4, chunk=2, out=tmp_path / "study", resume=True, progress=_never)


def _never(what: str, done: int, of: int) -> None:
    raise AssertionError("a chunk was drawn")


@pytest.mark.parametrize("name", ["reps", "failures", "level", "bias_mcse", "estimator", "scale"])
def test_a_diagnosand_may_not_take_a_column_s_name(name):
    with pytest.raises(InputFault, match=f"diagnosands: '{name}' is there already"):
        se.power(TWFE(), tiny(), reps=2, diagnosands={name: lambda draws: 0.0})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"reps": "10"}, "reps: '10' is no whole number"),
        ({"workers": 0}, "workers: 0 processes"),
        ({"resume": True}, "resume: there is no folder"),
        ({"target": "x"}, "power: x is no probability"),
        ({"sweep": {"world.effect.size": -1}}, "-1 is no list of values"),
        ({"sweep": {"effect.size": [-1]}}, "is a key of neither world nor design"),
        ({"sweep": {"world.effect.size": []}}, "no values"),
    ],
)
def test_wrong_arguments_in_python(arguments, said):
    with pytest.raises(InputFault, match=said):
        se.power(TWFE(), tiny(), **{"reps": 2, **arguments})


def test_arrays_are_lists_of_values():
    done = se.power(TWFE(), tiny(), reps=2, sweep={"world.effect.size": np.array([-1.0, -2.0])})
    assert set(done.summary["world.effect.size"]) == {-1.0, -2.0}


def test_a_chunk_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    """A machine that stops in between leaves no chunk that is there and empty."""
    seen = []
    monkeypatch.setattr("os.fsync", lambda number: seen.append(len(list((tmp_path / "o" / "draws").glob("*.npz")))))
    se.power(TWFE(), tiny(), reps=6, chunk=2, out=tmp_path / "o")
    assert seen == [0, 1, 2]
