"""False reassurance of pre-trend tests: batch against loop, by hand, and against Roth's formulae."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.checks.pretrends import Pretrends
from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.montecarlo.diagnosands import RowDraws
from sos_eval.montecarlo.line.compiled import Line, compile_line
from sos_eval.montecarlo.line.draws import estimate_draws
from sos_eval.montecarlo.pretests import pretest_rows
from sos_eval.numerics.pretest import pass_each, pass_jointly
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import World
from tests.worlds.tiny import tiny

STAGGERED = {"adoption": {"pattern": "staggered", "treated": 30, "cohorts": {"2013": 1, "2015": 1}}}
KEY = {
    "estimator": "cs", "outcome": "y", "aggregation": "overall", "inference": "analytic", "estimand": "att",
    "scale": "value", "level": 0.95,
}  # fmt: skip


def _diverging(**changes: Any) -> World:
    """Values with iid noise; who grows faster, by a covariate, starts more often: a straight violation per frame."""
    return tiny(
        **{
            "authorities": {"n": 60, "covariates": {"need": {"sd": 1.0, "trend": 0.1}}},
            "outcome": {"link": "identity", "mean": {"2011": 5}, "distribution": "normal", "noise_sd": 1.0},
            "adoption": {
                "pattern": "calendar", "treated": 30, "start": 2015, "selection": {"covariates": {"need": 1.5}},
            },
            "effect": {"size": 0.0}, **changes,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (CallawaySantAnna(), {}),
        (CallawaySantAnna(base_period="universal", control="not_yet_treated"), STAGGERED),
        (EventStudyTWFE(), {}),
        (TWFE(), {}),
    ],
)  # fmt: skip
def test_a_batch_is_a_loop(method, options):
    """Tests, violations and trends draw by draw, each with a fresh influence function, are those of the batch."""
    draws = draw_world(_diverging(**options), np.random.default_rng(3), 6)
    batch = compile_line(Line("one", method, pretest=Pretrends()), draws, data_of(draws))
    assert batch.path == "batch"
    fast, slow = (
        estimate_draws(one, draws, lambda rep, k: np.random.default_rng(0)).pretests
        for one in (batch, replace(batch, compiled=None))
    )
    assert fast is not None
    assert np.isfinite(fast).all()
    assert set(np.unique(fast[..., :2])) <= {0.0, 1.0}
    np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-9)


def test_the_batch_s_p_is_the_check_s():
    """At the check's own p as limit the test passes, a hair above it does not."""
    draws = draw_world(_diverging(), np.random.default_rng(5), 1)
    line = Line("one", CallawaySantAnna())
    fitted = compile_line(line, draws, data_of(draws)).reference
    p = Pretrends().check(fitted, np.random.default_rng(0))[0].value
    for limit, passes in ((p - 1e-9, 1.0), (p + 1e-9, 0.0)):
        ready = compile_line(replace(line, pretest=Pretrends(min_p=limit)), draws, data_of(draws))
        found = estimate_draws(ready, draws, lambda rep, k: np.random.default_rng(0)).pretests
        assert found is not None
        assert found[0, 0, 0] == passes


def test_a_row_by_hand():
    # four draws with errors 1, 1, 3, 3 around a truth of 0; the first two pass, the last is not tested
    estimate = np.array([1.0, 1.0, 3.0, 3.0])
    draws = RowDraws(estimate, np.ones(4), estimate - 2, estimate + 2, np.full(4, 0.5), np.zeros(4), 0.95)
    tests = np.column_stack([[1, 1, 0, np.nan], [0, 0, 0, 0], [2, 2, 2, 2.0], [0.5, 0.5, 0.5, 0.5]])
    joint, each = pretest_rows(KEY, draws, tests, {})
    assert (joint["tested"], joint["pass_rate"], joint["false_reassurance"]) == (3, 0.5, 0.5)
    assert joint["false_reassurance_mcse"] == pytest.approx(np.sqrt(0.25 / 4))
    assert (joint["violation"], joint["violation_sd"], joint["trend"]) == (2, 0, 0.5)
    assert (joint["bias"], joint["bias_passing"]) == (2, 1)
    assert (joint["coverage"], joint["coverage_passing"]) == (0.5, 1)
    assert joint["reason"] == ""
    assert each["false_reassurance"] == 0
    assert np.isnan(each["bias_passing"])
    assert each["reason"] == "no draw passes"


def test_no_violation_gives_no_rate_but_a_reason():
    estimate = np.random.default_rng(0).normal(size=50)
    draws = RowDraws(estimate, np.ones(50), estimate - 2, estimate + 2, np.full(50, 0.5), np.zeros(50), 0.95)
    tests = np.column_stack([np.ones(50), np.ones(50), 0.3 * estimate, np.zeros(50)])
    row = pretest_rows(KEY, draws, tests, {})[0]
    assert row["pass_rate"] == 1
    assert np.isnan(row["false_reassurance"])
    assert row["reason"].startswith("trends are not seen to violate: ")


def test_parallel_worlds_pass_at_the_test_s_size_and_say_so():
    world = _diverging(authorities={"n": 60}, adoption={"pattern": "calendar", "treated": 30, "start": 2015})
    done = se.power(CallawaySantAnna(), world, reps=400, seed=2, pretests=True)
    row = done.pretests.iloc[0]
    assert row["pass_rate"] == pytest.approx(0.95, abs=0.04)  # size of 5%, three Monte Carlo errors of 1.1 points
    assert row["violation"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(row["false_reassurance"])
    assert not any("not parallel" in one for one in done.sentences)


def test_a_violation_is_the_bias_where_nothing_else_makes_one():
    """Straight trends: the estimator's answer to untreated paths is its bias; passing draws differ from all."""
    done = se.power({"cs": CallawaySantAnna()}, _diverging(), reps=300, seed=2, frames=1, pretests=True)
    row = done.pretests.query("check == 'pretrends.joint' and aggregation == 'overall'").iloc[0]
    assert row["violation_sd"] == pytest.approx(0, abs=1e-10)
    assert row["bias"] == pytest.approx(row["violation"], abs=4 * row["bias_mcse"])
    # base 2014, effects of 2015 and 2016: a straight trend moves them by 1 and 2 periods
    assert row["violation"] == pytest.approx(1.5 * row["trend"], rel=1e-9)
    assert 0.2 < row["false_reassurance"] == row["pass_rate"] < 1
    assert done.sentences[-1].startswith("Here trends are not parallel: ")
    assert f"{row['false_reassurance']:.0%} of draws" in done.sentences[-1]


def test_what_is_not_tested_says_why():
    draws = {"adoption": {"pattern": "calendar", "treated": 30, "start": 2012}}
    done = se.power(CallawaySantAnna(), _diverging(**draws), reps=20, pretests=True)
    assert set(done.pretests["reason"]) == {"no period lies before the start, its comparison period apart"}
    assert done.pretests["pass_rate"].isna().all()


def test_an_estimator_without_joint_covariance_goes_draw_by_draw():
    from sos_eval.jobs.power import explain, plan_study

    world = tiny(authorities__n=30, adoption__treated=12)
    found = explain(plan_study(PoissonDiD(), world, reps=4, pretests=True)).iloc[0]
    assert found["how"] == "loop"
    assert found["why"] == "the covariance of poisson_did's pre-trend test comes draw by draw"
    done = se.power(PoissonDiD(), world, reps=4, pretests=True).pretests
    assert set(done["scale"]) == {"ratio", "rate_per"}
    assert (done.query("scale == 'ratio'")["mean_estimate"] > 0).all()


def test_who_does_not_ask_has_no_table_and_the_same_draws():
    asked, silent = (se.power(CallawaySantAnna(), tiny(), reps=20, seed=1, pretests=one) for one in (True, False))
    assert silent.pretests.empty
    assert list(silent.pretests.columns) == list(asked.pretests.columns)
    pd.testing.assert_frame_equal(silent.summary, asked.summary)


def test_gaps_are_those_of_the_draw():
    """With suppressed figures the untreated paths have the draw's gaps, so a parallel world shows no violation."""
    world = tiny(authorities__n=30, adoption__treated=12, outcome__level_sd=0.0, missing={"share": 0.03})
    done = se.power(CallawaySantAnna(), world, reps=6, seed=1, pretests=True)
    assert done.pretests["violation"].abs().max() < 1e-9
    assert (done.pretests["tested"] > 0).all()


def test_the_same_bytes_from_two_workers_and_a_resumed_study(tmp_path):
    plan: dict[str, Any] = {"reps": 20, "chunk": 7, "seed": 5, "pretests": True}
    for name, more in (("one", {}), ("two", {"workers": 2})):
        se.power(CallawaySantAnna(), tiny(), out=tmp_path / name, **plan, **more)
    first = (tmp_path / "one" / "pretests.csv").read_bytes()
    next((tmp_path / "one" / "draws").iterdir()).unlink()
    se.power(CallawaySantAnna(), tiny(), out=tmp_path / "one", resume=True, **plan)
    assert first == (tmp_path / "two" / "pretests.csv").read_bytes() == (tmp_path / "one" / "pretests.csv").read_bytes()


@pytest.mark.slow
def test_simulation_agrees_with_roth_s_formulae():
    """Known normal estimates of 200 units: pass rates and means after passing, to four Monte Carlo errors.

    The formulae know the covariance and a draw estimates it from 100 treated and 100 untreated units, which makes a
    test a little keener: by the t distribution with 198 degrees of freedom 1.96 has a size of 5.14%, not 5%. Half a
    point is allowed for that.
    """
    # the violation has one sign in all frames; this one has a trend near 0.1 a year
    world = _diverging(authorities={"n": 200, "covariates": {"need": {"sd": 1.0, "trend": 0.1}}},
                       adoption={"pattern": "calendar", "treated": 100, "start": 2015,
                                 "selection": {"covariates": {"need": 1.0}}})  # fmt: skip
    method = CallawaySantAnna(base_period="universal")
    done = se.power({"cs": method}, world, reps=20_000, seed=3, pretests=True)
    rows = done.pretests.query("aggregation == 'overall'").set_index("check")
    trend = rows["trend"].iloc[0]
    event = np.array([-4.0, -3.0, -2.0, 0.0, 1.0])
    # differences with the base year 2014: variance 2 x 2/100 each, half of it in common
    covariance = (np.eye(5) + 1) * (1 / 100 + 1 / 100)
    weights = np.array([0, 0, 0, 0.5, 0.5])
    for name, formula in (("pretrends.each", pass_each), ("pretrends.joint", pass_jointly)):
        row, found = rows.loc[name], formula(trend * (event + 1), covariance, event < 0)
        assert row["false_reassurance"] == pytest.approx(found.probability, abs=4 * row["pass_rate_mcse"] + 0.005)
        error = row["mean_estimate_passing_mcse"]
        assert row["mean_estimate_passing"] == pytest.approx(weights @ found.mean, abs=4 * error)
        assert row["bias_passing"] > row["bias"] + 4 * error  # passing makes it worse, as Roth proves for equal errors
