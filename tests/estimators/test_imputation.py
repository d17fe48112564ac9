"""Imputation by hand on eight units, against brute force on all dummies, and at its edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import Imputation
from sos_eval.estimators.imputation import NOT_TOLD_APART
from sos_eval.results.estimate import clustered_error
from tests.estimators.panels import INF, panel, row

Y = [[1, 4], [2, 7], [0, 2], [3, 6], [1, 1], [2, 3], [4, 4], [5, 8]]
G = [2, 2, 2, 2, INF, INF, INF, INF]
RNG = np.random.default_rng(3)
STAGGERED = RNG.normal(size=(10, 6)).cumsum(1)
STARTS = np.array([3, 3, 3, 5, 5, 5, 6, INF, INF, INF])
WEIGHTS = RNG.uniform(0.5, 2, 10)


def imputed(y, starts, weights, z=None):
    """Fit all dummies on untreated rows; return effects on every row and what each row moves a mean of them by."""
    n, t = y.shape
    unit, time = np.repeat(np.arange(n), t), np.tile(np.arange(1, t + 1), n)
    x = np.column_stack([unit[:, None] == np.arange(n), time[:, None] == np.arange(2, t + 1)]).astype(float)
    x = x if z is None else np.column_stack([x, z.ravel()])
    treated, w = time >= np.asarray(starts)[unit], np.repeat(weights, t)
    x0, w0 = x[~treated], w[~treated]
    bread = np.linalg.inv(x0.T @ (x0 * w0[:, None]))
    residual = y.ravel() - x @ bread @ x0.T @ (w0 * y.ravel()[~treated])

    def moves(mean):
        v = np.where(treated, mean, 0.0)
        v[~treated] = -w0 * (x0 @ bread @ x.T @ mean)
        return v

    return residual, moves, treated, unit, time, w


def test_two_periods_are_a_difference_in_differences():
    estimate = Imputation().complete(panel(Y, G))
    # changes: treated 3, 5, 2, 3 (mean 3.25); untreated 0, 1, 0, 3 (mean 1)
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(2.25)
    # squared deviations: 4.75 among the treated, 6 among the untreated, each over 4 squared
    assert row(estimate, aggregation="overall")["error"] == pytest.approx(np.sqrt((4.75 + 6) / 16))
    # without itself each treated unit is 4/3 as far from the mean of the others
    apart = Imputation(leave_out=True).complete(panel(Y, G))
    assert row(apart, aggregation="overall")["error"] == pytest.approx(np.sqrt((4.75 * 16 / 9 + 6) / 16))
    assert not (estimate.cells["event_time"] < 0).any()


@pytest.mark.parametrize("weights", [np.ones(10), WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("with_covariate", [False, True], ids=["", "covariate"])
def test_is_the_papers_formula_on_all_dummies(weights, with_covariate):
    z = np.random.default_rng(4).normal(size=STAGGERED.shape) if with_covariate else None
    made = panel(STAGGERED, STARTS, weights=weights)
    made = made if z is None else replace(made.with_columns(z=z.ravel()), covariates=("z",))
    estimate = Imputation().complete(made)
    residual, moves, treated, unit, time, w = imputed(STAGGERED, STARTS, weights, z)
    event = time - STARTS[unit]
    for e in (0, 1, 2):
        mean = np.where(event == e, w, 0.0) / w[event == e].sum()
        v = moves(mean)
        centred = residual.copy()
        for g, s in {(STARTS[i], s) for i, s in zip(unit[treated], time[treated], strict=True)}:
            cell = (STARTS[unit] == g) & (time == s)
            centred[cell] -= (w[cell] ** 2 * residual[cell]).sum() / (w[cell] ** 2).sum()
        error = np.sqrt((np.bincount(unit, v * centred) ** 2).sum())
        found = row(estimate, aggregation="event_time", event_time=e)
        assert found["value"] == pytest.approx(mean @ residual, rel=1e-10)
        assert found["value"] == pytest.approx(v @ STAGGERED.ravel(), rel=1e-10)
        assert found["error"] == pytest.approx(error, rel=1e-10)


def test_leads_are_a_regression_on_untreated_rows():
    estimate = Imputation(leads_tested=2).complete(panel(STAGGERED, STARTS))
    unit, time = np.repeat(np.arange(10), 6), np.tile(np.arange(1, 7), 10)
    event, y = time - STARTS[unit], STAGGERED.ravel()
    kept = event < 0
    x = np.column_stack([event == -2, event == -1, unit[:, None] == np.arange(10), time[:, None] == np.arange(2, 7)])
    x = x[kept].astype(float)
    bread = np.linalg.pinv(x.T @ x)
    coef = bread @ x.T @ y[kept]
    scores = x * (y[kept] - x @ coef)[:, None]
    sums = np.array([scores[unit[kept] == i].sum(0) for i in range(10)])
    error = np.sqrt(np.diag(bread @ sums.T @ sums @ bread))
    early = (estimate.cells["event_time"] < 0).to_numpy()
    assert estimate.cells["event_time"][early].tolist() == [-2, -1]
    np.testing.assert_allclose(estimate.values[early], coef[:2], rtol=1e-10)
    np.testing.assert_allclose(clustered_error(estimate)[early], error[:2], rtol=1e-10)
    whole = Imputation().complete(panel(STAGGERED, STARTS))
    assert whole.cells["event_time"][whole.cells["event_time"] < 0].tolist() == [-4, -3, -2, -1]
    assert not (Imputation(leads_tested=0).complete(panel(STAGGERED, STARTS)).cells["event_time"] < 0).any()


def test_nobody_never_treated_leaves_out_what_nobody_speaks_for():
    made = panel(STAGGERED[:7], STARTS[:7])
    estimate = Imputation().complete(made)
    assert any("7 treated rows, of 6, cannot be imputed" in note for note in estimate.notes)
    assert estimate.cells["time"].max() == 5
    lost = estimate.cells["reason"] == NOT_TOLD_APART
    assert lost.any()
    assert np.isnan(estimate.values[lost]).all()


def test_cohorts_of_one_and_one_treated_unit():
    apart = Imputation(leave_out=True).complete(panel(STAGGERED, STARTS))
    alone = row(apart, aggregation="cohort", cohort=6)
    assert np.isfinite(alone["value"])
    assert np.isnan(alone["error"])
    assert alone["reason"] == "one treated cluster in a cell: nothing is left to compare its effect with"
    plain = row(Imputation().complete(panel(STAGGERED, STARTS)), aggregation="cohort", cohort=6)
    assert plain["reason"].startswith("one treated unit in the cohort: the error holds the comparison")
    single = Imputation().complete(panel(STAGGERED, [INF] * 9 + [4]))
    assert np.isnan(clustered_error(single)).all()


def test_what_cannot_be_imputed_is_refused_with_what_to_declare():
    with pytest.raises(NotIdentified, match="no unit is treated in a period in which another is untreated; widen"):
        Imputation().complete(panel(Y, [2] * 8))
    with pytest.raises(NotIdentified, match="no unit is treated within the periods observed"):
        Imputation().complete(panel(Y, [INF] * 8))
    early = Imputation().complete(panel(STAGGERED, np.where(np.arange(10) == 0, 1, STARTS)))
    assert [(line.names, line.reason) for line in early.panel.flow] == [("u00", "no untreated period observed")]


def test_units_that_all_weigh_three_are_units():
    """Left out of their own mean, in batches too."""
    made = panel(STAGGERED, STARTS, weights=np.full(10, 3.0))
    method = Imputation(leave_out=True)
    one = method.complete(panel(STAGGERED, STARTS))
    batch = method.estimate_assignments(made, STARTS[None])
    np.testing.assert_allclose(batch.values[0], one.values, rtol=1e-10)
    np.testing.assert_allclose(batch.std_error[0], clustered_error(one), rtol=1e-10)
