"""Counts of people are masked; zeros, estimates and the caller's table are left alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from sos_eval.panel.disclosure import Disclosure, masked, withholds_weights
from sos_eval.panel.tabular import from_frame


@pytest.mark.parametrize(
    ("disclosure", "expected"),
    [
        (Disclosure(), [0, 1, 5, 6, 12, 13]),
        (Disclosure(profile="dfe"), [0, np.nan, np.nan, 5, 10, 15]),
        (Disclosure(profile="ons_srs"), [0, np.nan, np.nan, np.nan, 10, 10]),
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


@pytest.mark.parametrize(("profile", "half"), [("dfe", (2, 2)), ("ons_srs", (5, 4))])
@pytest.mark.parametrize("seed", range(40))
def test_no_small_count_follows_from_rounded_nested_sums(profile, half, seed):
    """Each of four sets holds the next, as rows at the start, at the end, of the panel and of the estimate do."""
    disclosure, rng = Disclosure(profile=profile), np.random.default_rng(seed)
    people = np.append(rng.integers(1, 12, size=3), rng.integers(0, 200)).astype(float)
    sets = np.triu(np.ones((4, 4)))
    shown, _ = masked(pd.DataFrame({"n": sets @ people}), ["n"], disclosure)
    seen = shown["n"].to_numpy()
    hidden = np.isnan(seen)
    low, high = np.where(hidden, 1, seen - half[0]), np.where(hidden, disclosure.smallest - 1, seen + half[1])
    for k in np.flatnonzero((people > 0) & (people < disclosure.smallest)):
        goal = np.eye(4)[k]
        upper, bounds = np.vstack([sets, -sets]), np.concatenate([high, -low])
        least, most = (
            sign * linprog(sign * goal, A_ub=upper, b_ub=bounds, bounds=(0, None)).fun for sign in (1.0, -1.0)
        )
        assert np.floor(most + 1e-6) - np.ceil(least - 1e-6) >= 1


def test_a_rounding_of_its_own_follows_the_smallest_count():
    assert Disclosure(minimum_count=7).step == 7
    assert Disclosure(profile="dfe", minimum_count=3).step == 5
    assert Disclosure(minimum_count=7, round_to=1).step == 1


def test_when_anything_is_held_back_results_need_three_units():
    assert (Disclosure().guards, Disclosure().fewest) == (False, 1)
    assert (Disclosure(profile="dfe").guards, Disclosure(profile="dfe").fewest) == (True, 3)
    assert Disclosure(minimum_count=3).fewest == 3
    assert (Disclosure(minimum_units=5).guards, Disclosure(minimum_units=5).fewest) == (True, 5)
