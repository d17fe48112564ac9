"""Why nothing but a randomization test stands alone below five treated: what other tests do with two of forty."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import TWFE
from sos_eval.inference.jackknife import Jackknife
from sos_eval.inference.wild_cluster_bootstrap import WildClusterBootstrap
from tests.fakes import fit, noise_panel

DRAWS = 400


def rejects(method, treated):
    """Return the share of true nulls rejected at 5%, and its Monte Carlo error."""
    rng = np.random.default_rng(0)
    fits = (fit(TWFE(), noise_panel(40, treated, 8, seed=seed)) for seed in range(DRAWS))
    share = np.mean([method.infer(one, rng).table["p_value"].iloc[0] <= 0.05 for one in fits])
    return share, np.sqrt(share * (1 - share) / DRAWS)


@pytest.mark.slow
@pytest.mark.parametrize("method", [Jackknife(), WildClusterBootstrap(restricted=False, draws=399)])
def test_two_treated_are_too_few_for_jackknife_and_unrestricted_wild(method):
    share, error = rejects(method, 2)
    assert share - 3 * error > 0.065


@pytest.mark.slow
def test_the_restricted_wild_bootstrap_cannot_reject_with_two_treated():
    assert rejects(WildClusterBootstrap(draws=399), 2)[0] < 0.01
