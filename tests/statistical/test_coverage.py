"""The rule's own choices keep their size on real noise; a plain cluster-robust error with few treated does not."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.inference.auto import RELIED_ON
from tests.conftest import shared
from tests.statistical.coverage import ESTIMATORS as ALL
from tests.statistical.coverage import (
    REAL,
    analytic_p,
    on_real_noise,
    overall,
    placebo,
    real_noise,
    rejected,
    starts_of,
)

LOW, HIGH = 4.0, 6.5  # the band that a recommended pair has to keep, in percent
DRAWS = 2_000


def rate(p, method):
    row = next(one for one in rejected(p, noise="real") if one["inference"] == method)
    return 100 * row["rejected"], 100 * row["mcse"]


def test_placebos_have_the_cohorts_asked_for():
    noise = real_noise_or_skip()
    starts = placebo(noise, 7, 50, np.random.default_rng(0))
    assert ((starts == 2015).sum(1) == 4).all()
    assert ((starts == 2016).sum(1) == 3).all()
    often = np.isfinite(placebo(noise, 20, 3_000, np.random.default_rng(0))).mean(0)
    assert np.corrcoef(often, np.sqrt(noise.population))[0, 1] > 0.9
    assert starts_of(np.array([[2, 0, 1]]), 4, 3).tolist() == [[2015, 2016, 2015, np.inf]]


def real_noise_or_skip():
    shared("data", REAL)
    return real_noise()


@pytest.mark.slow
@pytest.mark.parametrize("treated", [5, 10, 20])
@pytest.mark.parametrize("name", ["callaway_santanna", "twfe"])
def test_studentised_permutation_keeps_its_size(name, treated):
    p = on_real_noise(real_noise_or_skip(), name, treated, DRAWS, np.random.default_rng(1))
    share, error = rate(p, "randomization, studentised")
    assert LOW - 3 * error < share < HIGH + 3 * error
    if treated == 5:
        assert rate(p, "analytic")[0] > 9  # why it never stands alone


@pytest.mark.slow
@pytest.mark.parametrize("name", ["callaway_santanna", "twfe"])
def test_cluster_robust_errors_hold_where_auto_relies_on_them(name):
    noise, estimator = real_noise_or_skip(), ALL[name]
    starts = placebo(noise, RELIED_ON, 5_000, np.random.default_rng(2))
    panel = noise.panel.with_first_treated(starts[0])
    p = analytic_p(estimator, panel, *overall(estimator.estimate_assignments(panel, starts)))
    share, error = rate({"analytic": p}, "analytic")
    assert LOW - 3 * error < share < HIGH + 3 * error
