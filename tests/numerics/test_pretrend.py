"""Joint tests, slopes and detectable slopes: by hand, closed forms, and Roth's pretrends package."""

import numpy as np
import pytest

from sos_eval.numerics.box import box_mean, box_probability
from sos_eval.numerics.pretest import pass_each, pass_jointly
from sos_eval.numerics.pretrend import detectable_slope, pretest_power, slope, wald, walds
from tests.reference.stored import cases, stored

ONE = np.zeros(12, dtype=int)


def scores_with(covariance, n):
    """Contributions of n clusters whose cross product is a covariance."""
    q = len(covariance)
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(n, q)))[0]
    return basis @ np.linalg.cholesky(covariance).T


def test_wald_by_hand():
    # b = (1, 2), V = [[2, 1], [1, 2]]: V^-1 = [[2, -1], [-1, 2]] / 3, W = (2 - 2*2 + 8) / 3 = 2
    found = wald(np.array([1.0, 2.0]), scores_with(np.array([[2.0, 1], [1, 2]]), 12), ONE)
    assert found.statistic == pytest.approx(2)
    assert found.p_chi2 == pytest.approx(np.exp(-1))  # chi-squared with two degrees of freedom
    # one group is Hotelling's: F = W (G - q) / (q G) = 2 * 10 / 24 on (2, 10): p = (1 + 2F/10)^-5
    assert found.df_f == pytest.approx(11)
    assert found.p_f == pytest.approx((1 + 2 * (10 / 12) / 10) ** -5)


def test_wald_with_one_coefficient_and_one_group_is_the_t_test():
    from scipy.stats import t

    x = np.array([1.0, 3, 2, 5, 4])
    found = wald(np.array([x.mean()]), (x - x.mean())[:, None] / 5, np.zeros(5, dtype=int))
    statistic = x.mean() / (x.std(ddof=1) / np.sqrt(5))
    assert found.p_f == pytest.approx(2 * t.sf(statistic, 4), rel=1e-12)


def test_wald_with_one_coefficient_and_two_groups_is_welch_s_test():
    from scipy.stats import ttest_ind

    x, y = np.array([1.0, 3, 2, 5]), np.array([2.0, 2.5, 7, 9, 4, 3])
    scores = np.concatenate([(x - x.mean()) / 4, -(y - y.mean()) / 6])[:, None]
    found = wald(np.array([x.mean() - y.mean()]), scores, np.repeat([0, 1], [4, 6]))
    welch = ttest_ind(x, y, equal_var=False)
    assert found.df_f == pytest.approx(welch.df, rel=1e-12)
    assert found.p_f == pytest.approx(welch.pvalue, rel=1e-10)


def test_f_needs_enough_clusters_in_every_group():
    scores = scores_with(np.eye(3), 12)
    assert np.isnan(wald(np.ones(3), scores_with(np.eye(3), 3), np.zeros(3, dtype=int)).p_f)
    assert np.isnan(wald(np.ones(3), scores, np.r_[0, np.ones(11, dtype=int)]).p_f)


@pytest.mark.parametrize("scores", [np.ones((5, 2)), np.eye(5)[:, :2] * [1, 0]], ids=["singular", "no variance"])
def test_singular_covariances_are_refused(scores):
    with pytest.raises(np.linalg.LinAlgError):
        wald(np.ones(2), scores, np.zeros(5, dtype=int))
    with pytest.raises(np.linalg.LinAlgError):
        slope(np.ones(2), scores.T @ scores, np.array([-2.0, -1]))


def test_wald_does_not_depend_on_scale():
    scores, groups = scores_with(np.array([[2.0, 1], [1, 2]]), 12), np.repeat([0, 1], [4, 8])
    plain, scale = wald(np.array([1.0, 2]), scores, groups), np.array([1e-7, 1e9])
    scaled = wald(np.array([1.0, 2]) * scale, scores * scale, groups)
    assert (scaled.statistic, scaled.p_f, scaled.df_f) == pytest.approx((plain.statistic, plain.p_f, plain.df_f))


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

    for case in cases("pretrends").values():
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


def test_many_draws_are_one_after_another():
    rng = np.random.default_rng(4)
    groups = np.repeat([0, 1, 2], [6, 9, 15])
    values, scores = rng.normal(size=(5, 3)), rng.normal(size=(5, 30, 3))
    scores[1, groups == 0] = 0  # a cohort that moves nothing in one draw
    scores[2, :, 2] = scores[2, :, 1]  # a singular draw
    many = walds(values, scores, groups)
    assert np.isnan([many.statistic[2], many.p_chi2[2], many.p_f[2]]).all()
    for r in (0, 1, 3, 4):
        one = wald(values[r], scores[r], groups)
        found = many.statistic[r], many.p_chi2[r], many.p_f[r], many.df_f[r]
        assert found == pytest.approx((one.statistic, one.p_chi2, one.p_f, one.df_f), rel=1e-12)
    with pytest.raises(np.linalg.LinAlgError):
        wald(values[2], scores[2], groups)


def test_mean_in_an_interval_is_the_textbook_s():
    # E[x | -1 < x < 2] of a standard normal: (phi(-1) - phi(2)) / (Phi(2) - Phi(-1)) = 0.2296
    expected = (0.24197072 - 0.05399097) / (0.97724987 - 0.15865525)
    assert box_mean(np.zeros(1), np.eye(1), np.array([-1.0]), np.array([2.0])) == pytest.approx([expected], rel=1e-7)


def test_mean_where_nothing_is_left_is_empty():
    assert np.isnan(box_mean(np.full(2, 80.0), np.eye(2), np.full(2, -1.0), np.full(2, 1.0))).all()


def test_passing_the_joint_test_is_the_box_where_there_is_one_coefficient():
    mean, v, before = np.array([0.8, 2.0]), np.array([[1.0, 0.5], [0.5, 2.0]]), np.array([True, False])
    each, jointly = pass_each(mean, v, before), pass_jointly(mean, v, before)
    assert each.probability == pytest.approx(jointly.probability, abs=1e-9)
    assert each.mean == pytest.approx(jointly.mean, abs=1e-5)
    assert each.mean[1] - 2 == pytest.approx(0.5 * (each.mean[0] - 0.8))  # what is carried on: covariance over variance


def test_passing_the_joint_test_by_simulation():
    rng = np.random.default_rng(9)
    v = np.array([[1.0, 0.5, 0.4], [0.5, 1.0, 0.4], [0.4, 0.4, 1.0]])
    mean, before = np.array([-2.0, -1.0, 1.0]), np.array([True, True, False])
    drawn = rng.multivariate_normal(mean, v, 200_000)
    statistic = np.einsum("ri,ij,rj->r", drawn[:, :2], np.linalg.inv(v[:2, :2]), drawn[:, :2])
    kept = drawn[statistic <= 5.991464547]
    found = pass_jointly(mean, v, before)
    share = len(kept) / len(drawn)
    assert found.probability == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(drawn)))
    error = kept.std(0) / np.sqrt(len(kept))
    assert (np.abs(found.mean - kept.mean(0)) < 4 * error).all()


@pytest.mark.reference
def test_roth_s_means_after_the_test_for_he_and_wang():
    """pretrends' meanAfterPretesting, at the file's own tolerance (R integrates at random)."""
    allowed = stored("pretrends")["default_tolerance"]
    for case in cases("pretrends").values():
        spec, values = case["spec"], case["values"]
        one = values.get("pretrends_slope50", values)
        time = np.array(spec["tVec"])
        place = np.isin(one["t"], time)
        found = pass_each(np.array(one["deltatrue"])[place], np.array(spec["sigma"]), time < spec["referencePeriod"])
        expected = np.array(one["mean_after_pretest"])[place]
        assert found.mean == pytest.approx(expected, abs=allowed["mean_abs"])
        assert 1 - found.probability == pytest.approx(one["power"], abs=allowed["power_abs"])
        assert (np.abs(found.mean) > np.abs(one["deltatrue"])[place])[time >= 0].all()  # passing makes it worse
