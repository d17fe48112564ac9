"""Two groups and two periods against the R package DRDID 1.2.3."""

from __future__ import annotations

import causaldata
import numpy as np
import pytest

from sos_eval.estimators import TWFE
from sos_eval.numerics.covariance import cr0
from sos_eval.numerics.two_by_two import of_changes, of_levels
from tests.estimators.panels import panel
from tests.numerics.test_covariance import fitted
from tests.reference.stored import cases, data

pytestmark = pytest.mark.reference

SAME = 1e-8  # logit and least squares have one solution each; DRDID's logit stops at a deviance change of 1e-8
CHANGES = {
    "reg": "reg", "ipw": "ipw_std", "dr": "dr_traditional", "dr_improved": "dr_improved",
}  # fmt: skip
LEVELS = {
    "reg": "reg", "ipw": "ipw_std", "dr": "dr_efficient", "dr_comparison": "dr_not_efficient",
    "dr_improved": "dr_improved",
}  # fmt: skip


def _stored(case_id):
    return cases("drdid_2x2")[case_id]["values"]


def _agrees(effect, stored):
    np.testing.assert_allclose(effect.value, stored["att"], rtol=SAME)
    np.testing.assert_allclose(np.sqrt((effect.score**2).sum(0)), stored["se"], rtol=SAME)
    np.testing.assert_array_equal(len(effect.score), stored["n"])


def _with_constant(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns]).astype(float)


def _care():
    """Outcomes of two years (n, 2), who is treated, covariates with a constant."""
    df = data("sim_care_152x20.csv")
    wide = df[df["g"].isin([0, 2010, 2012])].pivot(index="unit", columns="year", values="y")[[2009, 2010]]
    first = df.drop_duplicates("unit").set_index("unit").loc[wide.index]
    return wide.to_numpy(), (first["g"] > 0).to_numpy(), _with_constant(first["x1"], first["x2"])


def _nsw():
    df = causaldata.nsw_mixtape.load_pandas().data
    numbers = df[["treat", "age", "educ", "black", "re74", "re75", "re78"]].astype("float64")
    x = _with_constant(numbers["age"], numbers["educ"], numbers["black"], numbers["re74"] / 1000)
    return numbers[["re75", "re78"]].to_numpy(), (numbers["treat"] == 1).to_numpy(), x


@pytest.mark.parametrize("adjust", CHANGES)
@pytest.mark.parametrize("case_id", ["care_2009_2010_panel", "nsw_randomised_panel"])
def test_panel(case_id, adjust):
    wide, treated, x = _care() if case_id.startswith("care") else _nsw()
    effect = of_changes((wide[:, 1] - wide[:, 0])[:, None], treated, x, np.ones(len(x)), adjust)
    _agrees(effect, _stored(case_id)[CHANGES[adjust]])


@pytest.mark.parametrize("case_id", ["care_2009_2010_panel", "nsw_randomised_panel"])
def test_two_way_fixed_effects(case_id):
    """Covariates that do not vary over time drop out of the coefficient.

    DRDID's errors are those of the pooled regression on constant, treated, later, both, and covariates, robust by row:
    a sandwich with every row its own cluster.
    """
    wide, treated, x = _care() if case_id.startswith("care") else _nsw()
    stored = _stored(case_id)["twfe"]
    estimate = TWFE().complete(panel(wide, np.where(treated, 2, np.inf)))
    np.testing.assert_allclose(estimate.values, [stored["att"]], rtol=SAME)
    later, d = np.repeat([0.0, 1.0], len(wide)), np.tile(treated * 1.0, 2)
    columns = np.column_stack([d * later, d, later, np.vstack([x, x])])
    fit, design = fitted(wide.T.ravel(), columns, np.arange(len(columns)))
    error, n = np.sqrt(cr0(design).covariance[0, 0]), len(columns)
    np.testing.assert_allclose(fit.coef[0], stored["att"], rtol=SAME)
    np.testing.assert_allclose(error, stored["se"], rtol=SAME)
    np.testing.assert_allclose(error * np.sqrt(n / (n - 1)), stored["se_pkg"], rtol=SAME)
    np.testing.assert_array_equal(n, stored["n"])


def _cross_sections():
    df = data("drdid_sim_rc.csv")
    x = _with_constant(*(df[c] for c in ("x1", "x2", "x3", "x4")))
    return df["y"].to_numpy()[:, None], (df["d"] == 1).to_numpy(), (df["post"] == 1).to_numpy(), x


@pytest.mark.parametrize("adjust", LEVELS)
def test_cross_sections(adjust):
    y, treated, post, x = _cross_sections()
    effect = of_levels(y, treated, post, x, np.ones(len(x)), adjust, as_drdid=True)
    _agrees(effect, _stored("sim_rc_x")[LEVELS[adjust]])


def test_our_sign_is_the_derivative():
    """Reweighting one observation moves the estimate by its score; with DRDID's sign it does not."""
    y, treated, post, x = _cross_sections()
    ours = of_levels(y, treated, post, x, np.ones(len(x)), "dr")
    theirs = of_levels(y, treated, post, x, np.ones(len(x)), "dr", as_drdid=True)
    step, rows = 1e-5, range(0, len(x), 50)
    moved = []
    for i in rows:
        up, down = (
            of_levels(y, treated, post, x, 1 + sign * step * (np.arange(len(x)) == i), "dr") for sign in (1, -1)
        )
        moved.append((up.value[0] - down.value[0]) / (2 * step))
    np.testing.assert_allclose(ours.score[rows, 0], moved, atol=1e-7)
    assert np.abs(theirs.score[rows, 0] - moved).max() > 1e-3
