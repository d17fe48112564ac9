"""Rows of people matched by their chance of being treated, within set and period."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.comparison.ipw import IPW
from sos_eval.comparison.people import People
from sos_eval.comparison.people_chance import chances, dealt, nearest_factors, odds_factors, persons, refuse_extreme
from sos_eval.errors import NotIdentified
from sos_eval.estimators import MatchedDiD
from tests.comparison.people_panel import many
from tests.comparison.test_people import ROWS, built, by_row

# two cells of four rows: two treated and two others each
CHANCE = np.array([0.6, 0.3, 0.5, 0.2, 0.7, 0.4, 0.45, 0.1])
ARM = np.array([True, True, False, False] * 2)
CELLS = np.repeat([0, 1], 4)


def test_eight_rows_are_paired_within_their_cell_by_hand():
    # .6 chooses .5, then .3 has .2; .7 chooses .45, then .4 has .1
    np.testing.assert_array_equal(nearest_factors(CHANCE, CELLS, ARM, ratio=1, caliper=None), np.ones(8))
    # within half a standard deviation (0.1): .6 and .5, .3 and .2; .7 has nobody, .4 has .45
    near = nearest_factors(CHANCE, CELLS, ARM, ratio=1, caliper=0.1000001 / CHANCE.std(ddof=1))
    np.testing.assert_array_equal(near, [1, 1, 1, 1, 0, 1, 1, 0])
    # two each: both have chosen one before anybody chooses a second, and then nobody is left
    np.testing.assert_array_equal(nearest_factors(CHANCE[:4], CELLS[:4], ARM[:4], ratio=2, caliper=None), [1, 1, 1, 1])


def test_odds_by_hand():
    expected = [1, 1, 1, 0.25, 1, 1, 0.45 / 0.55, 1 / 9]
    np.testing.assert_allclose(odds_factors(CHANCE, ARM, None), expected)
    np.testing.assert_allclose(odds_factors(CHANCE, ARM, (0.15, 0.65)), [1, 1, 1, 0.25, 0, 1, 0.45 / 0.55, 0])


def test_chances_are_those_of_statsmodels_with_an_indicator_a_cell():
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    cells, x = rng.integers(0, 3, 300), rng.normal(size=300)
    kind = rng.choice(["north", "south"], 300)
    arm = rng.random(300) < 1 / (1 + np.exp(-0.5 * x - 0.3 * cells + 0.4))
    own = rng.uniform(0.5, 1, 300)
    lone = np.append(cells, 3)  # a cell of one row has no chance
    found = chances(
        pd.DataFrame({"x": np.append(x, 0.0), "kind": np.append(kind, "north")}), lone, np.append(arm, True),
        np.append(own, 1.0), "s", folds=np.arange(301) % 5,
    ).used  # fmt: skip
    design = np.column_stack([np.eye(3)[cells], x, kind == "south"]).astype(float)
    told = sm.GLM(arm.astype(float), design, family=sm.families.Binomial(), var_weights=own).fit(tol=1e-14)
    np.testing.assert_allclose(found[:-1], told.predict(design), rtol=1e-8)
    assert np.isnan(found[-1])


@pytest.mark.parametrize("method", ["nearest", "ipw"])
def test_arms_count_the_same_in_every_set_and_period_and_weights_add_up(method):
    made = built(panel=many(), method=method, on=("x", "kind"))
    frame = made.panel.frame
    sums = frame.groupby(["matched_set", "post", "arm"])["weight"].sum().unstack()
    ratio = sums[0.0] / sums[1.0]
    np.testing.assert_allclose(ratio, ratio.iloc[0], rtol=1e-12)
    assert any(
        "weights of matched rows sum to 1 times the rows' own (treated) and 1 times" in note for note in made.notes
    )
    after = made.balance.query("stage == 'after'")["std_mean_diff"].abs().max()
    assert after < max(0.1, made.balance.query("stage == 'before'")["std_mean_diff"].abs().max())
    estimate = MatchedDiD().complete(made.panel)
    assert abs(estimate.values[0] - 2.0) < 0.6
    hidden = built(panel=many().with_columns(outcome=np.arange(800.0)), method=method, on=("x", "kind"))
    np.testing.assert_array_equal(hidden.panel.frame["weight"], frame["weight"])


def test_a_row_in_two_sets_weighs_half_in_each():
    weights = by_row(built(panel=many(), method="ipw", on=("x",)), "weight")
    rows = by_row(built(panel=many(), method="ipw", on=("x",)), "x")
    shared = [key for key in weights if key[0] == "D" and (*key[:2], "B") in weights and (*key[:2], "A") in weights]
    single = [key for key in weights if key[0] == "C"]
    after = {key: weights[key] for key in shared if key[2] == "A" and key[1] >= 20}
    alike = next(key for key in single if key[1] >= 20 and rows[key] == rows[next(iter(after))])
    assert next(iter(after.values())) == pytest.approx(weights[alike] / 2)


def test_the_flow_counts_who_is_left_out():
    made = built(panel=many(), method="nearest", on=("x", "kind"), caliper=0.01)
    told = "that were matched with no treated row of the same set and period"
    assert any(told in row.reason for row in made.panel.flow)
    made = built(panel=many(), method="ipw", on=("x", "kind"), trim_chance=(0.05, 0.6))
    trimmed = {row.reason for row in made.panel.flow if row.step == "comparison"}
    assert trimmed <= {f"{who} rows with an estimated chance outside 0.05 to 0.6" for who in ("treated", "comparison")}
    assert trimmed
    # limits that leave B nobody before its window leave its set out
    made = built(panel=many(), method="ipw", on=("x", "kind"), trim_chance=(0.05, 0.5))
    assert made.off_support == {"B": "its set has no matched rows before its window"}


def test_a_missing_number_has_an_indicator():
    rows = many()
    holes = rows.with_columns(x=rows.frame["x"].where(np.arange(rows.n_rows) % 7 > 0))
    made = built(panel=holes, method="ipw", on=("x", "kind"), missing="category")
    assert made.panel.frame["x"].isna().any()


def test_faults_name_what_is_wrong():
    for given, said in (
        ({"method": "nearest", "on": ()}, "nearest needs covariates"),
        ({"method": "cem", "caliper": 0.2}, "go with method: nearest"),
        ({"method": "nearest", "trim_chance": (0.1, 0.9)}, "goes with method: ipw"),
        ({"method": "ipw", "trim_chance": (0.9, 0.1)}, "the lower limit, then the upper one"),
        ({"method": "ipw", "cutpoints": {"x": (1.0,)}}, "go with method: cem"),
    ):
        with pytest.raises(ValueError, match=said):
            People(**({"on": ("x",)} | given))
    apart = [(*row[:3], float(row[0] in "AB")) for row in ROWS]
    with pytest.raises(NotIdentified, match="separates treated from untreated rows"):
        built(apart, method="ipw")
    with pytest.raises(NotIdentified, match="that are matched"):
        built(panel=many(), method="ipw", on=("x",), trim_chance=(0.999, 1.0))


LEARNERS = ("boosting", "forest")


def learnt(model, method="ipw", panel=None, **options):
    rows = many(n=1600) if panel is None else panel
    return built(panel=rows, method=method, on=("x", "kind"), model=model, **options)


@pytest.mark.parametrize("model", LEARNERS)
def test_learners_say_chances_by_other_folds(model):
    """Each row's chance is that of a model of scikit-learn on the other folds, cells beside covariates."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    rng = np.random.default_rng(4)
    n = 500
    cells, x, own, folds = rng.integers(0, 2, n), rng.normal(size=n), rng.uniform(0.5, 1, n), rng.integers(0, 3, n)
    arm = rng.random(n) < 1 / (1 + np.exp(x**2 - 1))
    found = chances(pd.DataFrame({"x": x}), cells, arm, own, "s", folds=folds, model=model)
    design = np.column_stack([x - x.mean(), cells])
    for fold in range(3):
        seen = folds != fold
        learner = (
            HistGradientBoostingClassifier(random_state=0)
            if model == "boosting"
            else RandomForestClassifier(200, min_samples_leaf=20, random_state=0, n_jobs=1)
        )
        learner.fit(design[seen], arm[seen], sample_weight=(own / own.mean())[seen])
        np.testing.assert_allclose(found.used[~seen], learner.predict_proba(design[~seen])[:, 1], rtol=1e-10)
    assert found.used is found.held_out
    assert found.calibrated(arm, own)["calibration_line"]["chance"].tolist() == ["held_out"]


@pytest.mark.slow
@pytest.mark.parametrize("model", LEARNERS)
def test_learnt_chances_make_a_group(model):
    made = learnt(model, trim_chance=(0.02, 0.98))
    ratio = made.panel.frame.groupby(["matched_set", "post", "arm"])["weight"].sum().unstack()
    np.testing.assert_allclose(ratio[0.0] / ratio[1.0], (ratio[0.0] / ratio[1.0]).iloc[0], rtol=1e-9)
    assert abs(MatchedDiD().complete(made.panel).values[0] - 2.0) < 0.6
    line = made.calibration["calibration_line"]
    assert 0.2 < line["slope"].iloc[0] < 1.5
    pairs = learnt(model, method="nearest")
    assert abs(MatchedDiD().complete(pairs.panel).values[0] - 2.0) < 0.6


@pytest.mark.parametrize("model", LEARNERS)
def test_the_same_bytes_whatever_the_threads(model):
    from threadpoolctl import threadpool_limits

    weights = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            made = learnt(model, trim_chance=(0.02, 0.98), panel=many(n=600), folds=2)
            weights.append(made.panel.frame["weight"].to_numpy().tobytes())
    assert weights[0] == weights[1]
    other = (
        learnt(model, trim_chance=(0.02, 0.98), panel=many(n=600), folds=2, deal=2)
        .panel.frame["weight"]
        .to_numpy()
        .tobytes()
    )
    assert other != weights[0]


def test_a_confounder_that_is_no_line_is_balanced_by_a_learner():
    """Pilots have those in the middle: a logistic regression sees nothing of it, boosting most."""
    rng = np.random.default_rng(3)
    n = 6000
    unit = rng.choice(list("ABCD"), n)
    x = np.where(np.isin(unit, ["A", "B"]), rng.normal(0, 0.7, n), rng.normal(0, 1.2, n))
    rows = [(u, d, 0.0, v) for u, d, v in zip(unit, rng.integers(0, 60, n) + 0.0, x, strict=True)]
    from tests.comparison.people_panel import people_of

    panel = people_of(rows, ("x",))
    apart = {}
    for model in ("logistic", "boosting"):
        frame = built(panel=panel, method="ipw", on=("x",), model=model, trim_chance=(0.02, 0.98)).panel.frame
        square = [np.average(part["x"] ** 2, weights=part["weight"]) for _, part in frame.groupby("arm")]
        apart[model] = abs(square[0] - square[1])
    assert apart["logistic"] > 0.5
    assert apart["boosting"] < 0.25 * apart["logistic"]


def test_people_stay_whole():
    """Rows of a person, or of a cluster within an authority, are in one fold; clusters of authorities are none."""
    place, unit = np.array([0, 0, 1, 2, 3, 4, 5, 6]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    arm = np.array([1, 1, 1, 1, 0, 0, 0, 0]) > 0
    folds = dealt(persons(place, unit, unit), arm, 2, 1)
    assert folds[0] == folds[1]
    assert sorted(np.bincount(folds[arm])) in ([1, 3], [2, 2])
    child = np.array([0, 0, 0, 1, 2, 2, 3, 3])
    by_child = dealt(persons(place, child, unit), arm, 2, 1)
    for code in range(4):
        assert len(set(by_child[child == code])) == 1
    moved = np.array([0, 0, 0, 1, 2, 2, 3, 0])  # a child who comes in another authority again
    assert persons(place, moved, unit).tolist() == moved.tolist()


def test_a_column_says_whose_a_row_is(monkeypatch):
    """Clusters are authorities, as errors have them; folds follow the child, also one of two authorities."""
    panel = many(n=1600)
    child = np.array([f"c{k}" for k in np.random.default_rng(2).integers(0, 300, panel.n_rows)], object)
    panel = panel.with_columns(child=child)
    seen = {}

    def spied(values, cells, arm, own, source, **more):
        seen[model] = more["folds"], arm
        return chances(values, cells, arm, own, source, **more)

    monkeypatch.setattr("sos_eval.comparison.people.chances", spied)
    weights = {}
    for model, person in (("by child", "child"), ("by row", None)):
        made = learnt("boosting", panel=panel, trim_chance=(0.02, 0.98), person=person)
        weights[model] = made.panel.frame["weight"].to_numpy()
    in_sets = len(seen["by child"][0])
    units = panel.frame["unit"].to_numpy()
    of_row = [child[i] for i in range(panel.n_rows)]
    # D's rows stand twice, once a set: rows in the order of the panel, those of windows left out
    dated = panel.frame["event_day"].to_numpy()
    sets = {"A": ["A"], "B": ["B"], "C": ["A"], "D": ["A", "B"]}
    window = {"A": (10, 20), "B": (30, 40)}
    stands = [
        of_row[i] for i in range(panel.n_rows) for one in sets[units[i]]
        if not window[one][0] <= dated[i] < window[one][1]
    ]  # fmt: skip
    assert len(stands) == in_sets
    folds = pd.Series(seen["by child"][0]).groupby(np.array(stands)).nunique()
    assert folds.max() == 1
    assert pd.Series(seen["by row"][0]).groupby(np.array(stands)).nunique().max() == 5
    assert not np.array_equal(weights["by child"], weights["by row"])


def test_a_person_without_a_name_is_refused():
    panel = many(n=400)
    with pytest.raises(NotIdentified, match=r"people\.person: child is no column of the panel"):
        learnt("boosting", panel=panel, person="child")
    some = panel.with_columns(child=np.where(np.arange(panel.n_rows) < 3, np.nan, np.arange(panel.n_rows) // 2))
    with pytest.raises(NotIdentified, match="3 rows have no value of child"):
        learnt("boosting", panel=some, person="child")
    with pytest.raises(ValueError, match="go with method: nearest or ipw"):
        People(on=("x",), person="child")


def test_no_overlap_is_refused():
    apart = many(n=1600)
    frame = apart.frame.assign(x=np.where(apart.frame["unit"].isin(["A", "B"]), 9.0, apart.frame["x"]))
    frame.loc[::40, "x"] = 9.0
    rows = apart.changed(frame=frame)
    with pytest.raises(NotIdentified, match="1 comparison rows have an estimated chance of treatment above"):
        refuse_extreme(np.array([0.5, 0.999]), np.array([True, False]), "s")
    assert learnt("forest", panel=rows, trim_chance=(0.01, 0.99)).panel.n_rows > 0
    refuse_extreme(np.array([0.999, 0.5]), np.array([True, False]), "s")


def test_learners_are_for_rows_of_people():
    with pytest.raises(ValueError, match="model, folds, deal and person go with method: nearest or ipw"):
        People(on=("x",), model="boosting")
    with pytest.raises(ValueError, match="model: forest is for rows that are people"):
        IPW(on=("x",), model="forest")


DESIGN = """\
schema: sos-eval/design/1
name: people
panel:
  {source: csv, path: people.csv, unit: la, time: year, layout: cross_sections, outcome: {value: days},
   treatment: {first_treated: start}, covariates: [x]}
comparison: {method: declared, sets: {A: [C, D], B: [D]}, people: {method: ipw, on: [x], model: forest, person: child}}
estimators: [{id: main, method: matched_did}]
inference: [{method: analytic}]
report: {formats: []}
seed: 4
"""


@pytest.mark.slow
def test_a_run_writes_the_calibration_and_a_profile_holds_tenths_of_people_back(tmp_path):
    frame = many(n=1600).frame
    people = pd.DataFrame({"la": frame["unit"], "year": 2000 + frame["time"].astype(int), "days": frame["outcome"]})
    people = people.assign(child=[f"c{k // 3}" for k in range(len(people))], x=frame["x"])
    people = people.assign(start=people["la"].map({"A": 2002, "B": 2004}).fillna(0).astype(int))
    people.to_csv(tmp_path / "people.csv", index=False)
    tables = {}
    for name, more in (("open", ""), ("guarded", "disclosure: {profile: dfe, minimum_units: 2}\n")):
        (tmp_path / f"{name}.yaml").write_text(DESIGN + more)
        bundle = se.run(se.load_design(tmp_path / f"{name}.yaml"), out=tmp_path / name)
        tables[name] = {table: bundle.tables(table) for table in bundle.table_names}
    by = tables["open"]["calibration"]
    assert set(by["chance"]) == {"held_out"}
    assert "calibration" not in tables["guarded"]
    slopes = [tables[name]["calibration_line"]["slope"].iloc[0] for name in ("open", "guarded")]
    assert slopes[1] == pytest.approx(slopes[0], rel=1e-3)
