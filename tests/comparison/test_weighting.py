"""Weights by propensity and by balance: by hand on eight units, WeightIt's stored numbers, another optimiser."""

import numpy as np
import pytest

from sos_eval.comparison import CBPS, IPW, Entropy, Stable, build
from sos_eval.errors import NotIdentified
from sos_eval.numerics.balancing import entropy_weights, moments, stable_weights
from sos_eval.numerics.chance_weights import chance_weights, trimmed
from tests.comparison.panels import NEVER, eight, panel_of
from tests.comparison.reference import agrees, balanced, of_case
from tests.reference.stored import cases, data

#      a  b  c  d  e  f  g  h      treated: a b c
TOWN = [1, 1, 0, 1, 0, 0, 0, 0]
TREATED = np.array([True, True, True, False, False, False, False, False])


def after(found, column="mean_comparison"):
    return found.balance.set_index(["stage", "covariate"]).loc["after", column]


def test_inverse_chances_by_hand():
    # town: 2 of 3 treated, p = 2/3, odds 2; country: 1 of 5, p = 1/5, odds 1/4
    panel = eight(town=TOWN)
    np.testing.assert_allclose(build(IPW(on=("town",)), panel).weights, [1, 1, 1, 2, *[0.25] * 4])
    ate = build(IPW(on=("town",), estimand="ate"), panel)
    np.testing.assert_allclose(ate.weights, [1.5, 1.5, 5, 3, *[1.25] * 4])
    ato = build(IPW(on=("town",), estimand="ato"), panel)
    np.testing.assert_allclose(ato.weights, [1 / 3, 1 / 3, 0.8, 2 / 3, *[0.2] * 4])
    shares = np.where(TREATED, 3 / 8, 5 / 8)
    stabilised = build(IPW(on=("town",), estimand="ate", stabilised=True), panel)
    np.testing.assert_allclose(stabilised.weights, ate.weights * shares)
    assert any("2 parameters for 3 treated units" in note for note in ate.notes)
    table = ate.calibration["calibration"]
    table = table[table["chance"] == "fitted"]
    np.testing.assert_allclose(table["expected"], [0.2, 2 / 3])
    np.testing.assert_allclose(table["observed"], table["expected"])  # a logit on a group meets its share
    assert table["n_units"].tolist() == [5, 3]


def test_trimmed_by_declaration_only():
    panel = eight(town=TOWN)
    left = build(IPW(on=("town",), trim_chance=(0.1, 0.5), refit=False), panel)
    np.testing.assert_allclose(left.weights, [0, 0, 1, 0, *[0.25] * 4])
    assert set(left.off_support) == {"a", "b"}
    assert "estimated chance of starting outside 0.1 to 0.5" in left.off_support["a"]
    assert "about the 1 that remain" in left.notes[0]
    with pytest.raises(
        NotIdentified, match="no treated or no untreated unit has a chance within the limits"
    ) as refused:
        build(IPW(on=("town",), trim_chance=(0.9, 0.95)), panel)
    assert refused.value.faults[0].instead == "widen trim_chance"
    # quantile of type 3 of 5 weights 0.25 x 4, 2 at 0.8: the fourth, so the town's donor comes down
    capped = build(IPW(on=("town",), trim_weights=0.8), panel)
    np.testing.assert_allclose(capped.weights, [1, 1, 1, *[0.25] * 5])


def test_trimming_both_ends_by_hand():
    weights, among = np.array([[1.0, 2, 3, 4, 100]]), np.ones((1, 5), bool)
    np.testing.assert_allclose(trimmed(weights, among, 0.8, both=True), [[1, 2, 3, 4, 4]])
    np.testing.assert_allclose(trimmed(weights, among, 0.6, both=True), [[2, 2, 3, 3, 3]])
    chance = chance_weights(np.array([[np.nan, 0, 0]]), np.array([[True, True, False]]), average="ate", stabilised=True)
    np.testing.assert_allclose(chance, [[0, 1, 1]])


def test_entropy_by_hand():
    """Two values: the mean alone is balanced, so weights are the treated's shares over the untreated's."""
    found = build(Entropy(on=("town",), moments=3), eight(town=TOWN))
    # treated 2/3 and 1/3; untreated 1 and 4 of 5: 5 x (2/3) for d, 5 x (1/3) / 4 for the others
    np.testing.assert_allclose(found.weights, [1, 1, 1, 10 / 3, *[5 / 12] * 4], rtol=1e-12)
    assert after(found)["town"] == pytest.approx(2 / 3, abs=1e-12)
    both = build(Entropy(on=("town",), estimand="ate"), eight(town=TOWN))
    # all: 3/8 and 5/8. Treated 3 x (3/8)/2, 3 x 5/8; untreated 5 x 3/8, 5 x (5/8)/4
    np.testing.assert_allclose(both.weights, [9 / 16, 9 / 16, 15 / 8, 15 / 8, *[25 / 32] * 4], rtol=1e-12)


def test_balance_within_a_tolerance_by_hand():
    # deviation of the treated sqrt(2/9) = 0.4714; 0.5 of it below 2/3 is 0.43096
    found = build(Entropy(on=("town",), tolerance=0.5), eight(town=TOWN))
    assert after(found)["town"] == pytest.approx(2 / 3 - 0.5 * np.sqrt(2 / 9), abs=1e-12)
    wide = build(Entropy(on=("town",), tolerance=2), eight(town=TOWN))
    assert (wide.weights == 1).all()
    assert "changed nothing" in wide.notes[0]
    least = build(Stable(on=("town",), tolerance=0.5), eight(town=TOWN))
    np.testing.assert_allclose(least.weights, found.weights, rtol=1e-10)  # one covariate of two values: one solution


def test_the_panel_s_weights_are_balanced_with_it():
    panel = eight(town=TOWN, size=[1.0, 2, 3, 1, 2, 3, 4, 5]).with_weights(np.array([3.0, 1, 1, 2, 1, 1, 2, 1]))
    for method in (Entropy(on=("size",)), Stable(on=("size",), tolerance=0.0), CBPS(on=("size",))):
        table = build(method, panel).balance.set_index(["stage", "covariate"]).loc[("after", "size")]
        assert table["mean_comparison"] == pytest.approx(table["mean_treated"], abs=1e-9)
        assert table["mean_treated"] == pytest.approx((3 + 2 + 3) / 5)


def test_out_of_reach_is_refused_and_says_what_to_declare():
    panel = eight(x=[10.0, 11, 12, 1, 2, 3, 4, 5])
    for method in (
        Entropy(on=("x",)),
        Stable(on=("x",), tolerance=0.1),
        CBPS(on=("x",)),
        CBPS(on=("x",), estimand="ate"),
    ):
        with pytest.raises(NotIdentified, match="no weights of the comparison units reach") as refused:
            build(method, panel)
        assert "take covariates out" in refused.value.faults[0].instead
    with pytest.raises(NotIdentified, match="separates treated from untreated units"):
        build(IPW(on=("x",)), panel)
    with pytest.raises(NotIdentified, match="were found whose means are within the tolerance"):
        build(Entropy(on=("x",), tolerance=0.1), panel)


def test_covariates_constant_in_one_group():
    among_treated = eight(x=[2.0, 2, 2, 1, 2, 3, 4, 1])
    assert after(build(Entropy(on=("x",)), among_treated))["x"] == pytest.approx(2)
    among_others = eight(x=[1.0, 2, 3, 5, 5, 5, 5, 5])
    with pytest.raises(NotIdentified, match="no weights of the comparison units reach"):
        build(Entropy(on=("x",)), among_others)
    same_mean = eight(x=[4.0, 5, 6, 5, 5, 5, 5, 5], y=[1.0, 2, 3, 0, 1, 2, 3, 4])
    found = build(Entropy(on=("x", "y")), same_mean)
    assert after(found)["y"] == pytest.approx(2)
    with pytest.raises(NotIdentified, match="x does not vary"):
        build(IPW(on=("x",)), eight(x=np.ones(8)))


def test_a_tolerance_of_what_does_not_vary_among_the_treated_is_zero():
    panel = eight(x=[2.0, 2, 2, 1, 2, 3, 4, 1], y=[1.0, 2, 6, 0, 1, 2, 3, 4])
    found = build(Entropy(on=("x", "y"), tolerance=0.1), panel)
    assert after(found)["x"] == pytest.approx(2, abs=1e-9)
    assert after(found)["y"] == pytest.approx(3 - 0.1 * np.sqrt(7), abs=1e-9)  # treated 1 2 6: variance 7


def test_more_covariates_than_treated_units():
    rng = np.random.default_rng(2)
    panel = panel_of(list("abcdefgh"), [1, 2], [2, 2, *[NEVER] * 6], np.zeros((8, 2)), **{
        f"x{k}": rng.normal(size=8) for k in range(4)
    })  # fmt: skip
    with pytest.raises(NotIdentified, match=r"separate treated|collinear"):
        build(IPW(on=("x0", "x1", "x2", "x3", "outcome_pre")), panel)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "forest"}, "forest is for rows that are people"),
        ({"model": "boosting"}, "boosting is for rows that are people"),
        ({"trim_chance": (0.9, 0.1)}, "write the lower limit, then the upper one"),
        ({"trim_both_ends": True}, "trims nothing without trim_weights"),
    ],
)
def test_declarations_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        IPW(on=("x",), **options)
    for method in (IPW, Entropy, CBPS, Stable):
        with pytest.raises(ValueError, match="needs covariates"):
            method()


# -- WeightIt --------------------------------------------------------------------------------------------------------

NAMES = {"auth": "authority_134.csv", "lalonde": "matchit_lalonde.csv"}
#: Over-identified scores, weights about the untreated, and the package CBPS (it stops early) are not offered.
LEFT_OUT = ("over", "atc", "cbpspkg")
STORED = [name for name in cases("weighting") if not any(part in name for part in LEFT_OUT)]


def method_of(spec, on):
    average = {"on": on, "estimand": spec["estimand"].lower()}
    match spec["method"]:
        case "ebal":
            return Entropy(moments=spec["moments"], **average)
        case "cbps":
            return CBPS(**average)
        case "stable balancing weights":
            return Stable(tolerance=spec["tolerance_sd"], **average)
    trims = {}
    if "drop_ps_outside" in spec:
        trims = {"trim_chance": tuple(spec["drop_ps_outside"])}
    if "trim_weights" in spec:
        trims = {"trim_weights": 0.95, "trim_both_ends": "below" in spec["trim_weights"]}
    return IPW(stabilised=spec.get("stabilize", False), **average, **trims)


@pytest.mark.reference
@pytest.mark.parametrize("name", STORED)
def test_weights_are_weightit_s(name):
    """Weights, effective numbers, balance. 1e-8; 1e-6 on lalonde's logits, which R stops at 1e-8 of the deviance."""
    panel, treated, on, spec, values = of_case(cases("weighting")[name], NAMES[name.partition("_")[0]])
    found = build(method_of(spec, on), panel)
    rel = 1e-6 if name.startswith("lalonde_ipw") else 1e-8
    if "n_kept" in values:  # their rows count the units kept
        kept = found.weights > 0
        assert kept.sum() == values["n_kept"]
        if "weights" in values:
            np.testing.assert_allclose(found.weights[kept], values["weights"], rtol=rel)
        for arm, group in (("treated", treated), ("control", ~treated)):
            own = found.weights[group]
            assert own.sum() ** 2 / (own @ own) == pytest.approx(values[f"ess_{arm}"], rel=rel)
            sums = [own.sum(), own @ own, own[own > 0].min(), own.max()]
            np.testing.assert_allclose(
                sums, [values["checksum"][arm][one] for one in ("sum", "sumsq", "min", "max")], rtol=rel
            )
        after = {
            covariate: {key: one for key, one in row.items() if not key.endswith("_un")}
            for covariate, row in values["balance"].items()
        }  # before, theirs is of the units kept
        balanced(found.balance, after, rel=rel, standardised=False)
        return
    agrees(
        found,
        treated,
        values,
        data(NAMES[name.partition("_")[0]])[spec["outcome"]].to_numpy(float),
        rel=rel,
        standardised=spec["estimand"] == "ATT",
    )
    if "ps" in values and found.overlap is not None:
        stored = values["ps"]["first20"] if isinstance(values["ps"], dict) else values["ps"]
        np.testing.assert_allclose(found.overlap["distance"][: len(stored)], stored, atol=1e-7)


# -- another optimiser -----------------------------------------------------------------------------------------------


#: Draws on which Clarabel itself calls its answer optimal at 1e-11.
SOLVED = (1, 3, 4, 5)


def draw(seed, n=80, k=4):
    """Draw units without extreme weights: Clarabel's exponential cones are good to some 1e-6 of the largest."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.uniform(-1, 1, size=(n, k - 1)), rng.random(n) < 0.4])
    treated = rng.random(n) < 1 / (1 + np.exp(1 - 0.5 * x[:, 0]))
    return x, treated


@pytest.mark.parametrize("seed", SOLVED)
@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.3])
def test_weights_are_those_of_an_interior_point_solver(seed, tolerance):
    """Clarabel on the primal problems, 1e-6."""
    cvxpy = pytest.importorskip("cvxpy")
    x, treated = draw(seed)
    deviation = x[treated].std(0, ddof=1)
    target, n = x[treated].mean(0), int((~treated).sum())
    limits = [tolerance * deviation]

    def solved(objective, w, columns, aim, slack):
        gap = (columns[~treated].T @ w) / n - aim
        problem = cvxpy.Problem(objective, [cvxpy.sum(w) == n, cvxpy.abs(gap) <= slack])
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
        assert problem.status == "optimal"
        return np.asarray(w.value)

    w = cvxpy.Variable(n)
    theirs = solved(cvxpy.Minimize(-cvxpy.sum(cvxpy.entr(w))), w, x, target, limits[0])
    ours, why = entropy_weights(treated[None].astype(float), (~treated)[None].astype(float), x, np.array(limits))
    assert why[0] == ""
    np.testing.assert_allclose(ours[0, ~treated], theirs, atol=1e-6)

    w = cvxpy.Variable(n, nonneg=True)
    theirs = solved(cvxpy.Minimize(cvxpy.sum_squares(w - 1)), w, x, target, limits[0])
    ours, why = stable_weights(target, np.ones(n), x[~treated], limits[0])
    assert why == ""
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_balancing_scores_are_those_of_an_interior_point_solver(seed):
    """The dual of both scores, through Clarabel's exponential cones, 1e-6."""
    cvxpy = pytest.importorskip("cvxpy")
    x, treated = draw(seed)
    design = np.column_stack([np.ones(len(x)), x])
    names = {f"x{k}": column for k, column in enumerate(x.T)}
    starts = np.where(treated, 2, NEVER)
    panel = panel_of([f"u{i:02}" for i in range(len(x))], [1, 2], starts, np.zeros((len(x), 2)), **names)
    b = cvxpy.Variable(design.shape[1])
    u, d = design @ b, treated.astype(float)
    att = cvxpy.sum(cvxpy.multiply(d, u)) - cvxpy.sum(cvxpy.multiply(1 - d, cvxpy.exp(u)))
    ate = cvxpy.sum(
        cvxpy.multiply(2 * d - 1, u) - cvxpy.multiply(d, cvxpy.exp(-u)) - cvxpy.multiply(1 - d, cvxpy.exp(u))
    )
    for estimand, objective in (("att", att), ("ate", ate)):
        cvxpy.Problem(cvxpy.Maximize(objective)).solve(
            solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11
        )
        theirs = 1 / (1 + np.exp(-design @ np.asarray(b.value)))
        found = build(CBPS(on=tuple(names), estimand=estimand), panel)
        np.testing.assert_allclose(found.overlap["distance"], theirs, atol=1e-6)


def test_cubes_are_balanced_whatever_the_scale():
    rng = np.random.default_rng(9)
    x = np.column_stack([rng.normal(2010, 3, 300), rng.uniform(1e5, 3e5, 300)])
    treated = np.arange(300) < 40
    m = moments(x, 3)
    weights, why = entropy_weights(treated[None] * 1.0, ~treated[None] * 1.0, m, np.zeros((1, m.shape[1])))
    assert why[0] == ""
    for power in (1, 2, 3):
        standard = ((x - x.mean(0)) / x.std(0)) ** power
        weighted = weights[0] @ standard / weights[0].sum()
        np.testing.assert_allclose(weighted, standard[treated].mean(0), atol=1e-8)


def test_a_refit_that_would_do_nothing_is_refused():
    with pytest.raises(ValueError, match="refit: false changes nothing without trim_chance"):
        IPW(on=("poor",), refit=False)


@pytest.mark.parametrize("method", [Stable(on=("poor",), tolerance=0.1), Entropy(on=("poor",)), CBPS(on=("poor",))])
def test_a_covariate_beyond_what_distances_can_be_computed_of_is_refused(method):
    """Squares of 1e300 are no numbers: one method ended in a traceback, others in warnings."""
    panel = eight(poor=[1.6, 5, 9, 1e300, 4, 2, 8.25, 20])
    with pytest.raises(NotIdentified, match=r"poor goes beyond 1e\+60, of which no distance can be computed"):
        build(method, panel)


@pytest.mark.parametrize("method", [Entropy, Stable])
def test_the_arm_that_cannot_reach_everybody_s_means_is_named(method):
    """Treated 5, 5, 5 among 1 to 5: the mean of all is below them, and no weights of theirs come down to it."""
    panel = eight(poor=[5, 5, 5, 1, 2, 3, 4, 5])
    with pytest.raises(NotIdentified, match="no weights of the treated units reach the covariate means of all units"):
        build(method(on=("poor",), estimand="ate"), panel)
    with pytest.raises(
        NotIdentified, match="no weights of the comparison units reach the covariate means of the treated"
    ):
        build(method(on=("poor",)), eight(poor=[9, 9, 8, 1, 2, 3, 4, 5]))
