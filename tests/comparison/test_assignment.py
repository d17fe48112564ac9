"""Greedy matching and its weights, by hand."""

import numpy as np
import pytest

from sos_eval.numerics.assignment import match_weights, nearest
from sos_eval.numerics.line import nearest_on_line

# Two treated (rows), four donors. Both like donor 1 best.
D = np.array([[3.0, 1.0, 2.0, 9.0], [5.0, 0.5, 4.0, 9.0]])


def test_who_chooses_first_gets_the_best():
    assert nearest(D, order=np.array([0, 1])).tolist() == [[1], [2]]
    assert nearest(D, order=np.array([1, 0])).tolist() == [[2], [1]]


def test_with_replacement_everyone_gets_the_best():
    assert nearest(D, order=np.array([0, 1]), replace=True, ratio=2).tolist() == [[1, 2], [1, 2]]


def test_ratio_goes_in_rounds():
    # Round one: 0 takes 1, 1 takes 2. Round two: 0 takes 0, 1 takes 3.
    assert nearest(D, order=np.array([0, 1]), ratio=2).tolist() == [[1, 0], [2, 3]]


def test_pairs_that_are_not_allowed_stay_empty():
    barred = np.where(D > 2.5, np.inf, D)
    assert nearest(barred, order=np.array([1, 0]), ratio=2).tolist() == [[2, -1], [1, -1]]
    assert nearest(np.full((1, 3), np.inf), order=np.array([0])).tolist() == [[-1]]
    assert nearest(np.empty((1, 0)), order=np.array([0]), ratio=2).tolist() == [[-1, -1]]


def test_ties_go_to_the_donor_that_stands_first_even_when_rounding_differs():
    tied = np.array([[0.3, 0.1 + 0.2, 0.1 * 3, 1.0]])
    assert nearest(tied[:, ::-1], order=np.array([0])).tolist() == [[1]]
    assert nearest(tied, order=np.array([0])).tolist() == [[0]]


def test_more_donors_asked_for_than_there_are():
    assert nearest(D, order=np.array([0, 1]), ratio=6, replace=True)[0].tolist() == [1, 2, 0, 3, -1, -1]


def test_weights_share_out_each_treated_unit():
    # Treated 0 has donors 0 and 1 (a half each), treated 1 has donor 1 alone, treated 2 none: 0.5 and 1.5 sum to two
    # matched treated units and are scaled to two donors: unchanged here.
    treated, donors = match_weights(np.array([[0, 1], [1, -1], [-1, -1]]), 3)
    assert treated.tolist() == [1, 1, 0]
    assert donors.tolist() == [0.5, 1.5, 0]


def test_donor_weights_sum_to_the_donors_in_use():
    # Three treated share one donor, a fourth has another: raw weights 3 and 1, scaled by 2/4.
    _, donors = match_weights(np.array([[0], [0], [0], [2]]), 3)
    assert donors == pytest.approx([1.5, 0, 0.5])


@pytest.mark.parametrize("seed", range(12))
def test_along_the_line_is_the_same_as_by_all_distances(seed):
    """Numbers that tie often (odd seeds), calipers, several donors each; donors that run out."""
    rng = np.random.default_rng(seed)
    near, far = rng.normal(size=15), rng.normal(size=(10, 20, 40)[seed % 3])
    if seed % 2:
        near, far = near.round(), far.round()
    order, apart = rng.permutation(15), np.abs(near[:, None] - far[None])
    for ratio, reach in ((1, np.inf), (3, np.inf), (2, 0.4)):
        every = nearest(np.where(apart > reach, np.inf, apart), order=order, ratio=ratio)
        np.testing.assert_array_equal(nearest_on_line(near, far, order=order, ratio=ratio, reach=reach), every)


def test_along_the_line_by_hand():
    # 5 takes the first of the two at 6 (position 0), 5.5 the other; 0 is left with 100
    chosen = nearest_on_line(np.array([5.0, 5.5, 0]), np.array([6.0, 100, 6]), order=np.array([0, 1, 2]))
    assert chosen[:, 0].tolist() == [0, 2, 1]
    assert nearest_on_line(np.array([1.0]), np.array([]), order=np.array([0])).tolist() == [[-1]]
