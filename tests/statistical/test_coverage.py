"""The rule's own choices keep their size; a plain cluster-robust error with few treated does not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sos_eval.estimators import CallawaySantAnna
from sos_eval.inference.auto import RELIED_ON
from sos_eval.inference.jackknife import leave_one_out
from sos_eval.inference.randomization import Randomization
from sos_eval.results.fitted import Fitted
from tests.statistical.coverage import family_page, keeping
from tests.statistical.coverage.chosen import chosen
from tests.statistical.coverage.jobs import ESTIMATORS, PERMUTED, SIZES, WHERE_RELIED_ON, Job, jobs
from tests.statistical.coverage.keeping import kept, state
from tests.statistical.coverage.noise import england, real_noise, scenes, starts_of
from tests.statistical.coverage.page import HIGH, LOW, outside, page, rows_of
from tests.statistical.coverage.permuted import assignments_of, overall, rejects, sequentially, statistics
from tests.statistical.coverage.refitted import jackknifed

DRAWS = 2_000


def test_placebos_have_the_cohorts_asked_for():
    noise = real_noise()
    starts = noise.adoptions(7, 50, np.random.default_rng(0))
    assert ((starts == 2015).sum(1) == 4).all()
    assert ((starts == 2016).sum(1) == 3).all()
    often = np.isfinite(noise.adoptions(20, 3_000, np.random.default_rng(0))).mean(0)
    assert np.corrcoef(often, np.sqrt(noise.population))[0, 1] > 0.9
    assert starts_of(np.array([[2, 0, 1]]), 4, 3).tolist() == [[2015, 2016, 2015, np.inf]]


@pytest.fixture(scope="module")
def scene():
    return next(iter(scenes(england(8), 12, 12, np.random.default_rng(5))))


@pytest.mark.parametrize("name", ["callaway_santanna", "twfe"])
def test_leaving_early_decides_as_all_assignments_do(scene, name):
    """Dropping an outcome that cannot be rejected any more changes no decision."""
    estimator, drawn = ESTIMATORS[name], assignments_of(scene.panel, 59, np.random.default_rng(6))
    early = sequentially(estimator, scene.panel, scene.outcomes, drawn)
    for statistic, decided in early.items():
        own = statistics(*overall(estimator.estimate_many(scene.panel, scene.outcomes)))[statistic]
        others = np.array(
            [
                statistics(*overall(estimator.estimate_many(scene.panel.with_first_treated(one), scene.outcomes)))[
                    statistic
                ]
                for one in drawn.first_treated
            ]
        )
        p = (1 + (others >= own * (1 - 1e-9)).sum(0)) / (1 + len(others))
        assert (decided == rejects(p)).all()


def test_a_unit_treated_from_the_start_is_a_unit_left_out(scene):
    estimator = CallawaySantAnna()
    panel = scene.panel
    fitted = Fitted("one", "primary", estimator, estimator.complete(panel), panel)
    row = int(np.flatnonzero(fitted.estimate.cells["aggregation"] == "overall")[0])
    slow = leave_one_out(fitted)[0][:, row]
    without = np.repeat(panel.first_treated[None], panel.n_units, axis=0)
    without[np.diag_indices(panel.n_units)] = panel.times[0]
    np.testing.assert_allclose(overall(estimator.estimate_assignments(panel, without))[0], slow, rtol=1e-10)
    assert jackknifed(estimator, [panel])["jackknife"].shape == (1,)


def test_a_true_effect_is_read_from_the_draws(scene):
    world = england(8, effect=None)
    drawn = next(iter(scenes(world, 4, 4, np.random.default_rng(7))))
    cells = ESTIMATORS["callaway_santanna"].complete(drawn.panel).cells
    own = drawn.true_effect(cells[cells["aggregation"] == "overall"].iloc[0])
    table = drawn.draws.truth
    listed = table[(table["aggregation"] == "overall") & (table["estimand"] == "att") & (table["scale"] == "rate_per")]
    assert own.mean() == pytest.approx(float(listed["true_effect"].iloc[0]))


def test_the_page_marks_what_is_outside_and_what_auto_takes():
    measured = [
        (Job("england-analytic", "twfe", 5, 1_000), {"analytic": (0.12, 0.01, 1_000)}),
        (Job("england-permuted", "twfe", 5, 1_000), {PERMUTED: (0.05, 0.01, 1_000)}),
        (Job("england-analytic", "twfe", 60, 1_000), {"analytic": (0.09, 0.01, 1_000)}),
        (Job("england-analytic", "twfe", 10, 1_000), {"analytic": (0.07, 0.01, 1_000)}),
        (Job("england-analytic", "twfe", 20, 1_000), {"analytic": (0.05, 0.01, 1_000)}),
        (Job("england-permuted", "twfe", 10, 1_000),
         {PERMUTED: (0.01, 0.01, 1_000), WHERE_RELIED_ON: (0.04, 0.01, 400)}),
        (Job("england-rule", "twfe", 5, 50), {"randomization": (1.0, 0.0, 50)}),
        (Job("england-rule", "twfe", 10, 50), {"randomization": (0.4, 0.0, 50), "withheld": (0.6, 0.0, 50)}),
        (Job("england-rule", "twfe", 60, 50), {"analytic": (0.96, 0.0, 50), "randomization": (0.04, 0.0, 50)}),
    ]  # fmt: skip
    rows = rows_of(*zip(*measured, strict=True))
    assert rows["starred"].tolist() == [False, True, True, False, False, False, True]
    assert outside(rows).tolist() == [True, False, True, False, False, True, False]
    text = page(*zip(*measured, strict=True), ["0a1b2c3d"] * (len(measured) - 1) + ["other"])
    assert "| **12.0** ± 1.0 |" in text
    assert "5.0 ± 1.0 *" in text
    assert "twfe with 60 treated on england, 9.0 ± 1.0" in text
    assert "twfe with 10 treated on england, on 60% of adoptions" in text
    assert "Measured on 0a1b2c3d (8 jobs) and other (1 job)" in text


def test_what_auto_takes_of_the_further_estimators_holds_its_level():
    """No size with a star is outside the band, and its 99% interval reaches below the upper end."""
    table = family_page.kept()
    for size in ("10", "20"):
        own = family_page.sizes(table.loc[[size in one.split() for one in table["taken"]], f"{size} treated"])
        assert len(own) > 15
        assert not outside(own).any()
        assert (own["rate"] - 2.58 * own["error"] < HIGH).all()


def test_every_estimator_and_size_is_measured():
    kinds = {(job.kind, job.estimator, job.treated) for job in jobs()}
    assert len(kinds) == len(SIZES) * (6 * len(ESTIMATORS) + 2)
    assert all(job.draws == 10_000 for job in jobs() if job.kind in ("england-analytic", "real"))
    assert all(job.draws >= 10_000 for job in jobs() if job.kind == "england-permuted" and job.treated < RELIED_ON)


def test_the_rule_itself_is_asked_what_it_takes(scene):
    assert chosen(ESTIMATORS["twfe"], [scene.panel]) == {"randomization": (1.0, 0.0, 1)}


@pytest.mark.slow
@pytest.mark.parametrize("treated", [5, 10, 20])
@pytest.mark.parametrize("name", ["callaway_santanna", "twfe", "event_study_twfe"])
def test_studentised_permutation_keeps_its_size(name, treated):
    found = Job("real", name, treated, DRAWS).run()
    share, error, _ = found["randomization, studentised"]
    assert LOW - 300 * error < 100 * share < HIGH + 300 * error
    if treated == 5:
        assert found["analytic"][0] > 0.08  # why it never stands alone


@pytest.mark.slow
@pytest.mark.parametrize("name", ["callaway_santanna", "twfe"])
def test_cluster_robust_errors_hold_where_auto_relies_on_them(name):
    share, error, _ = Job("real", name, RELIED_ON, 5_000).run()["analytic"]
    assert LOW - 300 * error < 100 * share < HIGH + 300 * error


@pytest.mark.slow
@pytest.mark.parametrize("treated", [40, 60])
def test_clusters_of_unequal_weight_are_permuted_for_cause(treated):
    """What made the rule count clusters by their share in the variance: the Poisson error is too small."""
    assert Job("england-rule", "poisson_did", treated, 20).run() == {"randomization": (1.0, 0.0, 20)}
    share, error, _ = Job("england-analytic", "poisson_did", treated, 10_000).run()["analytic"]
    assert 100 * share - 200 * error > HIGH
    share, error, _ = Job("england-permuted", "poisson_did", treated, 2_000).run()[PERMUTED]
    assert LOW - 300 * error < 100 * share < HIGH + 300 * error


def test_what_was_measured_on_another_state_is_measured_again(tmp_path, monkeypatch):
    job, runs = Job("england-rule", "twfe", 5, 1), []
    monkeypatch.setattr(Job, "run", lambda job: runs.append(job) or {"analytic": (0.5, 0.1, 4)})
    first = kept(job, tmp_path, "one", stale=False)
    assert kept(job, tmp_path, "one", stale=False) == first
    assert kept(job, tmp_path, "two", stale=True) == first
    assert len(runs) == 1
    assert kept(job, tmp_path, "two", stale=False).state == "two"
    assert len(runs) == 2


def test_the_state_is_that_of_code_and_world(monkeypatch):
    now = state()
    assert re.fullmatch("[0-9a-f]{8}", now)
    monkeypatch.setattr(keeping, "DECIDING", keeping.DECIDING[:-1])
    assert state() != now


def test_the_shared_permutations_are_those_of_the_method(scene):
    """The studentised test of the simulation is `Randomization`'s, draw by draw."""
    estimator, panel = CallawaySantAnna(), scene.panel
    fitted = Fitted("one", "primary", estimator, estimator.complete(panel), panel)
    table = Randomization(draws=199, interval="none").infer(fitted, np.random.default_rng(1)).table
    p = float(table.loc[table["aggregation"] == "overall", "p_value"].iloc[0])
    drawn = assignments_of(panel, 1_999, np.random.default_rng(2))
    own = statistics(*overall(estimator.estimate_many(panel, panel.matrix()[None])))["studentised"]
    others = statistics(*overall(estimator.estimate_assignments(panel, drawn.first_treated)))["studentised"]
    assert abs((others >= own).mean() - p) < 4 * np.sqrt(p * (1 - p) / 199) + 0.01
