"""Synthetic controls by hand on eight units, against a conic solver and the ridge formula, and at their edges."""

from __future__ import annotations

from dataclasses import replace

import cvxpy
import numpy as np
import pytest

from sos_eval.errors import DesignFault, NotIdentified
from sos_eval.estimators import SyntheticControl, SyntheticDiD
from sos_eval.inference import Analytic, Auto, Randomization
from sos_eval.inference.design_facts import design_facts
from sos_eval.numerics.ascm import augmented
from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import UNDECIDED, aligned
from sos_eval.results.estimator import checked
from sos_eval.results.fitted import Fitted
from tests.estimators.panels import INF, panel, row

RNG = np.random.default_rng(12)
Y = RNG.normal(size=(8, 7)).cumsum(1)
G = np.array([6, 6, *[INF] * 6])


def test_by_hand():
    """The treated unit is the mean of two donors before the start, and 3 and 5 above it after; the others are far."""
    one, two = np.array([1.0, 2, 4, 3, 5, 6]), np.array([3.0, 1, 2, 5, 1, 2])
    far = [np.full(6, 50.0 + 9 * k) + np.arange(6) * (-1) ** k for k in range(5)]
    own = (one + two) / 2 + np.array([0, 0, 0, 0, 3, 5])
    made = panel(np.vstack([own, one, two, *far]), [5, *[INF] * 7])
    estimate = SyntheticControl(augment="none").complete(made)
    assert row(estimate, aggregation="group_time", time=5)["value"] == pytest.approx(3)
    assert row(estimate, aggregation="group_time", time=6)["value"] == pytest.approx(5)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(4)
    assert estimate.influence is None


@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_weights_are_the_programme_and_the_ridge_formula(penalty):
    donors, treated = Y[2:, :5], Y[0, :5] + 3
    w = cvxpy.Variable(6)
    cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(donors.T @ w - treated)), [w >= 0, cvxpy.sum(w) == 1]).solve(
        solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    plain = augmented(donors, treated, None)
    np.testing.assert_allclose(plain, w.value, atol=1e-6)
    x = donors - donors.mean(0)
    ridge = plain + (treated - plain @ donors) @ np.linalg.inv(x.T @ x + penalty * np.eye(5)) @ x.T
    ours = augmented(donors, treated, np.array([penalty]))[0]
    np.testing.assert_allclose(ours, ridge, atol=1e-10)
    assert ours.sum() == pytest.approx(1)


def test_several_units_have_synthetic_controls_of_their_own():
    both = SyntheticControl(augment=1.0).complete(panel(Y, G))
    each = [SyntheticControl(augment=1.0).complete(panel(np.delete(Y, 1 - i, 0), np.delete(G, 0))) for i in (0, 1)]
    np.testing.assert_allclose(both.values, (each[0].values + each[1].values) / 2, rtol=1e-12)


@pytest.mark.parametrize("method", [SyntheticControl(), SyntheticControl(augment="none")])
def test_shares_of_donors_are_those_of_the_estimate(method):
    made = panel(Y, G)
    shares, sizes = method.donor_shares(made)
    assert sizes.tolist() == [2]
    estimate = method.complete(made)
    last = row(estimate, aggregation="group_time", time=7)["value"]
    assert Y[:2, -1].mean() - shares[0] @ Y[2:, -1] == pytest.approx(last)


def test_adoptions_are_placebos_built_anew():
    made = panel(Y, G)
    starts = np.array([np.roll(G, k) for k in range(3)])
    batch = SyntheticControl().estimate_assignments(made, starts)
    for k in range(3):
        one = SyntheticControl().complete(made.with_first_treated(starts[k]))
        np.testing.assert_allclose(batch.values[k], one.values, rtol=1e-12)
        np.testing.assert_allclose(batch.std_error[k], aligned(one, one.cells)[1], rtol=1e-12)
    assert batch.spread
    assert batch.quoted is None


def staggered() -> Panel:
    """Two units that start in 5 and in 6: their gaps to the mean of the same two donors are 3, 5 and 2."""
    one, two = np.array([1.0, 2, 4, 3, 5, 6]), np.array([3.0, 1, 2, 5, 1, 2])
    far = [np.full(6, 50.0 + 9 * k) + np.arange(6) * (-1) ** k for k in range(4)]
    own = [(one + two) / 2 + gap for gap in np.array([[0, 0, 0, 0, 3, 5], [0, 0, 0, 0, 0, 2]])]
    return panel(np.vstack([*own, one, two, *far]), [5, 6, *[INF] * 6])


def test_a_test_divides_by_how_far_units_parts_are_from_their_shares_by_hand():
    """Of the overall 10/3 the parts are 8/3 and 2/3, the shares 2/3 and 1/3: off by 4/9 and -4/9."""
    estimate = SyntheticControl(augment="none").complete(staggered())
    at = estimate.cells.index[estimate.cells["aggregation"] == "overall"][0]
    np.testing.assert_allclose(estimate.deviations[:, at], 8 * np.array([4, -4, 0, 0, 0, 0, 0, 0]) / 9, atol=1e-9)
    divisor = aligned(estimate, estimate.cells)[1]
    assert divisor[at] == pytest.approx(np.sqrt(32) / 9)
    assert np.isnan(divisor[(estimate.cells["n_treated_units"] == 1).to_numpy()]).all()
    together = SyntheticControl(augment="none").complete(staggered().with_columns(cluster=[0] * 12 + [1] * 36))
    assert np.isnan(aligned(together, together.cells)[1]).all()


def test_the_rule_permutes_what_two_units_give_and_quotes_no_error():
    made, method = staggered(), SyntheticControl(augment="none")
    two = Fitted("synthetic_control", "primary", method, method.complete(made), made)
    alone = made.keep(made.units[1:])
    one = Fitted("synthetic_control", "primary", method, method.complete(alone), alone)
    assert Auto().permutation(design_facts(two)).statistic == "coefficient"
    assert Auto().permutation(replace(design_facts(two), n_treated_clusters=5)).statistic == "studentised"
    assert Auto().permutation(design_facts(one)).statistic == "coefficient"
    found = Randomization(draws=999).infer(two, np.random.default_rng(1))
    assert found.table["std_error"].isna().all()
    assert "spread" in found.tables["draws.{}.randomization"]
    overall = found.table.loc[found.table["aggregation"] == "overall"].iloc[0]
    assert overall["statistic"] == pytest.approx(30 / np.sqrt(32))
    plain = Analytic().infer(two, np.random.default_rng(1)).table
    assert plain["p_value"].isna().all()
    assert plain["reason"].str.contains("no influence function").all()


def test_what_it_does_not_take_is_refused_by_name():
    with pytest.raises(NotIdentified, match="no cohort has 4 periods before its start"):
        SyntheticControl().complete(panel(Y, np.where(G == 6, 4, G)))
    with pytest.raises(NotIdentified, match="0 units are untreated throughout, and at least 2 are needed as donors"):
        SyntheticControl().complete(panel(Y, [6] * 8))
    with pytest.raises(DesignFault, match="augment"):
        checked(SyntheticControl, {"augment": -1.0}, "synthetic_control")
    assert checked(SyntheticControl, {"augment": 2.5}, "synthetic_control").augment == 2.5


def many():
    """Return eight units whose four donors of use fit the treated one in many ways, and effects that differ by donor.

    Before the start all paths are level: donors at 0, 2, 4 and 9 (and three more at 9), the treated unit at 1. From
    the start on the donors are at 5, 0, 0 and 9, so that the effect depends on which of them carry the weight.
    """
    levels, later = np.array([1.0, 0, 2, 4, 9, 9, 9, 9]), np.array([7.0, 5, 0, 0, 9, 9, 9, 9])
    return panel(np.column_stack([np.tile(levels[:, None], 4), later]), [5, *[INF] * 7])


def test_where_many_weights_fit_exactly_the_shortest_are_taken_and_the_range_is_told():
    # 3a + 6b = 1, 6a + 20b = 1: weights 14/24, 8/24, 2/24 and none at 9 (see tests/numerics/test_simplex.py)
    estimate = SyntheticControl(augment="none").complete(many())
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(7 - 5 * 14 / 24)
    table = estimate.tables["equally_good"]
    whole = table.iloc[0]
    assert list(whole[["n_treated_units", "n_fitted_exactly", "n_several_weights"]]) == [1, 1, 1]
    # most of the donors' mix is 49 / 9 (8/9 on 0 and 1/9 on 9), least 2.5 (half on 0, half on 2)
    np.testing.assert_allclose(list(whole[["lowest", "highest"]]), [7 - 49 / 9, 4.5])
    assert estimate.notes[-2] == "the treated unit is fitted exactly before the start"
    assert estimate.notes[-1].startswith(f"{UNDECIDED}the treated unit is fitted equally well by more than one set")
    assert "the overall effect lies between 1.56 and 4.5" in estimate.notes[-1]


def test_cross_validation_and_batches_take_the_same_weights_in_any_order_of_units():
    made = panel(np.random.default_rng(4).normal(size=(30, 6)).cumsum(1), [5, 5, 6, *[INF] * 27])
    other = panel(made.matrix()[::-1], made.first_treated[::-1])
    own = SyntheticControl().complete(made)
    np.testing.assert_allclose(SyntheticControl().complete(other).values, own.values, rtol=1e-8)
    batch = SyntheticControl().estimate_assignments(made, made.first_treated[None])
    np.testing.assert_allclose(batch.values[0], own.values, rtol=1e-12)
    table = own.tables["equally_good"]
    assert (table["lowest"] <= table["estimate"]).all()
    assert (table["highest"] >= table["estimate"]).all()
    # by cohort the moves of the overall effect are weighed by treated unit-periods: 2 x 2 and 1 x 1
    moves = table["lowest"] - table["estimate"]
    assert moves[0] == pytest.approx((4 * moves[1] + moves[2]) / 5)


def test_a_unique_answer_has_no_range():
    made = panel(np.vstack([np.full(5, 99.0) + np.arange(5), *np.random.default_rng(1).normal(size=(7, 5))]),
                 [5, *[INF] * 7])  # fmt: skip
    estimate = SyntheticControl(augment="none").complete(made)
    whole = estimate.tables["equally_good"].iloc[0]
    assert whole["lowest"] == whole["estimate"] == whole["highest"]
    assert not any("fitted exactly" in note for note in estimate.notes)


@pytest.mark.parametrize("method", [SyntheticControl(), SyntheticDiD()])
def test_weights_that_are_not_found_are_refused_and_in_a_draw_counted(monkeypatch, method):
    made, why = panel(Y, G), "no weights were found"
    starts, module = np.array([G, np.roll(G, 1), np.roll(G, 2)]), type(method).__module__
    good = method.estimate_assignments(made, starts)
    calls, real = [], type(method).scored

    def fails_once(self, design):
        calls.append(1)
        if len(calls) == 2:
            raise np.linalg.LinAlgError(why)
        return real(self, design)

    monkeypatch.setattr(type(method), "scored", fails_once)
    batch = method.estimate_assignments(made, starts)
    assert batch.failures == ("", f"{method.name}: {why}", "")
    assert np.isnan(batch.values[1]).all()
    np.testing.assert_array_equal(batch.values[[0, 2]], good.values[[0, 2]])

    def fails(*_):
        raise np.linalg.LinAlgError(why)

    monkeypatch.setattr(f"{module}.{'augmented' if method.name == 'synthetic_control' else 'simplex_weights'}", fails)
    with pytest.raises(NotIdentified, match=f"{method.name}: {why}"):
        method.complete(made)


def test_donors_and_synthetic_paths_by_hand():
    """Both donors at one half; the path is their mean, and the effects of the periods are the gaps."""
    estimate = SyntheticControl(augment="none").complete(staggered())
    donors, fit = estimate.tables["donors"], estimate.tables["fit"]
    assert donors["cohort"].tolist() == [5, 5, 6, 6]
    assert set(donors["unit"]) == {staggered().units[2], staggered().units[3]}
    np.testing.assert_allclose(donors["weight"], 0.5)
    first = fit[fit["cohort"] == 5]
    np.testing.assert_allclose(first["synthetic"], [2, 1.5, 3, 4, 3, 4])
    np.testing.assert_allclose(first["treated"], [2, 1.5, 3, 4, 6, 9])
    np.testing.assert_allclose(first["gap"], [0, 0, 0, 0, 3, 5], atol=1e-10)


@pytest.mark.parametrize("level", ["kept", "unit_means_out"])
@pytest.mark.parametrize("augment", ["cross_validated", "none"])
def test_gaps_are_the_effects_by_period_with_the_correction_in_them(augment, level):
    """With several units and the augmentation too; weights are the units' mean and sum to one."""
    estimate = SyntheticControl(augment=augment, level=level).complete(panel(Y, G))
    donors, fit = estimate.tables["donors"], estimate.tables["fit"]
    assert donors["weight"].sum() == pytest.approx(1)
    assert donors["weight"].is_monotonic_decreasing
    late = fit[fit["time"] >= 6]
    values = [row(estimate, aggregation="group_time", time=time)["value"] for time in late["time"]]
    np.testing.assert_allclose(late["treated"] - late["synthetic"], values, rtol=1e-10)
    if level == "kept":
        at = [list(panel(Y, G).units).index(one) for one in donors["unit"]]
        np.testing.assert_allclose(fit["synthetic"], donors["weight"].to_numpy() @ Y[at], atol=1e-8)
    else:
        np.testing.assert_allclose(fit["gap"][fit["time"] < 6].mean(), 0, atol=1e-10)


def test_weights_of_donors_and_periods_make_the_effect_of_synthetic_did():
    estimate = SyntheticDiD().complete(panel(Y, G))
    donors, periods = estimate.tables["donors"], estimate.tables["periods"]
    at = [list(panel(Y, G).units).index(one) for one in donors["unit"]]
    change = Y[:, 5:].mean(1) - Y[:, :5] @ periods["weight"].to_numpy()
    effect = change[:2].mean() - donors["weight"].to_numpy() @ change[at]
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(effect)
    assert periods["time"].tolist() == [1, 2, 3, 4, 5]
