"""A DataFrame becomes a panel; nothing of it is changed, and every fault is said at once."""

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import DataFault, InputFault, NotIdentified
from sos_eval.panel.tabular import from_frame


def eight_units():
    """Two starts in 3, two in 4, four never; periods 1 to 5; the outcome is 10 x unit + period."""
    unit = np.repeat(np.arange(1, 9), 5)
    time = np.tile(np.arange(1, 6), 8)
    start = np.repeat([3, 3, 4, 4, 0, 0, 0, 0], 5)
    return pd.DataFrame({"la": unit, "year": time, "start": start, "y": 10.0 * unit + time, "pop": 1000})


NAMES = {"unit": "la", "time": "year", "outcome": "y", "first_treated": "start"}


def test_values_by_hand():
    panel = from_frame(eight_units(), **NAMES)
    assert panel.units.tolist() == [str(i) for i in range(1, 9)]
    assert panel.first_treated.tolist() == [3, 3, 4, 4, *[np.inf] * 4]
    assert panel.matrix()[2].tolist() == [31, 32, 33, 34, 35]
    assert panel.frame["treated"].sum() == 2 * 3 + 2 * 2
    assert panel.pre_times.tolist() == [1, 2]


def test_rate_is_count_over_exposure_per():
    panel = from_frame(eight_units(), **NAMES, exposure="pop", per=100)
    assert panel.matrix()[0, 0] == 11 / 1000 * 100
    assert panel.matrix("count")[0, 0] == 11
    assert panel.outcome.scale == "rate_per"
    assert panel.outcome.per == 100


def test_row_order_does_not_matter_and_input_stays():
    df = eight_units()
    mixed = df.sample(frac=1, random_state=3)
    before = mixed.copy(deep=True)
    pd.testing.assert_frame_equal(from_frame(mixed, **NAMES).frame, from_frame(df, **NAMES).frame)
    pd.testing.assert_frame_equal(mixed, before)


def test_periods_backwards_within_units_are_put_in_order():
    """Units stand in order and only their periods do not, some of them ids whose order as text is another."""
    df = eight_units().assign(la=lambda one: one["la"] + 5)
    backwards = df.sort_values(["la", "year"], ascending=[True, False])
    panel = from_frame(backwards, **NAMES)
    assert panel.units.tolist() == ["10", "11", "12", "13", "6", "7", "8", "9"]
    pd.testing.assert_frame_equal(panel.frame, from_frame(df, **NAMES).frame)


def test_a_panel_does_not_change_with_the_data_it_came_from():
    df = eight_units().astype({"year": float, "start": float, "pop": float})
    panel = from_frame(df, **NAMES, exposure="pop", covariates=["pop"])
    before = panel.frame.copy(deep=True)
    for name in df:
        df.loc[:, name] = 99.0  # written into the frame's own arrays
    pd.testing.assert_frame_equal(panel.frame, before)


def test_every_way_to_say_never():
    df = eight_units().astype({"start": object})
    for unit, never in zip(range(5, 9), (0, "never", float("inf"), None), strict=True):
        df.loc[df["la"] == unit, "start"] = never
    panel = from_frame(df, **NAMES)
    assert np.isinf(panel.first_treated[4:]).all()
    assert panel.untreated_means == "never"


def test_unknown_is_not_never():
    df = eight_units().astype({"start": object})
    df.loc[df["la"] == 8, "start"] = "unknown"
    assert from_frame(df, **NAMES).untreated_means == "unknown"


def test_faults_come_together_in_the_users_names():
    df = eight_units().astype({"y": object})
    df.loc[3, "y"] = "c"
    df.loc[4, "start"] = 5
    with pytest.raises(DataFault) as caught:
        from_frame(df, **{**NAMES, "unit": "la"}, covariates=["deprivation"])
    text = str(caught.value)
    assert 'covariates: data has no column "deprivation"' in text
    assert 'y: 1 suppression symbol in a number column, "c" (confidential: a small number), row 3' in text
    assert "start: a unit changes cohort: 1 has 3 in row 0, 5 in row 4" in text


def test_treated_in_the_first_period_is_kept_out_with_a_reason():
    df = eight_units()
    df.loc[df["la"] == 1, "start"] = 1
    panel = from_frame(df, **NAMES)
    assert "1" not in panel.units
    row = next(row for row in panel.flow if row.what == "dropped")
    assert (row.names, row.units, row.rows) == ("1", 1, 5)
    assert "first period (1)" in row.reason


def test_nobody_untreated_is_refused_unless_starts_differ():
    df = eight_units()
    df.loc[df["start"] == 0, "start"] = 4
    assert from_frame(df, **NAMES).n_units == 8
    df["start"] = 3
    with pytest.raises(NotIdentified, match="start: no unit is untreated: all 8 start in 3"):
        from_frame(df, **NAMES)
    assert from_frame(df, **NAMES, require_untreated=False).n_units == 8


def test_per_is_above_zero():
    with pytest.raises(DataFault, match="per: 0 is no number above zero"):
        from_frame(eight_units(), **NAMES, exposure="pop", per=0)


def test_what_is_no_frame_and_what_has_no_rows():
    with pytest.raises(DataFault, match="data: a dict, not a DataFrame"):
        from_frame({}, **NAMES)
    with pytest.raises(DataFault, match="data: there are no rows"):
        from_frame(eight_units().iloc[:0], **NAMES)


def test_zero_is_no_never_where_it_is_a_period():
    frame = pd.DataFrame({
        "unit": np.repeat(["a", "b", "c"], 4), "time": [-2, -1, 0, 1] * 3, "y": np.arange(12.0),
        "g": np.repeat([0, 1, np.inf], 4),
    })  # fmt: skip
    with pytest.raises(DataFault, match="g: 0 means never treated, and 0 is a period here too"):
        from_frame(frame, unit="unit", time="time", outcome="y", first_treated="g")


def test_what_names_no_column_is_said_at_once():
    with pytest.raises(DataFault) as caught:
        from_frame(pd.DataFrame({"a": [1]}), unit="a", time="a", outcome=None, first_treated="a", per="x")
    assert [fault.what for fault in caught.value.faults] == [
        "outcome: None names no column", "per: 'x' is no number above zero",
    ]  # fmt: skip


def test_a_panel_whose_units_were_all_treated_at_first_says_so():
    frame = pd.DataFrame({"unit": ["a", "a", "b", "b"], "time": [1, 2] * 2, "y": [1.0, 2, 3, 5], "g": 1})
    with pytest.raises(InputFault, match="no unit is left: 2 treated in or before the first period"):
        from_frame(frame, unit="unit", time="time", outcome="y", first_treated="g")
