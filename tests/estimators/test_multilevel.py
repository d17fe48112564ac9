"""Random levels of authorities and of their periods: variances by hand, dense matrices, and statsmodels' likelihood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.errors import NotIdentified
from sos_eval.estimators import Multilevel
from sos_eval.inference import CR2, Analytic
from sos_eval.numerics.multilevel import LevelRows
from sos_eval.results.fitted import Fitted
from tests.estimators.test_aipw import children
from tests.estimators.test_matched_did import matched
from tests.fakes import cross_sections_of, noise_panel


def shocked(seed=1, units=24, treated=8, each=20, unit_sd=0.5, period_sd=0.3, effect=2.0, periods=4):
    """Draw people of authorities with levels of their own, and shocks by period; a third of them start in the third."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), each * periods)
    time = np.tile(np.repeat(np.arange(2001.0, 2001 + periods), each), units)
    start = np.where(unit < treated, 2003.0, np.inf)
    shocks = unit_sd * rng.normal(size=(units, 1)) + period_sd * rng.normal(size=(units, periods))
    y = shocks[unit, (time - 2001).astype(int)] + effect * (time >= start) + rng.normal(size=len(unit))
    return cross_sections_of(y, [f"a{k:03d}" for k in unit], time, start)


def pieces(panel, levels="unit_and_period"):
    """Return regressors and the fit of a panel."""
    method = Multilevel(levels=levels)
    x, _ = method._regressors(panel, panel.covariates)
    return x, method._fitted(panel, x)


def inferred(panel, inference, **options):
    method = Multilevel(**options)
    fitted = Fitted("m", "secondary", method, method.complete(panel), panel)
    return inference.infer(fitted, np.random.default_rng(1)).table.iloc[0]


def test_eight_units_by_hand():
    """Two periods, two rows each: the effect is that of mean changes, variances are those of mean squares."""
    rng = np.random.default_rng(5)
    y = (4 * rng.normal(size=(8, 1, 1)) + 2 * rng.normal(size=(8, 2, 1)) + rng.normal(size=(8, 2, 2))).round(1)
    unit, time = np.repeat(np.arange(8), 4), np.tile(np.repeat([1.0, 2.0], 2), 8)
    panel = cross_sections_of(y.ravel(), [f"u{k}" for k in unit], time, np.where(unit < 3, 2.0, np.inf))
    found = Multilevel().complete(panel)
    mean = y.mean(2)
    change, level = mean[:, 1] - mean[:, 0], mean.mean(1)
    assert found.values[0] == pytest.approx(change[:3].mean() - change[3:].mean(), rel=1e-9)
    rows = ((y - mean[:, :, None]) ** 2).sum() / 16
    groups = np.arange(8) < 3
    left = [one - np.where(groups, one[groups].mean(), one[~groups].mean()) for one in (change, level)]
    by_period = (left[0] ** 2).sum() / 6  # of a change: 2 (s_p^2 + s^2 / 2)
    by_unit = (left[1] ** 2).sum() / 6  # of a level: s_u^2 + s_p^2 / 2 + s^2 / 4
    _, fit = pieces(panel)
    assert fit.unexplained == pytest.approx(rows, rel=1e-6)
    assert fit.of_period == pytest.approx(by_period / 2 - rows / 2, rel=1e-6)
    assert fit.of_unit == pytest.approx(by_unit - by_period / 4, rel=1e-6)
    # the model's own error is that of the difference of mean changes
    assert fit.own_error[0] == pytest.approx(np.sqrt(by_period * (1 / 3 + 1 / 5)), rel=1e-6)


def dense(panel, fit):
    """Return the variance of rows over that of a row of weight one, whole."""
    frame = panel.frame
    unit, cell = frame["unit"].to_numpy(), (frame["unit"] + frame["time"].astype(str)).to_numpy()
    weights = frame["weight"].to_numpy() / frame["weight"].mean()
    same = [(one[:, None] == one).astype(float) for one in (unit, cell)]
    return np.diag(1 / weights) + (fit.of_unit * same[0] + fit.of_period * same[1]) / fit.unexplained


@pytest.mark.parametrize("levels", ["unit", "unit_and_period"])
def test_rows_made_independent_are_generalised_least_squares(levels):
    rng = np.random.default_rng(3)
    panel = shocked(units=9, treated=3, each=6)
    panel = panel.with_columns(weight=rng.uniform(0.5, 3, panel.n_rows), z=rng.normal(size=panel.n_rows))
    panel = replace(panel, frame=panel.frame.sample(frac=0.7, random_state=1), covariates=("z",))
    panel = replace(panel, frame=panel.frame.sort_values(["unit", "time"]).reset_index(drop=True))
    x, fit = pieces(panel, levels)
    inverse = np.linalg.inv(dense(panel, fit))
    bread = np.linalg.inv(x.T @ inverse @ x)
    y = panel.frame["outcome"].to_numpy()
    np.testing.assert_allclose(fit.coef, bread @ (x.T @ inverse @ y), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fit.bread, bread, rtol=1e-8, atol=1e-12)
    left = y - x @ fit.coef
    assert fit.unexplained == pytest.approx(left @ inverse @ left / (len(y) - x.shape[1]), rel=1e-9)


@pytest.mark.parametrize("levels", ["unit", "unit_and_period"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_of_statsmodels_is_largest_here(levels, weighted):
    """MixedLM's restricted likelihood at our estimates is no smaller than where its own search ends, to 1e-6.

    Weights: rows and their intercepts times the root of the weight, as lme4 has them.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

    panel = shocked(seed=4, units=18, treated=6, each=8)
    if weighted:
        panel = panel.with_columns(weight=np.random.default_rng(2).uniform(0.5, 2, panel.n_rows))
    x, fit = pieces(panel, levels)
    root = np.sqrt(panel.frame["weight"] / panel.frame["weight"].mean()).to_numpy()
    more = {}
    if levels == "unit_and_period":
        times = panel.frame["time"].to_numpy()
        of = [root[:, None] * (times[:, None] == t) for t in panel.times]
        by_unit = {name: np.column_stack(of)[rows] for name, rows in panel.frame.groupby("unit").indices.items()}
        more = {"exog_vc": _components(by_unit)}
    model = MixedLM(
        panel.frame["outcome"].to_numpy() * root, x * root[:, None], panel.frame["unit"].to_numpy(),
        exog_re=root[:, None], use_sqrt=True, **more,
    )  # fmt: skip
    variances = np.array([fit.of_period]) if more else np.zeros(0)
    ours = MixedLMParams.from_components(
        fe_params=fit.coef, cov_re=np.array([[fit.of_unit]]) / fit.unexplained, vcomp=variances / fit.unexplained
    )
    theirs = model.fit(reml=True, method=["powell"])
    here = model.loglike(ours, profile_fe=False)
    assert here >= theirs.llf - 1e-6
    assert here == pytest.approx(theirs.llf, abs=1e-4)  # powell stops short of the top
    np.testing.assert_allclose(theirs.fe_params, fit.coef, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(theirs.scale, fit.unexplained, rtol=1e-3)


def _components(by_unit):
    from statsmodels.regression.mixed_linear_model import VCSpec

    names = list(by_unit)
    return VCSpec(["p"], [[[f"p{k}" for k in range(by_unit[one].shape[1])] for one in names]],
                  [[by_unit[one] for one in names]])  # fmt: skip


def test_a_known_effect_and_its_levels():
    panel = shocked(units=120, treated=40, each=15)
    found = Multilevel().complete(panel)
    assert found.values[0] == pytest.approx(2.0, abs=0.25)
    _, fit = pieces(panel)
    assert fit.of_unit == pytest.approx(0.25, rel=0.4)
    assert fit.of_period == pytest.approx(0.09, rel=0.4)
    assert any("lies between units" in note for note in found.notes)


def test_levels_that_select_move_nothing():
    """Treated authorities lie ten higher throughout: the mean of treatment takes it up."""
    panel = shocked(units=60, treated=20)
    higher = panel.with_columns(outcome=panel.frame["outcome"] + 10 * np.isfinite(panel.frame["first_treated"]))
    plain, moved = (Multilevel().complete(one).values[0] for one in (panel, higher))
    assert moved == pytest.approx(plain, abs=1e-5)


def test_no_variance_between_is_least_squares():
    """Levels that are even less apart than chance would have them have variance zero."""
    panel = shocked(unit_sd=0.0, period_sd=0.0)
    means = panel.frame.groupby(["unit", "time"])["outcome"].transform("mean")
    even = panel.with_columns(outcome=panel.frame["outcome"] - means + 2.0 * panel.frame["treated"])
    x, fit = pieces(even)
    assert (fit.of_unit, fit.of_period) == (0.0, 0.0)
    np.testing.assert_allclose(fit.coef, np.linalg.lstsq(x, even.frame["outcome"].to_numpy())[0], atol=1e-8)


def test_errors_are_clustered_and_know_their_degrees_of_freedom():
    panel = shocked()
    row, few = inferred(panel, Analytic()), inferred(panel, CR2())
    assert row["df"] == 23
    assert few["df"] < 23
    x, fit = pieces(panel)
    scores = pd.DataFrame(fit.x * fit.residuals[:, None]).groupby(panel.frame["unit"].to_numpy()).sum().to_numpy()
    expected = np.sqrt(((scores @ fit.bread[:, 0]) ** 2).sum() * 24 / 23 * (len(x) - 1) / (len(x) - x.shape[1]))
    assert row["std_error"] == pytest.approx(expected, rel=1e-9)


def test_rows_matched_within_sets():
    made = matched()
    found = Multilevel(levels="unit").complete(made)
    assert found.values[0] == pytest.approx(2.0, abs=0.6)
    with pytest.raises(NotIdentified):
        Multilevel(levels="unit").estimate_assignments(made, np.zeros((1, made.n_units)))


def test_starts_are_swapped_where_rows_are_not_matched():
    panel = shocked(units=12, treated=4, each=5, effect=5.0)
    starts = np.where(np.arange(12) < 4, 2003.0, np.inf)
    swapped = np.array([starts, np.roll(starts, 5)])
    batch = Multilevel().estimate_assignments(panel, swapped)
    one = Multilevel().complete(panel.with_first_treated(swapped[1]))
    np.testing.assert_allclose(batch.values[:, 0], [Multilevel().complete(panel).values[0], one.values[0]], rtol=1e-8)
    assert batch.values[0, 0] > 4 > batch.values[1, 0]


def test_order_of_rows_and_names_do_not_matter():
    panel = shocked(units=12, treated=4)
    plain = Multilevel().complete(panel).values[0]
    mixed = replace(panel, frame=panel.frame.sample(frac=1, random_state=3).reset_index(drop=True))
    named = panel.with_columns(unit="z" + panel.frame["unit"], weight=7.0)
    for other in (mixed, named):
        assert Multilevel().complete(other).values[0] == pytest.approx(plain, rel=1e-7)


def test_what_is_not_identified_is_refused_with_what_to_write():
    people = shocked(units=12, treated=4, each=5)
    single = replace(people, frame=people.frame.groupby(["unit", "time"]).head(1).reset_index(drop=True))
    later = replace(people, frame=people.frame[people.frame["time"] >= 2003].reset_index(drop=True))
    crossed = people.with_columns(cluster=people.frame["time"].astype(str))
    few = replace(people, frame=people.frame[people.frame["unit"].isin(["a000", "a001", "a010", "a011"])])
    few = replace(few, frame=few.frame.reset_index(drop=True))
    many = {f"z{k}": np.random.default_rng(k).normal(size=4)[few.unit_codes] for k in range(3)}
    for panel, said, instead in (
        (people.with_first_treated(np.where(np.arange(12) < 1, 2003.0, np.inf)), "one unit alone", "method: twfe"),
        (noise_panel(), "no people below them", "method: twfe"),
        (single, "too few rows a period", "levels: unit"),
        (later, "explain the treatment", "before and after"),
        (crossed, "clusters cut units", "whole units"),
        (
            replace(few.with_columns(**many), covariates=tuple(many)),
            "4 units leave no variance",
            "leave covariates out",
        ),
    ):
        with pytest.raises(NotIdentified, match=said) as refused:
            Multilevel().complete(panel)
        assert instead in refused.value.faults[0].instead
    assert np.isfinite(Multilevel(levels="unit").complete(single).values[0])


def test_a_covariate_that_is_another_is_left_out_by_name():
    panel = children(2)
    twice = replace(panel.with_columns(copy=2 * panel.frame["x"]), covariates=(*panel.covariates, "copy"))
    found = Multilevel().complete(twice)
    assert "covariates that are combinations of others are left out: copy" in found.notes
    assert found.values[0] == pytest.approx(Multilevel().complete(panel).values[0], rel=1e-8)


def test_cells_are_all_it_reads():
    """A million rows of eight units cost as much in the search as eight do."""
    rng = np.random.default_rng(0)
    unit, period = rng.integers(0, 8, 4000), rng.integers(0, 3, 4000)
    rows = LevelRows(rng.normal(size=4000), np.ones((4000, 1)), np.ones(4000), unit, period, True)
    assert rows.means.shape == (24, 2)
    assert rows.fit().unexplained == pytest.approx(1.0, abs=0.1)


DESIGN = """\
schema: sos-eval/design/1
name: people
panel:
  {source: csv, path: people.csv, unit: la, time: year, layout: cross_sections, outcome: {value: days},
   treatment: {first_treated: start}}
estimators: [{id: main, method: twfe}, {id: levels, role: secondary, method: multilevel}]
inference: [{method: analytic}, {method: cr2}]
checks: [panel_tests]
report: {formats: []}
seed: 4
"""


def test_a_run_has_it_as_a_secondary_estimator(tmp_path):
    panel = shocked(units=66, treated=22, each=4)
    frame = panel.frame.rename(columns={"unit": "la", "outcome": "days"})
    frame = frame.assign(year=frame["time"].astype(int), start=frame["first_treated"].replace(np.inf, 0).astype(int))
    frame[["la", "year", "days", "start"]].to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "people.yaml").write_text(DESIGN)
    bundle = se.run(se.load_design(tmp_path / "people.yaml"), out=tmp_path / "out")
    rows = bundle.estimates.query("estimator == 'levels'").set_index("inference")
    assert rows["role"].eq("secondary").all()
    assert rows.loc["cr2", "estimate"] == pytest.approx(Multilevel().complete(panel).values[0], rel=1e-9)
    assert rows.loc["cr2", "df"] < rows.loc["analytic", "df"] == 65
    assert "lies between units" in str(bundle.results["notes"])
    done = bundle.diagnostics.set_index("name")["value"]
    assert np.isfinite(done["panel_tests.mundlak"])
