"""Comparison groups under many adoptions: arrays against one match after another."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.comparison import (
    CBPS,
    CEM,
    IPW,
    Entropy,
    Exact,
    Full,
    Mahalanobis,
    Nearest,
    NoComparison,
    Optimal,
    Restrict,
    Stable,
    Subclass,
)
from sos_eval.comparison.regroup import group_weights
from sos_eval.errors import InputFault
from sos_eval.numerics.assignment import match_weights_many, nearest_many
from tests.fakes import panel_of


def eighteen():
    """Eighteen units with two covariates; two pairs of twins, so that distances tie."""
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=18), rng.normal(size=18)
    x[[4, 9]], z[[4, 9]] = x[[3, 8]], z[[3, 8]]
    kind = np.array(["north", "south", "east"])[np.arange(18) % 3]
    return panel_of(rng.normal(size=(18, 4)), [2003] * 3 + [2004] * 2 + [np.inf] * 13, x=x, z=z, kind=kind)


METHODS = [
    Nearest(on=("x", "z")),
    Nearest(on=("x", "kind"), ratio=3, order="smallest"),
    Nearest(on=("x", "outcome_pre"), distance="linear_logit", ratio=2, replace=True),
    Nearest(on=("x", "z"), caliper=0.3, ratio=2),
    Nearest(on=("x",), exact=("kind",), order="data"),
    Nearest(distance="z", caliper=0.2),
    Nearest(on=("x", "z"), distance="mahalanobis", ratio=2),
    Nearest(on=("x", "z"), distance="euclidean", exact=("kind",)),
    Nearest(on=("x", "z"), restrict=Restrict(same=("kind",))),
    NoComparison(),
    Exact(on=("kind",)),
    Exact(on=("kind",), estimand="ate"),
    CEM(on=("x", "kind"), cutpoints={"x": (-0.5, 0.5)}, groupings={"kind": (("north", "south"),)}),
    CEM(on=("x", "outcome_pre"), rule="q3"),
    Subclass(on=("x", "z"), classes=3),
    Subclass(on=("x", "kind"), classes=2, estimand="ate"),
    IPW(on=("x", "z")),
    IPW(on=("x", "kind"), estimand="ate", stabilised=True, trim_chance=(0.1, 0.8)),
    IPW(on=("x",), estimand="ato", trim_weights=0.9, trim_both_ends=True),
    Entropy(on=("x", "z")),
    Entropy(on=("x",), moments=2, estimand="ate"),
    Entropy(on=("x", "kind"), tolerance=0.2),
    CBPS(on=("x", "outcome_pre")),
    CBPS(on=("z", "kind"), estimand="ate"),
    Stable(on=("x", "kind"), tolerance=0.1),
    Mahalanobis(on=("x", "z"), ridge=0.1, ratio=2),
    Mahalanobis(on=("x", "kind"), metric="ranks", caliper=0.4, within=("x", "outcome_pre")),
    Optimal(on=("x", "z"), ratio=2),
    Optimal(on=("x", "z"), distance="mahalanobis", exact=("kind",)),
    Full(on=("x", "z")),
    Full(on=("x", "z"), distance="linear_logit", caliper=0.2, estimand="ate"),
    Full(on=("x", "z"), distance="mahalanobis", controls=(1, 4)),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_groups_of_many_adoptions_are_those_of_each(method):
    panel = eighteen()
    rng = np.random.default_rng(8)
    starts = rng.permuted(np.broadcast_to(panel.first_treated, (30, 18)), axis=1)
    starts = np.vstack([starts, np.full(18, np.inf), np.where(starts[0] == 2003, np.inf, starts[0])])
    groups = group_weights(method, panel, starts)
    for adoption, weights, why in zip(starts, groups.weights, groups.failures, strict=True):
        blind = panel.with_first_treated(adoption).blinded()
        if why:
            with pytest.raises(InputFault) as refused:
                method.select(blind)
            assert why == refused.value.faults[0].what
            assert not weights.any()
        else:
            np.testing.assert_allclose(weights, method.select(blind).weights, rtol=1e-12)


def test_two_matches_by_hand():
    """Two treated, three donors, one each. First draw: B chooses first and takes c; second: A takes c, B goes to b."""
    distance = np.array([[[5, 3, 1.0], [4, 2, 0.5]], [[5, 3, 1.0], [4, 2, 0.5]]])
    order = np.array([[1, 0], [0, 1]])
    chosen = nearest_many(distance, order=order)
    np.testing.assert_array_equal(chosen[..., 0], [[1, 2], [2, 1]])
    treated, donors = match_weights_many(chosen, 3)
    np.testing.assert_array_equal(treated, np.ones((2, 2)))
    np.testing.assert_array_equal(donors, [[0, 1, 1], [0, 1, 1]])
