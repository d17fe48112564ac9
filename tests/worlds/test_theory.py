"""Mediators along a declared theory: the total effect is the declared one, and the columns show what carried it."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import DesignFault
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of
from sos_eval.worlds.world import document_of, world_from
from tests.worlds.tiny import tiny

#: practice -> trust (0.8) -> outcome (-1.5), and practice -> trust -> stability (0.5) -> outcome (-2).
CHAIN = {
    "edges": [
        ["practice", "trust", 0.8], ["trust", "outcome", -1.5], ["trust", "stability", 0.5],
        ["stability", "outcome", -2.0],
    ],
    "mediators": {"trust": {"mean": 10.0}, "stability": {"mean": 5.0}},
}  # fmt: skip
#: 0.8 x -1.5 + 0.8 x 0.5 x -2
THROUGH = -2.0


def _overall(truth, estimand="att", scale="rate_per"):
    rows = truth[(truth["estimand"] == estimand) & (truth["scale"] == scale) & (truth["aggregation"] == "overall")]
    return float(rows["true_effect"].item())


def test_the_total_effect_is_the_declared_one():
    """Direct -1 and -2 through mediators: -3, whatever the draw."""
    draws = draw_world(tiny(theory=CHAIN, effect={"size": -1.0}), np.random.default_rng(1), 3)
    assert _overall(draws.truth) == pytest.approx(-1.0 + THROUGH, abs=1e-9)
    treated = draws.frame.own > 0
    np.testing.assert_allclose((draws.expected - draws.untreated)[:, treated], -3.0)
    assert (draws.expected == draws.untreated)[:, ~treated].all()


def test_ratios_multiply_along_the_chain():
    """Mediators move the logarithm: a direct 0.9 and exp(-0.2) through them."""
    chain = {**CHAIN, "edges": [[a, b, by * (0.1 if b == "outcome" else 1)] for a, b, by in CHAIN["edges"]]}
    draws = draw_world(tiny(theory=chain, effect={"size": -0.1, "scale": "ratio"}), np.random.default_rng(1), 3)
    assert _overall(draws.truth, "rate_ratio", "ratio") == pytest.approx(0.9 * np.exp(-0.2), abs=1e-12)


def test_mediators_follow_fidelity_in_time():
    """A full dose at first; half the staff leaves each year: trust is moved by 0.8, 0.4, 0.2, 0.1."""
    effect = {"size": 0.0, "fidelity": {"mean": 0.7, "sd": 0.0, "turnover": 0.5}}
    data = data_of(draw_world(tiny(theory=CHAIN, effect=effect), np.random.default_rng(1)))
    rows = data[data["first_treated"] == 2013].groupby("year")[["trust", "stability"]].mean()
    np.testing.assert_allclose(rows["trust"], [10, 10, 10.8, 10.4, 10.2, 10.1])
    np.testing.assert_allclose(rows["stability"] - 5, (rows["trust"] - 10) / 2)
    assert (data.loc[data["first_treated"] == 0, "trust"] == 10).all()


def test_mediators_spread_moves_the_outcome_by_their_paths():
    """Var(trust) = 0.2^2 + 0.1^2; stability = 0.5 trust; outcome: (-1.5 - 1)^2 x 0.05 = 0.3125."""
    trust = {"mean": 10.0, "level_sd": 0.2, "noise_sd": 0.1}
    world = tiny(
        theory={**CHAIN, "mediators": {**CHAIN["mediators"], "trust": trust}}, effect__size=0.0,
        outcome__link="identity", outcome__distribution="none", outcome__level_sd=0.0,
    )  # fmt: skip
    assert world.theory.variance == pytest.approx(0.3125)
    draws = draw_world(world, np.random.default_rng(2), 4000)
    gap = draws.untreated[:, 0] - 28
    error = (gap**2).std(0) / np.sqrt(4000)
    assert (np.abs((gap**2).mean(0) - 0.3125) < 4.5 * error).all()
    assert (np.abs(gap.mean(0)) < 4.5 * np.sqrt(0.3125 / 4000)).all()
    np.testing.assert_allclose(gap, -2.5 * (draws.mediators["trust"] - 10)[:, 0] + 2.5 * 0.8 * draws.frame.own[0])


def test_measurement_error_is_in_the_column_only():
    noisy = {"mean": 10.0, "error_sd": 1.0}
    world = tiny(theory={**CHAIN, "mediators": {"trust": noisy, "stability": {"measured": False}}})
    draws = draw_world(world, np.random.default_rng(1), 2)
    assert set(draws.mediators) == {"trust"}
    assert "stability" not in data_of(draws)
    assert draws.mediators["trust"][0].std() > 0.5
    assert "trust" in draws.panel.frame
    np.testing.assert_allclose((draws.expected - draws.untreated)[:, draws.frame.own > 0], -3.0 + THROUGH)


def test_a_coefficient_can_be_swept():
    """Lists of edges become mappings once read: a study sweeps one edge by its name."""
    document = document_of(tiny(theory=CHAIN))
    swept = world_from(document, {"theory.edges.practice.trust": 1.6})
    assert swept.theory.by_practice("outcome") == pytest.approx(2 * THROUGH)


@pytest.mark.parametrize(
    ("theory", "words"),
    [
        ({"edges": [["practise", "trust", 1]]}, 'theory.edges.practise: neither practice nor a mediator; did you mean'),
        (
            {"edges": [["practice", "trst", 1]], "mediators": {"trust": {}}},
            'theory.edges.practice.trst: neither a mediator nor outcome; did you mean "trust"',
        ),
        ({"edges": [["practice", "outcome", 1]]}, "the direct effect of practice is effect.size; write it there"),
        ({"edges": [["practice", "trust"]]}, "in a world an edge is [cause, what it moves, by how much]"),
        (
            {"edges": [["a", "b", 1], ["b", "a", 1], ["b", "outcome", 1]], "mediators": {"a": {}, "b": {}}},
            "theory.edges: a circle: a -> b -> a; remove one of its edges",
        ),
        (
            {"edges": [["practice", "trust", 1]], "mediators": {"trust": {}}},
            "theory.edges: no way leads from practice to the outcome",
        ),
    ],
)  # fmt: skip
def test_faults_of_a_theory(theory, words):
    with pytest.raises(DesignFault) as caught:
        tiny(theory=theory)
    assert words in str(caught.value)


def test_a_mediator_cannot_bear_another_columns_name():
    theory = {"edges": [["practice", "region", 1], ["region", "outcome", 1]], "mediators": {"region": {}}}
    with pytest.raises(DesignFault, match="two columns would be called 'region'; rename one"):
        tiny(theory=theory)


def test_a_spread_that_takes_rates_below_zero_is_refused():
    wild = {**CHAIN, "mediators": {**CHAIN["mediators"], "trust": {"level_sd": 20.0}}}
    with pytest.raises(DesignFault, match=r"theory.mediators: their spread takes .*% of all rates below zero"):
        draw_world(tiny(theory=wild), np.random.default_rng(1), 50)
