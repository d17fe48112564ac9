"""Optimal, full and Mahalanobis matching: by hand on eight units, linear programmes, MatchIt and optmatch."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from sos_eval.comparison import Full, Mahalanobis, Optimal, build
from sos_eval.errors import NotIdentified
from sos_eval.numerics.assignment import nearest, optimal
from sos_eval.numerics.distance import absolute, mahalanobis, rank_mahalanobis
from sos_eval.numerics.full import full_sets, limited_sets
from tests.comparison.panels import eight
from tests.comparison.reference import agrees, of_case, same_sets
from tests.reference.stored import cases, data

INF = np.inf


def total(distance, chosen):
    row, rank = np.nonzero(chosen >= 0)
    return distance[row, chosen[row, rank]].sum()


def total_of_sets(distance, sets):
    return distance[sets[0][:, None] == sets[1][None, :]].sum()


# -- optimal ---------------------------------------------------------------------------------------------------------


def test_optimal_by_hand_gives_up_a_near_pair_for_a_smaller_sum():
    #         d  e        greedy: a takes d (1), b is left with e (9): 10. Best: a with e (2), b with d (3): 5
    apart = np.array([[1.0, 2], [3, 9]])
    assert nearest(apart, order=np.arange(2))[:, 0].tolist() == [0, 1]
    assert optimal(apart)[:, 0].tolist() == [1, 0]


def test_optimal_matches_as_many_as_can_be_and_never_a_barred_pair():
    apart = np.array([[1.0, INF, INF], [2, 50, INF], [INF, INF, INF]])
    # a can only have d, so b takes e, however far; c has nobody
    assert optimal(apart)[:, 0].tolist() == [0, 1, -1]
    assert (optimal(np.full((2, 2), INF)) == -1).all()
    two = optimal(np.array([[1.0, 3, 2], [9, 4, 9]]), ratio=2)
    # three donors for four places: sums: a d f, b e: 1 + 2 + 4
    assert two.tolist() == [[0, 2], [1, -1]]


def test_optimal_on_a_panel_by_hand():
    # treated 1, 2, 9; donors 1.4 d, 4 e, 30 f, 8 g, 20 h. Largest first b takes d, a is left with e
    panel = eight(poor=[1, 2, 9, 1.4, 4, 30, 8, 20])
    found = build(Optimal(on=("poor",), distance="poor"), panel)
    sets = found.sets[found.sets["unit"] != found.sets["matched_set"]].set_index("matched_set")["unit"]
    assert sets.to_dict() == {"a": "d", "b": "e", "c": "g"}  # 0.4 + 2 + 1
    assert found.weights.tolist() == [1, 1, 1, 1, 1, 0, 1, 0]


def test_nobody_has_a_second_while_another_has_none():
    """Two donors near a, one of them near b too: the smallest sum gives both to a, and b nobody."""
    apart = np.array([[1.0, 1.1], [9, 8]])
    assert optimal(apart, ratio=2).tolist() == [[0, -1], [1, -1]]
    barred = np.array([[1.0, 1.1, 1.2], [9, INF, INF], [INF, INF, INF]])
    assert optimal(barred, ratio=3).tolist() == [[1, 2, -1], [0, -1, -1], [-1, -1, -1]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bar", [0.0, 0.5])
def test_where_donors_are_too_few_they_are_spread_evenly_and_then_at_the_smallest_sum(seed, bar):
    """By trying every way to give seven donors to three treated units, three each at most."""
    rng = np.random.default_rng(seed)
    apart = np.where(rng.random((3, 7)) < bar, INF, rng.random((3, 7)))
    best = None
    for ways in product(range(-1, 3), repeat=7):
        held = np.bincount([one for one in ways if one >= 0], minlength=3)
        cost = sum(apart[one, donor] for donor, one in enumerate(ways) if one >= 0)
        if held.max() <= 3 and np.isfinite(cost):
            key = (-held.sum(), (held * (held - 1)).sum(), cost)
            best = key if best is None else min(best, key)
    found = optimal(apart, ratio=3)
    held = (found >= 0).sum(1)
    assert (-held.sum(), (held * (held - 1)).sum()) == best[:2]
    assert total(apart, found) == pytest.approx(best[2], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_optimal_sums_are_those_of_a_linear_programme(seed):
    rng = np.random.default_rng(seed)
    apart = rng.random((5, 12))
    for ratio in (1, 2):
        rows = np.vstack([np.kron(np.eye(5), np.ones(12)), -np.kron(np.eye(5), np.ones(12)), np.tile(np.eye(12), 5)])
        limits = np.concatenate([np.full(5, ratio), np.full(5, -ratio), np.ones(12)])
        best = linprog(apart.ravel(), A_ub=rows, b_ub=limits, bounds=(0, 1)).fun
        assert total(apart, optimal(apart, ratio=ratio)) == pytest.approx(best, abs=1e-9)


# -- full ------------------------------------------------------------------------------------------------------------


def test_full_by_hand():
    # treated 1, 2, 9; donors 1.5 d, 8 e, 10 f, 9.5 g, 30 h: a and b share d; c has e f g h
    panel = eight(poor=[1, 2, 9, 1.5, 8, 10, 9.5, 30])
    found = build(Full(on=("poor",), distance="poor"), panel)
    # att: d 2, the others 1/4: sum 3, five in use
    np.testing.assert_allclose(found.weights, [1, 1, 1, 10 / 3, *[5 / 12] * 4])
    assert list(found.sets["matched_set"]) == ["1", "1", "1", "2", "2", "2", "2", "2"]
    assert list(found.sets["unit"]) == list("abdcefgh")
    np.testing.assert_allclose(found.sets["distance"], [0.5, 0.5, 0, 0, 1, 1, 0.5, 21])
    both = build(Full(on=("poor",), distance="poor", estimand="ate"), panel)
    # a b 3/2, c 5: times 3/8; d 3, others 5/4: times 5/8
    np.testing.assert_allclose(both.weights, [9 / 16, 9 / 16, 15 / 8, 15 / 8, *[25 / 32] * 4])


def test_full_within_limits_by_hand():
    panel = eight(poor=[1, 2, 9, 1.5, 8, 10, 9.5, 30])
    found = build(Full(on=("poor",), distance="poor", controls=(1, 3)), panel)
    # a or b keeps d, the other gets e (6 or 7): c f g h. a-d 0.5, b-e 6 against b-d 0.5, a-e 7
    assert found.sets.groupby("matched_set")["unit"].agg("".join).to_dict() == {"1": "ad", "2": "be", "3": "cfgh"}
    with pytest.raises(NotIdentified, match="5 comparison units cannot be 1 to 1 for each of 3 treated"):
        build(Full(on=("poor",), distance="poor", controls=(1, 1)), panel)
    with pytest.raises(ValueError, match="write the fewest, then the most"):
        Full(on=("poor",), controls=(4, 1))


def test_full_leaves_out_who_has_nobody_near():
    panel = eight(poor=[1, 2, 9, 1.5, 8, 10, 9.5, 300])
    found = build(Full(on=("poor",), distance="poor", caliper=0.05), panel)  # 0.05 x 104.3
    assert found.weights[7] == 0
    assert found.panel.flow[-1].reason == "no treated unit is close enough or alike"
    region = np.array(["N", "N", "W", "N", "S", "S", "S", "S"], dtype=object)
    apart = build(
        Full(on=("poor",), distance="poor", exact=("region",)), eight(poor=[1, 2, 9, *[1] * 5], region=region)
    )
    assert apart.off_support["c"] == "no comparison unit has the same region"
    with pytest.raises(NotIdentified, match="no treated unit has an acceptable donor"):
        build(Full(on=("poor",), distance="poor", caliper=0.001), eight(poor=[1, 2, 3, 10, 20, 30, 40, 50]))


@pytest.mark.parametrize("seed", range(8))
def test_full_sums_are_those_of_a_linear_programme(seed):
    """The smallest edge cover; ties (rounded distances) and barred pairs among the draws."""
    rng = np.random.default_rng(seed)
    apart = rng.random((6, 9)).round(1 if seed % 2 else 6)
    apart[rng.random((6, 9)) < 0.2] = INF
    here = np.isfinite(apart)
    assert here.any(0).all()
    assert here.any(1).all()
    rows = -np.vstack([np.kron(np.eye(6), np.ones(9)), np.tile(np.eye(9), 6)])
    cost = np.where(here, apart, 0.0).ravel()
    best = linprog(cost, A_ub=rows, b_ub=-np.ones(15), bounds=[(0, float(x)) for x in here.ravel()]).fun
    sets = full_sets(apart)
    assert total_of_sets(apart, sets) == pytest.approx(best, abs=1e-9)
    sizes = [((sets[0] == one).sum(), (sets[1] == one).sum()) for one in np.unique(sets[0])]
    assert all(min(size) == 1 for size in sizes)
    assert sum(map(sum, sizes)) == 15
    whole = rng.random((4, 9))
    rows = np.vstack([np.kron(np.eye(4), np.ones(9)), -np.kron(np.eye(4), np.ones(9))])
    best = linprog(
        whole.ravel(), A_ub=rows, b_ub=np.repeat([3.0, -1.0], 4), A_eq=np.tile(np.eye(9), 4), b_eq=np.ones(9),
        bounds=(0, 1),
    ).fun  # fmt: skip
    assert total_of_sets(whole, limited_sets(whole, 1, 3)) == pytest.approx(best, abs=1e-9)


def test_nobody_carries_a_comparison_because_it_came_first():
    """Units of three levels, all equally far from those of their own: sets as even as counts allow, at no distance."""
    levels = np.repeat([0, 1, 2], [5, 8, 3]), np.repeat([0, 1, 2], [14, 3, 27])
    apart = np.abs(levels[0][:, None] - levels[1][None]).astype(float)
    treated, untreated = full_sets(apart)
    assert total_of_sets(apart, (treated, untreated)) == 0
    sizes = {
        level: sorted(
            ((treated == one).sum(), (untreated == one).sum()) for one in np.unique(treated[levels[0] == level])
        )
        for level in (0, 1, 2)
    }
    assert sizes == {0: [(1, 2), *[(1, 3)] * 4], 1: [(2, 1), (3, 1), (3, 1)], 2: [(1, 9)] * 3}
    # one level farther for everybody: the same sets at a price
    assert [sorted(np.bincount(side)) for side in full_sets(np.ones((3, 7)))] == [[1, 1, 1], [2, 2, 3]]
    assert sorted(np.bincount(limited_sets(np.ones((3, 7)), 1, 5)[1])) == [2, 2, 3]


# -- Mahalanobis -----------------------------------------------------------------------------------------------------


def test_a_ridge_keeps_the_distance_of_collinear_covariates():
    x = [1.0, 5, 9, 1.5, 4, 2, 8.25, 20]
    panel = eight(x=x, twice=[2 * value for value in x])
    with pytest.raises(NotIdentified, match="are collinear") as refused:
        build(Mahalanobis(on=("x", "twice")), panel)
    assert refused.value.faults[0].instead == "take one of them out, or write ridge: 0.01"
    found = build(Mahalanobis(on=("x", "twice"), ridge=0.01), panel)
    alone = build(Mahalanobis(on=("x",)), panel)
    np.testing.assert_array_equal(found.weights, alone.weights)
    with pytest.raises(ValueError, match="write caliper"):
        Mahalanobis(on=("x",), within=("x",))
    with pytest.raises(ValueError, match="needs covariates"):
        Mahalanobis()


def test_ridge_by_hand():
    treated = np.array([True, True, False, False])
    x = np.array([[0.0], [2], [1], [3]])
    # pooled variance (1 + 1 + 1 + 1) / 2 = 2
    np.testing.assert_allclose(mahalanobis(x, treated), np.array([[1, 3], [1, 1]]) / np.sqrt(2))
    np.testing.assert_allclose(mahalanobis(x, treated, 1.0), np.array([[1, 3], [1, 1]]) / 2)
    # ranks 1 3 2 4, variance of 1..4 is 5/3
    np.testing.assert_allclose(rank_mahalanobis(x, treated), np.array([[1, 3], [1, 1]]) / np.sqrt(5 / 3))
    with pytest.raises(np.linalg.LinAlgError, match="does not vary"):
        rank_mahalanobis(np.ones((4, 1)), treated)


def test_a_far_off_unit_does_not_stretch_ranks():
    x = [1.0, 5, 9, 1.5, 4, 2, 8.25, 1e6]
    found = build(Mahalanobis(on=("x",), metric="ranks"), eight(x=x))
    sets = found.sets[found.sets["unit"] != found.sets["matched_set"]].set_index("matched_set")["unit"]
    assert sets.to_dict() == {"a": "d", "b": "e", "c": "g"}


# -- MatchIt, optmatch -----------------------------------------------------------------------------------------------

NAMES = {"auth": "authority_134.csv", "lalonde": "matchit_lalonde.csv"}
METHODS = {
    "full_ps_att": lambda on: Full(on=on),
    "full_ps_ate": lambda on: Full(on=on, estimand="ate"),
    "full_ps_1to4_att": lambda on: Full(on=on, controls=(1, 4)),
    "full_logit_caliper_att": None,
    "full_mahalanobis_att": lambda on: Full(on=on, distance="mahalanobis"),
    "optimal_ps_1": lambda on: Optimal(on=on),
    "optimal_ps_2": lambda on: Optimal(on=on, ratio=2),
    "optimal_mahalanobis_1": lambda on: Optimal(on=on, distance="mahalanobis"),
    "robust_maha": lambda on: Mahalanobis(on=on, metric="ranks"),
    "maha_caliper_ps": None,
}
#: Where the best sets are the only ones, so that weights are its own. Full matching on one number has several:
#: exchanging partners along a line leaves the sum as it is.
UNIQUE = {f"auth_{name}" for name in METHODS if not name.startswith(("full_ps", "full_logit"))}


@pytest.mark.reference
@pytest.mark.parametrize("name", [f"{data_set}_{method}" for data_set in NAMES for method in METHODS])
def test_sums_and_weights_are_matchit_s(name):
    """The sum of distances, 1e-6 relative (R's logit); weights and balance at 1e-8 where the sets are unique."""
    data_set, _, method = name.partition("_")
    panel, treated, on, spec, values = of_case(cases("full_matching")[name], NAMES[data_set])
    if method == "maha_caliper_ps":
        numbers = {"auth": ("x1", "log_pop", "y_pre"), "lalonde": ("age", "educ", "re74", "re75")}[data_set]
        chosen = Mahalanobis(on=numbers, within=on, caliper=0.25)
    elif method == "full_logit_caliper_att":
        chosen = Full(on=on, distance="linear_logit", caliper=spec["caliper"])
    else:
        chosen = METHODS[method](on)
    found = build(chosen, panel)
    if "total_distance" in values:
        apart = found.sets["distance"].sum()
        assert apart == pytest.approx(values["total_distance"], rel=1e-6)
    for arm, group in (("treated", treated), ("control", ~treated)):
        assert (found.weights[group] > 0).sum() == values[f"n_{arm}"]
    if name in UNIQUE:
        agrees(found, treated, values, data(NAMES[data_set])[spec["outcome"]].to_numpy(float))
        if not method.startswith("optimal_ps"):  # partners exchanged along the line leave the sum as it is
            same_sets(found, values)


@pytest.mark.reference
def test_stored_optimal_totals():
    table, stored = data("matchit_lalonde.csv"), cases("optimal_matching")
    treated = table["treat"].to_numpy() == 1
    x = table[["age", "educ", "re74", "re75"]].to_numpy(float)
    apart = mahalanobis(x, treated)
    expected = stored["lalonde_optimal_maha"]["values"]["total_distance_optimal"]
    assert total(apart, optimal(apart)) == pytest.approx(expected, rel=1e-8)
    case = cases("full_matching")["lalonde_optimal_ps_1"]
    panel, *_ = of_case(case, "matchit_lalonde.csv")
    found = build(Optimal(on=("age", "educ", "race", "married", "nodegree", "re74", "re75")), panel)
    values = stored["lalonde_optimal_ps"]["values"]
    assert found.sets["distance"].sum() == pytest.approx(values["total_abs_ps_distance_optimal"], rel=1e-6)
    score = found.overlap["distance"].to_numpy()
    assert total(absolute(score, treated), optimal(absolute(score, treated))) == pytest.approx(
        found.sets["distance"].sum()
    )
