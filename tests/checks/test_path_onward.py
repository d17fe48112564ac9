"""What is said of a path that goes on is what the estimator makes of it, whichever estimator it is."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.checks import Path
from sos_eval.checks.path import early_periods
from sos_eval.checks.path_lottery import PathLottery
from sos_eval.checks.path_onward import Onward
from sos_eval.estimators import TWFE, InterruptedTimeSeries, RothSantAnna, TripleDifference
from sos_eval.results.method import lookup, registered
from tests.estimators.panels import INF, counts_panel, panel
from tests.fakes import fit, people

#: Why a method has no such sentence: it reads people, or sets that are matched, or its weights are fitted to the path.
WITHOUT = {"aipw": "people", "matched_did": "people", "multilevel": "people", "synthetic_control": "fitted",
           "synthetic_did": "fitted"}  # fmt: skip
OPTIONS = {
    "callaway_santanna": ({}, {"control": "not_yet_treated"}, {"anticipation": 1}),
    "continuous_did": ({},),
    "dechaisemartin_dhaultfoeuille": ({}, {"effects": 1}, {"control": "never_treated"}),
    "etwfe": ({}, {"control": "never_treated"}),
    "event_study_twfe": ({},),
    "imputation": ({},),
    "interrupted_time_series": ({},),
    "poisson_did": ({},),
    "roth_santanna": ({}, {"beta": 1.0}, {"beta": 0.0}, {"beta": 0.5}),
    "stacked": ({}, {"window": (-1, 0)}, {"window": (-4, 1)}),
    "sun_abraham": ({},),
    "triple_difference": ({}, {"control": "not_yet_treated"}),
    "two_stage": ({},),
    "twfe": ({},),
}
METHODS = [(name, options) for name, every in OPTIONS.items() for options in every]


def moving(starts=(6, 6, 6, 8, 8, 8), periods=10, noise=0.01):
    """Twenty-four units without any effect: those that start fall by one a period throughout, others by -2 to 2."""
    rng = np.random.default_rng(5)
    n = len(starts)
    slopes = np.r_[np.full(n, -1.0), np.linspace(-2, 2, 24 - n)]
    levels = np.r_[np.full(n, 29.0), rng.normal(30, 3, 24 - n)][:, None]
    y = levels + slopes[:, None] * np.arange(periods) + rng.normal(0, noise, (24, periods))
    made = panel(y, [*starts, *[INF] * (24 - n)])
    codes = made.unit_codes
    return made.with_columns(
        eligible=(codes % 2).astype(float), dose=np.where(made.frame["treated"] > 0, 0.3 + 0.1 * (codes % 6), 0.0)
    )


def found(estimator, made):
    return {one.name: one for one in Path(draws=19).check(fit(estimator, made), np.random.default_rng(0))}


def onward(fitted):
    """The shifts alone, without the test."""
    space, early = fitted.space(()), early_periods(fitted)
    return Onward.of(PathLottery.of(fitted, space.draw(19, np.random.default_rng(0)), space, (), early))


def test_every_estimator_is_looked_at():
    assert {*OPTIONS, *WITHOUT} == set(registered("estimator"))


@pytest.mark.parametrize(("name", "options"), METHODS, ids=[f"{name}-{options}" for name, options in METHODS])
def test_the_path_that_goes_on_is_the_estimate_where_nothing_else_happens(name, options):
    estimator = lookup("estimator", name)(**options)
    made = moving()
    if name == "interrupted_time_series":
        made = moving((10,) * 6, periods=18)
    if name == "poisson_did":  # in logs, to first order
        y = made.matrix()
        made = counts_panel(
            np.exp(0.01 * (y - y.mean(1, keepdims=True))) * 100, np.full(y.shape, 1e4), made.first_treated
        )
    fitted = fit(estimator, made)
    value = fitted.estimate.values[(fitted.estimate.cells["aggregation"] == "overall").to_numpy()][0]
    if name == "poisson_did":
        assert found(estimator, made)["path.gone_on_as_answered"].value == pytest.approx(value, rel=0.1)
        return
    assert onward(fitted).gone_on == pytest.approx(value, abs=0.05)


@pytest.mark.parametrize("name", [name for name, why in WITHOUT.items() if why == "fitted"])
def test_weights_that_are_fitted_to_the_path_leave_nothing_to_go_on(name):
    rows = found(lookup("estimator", name)(), moving())
    for one in ("gone_on", "returned", "implied_bias"):
        assert np.isnan(rows[f"path.{one}"].value)
        assert rows[f"path.{one}"].text == (
            "Not done: its weights are fitted to the earlier periods, so that the path left there is the fit's own."
        )
    assert np.isfinite(rows["path.slope"].value)


def test_a_series_that_is_drawn_on_is_moved_by_a_return_alone():
    """Eight earlier periods by hand: the line through what is seen, drawn on, is what a return falls short of."""
    made = moving((9,) * 6, periods=16, noise=0.0)
    shifts = onward(fit(InterruptedTimeSeries(), made))
    assert shifts.gone_on == 0.0
    # treated less comparison falls by one a period from 3.5 to -3.5; drawn on through eight more it is -8 on average
    assert shifts.returned == pytest.approx(8.0, abs=1e-9)


def test_how_much_of_a_level_an_adjustment_leaves_is_part_of_the_path():
    """With a difference in means the earlier level counts; of the last period's difference beta is taken off."""
    made = moving(noise=0.0, starts=(6,) * 6)
    y = made.matrix()
    apart = y[:6].mean(0) - y[6:].mean(0)
    for beta in (0.0, 0.5, 1.0):
        shifts = onward(fit(RothSantAnna(beta=beta), made))
        assert shifts.gone_on == pytest.approx(apart[5:].mean() - beta * apart[4], abs=1e-9)
        assert shifts.returned == pytest.approx(apart[:5].mean() - beta * apart[4], abs=1e-9)


def test_eligible_and_others_go_on_each_by_itself():
    """The eligible fall by two a period and the others stand still: together one a period, apart two."""
    made = moving(noise=0.0)
    kind, ever = made.frame["eligible"].to_numpy(), np.isfinite(made.frame["first_treated"])
    own = np.where(ever, np.where(kind == 1, -2.0, 0.0), 0.0) * made.frame["time"].to_numpy()
    noise = np.random.default_rng(2).normal(0, 0.01, len(own))
    made = made.with_outcome(30.0 + own + noise)
    rows = found(TripleDifference(), made)
    value = fit(TripleDifference(), made).estimate
    overall = (value.cells["aggregation"] == "overall").to_numpy()
    assert rows["path.gone_on"].value == pytest.approx(value.values[overall][0], abs=0.05)
    assert rows["path.gone_on"].value < -4
    assert "had gone on, as eligible and other units each moved, it alone" in rows["path.gone_on"].text
    assert "sets kinds of units against each other" in rows["path.implied_bias"].text


def test_rows_of_people_have_no_path_to_go_on():
    rows = {one.name: one for one in Path(draws=19).check(fit(TWFE(), people()), np.random.default_rng(0))}
    assert list(rows) == ["path.joint"]
    assert "rows are people or events" in rows["path.joint"].text
