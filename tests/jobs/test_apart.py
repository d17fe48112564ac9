"""Other estimates beside a headline that has no lots: judged by the clusters they share."""

from __future__ import annotations

from math import erfc, sqrt
from types import SimpleNamespace

import numpy as np
import pytest

from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.inference.analytic import Analytic
from sos_eval.jobs.apart import SHARED_DRAWS, numbers_apart
from sos_eval.numerics.random import stream
from tests.fakes import fit, panel_of

ENTRIES = [
    SimpleNamespace(id=name, label=name, method=SimpleNamespace(label=name)) for name in ("primary", "other", "third")
]


def panel(rng, n=90, dip=0.0):
    """Half of the units start in the fifth of eight periods; `dip`: the treated lie lower just before."""
    y = rng.normal(20, 2, (n, 1)) + rng.normal(0, 1, (n, 8))
    treated = np.arange(n) < n // 2
    y[treated, 3] -= dip
    return panel_of(y, np.where(treated, 2005.0, np.inf))


def judged(made, seed=0, **others):
    account = SimpleNamespace(stream=lambda *names: stream(seed, *names))
    fits = {("primary", "y"): fit(TWFE(), made), **{(name, "y"): fit(one, made) for name, one in others.items()}}
    return numbers_apart(("primary", "y"), fits, ENTRIES, Analytic(), account)


def change(made, base):
    """Each unit's mean after the start, less the mean of `base`."""
    y = made.matrix()
    return y[:, 4:].mean(1) - y[:, base].mean(1)


def test_two_estimates_part_as_their_units_say():
    """Both are differences of mean changes, from all earlier periods and from the last: so is their distance."""
    made = panel(np.random.default_rng(1), dip=0.5)
    found = judged(made, other=CallawaySantAnna())
    apart, ever = change(made, [3]) - change(made, [0, 1, 2, 3]), made.ever_treated
    distance = apart[ever].mean() - apart[~ever].mean()
    error = sqrt(sum(np.var(apart[side]) / side.sum() for side in (ever, ~ever)))
    p = erfc(abs(distance) / error / sqrt(2))
    assert found["difference"] == pytest.approx(distance, abs=1e-9)
    assert found["p_difference"] == pytest.approx(p, abs=4 * sqrt(p * (1 - p) / SHARED_DRAWS) + 1 / SHARED_DRAWS)
    assert (found["estimator"], found["others"]) == ("other", 1)
    assert found["numbers_part"] == (found["p_difference"] <= 0.05)
    assert judged(panel(np.random.default_rng(1), dip=3.0), other=CallawaySantAnna())["numbers_part"] is True


def test_few_clusters_are_not_judged_so():
    assert judged(panel(np.random.default_rng(1), n=40, dip=3.0), other=CallawaySantAnna()) == {}


@pytest.mark.slow
def test_estimates_part_in_about_one_of_twenty_null_runs():
    """400 panels without an effect: 5% with an error of 1.1 points."""
    rng = np.random.default_rng(7)
    share = np.mean([judged(panel(rng), seed=k, other=CallawaySantAnna())["numbers_part"] for k in range(400)])
    assert share <= 0.07 + 2 * sqrt(0.05 * 0.95 / 400)
    assert share >= 0.05 - 4 * sqrt(0.05 * 0.95 / 400)
