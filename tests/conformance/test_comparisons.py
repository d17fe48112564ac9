"""Every registered comparison method: blind to later outcomes, told in balance, and built again in batch."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.comparison import (
    CBPS,
    CEM,
    IPW,
    DeclaredSets,
    Entropy,
    Exact,
    Full,
    Mahalanobis,
    Nearest,
    NoComparison,
    Optimal,
    Stable,
    StatisticalNeighbours,
    Subclass,
    build,
)
from sos_eval.comparison.regroup import group_weights
from sos_eval.panel.panel import Panel
from sos_eval.results.method import registered
from tests.comparison.panels import NEVER, panel_of

UNITS = [f"u{i:02}" for i in range(24)]
ON = ("x", "outcome_pre")
SETS = {UNITS[i]: (UNITS[10 + i], UNITS[11 + i]) for i in range(6)}
LISTS = {unit: tuple(other for other in UNITS[::-1] if other != unit) for unit in UNITS}
CASES = {
    "none": NoComparison(on=ON),
    "nearest": Nearest(on=ON, ratio=2),
    "mahalanobis": Mahalanobis(on=ON, metric="ranks", ridge=0.01),
    "optimal": Optimal(on=ON, distance="linear_logit"),
    "full": Full(on=ON, distance="mahalanobis"),
    "exact": Exact(on=("kind",)),
    "cem": CEM(on=(*ON, "kind"), rule="q2"),
    "subclass": Subclass(on=ON, classes=3),
    "ipw": IPW(on=ON, estimand="ate"),
    "entropy": Entropy(on=ON),
    "cbps": CBPS(on=ON),
    "stable": Stable(on=ON, tolerance=0.1),
    "declared": DeclaredSets(sets=SETS, on=ON),
    "neighbours": StatisticalNeighbours(lists=LISTS, ratio=2),
}
EVERY = pytest.mark.parametrize("name", CASES)


def panel() -> Panel:
    """Draw 24 units over five years, six of which start in the fourth."""
    rng = np.random.default_rng(12)
    x, outcome = rng.normal(size=24), rng.normal(size=(24, 5))
    kind = np.array(["north", "south"], dtype=object)[np.arange(24) % 2]
    starts = np.where(np.arange(24) < 6, 4, NEVER)
    return panel_of(UNITS, [1, 2, 3, 4, 5], starts, outcome, x=x, kind=kind)


def test_every_method_has_a_case():
    assert set(CASES) == set(registered("comparison"))


@EVERY
def test_weights_are_finite_and_balance_is_told(name):
    source = CASES[name].restricted(panel())
    found = build(CASES[name], source)
    assert (found.weights >= 0).all()
    assert np.isfinite(found.weights).all()
    treated = source.ever_treated
    assert found.weights[treated].any()
    assert found.weights[~treated].any()
    assert list(found.panel.units) == list(source.units[found.weights > 0])
    if CASES[name].on:
        assert set(found.balance["stage"]) == {"before", "after"}
        assert set(found.measures["measure"]) >= {"overlap", "l1", "ess_treated", "ess_comparison", "prognostic"}


@EVERY
def test_outcomes_from_the_first_start_on_change_nothing(name):
    source = CASES[name].restricted(panel())
    noise = np.random.default_rng(1).normal(size=source.n_rows) * 1e6
    later = source.frame["time"].to_numpy() >= 4
    changed = source.with_outcome(np.where(later, noise, source.frame["outcome"].to_numpy()))
    one, other = build(CASES[name], source), build(CASES[name], changed)
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.balance.equals(other.balance)
    assert one.measures.equals(other.measures)


@EVERY
def test_many_adoptions_are_those_of_each(name):
    method = CASES[name]
    source = method.restricted(panel())
    starts = np.random.default_rng(2).permuted(np.broadcast_to(source.first_treated, (12, source.n_units)), axis=1)
    groups = group_weights(method, source, starts)
    assert (groups.failures == "").sum() >= 6
    for adoption, weights, why in zip(starts, groups.weights, groups.failures, strict=True):
        if not why:
            alone = method.select(source.with_first_treated(adoption).blinded()).weights
            np.testing.assert_allclose(weights, alone, rtol=1e-9, atol=1e-12)
