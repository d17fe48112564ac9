"""Distances: by hand, and MatchIt's own matrix."""

import numpy as np
import pytest

from sos_eval.numerics.distance import absolute, euclidean, mahalanobis, pooled_covariance
from tests.reference.stored import cases, data

# Eight units, the first three treated.
TREATED = np.array([True, True, True, False, False, False, False, False])
X = np.array([[1.0, 0], [2, 1], [3, 2], [0, 0], [1, 1], [2, 2], [3, 0], [4, 2]])


def test_absolute_is_treated_by_untreated():
    assert absolute(X[:, 0], TREATED).tolist() == [[1, 0, 1, 2, 3], [2, 1, 0, 1, 2], [3, 2, 1, 0, 1]]


def test_euclidean_by_hand():
    # (1, 0) to (0, 0) is 1, to (4, 2) is sqrt(9 + 4)
    assert euclidean(X, TREATED)[0, [0, 4]] == pytest.approx([1, np.sqrt(13)], rel=1e-14)


def test_pooled_covariance_by_hand():
    # Treated means (2, 1): centred (-1,-1), (0,0), (1,1): cross products [[2, 2], [2, 2]].
    # Untreated means (2, 1): (-2,-1), (-1,0), (0,1), (1,-1), (2,1): [[10, 3], [3, 4]].
    # Sum [[12, 5], [5, 6]] over 8 - 2.
    assert pooled_covariance(X, TREATED) == pytest.approx(np.array([[12, 5], [5, 6]]) / 6, rel=1e-14)


def test_mahalanobis_by_hand():
    # inverse of [[2, 5/6], [5/6, 1]] is [[1, -5/6], [-5/6, 2]] / (2 - 25/36); (1, 0) - (0, 0) = (1, 0)
    assert mahalanobis(X, TREATED)[0, 0] == pytest.approx(np.sqrt(1 / (2 - 25 / 36)), rel=1e-12)


def test_mahalanobis_does_not_depend_on_units_of_measurement():
    scaled = X * [1e6, 1e-6] + [3, -4]
    assert mahalanobis(scaled, TREATED) == pytest.approx(mahalanobis(X, TREATED), rel=1e-9)


@pytest.mark.parametrize("extra", [X[:, 0] * 2 + X[:, 1], np.full(8, 3.0)], ids=["collinear", "constant"])
def test_mahalanobis_refuses_what_has_no_covariance(extra):
    with pytest.raises(np.linalg.LinAlgError):
        mahalanobis(np.column_stack([X, extra]), TREATED)


@pytest.mark.reference
def test_mahalanobis_is_matchit_s():
    case = cases("matchit_lalonde")["nn_mahalanobis"]["values"]
    people = data("matchit_lalonde.csv")
    found = mahalanobis(people[["age", "educ", "re74", "re75"]].to_numpy(float), people["treat"].to_numpy() == 1)
    assert found[:3, :4] == pytest.approx(np.array(case["distance_matrix_3x4"]), rel=1e-8)
    assert found.mean() == pytest.approx(case["distance_matrix_mean"], rel=1e-8)
