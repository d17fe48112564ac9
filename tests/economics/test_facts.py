"""What a bundle shows of its own evidence: each fact from the right file, what was not measured with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.economics.gate.evidence import bundle_evidence
from sos_eval.errors import p_text
from sos_eval.results.facts import LockFacts
from tests.pilots import pilots_facts

NOTHING = pd.DataFrame(columns=["name", "statistic", "value", "estimator", "outcome"])


def facts(**changes):
    """What the pilots' run knows, as if of 20 authorities over ten years, 198 rows and 8 outcomes missing."""
    ran = pilots_facts()
    entry = replace(ran.outcome, n_missing=8)
    panel = replace(
        ran.panel, first_time=2010.0, last_time=2019.0, n_times=10, cohorts=(2015.0, 2017.0), n_units=20, n_rows=198,
        omitted_times={}, outcomes={"entry": entry},
    )  # fmt: skip
    return replace(ran, panel=panel, **changes)


def estimates(scale="rate_per"):
    keys = {"role": "primary", "scale": scale, "inference": "randomization", "n_units": 20, "n_treated_units": 6,
            "estimator": "primary", "outcome": "entry", "subgroup": ""}  # fmt: skip
    rows = [{**keys, "aggregation": "overall", "event_time": np.nan, "estimate": -2.0, "std_error": 0.5}]
    rows += [{**keys, "aggregation": "event_time", "event_time": float(e), "estimate": 0.0} for e in range(-4, 3)]
    return pd.DataFrame(rows)


def balance():
    return pd.DataFrame({
        "stage": ["before", "after"], "std_mean_diff": [0.5, -0.2], "ess_comparison": [14.0, 6.0],
        "n_comparison": [14, 8], "n_treated": [6, 5],
    })  # fmt: skip


def measured(**changes):
    return bundle_evidence(
        changes.get("estimates", estimates()), changes.get("diagnostics", NOTHING), changes.get("balance", balance()),
        changes.get("facts", facts()), changes.get("tables", {}),
    )  # fmt: skip


def test_design_clusters_balance_and_completeness_by_hand():
    got = measured().facts
    assert (got["sms"], got["treated"], got["comparison"], got["few_cluster"]) == (3, 6, 14, True)
    assert got["pre_periods"] == 5  # 2010 to 2014, before anybody's start
    assert got["max_smd"] == 0.2
    assert got["ess_share"] == 0.75
    assert got["trimmed"] == pytest.approx(1 / 6)
    assert got["complete"] == pytest.approx(190 / 200)


def test_the_share_of_treated_whose_practice_was_scored_is_measured():
    assert "fidelity_share" not in measured().facts
    scored = pd.DataFrame({"n_units": [4], "n_unscored": [2]})
    assert measured(tables={"implementation": scored}).facts["fidelity_share"] == pytest.approx(4 / 6)


def test_rows_of_children_say_nothing_of_complete_authority_periods():
    got = measured(facts=replace(facts(), panel=replace(facts().panel, n_rows=201)))
    assert "complete" not in got.facts
    assert got.reasons["complete"].startswith("rows are not one a unit and period")
    assert measured(facts=replace(facts(), panel=replace(facts().panel, n_rows=200))).facts["complete"] == 192 / 200


def test_omitted_periods_are_no_pre_periods():
    # 2010 to 2019 without 2012 and 2016, first start 2015: 2010, 2011, 2013, 2014
    panel = replace(facts().panel, n_times=8, omitted_times={"2012": "why", "2016": "why"})
    assert measured(facts=replace(facts(), panel=panel)).facts["pre_periods"] == 4


def test_checks_that_were_not_run_are_not_facts():
    got = measured()
    for name in ("pretrend_p", "mbar", "placebo_time_ok", "placebo_outcome_ok", "robustness_ratio"):
        assert name not in got.facts
        assert got.reasons[name]


def test_checks_are_read_from_diagnostics_and_their_intervals():
    found = pd.DataFrame({
        "name": ["pretrends.joint", "pretrends.detectable_slope", "honest_did.relative_magnitudes"],
        "statistic": ["p_value", "slope", "breakdown"], "value": [0.4, -0.5, 1.2],
        "estimator": "primary", "outcome": "entry",
    })  # fmt: skip
    tables = {"placebo_time.1": pd.DataFrame({"conf_low": [-1.0], "conf_high": [2.0], "std_error": [0.6]}),
              "placebo_time.2": pd.DataFrame({"conf_low": [0.1], "conf_high": [2.0], "std_error": [0.7]})}  # fmt: skip
    got = measured(diagnostics=found, tables=tables)
    assert got.facts["pretrend_p"] == 0.4
    assert got.facts["mbar"] == 1.2
    # conventional intervals of several starts are no test, whatever they hold
    assert "placebo_time_ok" not in got.facts
    assert "no p over its starts" in got.reasons["placebo_time_ok"]
    # a drift of 0.5 a period over the mean distance of the effects, events 0, 1, 2: 0.5 x 2 = 1 per 10,000; the
    # weaker placebo detects 2.80 x 0.7; break-even 2 per 10,000
    got.over_break_even({"full": 2.0, "half": 4.0}, baseline=30, per=10000)
    assert got.facts["pretrend_detectable"] == pytest.approx(0.5)
    assert got.facts["placebo_detectable"] == pytest.approx(2.801585 * 0.7 / 2)


def test_what_would_undo_the_effect_is_held_against_the_strongest_covariate():
    """f of a cause like need: sqrt(.2 x .1 / .9) = .1491, so RV = (sqrt(f^4 + 4 f^2) - f^2) / 2 = .1384."""
    value = pd.DataFrame({"robustness_value": [0.2768], "share": [1.0]})
    rows = {"covariate": ["size", "need", "need"], "times": [1.0, 1.0, 2.0], "r2_treatment": [0.1, 0.1, 0.2],
            "r2_outcome": [0.01, 0.2, 0.4]}  # fmt: skip
    tables = {"sensitivity.robustness_value": value, "sensitivity.benchmarks": pd.DataFrame(rows)}
    got = measured(tables=tables)
    assert got.facts["robustness_ratio"] == pytest.approx(2.0, rel=1e-3)
    assert "0.277 over the 0.138 of a cause as strong as need, the strongest of 2" in got.pointers["robustness_ratio"]
    bare = measured(tables={"sensitivity.robustness_value": value})
    assert bare.reasons["robustness_ratio"].endswith(
        "value of 0.277, and the estimate has no covariate to hold it against"
    )


NAMES = {"largest": "placebo_time.largest", "joint": "pretrends.joint", "path": "path.joint"}


def diagnosed(**values):
    return pd.DataFrame({
        "name": [NAMES[name] for name in values], "statistic": "p_value", "value": list(values.values()),
        "estimator": "primary", "outcome": "entry",
    })  # fmt: skip


@pytest.mark.parametrize(("p", "passed"), [(0.05, True), (0.049, False), (0.8, True)])
def test_placebo_starts_are_judged_by_their_one_permutation_p(p, passed):
    tables = {"placebo_time.1": pd.DataFrame({"conf_low": [0.1], "conf_high": [2.0], "std_error": [0.7]})}
    got = measured(diagnostics=diagnosed(largest=p), tables=tables)
    assert got.facts["placebo_time_ok"] is passed
    assert got.pointers["placebo_time_ok"] == f"diagnostics.csv: placebo_time.largest, {p_text(p)} against 0.05"


def test_a_p_that_does_not_exist_is_no_pass():
    assert "placebo_time_ok" not in measured(diagnostics=diagnosed(largest=np.nan)).facts


def test_the_path_by_the_headline_s_lots_goes_before_the_conventional_joint_test():
    both = measured(diagnostics=diagnosed(joint=0.001, path=0.24))
    assert (both.facts["pretrend_p"], both.pointers["pretrend_p"]) == (0.24, "diagnostics.csv: path.joint")
    assert measured(diagnostics=diagnosed(joint=0.001, path=np.nan)).facts["pretrend_p"] == 0.001


def test_an_interval_that_does_not_exist_is_no_pass():
    tables = {"placebo_outcome.1": pd.DataFrame({"conf_low": [np.nan], "conf_high": [np.nan], "scale": ["ratio"]})}
    got = measured(tables=tables)
    assert "placebo_outcome_ok" not in got.facts
    assert "not every interval is finite" in got.reasons["placebo_outcome_ok"]


def test_a_ratio_contains_no_effect_at_one():
    tables = {"placebo_outcome.1": pd.DataFrame({"conf_low": [0.9], "conf_high": [1.1], "scale": ["ratio"]})}
    assert measured(tables=tables).facts["placebo_outcome_ok"] is True


@pytest.mark.parametrize(("state", "seen", "fixed"), [
    ("as_locked", "no", True), ("as_locked", "published", False), ("changed", "no", False),
    ("never_locked", "", False),
])  # fmt: skip
def test_only_a_plan_locked_before_the_outcomes_was_fixed(state, seen, fixed):
    got = measured(facts=facts(lock=LockFacts(state, outcomes_seen=seen))).facts
    assert got["definition_fixed"] is fixed
    assert got["heap"] is fixed


def test_without_covariates_balance_is_not_measured():
    got = measured(balance=pd.DataFrame(columns=["stage", "std_mean_diff"]))
    assert "max_smd" not in got.facts
    assert "no covariate was compared" in got.reasons["max_smd"]


def test_the_effect_is_the_headlines_and_an_interval_stands_in_for_a_missing_error():
    # randomization has no standard error: its 95% interval is 3.92 wide, so 1; the smaller clustered 0.5 is not used
    from sos_eval.economics.cost import effect_from
    from sos_eval.economics.declared import DeclaredEffect
    from sos_eval.economics.section import EconomicsSection

    row = {**estimates().iloc[0].to_dict(), "conf_low": np.nan, "conf_high": np.nan, "conf_level": 0.95}
    test = {**row, "std_error": np.nan, "conf_low": -3.96, "conf_high": -0.04}
    table = pd.DataFrame([{**row, "inference": "analytic"}, test])
    section = EconomicsSection(effect=DeclaredEffect(baseline=30))
    taken = effect_from(section, table, "a run", facts()).effect
    assert taken.std_error == pytest.approx(1.0, rel=1e-4)
    assert "width of its interval" in taken.source
    clustered = replace(facts(), headline=replace(facts().headline, inference="analytic"))
    assert effect_from(section, table, "a run", clustered).effect.std_error == 0.5
    nothing = pd.DataFrame([{**test, "conf_low": np.nan}])
    assert effect_from(section, nothing, "a run", facts()).effect.estimate is None


def test_only_the_headlines_own_estimate_counts():
    # another outcome of the same estimator stands first, and another estimator that is primary too
    other = estimates().assign(outcome="other", n_treated_units=19, estimate=9.0)
    rival = estimates().assign(estimator="second", n_treated_units=18, estimate=8.0)
    checks = pd.DataFrame({
        "name": "pretrends.joint", "statistic": "p_value", "value": [0.9, 0.4], "estimator": "primary",
        "outcome": ["other", "entry"],
    })  # fmt: skip
    got = measured(estimates=pd.concat([other, rival, estimates()]), diagnostics=checks).facts
    assert (got["treated"], got["pretrend_p"]) == (6, 0.4)


def test_what_a_method_does_not_say_of_itself_is_no_fact():
    # a bundle of an older version: nothing there says whether its inference holds with few clusters
    got = measured(facts=facts(methods={}))
    assert "few_cluster" not in got.facts
    assert "does not say whether randomization holds" in got.reasons["few_cluster"]


def test_rates_per_another_number_of_children_are_brought_to_the_declarations():
    from pathlib import Path

    from sos_eval.declare import Document, build
    from sos_eval.economics.cost import effect_from
    from sos_eval.economics.section import EconomicsSection

    document = Document({"effect": {"baseline": 30.0}}, Path("by_hand.yaml"))
    section = build(EconomicsSection, document.data, document)
    row = estimates().iloc[[0]].assign(conf_low=-3.0, conf_high=-1.0, conf_level=0.95)
    same = effect_from(section, row, "a run", facts()).effect
    assert (same.estimate, same.std_error) == (-2.0, 0.5)
    outcomes = {"entry": replace(facts().outcome, per=1000.0)}
    per_1000 = replace(facts(), panel=replace(facts().panel, outcomes=outcomes))
    other = effect_from(section, row, "a run", per_1000).effect  # 2 fewer per 1,000 are 20 fewer per 10,000
    assert (other.estimate, other.std_error) == (-20.0, 5.0)
    assert "per 1,000 to per 10,000" in other.source
    ratio = effect_from(section, row.assign(scale="ratio"), "a run", per_1000).effect
    assert (ratio.estimate, ratio.std_error) == (-2.0, 0.5)
    got = measured(facts=per_1000)
    got.unseen["pretrend_detectable"] = 0.1
    got.over_break_even({"full": 2.0}, 30.0, 10000.0)
    assert got.facts["pretrend_detectable"] == pytest.approx(0.5)
