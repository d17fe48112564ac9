"""Nearest-neighbour matching on panels: by hand on eight units, and MatchIt end to end."""

import dataclasses

import causaldata
import numpy as np
import pandas as pd
import pytest

from sos_eval.comparison import Nearest, build
from sos_eval.errors import NotIdentified
from sos_eval.numerics.distance import absolute, mahalanobis
from tests.comparison.panels import NEVER, eight, panel_of
from tests.reference.stored import cases, data

#      a  b  c   d  e  f  g  h      treated: a b c
POOR = [1.6, 5, 9, 1.5, 4, 2, 8.25, 20]


def matched(panel, **options):
    return build(Nearest(**{"on": ("poor",), "distance": "poor", **options}), panel)


def sets_of(comparison):
    frame = comparison.sets
    donors = frame[frame["unit"] != frame["matched_set"]]
    return {name: list(rows["unit"]) for name, rows in donors.groupby("matched_set")}


def test_nearest_on_a_column_by_hand():
    found = matched(eight(poor=POOR))
    # largest first: c (9) takes g (8.25), b (5) takes e (4), a (1.6) takes d (1.5)
    assert sets_of(found) == {"a": ["d"], "b": ["e"], "c": ["g"]}
    assert found.weights.tolist() == [1, 1, 1, 1, 1, 0, 1, 0]
    assert list(found.panel.units) == list("abcdeg")
    assert not found.panel.weighted
    assert found.sets.loc[found.sets["unit"] == "g", "distance"].tolist() == [0.75]


def test_order_decides_who_gets_a_contested_donor():
    panel = eight(poor=[1, 2, 9, 1.4, 4, 30, 8, 20])
    assert sets_of(matched(panel, order="largest"))["b"] == ["d"]
    assert sets_of(matched(panel, order="smallest"))["a"] == ["d"]
    assert sets_of(matched(panel, order="data"))["a"] == ["d"]


def test_replacement_and_ratio_share_the_weights():
    panel = eight(poor=[1, 2, 9, 1.4, 4, 30, 8, 20])
    found = matched(panel, ratio=2, replace=True)
    # a: d, e; b: d, e; c: g (1 away), e (5 away): raw weights d 1, e 1.5, g 0.5, scaled by 3/3
    assert sets_of(found) == {"a": ["d", "e"], "b": ["d", "e"], "c": ["g", "e"]}
    assert found.weights.tolist() == [1, 1, 1, 1, 1.5, 0, 0.5, 0]
    assert found.panel.weighted
    assert found.panel.weights.tolist() == [1, 1, 1, 1, 1.5, 0.5]


def test_caliper_leaves_out_with_a_reason():
    panel = eight(poor=[1.6, 5, 9, 1.5, 4, 2, 80, 90])
    found = matched(panel, caliper=0.05)  # 0.05 x 38 = 1.9: c at 9 is 5 from e, too far
    assert found.off_support == {"c": "no comparison unit is close enough (within 0.05 standard deviations)"}
    assert found.weights[2] == 0
    assert "c" not in found.panel.units
    step = next(row for row in found.panel.flow if row.names == "c")
    assert (step.what, step.units, step.rows, step.reason) == ("dropped", 1, 4, found.off_support["c"])
    assert "estimate is about the 2 that remain" in found.notes[0]
    last = found.panel.flow[-1]
    assert (last.names, last.reason) == ("f, g, h", "not chosen as a donor by matching")


def test_exact_cells_and_what_is_left_when_they_are_empty():
    region = np.array(["N", "N", "S", "N", "N", "S", "E", "N"], dtype=object)
    found = matched(eight(poor=POOR, region=region), exact=("region",))
    assert sets_of(found) == {"a": ["d"], "b": ["e"], "c": ["f"]}
    alone = np.array(["N", "N", "W", "N", "N", "S", "E", "N"], dtype=object)
    left = matched(eight(poor=POOR, region=alone), exact=("region",))
    assert left.off_support == {"c": "no comparison unit has the same region"}


def test_donors_run_out_without_replacement():
    panel = eight(poor=POOR, region=np.array(["N", "N", "S", "N", "S", "S", "S", "S"], dtype=object))
    found = matched(panel, exact=("region",))
    assert found.off_support == {"a": "every comparison unit with the same region stands in for another"}


def test_treated_outside_the_range_are_named_and_kept():
    found = matched(eight(poor=[1, 5, 9, 1.5, 4, 2, 8, 7]))
    assert found.off_support == {
        "a": "poor 1 is outside the untreated units' range, 1.5 to 8",
        "c": "poor 9 is outside the untreated units' range, 1.5 to 8",
    }
    assert {"a", "c"} <= set(found.panel.units)


def test_overlap_has_a_row_per_unit():
    found = matched(eight(poor=POOR))
    assert list(found.overlap.columns) == ["unit", "treated", "distance", "weight"]
    assert found.overlap["distance"].tolist() == POOR
    assert build(Nearest(on=("poor",), distance="mahalanobis"), eight(poor=POOR)).overlap is None


def test_covariates_are_averaged_over_the_periods_before_anyone_starts():
    wild = np.array(POOR)[:, None] + np.array([-1.0, 1.0, 500.0, -500.0])
    assert sets_of(matched(eight(poor=wild))) == sets_of(matched(eight(poor=POOR)))


def test_outcomes_from_the_first_start_on_change_nothing():
    panel = eight(poor=POOR)
    changed = panel.matrix().copy()
    changed[:, 2:] = np.random.default_rng(3).normal(size=(8, 2)) * 1e6
    method = Nearest(on=("outcome_pre", "poor"), distance="mahalanobis", ratio=2)
    one, other = build(method, panel), build(method, panel.with_outcome(changed))
    assert one.weights.tolist() == other.weights.tolist()
    pd.testing.assert_frame_equal(one.balance, other.balance)
    assert one.panel.matrix()[:, 2:].tolist() == panel.keep(one.panel.units).matrix()[:, 2:].tolist()
    assert one.uses_outcomes


def test_outcomes_before_do_matter():
    panel = eight()
    swapped = panel.matrix().copy()
    swapped[[3, 7]] = swapped[[7, 3]]
    method = Nearest(on=("outcome_pre",), distance="outcome_pre")
    assert sets_of(build(method, panel)) == {"a": ["d"], "b": ["e"], "c": ["f"]}
    assert sets_of(build(method, panel.with_outcome(swapped)))["a"] == ["h"]


def test_the_outcome_s_slope_can_be_matched_on():
    outcome = np.array([[0.0, 3, 0], [0, 1, 0], [5, 8.1, 0], [5, 6.2, 0]])
    panel = panel_of(list("abcd"), [1, 2, 3], [3, 3, NEVER, NEVER], outcome)
    found = build(Nearest(on=("outcome_pre_slope",), distance="outcome_pre_slope"), panel)
    assert sets_of(found) == {"a": ["c"], "b": ["d"]}


def test_order_of_rows_and_names_of_units_do_not_matter():
    panel = eight(poor=POOR)
    plain = matched(panel, ratio=2, replace=True).weights
    reversed_ids = dict(zip("abcdefgh", "hgfedcba", strict=True))
    frame = panel.frame.assign(unit=panel.frame["unit"].map(reversed_ids))
    frame = frame.sort_values(["unit", "time"]).reset_index(drop=True)
    renamed = dataclasses.replace(panel, frame=frame)
    assert matched(renamed, ratio=2, replace=True).weights.tolist() == plain[::-1].tolist()


def test_input_is_left_as_it_is():
    panel = eight(poor=POOR)
    before = panel.frame.copy(deep=True)
    matched(panel, ratio=2, replace=True)
    pd.testing.assert_frame_equal(panel.frame, before)


FAULTS = {
    "separated": ({"distance": "probability"}, {"poor": [9, 9, 9, 1, 2, 3, 4, 5]}, "separates treated from untreated"),
    "twice": ({"on": ("poor", "poor")}, {}, "poor stands twice"),
    "collinear": ({"distance": "mahalanobis", "on": ("poor", "rich")}, {}, "are collinear"),
    "unknown": ({"on": ("pore",)}, {}, 'comparison.on: pore is no covariate of the panel; did you mean "poor"?'),
    "missing": ({}, {"poor": [1, 5, 9, np.nan, 4, 2, 8, np.nan]}, "no value of poor before the first start for d, h"),
    "none left": ({"caliper": 1e-9}, {}, "no treated unit has an acceptable donor"),
    "text distance": ({"distance": "place", "on": ()}, {}, "place is text, not a number"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_say_what_is_wrong(case):
    options, columns, text = FAULTS[case]
    covariates = {"poor": POOR, "rich": [-2 * p for p in POOR], "place": np.array(list("xyxyxyxy"), dtype=object)}
    with pytest.raises(NotIdentified) as fault:
        matched(eight(**{**covariates, **columns}), **options)
    assert text in str(fault.value)
    assert str(fault.value).startswith("panel.csv: comparison")


def test_a_covariate_that_nobody_has_is_one_fault():
    panel = eight(poor=[np.nan] * 8).keep_times([2012, 2013, 2014])
    with pytest.raises(NotIdentified) as fault:
        build(Nearest(on=("outcome_pre_slope", "poor"), distance="mahalanobis", missing="exclude"), panel)
    first, second = str(fault.value).split("\n")
    assert "outcome_pre_slope needs two periods before the first start, there is 1" in first
    assert "no unit has a value of poor before the first start" in second


def test_units_with_missing_values_are_left_out_where_that_is_declared():
    found = matched(eight(poor=[1, 5, 9, np.nan, 4, 2, 8, 20]), missing="exclude")
    assert sets_of(found)["a"] == ["f"]
    assert found.panel.flow[0].names == "d"
    assert found.panel.flow[0].reason == "no value of poor before the first start"
    assert "balance before leaves out units without a value of poor" in found.notes


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"distance": "mahalanobis", "caliper": 0.2}, "a caliper is in SD of a score"),
        ({"distance": "euclidean", "order": "largest"}, "write order: data"),
        ({"distance": "probability", "on": ()}, "needs covariates"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        Nearest(**{"on": ("poor",), **options})


# -- MatchIt, end to end -------------------------------------------------------------------------------------------

FULL = ("age", "educ", "race", "married", "nodegree", "re74", "re75")
OPTIONS = {
    "nn_ps_glm": {"on": FULL},
    "nn_ps_replace": {"on": FULL, "replace": True},
    "nn_ps_ratio2_caliper": {"on": FULL, "ratio": 2, "caliper": 0.25},
    "nn_ps_exact_married": {"on": FULL, "exact": ("married", "nodegree")},
    "nn_mahalanobis": {"on": ("age", "educ", "re74", "re75"), "distance": "mahalanobis"},
}


def lalonde_panel():
    people = data("matchit_lalonde.csv")
    names = [f"{i:04d}" for i in range(len(people))]  # unit ids in the order of the file, as R goes through it
    outcome = np.column_stack([people["re75"], people["re78"]])
    starts = np.where(people["treat"] == 1, 2.0, NEVER)
    panel = panel_of(names, [1, 2], starts, outcome, **{name: people[name].to_numpy() for name in FULL})
    return people, panel


def replayed(theirs, treated, donors, turns, distance, *, ratio, replace):
    """Largest amount by which a stored choice is worse than the best donor that was left."""
    column = {unit: j for j, unit in enumerate(donors)}
    free, worst = distance.copy(), 0.0
    for rank in range(ratio):
        for i in turns:
            mine = theirs[treated[i]]
            if len(mine) <= rank:
                assert not np.isfinite(free[i]).any()
                continue
            j = column[mine[rank]]
            worst = max(worst, free[i, j] - free[i].min())
            free[i if replace else slice(None), j] = np.inf
    return worst


@pytest.mark.reference
@pytest.mark.parametrize("case", OPTIONS)
def test_matchit_lalonde_end_to_end(case):
    """Pairs differ where donors tie. So: MatchIt's choices, replayed in our order on our distances, are each the
    nearest donor left; total distances of score matching agree; so does the effect, within what ties move.

    1e-6: R's propensities are good to 1e-7. Effect: the file's own 0.25 of its standard error.
    """
    values = cases("matchit_lalonde")[case]["values"]
    people, panel = lalonde_panel()
    method = Nearest(**OPTIONS[case])
    found = build(method, panel)
    treated = panel.ever_treated
    score = None if found.overlap is None else found.overlap["distance"].to_numpy()
    names = list(method.on)
    distance = mahalanobis(people[names].to_numpy(float), treated) if score is None else absolute(score, treated)
    for name in method.exact:
        column = people[name].to_numpy()
        distance[column[treated][:, None] != column[~treated][None, :]] = np.inf
    if method.caliper:
        distance[distance > method.caliper * score.std(ddof=1)] = np.inf
    turns = np.arange(treated.sum()) if score is None else np.argsort(-np.round(score[treated], 9), kind="stable")
    ids, theirs = people["id"].to_numpy(), values["match_pairs"]
    keys = {"ratio": method.ratio, "replace": method.replace}
    assert replayed(theirs, ids[treated], ids[~treated], turns, distance, **keys) < 1e-6

    donors = found.sets[found.sets["unit"] != found.sets["matched_set"]]
    if score is not None:
        row = {name: i for i, name in enumerate(ids)}
        total = sum(abs(score[row[t]] - score[row[c]]) for t, cs in theirs.items() for c in cs)
        assert donors["distance"].sum() == pytest.approx(total, abs=1e-6)
    assert int((found.weights[treated] > 0).sum()) == values["n"]["Matched"][1]
    y, w = people["re78"].to_numpy(), found.weights
    att = np.average(y[treated], weights=w[treated]) - np.average(y[~treated], weights=w[~treated])
    assert abs(att - values["outcome"]["att_weighted_diff"]) < 0.25 * values["outcome"]["se_HC3"]


@pytest.mark.reference
def test_matchit_nhefs_within_cells():
    """Mahalanobis within sex on 1,566 people: MatchIt's choices, replayed on our distances, are each the nearest left
    (1e-9), and total distance, counts and effect are MatchIt's; few donors tie here, so most pairs are its own."""
    people = causaldata.nhefs_complete.load_pandas().data.astype({"sex": int}).astype(float)
    values = cases("matchit_causaldata")["nhefs_nn_maha"]["values"]
    columns = ["age", "wt71", "smokeintensity", "smokeyrs"]
    ids = np.array([f"N{seqn:.0f}" for seqn in people["seqn"]])
    names = [f"{i:04d}" for i in range(len(people))]
    starts = np.where(people["qsmk"] == 1, 2.0, NEVER)
    outcome = np.column_stack([np.zeros(len(people)), people["wt82_71"]])
    covariates = {name: people[name].to_numpy() for name in [*columns, "sex"]}
    panel = panel_of(names, [1, 2], starts, outcome, **covariates)
    found = build(Nearest(on=tuple(columns), distance="mahalanobis", exact=("sex",)), panel)

    treated = panel.ever_treated
    distance = mahalanobis(people[columns].to_numpy(), treated)
    sex = people["sex"].to_numpy()
    distance[sex[treated][:, None] != sex[~treated][None, :]] = np.inf
    theirs, turns = values["match_pairs"], np.arange(treated.sum())
    assert replayed(theirs, ids[treated], ids[~treated], turns, distance, ratio=1, replace=False) < 1e-9
    row = {name: i for i, name in enumerate(ids[treated])}
    column = {name: j for j, name in enumerate(ids[~treated])}
    total = sum(distance[row[t], column[c]] for t, cs in theirs.items() for c in cs)
    donors = found.sets[found.sets["unit"] != found.sets["matched_set"]]
    assert donors["distance"].sum() == pytest.approx(total, rel=1e-3)  # ties lead to other donors later on
    assert [int((found.weights[treated] > 0).sum()), len(donors)] == [403, 403]
    y, w = people["wt82_71"].to_numpy(), found.weights
    att = np.average(y[treated], weights=w[treated]) - np.average(y[~treated], weights=w[~treated])
    assert abs(att - values["outcome"]["att_weighted_diff"]) < 0.25 * values["outcome"]["se_HC3"]
    same = np.mean([set(theirs[ids[int(t)]]) == {ids[int(c)] for c in cs} for t, cs in sets_of(found).items()])
    assert same > 0.9, same


def test_many_pairs_are_matched_along_the_line_with_the_same_result(monkeypatch):
    rng = np.random.default_rng(7)
    panel = panel_of(
        [f"u{i:02}" for i in range(60)], [1, 2], np.where(np.arange(60) < 20, 2, NEVER), np.zeros((60, 2)),
        x=rng.normal(size=60) + (np.arange(60) < 20),
    )  # fmt: skip
    methods = [
        Nearest(on=("x",)),
        Nearest(on=("x",), distance="linear_logit", ratio=2, caliper=0.1, order="smallest"),
        Nearest(distance="x", caliper=0.02),
    ]
    every = [build(method, panel) for method in methods]
    monkeypatch.setattr("sos_eval.comparison.nearest.DENSE", 0)
    for method, expected in zip(methods, every, strict=True):
        found = build(method, panel)
        np.testing.assert_array_equal(found.weights, expected.weights)
        assert found.off_support == expected.off_support
        assert found.notes == expected.notes
        assert found.sets.equals(expected.sets)
