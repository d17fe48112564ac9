"""What a test of few assignments can find: by hand where a mirror image takes half of them, and by trying them all."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks import Path
from sos_eval.checks.path import path_p_values
from sos_eval.checks.path_lottery import PathLottery
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.inference.attainable import _alike
from sos_eval.inference.auto import Auto, resolve
from sos_eval.inference.design_facts import design_facts
from sos_eval.inference.detectable import detectable_size
from sos_eval.inference.randomization import Randomization, permute
from sos_eval.numerics.detectable import FALL, RISE
from sos_eval.results.estimate import Batch
from sos_eval.results.without_effect import without_effect
from tests.estimators.panels import counts_panel
from tests.fakes import fit, panel_of

INF = np.inf
MIRRORED = ", 2 of them always as extreme (mirror images, or without a statistic),"


def design(sides, estimator=None, seed=0, periods=6):
    """Strata of so many treated and comparison units; starts in the fourth period of six."""
    rng, starts, stratum = np.random.default_rng(seed), [], []
    for k, (treated, comparison) in enumerate(sides):
        starts += [2004.0] * treated + [INF] * comparison
        stratum += [f"s{k}"] * (treated + comparison)
    y = rng.normal(50, 5, (len(starts), 1)) + rng.normal(0, 1, (len(starts), periods))
    panel = panel_of(y, starts).with_columns(stratum=np.repeat(stratum, periods))
    fitted = fit(estimator or TWFE(), panel)
    return replace(fitted, strata=("stratum",) if len(sides) > 1 else ())


def judged(fitted, **options):
    test = Randomization(strata=fitted.strata, **options)
    return resolve([test], design_facts(fitted)), detectable_size(fitted, test), test


@pytest.mark.parametrize("statistic", ["studentised", "coefficient", "both"])
@pytest.mark.parametrize(
    ("sides", "smallest"),
    [
        ([(3, 3)], f"20 possible assignments{MIRRORED} the smallest p is 0.1"),
        ([(1, 1)] * 5, f"32 possible assignments{MIRRORED} the smallest p is 0.0625"),
        ([(2, 2)] * 2, f"36 possible assignments{MIRRORED} the smallest p is 0.0556"),
        ([(2, 4)], "15 possible assignments the smallest p is 0.0667"),
    ],
)  # fmt: skip
def test_where_the_smallest_p_exceeds_the_level_nothing_is_relied_on_and_no_size_is_named(sides, smallest, statistic):
    fitted = design(sides)
    resolution, size, test = judged(fitted, statistic=statistic)
    why = f"cannot reject at the 5% level: with {smallest}"
    assert not resolution.reliable
    assert resolution.choice.endswith(why)
    assert size.reason == f"the test {why}"
    assert size.fall is None
    row = test.infer(fitted, np.random.default_rng(0)).table.query("aggregation == 'overall'").iloc[0]
    assert row["reason"] == why
    assert row["p_value"] >= 2 / 36
    assert np.isnan(row["conf_low"])
    assert not resolve([Auto(strata=fitted.strata)], design_facts(fitted)).reliable


@pytest.mark.parametrize(
    ("sides", "level"),
    [
        ([(3, 3)], 0.9), ([(3, 5)], 0.95),
        pytest.param([(4, 4)], 0.95, marks=pytest.mark.slow), pytest.param([(1, 1)] * 6, 0.95, marks=pytest.mark.slow),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_at_a_level_that_can_be_reached_the_test_is_relied_on(sides, level):
    resolution, size, _ = judged(design(sides), level=level)
    assert resolution.reliable
    assert size.reason == ""


def test_ratios_have_mirror_images_and_estimates_that_fit_the_comparison_alone_have_none():
    rng = np.random.default_rng(3)
    counts = counts_panel(rng.poisson(40, (8, 5)), np.full((8, 5), 1000.0), [4.0] * 4 + [INF] * 4)
    adjusted = design([(4, 4)]).source.with_columns(x=np.repeat(rng.normal(size=8), 6))
    adjusted = replace(adjusted, covariates=("x",))
    for fitted, alike in ((fit(PoissonDiD(), counts), 2), (fit(CallawaySantAnna(adjust="reg"), adjusted), 1)):
        assert design_facts(fitted).smallest(Randomization()).alike == alike


def share_found(fitted, test, size, sign):
    """Put an effect in place in every adoption there is, and test each by the whole list."""
    effect = float(fitted.estimate.values[0])
    bare = without_effect(fitted.source, effect, ratio=False)
    space = fitted.space(test.strata)
    listed = space.draw(space.size, np.random.default_rng(0))
    rejected = []
    for one in listed.first_treated:
        moved = replace(fitted, source=without_effect(bare.with_first_treated(one), -sign * size, ratio=False))
        own = replace(moved, estimate=moved.estimator.complete(moved.source))
        rejected.append(permute(own, listed, test.statistic).p_value()[0] <= 1 - test.level + 1e-12)
    return float(np.mean(rejected))


@pytest.mark.parametrize(
    ("sides", "statistic"),
    [
        ([(3, 5)], "studentised"),
        pytest.param([(4, 4)], "both", marks=pytest.mark.slow),
        pytest.param([(1, 1)] * 6, "coefficient", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_the_size_named_is_found_four_times_in_five_among_all_adoptions(sides, statistic):
    fitted = design(sides, seed=5)
    _, size, test = judged(fitted, statistic=statistic)
    total = np.prod([comb(a + b, a) for a, b in sides])
    for found, sign in ((size.fall, FALL), (size.rise, RISE)):
        assert len(found.needed) == total
        assert found.error == 0
        # many adoptions may need the same: the share can pass four in five in one step, up to all of them
        assert share_found(fitted, test, found.size * 1.0001, sign) >= 0.8
        assert share_found(fitted, test, found.size * 0.997, sign) < 0.8
        assert found.power_at(0.7 * found.size)[0] == pytest.approx(share_found(fitted, test, 0.7 * found.size, sign))


def test_the_earlier_path_of_three_and_three_has_a_p_and_no_size_that_it_would_find():
    fitted = design([(3, 3)])
    found = {one.name: one for one in Path().check(fitted, np.random.default_rng(0))}
    p = found["path.joint"].value
    assert p * 20 == pytest.approx(round(p * 20))
    assert p >= 0.1
    assert "20 that are possible" in found["path.joint"].text
    assert np.isnan(found["path.detectable_slope"].value)
    assert "no slope is found so often" in found["path.detectable_slope"].text


def test_the_slope_that_a_list_of_paths_finds_is_found_by_it():
    """Seventy adoptions: the slope named is put in place in each, and tested among all of them; a smaller one too."""
    fitted = design([(4, 4)], seed=7)
    found = {one.name: one for one in Path().check(fitted, np.random.default_rng(0))}
    slope, own = found["path.detectable_slope"].value, found["path.slope"].value
    source, early = fitted.source, fitted.source.pre_times
    time = source.frame["time"].to_numpy(float)
    line = np.where(np.isin(time, early), time - early.mean(), 0.0)
    treated = np.isfinite(source.frame["first_treated"].to_numpy(float))
    bare = source.frame["outcome"].to_numpy(float) - own * line * treated
    space = fitted.space(())
    shares = []
    for size, sign in ((s, g) for s in (1.0001, 0.997) for g in (FALL, RISE)):
        rejected = []
        for one in space.draw(space.size, np.random.default_rng(0)).first_treated:
            put = np.repeat(np.isfinite(one), source.n_times)
            moved = fit(TWFE(), source.with_first_treated(one).with_outcome(bare + sign * slope * size * line * put))
            listed = space.draw(space.size, np.random.default_rng(0))
            lottery = PathLottery.of(moved, listed, space, (), early)
            rejected.append(path_p_values(lottery.observed_lots())[0] <= 0.05)
        shares.append(np.mean(rejected))
    assert min(shares[:2]) >= 0.8  # the larger of the two slopes is the one that is named
    assert min(shares[2:]) < 0.8


def test_a_difference_made_of_a_ratio_has_no_mirror_image_and_is_told_so_beside_it():
    rng = np.random.default_rng(3)
    counts = counts_panel(rng.poisson(40, (6, 5)), np.full((6, 5), 1000.0), [4.0] * 3 + [INF] * 3)
    table = Randomization().infer(fit(PoissonDiD(), counts), rng).table.set_index("scale")
    overall = table[table["aggregation"] == "overall"]
    assert overall.loc["ratio", "p_value"] >= 0.1
    assert overall.loc["ratio", "reason"].endswith("the smallest p is 0.1")
    assert np.isnan(overall.loc["rate_per", "p_value"])
    assert overall.loc["rate_per", "reason"].startswith("no test of its own")


def test_adoptions_without_an_error_are_as_extreme_as_each_other():
    """Errors of nought: two infinite statistics are alike, a finite one is not, one that is none counts."""
    values, errors = np.array([[1.0], [2.0], [-1.0], [0.0]]), np.array([[0.0], [0.0], [1.0], [0.0]])
    assert _alike(Batch(pd.DataFrame({"aggregation": ["overall"]}), values, errors), "studentised") == (3,)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [TWFE(), CallawaySantAnna(), PoissonDiD()], ids=lambda one: one.name)
def test_a_list_that_is_planned_once_has_the_sizes_of_one_that_is_not(estimator, monkeypatch):
    """Counts, one of six without any: each adoption planned for all sizes, and all estimated anew for each size."""
    rng = np.random.default_rng(2)
    rates = rng.uniform(200, 300, (6, 1)) * (np.arange(6) > 0)[:, None]
    fitted = fit(estimator, counts_panel(rng.poisson(rates, (6, 5)), np.full((6, 5), 1e4), [3.0] * 3 + [INF] * 3))
    planned = detectable_size(fitted, Randomization(statistic="both", level=0.8), power=0.5)
    monkeypatch.setattr("sos_eval.inference.detectable.is_fitted_anew", lambda given: True)
    anew = detectable_size(fitted, Randomization(statistic="both", level=0.8), power=0.5)
    assert planned.fall.listed
    for one, other in ((planned.fall, anew.fall), (planned.rise, anew.rise)):
        assert one.size == pytest.approx(other.size, rel=1e-9)
        np.testing.assert_allclose(one.needed, other.needed, rtol=1e-9)
