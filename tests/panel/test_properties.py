"""Properties of reading: order, relabelling and format of the rows do not matter; large data stay quick."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_eval.errors import DataFault, Faults, InputFault
from sos_eval.panel.flow import flow_table
from sos_eval.panel.read.columns import as_text, parsed, texts
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.tabular import from_frame
from tests.panel.test_tabular import NAMES, eight_units


@given(st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans()), min_size=1))
@settings(max_examples=100, deadline=None)
def test_any_column_parses_to_numbers_missing_or_bad(values):
    """Every cell is exactly one of: a finite number, missing, or bad with its words."""
    column = pd.Series(values, dtype=object)
    numbers, bad, words = parsed(Reading(column.to_frame("x"), "data", Faults(DataFault)), "x")
    assert not np.isinf(numbers).any()
    for value, number, is_bad, word in zip(values, numbers, bad, words, strict=True):
        empty = as_text(value) == ""
        assert (not np.isnan(number)) + empty + bool(is_bad) == 1
        assert bool(word) == bool(is_bad)


@given(st.lists(st.text(), min_size=1))
@settings(max_examples=100, deadline=None)
def test_texts_round_trip(values):
    codes, distinct = texts(pd.Series(values, dtype=object))
    assert [([*distinct, ""])[code] for code in codes] == [as_text(value) for value in values]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_flow_always_adds_up(data):
    """Whatever is missing or treated early: rows at the start less rows dropped are the rows at the end."""
    df = eight_units()
    gone = data.draw(st.sets(st.integers(0, 39), max_size=12))
    empty = data.draw(st.sets(st.integers(0, 39), max_size=12))
    df.loc[list(empty), "y"] = np.nan
    df.loc[df["la"] == data.draw(st.integers(1, 8)), "start"] = data.draw(st.integers(0, 7))
    df = df.drop(list(gone))
    try:
        panel = from_frame(df, **NAMES)
    except InputFault:
        return
    flow = flow_table(panel)
    dropped = flow[flow["what"] == "dropped"]
    assert flow["rows"].iloc[0] - dropped["rows"].sum() == flow["rows"].iloc[-1] == panel.n_rows
    assert flow["units"].iloc[0] - dropped["units"].sum() == flow["units"].iloc[-1] == panel.n_units


def test_names_of_units_do_not_matter():
    """Relabelled units give the same outcomes by unit."""
    df = eight_units()
    other = df.assign(la=df["la"].map(lambda unit: f"E{90 - unit}"))
    one, two = from_frame(df, **NAMES), from_frame(other, **NAMES)
    np.testing.assert_array_equal(one.matrix(), two.matrix()[::-1])


@pytest.mark.slow
def test_two_hundred_thousand_units_load_in_seconds():
    """2 million rows took 2.2 s on the machine this was written on; the limit leaves room for a busy one."""
    n, t = 200_000, 10
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "la": np.repeat(np.arange(n), t),
            "year": np.tile(np.arange(t), n),
            "start": np.repeat(rng.choice([0, 3, 5, 7], n), t),
            "y": rng.poisson(20, n * t),
            "pop": rng.integers(1000, 2000, n * t),
        }
    )
    began = time.process_time()
    panel = from_frame(df, **NAMES, exposure="pop", per=1e4)
    assert panel.n_rows == n * t
    assert time.process_time() - began < 12


@pytest.mark.parametrize("kind", ["int64", "float64", "Int64", "str", "category", "object"])
def test_every_type_of_column_is_read_alike(kind):
    df = eight_units()
    expected = from_frame(df, **NAMES).frame
    other = df.astype({"la": kind, "year": kind, "start": kind})
    pd.testing.assert_frame_equal(from_frame(other, **NAMES).frame, expected)
