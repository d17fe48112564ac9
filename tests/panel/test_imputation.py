"""Completed panels: blind to unit, treatment and outcome; too empty a covariate is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.errors import DataFault
from sos_eval.panel.imputation import GapFilling, completed
from tests.comparison.people_panel import many


def gapped():
    panel, rng = many(), np.random.default_rng(2)
    x = panel.frame["x"].where(rng.random(panel.n_rows) > 0.15)
    kind = panel.frame["kind"].where(rng.random(panel.n_rows) > 0.1)
    return panel.with_columns(x=x, kind=kind)


def filled(panel, seed=1, **options):
    return completed(panel, ("x", "kind"), GapFilling(**options), np.random.default_rng(seed)).frame


def test_gaps_are_filled_with_values_that_occur_and_noted():
    panel = gapped()
    frame = filled(panel)
    assert frame[["x", "kind"]].notna().all(axis=None)
    assert set(frame["x"]) == {0.0, 1.0, 2.0}
    assert set(frame["kind"]) == {"north", "south"}
    known = panel.frame["x"].notna()
    assert (frame["x"][known] == panel.frame["x"][known]).all()


def test_neither_unit_nor_treatment_nor_outcome_is_seen():
    panel = gapped()
    noise = np.random.default_rng(3).normal(size=panel.n_rows)
    other = panel.with_columns(outcome=noise, unit=panel.frame["unit"].to_numpy()[::-1], first_treated=np.inf)
    assert filled(panel)[["x", "kind"]].equals(filled(other)[["x", "kind"]])


def test_a_covariate_that_is_too_empty_is_refused_by_name():
    with pytest.raises(DataFault, match=r"x: .* of rows have no value, more than imputation\.max_missing allows"):
        filled(gapped(), max_missing=0.1)


def test_a_covariate_without_any_value_is_refused_whatever_the_limit():
    panel = many()
    empty = panel.with_columns(x=np.full(panel.n_rows, np.nan))
    with pytest.raises(DataFault, match="x: has no value to fill gaps from"):
        filled(empty, max_missing=1.0)


def test_as_many_completed_data_sets_as_per_cent_of_rows_have_a_gap():
    panel = gapped()
    share = panel.frame[["x", "kind"]].isna().any(axis=1).mean()
    lots = np.random.default_rng(1)
    once = completed(panel, ("x", "kind"), GapFilling(), lots)
    assert GapFilling().sets(once) == np.ceil(100 * share) > 20
    assert f"were filled {np.ceil(100 * share):.0f} times by chained equations." in once.flow[-1].reason
    assert GapFilling(number=5).sets(completed(panel, ("x", "kind"), GapFilling(number=5), lots)) == 5
    few = panel.with_columns(x=panel.frame["x"].fillna(0.0), kind=panel.frame["kind"].fillna("north").where(
        np.arange(panel.n_rows) > 0
    ))  # fmt: skip
    assert GapFilling().sets(completed(few, ("x", "kind"), GapFilling(), lots)) == 2


def test_without_a_gap_there_is_one_data_set_whatever_number_is_declared():
    for number in (None, 5):
        whole = completed(many(), ("x", "kind"), GapFilling(number=number), np.random.default_rng(1))
        assert GapFilling(number=number).sets(whole) == 1
        assert whole.flow[-1].reason == "No covariate has a gap: nothing was imputed, and there is one data set."
        assert whole.flow[-1].rows == 0
