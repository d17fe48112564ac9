"""Diverging paths: the path by hand, what its covariance is, and what is said where nothing can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.checks import HonestDiD
from sos_eval.checks.event_path import event_path
from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, Imputation, PoissonDiD, SunAbraham
from sos_eval.numerics.path_sets import CUT
from sos_eval.panel.panel import Panel
from sos_eval.results.check import at_most
from tests.estimators.panels import INF, counts_panel, panel
from tests.fakes import fit, noise_panel


def eight() -> Panel:
    y = np.array([[1, 2, 6, 9], [0, 1, 2, 5], [2, 2, 2, 2], [1, 1, 4, 4], [0, 2, 1, 3], [3, 3, 3, 1], [2, 1, 0, 2],
                  [0, 0, 3, 1]])  # fmt: skip
    return panel(y, [4, 4, INF, INF, INF, INF, INF, INF])


def checked(fitted, seed=0, **options):
    return {one.name: one for one in HonestDiD(**options).check(fitted, np.random.default_rng(seed))}


@pytest.mark.parametrize("method", [TWFE(), EventStudyTWFE(), CallawaySantAnna(), SunAbraham()])
def test_the_path_by_hand(method):
    # changes since period 3: treated -5, -1 and -4, -1, and 3, 3; comparison means -5/6, -4/6, 0
    path = event_path(fit(method, eight()))
    assert path.timeline.before.tolist() == [-3, -2]
    assert path.timeline.after.tolist() == [0]
    assert path.timeline.base == -1
    np.testing.assert_allclose(path.values, [-3.5 + 5 / 6, -2.5 + 4 / 6, 3.0])


def test_the_covariance_is_that_of_all_adoptions_without_the_effect():
    path = event_path(fit(TWFE(), eight()))
    drawn = path.drawn((), 999, np.random.default_rng(0))
    y = eight().matrix()
    y[:2, 3] -= 3.0
    changes = y[:, [0, 1, 3]] - y[:, [2]]
    by_hand = []
    for i in range(8):
        for j in range(i):
            treated = np.isin(np.arange(8), [i, j])
            by_hand.append(changes[treated].mean(0) - changes[~treated].mean(0))
    assert len(drawn.estimates) == 28
    np.testing.assert_allclose(drawn.covariance, np.cov(np.array(by_hand).T))


def test_a_ratio_loses_its_effect_as_a_ratio():
    rng = np.random.default_rng(1)
    exposure = rng.uniform(1000, 3000, (24, 1)) * np.ones(6)
    made = counts_panel(rng.poisson(0.03 * exposure), exposure, [4] * 6 + [INF] * 18)
    fitted = fit(PoissonDiD(), made)
    path = event_path(fitted)
    assert path.ratio
    bare = path.drawn((), 199, np.random.default_rng(0))
    assert np.abs(bare.estimates.mean(0)).max() < 4 * np.sqrt(np.diag(bare.covariance) / 199).max()
    told = checked(fitted, draws=199)["honest_did.relative_magnitudes"]
    assert (told.table["scale"] == "ratio").all()
    assert told.table["low"].iloc[0] < np.exp(path.values[2:].mean()) < told.table["high"].iloc[0]
    assert (told.table["grid_low"] > 0).all()


def test_with_many_treated_the_covariance_is_the_clustered_one():
    told = checked(fit(EventStudyTWFE(), noise_panel(120, 45, 8, seed=3)))
    assert (told["honest_did.relative_magnitudes"].table["covariance"] == "clustered").all()
    assert np.isnan(told["honest_did.relative_magnitudes.size"].value)
    few = checked(fit(EventStudyTWFE(), noise_panel(120, 39, 8, seed=3)), draws=199)
    assert (few["honest_did.relative_magnitudes"].table["covariance"] == "199 random adoptions").all()
    assert 0 <= few["honest_did.relative_magnitudes.size"].value < 0.2


def moved(effect):
    made = noise_panel(60, 12, 8, seed=1)
    return made.with_outcome(made.frame["outcome"] + effect * made.frame["treated"])


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "relative_trend", "smoothness"])
def test_a_breakdown_value_stands_only_where_parallel_paths_give_an_effect(restriction):
    name = f"honest_did.{restriction}"
    fitted = fit(CallawaySantAnna(), moved(60.0))
    large = checked(fitted, draws=199, restriction=restriction)[name]
    zero = large.table.set_index("M").loc[0.0]
    assert zero["low"] > 0
    assert large.value > 0
    assert f"Zero is left out up to M = {large.value:.2g}" in large.text
    beyond = checked(fitted, draws=199, restriction=restriction, values=(large.value * 0.95, large.value * 1.05))[name]
    assert (beyond.table["low"] > 0).tolist() == [True, True, False]
    none = checked(fit(CallawaySantAnna(), moved(0.0)), draws=199, restriction=restriction)[name]
    assert np.isnan(none.value)
    assert "No effect is established even if" in none.text
    assert none.passed is None


def test_a_declared_limit_judges():
    limit = {"draws": 199, "min_breakdown": 0.01}
    assert checked(fit(CallawaySantAnna(), moved(60.0)), **limit)["honest_did.relative_magnitudes"].passed
    assert checked(fit(CallawaySantAnna(), moved(0.0)), **limit)["honest_did.relative_magnitudes"].passed is False


def test_intervals_widen_with_m_and_name_their_grid():
    table = checked(fit(CallawaySantAnna(), moved(3.0)), draws=199)["honest_did.relative_magnitudes"].table
    assert table["M"].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert (np.diff(table["low"]) <= 0).all()
    assert (np.diff(table["high"]) >= 0).all()
    assert (table["grid_points"] == 4_000).all()
    step = (table["grid_high"] - table["grid_low"]) / 3_999
    assert (step > 0).all()


@pytest.mark.parametrize(
    ("fitted", "options", "words"),
    [
        (fit(Imputation(), eight()), {}, "not all compared with one period"),
        (fit(TWFE(), panel(np.arange(12.0).reshape(6, 2) ** 2, [2, 2, INF, INF, INF, INF])), {}, "no period before"),
        (fit(TWFE(), panel(np.arange(20.0).reshape(5, 4) ** 2, [3, INF, INF, INF, INF])), {}, "5 possible adoptions"),
        (fit(TWFE(), panel(np.sin(np.arange(36.0)).reshape(9, 4), [3, 4, INF] + [INF] * 6)), {}, "one start for all"),
        (fit(TWFE(), eight()), {"target": 3.0}, "target: 3 is no event time"),
        (fit(TWFE(), panel(np.sin(np.arange(24.0)).reshape(8, 3), [3, 3] + [INF] * 6)),
         {"restriction": "relative_trend"}, "one period before the base"),
        (fit(TWFE(), panel(np.ones((9, 4)), [3, 3] + [INF] * 7)), {}, "singular"),
    ],
)  # fmt: skip
def test_it_says_why_it_is_silent(fitted, options, words):
    told = checked(fitted, **options)
    assert len(told) == 2
    assert all(np.isnan(one.value) and words in one.text for one in told.values())


def test_a_longer_base_before_anticipation_is_kept():
    path = event_path(fit(CallawaySantAnna(anticipation=1), noise_panel(40, 10, 8, seed=2)))
    assert path.timeline.base == -2
    assert -1 in path.timeline.after
    told = HonestDiD(draws=199).check(fit(CallawaySantAnna(anticipation=1), noise_panel(40, 10, 8, seed=2)),
                                      np.random.default_rng(0))  # fmt: skip
    assert told[0].table["n_after"].iloc[0] == len(path.timeline.after)


def test_lots_are_those_of_the_headline():
    made = noise_panel(60, 12, 8, seed=1)
    size = (np.arange(60) % 2).astype(float)
    fitted = fit(CallawaySantAnna(), made.with_columns(size=np.repeat(size, made.n_times)))
    plain, strata = (
        checked(replace(fitted, strata=within), draws=199)["honest_did.relative_magnitudes"].table["low"].iloc[0]
        for within in ((), ("size_half",))
    )
    assert plain != strata


def test_a_breakdown_is_told_rounded_down():
    assert [at_most(value) for value in (0.4988, 0.5, 0.29, 1.279, 12.7, 0.0, np.inf)] == [
        "0.49", "0.5", "0.29", "1.2", "12", "0", "inf"
    ]  # fmt: skip


def short(effect):
    made = noise_panel(30, 8, 4, seed=1)
    return made.with_outcome(made.frame["outcome"] + effect * made.frame["treated"])


def test_a_grid_too_narrow_is_not_known_and_never_no_effect():
    """One error to either side: the set at M = 0 reaches both ends of the grid, and leaves zero out on a wider one."""
    fitted, name = fit(CallawaySantAnna(), short(60.0)), "honest_did.relative_magnitudes"
    narrow = checked(fitted, draws=99, grid_reach=1.0, min_breakdown=0.01)[name]
    assert narrow.text == f"Not done: at M = 0 {CUT}."
    assert np.isnan(narrow.value)
    assert narrow.passed is None
    assert checked(fitted, draws=99, min_breakdown=0.01)[name].passed
    none = checked(fit(CallawaySantAnna(), short(0.0)), draws=99, grid_reach=1.0)[name]
    assert none.text.startswith("No effect is established even if")  # zero itself is left by the test


def test_a_breakdown_value_that_the_grid_cuts_is_said_to_be_at_least_that():
    fitted, name = fit(CallawaySantAnna(), short(60.0)), "honest_did.relative_magnitudes"
    wide, cut = (checked(fitted, draws=99, grid_reach=reach)[name] for reach in (400.0, 3.0))
    assert cut.value < wide.value
    assert f" It may be more: at larger M {CUT}." in cut.text
    assert "may be more" not in wide.text


def test_a_coarse_grid_gives_wider_ends_and_says_its_step():
    fitted, name = fit(CallawaySantAnna(), short(60.0)), "honest_did.relative_magnitudes"
    fine, coarse = (checked(fitted, draws=99, grid_points=points)[name] for points in (4_000, 100))
    one, other = fine.table.iloc[0], coarse.table.iloc[0]
    step = (other["grid_high"] - other["grid_low"]) / 99
    assert other["low"] <= one["low"] < other["low"] + 2 * step
    assert other["high"] - 2 * step < one["high"] <= other["high"]
    assert f" Its ends are told to the next of 100 grid points, {step:.2g} apart." in coarse.text
    assert "grid points" not in fine.text


@pytest.mark.parametrize(("sign", "monotone"), [("positive", "decreasing"), ("negative", "increasing")])
def test_a_restriction_that_only_parallel_paths_satisfy_is_refused(sign, monotone):
    with pytest.raises(ValueError, match=f"sign: {sign} and monotone: {monotone} leave no divergence at all"):
        HonestDiD(sign=sign, monotone=monotone)
    HonestDiD(sign=sign, monotone={"decreasing": "increasing"}.get(monotone, "decreasing"))
