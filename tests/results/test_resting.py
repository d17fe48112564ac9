"""Whom an estimate rests on: those beside it that rest on a few more or fewer would tell of these."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.errors_told import ToldErrors
from sos_eval.bundle.nested import alike_outcomes
from sos_eval.checks.common_lots import Varied
from sos_eval.estimators.callaway_santanna import CallawaySantAnna
from sos_eval.estimators.stacked import Stacked
from sos_eval.estimators.twfe import TWFE
from sos_eval.panel.tabular import from_frame
from sos_eval.results.fitted import Fitted
from sos_eval.results.members import Members
from sos_eval.results.weighing import Weighing

NEVER = CallawaySantAnna(control="never_treated", covariates=())
NOT_YET = CallawaySantAnna(control="not_yet_treated", covariates=())
ADJUSTED = CallawaySantAnna(control="not_yet_treated", adjust="reg", covariates=("kind",))
WINDOW = Stacked(window=(-3, 2))


def fitted(estimator, late=0, gap=False, kind=None, stratum=None, revised=(), by=2.0):
    """Eight starts in 2012, some in 2013, thirteen others, from 2006 to 2014; a control without one year."""
    starts = [2013] * late + [2012] * 8 + [0] * 13
    rows = [(f"A{u:02d}", start, 2006 + t) for u, start in enumerate(starts) for t in range(9)]
    frame = pd.DataFrame(rows, columns=["la", "start", "year"])
    frame["rate"] = np.random.default_rng(3).uniform(20, 60, len(frame))
    frame["rate"] *= np.where(frame["la"].isin(revised), by, 1.0)
    frame.loc[gap & (frame["la"] == "A20") & (frame["year"] == 2010), "rate"] = np.nan
    frame["kind"] = np.where(frame["la"].isin(kind or ()), "island", "main")
    panel = from_frame(frame, unit="la", time="year", outcome="rate", first_treated="start", covariates=["kind"])
    if stratum is not None:
        panel = panel.with_columns(stratum=np.where(panel.frame["unit"].isin(stratum), "island", "main").astype(object))
    return Fitted("one", "primary", estimator, estimator.complete(panel), panel)


@pytest.mark.parametrize(
    ("world", "other", "near"),
    [
        ({}, WINDOW, False),
        ({}, NOT_YET, False),
        ({"late": 1}, WINDOW, True),  # a start outside its window: 9 CS - 8 stacked was this one unit's effect
        ({"late": 2}, WINDOW, True),
        ({"late": 3}, WINDOW, False),
        ({"gap": True}, WINDOW, True),
        ({"late": 1}, NOT_YET, True),  # who begins later serves as control of who began earlier
        ({"late": 2}, NOT_YET, True),
        ({"late": 3}, NOT_YET, False),
    ],
)
def test_estimates_that_rest_on_a_few_more_are_near(world, other, near):
    mine, theirs = (Members.of(fitted(one, **world)) for one in (NEVER, other))
    assert mine.near(theirs, 3) == theirs.near(mine, 3) == near
    assert not mine.near(mine, 3)


def test_a_row_says_on_how_many_units_its_own_estimate_rests():
    """Not how many are in the panel."""
    assert Varied("window", fitted(WINDOW, late=1)).sizes == {"n_units": 21.0, "n_treated_units": 8.0}
    assert Varied("never", fitted(NEVER, late=1)).sizes == {"n_units": 22.0, "n_treated_units": 9.0}


@pytest.mark.parametrize(
    ("late", "kind", "near"),
    [
        (3, ["A00", "A03", "A04", "A05"], True),  # of those who serve until 2013 one has the kind of three treated
        (4, ["A00", "A01", "A04", "A05", "A06"], True),
        (4, ["A00", "A01", "A02", "A04", "A05", "A06", "A12", "A13", "A14"], False),
    ],
)
def test_who_serves_until_it_begins_is_set_apart_by_covariates_too(late, kind, near):
    plain, adjusted = (Members.of(fitted(one, late=late, kind=kind)) for one in (NOT_YET, ADJUSTED))
    assert plain.near(adjusted, 3) == near


STRATA = [(["A20"], True), (["A00", "A20"], True), ([f"A{k:02d}" for k in range(5, 16)], False), ([], False)]


@pytest.mark.parametrize(("stratum", "few"), STRATA)
def test_strata_of_a_few_weigh_these_otherwise(stratum, few):
    plain, within = (Members.of(fitted(TWFE(), stratum=one)) for one in (None, stratum))
    assert plain.weighs_few_otherwise(within, 3) == within.weighs_few_otherwise(within.plain(), 3) == few
    assert not within.weighs_few_otherwise(within, 3)


@pytest.mark.parametrize(("revised", "few"), [(["A20"], True), (["A00", "A20"], True), (["A01", "A02", "A20"], False)])
def test_outcomes_that_differ_for_a_few_are_alike(revised, few):
    first, second = (Members.of(fitted(NEVER, revised=one)) for one in ((), revised))
    assert first.weighs_few_otherwise(second, 3) == few
    told = {("one", "first"): first, ("one", "second"): second}
    assert alike_outcomes(told, "first", 3, ()) == (frozenset({"second"}) if few else frozenset())


def test_weights_that_one_unit_carries_are_of_one_unit():
    names = [f"A{u:02d}" for u in range(8, 21)]
    fits = [fitted(NEVER) for _ in range(3)]
    for heavy, one in zip((1e6, 4.0), fits, strict=False):
        one.panel.frame["weight"] = np.where(one.panel.frame["unit"] == "A20", heavy, 1.0)
    assert [Members.of(one).few(3) for one in fits] == [True, False, False]
    assert Weighing.of(fits[0]).carried(names, 3)
    assert not Weighing.of(fits[0]).carried(names[:-1], 3)


@pytest.mark.parametrize(("isle", "few"), [(["A00"], True), (["A00", "A01", "A02", "A03"], True), (None, False)])
def test_errors_by_fewer_clusters_than_units_may_be_part_the_sides(isle, few):
    """Of one treated authority and all others as two clusters, two procedures told the one's change."""
    own = fitted(NEVER)
    unit = own.panel.frame["unit"]
    area = np.where(unit.isin(isle or ()), "isle", np.where(own.panel.frame["first_treated"] < np.inf, "main", unit))
    own.panel.frame["cluster"] = unit if isle is None else area
    members = replace(Members.of(own), counts={})  # no count of its own is small
    assert members.parted_by_clusters(3) == few
    estimates = pd.DataFrame({"estimator": ["a"] * 2, "outcome": ["b"] * 2, "inference": ["analytic", "jackknife"]})
    errors = ToldErrors({("a", "b"): members}, 6, estimates, ("a", "b", "analytic"), {}, 3)
    assert errors.tells("a", "b", "jackknife") == (not few)
    assert errors.tells("a", "b", "analytic")
