"""Mediation: the stored closed forms and sensitivity, the textbook's interaction, and a test by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

from sos_eval.numerics.mediation import (
    QUANTITIES,
    MediationData,
    confounded_indirect,
    jackknife_errors,
    link_test,
    mediation,
)
from tests.reference.stored import cases, file

CASES = cases("mediation")
#: Cases whose contrast is 0 to 1.
BINARY = [name for name, case in CASES.items() if case["spec"]["t0"] == 0]


def rows_of(spec):
    data = pd.read_csv(file("data/sim_children_1500.csv"))
    columns = [data[spec[key]].to_numpy(float) for key in ("outcome", "mediator", "treatment")]
    codes = pd.factorize(data[spec["cluster"]])[0]
    return MediationData(*columns, data[spec["covariates"]].to_numpy(float), np.ones(len(data)), codes)


@pytest.mark.reference
@pytest.mark.parametrize("name", BINARY)
def test_stored_effects_and_clustered_errors(name):
    spec, values = CASES[name]["spec"], CASES[name]["values"]
    found = mediation(rows_of(spec), interaction=spec["interaction"], reference=spec["m_star"])
    expected = [values["estimates"][quantity] for quantity in QUANTITIES]
    errors = [values["se_delta_cluster_joint"][quantity] for quantity in QUANTITIES]
    np.testing.assert_allclose(found.effects, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), errors, rtol=1e-6, atol=1e-12)


@pytest.mark.reference
def test_stored_sensitivity():
    case = CASES["score_no_interaction"]
    stored = case["values"]["medsens"]
    indirect, zero = confounded_indirect(rows_of(case["spec"]), np.array(stored["rho"], float))
    np.testing.assert_allclose(indirect, stored["acme"], rtol=1e-8)
    assert zero == pytest.approx(stored["rho_at_zero"], rel=1e-8)


def test_treatment_and_mediator_that_interact():
    """Direct effect 3, pure and total indirect 1 and 2: what dowhy's mediation gets wrong in silence."""
    rng = np.random.default_rng(1)
    t = (rng.random(200_000) < 0.5).astype(float)
    m = 1 * t + 2 + rng.standard_normal(len(t))
    y = 1 * t + 1 * m + 1 * t * m + rng.standard_normal(len(t))
    rows = MediationData(y, m, t, np.empty((len(t), 0)), np.ones(len(t)), np.arange(len(t)))
    found = dict(zip(QUANTITIES, mediation(rows, interaction=True).effects, strict=True))
    assert found["pure_natural_direct"] == pytest.approx(3, abs=0.04)
    assert found["pure_natural_indirect"] == pytest.approx(1, abs=0.04)
    assert found["total_natural_indirect"] == pytest.approx(2, abs=0.04)


def test_the_second_link_by_all_permutations_of_five():
    """Residuals of five rows of one stratum: 120 orders, and the share that reaches the observed t."""
    m, y = np.array([1.0, 2, 4, 5, 8]), np.array([1.0, 3, 2, 6, 7])
    rows = MediationData(y, m, np.array([0.0, 1, 0, 1, 0]), np.empty((5, 0)), np.ones(5), np.arange(5))
    x = np.column_stack([np.ones(5), rows.treatment])
    left_m, left_y = (v - x @ np.linalg.lstsq(x, v, rcond=None)[0] for v in (m, y))

    def t_of(own):
        slope = own @ left_y / (own @ own)
        return abs(slope) / np.sqrt(np.sum((own * (left_y - slope * own)) ** 2)) * (own @ own)

    exact = np.mean([t_of(left_m[list(order)]) >= t_of(left_m) - 1e-9 for order in permutations(range(5))])
    told = link_test(rows, np.zeros(5, dtype=int), 4000, np.random.default_rng(1))
    slope, p = told.slope, told.p_value
    assert slope == pytest.approx(left_m @ left_y / (left_m @ left_m))
    rest = left_y - slope * left_m
    spread = np.std([left_m[list(order)] @ rest / (left_m @ left_m) for order in permutations(range(5))])
    assert told.detectable == pytest.approx(2.801585 * spread, rel=0.05)
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))


@pytest.mark.parametrize("interaction", [True, False])
def test_leaving_out_a_cluster_at_a_time_is_what_its_rows_left_out_give(interaction):
    """Eight clusters of three rows, weighed, with a covariate: each left out by hand."""
    rng = np.random.default_rng(5)
    clusters, treated = np.repeat(np.arange(8), 3), np.repeat([1.0, 0.0], 12)
    m, x = treated + rng.standard_normal(24), rng.standard_normal((24, 1))
    y, weights = m * (1 + treated) + x[:, 0] + rng.standard_normal(24), rng.uniform(0.5, 2, 24)

    def rows(keep):
        return MediationData(y[keep], m[keep], treated[keep], x[keep], weights[keep], clusters[keep])

    options = {"interaction": interaction, "reference": 0.4}
    whole = mediation(rows(clusters >= 0), **options).effects
    apart = np.array([mediation(rows(clusters != g), **options).effects - whole for g in range(8)])
    expected = np.sqrt(7 / 8 * (apart**2).sum(0))
    assert jackknife_errors(rows(clusters >= 0), **options) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_cluster_without_which_nothing_is_told_apart_leaves_no_error():
    clusters, treated = np.repeat(np.arange(8), 3), np.repeat([1.0, 0.0], 12)
    rng = np.random.default_rng(5)
    x = np.where(clusters == 2, rng.standard_normal(24), 0.0)[:, None]
    data = MediationData(rng.standard_normal(24), rng.standard_normal(24), treated, x, np.ones(24), clusters)
    assert np.isnan(jackknife_errors(data, interaction=True)).all()


def of_few_clusters(rng, treated, others, each=30):
    """Draw people in clusters that have levels of their own: direct .5, indirect 1.5 under practice and 1 without."""
    n = treated + others
    clusters = np.repeat(np.arange(n), each)
    practised, levels = (clusters < treated).astype(float), 0.5 * rng.standard_normal((2, n))
    x, noise = rng.standard_normal(n * each), rng.standard_normal((2, n * each))
    m = practised + 0.3 * x + levels[0][clusters] + noise[0]
    y = 0.5 * practised + (1 + 0.5 * practised) * m + 0.3 * x + levels[1][clusters] + noise[1]
    return MediationData(y, m, practised, x[:, None], np.ones(n * each), clusters)


@pytest.mark.slow
@pytest.mark.parametrize(("treated", "others"), [(5, 5), (5, 20), (10, 40)])
def test_intervals_of_few_clusters_hold(treated, others):
    """Errors by leaving clusters out, t with the smaller side less one: 95% at least, less three errors of 1.5%."""
    truth = dict(zip(QUANTITIES, (2.0, 0.5, 1.5, 1.0, 1.0, 0.5, 0.0, 0.5), strict=True))
    rng, inside = np.random.default_rng(1), np.zeros(len(QUANTITIES))
    for _ in range(200):
        data = of_few_clusters(rng, treated, others)
        half = stdtrit(min(treated, others) - 1, 0.975) * jackknife_errors(data, interaction=True)
        inside += np.abs(mediation(data, interaction=True).effects - list(truth.values())) <= half
    assert (inside / 200 >= 0.95 - 3 * 0.0155).all()
