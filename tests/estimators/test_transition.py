"""Periods between start and full embedding: left out, or counted as a fraction of exposure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval import estimators
from sos_eval.errors import NotIdentified
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.estimators.poisson_did import PARTLY
from sos_eval.panel.panel import FlowRow
from tests.estimators.panels import INF, counts_panel, panel, row

G = [2, 2, 3, 3, INF, INF, INF, INF]
Y = [
    [1, 9, 3, 4], [2, 9, 5, 5], [3, 4, 9, 8], [1, 2, 9, 4], [1, 2, 2, 3], [2, 2, 3, 3], [4, 5, 6, 7], [5, 6, 7, 9],
]  # fmt: skip


def without_first_year(made):
    """Leave out each unit's first treated period, as `transition: drop` does where embedding takes a year."""
    gone = made.frame["time"] == made.frame["first_treated"]
    dropped = FlowRow("transition", "dropped", 0, int(gone.sum()), "", "between the start and full embedding")
    return replace(made.noted(dropped), frame=made.frame[~gone].reset_index(drop=True))


def test_left_out_periods_are_no_cells_and_the_averages_stand():
    """By hand: changes against the last period before the start, of the units seen in both; 9s are never read."""
    estimate = CallawaySantAnna().complete(without_first_year(panel(Y, G)))
    found = estimate.cells[estimate.cells["aggregation"] == "group_time"]
    after = found[found["time"] >= found["cohort"]]
    assert list(zip(after["cohort"], after["time"], strict=True)) == [(2, 3), (2, 4), (3, 4)]
    values = {
        (2, 3): (2 + 3) / 2 - (1 + 1 + 2 + 2) / 4, (2, 4): (3 + 3) / 2 - (2 + 1 + 3 + 4) / 4,
        (3, 4): (4 + 2) / 2 - (1 + 1 + 2 + 3) / 4,
    }  # fmt: skip
    for (cohort, time), value in values.items():
        assert row(estimate, aggregation="group_time", cohort=cohort, time=time)["value"] == pytest.approx(value)
    overall = ((values[2, 3] + values[2, 4]) / 2 + values[3, 4]) / 2
    assert row(estimate, aggregation="overall")["value"] == pytest.approx(overall)
    assert row(estimate, aggregation="cohort", cohort=3)["value"] == pytest.approx(values[3, 4])
    assert np.isfinite(row(estimate, aggregation="overall")["error"])
    assert "no effects and no averages over periods of transition: 2 (cohort 2), 3 (cohort 3)" in estimate.notes


def test_batches_leave_out_the_same_periods():
    made = without_first_year(panel(Y, G))
    method, one = CallawaySantAnna(), CallawaySantAnna().complete(made)
    batch = method.estimate_many(made, np.stack([made.matrix(), 2 * made.matrix()]))
    np.testing.assert_allclose(batch.values, [one.values, 2 * one.values], rtol=1e-12)
    again = method.estimate_assignments(made, made.first_treated[None])
    np.testing.assert_allclose(again.values[0], one.values, rtol=1e-12)


def half_exposed(made):
    """Count each unit's first treated period as half of an exposure."""
    time, start = made.frame["time"], made.frame["first_treated"]
    return made.with_columns(treated=np.where(time < start, 0.0, np.where(time == start, 0.5, 1.0)))


@pytest.mark.parametrize("method", [TWFE(), PoissonDiD()])
def test_a_fraction_of_exposure_is_one_in_batches_too(method):
    rng = np.random.default_rng(1)
    made = half_exposed(counts_panel(rng.poisson(300, (8, 4)), np.full((8, 4), 1e4), G))
    one = method.complete(made)
    batch = method.estimate_many(made, made.matrix()[None])
    np.testing.assert_allclose(batch.values[0], one.values, rtol=1e-10)


def test_a_rate_ratio_is_of_full_exposure_and_no_change_of_rates_is_claimed():
    """Counts exactly on the model: a ratio of 0.5 in full, its root in the half year. No mean change has that name."""
    exposure = np.full((8, 4), 1000.0)
    made = half_exposed(counts_panel(np.ones((8, 4)), exposure, G))
    rate = np.outer(np.arange(1.0, 9), [1.0, 1.1, 0.9, 1.2]) / 100 * 0.5 ** made.matrix("treated")
    made = half_exposed(counts_panel(rate * exposure, exposure, G))
    estimate = PoissonDiD().complete(made)
    assert estimate.values[0] == pytest.approx(np.log(0.5), abs=1e-9)
    assert np.isnan(estimate.values[1])
    assert estimate.cells["reason"].tolist() == ["", PARTLY]


#: What takes panels of rates, with the options that it cannot do without; twelve units, eight periods, one start.
METHODS = {
    "CallawaySantAnna": {}, "SunAbraham": {}, "ETWFE": {}, "Stacked": {}, "SyntheticDiD": {}, "SyntheticControl": {},
    "RothSantAnna": {}, "DechaisemartinDhaultfoeuille": {}, "TripleDifference": {"eligible": "z"},
    "EventStudyTWFE": {}, "InterruptedTimeSeries": {}, "TWFE": {}, "PoissonDiD": {}, "Imputation": {}, "TwoStage": {},
}  # fmt: skip
WEIGH, WHOLE = {"TWFE", "PoissonDiD"}, {"Imputation", "TwoStage"}
WITHOUT_GAPS = {
    "Stacked", "SyntheticDiD", "SyntheticControl", "RothSantAnna", "DechaisemartinDhaultfoeuille", "TripleDifference",
    "InterruptedTimeSeries",
}  # fmt: skip


def long(name):
    """Return a method and a panel that it takes."""
    made = counts_panel(
        np.random.default_rng(3).poisson(300, (12, 20)), np.full((12, 20), 1e4), [11, 11, 11, *[INF] * 9]
    ).with_columns(z=np.tile(np.repeat([0.0, 1.0], 20), 6))
    return getattr(estimators, name)(**METHODS[name]), made


@pytest.mark.parametrize("name", METHODS)
def test_partial_exposure_is_weighed_told_or_refused_with_what_to_write(name):
    method, made = long(name)
    plain = method.complete(made)
    if name in WEIGH | WHOLE:
        partly = method.complete(half_exposed(made))
        moved = np.abs(partly.values - plain.values)
        assert (np.nanmax(moved) > 1e-6) == (name in WEIGH)
        assert any("partly exposed" in note for note in partly.notes) == (name in WHOLE)
        return
    with pytest.raises(NotIdentified) as fault:
        method.complete(half_exposed(made))
    assert f"{method.name}: it cannot weigh periods that count as partly exposed" in str(fault.value)
    write = "leave out panel.treatment.transition" if name in WITHOUT_GAPS else "write treatment: {transition: drop}"
    assert write in str(fault.value)


@pytest.mark.parametrize("name", METHODS)
def test_what_cannot_leave_periods_out_names_the_transition(name):
    method, made = long(name)
    if name not in WITHOUT_GAPS:
        assert np.isfinite(method.complete(without_first_year(made)).values).any()
        return
    with pytest.raises(NotIdentified, match="transition: drop leaves out periods after the start") as fault:
        method.complete(without_first_year(made))
    assert "leave out panel.treatment.transition" in str(fault.value)


def test_stacked_compares_with_later_starters_where_nobody_is_never_treated():
    """By hand: starts at 3 and 5, window -1 to 1; the later three are untreated through period 4."""
    y = np.arange(36, dtype=float).reshape(6, 6) ** 1.3 % 7
    made = panel(y, [3, 3, 3, 5, 5, 5])
    found = estimators.Stacked(window=(-1, 1)).complete(made)
    change = y[:, 2:4].mean(1) - y[:, 1]
    expected = change[:3].mean() - change[3:].mean()
    assert row(found, aggregation="overall")["value"] == pytest.approx(expected)
    assert estimators.Stacked.needs["untreated_units"] == 0
