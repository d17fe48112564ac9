"""Further outcomes: what they share with the first, what is their own, and that they leave the first as it is."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import InputFault
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.source import data_of, draw_once
from tests.worlds.tiny import tiny

SECOND = {
    "name": "re_entries", "mean": {"2011": 9.0}, "level_sd": 0.3, "distribution": "poisson", "correlation": 0.6,
    "effect": {"size": -1.0},
}  # fmt: skip
VALUE = {"name": "days", "link": "identity", "mean": {"2011": 40.0}, "distribution": "none", "effect": {"size": 2.0}}


def test_a_further_outcome_has_its_own_column_mean_and_effect():
    draws = draw_world(tiny(further=[SECOND]), np.random.default_rng(1), 400)
    own = draws.about("re_entries")
    assert own.untreated.mean() == pytest.approx(9.0, rel=0.03)
    treated = draws.frame.own > 0
    np.testing.assert_allclose((own.expected - own.untreated)[:, treated], -1.0)
    np.testing.assert_allclose((draws.expected - draws.untreated)[:, treated], -3.0)
    assert list(data_of(draws)["re_entries"]) == list(own.observed[0].astype(int).ravel())
    truth = draws.truth.query("aggregation == 'overall' and scale == 'rate_per'").set_index("outcome")["true_effect"]
    assert truth.to_dict() == pytest.approx({"care_entries": -3.0, "re_entries": -1.0})


def test_the_first_outcome_is_drawn_as_without_the_others():
    alone, both = (data_of(draw_once(world)) for world in (tiny(), tiny(further=[SECOND])))
    assert both[list(alone)].equals(alone)


def test_the_others_do_not_depend_on_what_happens_to_the_first():
    """A sweep over the first outcome's effect leaves the other outcomes' draws as they are."""
    small, large = (data_of(draw_once(tiny(further=[SECOND], effect__size=size))) for size in (-1.0, -9.0))
    assert small["re_entries"].equals(large["re_entries"])
    assert not small["care_entries"].equals(large["care_entries"])


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.6, 1.0])
def test_levels_and_shocks_are_correlated_as_declared(correlation):
    """Logs of expected rates: levels over authorities, and innovations of AR(1) of one rho, 20,000 each."""
    fading = {"rho": 0.5, "sd": 0.2}
    world = tiny(
        outcome__persistence=fading, further=[{**SECOND, "persistence": fading, "correlation": correlation}],
        authorities__covariates={}, effect__size=0.0,
    )  # fmt: skip
    draws = draw_world(world, np.random.default_rng(2), 2500)
    first, second = np.log(draws.untreated), np.log(draws.about("re_entries").untreated)
    levels = np.corrcoef(first.mean(-1).ravel(), second.mean(-1).ravel())[0, 1]
    changes = np.corrcoef(np.diff(first).ravel(), np.diff(second).ravel())[0, 1]
    assert levels == pytest.approx(correlation, abs=0.03)
    assert changes == pytest.approx(correlation, abs=0.03)


def test_a_value_beside_a_count_keeps_both_forms():
    table = data_of(draw_once(tiny(further=[VALUE], authorities__covariates={})))
    assert table["care_entries"].dtype == int
    assert table["days"].dtype == float
    assert "children_0_17" in table


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"further": [{**SECOND, "name": "care_entries"}]}, "two columns would be called 'care_entries'"),
        ({"further": [{**SECOND, "level_sd": -1}]}, "further.0.level_sd: -1: must be greater than or equal to 0"),
        ({"further": [{**SECOND, "correlation": 1.5}]}, "further.0.correlation"),
        (
            {"further": [{**SECOND, "effect": {"size": -2, "scale": "ratio"}}]},
            "further.0.effect.size: -2.0 with scale: ratio",
        ),
        ({"further": [{**SECOND, "effect": {"sice": -2}}]}, 'did you mean "size"?'),
        ({"further": [{**SECOND, "distribution": "residuals"}]}, "residuals are drawn for the first outcome only"),
        ({"further": [{**VALUE, "effect": {}}], "authorities__covariates__cin_rate__level": 0.1}, "write log"),
        (
            {"further": [SECOND], "adoption": {"pattern": "none"}, "effect__size": 0.0},
            "further.0.effect.size: nobody adopts",
        ),
    ],
)
def test_wrong_further_outcomes_are_said(changes, said):
    with pytest.raises(InputFault) as caught:
        tiny(**changes)
    assert said in str(caught.value)


def test_mergers_revisions_and_suppression_come_to_every_outcome():
    world = tiny(further=[SECOND], missing={"suppress_below": 60})
    draws = draw_world(world, np.random.default_rng(1), 20)
    seen = draws.about("re_entries").observed
    assert np.isnan(seen).any()
    assert np.nanmin(np.where(seen > 0, seen, np.inf)) >= 60
