"""Fewer units are asked what all were: no noise, effects that grow by one a period, and one unit alone starts last."""

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.checks import LeaveOneOut
from sos_eval.checks.remade import Remade
from sos_eval.errors import NotIdentified
from sos_eval.estimators import (
    ETWFE,
    CallawaySantAnna,
    DechaisemartinDhaultfoeuille,
    Imputation,
    Stacked,
    SunAbraham,
    TripleDifference,
    TwoStage,
)
from sos_eval.inference import Jackknife
from sos_eval.results.estimate import overall_place
from sos_eval.theory.moderators import Moderator, moderation
from tests.estimators.panels import panel
from tests.estimators.test_triple_difference import staggered
from tests.fakes import fit

STARTS = np.array([4.0] * 3 + [6.0] * 3 + [9.0])
GROWING = np.maximum(np.arange(1, 10) - STARTS[:, None] + 1, 0) + np.arange(7)[:, None]
METHODS = [
    ETWFE(), SunAbraham(), Imputation(), TwoStage(), CallawaySantAnna(control="not_yet_treated"),
    DechaisemartinDhaultfoeuille(), Stacked(),
]  # fmt: skip


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize("method", METHODS, ids=lambda one: one.name)
def test_without_the_last_to_start_there_is_no_estimate(method):
    """Without it the others are compared with each other in fewer periods: an error of 1.1 without noise."""
    made = fit(method, panel(GROWING, STARTS))
    effects = Jackknife().infer(made, rng()).table
    overall = effects[effects["aggregation"] == "overall"]
    assert overall["std_error"].isna().all()
    own = made.estimate.cells.loc[made.estimate.cells["aggregation"] == "overall", "reason"].iloc[0]
    assert set(overall["reason"]) == {own or "not identified without u06: no jackknife error"}
    result, _, unusual, *_ = LeaveOneOut(draws=19).check(made, rng())
    table = result.table.set_index("unit")
    assert table["estimate"].isna().tolist() == [False] * 6 + [True]
    assert table["reason"]["u06"].startswith("nothing is left to tell the effects of those that start in ")
    assert result.text.endswith("; without u06 it cannot be estimated.")
    assert "not known" in unusual.text


def test_a_cohort_that_left_takes_its_effects_along():
    starts = np.append(STARTS[2:], [np.inf, np.inf])
    made = fit(ETWFE(), panel(np.vstack([GROWING[2:], np.zeros((2, 9))]), starts))
    table = Jackknife().infer(made, rng()).table
    assert table.loc[table["aggregation"] == "overall", "std_error"].notna().all()
    lone = table[(table["aggregation"] == "cohort") & (table["cohort"] == 4)].iloc[0]
    assert lone["reason"] == "not identified without u00: no jackknife error"
    assert LeaveOneOut(draws=19).check(made, rng())[0].table["estimate"].notna().all()


def test_shares_and_adoptions_without_the_last_to_start_have_none():
    made = fit(ETWFE(), panel(GROWING, STARTS))
    shares = Remade.of(made).on_subsets(0.5, 20, rng())
    assert 0 < np.isnan(shares).sum() < 20
    starts = np.vstack([STARTS, np.where(STARTS == 9, 1.0, STARTS), np.where(STARTS == 9, 4.0, STARTS)])
    drawn, free = made.held.refit_assignments(starts), made.refit_assignments(starts)
    at = (drawn.cells["aggregation"] == "overall").to_numpy()
    assert np.isfinite(drawn.values[:, at]).ravel().tolist() == [True, False, False]
    assert np.isfinite(free.values[:, at]).all()


def test_groups_that_would_average_other_periods_are_refused():
    made = panel(GROWING, STARTS).with_columns(side=np.repeat(list("aabbaba"), 9))
    with pytest.raises(NotIdentified, match="moderators: the group side b: nothing is left to tell"):
        moderation(fit(ETWFE(), made), Moderator("side", draws=19), rng())


def test_effects_of_one_kind_are_held_on_fewer_units():
    """A triple difference has effects of eligible units alone; its panel's columns are not written to."""
    made = fit(TripleDifference(), staggered(n=12))
    assert LeaveOneOut(draws=19).check(made, rng())[0].table["estimate"].notna().all()


@pytest.mark.parametrize("method", [ETWFE(), SunAbraham(), Imputation(), TwoStage(), CallawaySantAnna()])
def test_a_unit_that_the_estimate_leaves_out_keeps_no_cohort_there(method):
    """u00 has no period before its start, so that u01 alone carries its cohort, which leaves with it."""
    y = np.random.default_rng(0).normal(size=(9, 5))
    y[0, :2] = np.nan
    made = panel(y, [3, 3, 4, 4, 4, *[np.inf] * 4])
    with_it = fit(method, replace(made, frame=made.frame[made.frame["outcome"].notna()].reset_index(drop=True)))
    without = fit(method, panel(y[2:], [4, 4, 4, *[np.inf] * 4]))
    found = with_it.held.refit(with_it.source.keep([unit for unit in with_it.source.units if unit != "u01"]))
    places = overall_place(found.cells), overall_place(without.estimate.cells)
    np.testing.assert_allclose(found.values[places[0]], without.estimate.values[places[1]], rtol=1e-10)
