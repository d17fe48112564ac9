"""Staggered triple differences against the R package triplediff 0.2.4."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.estimators import TripleDifference
from sos_eval.inference.analytic import Analytic
from sos_eval.panel.tabular import from_frame
from tests.fakes import fit
from tests.reference.stored import cases, data

pytestmark = pytest.mark.reference

#: The file's own: its logits stop at other tolerances.
ATT_REL, ATT_ABS, SE_REL = 1e-6, 1e-8, 1e-5
CONTROL = {"nevertreated": "never_treated", "notyettreated": "not_yet_treated"}
AGGREGATES = {"agg_eventstudy": ("event_time", "event_time"), "agg_group": ("cohort", "cohort"),
              "agg_calendar": ("calendar", "time")}  # fmt: skip


def fitted_of(spec):
    frame = data("sim_ddd_600x6.csv")
    if "rows" in spec:
        frame = frame[frame["g"].isin([0, 2014]) & frame["year"].isin([2013, 2014])]
    plain = spec.get("xformla") == "~1"
    panel = from_frame(
        frame, unit="unit", time="year", outcome="y", first_treated="g", covariates=("eligible", "x"),
    )  # fmt: skip
    method = TripleDifference(
        control=CONTROL[spec.get("control_group", "nevertreated")], adjust="none" if plain else spec["est_method"],
        base_period=spec.get("base_period", "varying"),
    )  # fmt: skip
    return fit(method, panel)


def table_of(spec):
    return Analytic().infer(fitted_of(spec), np.random.default_rng(0)).table


@pytest.mark.parametrize("name", [name for name in cases("triple_difference") if "two_period" not in name])
def test_staggered(name):
    stored = cases("triple_difference")[name]["values"]
    table = table_of(cases("triple_difference")[name]["spec"])
    cell = table[table["aggregation"] == "group_time"].set_index(["cohort", "time"])
    cell = cell.loc[list(zip(stored["group"], stored["t"], strict=True))]
    np.testing.assert_allclose(cell["estimate"], stored["att"], rtol=ATT_REL, atol=ATT_ABS)
    # cells with two comparison cohorts: there its covariance, and so its error, divides by n - 1
    several = np.array(["notyet" in name and cohort == 2014 and time < 2016 for cohort, time in cell.index])
    divided = np.where(several, np.sqrt(600 / 599), 1.0)
    np.testing.assert_allclose(cell["std_error"] * divided, np.array(stored["se"], float), rtol=SE_REL)
    for key, (aggregation, column) in AGGREGATES.items():
        rows = table[table["aggregation"] == aggregation].set_index(column)
        wanted = stored[key]
        np.testing.assert_allclose(rows.loc[wanted["level"], "estimate"], wanted["att"], rtol=ATT_REL, atol=ATT_ABS)
        np.testing.assert_allclose(rows.loc[wanted["level"], "std_error"], np.array(wanted["se"], float), rtol=SE_REL)
    for key, aggregation in (("agg_simple", "simple"), ("agg_group", "overall")):
        row = table[table["aggregation"] == aggregation].iloc[0]
        assert row["estimate"] == pytest.approx(stored[key]["overall"], rel=ATT_REL)
        if key == "agg_simple":
            assert row["std_error"] == pytest.approx(stored[key]["overall_se"], rel=SE_REL)


@pytest.mark.parametrize("name", [name for name in cases("triple_difference") if "two_period" not in name])
def test_error_of_the_mean_of_cohorts(name):
    """The package takes the first cohort's units for those of every cohort in the part of estimated shares.

    With that put in our influence gives its error; without it ours holds each cohort's own.
    """
    stored = cases("triple_difference")[name]["values"]["agg_group"]
    estimate = fitted_of(cases("triple_difference")[name]["spec"]).estimate
    cell, start = estimate.cells, estimate.panel.first_treated
    rows = np.flatnonzero((cell["aggregation"] == "cohort") & cell["cohort"].notna())
    each = np.array([start == g for g in cell["cohort"].to_numpy()[rows]]).T.astype(float)
    share, n = each.mean(0), len(start)
    mean = estimate.influence[:, rows] @ (share / share.sum())

    def error(members):
        moved = (members - share) / share.sum() - np.outer((members - share).sum(1), share / share.sum() ** 2)
        return np.sqrt(((mean + moved @ estimate.values[rows]) ** 2).mean() / n)

    own = np.flatnonzero(cell["aggregation"] == "overall")[0]
    assert error(each) == pytest.approx(np.sqrt((estimate.influence[:, own] ** 2).mean() / n), rel=1e-9)
    assert error(each[:, [0, 0]]) == pytest.approx(stored["overall_se"], rel=SE_REL)


def test_two_periods():
    case = cases("triple_difference")["ddd_two_period_dr_x"]
    fitted = fitted_of(case["spec"])
    table, n = Analytic().infer(fitted, np.random.default_rng(0)).table, fitted.panel.n_units
    row = table[table["aggregation"] == "overall"].iloc[0]
    assert row["estimate"] == pytest.approx(case["values"]["att"], rel=ATT_REL)
    # in the case of two periods its error divides by n - 1, elsewhere by n
    assert row["std_error"] * np.sqrt(n / (n - 1)) == pytest.approx(case["values"]["se"], rel=SE_REL)
