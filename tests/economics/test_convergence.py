"""The result after fewer draws, by hand; the population's EVPPI."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from sos_eval.economics.ceac import sweep
from sos_eval.economics.convergence import convergence
from sos_eval.economics.evaluate import information, model_draws, model_samples
from sos_eval.economics.model.psa import Samples
from sos_eval.numerics.random import stream
from tests.economics.test_model import prepared


def test_after_two_three_and_four_draws():
    # net benefit against the comparator at 10: 10 x effect - cost = 5, -5, 15, 25
    effects = np.array([[0, 1.0], [0, 1.0], [0, 2.0], [0, 3.0]])
    costs = np.array([[0, 5.0], [0, 15.0], [0, 5.0], [0, 5.0]])
    psa = Samples(("usual", "programme"), effects, costs, np.empty((4, 0)), ())
    table = convergence(psa, 0, 10.0).set_index("draws")
    assert list(table.index) == [2, 3, 4]
    assert table["incremental_net_benefit"].tolist() == pytest.approx([0, 5, 10])
    want = [np.std(x, ddof=1) / np.sqrt(len(x)) for x in ([5, -5], [5, -5, 15], [5, -5, 15, 25])]
    assert table["std_error"].tolist() == pytest.approx(want)
    assert table["prob_best_of_all"].tolist() == pytest.approx([1 / 2, 2 / 3, 3 / 4])


def test_the_populations_evppi_is_that_of_a_decision_times_the_decisions():
    # twelve decisions a year for two years, undiscounted: 24
    voi = {"evppi": [["effect"]], "decisions_per_year": 12, "years": 2}
    ready = prepared(voi=voi, implementation={"licence": {
        "name": "licence", "amount": 13_000, "price_year": "2024-25", "source": "by hand"}})  # fmt: skip
    psa = model_samples(ready.model, model_draws(ready, partial(stream, 1)))
    swept = sweep(psa.effects, psa.costs, np.array(ready.section.prices), 0)
    found = information(ready, psa, swept, partial(stream, 1))
    own, total = found["evppi"], found["evppi_population"]
    assert (own["evppi"] > 0).any()
    for name in ("evppi", "std_error"):
        np.testing.assert_allclose(total[name], 24 * own[name])
    assert (total["decisions"] == 24).all()
