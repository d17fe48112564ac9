"""A power study in words: estimators by their labels, and a bound where no Monte Carlo error can be estimated."""

from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.report.power.naming import legend_columns, with_bounds
from sos_eval.report.power.reading import PowerFolder

EMPTY = pd.DataFrame()
LABELS = {
    "estimator": {"primary": "Callaway and Sant'Anna", "other": "Callaway and Sant'Anna", "poisson": "Poisson"},
    "inference": {"own": "permutation of who was treated (own)"},
}


def study(**plan):
    power = pd.DataFrame({
        "estimator": ["primary", "other", "poisson"], "outcome": "entry",
        "inference": ["analytic", "own", "analytic+checks"], "power": [0.0, 1.0, 0.5], "power_mcse": [0.0, 0.0, 0.05],
        "x": 1,
    })  # fmt: skip
    plan = {"reps": 100, "points": [{"x": 1}], "labels": LABELS} | plan
    said = ("You would miss it (power 0%; primary, analytic inference).",)
    return PowerFolder(Path(), plan, power, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, said)


def test_estimators_and_procedures_are_called_by_their_labels_and_two_of_a_kind_by_their_ids_too():
    one = study()
    words = one.in_words(one.power)
    assert words["estimator"].tolist() == [
        "Callaway and Sant'Anna (primary)", "Callaway and Sant'Anna (other)", "Poisson",
    ]  # fmt: skip
    assert words["inference"].tolist() == [
        "conventional cluster-robust", "permutation of who was treated (own)",
        "conventional cluster-robust, and no check fails",
    ]  # fmt: skip
    assert one.line_words(("poisson", "analytic", 4)) == "Poisson, conventional cluster-robust, 4"  # a swept key
    assert one.point_words({"estimator": "primary", "inference": "analytic", "x": 2}) == (
        "Callaway and Sant'Anna (primary), conventional cluster-robust (x 2)"
    )
    assert one.said(one.sentences[0]) == (
        "You would miss it (power 0%; Callaway and Sant'Anna (primary), conventional cluster-robust)."
    )
    assert study(labels=None).in_words(one.power)["estimator"].tolist() == ["primary", "other", "poisson"]


def test_a_share_of_none_or_all_has_three_in_n_in_place_of_an_error_of_nothing():
    """Of 100 draws: within .03; of 10 draws of authorities: within .3."""
    one = study()
    cells = with_bounds(one.power, one.power, one.unseen)["power_mcse"].tolist()
    assert cells == ["not estimable: within 0.03", "not estimable: within 0.03", 0.05]
    assert study(frames=10).unseen == 0.3
    low, high = one.reach_of(one.power, "power")
    np.testing.assert_allclose(low[:2], [0.0, 0.03])
    np.testing.assert_allclose(high[:2], [0.03, 0.0])
    assert low[2] == high[2] == one.z * 0.05
    passing = pd.DataFrame({"coverage_passing": [1.0], "coverage_passing_mcse": [0.0], "pass_rate": [0.2]})
    assert one.reach_of(passing, "coverage_passing")[0][0] == 3 / 20


def test_a_legend_has_as_many_columns_as_its_words_leave():
    assert legend_columns(["short"] * 4) == 3
    assert legend_columns(["a label of an estimator, and of how chance was judged"] * 4) == 1
