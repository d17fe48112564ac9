"""How many units an average of cells rests on."""

import numpy as np

from sos_eval.estimators import CallawaySantAnna
from sos_eval.results.aggregate import with_aggregations
from tests.fakes import panel_of


def test_a_unit_alone_in_its_cohort_counts():
    """It is its own mean, so that its influence is zero: 1 + 2 treated and 3 others were five units."""
    panel = panel_of(np.random.default_rng(1).normal(size=(6, 6)), [2003, 2004, 2004, np.inf, np.inf, np.inf])
    estimate = with_aggregations(CallawaySantAnna().estimate(panel))
    overall = estimate.cells[estimate.cells["aggregation"] == "overall"]
    assert overall["n_units"].tolist() == [6]
    assert overall["n_obs"].tolist() == [36]
