"""Rows of people matched by their chance of being treated, within set and period."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison.people import People
from sos_eval.comparison.people_chance import chances, nearest_factors, odds_factors
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
        np.append(own, 1.0), "s",
    )  # fmt: skip
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
    assert any("composite weights sum to 1 and 1 of the rows' own" in note for note in made.notes)
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
    assert any("that no treated row of the same set and period stands for" in row.reason for row in made.panel.flow)
    made = built(panel=many(), method="ipw", on=("x", "kind"), trim_chance=(0.05, 0.5))
    assert any("outside trim_chance" in row.reason for row in made.panel.flow)


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
    with pytest.raises(NotIdentified, match="separate treated from untreated rows"):
        built(apart, method="ipw")
    with pytest.raises(NotIdentified, match="that are matched"):
        built(panel=many(), method="ipw", on=("x",), trim_chance=(0.999, 1.0))
