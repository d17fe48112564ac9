"""Declared limits on imbalance."""

from dataclasses import replace

import numpy as np
import pytest

from sos_eval.checks.balance import _LIMITS, _sentence, balance_results
from sos_eval.comparison import BalanceLimits, DeclaredSets, Nearest, NoComparison, build
from sos_eval.comparison.people import People
from tests.comparison.panels import eight

POOR = [1.6, 5, 9, 1.5, 4, 2, 8.25, 20]


def judged(method):
    return {one.name: one for one in balance_results(method, build(method, eight(poor=POOR)))}


def test_limits_are_judged_on_the_worst_covariate_after():
    method = Nearest(on=("poor",), distance="poor", balance=BalanceLimits(max_smd=0.1, max_variance_ratio=2))
    found = judged(method)
    # treated 1.6, 5, 9 against 1.5, 4, 8.25: means 5.2 and 4.58333; SD of the treated 3.704051
    smd = found["balance.max_smd"]
    assert smd.value == pytest.approx((5.2 - 13.75 / 3) / np.std([1.6, 5, 9], ddof=1))
    assert (smd.threshold, smd.passed) == (0.1, False)
    assert smd.text.endswith("(poor); the declared limit is 0.1.")
    ratio = found["balance.max_variance_ratio"]
    assert ratio.value == pytest.approx(np.var([1.6, 5, 9], ddof=1) / np.var([1.5, 4, 8.25], ddof=1))
    assert ratio.passed is True


def test_a_ratio_below_one_counts_as_its_inverse():
    found = judged(NoComparison(on=("poor",), balance=BalanceLimits(max_variance_ratio=2)))
    ratio = found["balance.max_variance_ratio"]
    expected = np.var([1.5, 4, 2, 8.25, 20], ddof=1) / np.var([1.6, 5, 9], ddof=1)
    assert expected > 2
    assert ratio.value == pytest.approx(expected)
    assert ratio.passed is False
    # the table has 0.065, treated over comparison: the sentence says both
    assert f"is {expected:.2f} (poor; {1 / expected:.3g}, counted the other way round)" in ratio.text


def test_without_a_limit_balance_informs():
    found = judged(NoComparison(on=("poor",)))
    assert {one.passed for one in found.values()} == {None}
    assert np.isfinite([one.value for one in found.values()]).all()


def test_nothing_to_judge_is_said_and_not_passed():
    assert judged(NoComparison()) == {}
    with pytest.raises(ValueError, match=r"balance\.max_smd: no covariate is named under comparison\.on to judge"):
        NoComparison(balance=BalanceLimits(max_smd=0.1, min_ess=3))
    with pytest.raises(ValueError, match=r"balance\.max_l1: no covariate"):
        DeclaredSets(sets={"a": ("d", "e")}, balance=BalanceLimits(max_l1=0.5))
    of_people = People(on=("x",))
    with pytest.raises(ValueError, match=r"balance\.min_overlap has no measure of rows of people"):
        DeclaredSets(sets={"a": ("d",)}, people=of_people, balance=BalanceLimits(min_overlap=0.5))


def test_the_effective_number_is_judged_without_a_covariate():
    """a's set holds d and e, b's and c's d alone: d weighs 2.5, e 0.5, so 9 / 6.5 of two units."""
    sets = {"a": ("d", "e"), "b": ("d",), "c": ("d",)}
    for least, passed in ((1.3, True), (1.5, False)):
        [found] = [
            one
            for one in judged(DeclaredSets(sets=sets, balance=BalanceLimits(min_ess=least))).values()
            if one.name == "balance.min_ess"
        ]
        assert found.value == pytest.approx(9 / 6.5)
        assert found.passed is passed
        assert found.text == (
            "The effective number of comparison units after the comparison group was built is 1.38; the declared "
            f"limit is {least:g}."
        )
    everybody = judged(NoComparison(balance=BalanceLimits(min_ess=50)))["balance.min_ess"]
    assert (everybody.value, everybody.passed) == (5.0, False)


@pytest.mark.parametrize(
    ("covariate", "said"),
    [("outcome_pre", "(the outcome before the start)"), ("cin_rate", "(cin rate)")],
)
def test_the_worst_covariate_is_named_in_words(covariate, said):
    text = _sentence(_LIMITS["max_smd"], covariate, 0.07, 0.25, [], 0.07)
    assert text.endswith(f"is 0.07 {said}; the declared limit is 0.25.")


def test_a_group_that_a_few_units_carry_is_said_to_be_one_whatever_it_was_built_by():
    """Four sets' worth on d: a, b, c hold d; a also holds e, f, g, h by a fifth each."""
    carried = {"a": ("d", "e", "f", "g", "h"), "b": ("d",), "c": ("d",)}
    found = judged(DeclaredSets(sets=carried))["balance.few_carry"]
    # d 2.2, the others .2: 9 / (4.84 + .16) = 1.8 of five
    assert found.value == pytest.approx(1.8)
    assert found.text == (
        "The 5 comparison units are weighed so unequally that they are worth 1.8 of equal weight: what happened in the "
        "heaviest few decides what the treated are compared with."
    )
    even = {"a": ("d", "e"), "b": ("f", "g"), "c": ("h",)}  # h 1, the others 1/2: 9 / 2 = 4.5 of five
    assert "balance.few_carry" not in judged(DeclaredSets(sets=even))


def test_it_is_told_where_few_treated_carry_their_side():
    """Weights 10, .1, .1: 10.2^2 / 100.02 = 1.04 of three."""
    method = NoComparison(on=("poor",))
    made = build(method, eight(poor=POOR))
    heavy = replace(made, panel=made.panel.with_weights(np.array([10, 0.1, 0.1, 1, 1, 1, 1, 1])))
    found = {one.name: one for one in balance_results(method, heavy)}
    assert found["balance.few_carry_treated"].value == pytest.approx(10.2**2 / 100.02)
    assert found["balance.few_carry_treated"].text == (
        "The 3 treated units are weighed so unequally that they are worth 1.0 of equal weight: what happened in the "
        "heaviest few decides what the comparison is compared with."
    )
    assert "balance.few_carry" not in found


def test_only_what_decides_the_match_is_called_matched_on():
    """The distance is `poor` alone: `far` is compared, and nobody says that it was matched on."""
    far = [101, 102, 103, 1, 2, 3, 4, 5]
    method = Nearest(on=("far", "poor"), distance="poor")
    assert method.matched_on == ("poor",)
    assert Nearest(on=("far",), distance="probability", exact=("region",)).matched_on == ("far", "region")
    assert Nearest(distance="poor").matched_on == ("poor",)
    assert NoComparison(on=("far",)).matched_on == ()
    found = {one.name: one for one in balance_results(method, build(method, eight(far=far, poor=POOR)))}
    told = found["balance.unlike"].text if "balance.unlike" in found else ""
    assert "in far" not in told.partition("Matched on")[2]


def test_what_was_matched_on_and_not_made_alike_is_told_whatever_it_was_before():
    """Treated 101, 102, 103, the others 1 to 5: no unit overlaps, and the nearest are hardly nearer than all."""
    far = [101, 102, 103, 1, 2, 3, 4, 5]
    method = Nearest(on=("far",), distance="far")
    [found] = [one for one in balance_results(method, build(method, eight(far=far))) if one.name == "balance.unlike"]
    # before (102 - 3) / 1 = 99; the nearest of 103, 102, 101 are 5, 4, 3: after (102 - 4) / 1 = 98
    assert found.value == pytest.approx(98.0)
    assert found.text == "Matched on, but not made alike: standardised difference in far 99 before, 98 after."
    # nobody is matched: the same covariate is only reported
    reported = NoComparison(on=("far",))
    assert "balance.unlike" not in {one.name for one in balance_results(reported, build(reported, eight(far=far)))}


def test_a_covariate_that_is_the_same_in_all_treated_is_told_by_its_distributions():
    """All treated have 1; of a's, b's, c's neighbours by `near`, which is ten times as wide, one of three has 1."""
    same, near = [1, 1, 1, 0, 1, 0, 1, 1], [10, 20, 30, 10, 20, 30, 400, 500]
    method = Nearest(on=("near", "same"), distance="euclidean")
    [found] = [
        one
        for one in balance_results(method, build(method, eight(same=same, near=near)))
        if one.name == "balance.unlike"
    ]
    assert found.value == pytest.approx(2 / 3)
    assert found.statistic == "distance_between_distribution_functions"
    assert found.text == (
        "The same in all treated units, so without a standardised difference, and not made alike: largest distance "
        "between distribution functions in same 0.67."
    )
