"""Segmented regression against R's lm and sandwich::NeweyWest, with and without a comparison series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import InterruptedTimeSeries
from sos_eval.inference import NeweyWest
from sos_eval.numerics.segmented import newey_west, segmented_fit
from tests.estimators.panels import INF, panel
from tests.fakes import fit
from tests.reference.stored import cases

pytestmark = pytest.mark.reference

SAME = 1e-8
ORDER = ["(Intercept)", "t", "post", "after"]


def kinds(spec):
    yield "single_series", np.array(spec["y"])
    if spec["comparison"]:
        yield "difference_series", np.array(spec["y"]) - np.array(spec["comparison"])


@pytest.mark.parametrize("name", ["forty_quarters", "fifteen_years", "sixty_months_single"])
def test_series(name):
    case = cases("its")[name]
    spec = case["spec"]
    times, start = np.arange(1.0, len(spec["y"]) + 1), float(spec["first_post_period"])
    horizons = np.array(spec["horizons"], float)
    contrast = np.column_stack([np.ones(len(horizons)), horizons])
    for kind, series in kinds(spec):
        fitted, stored = segmented_fit(series, times, start, contrast), case["values"][kind]
        coef = fitted.coef - [fitted.coef[1], 0, 0, 0]  # R counts t from 1
        np.testing.assert_allclose(coef, [stored["coef"][one] for one in ORDER], rtol=SAME, atol=1e-9)
        for lag in spec["lags"]:
            for adjusted, more in ((False, ""), (True, "_adjusted")):
                found = newey_west(fitted, lag, adjusted=adjusted)
                wanted = stored[f"newey_west_lag{lag}{more}"]
                error = np.sqrt(np.diag(found))[1:]
                np.testing.assert_allclose(error, [wanted["se"][one] for one in ORDER[1:]], rtol=SAME)
                at = wanted["effect_at"]
                effects = fitted.contrast @ fitted.coef
                np.testing.assert_allclose(effects, at["estimate"], rtol=SAME)
                own = np.sqrt(np.diag(fitted.contrast @ found @ fitted.contrast.T))
                np.testing.assert_allclose(own, at["se"], rtol=SAME)


def test_the_method_gives_the_same_numbers_on_a_panel():
    """The treated series beside its comparison: effects by event time, p with t of periods less four."""
    case = cases("its")["forty_quarters"]
    spec, wanted = case["spec"], case["values"]["difference_series"]["newey_west_lag2_adjusted"]
    made = panel([spec["y"], spec["comparison"]], [spec["first_post_period"], INF])
    table = NeweyWest(lag=2).infer(fit(InterruptedTimeSeries(), made), np.random.default_rng(0)).table
    rows = table[table["aggregation"] == "event_time"].set_index("event_time").loc[[0, 4, 8]]
    np.testing.assert_allclose(rows["estimate"], wanted["effect_at"]["estimate"], rtol=SAME)
    np.testing.assert_allclose(rows["std_error"], wanted["effect_at"]["se"], rtol=SAME)
    assert rows["p_value"].iloc[0] == pytest.approx(wanted["p_t"]["post"], rel=SAME)


def test_fifteen_years_are_refused():
    spec = cases("its")["fifteen_years"]["spec"]
    with pytest.raises(NotIdentified, match="9 periods before the start and 6 from it on; it needs 8 of each"):
        InterruptedTimeSeries().complete(panel([spec["y"], spec["comparison"]], [10, INF]))


def test_alone_it_says_so():
    spec = cases("its")["sixty_months_single"]["spec"]
    frame = pd.DataFrame({"la": 1, "month": range(1, 61), "y": spec["y"], "start": 37})
    table = InterruptedTimeSeries().fit(
        frame, unit="la", time="month", outcome="y", first_treated="start", inference={"method": "newey_west", "lag": 3}
    )  # fmt: skip
    stored = cases("its")["sixty_months_single"]["values"]["single_series"]["newey_west_lag3_adjusted"]
    first = table[(table["aggregation"] == "event_time") & (table["event_time"] == 0)].iloc[0]
    assert first["std_error"] == pytest.approx(stored["se"]["post"], rel=SAME)
    assert any("no comparison" in note for note in table.attrs["notes"])
