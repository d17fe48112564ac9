"""The set at M = 0 keeps its size with few treated where its covariance is that of random adoptions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.statistical.honest import BOUNDS, rejections

DRAWS = 300


@pytest.mark.slow
@pytest.mark.parametrize("treated", [5, 10])
def test_a_true_null_is_rejected_once_in_twenty_with_the_covariance_of_the_draws(treated):
    share = rejections(treated, DRAWS, permutations=299)
    for bound in BOUNDS:
        error = np.sqrt(0.05 * 0.95 / DRAWS)
        assert share["draws", bound] == pytest.approx(0.05, abs=4 * error)
    assert share["clustered", "smoothness"] > 0.05 + 4 * error  # what the covariance of the draws is for
