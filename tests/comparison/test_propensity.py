"""The chance of being treated: what a covariate's unit and origin are does not matter."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison.propensity import propensities


@pytest.mark.parametrize(("origin", "unit"), [(1e9, 1.0), (-1e9, 1.0), (0.0, 1e9), (0.0, 1e-9), (1e12, 1.0)])
def test_neither_unit_nor_origin_of_a_covariate_moves_the_chance(origin, unit):
    rng = np.random.default_rng(1)
    x = rng.integers(-20, 20, (60, 2)) / 8  # exact beside any of these origins
    treated = rng.random((5, 60)) < 1 / (1 + np.exp(-x[:, 0]))
    plain = propensities(pd.DataFrame(x, columns=["a", "b"]), ["a", "b"], treated)
    moved = propensities(pd.DataFrame(origin + unit * x, columns=["a", "b"]), ["a", "b"], treated)
    assert (plain.failures == "").all()
    assert (moved.failures == "").all()
    np.testing.assert_allclose(moved.probability, plain.probability, atol=1e-10)
