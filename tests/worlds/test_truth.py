from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DesignFault
from sos_eval.worlds.draw import draw_world
from sos_eval.worlds.effects import Effect, draw_doses, of_authorities
from sos_eval.worlds.neighbours import Spillover, neighbours_of
from sos_eval.worlds.truth import true_effects
from tests.worlds.tiny import tiny

TIMES = np.array([2011.0, 2012.0, 2013.0, 2014.0])


def _truth():
    """Four authorities: two start in 2012 (effects -1 and -3 at once), one in 2014 (-6), one never."""
    first = np.array([2012.0, 2012.0, 2014.0, np.inf])
    untreated = np.full((1, 4, 4), 10.0)
    treated = untreated.copy()
    treated[0, 0, 1:] -= 1
    treated[0, 1, 1:] -= 3
    treated[0, 2, 3] -= 6
    exposure = np.outer([1000.0, 3000.0, 2000.0, 500.0], np.ones(4))
    return true_effects(untreated, treated, first, TIMES, exposure, "rate_per").table


def _value(table, estimand="att", scale="rate_per", **keys):
    rows = table[(table["estimand"] == estimand) & (table["scale"] == scale)]
    for name, value in keys.items():
        rows = rows[rows[name] == value] if value is not None else rows[rows[name].isna()]
    assert len(rows) == 1
    return float(rows["true_effect"].iloc[0])


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"aggregation": "group_time", "cohort": 2012, "time": 2013}, -2.0),  # (-1 - 3) / 2
        ({"aggregation": "group_time", "cohort": 2012, "time": 2011}, 0.0),
        ({"aggregation": "event_time", "event_time": 0}, -10 / 3),  # (-1 - 3 - 6) / 3
        ({"aggregation": "event_time", "event_time": 2}, -2.0),
        ({"aggregation": "event_time", "event_time": None}, (-10 / 3 - 2 - 2) / 3),
        ({"aggregation": "cohort", "cohort": 2014}, -6.0),
        ({"aggregation": "calendar", "time": 2014}, -10 / 3),
        ({"aggregation": "overall"}, (2 * -2 + 1 * -6) / 3),
        ({"aggregation": "simple"}, (3 * -4 - 6) / 7),  # three periods of two, one of one
    ],
)
def test_att_by_hand(keys, expected):
    assert _value(_truth(), **keys) == pytest.approx(expected, abs=1e-12)


def test_rate_ratio_by_hand():
    """Exposure 1 and 3 and 2 (thousands): event time 0 is (9 + 3*7 + 2*4) / (10 * 6)."""
    table = _truth()
    assert _value(table, "rate_ratio", "ratio", aggregation="event_time", event_time=0) == pytest.approx(38 / 60)
    overall = (3 * (9 + 3 * 7) + 2 * 4) / (3 * 40 + 20)
    assert _value(table, "rate_ratio", "ratio", aggregation="overall") == pytest.approx(overall)


def test_log_scale_by_hand():
    value = _value(_truth(), "att", "log", aggregation="group_time", cohort=2012, time=2013)
    assert value == pytest.approx((np.log(0.9) + np.log(0.7)) / 2)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"shape": "constant"}, [0, -3, -3, -3]),
        ({"shape": "growing", "periods": 3}, [0, -1, -2, -3]),
        ({"shape": "fading", "periods": 3}, [0, -3, -2, -1]),
        ({"anticipation": {"periods": 1, "share": 0.5}}, [-1.5, -3, -3, -3]),
        ({"fidelity": {"mean": 0.7, "sd": 0.0, "turnover": 0.5}}, [0, -3, -1.5, -0.75]),
        ({"fidelity": {"mean": 0.7, "sd": 0.0, "turnover": 0.5, "retrained": 0.6}}, [0, -3, -2.4, -2.1]),
        ({"by_cohort": {"2013": 2.0}}, [0, -6, -6, -6]),
    ],
)
def test_shapes_of_an_effect(effect, expected):
    """Event times -1 to 2 of the cohort of 2013 of an effect of -3."""
    truth = draw_world(tiny(effect={"size": -3.0, **effect}), np.random.default_rng(1)).truth
    rows = truth[(truth["scale"] == "rate_per") & (truth["aggregation"] == "group_time") & (truth["cohort"] == 2013)]
    values = rows[rows["event_time"].between(-1, 2)]["true_effect"]
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_ratio_effects_are_the_declared_ratio():
    """An 8% fall is a rate ratio of 0.92 and a log difference of log 0.92, whatever the levels."""
    truth = draw_world(tiny(effect={"size": -0.08, "scale": "ratio"}), np.random.default_rng(1), 5).truth
    assert _value(truth, "rate_ratio", "ratio", aggregation="overall") == pytest.approx(0.92, abs=1e-12)
    assert _value(truth, "att", "log", aggregation="simple") == pytest.approx(np.log(0.92), abs=1e-12)


def test_moderator_leaves_the_average_over_authorities():
    """The multiple is 1 on average over all authorities; treated ones differ by their own value."""
    draws = draw_world(tiny(effect={"size": -3.0, "moderator": {"idaci": 0.5}}), np.random.default_rng(1))
    idaci = draws.frame.table["idaci"].to_numpy()
    multiple = 1 + 0.5 * (idaci - idaci.mean()) / idaci.std()
    expected = -3 * multiple[draws.frame.first_treated == 2013].mean()
    rows = draws.truth[draws.truth["scale"] == "rate_per"]
    assert _value(rows, aggregation="cohort", cohort=2013) == pytest.approx(expected)


def test_spillover_and_contamination_are_in_the_data_and_not_in_the_truth():
    effect = {"size": -3.0, "spillover": {"share": 0.5}, "contamination": {"share": 0.5, "dose": 1.0}}
    draws = draw_world(
        tiny(outcome__distribution="none", outcome__link="identity", effect=effect), np.random.default_rng(1)
    )
    never = ~np.isfinite(draws.frame.first_treated)
    fall = (draws.observed - draws.untreated)[0, never]
    assert (fall[:, :2] == 0).all()
    assert (fall[:, -1] < 0).any()
    assert _value(draws.truth, "att", "value", aggregation="overall") == pytest.approx(-3.0)


def test_nobody_treated_has_no_truth():
    world = tiny(adoption={"pattern": "none"}, effect={"size": 0.0})
    assert draw_world(world, np.random.default_rng(1)).truth.empty


def test_spillover_to_neighbours_by_hand():
    """Four in a ring, the first started: each neighbour has half of the spill, the one opposite none."""
    beside = neighbours_of(np.array(["N"] * 4 + ["S"] * 3, object), 2)
    assert beside[0].tolist() == [0, 1, 0, 1, 0, 0, 0]
    assert beside[4].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert (beside == beside.T).all()
    spec = Effect(size=-3.0, spillover=Spillover(share=0.5, neighbours=2))
    table, starts = pd.DataFrame({"region": ["N"] * 4}), np.array([2013, np.inf, np.inf, np.inf])
    doses = draw_doses(spec, starts, TIMES, np.random.default_rng(1))[:2]
    own, other = of_authorities(spec, doses, table, starts, TIMES)
    assert other[:, 2].tolist() == [0, 0.25, 0, 0.25]
    assert (other[:, :2] == 0).all()
    assert own[1:].sum() == 0


def test_spillover_faults():
    for neighbours, words in ((3, "write an even number"), (4, "4 neighbours in a region of 4 authorities")):
        with pytest.raises(DesignFault, match=words):
            tiny(effect__spillover={"neighbours": neighbours})
    with pytest.raises(DesignFault, match=r"add authorities\.regions, or neighbours: 4"):
        tiny(effect__spillover={}, authorities={"n": 8})
