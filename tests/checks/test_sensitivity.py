"""Sensitivity to an unmeasured cause: on units' changes, on matched sets; refused where it is not defined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks.sensitivity import Sensitivity
from sos_eval.estimators import TWFE, PoissonDiD
from sos_eval.panel.long_differences import long_differences
from sos_eval.panel.tabular import from_frame
from sos_eval.results.comparison import Comparison
from sos_eval.results.fitted import Fitted
from tests import fakes

RNG = np.random.default_rng(0)


def frame(n=40, treated=16, hidden=0.0, effect=0.0, seed=0, noise=0.3, moved=1.0):
    """Four periods, starts in the third; a hidden cause and a seen one move who starts and how outcomes change."""
    rng = np.random.default_rng(seed)
    cause, seen = rng.standard_normal(n), rng.standard_normal(n)
    starts = np.argsort(np.argsort(-(hidden * cause + moved * seen + rng.standard_normal(n)))) < treated
    rows = [
        {"unit": f"u{i:02d}", "time": t, "start": 3.0 if starts[i] else np.inf, "x": seen[i], "cause": cause[i],
         "y": i + (t >= 3) * (effect * starts[i] + hidden * cause[i] + moved * seen[i]) + noise * rng.standard_normal()}
        for i in range(n) for t in (1, 2, 3, 4)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def fit(table, covariates=("x",), sets=None):
    names = {"unit": "unit", "time": "time", "outcome": "y", "first_treated": "start"}
    panel = from_frame(table, **names, covariates=covariates)
    comparison = None if sets is None else Comparison(panel, np.ones(panel.n_units), sets=sets)
    return Fitted("twfe", "primary", TWFE(), TWFE().complete(panel), panel, comparison)


def results(fitted, **options):
    return {one.name.split(".")[1]: one for one in Sensitivity(**options).check(fitted, RNG)}


def test_changes_are_means_after_less_means_before():
    fitted = fit(frame())
    changes = long_differences(fitted.panel)
    table = frame().set_index(["unit", "time"])["y"].unstack()
    np.testing.assert_allclose(changes.change, (table[3] + table[4] - table[1] - table[2]) / 2)
    assert changes.columns("x") == [1]
    assert changes.words == "mean from 3 on less mean before 3"


def test_coefficient_is_the_estimators_where_nothing_is_adjusted_for():
    fitted = fit(frame(effect=-2.0), covariates=())
    table = results(fitted)["robustness_value"].table
    assert table["estimate"].item() == pytest.approx(fitted.estimate.values[0], rel=1e-10)


def test_it_fails_on_a_confounded_design_and_passes_on_a_strong_effect():
    weak = results(fit(frame(hidden=0.3)), min_robustness_value=0.4)["robustness_value"]
    strong = results(fit(frame(effect=-8.0)), min_robustness_value=0.4)["robustness_value"]
    assert (weak.passed, strong.passed) == (False, True)


def test_a_cause_as_strong_as_the_hidden_one_is_bounded():
    """Left out, the hidden cause moves the estimate; likened to it, the bound reaches what adjusting for it gives."""
    table = frame(n=4000, treated=1600, hidden=0.7, noise=3.0)
    without = results(fit(table, ("x",)))["robustness_value"].table["estimate"].item()
    with_it = results(fit(table, ("x", "cause")))["robustness_value"].table["estimate"].item()
    bound = results(fit(table, ("x",)), times=(1.0,))["benchmarks"].table["estimate"].item()
    assert abs(with_it) < 0.2 < abs(without)
    assert bound < with_it + 0.1


def test_what_the_regression_adjusts_for_is_told_where_the_estimate_itself_adjusts_for_nothing():
    """Page one's method took no covariate, and said so, beside a robustness value that had taken one out."""
    with_x, without = (results(fit(frame(), names))["robustness_value"].text for names in (("x",), ()))
    assert "degrees of freedom, plain errors, x adjusted for) the difference is" in with_x
    assert "plain errors) the difference is" in without


def test_without_covariates_there_is_nothing_to_liken_it_to():
    assert results(fit(frame(), ()))["benchmarks"].text == "Not done: the estimate has no covariate."
    named = results(fit(frame()), benchmark=("z",))["benchmarks"].text
    assert named == "Not done: z: no covariate of the estimate."


def matched(ratio, twice=False):
    table = frame(n=12 + 12 * ratio, treated=12, effect=-3.0)
    starts = table.groupby("unit")["start"].first()
    ours, theirs = list(starts.index[np.isfinite(starts)]), list(starts.index[~np.isfinite(starts)])
    rows = [(unit, k) for k, unit in enumerate(ours)]
    rows += [(unit, 0 if twice else i // ratio) for i, unit in enumerate(theirs)]
    sets = pd.DataFrame(rows + ([(theirs[0], 1)] if twice else []), columns=["unit", "matched_set"])
    return fit(table, sets=sets)


@pytest.mark.parametrize(("ratio", "words"), [(1, "signed ranks"), (2, "Huber's M")])
def test_matched_sets_have_a_gamma(ratio, words):
    found = results(matched(ratio), min_gamma=1.5)["matched_sets"]
    assert words in found.text
    assert found.value > 1.5
    assert found.passed
    assert found.table["p_value"].is_monotonic_increasing


def test_each_is_refused_by_name_where_it_does_not_apply():
    plain = results(fit(frame()))
    assert plain["matched_sets"].text == "Not done: the comparison group has no matched sets."
    assert plain["e_value"].text == "Not done: E-values are for risks of people, and units here are not people."
    assert "several sets" in results(matched(1, twice=True))["matched_sets"].text
    told = results(fakes.fit(TWFE(), fakes.people()))
    assert told["robustness_value"].text == "Not done: rows are people, who have no change of their own."
    assert told["e_value"].text == "Not done: E-values are for risk ratios, and this estimate is none."


def test_covariates_that_tell_who_is_treated_are_named():
    table = frame()
    told = results(fit(table.assign(x=np.isfinite(table["start"]).astype(float))))["robustness_value"]
    assert told.text == "Not done: covariates or strata tell who is treated."


def test_risk_ratio_of_people_has_an_e_value():
    rng = np.random.default_rng(3)
    place = rng.integers(0, 12, 2400)
    time = rng.integers(2001, 2005, 2400)
    start = np.where(place < 6, 2003.0, np.inf)
    risk = 0.4 * np.where(time >= start, 0.5, 1.0)
    y = (rng.random(2400) < risk).astype(float)
    panel = fakes.cross_sections_of(y, [f"p{k:02d}" for k in place], time, start)
    fitted = fakes.fit(PoissonDiD(), panel)
    found = results(fitted)["e_value"]
    ratio = float(np.exp(fitted.estimate.values[fitted.estimate.cells["aggregation"] == "overall"][0]))
    assert found.value == pytest.approx(1 / ratio + np.sqrt(1 / ratio * (1 / ratio - 1)))


def test_a_ratio_of_people_that_is_of_no_risk_has_no_e_value():
    """Mean days had one: 1.90 "to explain the ratio of 0.776", which is no risk ratio."""
    rng = np.random.default_rng(3)
    place, time = rng.integers(0, 12, 2400), rng.integers(2001, 2005, 2400)
    start = np.where(place < 6, 2003.0, np.inf)
    days = rng.poisson(np.where(time >= start, 20, 40)).astype(float)
    names = [f"p{k:02d}" for k in place]
    told = results(fakes.fit(PoissonDiD(), fakes.cross_sections_of(days, names, time, start)))["e_value"]
    assert np.isnan(told.value)
    why = "E-values are for risk ratios, and the outcome is not one that a person has or has not"
    assert told.text == f"Not done: {why}."
    yes = results(fakes.fit(PoissonDiD(), fakes.cross_sections_of((days > 30) * 1.0, names, time, start)))["e_value"]
    assert yes.text.endswith("to none; with 6 treated clusters this interval is too narrow.")
