"""Counts of people are masked; zeros, estimates and the caller's table are left alone."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.panel.disclosure import Disclosure, masked, withholds_weights
from sos_eval.panel.tabular import from_frame


@pytest.mark.parametrize(
    ("disclosure", "expected"),
    [
        (Disclosure(), [0, 1, 5, 6, 12, 13]),
        (Disclosure(profile="dfe"), [0, np.nan, np.nan, 5, 10, 15]),
        (Disclosure(profile="ons_srs"), [0, np.nan, np.nan, np.nan, 12, 13]),
        (Disclosure(minimum_count=3, round_to=1), [0, np.nan, 5, 6, 12, 13]),
        (Disclosure(profile="dfe", round_to=1), [0, np.nan, np.nan, 6, 12, 13]),
    ],
)
def test_profiles_by_hand(disclosure, expected):
    table = pd.DataFrame({"children": [0, 1, 5, 6, 12, 13], "n_units": [1, 2, 3, 4, 5, 6], "estimate": 0.5})
    before = table.copy()
    shown, hidden = masked(table, ["children"], disclosure)
    np.testing.assert_array_equal(shown["children"], expected)
    assert hidden == int(np.isnan(expected).sum())
    assert shown["n_units"].tolist() == [1, 2, 3, 4, 5, 6]
    pd.testing.assert_frame_equal(table, before)


def test_missing_counts_stay_missing_and_are_not_counted_as_masked():
    shown, hidden = masked(pd.DataFrame({"children": [np.nan, 7]}), ["children"], Disclosure(profile="dfe"))
    assert np.isnan(shown["children"][0])
    assert hidden == 0


def test_weights_of_people_stay_inside():
    df = pd.DataFrame({"child": ["a", "a", "b", "b"] * 2, "year": [1, 2] * 4, "y": range(8), "g": [2, 2, 0, 0] * 2})
    names = {"unit": "child", "time": "year", "outcome": "y", "first_treated": "g"}
    assert withholds_weights(from_frame(df, **names, layout="cross_sections"))
    assert not withholds_weights(from_frame(df.iloc[:4], **names))
