"""Exact and coarsened exact matching and subclasses: by hand on eight units, and MatchIt's stored numbers."""

import causaldata
import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison import CEM, Exact, Subclass, build
from sos_eval.errors import NotIdentified
from sos_eval.numerics.strata import stratum_weights
from tests.comparison.panels import eight
from tests.comparison.reference import agrees, of_case, people, same_sets
from tests.reference.stored import cases, data

#        a    b    c    d    e    f    g    h      treated: a b c
REGION = ["N", "N", "S", "N", "S", "S", "S", "W"]
SIZE = [1.0, 2, 9, 3, 8, 7, 20, 5]


def text(values):
    return np.array(values, dtype=object)


def test_exact_by_hand():
    found = build(Exact(on=("region",)), eight(region=text(REGION)))
    # N: 2 treated, d; S: 1 treated, e f g. Raw 2 for d, 1/3 for e f g; sum 3, four in use: times 4/3
    np.testing.assert_allclose(found.weights, [1, 1, 1, 8 / 3, 4 / 9, 4 / 9, 4 / 9, 0])
    assert found.panel.flow[-1].names == "h"
    assert found.panel.flow[-1].reason == "no treated unit in the same cell of all covariates"
    after = found.balance.set_index(["stage", "covariate"]).loc["after"]
    np.testing.assert_allclose(after["std_mean_diff"], [0, 0, np.nan])
    assert list(found.sets["matched_set"]) == ["1", "1", "1", "2", "2", "2", "2"]


def test_both_groups_together_by_hand():
    found = build(Exact(on=("region",), estimand="ate"), eight(region=text(REGION)))
    # N: 3 units, treated 3/2 each, d 3; S: 4 units, c 4, e f g 4/3. Treated sum 7 for 3, others 7 for 4
    np.testing.assert_allclose(found.weights, np.array([4.5, 4.5, 12, 12, 16 / 3, 16 / 3, 16 / 3, 0]) / 7)


def test_treated_without_a_like_are_left_out_and_said():
    found = build(Exact(on=("region",)), eight(region=text(["N", "N", "W", "N", "S", "S", "S", "S"])))
    assert found.off_support == {"c": "no comparison unit in the same cell of all covariates"}
    assert found.weights.tolist() == [1, 1, 0, 1, 0, 0, 0, 0]
    assert "the estimate is about the 2 that remain" in found.notes[0]


def test_no_common_stratum_is_refused():
    panel = eight(region=text(["N", "N", "N", "S", "S", "S", "S", "S"]))
    with pytest.raises(NotIdentified, match="no cell of all covariates holds treated and untreated units"):
        build(Exact(on=("region",)), panel)
    with pytest.raises(ValueError, match="exact needs covariates"):
        Exact()


def test_declared_cut_points_open_intervals_on_the_left():
    # below 2: a; 2 to below 8: b d f h; from 8: c e g
    found = build(CEM(on=("size",), cutpoints={"size": (2, 8)}), eight(size=SIZE))
    # b serves d f h (1/3 each), c serves e g (1/2 each): sum 2, five in use
    np.testing.assert_allclose(found.weights, [0, 1, 1, 5 / 6, 5 / 4, 5 / 6, 5 / 4, 5 / 6])
    assert list(found.off_support) == ["a"]
    assert not any("taken from the data" in note for note in found.notes)


def test_groupings_count_as_one_and_the_rest_stand_for_themselves():
    method = CEM(on=("region",), groupings={"region": (("N", "W"),)})
    found = build(method, eight(region=text(REGION)))
    # N or W: a b, d h: 1 each; S: c, e f g: 1/3. Sum 3, five in use
    np.testing.assert_allclose(found.weights, [1, 1, 1, 5 / 3, 5 / 9, 5 / 9, 5 / 9, 5 / 3])
    grades = eight(grade=[1, 2, 3, 1, 2, 3, 3, 4])
    found = build(CEM(on=("grade",), groupings={"grade": ((1, 2), (3, 4))}), grades)
    np.testing.assert_allclose(found.weights, [1, 1, 1, 5 / 3, 5 / 3, 5 / 9, 5 / 9, 5 / 9])


def test_codes_of_seven_digits_are_told_apart():
    """1234567 and 1234568 are two categories, and each can be named."""
    codes = eight(code=[1, 1234567, 1234568, 1, 1234567, 1234567, 1234568, 1234568])
    found = build(CEM(on=("code",), groupings={"code": ((1,),)}), codes)
    np.testing.assert_allclose(found.weights, [1, 1, 1, 5 / 3, 5 / 6, 5 / 6, 5 / 6, 5 / 6])
    together = build(CEM(on=("code",), groupings={"code": ((1234567, 1234568),)}), codes)
    np.testing.assert_allclose(together.weights, found.weights)
    with pytest.raises(NotIdentified, match='has no category 1234569; did you mean "1234568"'):
        build(CEM(on=("code",), groupings={"code": ((1234569,),)}), codes)


def test_automatic_cut_points_are_said_and_keep_two_values_apart():
    found = build(CEM(on=("size", "town")), eight(size=SIZE, town=[1, 1, 0, 1, 0, 0, 0, 0]))
    # Sturges: 4 bins of 1 to 20
    assert found.notes[0] == "cut-points taken from the data: size at 5.75, 10.5, 15.25"
    halves = CEM(on=("town",), rule="q2")
    assert build(halves, eight(town=[1, 1, 0, 1, 0, 0, 0, 0])).weights.tolist() == pytest.approx(
        [1, 1, 1, 10 / 3, 5 / 12, 5 / 12, 5 / 12, 5 / 12]
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rule": "sturgis"}, "'sturgis' is no rule; write sturges, scott, fd, q4"),
        ({"cutpoints": {"siz": (1,)}}, 'siz is not among `on`; did you mean "size"'),
        ({"cutpoints": {"size": (1,)}, "groupings": {"size": ((1,),)}}, "has cut-points and groupings"),
        ({"groupings": {"size": ((1, 2), (2, 3))}}, "a category stands in two groups"),
    ],
)
def test_what_cannot_be_coarsened_is_refused_by_name(options, words):
    with pytest.raises(ValueError, match=words):
        CEM(on=("size",), **options)


def test_groups_and_cut_points_that_the_data_do_not_have_are_refused():
    panel = eight(region=text(REGION))
    with pytest.raises(NotIdentified, match="region has no category E"):
        build(CEM(on=("region",), groupings={"region": (("N", "E"),)}), panel)
    with pytest.raises(NotIdentified, match="region is text and has no cut-points"):
        build(CEM(on=("region",), cutpoints={"region": (1,)}), panel)


def test_subclasses_by_hand():
    # one covariate: classes at the treated units' median of it, 5; below: a and d f; from it: b c and e g h
    panel = eight(poor=[1.6, 5, 9, 1.5, 5.5, 2, 8.25, 20])
    found = build(Subclass(on=("poor",), classes=2), panel)
    rising = np.corrcoef(found.overlap["distance"], [1.6, 5, 9, 1.5, 5.5, 2, 8.25, 20])[0, 1] > 0
    expected = [1, 1, 1, 5 / 6, 10 / 9, 5 / 6, 10 / 9, 10 / 9]
    if not rising:  # the median opens the upper class of the chance, which is then the lower one of the covariate
        expected = [1, 1, 1, 5 / 3, 5 / 9, 5 / 3, 5 / 9, 5 / 9]
    np.testing.assert_allclose(found.weights, expected)
    assert any("2 parameters for 3 treated units" in note for note in found.notes)


def test_separated_and_constant_covariates_are_refused():
    with pytest.raises(NotIdentified, match="separates treated from untreated"):
        build(Subclass(on=("x",)), eight(x=[1, 2, 3, 4, 5, 6, 7, 8]))
    with pytest.raises(NotIdentified, match="x does not vary; take it out"):
        build(Subclass(on=("x",)), eight(x=np.ones(8)))
    more = {f"x{k}": np.random.default_rng(k).normal(size=8) for k in range(7)}
    with pytest.raises(NotIdentified, match=r"separate treated|collinear"):
        build(Subclass(on=tuple(more)), eight(**more))


def test_weights_of_many_adoptions_sum_to_the_units_in_use():
    rng = np.random.default_rng(4)
    stratum, treated = rng.integers(0, 4, 30), rng.random((20, 30)) < 0.4
    for average in ("att", "ate"):
        weights = stratum_weights(stratum, treated, average=average)
        for one, group in zip(weights, treated, strict=True):
            for arm in (group, ~group):
                assert one[arm].sum() == pytest.approx((one[arm] > 0).sum())
            shares = [np.bincount(stratum, one * arm, 4) / one[arm].sum() for arm in (group, ~group)]
            np.testing.assert_allclose(*shares, atol=1e-12)


# -- MatchIt ---------------------------------------------------------------------------------------------------------

NAMES = {"auth": "authority_134.csv", "lalonde": "matchit_lalonde.csv"}
STORED = [name for name in cases("full_matching") if "cem" in name or "subclass" in name]


def method_of(name, spec, on):
    estimand = spec["estimand"].lower()
    if spec["method"] == "subclass":
        return Subclass(on=on, classes=spec["n"], estimand=estimand)
    numbers = [one for one in on if one not in ("race", "married", "x2")]
    if name.endswith("bins3"):
        return CEM(on=on, estimand=estimand, cutpoints=dict.fromkeys(numbers, 3))
    if name.endswith("grouping"):
        cuts = {"age": (20, 25, 30, 35, 40), "educ": (8.5, 11.5, 12.5), "re74": "q5"}
        return CEM(on=on, cutpoints=cuts, groupings={"race": (("black",), ("hispan", "white"))})
    return CEM(on=on, estimand=estimand, rule=spec["cutpoints"])


@pytest.mark.reference
@pytest.mark.parametrize("name", STORED)
def test_strata_are_matchit_s(name):
    """Weights, numbers and balance; strata have no ties, so all at 1e-8 (propensities are R's to 1e-7)."""
    case = cases("full_matching")[name]
    panel, treated, on, spec, values = of_case(case, NAMES[name.partition("_")[0]])
    found = build(method_of(name, spec, on), panel)
    agrees(
        found,
        treated,
        values,
        data(NAMES[name.partition("_")[0]])[spec["outcome"]].to_numpy(float),
        standardised=spec["estimand"] == "ATT",
    )
    same_sets(found, values)
    assert (treated & (found.weights == 0)).sum() == values["n_unmatched_treated"]
    assert found.sets["matched_set"].nunique() == values["n_subclass"]
    if values.get("L1"):
        measures = found.measures.set_index(["measure", "stage"])["value"]
        assert measures[("l1", "before")] == pytest.approx(values["L1"]["before"], abs=1e-8)
        assert measures[("l1", "after")] == pytest.approx(values["L1"]["after"], abs=1e-8)
        assert 100 * measures[("local_common_support", "after")] == pytest.approx(values["L1"]["LCS_after"])


def table_of(name):
    if name == "nhefs_cem":
        table = causaldata.nhefs_complete.load_pandas().data
        return table.assign(treat=pd.to_numeric(table["qsmk"]), sex=pd.to_numeric(table["sex"].astype(float)))
    nsw = causaldata.nsw_mixtape.load_pandas().data.astype({"re74": float, "re75": float})
    cps = causaldata.cps_mixtape.load_pandas().data
    table = pd.concat([nsw[nsw["treat"] == 1], cps], ignore_index=True)
    return table.assign(u74=(table["re74"] == 0) * 1.0, u75=(table["re75"] == 0) * 1.0)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["exact_4", "cem_cutpoints", "subclass6", "cps_exact", "nhefs_cem"])
def test_stored_cases_of_matchit(name):
    """Balance and effective number as MatchIt's ``summary`` prints them, 1e-8."""
    everything = cases("matchit_lalonde") | cases("matchit_causaldata")
    values = everything[name]["values"]
    columns = {
        "exact_4": ("race", "married", "nodegree"),
        "cem_cutpoints": ("age", "educ", "race", "re74"),
        "subclass6": ("age", "educ", "race", "married", "nodegree", "re74", "re75"),
        "cps_exact": ("black", "hisp", "marr", "nodegree", "u74", "u75"),
        "nhefs_cem": ("sex", "age", "smokeyrs", "smokeintensity"),
    }[name]
    methods = {
        "cem_cutpoints": CEM(
            on=columns, cutpoints={"age": (20, 25, 30, 35), "educ": (8.5, 11.5), "re74": (1, 5000, 10000)}
        ) if name == "cem_cutpoints" else None,
        "nhefs_cem": CEM(
            on=columns,
            cutpoints={"age": (35, 45, 55, 65), "smokeyrs": (10.5, 20.5, 30.5), "smokeintensity": (5.5, 15.5, 25.5)},
        ) if name == "nhefs_cem" else None,
        "subclass6": Subclass(on=columns, classes=6),
    }  # fmt: skip
    table = table_of(name) if name in ("cps_exact", "nhefs_cem") else data("matchit_lalonde.csv")
    panel, treated = people(table, columns)
    found = build(methods.get(name) or Exact(on=columns), panel)
    balance = found.balance.assign(covariate=found.balance["covariate"].str.replace("=", ""))
    balance = balance.set_index(["stage", "covariate"])
    keys = {"Means Treated": "mean_treated", "Means Control": "mean_comparison", "Std. Mean Diff.": "std_mean_diff",
            "Var. Ratio": "variance_ratio", "eCDF Max": "ks"}  # fmt: skip
    seen = 0
    for stage in ("before", "after"):
        for covariate, stored in (values[f"balance_{stage}"] or {}).items():
            if covariate == "distance":
                continue
            for theirs, ours in keys.items():
                expected = np.nan if stored[theirs] is None else stored[theirs]
                got = balance.loc[(stage, covariate), ours]
                assert got == pytest.approx(expected, rel=1e-8, abs=1e-8, nan_ok=True), (stage, covariate, ours)
                seen += 1
    assert seen >= (40 if name == "nhefs_cem" else 45)
    w = found.weights[~treated]
    assert w.sum() ** 2 / (w @ w) == pytest.approx(values["n"]["Matched (ESS)"][0], rel=1e-8)
    outcome = {"cps_exact": "re78", "nhefs_cem": "wt82_71"}.get(name, "re78")  # it enters last: the effect
    y = table[outcome].to_numpy(float)
    means = [np.average(y[arm], weights=found.weights[arm]) for arm in (treated, ~treated)]
    assert means[0] - means[1] == pytest.approx(values["outcome"]["att_weighted_diff"], rel=1e-8)
