"""Authorities in declared sets are analysed as they are drawn: joined-set-by-period effects, in every draw."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sos_eval.checks import Path
from sos_eval.comparison import DeclaredSets, Rebuilding, build
from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, Imputation, PoissonDiD
from sos_eval.estimators.fast import within_strata
from sos_eval.results.adoptions import Adoptions
from sos_eval.results.assignments import assignment_space, stratified
from sos_eval.results.estimate import loop_batch
from sos_eval.results.fitted import Fitted
from tests.estimators.panels import INF, counts_panel, panel, row
from tests.estimators.test_groups import same

#: On units named by their place: 00 and 01 share 04, 02 has 05, 03 has 06 and 07.
SETS = {"00": ("04",), "01": ("04", "08"), "02": ("05",), "03": ("06", "07")}


def fitted_on(estimator, made, sets=SETS):
    """Estimate as a run does: restricted to the sets, stratified by them, weighed."""
    names = {f"{i:02d}": unit for i, unit in enumerate(map(str, made.units))}
    method = DeclaredSets(sets={names[head]: tuple(names[one] for one in own) for head, own in sets.items()})
    source = stratified(method.restricted(made), ())
    comparison = build(method, source)
    return Fitted(
        "x", "primary", estimator, estimator.complete(comparison.panel), source, comparison, Rebuilding(method)
    )


def noisy(seed=5, starts=(4, 5, 4, 4)):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(40, (10, 8)) + rng.poisson(9, (10, 1))
    return counts_panel(counts, np.full((10, 8), 1000.0), [*starts, *[INF] * 6])


def by_dummies(made):
    """Return treatment's coefficient and its clustered error without small-sample factors, by least squares."""
    frame = made.frame
    cell = frame["stratum"] + " " + frame["time"].astype(str)
    dummies = [(v.to_numpy(object)[:, None] == v.unique().astype(object)).astype(float) for v in (frame["unit"], cell)]
    root = np.sqrt(frame["weight"].to_numpy(float))
    x = np.column_stack([frame["treated"], *dummies]) * root[:, None]
    y = frame["outcome"].to_numpy(float) * root
    coef = np.linalg.lstsq(x, y, rcond=None)[0]
    rest = x[:, 1:]
    left = x[:, 0] - rest @ np.linalg.lstsq(rest, x[:, 0], rcond=None)[0]
    score = np.bincount(made.unit_codes, left * (y - x @ coef))
    return coef[0], np.sqrt((score**2).sum()) / (left @ left)


def test_three_sets_by_hand():
    change = np.array([5.0, 8, 1, 2, 9, 3, 7, 4])
    made = panel(np.column_stack([np.arange(8), np.arange(8) + change]), [2, 2, INF, INF, 2, INF, INF, INF])
    sets = {"00": ("02",), "01": ("03", "05"), "04": ("06",)}
    # sets of 2, 3 and 2: weights of comparators 1/1, 1/2 each, 1 times 4/3. Treated less its set: 4, 8 - 2.5, 2.
    # within a set of treated weight 1 and comparators' c the coefficient weighs by c / (1 + c): alike, c = 4/3 in all
    found = row(fitted_on(TWFE(), made, sets).estimate, aggregation="overall")
    assert found["value"] == pytest.approx((4 + 5.5 + 2) / 3, abs=1e-12)


@pytest.mark.parametrize("seed", [5, 6])
def test_it_is_least_squares_with_dummies_of_sets_by_period(seed):
    fitted = fitted_on(TWFE(), noisy(seed))
    value, error = by_dummies(fitted.comparison.panel)
    found = fitted.estimate
    assert found.values[0] == pytest.approx(value, abs=1e-10)
    batch = fitted.refit_assignments(fitted.source.first_treated[None])
    assert batch.values[0, 0] == pytest.approx(value, abs=1e-10)
    assert batch.std_error[0, 0] == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize("estimator", [TWFE(), EventStudyTWFE(), CallawaySantAnna(), Imputation(), PoissonDiD()])
def test_every_draw_carries_the_effects_of_its_sets(estimator):
    fitted = fitted_on(estimator, noisy())
    starts = assignment_space(fitted.source, ()).draw(24, np.random.default_rng(1)).first_treated
    batch = fitted.refit_assignments(starts)
    loop = loop_batch((fitted.source.with_first_treated(s) for s in starts), fitted.refit, fitted.estimate.cells)
    same(batch, loop)


def test_draws_of_the_coefficient_are_estimated_together(monkeypatch):
    fitted = fitted_on(TWFE(), noisy())
    starts = assignment_space(fitted.source, ()).draw(200, np.random.default_rng(1)).first_treated
    calls = []
    alone = within_strata.by_itself
    monkeypatch.setattr(within_strata, "by_itself", lambda *given: calls.append(1) or alone(*given))
    began = time.process_time()
    assert np.isfinite(Adoptions(fitted, starts).estimated().values).all()
    assert not calls
    assert time.process_time() - began < 2


def test_a_shock_to_a_set_moves_nothing():
    made = noisy()
    codes = np.array([0, 0, 1, 2, 0, 1, 2, 2, 0, 3])
    shock = np.random.default_rng(3).normal(size=(4, 8))[codes] * 20
    moved = made.with_outcome(made.frame["outcome"] + shock.ravel())
    for estimator in (TWFE(), CallawaySantAnna(), EventStudyTWFE()):
        own, other = (fitted_on(estimator, one).estimate.values for one in (made, moved))
        np.testing.assert_allclose(own, other, atol=1e-8)


def test_the_path_before_the_start_is_compared_as_the_estimate_is():
    """Slope and pooling: least squares on the earlier years, unit and set-by-period effects beside treated x year."""
    sets = {"00": ("04",), "01": ("05", "08"), "02": ("06",), "03": ("07", "09")}  # one treated each: alike in weight
    for estimator in (TWFE(), CallawaySantAnna()):
        fitted = fitted_on(estimator, noisy(8, (6, 6, 6, 6)), sets)
        found = {one.name: one.value for one in Path(draws=19).check(fitted, np.random.default_rng(0))}
        made = fitted.comparison.panel
        early = made.keep_times(made.times[made.times < 6])
        frame = early.frame.assign(treated=np.isfinite(early.frame["first_treated"]) * early.frame["time"])
        slope = by_dummies(early.changed(frame=frame))[0]
        assert found["path.slope"] == pytest.approx(slope, abs=1e-9)
        # a steady divergence of that slope, gone on, moves the estimate by what page one says
        apart = made.frame["time"] * np.isfinite(made.frame["first_treated"])
        if isinstance(estimator, TWFE):
            moved = estimator.complete(made.with_outcome(made.frame["outcome"] + slope * apart)).values[0]
            assert found["path.gone_on"] == pytest.approx(moved - fitted.estimate.values[0], abs=1e-9)


def test_the_path_says_which_periods_it_reads_where_there_are_earlier_ones():
    found = {one.name: one for one in Path(draws=19).check(fitted_on(TWFE(), noisy()), np.random.default_rng(0))}
    said = found["path.read"]  # three of the four start in period 4, one in 5
    assert said.value == 3
    assert said.text == (
        "The path reads the last 3 periods before each start, as many as the earliest start has; 1 of 4 treated units "
        "has 1 earlier one, which it does not read."
    )
    together = fitted_on(TWFE(), noisy(5, (4, 4, 4, 4)))
    assert "path.read" not in {one.name for one in Path(draws=19).check(together, np.random.default_rng(0))}
