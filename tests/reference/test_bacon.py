"""The decomposition of a two-way coefficient against the R package bacondecomp 0.1.3."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import TWFE
from sos_eval.numerics.bacon import decomposed
from tests.reference.regression_cases import panel_of
from tests.reference.stored import cases

pytestmark = pytest.mark.reference

SAME = 1e-8
DATASETS = {"care": "sim_care_152x20", "mpdta": "mpdta", "castle": "causaldata castle"}


@pytest.mark.parametrize("name", DATASETS)
def test_bacon(name):
    stored, panel = cases("bacon")[name]["values"], panel_of({"dataset": DATASETS[name]})
    found = {
        (one.treated, 0 if np.isinf(one.compared) else one.compared): one
        for one in decomposed(panel.matrix(), panel.first_treated, panel.times)
    }
    pairs = list(zip(stored["treated"], stored["untreated"], strict=True))
    assert set(found) == set(pairs)
    np.testing.assert_allclose([found[pair].estimate for pair in pairs], stored["estimate"], rtol=SAME, atol=1e-10)
    np.testing.assert_allclose([found[pair].weight for pair in pairs], stored["weight"], rtol=SAME)
    mean = sum(one.weight * one.estimate for one in found.values())
    np.testing.assert_allclose(mean, stored["sum_weighted"], rtol=SAME)
    np.testing.assert_allclose(TWFE().complete(panel).values[0], stored["twfe"], rtol=SAME)
