"""Page one of very small designs, from runs: what no test can tell is not told, and why there is no range."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import InputFault
from sos_eval.jobs.check import check_design
from sos_eval.jobs.run import run
from tests.conftest import without_pages

DESIGN = """\
schema: sos-eval/design/1
name: small
question: {{intervention: the practice, outcome: children entering care{question}}}
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {{value: rate}}
  treatment: {{first_treated: start, untreated_means: never}}
estimators: [{{id: primary, method: {method}}}]
inference: [{inference}]
checks: [path]
seed: 1
"""
NO_TEST = "No test that is relied on can tell a difference from chance here"
TEST = "{method: randomization, statistic: both}"


def made(folder, treated, others, **keys):
    """Run a design."""
    written(folder, treated, others, **keys)
    with without_pages():
        return run(folder / "d.yaml", out=folder / "out", force=True)


def written(folder, treated, others, *, effect=0.0, method="twfe", inference=TEST, question="", gone=0):
    """Write a design on units over eight years, the treated from the fifth on; `gone` of them have no later outcome."""
    rng = np.random.default_rng(4)
    rows = []
    for i in range(treated + others):
        level, own = rng.normal(50, 3), i < treated
        for year in range(2010, 2018):
            late = own and year >= 2014
            value = level + rng.normal(0, 1) + (effect if late else 0)
            if late and i < gone:
                value = np.nan
            rows.append((f"u{i:02d}", year, value, "2014" if own else ""))
    frame = pd.DataFrame(rows, columns=["la", "year", "rate", "start"])
    frame.to_csv(folder / "p.csv", index=False)
    text = DESIGN.format(method=method, inference=inference, question=question)
    if gone:
        text = text.replace("  treatment:", "  unbalanced: allow\n  treatment:")
    (folder / "d.yaml").write_text(text, encoding="utf-8")


def test_three_against_three_say_that_no_test_can_tell(tmp_path):
    said = made(tmp_path, 3, 3, effect=-20).headline
    assert said["verdict"] == "inconclusive"
    assert said["detectable_text"] == (
        f"{NO_TEST}, so that no range and no size that would have been found is given: a randomization test cannot "
        "reject at the 5% level: with 20 possible assignments, 2 of them always as extreme (mirror images, or without "
        "a statistic), the smallest p is 0.1."
    )
    assert said["earlier_path"].endswith("could have found no divergence, however steep, so this says little.")
    assert "within chance" not in said["earlier_path"]
    assert said["what_would_change_it"][0].startswith("More authorities, or others, so that some procedure")
    assert "no range stands beside it" in said["does_not_show"][0]


@pytest.mark.slow
def test_four_against_four_say_how_few_ways_there_are_and_what_is_found_at_any_size(tmp_path):
    question = ", smallest_worthwhile: 1.5"
    bundle = made(tmp_path, 4, 4, question=question)
    said, seen = bundle.headline["detectable_text"], bundle.headline["detectable"]
    assert said.startswith(
        "If the 4 authorities had been drawn by lot, as the test assumes (70 ways to choose who starts: even the "
        "clearest result comes up by chance in 3 of 100), and the true change were a fall of "
    )
    assert "this test would find it at least four times in five" in said
    curve = bundle.table("detectable").query("direction == 'fall'")
    assert curve["power"].is_monotonic_increasing
    assert (curve["mcse"] == 0).all()
    assert (curve["power"] * 70).tolist() == pytest.approx((curve["power"] * 70).round().tolist())
    at = np.interp(1.5, curve["size"], np.arange(len(curve)))
    low, high = curve["power"].iloc[int(at)], curve["power"].iloc[int(at) + 1]
    assert low <= seen["worthwhile_fall"] <= high


def test_a_range_that_the_plan_switched_off_does_not_hide_what_the_test_says(tmp_path):
    inference = "{method: randomization, statistic: both, draws: 499, interval: none}"
    lower = made(tmp_path, 5, 15, effect=-20, inference=inference).headline
    assert lower["verdict"] == "decrease"
    assert lower["p_value"] <= 0.05
    ending = "; beside it stands no range (the plan asks for none); chance alone gives as much in fewer than 1 of 100 "
    assert ending in lower["sentence"]
    level = made(tmp_path, 5, 15, inference=inference).headline
    assert level["verdict"] == "inconclusive"
    assert level["p_value"] > 0.05
    assert "the plan asks for none" in level["sentence"]


@pytest.mark.parametrize("declared", ["conley_taber", "jackknife"])
def test_one_treated_is_tested_by_the_coefficient_where_another_method_was_declared(tmp_path, declared):
    said = made(tmp_path, 1, 24, effect=-20, method="callaway_santanna", inference=f"{{method: {declared}}}").headline
    assert said["inference"] == "randomization"
    assert said["verdict"] == "decrease"
    assert said["p_value"] == pytest.approx(1 / 25)
    assert "(its error is not known)" in said["detectable_text"] or "to" in said["detectable_text"]


def test_a_test_without_a_statistic_comes_behind_that_of_the_coefficient(tmp_path):
    """Three of four that started have no outcome from then on: one is left in the estimate, without an error."""
    bundle = made(tmp_path, 4, 12, gone=3)
    said, rule = bundle.headline, bundle.headline["inference_rule"]
    assert "two treated clusters in the estimate" in rule["choice"]
    assert rule["headline"] == "randomization:coefficient"
    tests = pd.read_csv(bundle.path / "tests.csv").set_index("inference")
    assert said["p_value"] == tests.loc["randomization:coefficient", "p"] > 0.05
    assert "randomization" in tests.index  # as declared, beside it


def test_one_treated_under_both_statistics_is_told_by_the_coefficient(tmp_path):
    said = made(tmp_path, 1, 24, effect=-20).headline
    assert said["p_value"] == pytest.approx(1 / 25)
    assert said["verdict"] == "decrease"
    assert (
        "(25 ways to choose who starts: even the clearest result comes up by chance in 4 of 100)"
        in said["detectable_text"]
    )


def test_few_draws_name_no_size(tmp_path):
    said = made(tmp_path, 5, 15, inference="{method: randomization, draws: 30}").headline
    assert said["detectable_text"] == ""
    assert said["detectable"]["reason"] == "the test makes 30 draws, and a size is said of one with 99 or more"


def test_outcomes_that_no_estimator_tests_together_are_no_family(tmp_path):
    written(tmp_path, 4, 4)
    text = (tmp_path / "d.yaml").read_text(encoding="utf-8")
    text = text.replace("  outcome: {value: rate}", "  outcomes: {a: {value: rate}, b: {value: rate}}")
    text = text.replace(
        "estimators: [{id: primary, method: twfe}]",
        "estimators:\n  - {id: primary, method: twfe, outcome: a}\n"
        "  - {id: other, method: twfe, outcome: b, role: secondary}\n"
        "families: [{name: both, outcomes: [a, b], adjust: holm}]",
    )
    (tmp_path / "d.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputFault, match=r"families\.0\.outcomes: no estimator is run on more than one of them"):
        check_design(tmp_path / "d.yaml")
