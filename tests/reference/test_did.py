"""Group-time effects against the R package did 2.5.1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks import Pretrends
from sos_eval.estimators import CallawaySantAnna
from sos_eval.results.fitted import Fitted
from tests.reference.did_cases import CONTROL, agrees, by_event_time, panel_of
from tests.reference.stored import cases, castle, data, params

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the files hold 15 digits
WALD = 1e-6  # the same mathematics, through the inverse of a covariance that is nearly singular for many cells
STOPPED = (
    1e-7  # DRDID's logit stops at a relative deviance change of 1e-8, which levels of about 30 show in effects of 0.05
)


def _fit(df, spec, layout="panel", **more):
    method = CallawaySantAnna(
        control=CONTROL[spec["control_group"]], adjust=spec["est_method"] if spec["xformla"] != "~1" else "none",
        anticipation=spec.get("anticipation", 0), base_period=spec.get("base_period", "varying"), **more,
    )  # fmt: skip
    return method.complete(panel_of(df, spec, layout))


def _wald(estimate, stored):
    """Joint test of cells before the start, anticipated ones included, as did has it; did rounds p to five digits."""
    if stored["wald"] is None:
        return
    test = Pretrends(include_anticipation=True, distribution="chi2", of="group_time")
    joint = test.check(Fitted("did", "primary", CallawaySantAnna(), estimate, estimate.panel), None)[0]
    np.testing.assert_allclose(joint.table["wald"].iloc[0], stored["wald"], rtol=WALD)
    np.testing.assert_allclose(joint.value, stored["wald_p"], atol=5e-6, rtol=0)


def _subset(df: pd.DataFrame, spec) -> pd.DataFrame:
    subset = spec.get("subset", "")
    if "first.treat>0" in subset:
        return df[df["first.treat"] > 0]
    return df[df["year"] >= 2004] if "year>=2004" in subset else df


@pytest.mark.parametrize("case", params("did_mpdta"))
def test_mpdta(case):
    estimate = _fit(_subset(data("mpdta.csv"), case["spec"]), case["spec"])
    agrees(estimate, case["values"], rtol=SAME)
    _wald(estimate, case["values"])
    assert estimate.panel.n_units == case["values"]["n_units"]


@pytest.mark.parametrize(
    ("name", "options"), [("dynamic_balance_e1", {"balance_e": 1}), ("dynamic_window", {"window": (-1, 2)})]
)
@pytest.mark.parametrize("case", [cases("did_mpdta")["never_unc_balance1"]], ids=["never_unc_balance1"])
def test_balanced_and_windowed_event_times(case, name, options):
    estimate = _fit(data("mpdta.csv"), case["spec"], **options)
    by_event_time(estimate, case["values"][name], rtol=SAME)
    whole = _fit(data("mpdta.csv"), case["spec"])
    others = [one.cells["aggregation"] != "event_time" for one in (estimate, whole)]
    np.testing.assert_array_equal(estimate.values[others[0]], whole.values[others[1]])


@pytest.mark.parametrize("case", params("did_sim_care"))
def test_sim_care(case):
    estimate = _fit(data("sim_care_152x20.csv"), case["spec"])
    agrees(estimate, case["values"], rtol=SAME)
    _wald(estimate, case["values"])


@pytest.mark.parametrize("case", params("did_castle"))
def test_castle(case):
    """Two cohorts hold one state each: errors as did's, and a reason that says what they leave out."""
    estimate = _fit(castle(), case["spec"])
    agrees(estimate, case["values"], rtol=SAME)
    alone = estimate.cells["n_treated_units"] == 1
    assert set(estimate.cells["cohort"][alone].dropna()) == {2006.0, 2010.0}
    assert (
        estimate.cells["reason"][alone & (estimate.cells["aggregation"] == "group_time")]
        .str.contains("one treated")
        .all()
    )


@pytest.mark.parametrize("case", params("did_sim_rc"))
def test_cross_sections(case):
    """The error of dr repeats DRDID's sign unless asked for `exact`: see `test_drdid.py`."""
    estimate = _fit(data("sim_rc.csv"), case["spec"], "cross_sections")
    agrees(estimate, case["values"], rtol=SAME if case["spec"]["xformla"] == "~1" else STOPPED)
    _wald(estimate, case["values"])
    assert estimate.panel.n_influence == case["values"]["n_units"]


@pytest.mark.parametrize("case", params("did_sim_unbalanced"))
def test_unbalanced(case):
    df = data("sim_unbalanced_152x12.csv")
    if not case["spec"].get("allow_unbalanced_panel"):
        df = df[df.groupby("unit")["year"].transform("nunique") == df["year"].nunique()]
    estimate = _fit(df, case["spec"], gaps="levels")  # what did does of gaps where it is asked to allow them
    agrees(estimate, case["values"], rtol=SAME)
    _wald(estimate, case["values"])
    assert estimate.panel.n_units == case["values"]["n_units"]


def test_covariance_of_cells():
    """The whole covariance matrix, not only its diagonal: V = IF'IF / n."""
    case = cases("did_mpdta")["never_unc"]
    estimate = _fit(data("mpdta.csv"), case["spec"])
    influence = estimate.influence[:, :12]
    np.testing.assert_allclose(influence.T @ influence / 500, case["values"]["V"], rtol=SAME, atol=1e-12)
