"""Group-time effects against the R package did 2.5.1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import CallawaySantAnna
from tests.reference.did_cases import CONTROL, agrees, cases, castle, data, panel_of

pytestmark = pytest.mark.reference

SAME = 1e-8  # the mathematics is the same; the files hold 15 digits


def _fit(df, spec):
    method = CallawaySantAnna(
        control=CONTROL[spec["control_group"]], adjust="none",
        anticipation=spec.get("anticipation", 0), base_period=spec.get("base_period", "varying"),
    )  # fmt: skip
    return method.complete(panel_of(df, spec))


def _subset(df: pd.DataFrame, spec) -> pd.DataFrame:
    subset = spec.get("subset", "")
    if "first.treat>0" in subset:
        return df[df["first.treat"] > 0]
    return df[df["year"] >= 2004] if "year>=2004" in subset else df


def _unadjusted(name):
    return [param for param in cases(name) if param.values[0] is None or param.values[0]["spec"]["xformla"] == "~1"]


@pytest.mark.parametrize("case", _unadjusted("did_mpdta"))
def test_mpdta(case):
    estimate = _fit(_subset(data("mpdta.csv"), case["spec"]), case["spec"])
    agrees(estimate, case["values"], rtol=SAME)
    assert estimate.panel.n_units == case["values"]["n_units"]


@pytest.mark.parametrize("case", _unadjusted("did_sim_care"))
def test_sim_care(case):
    agrees(_fit(data("sim_care_152x20.csv"), case["spec"]), case["values"], rtol=SAME)


@pytest.mark.parametrize("case", _unadjusted("did_castle"))
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


def test_covariance_of_cells():
    """The whole covariance matrix, not only its diagonal: V = IF'IF / n."""
    case = next(param.values[0] for param in _unadjusted("did_mpdta") if param.id == "never_unc")
    if case is None:
        pytest.skip("no reference")
    estimate = _fit(data("mpdta.csv"), case["spec"])
    influence = estimate.influence[:, :12]
    np.testing.assert_allclose(influence.T @ influence / 500, case["values"]["V"], rtol=SAME, atol=1e-12)
