"""Joint tests, slopes and detectable slopes: by hand, closed forms, and Roth's pretrends package."""

import json

import numpy as np
import pytest

from sos_eval.numerics.pretrend import box_probability, detectable_slope, pretest_power, slope, wald
from tests.conftest import shared


def test_wald_by_hand():
    # b = (1, 2), V = [[2, 1], [1, 2]]: V^-1 = [[2, -1], [-1, 2]] / 3, W = (2 - 2*2 + 8) / 3 = 2
    found = wald(np.array([1.0, 2.0]), np.array([[2.0, 1], [1, 2]]), 12)
    assert found.statistic == pytest.approx(2)
    assert found.p_chi2 == pytest.approx(np.exp(-1))  # chi-squared with two degrees of freedom
    # F = 2 * 10 / (2 * 12) on (2, 10): p = (1 + 2F/10)^-5
    assert found.p_f == pytest.approx((1 + 2 * (10 / 12) / 10) ** -5)


def test_wald_with_one_coefficient_is_the_t_test_squared():
    from scipy.stats import t

    x = np.array([1.0, 3, 2, 5, 4])
    found = wald(np.array([x.mean()]), np.array([[x.var() / 5]]), 5)
    statistic = x.mean() / (x.std(ddof=1) / np.sqrt(5))
    assert found.p_f == pytest.approx(2 * t.sf(statistic, 4), rel=1e-12)


def test_wald_needs_more_clusters_than_coefficients_for_f():
    assert np.isnan(wald(np.ones(3), np.eye(3), 3).p_f)


@pytest.mark.parametrize("covariance", [np.ones((2, 2)), np.diag([1.0, 0])], ids=["singular", "no variance"])
def test_singular_covariances_are_refused(covariance):
    with pytest.raises(np.linalg.LinAlgError):
        wald(np.ones(2), covariance, 10)
    with pytest.raises(np.linalg.LinAlgError):
        slope(np.ones(2), covariance, np.array([-2.0, -1]))


def test_wald_does_not_depend_on_scale():
    v = np.array([[2.0, 1], [1, 2]])
    assert wald(np.array([1e-7, 2e9]), v * np.outer([1e-7, 1e9], [1e-7, 1e9]), 12).statistic == pytest.approx(2)


def test_slope_by_hand():
    # Independent, variances 1 and 4, distances -2 and -1: weights 4/1 and 1/4
    found = slope(np.array([-3.0, -1.0]), np.diag([1.0, 4.0]), np.array([-2.0, -1.0]))
    assert found.value == pytest.approx((6 + 0.25) / 4.25)
    assert found.std_error == pytest.approx(4.25**-0.5)


def test_box_of_independent_normals_is_a_product():
    from scipy.special import ndtr

    p = box_probability(np.zeros(3), np.eye(3), np.full(3, -1.0), np.full(3, 2.0))
    assert p == pytest.approx((ndtr(2) - ndtr(-1)) ** 3, abs=1e-12)


def test_quadrant_of_two_correlated_normals():
    # P(x > 0, y > 0) = 1/4 + arcsin(rho) / (2 pi)
    p = box_probability(np.zeros(2), np.array([[1, 0.6], [0.6, 1]]), np.zeros(2), np.full(2, np.inf))
    assert p == pytest.approx(0.25 + np.arcsin(0.6) / (2 * np.pi), abs=1e-5)


def test_box_in_eight_dimensions_is_scipy_s():
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(2)
    root = rng.normal(size=(8, 8))
    v = root @ root.T + np.eye(8)
    low, high = np.full(8, -2.0), np.full(8, 3.0)
    expected = multivariate_normal(np.zeros(8), v, seed=1).cdf(high, lower_limit=low)
    # scipy integrates at random to 1e-5
    assert box_probability(np.zeros(8), v, low, high) == pytest.approx(expected, abs=5e-5)


def test_power_with_one_coefficient_is_textbook():
    # slope 2.8015 standard errors per unit of distance has 80% power, to the chance of the wrong side
    assert detectable_slope(np.array([[4.0]]), np.array([-1.0])) == pytest.approx(2 * (1.959964 + 0.841621), rel=1e-5)


def test_power_that_chance_alone_reaches_has_no_slope():
    assert np.isnan(detectable_slope(np.eye(2), np.array([-2.0, -1.0]), power=0.05))


@pytest.mark.reference
def test_roth_s_slopes_for_he_and_wang():
    """pretrends::slope_for_power and pretrends, at the file's tolerance for power, 1e-3, and half of it for slopes.

    R integrates at random: by its own account its slope50 has a power of 0.4997. Ours agrees with scipy's integral.
    """
    from scipy.stats import multivariate_normal

    stored = json.loads(shared("reference", "pretrends.json").read_text())
    for case in stored["cases"]:
        spec, values = case["spec"], case["values"]
        time = np.array(spec["tVec"], float)
        pre = time < spec["referencePeriod"]
        v = np.array(spec["sigma"])[np.ix_(pre, pre)]
        distance = time[pre] - spec["referencePeriod"]
        if "slope80" in values:
            assert detectable_slope(v, distance, power=0.8) == pytest.approx(values["slope80"], rel=5e-4)
            assert detectable_slope(v, distance, power=0.5) == pytest.approx(values["slope50"], rel=5e-4)
            found = pretest_power(values["slope50"], v, distance)
            assert found == pytest.approx(values["pretrends_slope50"]["power"], abs=1e-3)
        else:
            trend = np.array(spec["deltatrue"])[:3] / distance
            assert trend == pytest.approx([trend[0]] * 3)
            sd = np.sqrt(np.diag(v))
            centred = multivariate_normal(trend[0] * distance / sd, v / np.outer(sd, sd), seed=1)
            inside = centred.cdf(np.full(3, 1.959964), lower_limit=np.full(3, -1.959964))
            assert pretest_power(trend[0], v, distance) == pytest.approx(1 - inside, abs=3e-5)
            assert pretest_power(trend[0], v, distance) == pytest.approx(values["power"], abs=1e-3)
