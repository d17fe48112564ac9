"""Balance: by hand, and MatchIt's summary given its own matches."""

import numpy as np
import pytest

from sos_eval.comparison.balance import (
    balance_table,
    effective_size,
    ks_distance,
    treated_deviations,
    weighted_variance,
)
from sos_eval.comparison.covariates import dummies
from sos_eval.terms import BALANCE_COLUMNS
from tests.reference.stored import cases, data

ONE = np.ones(8)
TREATED = np.array([True, True, True, False, False, False, False, False])
X = np.array([1.0, 2, 3, 0, 1, 2, 3, 4])


def rows(x, weights, base=ONE, treated=TREATED):
    table = balance_table(["x"], np.asarray(x, float)[:, None], treated, base_weights=base, weights=weights)
    assert tuple(table.columns) == BALANCE_COLUMNS
    return table.set_index("stage")


def test_before_and_after_by_hand():
    after = rows(X, np.array([1, 1, 1, 0, 0, 2, 1, 0.0]))
    assert after.loc["before", "mean_treated"] == 2
    assert after.loc["before", "mean_comparison"] == 2
    # after: (2*2 + 3) / 3; treated SD before is 1
    assert after.loc["after", "mean_comparison"] == pytest.approx(7 / 3)
    assert after.loc["after", "std_mean_diff"] == pytest.approx(-1 / 3)
    assert after.loc["before", "variance_ratio"] == pytest.approx(1 / 2.5)
    # weighted: shares 2/3, 1/3: sum share (x - mean)^2 = 2/9, over 1 - 5/9
    assert after.loc["after", "variance_ratio"] == pytest.approx(1 / 0.5)
    assert after.loc["after", "ess_comparison"] == pytest.approx(9 / 5)
    assert after.loc["after", ["n_treated", "n_comparison"]].tolist() == [3, 2]
    # F_treated - F_comparison: at 0 -1/5, at 1 1/3 - 2/5, at 2 2/3 - 3/5, at 3 1 - 4/5
    assert after.loc["before", "ks"] == pytest.approx(0.2)


def test_the_denominator_is_the_treated_before_even_when_treated_are_left_out():
    after = rows(X, np.array([1, 0, 0, 0, 1, 0, 0, 0.0]))
    assert after.loc["after", "std_mean_diff"] == 0
    half = rows(X, np.array([0, 0, 1, 0, 1, 0, 0, 0.0]))
    assert half.loc["after", "std_mean_diff"] == pytest.approx(2.0)


def test_binary_covariates_have_no_variance_ratio_and_sqrt_pq():
    b = [1, 1, 0, 1, 0, 0, 0, 0]
    table = rows(b, ONE)
    assert table.loc["before", "std_mean_diff"] == pytest.approx((2 / 3 - 1 / 5) / np.sqrt(2 / 9))
    assert np.isnan(table.loc["before", "variance_ratio"])
    assert table.loc["before", "ks"] == pytest.approx(2 / 3 - 1 / 5)


@pytest.mark.parametrize(("low", "high"), [(1, 2), (2, 1), (-1, 1), (0, 7.5), (3, 3.25)])
def test_two_values_are_binary_whatever_their_codes(low, high):
    """Of 1 and 2 as of 0 and 1: the difference of shares over sqrt(pq), up to the sign of the coding."""
    b = np.array([1, 1, 0, 1, 0, 0, 0, 0])
    weights = np.array([1.0, 1, 1, 2, 1, 0, 1, 0.5])
    table, plain = rows(low + (high - low) * b, weights), rows(b, weights)
    assert table["variance_ratio"].isna().all()
    assert table["std_mean_diff"].to_numpy() == pytest.approx(plain["std_mean_diff"].to_numpy() * np.sign(high - low))
    assert table["ks"].to_numpy() == pytest.approx(plain["ks"].to_numpy())
    assert np.isfinite(rows(low + (high - low) * np.array([0, 1, 2, 1, 0, 0, 0, 1]), weights)["variance_ratio"]).all()


def test_what_has_no_denominator_is_empty():
    table = rows([5, 5, 5, 0, 1, 2, 3, 4], ONE)
    assert np.isnan(table.loc["before", "std_mean_diff"])
    one_treated = rows(X, ONE, treated=np.arange(8) == 0)
    assert np.isnan(one_treated.loc["before", "std_mean_diff"])
    assert np.isfinite(one_treated.loc["before", "ks"])


@pytest.mark.parametrize("value", [0.1, 1.0, 1e9])
def test_what_is_the_same_among_the_treated_has_no_standardised_difference(value):
    """Rounding of a weighted mean is no deviation: a constant came out 6.5e15 apart."""
    rng = np.random.default_rng(1)
    treated = np.arange(13) < 10
    x = np.where(treated, value, value * rng.uniform(1, 2, 13))
    x[0] *= 1 + 1e-15  # a mean over periods
    w = rng.uniform(0.2, 1.7, 13)
    table = balance_table(["x"], x[:, None], treated, base_weights=w, weights=np.ones(13))
    assert table["std_mean_diff"].isna().all()
    assert (table["variance_ratio"] == 0).all()
    assert treated_deviations(x[:, None], treated, w).tolist() == [0.0]
    only = np.full(13, value)
    only[0] *= 1 + 1e-15  # two values in all, by rounding alone
    assert balance_table(["x"], only[:, None], treated, base_weights=w, weights=w)["std_mean_diff"].isna().all()


def test_weights_of_the_panel_count_before_and_after():
    table = rows(X, ONE, base=np.array([2.0, 1, 1, 1, 1, 1, 1, 1]))
    assert table.loc["before", "mean_treated"] == pytest.approx(7 / 4)
    assert table.loc["after", "mean_treated"] == pytest.approx(7 / 4)


def test_pieces():
    assert weighted_variance(X, ONE) == pytest.approx(X.var(ddof=1))
    assert np.isnan(weighted_variance(X[:1], ONE[:1]))
    assert effective_size(np.array([1.0, 1, 0])) == 2
    assert effective_size(np.zeros(2)) == 0
    tied = np.array([1.0, 1, 1, 1])
    assert ks_distance(tied, np.array([True, False, True, False]), np.ones(4)) == 0


def lalonde():
    return data("matchit_lalonde.csv"), cases("matchit_lalonde")


CASES = ["nn_ps_glm", "nn_ps_replace", "nn_ps_ratio2_caliper", "nn_ps_exact_married", "nn_mahalanobis"]


@pytest.mark.reference
@pytest.mark.parametrize("case", CASES)
def test_weights_and_balance_are_matchit_s_given_its_pairs(case):
    """MatchIt's own pairs through our weights and balance: 1e-9 relative, the file prints 15 digits."""
    from sos_eval.numerics.assignment import match_weights

    people, stored = lalonde()
    values = stored[case]["values"]
    treated = people["treat"].to_numpy() == 1
    donors = {unit: j for j, unit in enumerate(people.loc[~treated, "id"])}
    pairs = [values["match_pairs"][unit] for unit in people.loc[treated, "id"]]
    chosen = np.full((len(pairs), max(map(len, pairs))), -1)
    for i, found in enumerate(pairs):
        chosen[i, : len(found)] = [donors[unit] for unit in found]
    weights = np.zeros(len(people))
    weights[treated], weights[~treated] = match_weights(chosen, len(donors))

    columns = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
    names, x = dummies(people[columns], drop_first=False)
    table = balance_table(names, x, treated, base_weights=np.ones(len(people)), weights=weights)
    table = table.assign(covariate=table["covariate"].str.replace("=", "")).set_index(["stage", "covariate"])
    keys = {
        "Means Treated": "mean_treated", "Means Control": "mean_comparison", "Std. Mean Diff.": "std_mean_diff",
        "Var. Ratio": "variance_ratio", "eCDF Max": "ks",
    }  # fmt: skip
    seen = 0
    for stage in ("before", "after"):
        for name, stored in values[f"balance_{stage}"].items():
            if name == "distance":
                continue
            for theirs, ours in keys.items():
                expected = np.nan if stored[theirs] is None else stored[theirs]
                found = table.loc[(stage, name), ours]
                assert found == pytest.approx(expected, rel=1e-9, abs=1e-10, nan_ok=True), (stage, name, ours)
                seen += 1
    assert seen >= 40
    assert weights[~treated].sum() == pytest.approx(values["outcome"]["sum_w_control"])
    assert table["ess_comparison"].loc["after"].iloc[0] == pytest.approx(values["n"]["Matched (ESS)"][0], rel=1e-9)
    y = people["re78"].to_numpy()
    att = np.average(y[treated], weights=weights[treated]) - np.average(y[~treated], weights=weights[~treated])
    assert att == pytest.approx(values["outcome"]["att_weighted_diff"], rel=1e-9)


@pytest.mark.reference
def test_balance_under_weights_is_cobalt_s():
    """WeightIt's weights through our balance, on simulated authorities; cobalt scales binary x2 by sqrt(p (1 - p))."""
    units, values = data("authority_134.csv"), cases("weighting")["auth_ipw_att"]["values"]
    names, treated = ["x1", "x2", "log_pop", "y_pre", "y_change"], units["treat"].to_numpy() == 1
    weights = np.array(values["weights"])
    table = balance_table(names, units[names].to_numpy(float), treated, base_weights=np.ones(134), weights=weights)
    table = table.set_index(["stage", "covariate"])
    keys = {
        "mean_treated": "mean_treated", "mean_control": "mean_comparison", "smd": "std_mean_diff",
        "vr": "variance_ratio", "ks": "ks",
    }  # fmt: skip
    for stage, suffix in (("before", "_un"), ("after", "")):
        for name, key in [(name, key) for name in names for key in keys if not (name == "x2" and key in ("smd", "vr"))]:
            expected = values["balance"][name][f"{key}{suffix}"]
            assert table.loc[(stage, name), keys[key]] == pytest.approx(expected, rel=1e-9), (stage, name, key)
    assert table.loc["after", "ess_comparison"].iloc[0] == pytest.approx(values["ess_control"], rel=1e-9)
