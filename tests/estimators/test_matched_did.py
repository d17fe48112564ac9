"""Difference in differences on matched people: four means by hand, and beside statsmodels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison import DeclaredSets, build
from sos_eval.comparison.people import People
from sos_eval.errors import NotIdentified
from sos_eval.estimators import MatchedDiD
from sos_eval.estimators.matched_did import LAGS_ONLY
from sos_eval.inference import Analytic, Randomization
from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import clustered_error
from sos_eval.results.fitted import Fitted
from tests.comparison.people_panel import SETS, many, people_of

SAME = 1e-8


def matched(panel: Panel | None = None, on=("x", "kind")) -> Panel:
    method = DeclaredSets(sets=SETS, people=People(method="exact", on=on))
    return build(method, method.restricted(many() if panel is None else panel)).panel


def regressors(panel: Panel) -> pd.DataFrame:
    """Return the published regression's columns, written by hand."""
    frame = panel.frame
    x = pd.DataFrame({"did": frame["arm"] * frame["post"], "arm": frame["arm"], "post": frame["post"], "one": 1.0})
    for time in sorted(frame["time"].unique())[1:]:
        x[f"t{time}"] = (frame["time"] == time).astype(float)
    return x.assign(x=frame["x"], south=(frame["kind"] == "south").astype(float))


def test_without_covariates_and_years_it_is_four_means():
    # before 1, 2 (A) and 1 (C); after 5, 7 (A) and 2, 4 (C): (6 - 1.5) - (3 - 1) = 2.5
    rows = [("A", 5, 1.0), ("A", 6, 2.0), ("C", 5, 1.0), ("A", 25, 5.0), ("A", 26, 7.0), ("C", 25, 2.0), ("C", 26, 4.0),
            ("D", 5, 1.0), ("D", 25, 3.0), ("B", 5, 0.0), ("B", 45, 0.0)]  # fmt: skip
    method = DeclaredSets(sets={"A": ("C", "D")}, people=People())
    panel = build(method, method.restricted(people_of(rows, ()))).panel
    estimate = MatchedDiD().complete(panel)
    assert estimate.values[0] == pytest.approx(6 - 1.5 - (3 - 1))
    assert estimate.cells["aggregation"].tolist() == ["overall"]
    assert estimate.cells["n_obs"].iloc[0] == 9


def test_the_linear_model_and_its_clustered_error_are_those_of_statsmodels():
    import statsmodels.api as sm

    panel = matched()
    x = regressors(panel)
    codes = pd.factorize(panel.frame["unit"])[0]
    told = sm.WLS(panel.frame["outcome"], x, weights=panel.frame["weight"]).fit(
        cov_type="cluster", cov_kwds={"groups": codes}
    )
    estimate = MatchedDiD().complete(panel)
    fitted = Fitted("m", "primary", MatchedDiD(), estimate, panel)
    row = Analytic().infer(fitted, np.random.default_rng(1)).table.iloc[0]
    assert row["estimate"] == pytest.approx(told.params["did"], rel=SAME)
    assert row["std_error"] == pytest.approx(told.bse["did"], rel=SAME)
    assert row["df"] == 3


def test_the_logit_effect_is_the_average_over_treated_rows():
    import statsmodels.api as sm

    panel = matched()
    panel = panel.with_columns(outcome=(panel.frame["outcome"] > 7.5).astype(float))
    x, y = regressors(panel), panel.frame["outcome"]
    model = sm.GLM(y, x, family=sm.families.Binomial(), var_weights=panel.frame["weight"]).fit(tol=1e-14)
    treated = (x["did"] == 1).to_numpy()
    without = x.assign(did=0.0)
    share = panel.frame["weight"].to_numpy() * treated
    effect = (share * (model.predict(x) - model.predict(without))).sum() / share.sum()
    estimate = MatchedDiD(model="logit").complete(panel)
    assert estimate.values[0] == pytest.approx(effect, rel=SAME)
    p, q = model.predict(x).to_numpy(), model.predict(without).to_numpy()
    each = (share / share.sum())[:, None]
    with_it, without_it = (
        (each * (one * (1 - one))[:, None] * rows).sum(axis=0) for one, rows in ((p, x), (q, without))
    )
    gradient = with_it - without_it
    scores = x.to_numpy() * ((y - p) * panel.frame["weight"]).to_numpy()[:, None]
    sums = pd.DataFrame(scores).groupby(panel.frame["unit"].to_numpy()).sum().to_numpy()
    bread = np.linalg.inv((x.to_numpy() * (panel.frame["weight"] * p * (1 - p)).to_numpy()[:, None]).T @ x.to_numpy())
    expected = np.sqrt(((sums @ bread @ gradient.to_numpy()) ** 2).sum())
    assert clustered_error(estimate)[0] == pytest.approx(expected, rel=SAME)


def test_averaged_over_everyone_after_the_window():
    panel = matched()
    panel = panel.with_columns(outcome=(panel.frame["outcome"] > 7.5).astype(float))
    ours, all_ = (MatchedDiD(model="logit", averaged_over=who).complete(panel) for who in ("treated", "everyone"))
    assert ours.values[0] != pytest.approx(all_.values[0], rel=1e-3)
    assert abs(ours.values[0] - all_.values[0]) < 0.1


def wide(seed: int = 2) -> Panel:
    """Draw people over eight years around windows of A and B, with an effect of 2, 3, 4 and 5 in the years after."""
    rng = np.random.default_rng(seed)
    n = 6000
    unit, day = rng.choice(list("ABCD"), n), rng.uniform(-4 * 365.25, 4 * 365.25, n)
    ends = np.array([{"A": 20.0, "B": 40.0}.get(one, np.inf) for one in unit])
    since = np.where(day >= ends, np.floor((day - ends) / 365.25), np.nan)
    outcome = 0.001 * day + np.where(np.isnan(since), 0.0, 2 + since) + 0.1 * rng.normal(size=n)
    panel = people_of(list(zip(unit, day, outcome, strict=True)), ())
    return panel.with_columns(time=np.floor(panel.frame["event_day"] / 365.25))


def test_an_event_study_finds_each_years_effect():
    panel = matched(wide(), on=())
    estimate = MatchedDiD(event_study=(-4, 3)).complete(panel)
    table = estimate.cells.assign(value=estimate.values, error=clustered_error(estimate))
    years = table[table["aggregation"] == "event_time"].set_index("event_time")["value"]
    assert years.index.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
    np.testing.assert_allclose(years, [0, 0, 0, 0, 2, 3, 4, 5], atol=0.05)
    reference = table[table["event_time"] == -1].iloc[0]
    assert reference["value"] == 0
    assert np.isnan(reference["error"])
    assert reference["n_treated_units"] == 2
    assert table["value"].iloc[-1] == pytest.approx(3.5, abs=0.05)


def test_years_beyond_the_ends_are_joined_and_that_is_said():
    estimate = MatchedDiD(event_study=(-2, 1)).complete(matched(wide(), on=()))
    assert {"years before -2 are joined to it", "years after 1 are joined to it"} <= set(estimate.notes)
    later = MatchedDiD(event_study=(-9, 1)).complete(matched(wide(), on=()))
    assert not [note for note in later.notes if note.startswith("years before")]  # nobody is seen so early
    assert estimate.cells["event_time"].dropna().tolist() == [-2, -1, 0, 1]


def test_of_lags_only_each_is_set_against_all_years_before():
    """By least squares on dummies of the years after, one for the arm and one for each year."""
    panel = matched(wide(), on=())
    estimate = MatchedDiD(event_study=(-1, 3)).complete(panel)
    frame = panel.frame
    later = np.column_stack([frame["since_window"] == e for e in range(4)]).astype(float)
    arm = frame["arm"].to_numpy(float)[:, None]
    years = np.column_stack([frame["time"] == t for t in np.unique(frame["time"])]).astype(float)
    root = np.sqrt(frame["weight"].to_numpy(float))
    x = np.column_stack([later * arm, arm, later, years]) * root[:, None]
    by_hand = np.linalg.lstsq(x, frame["outcome"].to_numpy(float) * root, rcond=None)[0]
    table = estimate.cells.assign(value=estimate.values).set_index("event_time")
    np.testing.assert_allclose(table["value"].loc[[0, 1, 2, 3]], by_hand[:4], rtol=1e-8)
    assert table.loc[-1.0, ["value", "n_treated_units"]].tolist() == [0, 2]
    assert table.index.dropna().tolist() == [-1, 0, 1, 2, 3]
    assert LAGS_ONLY in estimate.notes


def test_order_of_rows_names_of_units_and_scale_of_weights_do_not_matter():
    panel = matched()
    plain = MatchedDiD().complete(panel)
    shuffled = replace(panel, frame=panel.frame.sample(frac=1, random_state=3).reset_index(drop=True))
    heavier = panel.with_columns(weight=panel.frame["weight"] * 7)
    renamed = panel.with_columns(unit=panel.frame["unit"].map(dict(zip("ABCD", "wzyx", strict=True))))
    for other in (shuffled, heavier, renamed):
        estimate = MatchedDiD().complete(other)
        np.testing.assert_allclose(estimate.values, plain.values, rtol=1e-9)
        np.testing.assert_allclose(clustered_error(estimate), clustered_error(plain), rtol=1e-9)


def test_clusters_by_child_are_the_panels():
    panel = matched()
    people = panel.with_columns(cluster=panel.frame["source_row"].astype(int).astype(str))
    assert people.n_clusters > 100
    ours, theirs = (clustered_error(MatchedDiD().complete(one))[0] for one in (panel, people))
    assert ours != pytest.approx(theirs, rel=1e-3)


def test_a_combination_of_others_is_left_out_and_named():
    panel = matched(many().with_columns(twice=2 * many().frame["x"]))
    panel = replace(panel, covariates=("x", "kind", "twice"))
    estimate = MatchedDiD().complete(panel)
    assert any("left out: twice" in note for note in estimate.notes)
    np.testing.assert_allclose(estimate.values, MatchedDiD().complete(matched()).values, rtol=1e-9)


def test_starts_of_matched_rows_are_not_swapped():
    panel = matched()
    with pytest.raises(NotIdentified, match="no test swaps these"):
        MatchedDiD().estimate_assignments(panel, np.array([panel.first_treated]))
    fitted = Fitted("m", "primary", MatchedDiD(), MatchedDiD().complete(panel), panel)
    table = Randomization(draws=99).infer(fitted, np.random.default_rng(1)).table
    assert "comparison without people" in table["reason"].iloc[0]
    assert table["p_value"].isna().all()


def test_one_pilot_has_no_analytic_error():
    method = DeclaredSets(sets={"A": ("C", "D")}, people=People(method="exact", on=("x",)))
    panel = build(method, method.restricted(many())).panel
    estimate = MatchedDiD().complete(panel)
    fitted = Fitted("m", "primary", MatchedDiD(), estimate, panel)
    row = Analytic().infer(fitted, np.random.default_rng(1)).table.iloc[0]
    assert np.isfinite(row["estimate"])
    assert np.isnan(row["std_error"])
    assert row["reason"].startswith("one treated cluster")


def test_refusals_say_what_to_write():
    with pytest.raises(NotIdentified, match="rows are not matched within declared sets"):
        MatchedDiD().complete(many())
    with pytest.raises(NotIdentified, match="holds other values than 0 and 1"):
        MatchedDiD(model="logit").complete(matched())
    panel = matched()
    apart = panel.with_columns(outcome=(panel.frame["kind"] == "south").astype(float))
    with pytest.raises(NotIdentified, match="tell ones from zeros without an error: kind=south"):
        MatchedDiD(model="logit").complete(apart)
    with pytest.raises(ValueError, match="hold no year before the window"):
        MatchedDiD(event_study=(0, 3))
    before = replace(panel, frame=panel.frame[panel.frame["post"] == 0].reset_index(drop=True))
    with pytest.raises(NotIdentified, match="both sides of a window"):
        MatchedDiD().complete(before)


def test_rows_without_a_covariate_are_left_out_and_counted():
    panel = matched()
    holes = panel.with_columns(x=panel.frame["x"].where(np.arange(panel.n_rows) >= 5))
    assert MatchedDiD().complete(holes).notes[0].startswith("5 matched rows without a covariate")


@pytest.mark.parametrize("keys", [{}, {"model": "logit", "event_study": (-3, 2)}])
def test_averaging_over_everyone_is_refused_where_it_changes_nothing(keys):
    with pytest.raises(ValueError, match="averaged_over: everyone changes nothing"):
        MatchedDiD(averaged_over="everyone", **keys)
