import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.files import json_text
from sos_eval.report.converted import converted_rows, detectable_value
from sos_eval.report.verdict import effect_of, natural_units, verdict_of
from sos_eval.report.words import fewer, headline_of, in_a_sentence
from sos_eval.results.facts import CheckFacts, DetectableFacts, HeadlineKey, StandingTest
from tests.bundle.handmade import diagnostics, effect, estimates
from tests.pilots import pilots_facts


def facts(**changes):
    """What the pilots' run knows; `changes` replace fields, for states that the run does not have."""
    return replace(pilots_facts(), **changes)


def question(**changes):
    return replace(pilots_facts().question, **changes)


def headline_by(inference):
    return replace(pilots_facts().headline, inference=inference)


def checks_of(table):
    return tuple(CheckFacts(*row) for row in table.itertuples(index=False))


def one(**columns):
    return pd.DataFrame([effect(**columns)])


def test_natural_units_by_hand():
    """1.9 fewer per 10,000 in an authority of 55,500 children is 1.9 × 5.55 = 10.545 fewer a year."""
    found = headline_of(estimates(), facts())
    assert found["natural_units"]["estimate"] == pytest.approx(-10.545, abs=1e-12)
    assert found["natural_units"]["low"] == pytest.approx(-8.3 * 5.55, abs=1e-12)
    assert found["natural_units"]["average_exposure"] == 55_500
    assert (
        "46 fewer children to 23 more children a year in an authority of average size (55,500 children)"
        in found["sentence"]
    )


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (-31.2, "31 fewer children"), (-7.08, "7 fewer children"), (1.2, "1 more child"), (-0.5, "1 fewer child"),
        (-0.3, "less than one child fewer"), (0.01, "no more and no fewer children"), (1234.0, "1,234 more children"),
    ],
)  # fmt: skip
def test_children_are_whole(n, said):
    assert fewer(n, "children") == said


def test_percent_is_of_the_level_without_treatment():
    """Treated units after their start average 31.5, so 33.4 without: −1.9 of it is −5.69%."""
    after = np.mean(
        [30 + i + 0.5 * (t - 2011) - 3 for i, s in enumerate([2015, 2015, 2016, 2016]) for t in range(s, 2020)]
    )
    found = headline_of(estimates(), facts())["percent"]
    assert found["level_without"] == pytest.approx(after + 1.9, abs=1e-12)
    assert found["estimate"] == pytest.approx(100 * -1.9 / (after + 1.9), abs=1e-12)


def test_a_ratio_becomes_children_too():
    """Rate ratio 0.8 with 20 per 10,000 observed: 25 without it, so 5 fewer per 10,000; 30,000 children: 15 fewer.

    At 0.5 there would have been 40, so 20 fewer are 60; at 1.28 there would have been 15.625, so 4.375 more are 13.125.
    """
    row = effect(estimate=0.8, conf_low=0.5, conf_high=1.28, std_error=0.24, scale="ratio", estimand="rate_ratio")
    outcome = replace(facts().outcome, mean_treated=20.0, mean_exposure=30_000.0)
    found = natural_units(effect_of(row, outcome), outcome)
    assert found.estimate == pytest.approx(-15.0, abs=1e-12)
    assert found.low == pytest.approx(-60.0, abs=1e-12)
    assert found.high == pytest.approx(13.125, abs=1e-12)
    words = headline_of(pd.DataFrame([row]), facts())["sentence"]
    assert (
        "The best estimate is 20% lower (95% interval: 50% lower to 28% higher; other random draws would move" in words
    )


def test_detectable_sizes_are_converted_beside_the_estimate():
    """A rate ratio of 0.8 of 25 per 10,000: a detectable fall of a fifth is 0.8 too, 5 per 10,000, 15 of 30,000."""
    row = effect(estimate=0.8, conf_low=0.5, conf_high=1.28, std_error=0.24, scale="ratio", estimand="rate_ratio")
    outcome = replace(facts().outcome, mean_treated=20.0, mean_exposure=30_000.0)
    found = effect_of(row, outcome)
    made = converted_rows(found, seen(fall=0.2, rise=0.25, unit="share"), outcome)
    rows = {one["what"]: [one[name] for name in ("value", "percent", "difference", "people")] for one in made}
    assert rows["estimate"] == pytest.approx([0.8, -20.0, -5.0, -15.0], abs=1e-12)
    assert rows["detectable fall"] == pytest.approx([0.8, -20.0, -5.0, -15.0], abs=1e-12)
    assert rows["detectable rise"] == pytest.approx([1.25, 25.0, 6.25, 18.75], abs=1e-12)
    assert rows["no difference"] == [1.0, 0.0, 0.0, 0.0]
    assert math.isnan(detectable_value(found, seen(reason="no procedure is relied on"), "fall"))


@pytest.mark.parametrize(
    ("columns", "meaningful", "expected"),
    [
        ({"estimate": -2.0, "conf_low": -3.0, "conf_high": -1.0, "p_value": 0.001}, None, "decrease"),
        ({"estimate": 2.0, "conf_low": 1.0, "conf_high": 3.0, "p_value": 0.001}, None, "increase"),
        ({"estimate": -2.0, "conf_low": -5.0, "conf_high": 1.0, "p_value": 0.2}, None, "inconclusive"),
        ({"estimate": -2.0, "conf_low": -3.0, "conf_high": -1.0, "p_value": 0.2}, None, "inconclusive"),
        ({"estimate": -2.0, "conf_low": -5.0, "conf_high": 1.0, "p_value": 0.2}, 5.5, "no_meaningful_effect"),
        ({"estimate": -2.0, "conf_low": -5.0, "conf_high": 1.0, "p_value": 0.2}, 4.0, "inconclusive"),
        ({"estimate": -2.0, "conf_low": -3.0, "conf_high": -1.0, "p_value": 0.001}, 5.0, "decrease"),
        ({"estimate": -2.0}, None, "inconclusive"),
        ({"estimate": -2.0, "conf_low": -np.inf, "conf_high": np.inf}, 5.0, "inconclusive"),
        ({}, None, "not_identified"),
        ({"estimate": 0.8, "conf_low": 0.7, "conf_high": 0.9, "scale": "ratio"}, None, "decrease"),
        ({"estimate": 0.8, "conf_low": 0.7, "conf_high": 1.1, "scale": "ratio"}, None, "inconclusive"),
        ({"estimate": 0.98, "conf_low": 0.95, "conf_high": 1.01, "scale": "ratio"}, 2.0, "no_meaningful_effect"),
    ],
)
def test_verdict(columns, meaningful, expected):
    """Ratios are judged as differences: 5% of a level of about 32 is 1.6, inside a margin of 2."""
    assert facts().outcome.mean_treated == 31.5
    assert verdict_of(effect_of(effect(**columns), facts().outcome), meaningful) == expected


VERDICTS = {
    "inconclusive": {"estimate": -1.9, "conf_low": -8.3, "conf_high": 4.1, "p_value": 0.43},
    "decrease": {"estimate": -2.0, "conf_low": -3.0, "conf_high": -1.0, "p_value": 0.001, "std_error": 0.5},
    "increase": {"estimate": 2.0, "conf_low": 1.0, "conf_high": 3.0, "p_value": 0.001},
    "no_meaningful_effect": {"estimate": -0.1, "conf_low": -0.4, "conf_high": 0.2, "p_value": 0.5},
    "not_identified": {"reason": "no untreated authority after 2018"},
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_our_own_words_keep_to_what_must_not_be_said(verdict):
    """No sentence that we choose contains a phrase that the same headline forbids."""
    bare = facts(question=question(smallest_worthwhile=0.5, caveats=()), caveats=())
    found = headline_of(one(**VERDICTS[verdict]), bare)
    assert found["verdict"] == verdict
    own = {name: value for name, value in found.items() if name not in ("must_not_say", "verdict", "verdict_rule")}
    for phrase in found["must_not_say"]:
        assert not re.search(rf"\b{re.escape(phrase)}\b", json_text(own)), phrase


@pytest.mark.parametrize("verdict", ["inconclusive", "no_meaningful_effect"])
def test_absence_of_evidence_is_not_evidence_of_absence(verdict):
    found = headline_of(one(**VERDICTS[verdict]), facts(question=question(meaningful_change=0.5)))
    assert {"no effect", "works", "proves", "caused", "saves"} <= set(found["must_not_say"])


def disagreement_of(**changes):
    found = replace(facts().disagreement, **changes)
    return headline_of(estimates(), facts(disagreement=found))["disagreement"]


def test_valid_tests_that_part_are_told_with_their_joint_p_and_the_badge():
    tests = (StandingTest("randomization", 0.044, 0.002), StandingTest("randomization:coefficient", 0.22, 0.004))
    found = disagreement_of(fires=True, tests=tests, p_joint=0.06, sd_treated=2.6, sd_comparison=6.8)
    assert found["badge"] == "not by every valid test"
    assert "by the declared one p = 0.044" in found["text"]
    assert "Taking the two together p = 0.060." in found["text"]
    assert "unusually even (standard deviation 2.60 against 6.80)" in found["text"]


def test_estimates_that_part_are_told_and_others_get_a_neutral_line():
    """The estimate is 1.9 fewer: another that is 2.1 lower is -4.0."""
    apart = disagreement_of(numbers_part=True, difference=-2.1, p_difference=0.01, label="Logs", others=1)
    said = "“Logs” lies furthest from the answer for its error: −4.0 per 10,000 against −1.9 per 10,000, "
    assert f"On the same units, {said}further than chance makes it (p = 0.010): they may" in apart["text"]
    assert apart["badge"] == ""
    alike = disagreement_of(numbers_part=False, difference=-2.1, p_difference=0.7, label="Logs", others=3)
    assert alike["text"] == (
        f"Of 3 other estimates on the same units, {said}no further than chance makes the furthest (p = 0.70)."
    )


def test_nothing_to_part_is_no_sentence():
    bare = type(facts().disagreement)()
    assert headline_of(estimates(), facts(disagreement=bare))["disagreement"]["text"] == ""


def test_the_headline_is_the_rules_row_and_not_the_kindest():
    """The key decides, whatever the p value."""
    assert headline_of(estimates(), facts())["inference"] == "randomization"
    assert headline_of(estimates(), facts(headline=headline_by("analytic")))["conf_high"] == 0.26
    assert HeadlineKey("poisson", "entry", "analytic").overall(estimates())["scale"] == "ratio"
    assert HeadlineKey("poisson", "entry", "randomization").overall(estimates()) is None


def seen(**changes):
    found = DetectableFacts(
        test="randomization", fall=6.18, rise=5.96, unit="per 10,000", fall_error=0.86, rise_error=0.83, reason=""
    )
    return facts(detectable=replace(found, **changes))


def test_what_could_be_seen_has_a_fall_and_a_rise_with_their_errors():
    text = headline_of(estimates(), seen())["detectable_text"]
    assert (
        "had been drawn by lot, as the test assumes, and the true change were a fall of 6.2 per 10,000 (4.5 to 7.9"
        in text
    )
    assert "this test would find it four times in five; a rise would have to be 6 per 10,000 (4.3 to 7.6" in text
    ratio = headline_of(estimates(), seen(fall=0.17, rise=0.216, unit="share", fall_error=0.01, rise_error=0.02))
    assert "a fall of 17% (15 to 19%)" in ratio["detectable_text"]
    none = headline_of(estimates(), seen(fall=math.nan, fall_error=math.nan))["detectable_text"]
    assert "no fall could be found four times in five; a rise would have to be" in none
    assert headline_of(estimates(), seen(reason="no procedure is relied on"))["detectable_text"] == ""


def test_the_ends_of_a_small_share_have_the_same_decimals():
    found = seen(fall=0.04, fall_error=0.005, rise=0.05, unit="share")
    assert "a fall of 4.0% (3.0 to 5.0%)" in headline_of(estimates(), found)["detectable_text"]


def test_units_needed_count_the_comparison_that_they_are_taken_from():
    """1/4 + 1/8 = .375 finds 3.5; 3.34 needs .3415 = 1/5.06 + 1/6.94, said as roughly 6; 3 needs .2755 < 4/12."""
    told = headline_of(estimates(), seen(fall=3.5))["what_would_change_it"]
    said = "a fall of, say, 10% four times in five would take roughly 6 of the 12 compared"
    assert any(said in text for text in told)
    asked = facts(question=question(smallest_worthwhile=3.0), detectable=seen(fall=3.5).detectable)
    told = headline_of(estimates(), asked)["what_would_change_it"]
    assert any(
        "than the 12 compared here" in text and "with half of these treated, a fall of about" in text for text in told
    )
    assert not any("compared" in text for text in headline_of(estimates(), seen(fall=3.0))["what_would_change_it"])


def test_unknown_use_among_comparisons_is_a_caveat_and_a_failed_check_another():
    whole = headline_of(estimates(), facts(checks=checks_of(diagnostics())))
    found = whole["caveats"]
    assert "those that used it throughout hide none of a constant one" in whole["attenuation"]
    assert "A declared check failed: Without 303 it changes by 2.4." in found
    assert "Six of ten pilots used the approach <before> it started." in found
    known = headline_of(estimates(), facts(panel=replace(facts().panel, untreated_means="never")))
    assert known["attenuation"] == ""


def test_an_unexpected_direction_is_said():
    assert headline_of(one(**VERDICTS["increase"]), facts())["sentence"].endswith("the opposite of what was expected.")
    assert "opposite" not in headline_of(one(**VERDICTS["decrease"]), facts())["sentence"]


def test_few_treated_under_a_conventional_headline_is_a_caveat():
    """The method says of itself whether it holds with few clusters; no interval cannot be too narrow."""
    said = "With 4 treated authorities the conventional interval is too narrow."
    conventional = facts(headline=headline_by("analytic"))
    assert said in headline_of(one(**VERDICTS["decrease"], inference="analytic"), conventional)["caveats"]
    assert said not in headline_of(one(estimate=-2.0, inference="analytic"), conventional)["caveats"]
    assert said not in headline_of(one(**VERDICTS["decrease"]), facts())["caveats"]


def test_not_identified_gives_the_reason_and_no_number():
    found = headline_of(one(**VERDICTS["not_identified"]), facts())
    assert found["sentence"].endswith("no untreated authority after 2018.")
    assert json.loads(json_text(found))["estimate"] is None
    assert math.isnan(found["percent"]["estimate"])


def test_without_an_overall_row_nothing_is_claimed():
    found = headline_of(one(aggregation="event_time", event_time=1.0, estimate=3.0), facts())
    assert found["verdict"] == "not_identified"
    assert "give no overall estimate" in found["sentence"]


def test_an_open_interval_is_said_in_words():
    rows = one(estimate=-1.9, conf_low=-np.inf, conf_high=4.1, p_value=0.4)
    assert "no lower limit to 4.10" in headline_of(rows, facts())["sentence"]


def test_rates_per_million_are_written_in_figures():
    """1e+06 is no number for a page."""
    own = facts()
    outcomes = {name: replace(one, per=1e6) for name, one in own.panel.outcomes.items()}
    said = headline_of(estimates(), replace(own, panel=replace(own.panel, outcomes=outcomes)))["sentence"]
    assert "per 1,000,000" in said
    assert "e+" not in said


def test_without_a_reliable_procedure_there_is_an_estimate_and_no_range():
    """A rule that finds no declared procedure reliable leaves the estimate, whatever a table's p says."""
    found = headline_of(one(**VERDICTS["decrease"]), facts(inference=replace(facts().inference, reliable=False)))
    assert found["verdict"] == "inconclusive"
    assert "2.00 fewer per 10,000; no reliable range can be given with this design." in found["sentence"]
    assert math.isnan(found["conf_low"])
    assert found["detectable_text"] == ""


def test_declared_phrases_fit_into_a_sentence():
    assert in_a_sentence("A framework (simulated; see the world)") == "a framework"
    assert in_a_sentence("Signs of Safety") == "Signs of Safety"


@pytest.mark.parametrize(
    ("p", "estimator", "said"),
    [(0.006, "primary", True), (0.2, "primary", False), (math.nan, "primary", False), (0.006, "twfe", False)],
)
def test_divergence_before_the_start_is_a_caveat_even_without_a_threshold(p, estimator, said):
    """Only the headline's own check counts, and only where it saw something."""
    check = CheckFacts("pretrends.joint", "entry", estimator, "p_value", p, text="…")
    found = headline_of(estimates(), facts(checks=(check,)))["caveats"]
    assert (
        any("seem not to have been on the same path before the start (joint test, p = 0.006)" in text for text in found)
        == said
    )


@pytest.mark.parametrize(
    ("way", "high", "said"),
    [
        ("decrease", 1.0, "The range has room for a fall {worth} and for a rise as large."),
        ("decrease", 0.1, "The range has room for a fall {worth}."),
        ("increase", 0.1, "A rise {worth} lies outside the range; a fall as large does not."),
        ("none", 1.0, "The range has room for a fall and a rise {worth}."),
    ],
)
def test_only_a_change_in_the_direction_expected_is_worth_having(way, high, said):
    asked = question(smallest_worthwhile=0.5, expected_direction=way)
    rows = one(estimate=-0.4, conf_low=-2.0, conf_high=high, p_value=0.4)
    assert headline_of(rows, facts(question=asked))["sentence"].endswith(
        said.format(worth="worth having (0.5 per 10,000 or more)")
    )


def test_a_safety_ratio_stands_as_a_difference_beside_its_margin():
    """20 per 10,000 observed at a ratio of 0.8 are 25 without it: -5 (20 - 40 to 20 - 15.6) per 10,000."""
    row = effect(estimate=0.8, conf_low=0.5, conf_high=1.28, std_error=0.24, scale="ratio", estimand="rate_ratio")
    outcome = replace(facts().outcome, mean_treated=20.0, role="safety", margin=8.0)
    known = facts(panel=replace(facts().panel, outcomes={"entry": outcome}))
    (found,) = headline_of(pd.DataFrame([row]), known)["safety"]
    assert found["text"].endswith("As a difference: −5.0 per 10,000 (−20.0 to 4.4).")
    assert found["excluded"]


def test_shares_below_one_of_100_are_said_as_such():
    """0.12 of 100 cases, and 99.6 of them."""
    found = seen(worthwhile=4.0, worthwhile_fall=0.996, equivalence=0.0012, declared_direction="decrease")
    text = headline_of(estimates(), found)["detectable_text"]
    assert "a fall of it in more than 99 of 100 cases and" in text
    assert "rule out both a fall and a rise of it in fewer than 1 of 100." in text
    assert text.endswith(
        "(The range is wider than that: it is of the starts as they fell, these are of all that a lot could draw.)"
    )


def test_a_range_no_wider_than_what_would_be_found_needs_no_word():
    assert "The range is wider" not in headline_of(estimates(), seen(fall=60.0, rise=60.0))["detectable_text"]


@pytest.mark.parametrize(("p", "said"), [(0.02, True), (0.09, False), (math.nan, False)])
def test_placebo_starts_are_told_by_their_one_p(p, said):
    check = CheckFacts("placebo_time.largest", "entry", "primary", "p_value", p, text="…")
    found = headline_of(estimates(), facts(checks=(check,)))["caveats"]
    assert any("comes up in 2 of 100 draws: part of any difference" in text for text in found) == said
    others = headline_of(estimates(), facts(checks=(replace(check, estimator="twfe"),)))["caveats"]
    assert not any("100 draws" in text for text in others)


def test_placebos_that_spread_wider_than_the_error_are_a_caveat():
    spread = CheckFacts("placebo_units.error_ratio", "entry", "primary", "ratio", 1.56, text="…")
    found = headline_of(estimates(), facts(checks=(spread,)))["caveats"]
    assert any("1.6 times as widely as the conventional error" in text for text in found)
    calm = headline_of(estimates(), facts(checks=(replace(spread, value=1.1),)))["caveats"]
    assert not any("conventional error of the answer says" in text for text in calm)


@pytest.mark.parametrize(
    ("own", "said"),
    [(1.5, "says: its conventional interval and p value are too favourable."),
     (1.07, "says, though only 1.1 times as widely as their own errors say, since the treated authorities vary less "
            "than others: its conventional interval and p value may be too favourable.")],
)  # fmt: skip
def test_treated_units_that_vary_less_than_others_are_told_apart_from_errors_that_are_too_small(own, said):
    checks = tuple(
        CheckFacts(f"placebo_units.{name}", "entry", "primary", "ratio", value, text="…")
        for name, value in (("error_ratio", 1.56), ("own_error_ratio", own))
    )
    found = headline_of(estimates(), facts(checks=checks))["caveats"]
    assert any(text.endswith(said) for text in found)


@pytest.mark.parametrize(("verdict", "told"), [("decrease", True), ("inconclusive", False)])
def test_a_sign_that_one_unit_turns_is_told_where_there_is_a_verdict(verdict, told):
    """Near no difference any unit turns the sign: that is no news there."""
    check = CheckFacts("leave_one_out.turned", "entry", "primary", "count", 1.0, text="…")
    made = pd.DataFrame([effect(**VERDICTS[verdict])])
    found = headline_of(made, facts(checks=(check,)))["caveats"]
    assert any("would turn the sign of the answer" in text for text in found) == told


@pytest.mark.parametrize(("p", "told"), [(0.03, True), (0.2, False)])
def test_one_unit_that_moves_more_than_chance_does_is_told(p, told):
    check = CheckFacts("leave_one_out.unusual", "entry", "primary", "p_value", p, text="…")
    found = headline_of(estimates(), facts(checks=(check,)))["caveats"]
    assert any("so large a change comes up in 3 of 100 draws" in text for text in found) == told


def test_a_stock_is_at_any_one_time():
    """Children looked after on 31 March are no number a year."""
    row = effect(estimate=-2.0, conf_low=-3.0, conf_high=-1.0, p_value=0.001)
    base = facts()
    found = headline_of(pd.DataFrame([row]), replace(base, panel=replace(
        base.panel, outcomes={**base.panel.outcomes, "entry": replace(base.outcome, stock=True)},
    )))  # fmt: skip
    assert " at any one time in an authority of average size" in found["sentence"]
    assert found["natural_units"]["unit"] == "children at any one time per authority of average size"
    assert " a year in an authority" in headline_of(pd.DataFrame([row]), base)["sentence"]


@pytest.mark.parametrize(
    ("high", "error", "told"), [(-0.2, 0.15, True), (-0.2, 0.05, False), (0.2, 0.15, True), (4.1, 0.15, False)]
)
def test_a_verdict_that_other_draws_could_turn_is_told(high, error, told):
    """Two Monte Carlo errors of the end reach no difference, from either side."""
    base = facts()
    key = base.headline
    drawn = replace(base, procedures=(*(one for one in base.procedures if base.procedure(key) is not one),
                    replace(base.procedure(key), details={"low_error": error, "high_error": error})))  # fmt: skip
    p = 0.03 if high < 0 else 0.3
    row = effect(estimate=-2.0, conf_low=-4.0, conf_high=high, p_value=p, std_error=1.0)
    found = headline_of(pd.DataFrame([row]), drawn)["caveats"]
    assert any("other random draws could turn this verdict" in text for text in found) == told


def test_an_outcome_in_logs_is_not_held_against_a_size_on_another_scale():
    base = facts(question=question(smallest_worthwhile=5.0, expected_direction="decrease"))
    logs = replace(base.outcome, transform="log", scale="log")
    named = {**base.panel.outcomes, base.headline.outcome: logs}
    row = effect(estimate=0.04, conf_low=-0.015, conf_high=0.11, p_value=0.1, scale="log")
    said = headline_of(pd.DataFrame([row]), replace(base, panel=replace(base.panel, outcomes=named)))["sentence"]
    assert "is not held against an outcome in logs" in said
    assert "needs more draws" not in said


def told(verdict_row, *checks):
    key = pilots_facts().headline
    rows = tuple(CheckFacts(name, key.outcome, key.estimator, statistic, value, text=text)
                 for name, statistic, value, text in checks)  # fmt: skip
    return headline_of(verdict_row, facts(checks=rows))["caveats"]


BOUNDS = (
    "suppression_bounds", "width", 4.63, "11 outcomes are suppressed. Whatever they are, the estimate lies between -9 "
    "and -4; with chance -12 to -0.8. By random adoptions p is 0.002 at the one end and 0.084 at the other.",
)  # fmt: skip
TURNED = (
    "suppression_bounds.largest_p", "p_value", 0.084, "A direction at the 5% level does not survive every value that "
    "the suppressed outcomes may have (p is 0.084 at one end).",
)  # fmt: skip
LASTS = (
    "honest_did.relative_magnitudes", "breakdown", 0.4988, "Zero is left out up to M = 0.49: as long as no step of a "
    "divergence after the start exceeds so many times the largest before. If the paths were parallel, it is 1 to 2.",
)  # fmt: skip
CURVE = (
    "specification_curve", "p_value", 0.4, "104 specifications: the design and combinations of years, from -7% to 4% "
    "of the treated's level before the start, 80 of them below no difference. Their median estimate is -0.50 of its "
    "errors: random adoptions give a median as low or lower in 40 of 100 draws. A curve multiplies one assumption.",
)  # fmt: skip


def test_suppressed_outcomes_are_told_and_a_direction_that_does_not_survive_them():
    down = one(estimate=0.8, conf_low=0.7, conf_high=0.9)
    said = told(down, BOUNDS, TURNED)
    assert said[:2] == [BOUNDS[3].partition(" By random")[0].replace("-", "−"), TURNED[3]]
    lasting = (*TURNED[:3], TURNED[3].replace("does not survive", "survives"))
    assert told(down, BOUNDS, lasting)[:1] == said[:1]
    assert lasting[3] not in told(down, BOUNDS, lasting)
    assert TURNED[3] not in told(one(), BOUNDS, TURNED)  # without a direction nothing is lost
    assert "suppressed" in told(one(), BOUNDS, TURNED)[0]
    apart = [(f"{name}@complete_true", *rest) for name, *rest in (BOUNDS, TURNED)]
    assert told(down, *apart)[:2] == said[:2]


def test_what_divergence_a_direction_bears_is_told():
    down = one(estimate=0.8, conf_low=0.7, conf_high=0.9)
    assert told(down, LASTS)[0] == LASTS[3].partition(" If ")[0]
    lost = (*LASTS[:2], np.nan, "No effect is established even if the paths were parallel (the interval is 0 to 2).")
    assert told(down, lost)[0] == lost[3]
    assert not any("left out up to" in text for text in told(one(), LASTS))


def test_the_curve_is_told_without_its_lesson():
    assert CURVE[3].partition(" A curve")[0].replace("-", "−") in told(one(), CURVE)
    withheld = (*CURVE[:2], np.nan, "withheld")
    assert not any("specifications" in text for text in told(one(), withheld))


def test_nobody_never_treated_is_told_with_those_that_start_later():
    from sos_eval.report.basis import basis

    panel = replace(
        facts().panel, n_units=14, n_treated_units=14, n_comparison_units=0, cohorts=(2012.0, 2018.0), n_read=14,
        first_time=2008.0, last_time=2019.0, omitted_times={}, periods={}, left_out={},
    )  # fmt: skip
    found = effect_of(one(n_treated_units=11, n_units=14).iloc[0], facts().outcome, None)
    said = basis(found, facts(panel=panel), ("authority", "authorities"))
    assert (
        "compared with 3 authorities that start later, in 2018 (nobody never starts), years to March 2008 to 2017"
        in said
    )
    omitted = replace(panel, omitted_times={"2017": "why"})
    assert "2008 to 2016" in basis(found, facts(panel=omitted), ("authority", "authorities"))
    never = replace(panel, n_treated_units=11)
    assert "compared with 3 authorities, years to March 2008 to 2019" in basis(
        found, facts(panel=never), ("authority", "authorities")
    )


def test_a_lot_that_is_declared_is_said_once_and_is_no_mere_comparison():
    """Page one, what is not shown and what would change the answer say the same; without a lot none of it."""
    lower = estimates().assign(conf_high=-0.5, p_value=0.01)
    plain, by_lot = (headline_of(lower, seen(), by_lot=said) for said in ("", "as the method declares"))
    assert "it rests on a comparison, not on an experiment" in plain["does_not_show"][0]
    assert "a lot drew the starts, as the method declares, and this run does not show" in by_lot["does_not_show"][0]
    assert "when each starts counts as drawn by lot, as the method declares" in by_lot["basis"]
    assert "lot" not in plain["basis"].split()
    assert by_lot["what_would_change_it"][0].startswith("Evidence that the lot was not kept to, or that something")
    assert "had been drawn by lot, as the test assumes and the design declares," in by_lot["detectable_text"]


def test_a_verdict_without_a_range_holds_no_range_against_what_is_worth_having():
    """By p alone: the sentence has just said that beside the estimate stands no range."""
    table = estimates().assign(conf_low=math.nan, conf_high=math.nan, p_value=0.01)
    sentence = headline_of(table, facts(question=question(smallest_worthwhile=0.5)))["sentence"]
    assert "no range" in sentence
    assert "he range has room" not in sentence
    assert "whole range" not in sentence


def test_of_one_treated_unit_it_is_not_said_that_the_number_is_an_average():
    alone = headline_of(estimates().assign(n_treated_units=1), facts())["does_not_show"]
    assert not any("in any one" in text for text in alone)
    assert any("in any one" in text for text in headline_of(estimates(), facts())["does_not_show"])
