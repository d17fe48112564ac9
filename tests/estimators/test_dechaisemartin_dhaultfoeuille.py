"""Switchers against units not yet switched: by hand on eight units, switches off, and edges."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import NotIdentified
from sos_eval.estimators import CallawaySantAnna, DechaisemartinDhaultfoeuille
from sos_eval.estimators.dechaisemartin_dhaultfoeuille import ALONE, ITT, LONE
from tests.estimators.panels import INF, panel, row

# Periods 1 to 4; two start in 2, two in 3, four never.
Y = np.array([
    [1, 4, 6, 6], [2, 7, 7, 9], [0, 1, 5, 4], [3, 3, 6, 9], [1, 1, 2, 2], [2, 3, 3, 5], [4, 4, 5, 5], [5, 8, 8, 8],
], float)  # fmt: skip
G = [2, 2, 3, 3, INF, INF, INF, INF]


def switching(status) -> object:
    """Lay the outcomes out with a path of treatment (8, 4) of their own."""
    status = np.asarray(status, float)
    first = np.where(status.any(1), status.argmax(1) + 1.0, INF)
    frame = panel(Y, first).frame.assign(treated=status.ravel())
    return panel(Y, first).changed(absorbing=False).with_columns(treated=frame["treated"].to_numpy())


def test_by_hand():
    estimate = DechaisemartinDhaultfoeuille().complete(panel(Y, G))
    # the first period since the switch: cohort 2 moved by 3 and 5, against 1, 0, 0, 1, 0, 3 of the six not yet
    # switched; cohort 3 by 4 and 3, against 1, 0, 1, 0 of the four that never do
    first = (2 * (4 - 5 / 6) + 2 * (3.5 - 0.5)) / 4
    assert row(estimate, aggregation="event_time", event_time=0)["value"] == pytest.approx(first)
    # its error: each side's squares times n / (n - 1), over the squared numbers; the never treated are in both
    own = 0.25 * np.array([-1.0, 1, 0.5, -0.5]) * np.sqrt(2)
    early = -0.5 * (np.array([1.0, 0, 0, 1, 0, 3]) - 5 / 6) / 6 * np.sqrt(6 / 5)
    late = -0.5 * (np.array([1.0, 0, 1, 0]) - 0.5) / 4 * np.sqrt(4 / 3)
    units = np.concatenate([own, np.zeros(4)])
    units[2:] += early
    units[4:] += late
    error = row(estimate, aggregation="event_time", event_time=0)["error"]
    assert error == pytest.approx(np.sqrt((units**2).sum()))
    # the last period since a switch is cohort 2's third, against those that never do
    last = (6 - 1 + 9 - 2) / 2 - (1 + 3 + 1 + 3) / 4
    assert row(estimate, aggregation="event_time", event_time=2)["value"] == pytest.approx(last)
    # a placebo has the comparison of the effect as long after: cohort 3, from period 2 back to 1
    placebo = (-1 + 0) / 2 - (0 - 1 + 0 - 3) / 4
    assert row(estimate, aggregation="event_time", event_time=-2)["value"] == pytest.approx(placebo)
    assert row(estimate, aggregation="event_time", event_time=-1)["value"] == 0


def test_effects_of_starts_that_stay_are_callaway_and_santannas():
    one = DechaisemartinDhaultfoeuille().complete(panel(Y, G))
    other = CallawaySantAnna(control="not_yet_treated", base_period="universal").complete(panel(Y, G))
    for event in (0, 1, 2):
        values = [row(each, aggregation="event_time", event_time=event)["value"] for each in (one, other)]
        assert values[0] == pytest.approx(values[1])
    simple = row(other, aggregation="simple")["value"]
    assert row(one, aggregation="overall")["value"] == pytest.approx(simple)


def test_switching_off_counts_with_its_sign_reversed():
    # two are treated until 2 and drop it, two are treated throughout; four are never treated
    status = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], *[[0, 0, 0, 0]] * 4]
    estimate = DechaisemartinDhaultfoeuille().complete(switching(status))
    off = -((2 + 0) / 2 - (4 + 3) / 2)
    assert row(estimate, aggregation="event_time", event_time=0)["value"] == pytest.approx(off)
    assert ITT in estimate.notes


def test_effects_are_of_the_first_switch_whatever_follows():
    stops = [[0, 1, 0, 0], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 0], *[[0, 0, 0, 0]] * 4]
    one = DechaisemartinDhaultfoeuille().complete(switching(stops))
    other = DechaisemartinDhaultfoeuille().complete(panel(Y, G))
    np.testing.assert_allclose(one.values, other.values)
    assert ITT in one.notes
    assert ITT not in other.notes


def test_normalized_divides_by_the_treatment_received():
    stops = [[0, 1, 0, 0], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 0], *[[0, 0, 0, 0]] * 4]
    plain, normal = (DechaisemartinDhaultfoeuille(normalized=chosen).complete(switching(stops)) for chosen in (0, 1))
    # the second period since the switch: cohort 2 received 1 and 2 periods, cohort 3 received 2 and 1
    values = [row(each, aggregation="event_time", event_time=1)["value"] for each in (plain, normal)]
    assert values[1] == pytest.approx(values[0] / 1.5)
    for event in (-2, 0):
        values = [row(each, aggregation="event_time", event_time=event)["value"] for each in (plain, normal)]
        assert values[0] == pytest.approx(values[1])


def test_units_that_stop_can_be_permuted_by_their_starts():
    stops = switching([[0, 1, 0, 0], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 0], *[[0, 0, 0, 0]] * 4])
    assert DechaisemartinDhaultfoeuille().adoption(stops).absorbing
    assert not DechaisemartinDhaultfoeuille(normalized=True).adoption(stops).absorbing
    dropped = switching([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], *[[0, 0, 0, 0]] * 4])
    assert not DechaisemartinDhaultfoeuille().adoption(dropped).absorbing


def test_a_unit_that_switches_alone_deviates_from_its_comparison():
    estimate = DechaisemartinDhaultfoeuille(effects=1).complete(panel(Y, [2, INF, 3, 3, INF, INF, INF, INF]))
    early = np.array([5.0, 1, 0, 0, 1, 0, 3])  # changes to period 2 of all but the first, who moved by 3
    late = np.array([0.0, 1, 0, 1, 0])
    own = np.concatenate([[3 - early.mean()], [0], (np.array([4.0, 3]) - 3.5) * np.sqrt(2), np.zeros(4)]) / 3
    others = np.zeros(8)
    others[1:] -= (early - early.mean()) / 7 * np.sqrt(7 / 6) / 3
    others[[1, 4, 5, 6, 7]] -= 2 * (late - late.mean()) / 5 * np.sqrt(5 / 4) / 3
    found = row(estimate, aggregation="event_time", event_time=0)
    assert found["value"] == pytest.approx(((3 - early.mean()) + 2 * (3.5 - late.mean())) / 3)
    assert found["error"] == pytest.approx(np.sqrt(((own + others) ** 2).sum()))
    assert LONE in estimate.notes


def test_one_switcher_or_one_compared_with_has_no_error_and_the_reason():
    estimate = DechaisemartinDhaultfoeuille(effects=1).complete(panel(Y, [2, *[INF] * 7]))
    found = row(estimate, aggregation="event_time", event_time=0)
    assert np.isfinite(found["value"])
    assert np.isnan(found["error"])
    assert found["reason"] == ALONE
    estimate = DechaisemartinDhaultfoeuille(effects=1).complete(panel(Y, [*[2] * 7, INF]))
    assert row(estimate, aggregation="overall")["reason"] == ALONE


def test_gaps_are_refused_by_name():
    short = panel(Y, G)
    gaps = type(short)(frame=short.frame.drop(index=3).reset_index(drop=True))
    with pytest.raises(NotIdentified, match="units lack periods, and when they switched may not be known"):
        DechaisemartinDhaultfoeuille().complete(gaps)
    with pytest.raises(NotIdentified, match="no unit switches while one"):
        DechaisemartinDhaultfoeuille().complete(panel(Y, [2] * 8))


def test_a_period_that_is_left_out_moves_no_event_time():
    # the second period is left out: two start in it, two in the third
    kept = [0, 2, 3]
    estimate = DechaisemartinDhaultfoeuille().complete(panel(Y[:, kept], G, times=[1, 3, 4]))
    first = row(estimate, aggregation="event_time", event_time=0)
    assert first["n_treated_units"] == 2  # those that start in 2 are not seen then
    # the base of those that start in 3 is period 1: they moved by 5 and 3, the others by 1, 1, 1 and 3
    assert first["value"] == pytest.approx(4.0 - 1.5)
    assert row(estimate, aggregation="event_time", event_time=1)["n_treated_units"] == 4


def test_a_weight_of_zero_takes_its_cell_alone():
    weights = np.ones((8, 4))
    weights[:2, 1] = 0.0  # the cohort of 2 weighs nothing in its first period
    weighted = panel(Y, G).with_columns(weight=weights.ravel()).changed(weighted=True)
    estimate = DechaisemartinDhaultfoeuille().complete(weighted)
    # what is left of event time 0 is the cohort of 3
    assert row(estimate, aggregation="event_time", event_time=0)["value"] == pytest.approx(3.5 - 0.5)
    assert np.isfinite(row(estimate, aggregation="overall")["value"])
