"""Many adoptions with a comparison group of their own each: arrays against the loop of single estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.comparison import Nearest, Rebuilding, build
from sos_eval.errors import OurFault
from sos_eval.estimators import (
    ETWFE,
    TWFE,
    CallawaySantAnna,
    EventStudyTWFE,
    Imputation,
    PoissonDiD,
    SunAbraham,
)
from sos_eval.results.adoptions import Adoptions
from sos_eval.results.estimate import loop_batch
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted
from sos_eval.results.without_effect import without_effect
from tests.estimators.panels import counts_panel

ESTIMATORS = [
    CallawaySantAnna(control="not_yet_treated"),
    TWFE(),
    EventStudyTWFE(),
    PoissonDiD(),
    Imputation(),
    SunAbraham(),
    ETWFE(family="poisson"),
    ETWFE(family="poisson", effects="cohort"),
]


def matched(estimator, *, caliper=0.6, n=26, gap=False, **options):
    """A staggered panel of counts; matching on the pre-treatment rate."""
    rng = np.random.default_rng(11)
    counts = rng.poisson(30, (n, 7)).astype(float) + rng.poisson(6, (n, 1))
    if gap:
        counts[3, 1] = np.nan
    exposure = np.repeat(rng.uniform(500, 1500, (n, 1)), 7, axis=1)
    starts = [4] * 4 + [5] * 3 + [np.inf] * (n - 7)
    panel = counts_panel(counts, exposure, starts)
    method = Nearest(on=("outcome_pre",), ratio=2, caliper=caliper, **options)
    comparison = build(method, panel)
    estimate = estimator.complete(comparison.panel)
    return Fitted("x", "primary", estimator, estimate, panel, comparison, Rebuilding(method))


def permuted(fitted, draws=40):
    rng = np.random.default_rng(3)
    starts = fitted.source.first_treated
    return np.vstack([starts, rng.permuted(np.broadcast_to(starts, (draws, len(starts))), axis=1)])


def same(batch, loop):
    np.testing.assert_allclose(batch.values, loop.values, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=1e-6, atol=1e-9)
    assert [bool(why) for why in batch.failures] == [bool(why) for why in loop.failures]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize("caliper", [0.05, 0.6])
def test_groups_in_arrays_are_the_loop(estimator, caliper):
    """A narrow caliper leaves some cohorts without a unit: their rows are empty, draw by draw."""
    fitted = matched(estimator, caliper=caliper)
    starts = permuted(fitted)
    batch = fitted.refit_assignments(starts)
    loop = loop_batch((fitted.source.with_first_treated(s) for s in starts), fitted.refit, fitted.estimate.cells)
    same(batch, loop)
    assert np.isfinite(batch.values[:, -1]).sum() > 20
    np.testing.assert_allclose(batch.values[0], fitted.estimate.values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_no_draw_is_estimated_by_itself_where_all_can_be_together(estimator, monkeypatch):
    fitted = matched(estimator)
    starts = permuted(fitted)
    calls = []
    complete = type(estimator).complete
    monkeypatch.setattr(type(estimator), "complete", lambda self, panel: calls.append(1) or complete(self, panel))
    fitted.refit_assignments(starts)
    assert len(calls) < len(starts) / 4


def test_gaps_go_through_the_loop():
    fitted = matched(CallawaySantAnna(), gap=True)
    starts = permuted(fitted, draws=5)
    loop = loop_batch((fitted.source.with_first_treated(s) for s in starts), fitted.refit, fitted.estimate.cells)
    same(fitted.refit_assignments(starts), loop)


def test_groups_are_built_once_for_all_effects_that_are_taken_out(monkeypatch):
    fitted = matched(PoissonDiD())
    built = []
    weights = Rebuilding.weights
    monkeypatch.setattr(Rebuilding, "weights", lambda *given: built.append(1) or weights(*given))
    adoptions = Adoptions(fitted, permuted(fitted))
    first = adoptions.estimated()
    moved = without_effect(fitted.source, 0.3, ratio=True)
    second = adoptions.estimated(moved)
    assert len(built) == 1
    same(second, replace(fitted, source=moved).refit_assignments(adoptions.first_treated))
    same(first, fitted.refit_assignments(adoptions.first_treated))
    fewer = adoptions.first(7)
    np.testing.assert_array_equal(fewer.estimated(moved).values, second.values[:7])
    past = fitted.source.with_outcome(fitted.source.matrix() + 1)
    with pytest.raises(OurFault, match="before the first start"):
        adoptions.estimated(past)


def test_an_estimator_without_arrays_of_its_own_loops():
    fitted = matched(TWFE())
    groups = fitted.rebuild.weights(fitted.source, permuted(fitted, draws=4))
    given = (fitted.source, permuted(fitted, draws=4), groups.weights, fitted.estimate.cells)
    same(Estimator.estimate_groups(TWFE(), *given), TWFE().estimate_groups(*given))
