"""Mediation: the stored closed forms and sensitivity, the textbook's interaction, and a test by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from sos_eval.numerics.mediation import QUANTITIES, MediationData, confounded_indirect, link_test, mediation
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
    slope, _, p = link_test(rows, np.zeros(5, dtype=int), 4000, np.random.default_rng(1))
    assert slope == pytest.approx(left_m @ left_y / (left_m @ left_m))
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))
