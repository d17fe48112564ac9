"""Decisions over several outcomes: Holm by hand, shares by hand, and a world whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.cli.main import cli
from sos_eval.cli.screen import Screen, answered
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.montecarlo.diagnosands import RowDraws
from sos_eval.montecarlo.families import family_rows
from sos_eval.numerics.multiplicity import holm
from tests.worlds.tiny import tiny


def test_holm_by_hand():
    """Four p-values: 4 x 0.005, 3 x 0.01, then 2 x 0.03 and 1 x 0.04 pulled up; a second draw in another order."""
    p = np.array([[0.01, 0.04], [0.04, 0.03], [0.03, 0.005], [0.005, 0.9]])
    np.testing.assert_allclose(holm(p)[:, 0], [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(p)[:, 1], [0.09, 0.09, 0.02, 0.9])
    assert holm(np.array([[0.6], [0.7]])).max() == 1


def _draws(p, true):
    nothing = np.full(len(p), np.nan)
    return RowDraws(nothing, nothing, nothing, nothing, np.array(p, float), np.full(len(p), float(true)), 0.95)


def test_shares_by_hand():
    """Four draws of two outcomes, the second without an effect; the failed draw finds nothing."""
    key = {"estimator": "e", "aggregation": "overall", "estimand": "att", "inference": "analytic", "level": 0.95}
    keys = [{**key, "outcome": "a"}, {**key, "outcome": "b"}]
    rows = family_rows(keys, [_draws([0.01, 0.03, 0.04, np.nan], -1), _draws([0.5, 0.04, 0.01, 0.03], 0)])
    found = {(row["adjustment"], row["decision"], row["outcome"]): row["share"] for row in rows}
    assert found == {
        ("none", "at least one", ""): 1.0, ("none", "every one", ""): 0.5, ("none", "one that is not there", ""): 0.75,
        ("none", "this one", "a"): 0.75, ("none", "this one", "b"): 0.75,
        ("holm", "at least one", ""): 0.5, ("holm", "every one", ""): 0.25,
        ("holm", "one that is not there", ""): 0.25, ("holm", "this one", "a"): 0.5, ("holm", "this one", "b"): 0.25,
    }  # fmt: skip
    assert family_rows(keys[:1], [_draws([0.1], 0)]) == []


def test_without_a_null_outcome_nothing_false_can_be_found():
    key = {"estimator": "e", "aggregation": "overall", "estimand": "att", "inference": "analytic", "level": 0.95}
    rows = family_rows([{**key, "outcome": name} for name in "ab"], [_draws([0.01], -1), _draws([0.01], 1)])
    false = [row for row in rows if row["decision"] == "one that is not there"]
    assert np.isnan([row["share"] for row in false]).all()
    assert {row["reason"] for row in false} == {"no outcome is without an effect in this world"}


def _noise(name, correlation=0.0, size=0.0):
    return {
        "name": name, "link": "identity", "mean": {"2011": 5}, "distribution": "none", "correlation": correlation,
        "persistence": {"rho": 0.0, "sd": 1.0}, "effect": {"size": size},
    }  # fmt: skip


FIRST = {"link": "identity", "mean": {"2011": 5}, "distribution": "none", "persistence": {"rho": 0.0, "sd": 1.0}}


def _world(further, size=0.0):
    return tiny(
        times={"first": 2011, "last": 2012}, authorities={"n": 60}, outcome=FIRST, effect={"size": size},
        adoption={"pattern": "calendar", "treated": 30, "start": 2012}, further=further,
    )  # fmt: skip


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 1 - 0.95**2), (1.0, 0.05)])
def test_independent_outcomes_double_the_chances_and_the_same_one_does_not(correlation, expected):
    """Two outcomes without effect, 4,000 draws: 9.75% at least one where independent, 5% where they are one."""
    done = se.power(TWFE(), _world([_noise("second", correlation)]), reps=4000, chunk=1000, seed=3)
    share = done.families.set_index(["adjustment", "decision"])["share"]
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert share["none", "one that is not there"].item() == pytest.approx(expected, abs=4 * error)
    assert share["holm", "one that is not there"].item() <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 4000)
    assert share["none", "at least one"].item() == share["none", "one that is not there"].item()


@pytest.mark.slow
def test_an_outcome_s_own_effect_is_what_its_detectable_effect_is_swept_over():
    sweep = {"world.further.second.effect.size": [0.5, 1.5]}
    done = se.power({"e": TWFE()}, _world([_noise("second")], size=1.0), reps=200, seed=1, sweep=sweep)
    mdes = done.mdes.set_index("outcome")
    assert mdes.loc["second", "how"] == "interpolation"
    assert mdes.loc["second", "mdes"] == pytest.approx(2.8 * np.sqrt(2 / 30 * 2), rel=0.15)
    assert set(mdes.loc["care_entries", "how"]) == {"shift"}
    assert done.summary.query("outcome == 'second'")["true_effect"].tolist() == [0.5, 1.5]
    assert any("two outcomes e would report an effect on at least one" in said for said in done.sentences)


def test_one_outcome_has_no_family():
    assert se.power(CallawaySantAnna(), tiny(), reps=5).families.empty


DESIGN = """schema: sos-eval/design/1
name: two
question: {intervention: A framework, outcome: Entries and re-entries}
panel:
  source: world
  path: w.yaml
  unit: la_code
  time: year
  outcomes:
    entry: {count: care_entries, exposure: children_0_17, per: 10000}
    again: {count: re_entries, exposure: children_0_17, per: 10000}
    days: {value: days, label: Days in care}
  treatment: {first_treated: first_treated}
estimators:
  - {id: primary, method: twfe}
  - {id: cs, method: callaway_santanna, outcome: again}
inference: [{method: analytic}]
"""
WORLD = """schema: sos-eval/world/1
name: small
times: {first: 2011, last: 2016}
authorities: {n: 48}
outcome: {mean: {2011: 28.0}, level_sd: 0.2, distribution: poisson}
further: [{name: re_entries, mean: {2011: 9.0}, level_sd: 0.2, distribution: poisson, effect: {size: -1.5}},
          {name: days, link: identity, mean: {2011: 40}, distribution: normal, noise_sd: 3, effect: {size: 2}}]
adoption: {pattern: staggered, treated: 24, cohorts: {2013: 1, 2015: 1}}
effect: {size: -3.0}
"""


@pytest.mark.slow
def test_a_design_with_two_outcomes_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("w.yaml").write_text(WORLD)
    Path("d.yaml").write_text(DESIGN)
    words = ["power", "d.yaml", "--world", "w.yaml", "--reps", "30", "--workers", "1", "--out", "out"]
    assert answered(cli, words, Screen()) == 0
    told = capsys.readouterr().out
    assert "Of its three outcomes primary would report an effect on at least one" in told
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Several outcomes at once" in page
    drawn = pd.read_csv(tmp_path / "out" / "figures" / "decisions_together.csv")
    assert (drawn["share_holm"] <= drawn["share"]).all()
    assert set(drawn["decision"]) == {"at least one", "every one"}
    families = (tmp_path / "out" / "families.csv").read_text()
    assert families.startswith("estimator,aggregation,estimand,inference,reps,outcomes,adjustment,decision,outcome,")
    assert "cs" not in {line.split(",")[0] for line in families.splitlines()}
    truth = se.power(se.load_design("d.yaml"), se.load_world("w.yaml"), reps=5).summary
    overall = truth.query("estimator == 'primary' and aggregation == 'overall'").set_index("outcome")["true_effect"]
    assert overall.to_dict() == pytest.approx({"entry": -3.0, "again": -1.5, "days": 2.0})
