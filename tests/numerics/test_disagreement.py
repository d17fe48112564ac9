"""Tests and estimates that part: by hand, and how often they do where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.disagreement import disagree, estimates_apart
from sos_eval.numerics.joint import joint_p, joint_statistic


@pytest.mark.parametrize(
    ("p", "errors", "parts"),
    [
        ((0.044, 0.22), (0.002, 0.004), True),
        ((0.044, 0.09), (0.002, 0.004), False),  # not above twice the level
        ((0.06, 0.5), (0.002, 0.004), False),  # neither rejects
        ((0.01, 0.04), (0.001, 0.001), False),  # both reject
        ((0.05, 0.12), (0.02, 0.02), False),  # within three Monte Carlo errors
    ],
)
def test_when_tests_part(p, errors, parts):
    assert disagree(p, errors, 0.05) is parts


def test_joint_p_by_hand():
    # ranks of the first: 2/4 and 1/4; smallest p of the rows: 1/4, 1/4, 2/4, 3/4, so two of four are as small
    first, second = np.array([3.0, 4.0, 1.0, 2.0]), np.array([9.0, 1.0, 8.0, 2.0])
    smallest = np.exp(-joint_statistic((first[:, None], second[:, None]), complete=False)[:, 0])
    np.testing.assert_allclose(smallest, [0.25, 0.25, 0.5, 0.75])
    assert joint_p((first, second), complete=False) == 0.5
    # as a complete list of three, the first row standing for its last: 3/3 and 3/3
    assert joint_p((first[[3, 1, 2, 3]], second[[3, 1, 2, 3]]), complete=True) == pytest.approx(1.0)


def test_an_adoption_without_a_statistic_is_not_taken_for_the_observed_one():
    """A list of four: the observed 2.0 comes third after 3.0 and the lost one, which counts as larger: p is 3/4."""
    listed = np.array([2.0, np.nan, 2.0, 3.0, 1.0])
    assert joint_p((listed, 2 * listed), complete=True) == 0.75


def test_joint_p_keeps_its_size():
    rng = np.random.default_rng(1)
    both = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], (2000, 200))
    rejected = np.mean([joint_p((one[:, 0], one[:, 1]), complete=False) <= 0.05 for one in both])
    assert rejected == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))


def test_estimates_part_as_often_as_promised_and_by_hand():
    rng = np.random.default_rng(2)
    first = rng.normal(size=(1000, 200))
    others = first[..., None] + rng.normal(0.3, [1.0, 2.0], (1000, 200, 2))
    rejected = np.mean([estimates_apart(a, b).p <= 0.05 for a, b in zip(first, others, strict=True)])
    assert rejected == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1000))
    apart = estimates_apart(np.array([0.0, 0, 0, 0]), np.array([[5.0], [1.0], [0.0], [-1.0]]))
    assert apart.difference.tolist() == [5.0]
    assert (apart.p, apart.largest) == (0.25, 0)


def test_an_estimate_under_two_names_is_nowhere_apart():
    """Equal to rounding, beside one that parts: by hand, the other's p is as without it."""
    first = np.array([0.0, 1.0, -1.0, 2.0])
    moved = np.array([[1e-15, 0.0, -1e-15, 0.0], [5.0, 1.0, 0.0, -1.0]])
    others = (first + moved).T
    apart = estimates_apart(first, others)
    assert (apart.p, apart.largest) == (0.25, 1)
    assert estimates_apart(first, first[:, None]).p == 1.0
