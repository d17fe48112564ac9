import numpy as np
import pytest

from sos_eval.bundle.tables import adoption, outcome_paths, panel_facts
from sos_eval.errors import OurFault
from tests.bundle.handmade import UNITS, panel


def line(table, group, cohort=None):
    own = table[table["group"] == group]
    own = own[own["cohort"].isna()] if cohort is None else own[own["cohort"] == cohort]
    return own.set_index("time")


def test_means_by_hand():
    """2011: treated units have 30, 31, 32, 33; untreated 34 to 41. From 2016 on each treated unit has 3 less."""
    table = outcome_paths(panel())
    assert line(table, "treated").loc[2011, "mean"] == pytest.approx(31.5, abs=1e-12)
    assert line(table, "comparison").loc[2011, "mean"] == pytest.approx(37.5, abs=1e-12)
    assert line(table, "treated").loc[2016, "mean"] == pytest.approx(31.5 + 2.5 - 3, abs=1e-12)
    assert line(table, "treated", 2016.0).loc[2015, "mean"] == pytest.approx(32.5 + 2.0, abs=1e-12)
    assert "comparison_before" not in set(table["group"])


def test_pooled_rate_is_total_count_over_total_exposure():
    """Exposures of the four pilots: 50, 51, 52, 53 thousand."""
    exposure = np.array([50, 51, 52, 53]) * 1e3
    by_hand = (np.array([30, 31, 32, 33]) * exposure).sum() / exposure.sum()
    assert line(outcome_paths(panel()), "treated").loc[2011, "mean_pooled"] == pytest.approx(by_hand, abs=1e-12)


def test_comparison_weights_choose_who_stands_in():
    """Half of unit 305 (34) and one of 306 (35) give 34.67; before selection the eight untreated remain visible."""
    weights = np.zeros(12)
    weights[:4], weights[4], weights[5] = 1.0, 0.5, 1.0
    table = outcome_paths(panel(), weights)
    chosen = line(table, "comparison").loc[2011]
    assert chosen["mean"] == pytest.approx((0.5 * 34 + 35) / 1.5, abs=1e-12)
    assert chosen["n_units"] == 2
    assert line(table, "comparison_before").loc[2011, "n_units"] == 8
    assert line(table, "treated").loc[2011, "n_units"] == 4
    with pytest.raises(OurFault, match="3 comparison weights for 12 units"):
        outcome_paths(panel(), np.ones(3))


def test_omitted_times_are_rows_without_a_mean_and_flags_carry_their_reason():
    table = line(outcome_paths(panel()), "treated")
    assert np.isnan(table.loc[2013, "mean"])
    assert table.loc[2013, "n_units"] == 0
    assert table.loc[2013, "omitted"] == "boundaries changed"
    assert table.loc[2018, "flagged"] == "new recording rule"
    assert table.loc[2017, "flagged"] == ""


def test_a_missing_outcome_is_left_out_of_the_mean_and_of_n():
    """Without unit 301 the mean of 2011 is that of 31, 32, 33."""
    whole = panel()
    column = whole.frame["outcome"].mask((whole.frame["unit"] == "301") & (whole.frame["time"] == 2011))
    found = line(outcome_paths(whole.with_columns(outcome=column)), "treated").loc[2011]
    assert found["mean"] == pytest.approx(32.0, abs=1e-12)
    assert found["n_units"] == 3


def test_adoption_lists_starters_first_and_does_not_claim_what_is_unknown():
    table = adoption(panel())
    assert table["unit"].tolist() == list(UNITS)
    assert table["first_treated"].tolist()[:4] == [2015, 2015, 2016, 2016]
    assert table["first_treated"].isna().sum() == 8
    assert table.set_index("unit").loc["301", "embedded"] == 2016
    assert table.set_index("unit").loc["303", "stopped"] == 2019
    assert set(table["status"]) == {"treated", "not known to be treated"}


def test_panel_facts_by_hand():
    """Mean exposure of units numbered 0 to 11 is 55,500; treated before: pilots' mean rate over their own pre years."""
    facts = panel_facts(panel())
    entry = facts.outcomes["entry"]
    assert entry.mean_exposure == pytest.approx(55_500)
    assert entry.mean_exposure_treated == pytest.approx(51_500)
    before = [
        30 + i + 0.5 * (t - 2011) for i, s in enumerate([2015, 2015, 2016, 2016]) for t in range(2011, s) if t != 2013
    ]
    assert entry.mean_treated_before == pytest.approx(np.mean(before), abs=1e-12)
    assert (facts.n_treated_units, facts.n_comparison_units, facts.n_clusters) == (4, 8, 12)
    assert facts.flagged_times == {"2018": "new recording rule"}
