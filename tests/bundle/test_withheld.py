"""Which rows are held back, on tables small enough to see through."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.bundle import BundleContent
from sos_eval.bundle.content import Confidential
from sos_eval.bundle.gate import gated
from sos_eval.bundle.withheld import path_rows, result_rows
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.flow import EXCLUDED_EPISODES
from sos_eval.terms import EFFECT_COLUMNS, FLOW_COLUMNS
from tests.bundle.handmade import content


def effects(*rows):
    """Rows of (aggregation, cohort, time, event time, treated units); ten units are never treated."""
    table = pd.DataFrame(rows, columns=["aggregation", "cohort", "time", "event_time", "n_treated_units"])
    return table.assign(n_units=table["n_treated_units"] + 10)


def test_a_cohort_of_one_takes_the_next_and_all_cells_with_it():
    table = effects(
        ("group_time", 2012, 2012, 0, 1), ("group_time", 2013, 2013, 0, 4), ("group_time", 2014, 2014, 0, 9),
        ("cohort", 2012, np.nan, np.nan, 1), ("cohort", 2013, np.nan, np.nan, 4), ("cohort", 2014, np.nan, np.nan, 9),
        ("event_time", np.nan, np.nan, 0, 14), ("event_time", np.nan, np.nan, np.nan, 14),
        ("overall", np.nan, np.nan, np.nan, 14), ("simple", np.nan, np.nan, np.nan, 14),
    )  # fmt: skip
    few, back = result_rows(table, 3)
    assert np.flatnonzero(few).tolist() == [0, 3]
    assert np.flatnonzero(back).tolist() == [1, 2, 4, 7, 9]


def test_margins_that_give_a_small_cohort_back_are_closed():
    """Cohorts of 4, 2 and 1: event time 2 is the first cohort's last cell and calendar 2012 its first, so that its own
    average gives the middle one, event time 1 then two units' effect, and so on to the one unit of 2014."""
    cells = [("group_time", g, t, t - g, n) for g, n in ((2012, 4), (2013, 2), (2014, 1)) for t in range(g, 2015)]
    margins = [("event_time", np.nan, np.nan, e, n) for e, n in enumerate((7, 6, 4))]
    margins += [("calendar", np.nan, 2012 + k, np.nan, n) for k, n in enumerate((4, 6, 7))]
    table = effects(*cells, *margins, ("cohort", 2012, np.nan, np.nan, 4), ("overall", np.nan, np.nan, np.nan, 7))
    few, back = result_rows(table, 3)
    shown = table[~(few | back)]
    assert (shown["aggregation"] != "group_time").all()
    assert (shown["aggregation"] == "overall").any()
    first = shown["aggregation"].isin(["cohort"]) | (shown["event_time"] == 2) | (shown["time"] == 2012)
    assert not (first.sum() == 3 and (shown["event_time"] == 1).any())


def test_three_small_cohorts_hide_one_another():
    table = effects(*[("cohort", 2012 + k, np.nan, np.nan, n) for k, n in enumerate([1, 1, 1, 6])])
    few, back = result_rows(table, 3)
    assert few.tolist() == [True, True, True, False]
    assert not back.any()


def test_a_comparison_of_two_units_is_few():
    table = effects(("overall", np.nan, np.nan, np.nan, 8)).assign(n_units=10)
    assert result_rows(table, 3)[0].all()


def paths(*rows):
    """Rows of (group, cohort, time) with the counts behind them, exposure 100; weights where a fifth is given."""
    table = pd.DataFrame([row[:3] for row in rows], columns=["group", "cohort", "time"]).assign(outcome="outcome")
    weights = [row[4] if len(row) > 4 else dict.fromkeys(row[3], 1.0) for row in rows]
    behind = [
        np.array([(unit, 0.01, count, weight[unit]) for unit, count in row[3].items()])
        for row, weight in zip(rows, weights, strict=True)
    ]
    return table.assign(n_units=[len(row[3]) for row in rows]), behind


def test_a_mean_that_one_small_count_carries_takes_its_path():
    table, behind = paths(
        ("treated", np.nan, 2010, {0: 5, 1: 9, 2: 4}), ("treated", np.nan, 2011, {0: 1, 1: 0, 2: 0}),
        ("comparison", np.nan, 2010, {3: 5, 4: 9, 5: 4}), ("comparison", np.nan, 2011, {3: 1, 4: 1, 5: 0}),
    )  # fmt: skip
    few, back = path_rows(table, behind, 3)
    assert not few.any()
    assert back.tolist() == [True, True, False, False]


def test_a_mean_that_puts_a_count_below_what_is_shown_takes_its_path():
    """Counts 2, 0 and 1 of equal exposure: none is above 3, which is below 6; 5, 9 and 4 leave 0 to 18 open."""
    rows = [("treated", np.nan, 2010, {0: 2, 1: 0, 2: 1}), ("comparison", np.nan, 2010, {3: 5, 4: 9, 5: 4})]
    table, behind = paths(*rows)
    assert path_rows(table, behind, 3, 6)[1].tolist() == [True, False]
    assert path_rows(table, behind, 3, 0)[1].tolist() == [False, False]


def test_matching_that_leaves_out_one_unit_hides_the_untreated_before_it():
    chosen, before = {3: 5, 4: 9, 5: 4}, {3: 5, 4: 9, 5: 4, 6: 2}
    table, behind = paths(("comparison", np.nan, 2010, chosen), ("comparison_before", np.nan, 2010, before))
    assert path_rows(table, behind, 3)[1].tolist() == [False, True]


@pytest.mark.parametrize(("last", "held"), [(1.0, False), (0.5, True)])
def test_weights_that_differ_hide_the_untreated_before_them(last, held):
    """Weighted and plain, two means of the same units are two equations: every count of one small donor came back."""
    counts = {3: 50, 4: 90, 5: 4}
    chosen = ("comparison", np.nan, 2010, counts, {3: 1.0, 4: 1.0, 5: last})
    table, behind = paths(chosen, ("comparison_before", np.nan, 2010, counts))
    assert path_rows(table, behind, 3)[1].tolist() == [False, held]


def test_without_a_profile_nothing_is_touched():
    content = BundleContent(design={}, estimates=pd.DataFrame(columns=list(EFFECT_COLUMNS)))
    assert gated(content, Confidential()) is content


def test_episodes_that_rules_exclude_are_counts_of_people_in_the_flow_of_any_panel():
    rows = [("start", "start", 14, 126, "", ""), *((EXCLUDED_EPISODES, "noted", 0, n, "", "gap: …") for n in (3, 226))]
    flow = pd.DataFrame(rows, columns=list(FLOW_COLUMNS))
    shown = gated(content(flow=flow), Confidential(disclosure=Disclosure(profile="dfe"))).flow["rows"]
    assert shown.fillna(-1).tolist() == [126, -1, 225]
