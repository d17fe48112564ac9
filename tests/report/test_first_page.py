"""Page one, from runs: each sentence by a design and data that make it, and never more than seven."""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import InputFault
from sos_eval.jobs.check import check_design
from sos_eval.report.attenuation import attenuation_table, remaining_share
from sos_eval.report.compose import compose
from sos_eval.report.content import Bullets, Heading, Picture, Table, Text
from sos_eval.report.draw import draw_all
from sos_eval.report.earlier_path import earlier_path
from sos_eval.report.first_page import MOST_SENTENCES, NOT_ASSESSED, weighed
from sos_eval.report.reading import table_of
from sos_eval.report.safety import harm_excluded, harm_shown, safety_rows, safety_words
from sos_eval.report.sections import APPENDIX
from sos_eval.report.verdict import effect_of, verdict_of
from sos_eval.report.wording import in_units, minus_signs, percent, sentence_count
from sos_eval.report.words import headline_of
from sos_eval.results.check import of_hundred
from tests.report.cases import CASES, run_case

pytestmark = pytest.mark.xdist_group("cases")  # one process, so that no case is run twice


def page(bundle):
    """The report of a bundle, with page one's figure."""
    return compose(bundle, draw_all(bundle, ("svg",), only="answer"))


def test_page_one_has_a_verdict_one_figure_and_at_most_seven_sentences(case):
    document = page(case("full"))
    sentences = [item for one in document.first_page if isinstance(one, Bullets) for item in one.items]
    assert MOST_SENTENCES - 1 <= sum(map(sentence_count, sentences)) <= MOST_SENTENCES
    assert [one.name for one in document.first_page if isinstance(one, Picture)] == ["answer"]
    assert [one.text for one in document.first_page if isinstance(one, Text)][-1] == NOT_ASSESSED
    assert sentences[0] == (
        "The answer rests on 8 authorities with a recorded start of Signs of Safety, compared with 12 authorities, "
        "years to March 2010 to 2018; 20 other authorities in the data take no part (who and why: chapter Effect)."
    )
    below = [item for one in document.body if isinstance(one, Bullets) for item in one.items]
    assert "Seven." in below
    assert not set(sentences) & set(below)


def test_the_path_is_quoted_in_words_and_keeps_the_conventional_test_off_page_one(case):
    bundle = case("diverging")
    value = {check.name: check.value for check in bundle.facts.checks if check.outcome == "entry"}
    said = bundle.headline["earlier_path"]
    assert value["path.joint"] <= 0.01
    assert value["pretrends.joint"] < 0.05
    on, back = value["path.gone_on"], value["path.returned"]
    assert bundle.headline["scale"] == "rate_per"
    begins = (
        "Before the start the rate moved up in the authorities with a recorded start against authorities drawn alike; "
        "so unlike a path comes up in fewer than 1 of 100 draws; had it gone on, it alone would make the answer "
        f"{on:.1f} per 10,000 higher, and had it returned to its earlier mean, it would make the answer {-back:.1f} "
        "per 10,000 lower"
    )
    assert said.startswith(begins)
    found = min(abs(row["difference"]) for row in bundle.headline["converted"] if row["what"].startswith("detectable"))
    assert abs(value["path.implied_bias"]) < found or "so this says little" not in said  # the check has seen it
    assert len(re.findall(r"[0-9.]+", said.replace("per 10,000", "").replace("of 100", ""))) <= 6  # with the full stop
    assert not any("joint test" in text for text in bundle.headline["caveats"])
    assert "path.last" not in value  # the estimator compares with the last period alone already
    assert "from the last earlier period alone" not in said


def test_a_path_whose_return_adds_nothing_is_said_to_change_nothing(case):
    """After a shift up, a shift of zero is no second shift up."""
    facts = case("diverging").facts
    checks = tuple(replace(one, value=0.0) if one.name == "path.returned" else one for one in facts.checks)
    row = facts.headline.overall(case("diverging").estimates)
    said = earlier_path(effect_of(row, facts.outcome), replace(facts, checks=checks), ("authority", "authorities"))
    assert ", and had it returned to its earlier mean, it would add nothing" in said


def test_what_the_path_would_do_stands_in_every_unit(case):
    """The shift per 10,000 over the level without it is its share; times the mean exposure, people."""
    bundle = case("diverging")
    value = {check.name: check.value for check in bundle.facts.checks if check.outcome == "entry"}
    row = {one["what"]: one for one in bundle.headline["converted"]}["the path before the start, gone on"]
    without = bundle.headline["percent"]["level_without"]
    assert row["difference"] == row["value"] == value["path.gone_on"]
    assert row["percent"] == pytest.approx(100 * value["path.gone_on"] / without, rel=1e-12)
    exposure = bundle.headline["natural_units"]["average_exposure"]
    assert row["people"] == pytest.approx(value["path.gone_on"] * exposure / 10_000, rel=1e-12)


def test_a_ratio_has_its_path_in_per_cent(case):
    bundle = case("ratio")
    value = {check.name: check.value for check in bundle.facts.checks if check.outcome == "entry"}
    share = abs(np.expm1(value["path.gone_on_as_answered"]))
    way = "higher" if value["path.gone_on_as_answered"] > 0 else "lower"
    said = bundle.headline["earlier_path"]
    assert f"it alone would make the answer about {percent(share)} {way}" in said
    assert (
        f"comes up in {of_hundred(value['path.joint'])} draws with authorities counted alike, in "
        f"{of_hundred(value['path.as_answered'])} with larger ones counting for more, as they do in the answer" in said
    )


def test_the_path_of_a_group_made_alike_is_no_test(case):
    said = case("made alike").headline["earlier_path"]
    assert said.startswith("The path before the start says nothing about whether the comparison is fair: the comp")


@pytest.mark.parametrize(("name", "said"), [("far", True), ("diverging, no path", False), ("lower", False)])
def test_a_run_that_did_not_look_before_the_start_says_so(case, name, said):
    unseen = "moved alike before the start was not looked at: no check of it (path, pretrends) is declared."
    assert any(text.endswith(unseen) for text in case(name).headline["caveats"]) == said


def test_checks_open_with_what_was_found(case):
    """Sentences first, how many lines have a threshold after them."""
    body = page(case("full")).body
    at = body.index(Heading("Checks", 3))
    found, judged = body[at + 1 : at + 3]
    assert found.items[0].startswith("Taking slope and largest period together, a path as unlike")
    assert judged.text.startswith("Of ")


def test_without_path_the_conventional_test_speaks(case):
    bundle = case("diverging, no path")
    assert bundle.headline["earlier_path"] == ""
    assert any("joint test, p" in text for text in bundle.headline["caveats"])


def test_checks_draw_the_headlines_own_lots(case):
    bundle = case("full")
    assert set(bundle.tables("path.slope")["strata"]) == {"exposure_half"}
    assert set(bundle.tables("placebo_time.largest")["strata"]) == {"exposure_half"}
    assert bundle.tables("placebo_time.largest")["placebo_start"].tolist() == [2014, 2013, 2012]


def test_safety_stands_beside_the_verdict(case):
    """A margin of 5 is excluded either way, a tiny one is not, and without a margin nothing is claimed."""
    bundle = case("safety")
    (shown,) = [one for one in page(bundle).first_page if isinstance(one, Table)]
    assert shown.frame["Should not get worse"].tolist() == ["Re-referrals"] * 4
    assert shown.frame["Harm"].tolist() == [
        "a rise of 5 per 10,000 or more is excluded", "a rise of 0.01 per 10,000 or more is not excluded",
        "a fall of 5 per 10,000 or more is excluded", "no margin was declared",
    ]  # fmt: skip
    *with_margin, bare = bundle.headline["safety"]
    assert bare["excluded"] is None
    for row, margin in zip(with_margin, (5, 0.01, -5), strict=True):
        end = row["conf_high"] if margin > 0 else row["conf_low"]
        assert row["excluded"] == (end < margin if margin > 0 else end > margin)
    assert bundle.headline["other_outcomes"] == []


def test_what_got_worse_beyond_chance_is_said_before_what_is_excluded(case):
    (shown,) = [one for one in page(case("worse")).first_page if isinstance(one, Table)]
    assert shown.frame["Harm"].tolist() == [
        "higher beyond chance; a rise of 5 per 10,000 or more is excluded",
        "higher beyond chance; a rise of 0.01 per 10,000 or more is what the whole range shows",
        "a fall of 5 per 10,000 or more is excluded", "no margin was declared",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "words"),
    [(", margin: 2", "write role: safety beside it"), (", role: safety, margin: 0", "does not say which way is harm")],
)
def test_a_margin_that_means_nothing_is_a_fault(tmp_path, keys, words):
    with pytest.raises(InputFault, match=words):
        run_case(tmp_path, safety=keys)


def test_a_lower_outcome_is_said_as_what_was_compared(case):
    bundle = case("lower")
    assert bundle.headline["sentence"].startswith(
        "In the authorities with a recorded start of Signs of Safety, children starting to be looked after per 10,000 "
        "children came out lower than the comparison suggests. The best estimate is"
    )
    assert page(bundle).badge == "Lower than the comparison suggests"


def _said_with(bundle, least):
    """The headline's sentence of a run had another smallest change been declared."""
    question = replace(bundle.facts.question, smallest_worthwhile=float(least), meaningful_change=None)
    facts = replace(bundle.facts, question=question)
    return headline_of(bundle.estimates, facts)["sentence"]


def test_the_smallest_change_worth_having_drives_verdict_and_sentence(case):
    inside = case("safety").headline
    assert inside["verdict"] == "no_meaningful_effect"
    assert "lies inside the smallest one worth having (4 per 10,000)" in inside["sentence"]
    for least, told in (
        (50, "The whole range is smaller than the smallest change worth having (50 per 10,000)."),
        (0.01, "The whole range is a fall worth having (0.01 per 10,000 or more)."),
    ):
        assert told in _said_with(case("lower"), least)
    effect = effect_of(case("lower").facts.headline.overall(case("lower").estimates), case("lower").facts.outcome)
    between = -(effect.low + effect.high) / 2
    assert "The range has room for a fall worth having" in _said_with(case("lower"), between)
    room = case("room").headline
    assert room["verdict"] == "inconclusive"
    assert room["sentence"].endswith(
        "Whether a fall worth having (0.1 per 10,000 or more) lies outside the range needs more draws."
    )


def test_ends_hold_what_was_observed_and_detectable_sizes_the_level_without(case):
    """What was observed is known; a true change would be of the level without it, which the estimate says."""
    bundle = case("ratio")
    headline, facts = bundle.headline, bundle.facts
    effect = effect_of(facts.headline.overall(bundle.estimates), facts.outcome)
    made = {row["what"]: row for row in headline["converted"]}
    assert headline["scale"] == "ratio"
    for name in ("estimate", "low", "high"):
        assert made[name]["difference"] == pytest.approx(effect.observed * (1 - 1 / made[name]["value"]), abs=1e-9)
    without = effect.observed / made["estimate"]["value"]
    for name in ("detectable fall", "detectable rise"):
        assert made[name]["difference"] == pytest.approx(without * (made[name]["value"] - 1), abs=1e-9)
        share = made[name]["value"] - 1  # so that picture and sentence agree which is the smaller
        assert made[name]["percent"] == pytest.approx(100 * share)


@pytest.mark.slow
def test_a_size_worth_having_is_the_ratio_that_its_children_are(case, tmp_path):
    """Declared as the children of the detectable fall, it is found as often as that fall: four times in five."""
    made = {row["what"]: row for row in case("ratio").headline["converted"]}
    least = -made["detectable fall"]["difference"]
    again = run_case(tmp_path, **{**CASES["ratio"], "question": f"smallest_worthwhile: {least:.17g}"})
    assert again.headline["detectable"]["worthwhile_fall"] == pytest.approx(0.8, abs=0.001)


def test_one_thing_has_one_name(tmp_path):
    with pytest.raises(InputFault, match="write smallest_worthwhile"):
        run_case(tmp_path, question="smallest_worthwhile: 4\n  meaningful_change: 4")


def test_lost_periods_are_on_page_one(case):
    said = case("early years empty").headline["basis"]
    assert (
        "; all with a recorded start lack an outcome in 2010, 2011 and 2012, so that 2 of 5 earlier periods count."
        in said
    )


def test_some_without_an_outcome_are_counted(case):
    assert "; 1 of the 8 with a recorded start lacks an outcome in 2016." in case("placed").headline["basis"]


def test_cells_without_an_outcome_are_counted_whoever_they_are_of(case):
    facts = case("placed").facts
    every = facts.panel.n_units * facts.panel.n_times
    lost = every - (facts.panel.n_rows - facts.outcome.n_missing)
    said = case("placed").headline["basis"]
    assert f"; {lost:.0f} of their {every} authority-years have no outcome" in said
    assert lost > 1


def test_donors_elsewhere_and_another_release_are_told(case):
    headline = case("placed").headline
    assert "; 20 of the 32 comparison authorities lie in regions without a recorded start;" in headline["basis"]
    assert (
        "Counts come from another release from 2015 on (named new) than in 2014 (named old): where that changed what "
        "was counted in treated and comparison authorities differently, it looks like part of the answer."
    ) in headline["caveats"]
    assert any(
        text.startswith("Children are counted by another source from 2015 on (named census of 2021) than in 2014 (nam")
        for text in headline["caveats"]
    )
    assert ("Made of another number of authorities from 2015 on, 1 of 40 authorities: Place 30 (2 to 1).") in headline[
        "caveats"
    ]
    assert (
        "In the data on one side of the first start only, as where boundaries change, 1 of 40 authorities: Place 31 "
        "(before only)."
    ) in headline["caveats"]


def test_one_release_throughout_is_no_caveat(case):
    assert not any("release" in text for text in case("early years empty").headline["caveats"])


def test_adopters_without_a_counterpart_are_one_clause(case):
    bundle = case("far")
    said = bundle.headline["basis"]
    assert (
        "; 2 of 8 with a recorded start are left out, because no comparison authority is close enough (within 0.5 stand"
        in said
    )
    words = " ".join([said, *bundle.headline["caveats"]])
    assert not any(word in words for word in ("caliper", "support", "propensity", "(replace: false)"))


def test_attenuation_is_a_table(case):
    """Half the effect there before and a quarter of the comparison in between: a quarter of it shows."""
    assert remaining_share(0.5, 0.25) == 0.25
    frame = attenuation_table(("authority", "authorities"))
    assert frame.iloc[2].tolist() == ["50% of it", "50%", "40%", "25%", "0%", "−17%"]
    assert frame.iloc[3, -1] == "−42%"
    bundle = case("room")
    assert any(isinstance(one, Table) and one.caption.startswith("How much of an effect") for one in page(bundle).body)
    assert "those that used it throughout hide none" in bundle.headline["attenuation"]


def test_known_use_needs_no_attenuation(case):
    bundle = case("full")
    assert bundle.headline["attenuation"] == ""
    assert not any(isinstance(one, Table) and one.caption.startswith("How much") for one in page(bundle).body)


def test_the_one_figure_holds_estimate_and_range_in_children(case):
    bundle = case("full")
    data = draw_all(bundle, ("svg",), only="answer").data["answer"]
    natural = bundle.headline["natural_units"]
    assert f"estimate,{natural['estimate']}" in data
    assert math.isfinite(natural["low"])


def test_checks_are_told_with_minus_signs_and_names(case):
    bundle = case("lower")
    (checks,) = [one for one in page(bundle).body if isinstance(one, Table) and one.caption.startswith("Checks")]
    words = " ".join(checks.frame["In words"])
    assert "−" in words
    assert " -" not in words
    assert "Without Place 0" in words


def test_words_of_the_run_name_units():
    assert in_units("3 of 10 treated units; one unit", ("school", "schools")) == "3 of 10 treated schools; one school"
    assert minus_signs("-1.2 to 3, 2014-15 (-0.5)") == "−1.2 to 3, 2014-15 (−0.5)"


def test_the_smallest_change_worth_having_is_what_power_is_said_of(tmp_path):
    for name in ("none", "grid", "huge"):
        (tmp_path / name).mkdir()
    curve = run_case(tmp_path / "none").tables("detectable").set_index("direction")
    row = curve.loc["fall"].iloc[25]
    made = run_case(tmp_path / "grid", question=f"smallest_worthwhile: {row['size']:.17g}").headline
    seen = made["detectable"]
    assert 0.5 < row["power"] == pytest.approx(seen["worthwhile_fall"], abs=1e-12)
    assert seen["worthwhile_fall"] + seen["worthwhile_rise"] - 1 <= seen["equivalence"] <= seen["worthwhile_fall"]
    assert f"it would find a fall of it in {100 * row['power']:.0f} of 100 cases and" in made["detectable_text"]
    ruled_out = f"rule out both a fall and a rise of it in {of_hundred(seen['equivalence'])}."
    assert made["detectable_text"].endswith(ruled_out)
    huge = run_case(tmp_path / "huge", question="smallest_worthwhile: 1000").headline["detectable"]
    assert (huge["worthwhile_rise"], huge["equivalence"]) == (1.0, 1.0)


#: Case, and how sentences of its page one begin: each kind of sentence from a run that makes it.
SENTENCES = [
    ("full", "children starting to be looked after per 10,000 children came out higher than the comparison sugges"),
    ("lower", "In the authorities with a recorded start of Signs of Safety, children starting to be looked after pe"),
    ("diverging", "This is the opposite of what was expected."),
    ("safety", "The whole 95% interval of the difference in children starting to be looked after per 10,000 childr"),
    ("room", "This evaluation cannot tell whether Signs of Safety changed children starting to be looked after per"),
    ("room", "Whether a fall worth having (0.1 per 10,000 or more) lies outside the range needs more draws."),
    ("room", "Whether any of the 32 untreated authorities used the intervention is unknown: the comparison is with u"),
    ("far", "The best estimate is 0.120 fewer per 10,000 (95% interval: 0.55 fewer to no upper limit"),
    ("far", "The answer rests on 6 authorities with a recorded start of Signs of Safety, compared with 1 authority,"),
    ("far", "No comparison authority is quite like 6 of the treated authorities that are kept (Place 02, Place 03,"),
    ("early years empty", "The answer rests on 8 authorities with a recorded start of Signs of Safety, compared"),
    ("placed", "The answer rests on 8 authorities with a recorded start of Signs of Safety, compared with 32 autho"),
    ("placed", "Counts come from another release from 2015 on (named new) than in 2014 (named old): where that c"),
    ("placed", "Children are counted by another source from 2015 on (named census of 2021) than in 2014 (named ce"),
    ("placed", "Made of another number of authorities from 2015 on, 1 of 40 authorities: Place 30 (2 to 1)."),
    ("placed", "In the data on one side of the first start only, as where boundaries change, 1 of 40 authorities: P"),
    ("full", "If the 8 authorities had been drawn by lot, as the test assumes, and the true change were a fall of"),
    ("diverging", "Before the start the rate moved up in the authorities with a recorded start against authorities "),
    ("made alike", "The path before the start says nothing about whether the comparison is fair: the comparison gro"),
    ("diverging, no path", "Treated and comparison authorities seem not to have been on the same path before the st"),
    ("failed", "A declared check failed: Treated and comparison authorities seem not to have been on the same path "),
    ("failed", "With the start moved to earlier years, when nothing had begun, a difference as large as the largest"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "begins"), SENTENCES)
def test_every_kind_of_sentence_is_made_by_a_run(case, name, begins):
    bundle = case(name)
    said = [str(bundle.headline["sentence"]), *weighed(bundle)]
    assert any(f" {begins}" in f" {text}" for text in said), said
    assert not any(technical in text for text in said for technical in ("Wald", "coefficients", "chi-squared", "e-0"))


def test_units_that_were_left_out_keep_their_names(case):
    """The flow of units prints names; the bundle holds those of every unit that was read."""
    bundle = case("far")
    names = bundle.tables("unit_names")
    assert len(names) == 40
    assert names.loc[names["unit"] == "L07", "label"].tolist() == ["Place 07"]


@pytest.mark.parametrize("name", ["full", "lower", "made alike", "far", "placed"])
def test_chapters_open_with_what_was_found_and_options_stand_in_the_appendix(case, name):
    """Nothing before the appendix uses words of the trade's code; the appendix opens with words."""
    body = page(case(name)).body
    at = next(i for i, one in enumerate(body) if one == Heading(APPENDIX))
    for i, one in enumerate(body):
        if isinstance(one, Heading) and one.level == 2 and i <= at:
            assert isinstance(body[i + 1], Text | Bullets)
    assert body[at + 1].text.startswith("The answer is the estimate “")
    words = " ".join(_words(one) for one in [*page(case(name)).first_page, *body[:at]])
    for term in ("caliper", "propensity", "off the comparison", "(replace: false)", "replace: ", "lack 1 ", "2015.0"):
        assert term not in words


def _words(one):
    """Every word of a block."""
    if isinstance(one, Bullets):
        return " ".join(one.items)
    if isinstance(one, Table):
        return " ".join([one.caption, *map(str, one.frame.columns), *map(str, one.frame.to_numpy().ravel())])
    return getattr(one, "text", "")


def test_adopters_in_no_comparison_are_left_out_and_not_said_to_lack_outcomes(case):
    said = case("late").headline["basis"]
    assert said.startswith(
        "The answer rests on 6 authorities with a recorded start of Signs of Safety, compared with 32 authorities, year"
    )
    assert "2 of 8 with a recorded start are left out, " in said
    assert "1 because they had no outcome before their start" in said
    assert "1 because they had no outcome from their start on" in said
    assert "an outcome in" not in said


def test_a_check_that_could_not_be_done_has_not_looked(case):
    caveats = case("one year before").headline["caveats"]
    assert any(text.endswith("moved alike before the start was not looked at: no check of it could be done.")
               for text in caveats), caveats  # fmt: skip


def test_harm_is_excluded_only_where_the_range_ends_two_errors_of_its_draws_before_the_margin(case):
    """The ends' errors are those of tests.csv; the margins are made from them."""
    bundle = case("safety")
    key = replace(bundle.facts.headline, outcome="referral")
    procedure, row = bundle.facts.procedure(key), key.overall(bundle.estimates)
    test = pd.read_csv(bundle.path / "tests.csv").set_index(["outcome", "inference"]).loc[("referral", key.inference)]
    assert procedure.details["high_error"] == pytest.approx(test["high_mcse"], abs=1e-12)
    assert test["high_mcse"] > 0
    effect = effect_of(row, bundle.facts.panel.outcomes["referral"], procedure)
    end, error = effect.high, effect.high_error
    assert harm_excluded(effect, end + 2.1 * error) is True
    assert harm_excluded(effect, end + 1.9 * error) is None
    assert harm_excluded(effect, end - 0.1 * error) is False
    fall = effect.low - 1.9 * effect.low_error
    assert [harm_excluded(effect, one) for one in (fall, fall - 0.2 * effect.low_error)] == [None, True]
    shifted = replace(effect, estimate=effect.estimate + 9 - effect.low, low=9.0, high=effect.high + 9 - effect.low)
    room = 2 * effect.low_error
    assert [harm_shown(shifted, margin) for margin in (9 - 1.05 * room, 9 - 0.95 * room)] == [True, False]
    shown = {"outcome": "referral", "margin": 5.0, "excluded": False, "whole": True, "conf_high": 12.0, "p_value": 0.01}
    assert safety_words(shown, bundle.facts)[0] == "a rise of 5 per 10,000 or more is what the whole range shows"
    told = {"outcome": "referral", "margin": end + error, "excluded": None, "conf_high": end, "p_value": 0.5}
    assert "needs more draws: the range ends within their error of it" in safety_words(told, bundle.facts)[0]
    assert safety_words(told | {"conf_high": None}, bundle.facts)[0].endswith("is excluded cannot be said: no range")
    widest = max(-effect.low, effect.high)
    sure = max(-effect.low + 2 * effect.low_error, effect.high + 2 * error)
    assert verdict_of(effect, (widest + sure) / 2) == "inconclusive"
    assert verdict_of(effect, sure + 1e-9) == "no_meaningful_effect"


def test_figures_take_the_tables_of_the_headline_and_of_no_other_outcome(case):
    """The other outcome's tables carry the estimator's name; the headline's carry none."""
    bundle = case("lower")
    assert "primary.referral.leave_one_out" in bundle.table_names
    assert table_of(bundle, "leave_one_out")[0] == "leave_one_out"
    drawn = bundle.tables("draws.primary.entry.randomization").iloc[1:]
    statistic = (drawn["estimate"] / drawn["std_error"]).to_numpy()
    assert table_of(bundle, "randomization")[1]["statistic"].to_numpy() == pytest.approx(statistic, abs=1e-9)


def test_the_estimate_without_a_match_on_earlier_outcomes_is_a_caveat(case):
    caveats = case("made alike").headline["caveats"]
    assert any(text.startswith("Without the match on earlier outcomes, on all") for text in caveats)


def test_page_one_says_within_what_its_ends_hold(case):
    """Two Monte Carlo errors of the end that has the larger one, as in tests.csv: points of a ratio, else its unit."""
    for name, unit in (("ratio", " points"), ("lower", "")):
        bundle = case(name)
        row = pd.read_csv(bundle.path / "tests.csv").set_index(["estimator", "outcome"]).loc[("primary", "entry")]
        size = [100 * row[end] if unit else 1.0 for end in ("low", "high")]
        within = 2 * max(row["low_mcse"] * size[0], row["high_mcse"] * size[1])
        said = f"; other random draws would move its ends by up to about {float(f'{within:.2g}'):g}{unit})"
        assert said in bundle.headline["sentence"]


def test_the_headlines_interval_rests_on_the_draws_of_its_p(case):
    procedure = case("ratio").facts.procedure(case("ratio").facts.headline)
    assert procedure.details["interval"].startswith(f"search on {procedure.details['draws']} common draws")


def test_what_disagrees_stands_beside_harm_that_is_excluded(case):
    """Margins are set between what the run's two tests reach, and within what leaving one out moves."""
    bundle, first = case("doubts"), case("doubts").facts.headline.inference
    (second,) = set(bundle.estimates["inference"]) - {first, "analytic"}
    key = replace(bundle.facts.headline, outcome="referral", inference=second)
    outcome = bundle.facts.panel.outcomes["referral"]
    own = effect_of(key.overall(bundle.estimates), outcome, bundle.facts.procedure(key))
    other = effect_of(replace(key, inference=first).overall(bundle.estimates), outcome)
    (check,) = [one for one in bundle.facts.checks if (one.name, one.outcome) == ("leave_one_out", "referral")]
    doubts = {"far": [], "moved": ["leaving one out moves the estimate by more than the room that is left"]}
    margins = {"far": own.high + 100, "moved": own.high + 0.99 * check.value}
    assert 0.99 * check.value > 2 * own.high_error
    for name, margin in margins.items():
        made = _with_margin(bundle, key, outcome, margin)
        assert (made["excluded"], made["doubts"]) == (True, doubts[name])
        assert safety_words(made, bundle.facts)[0].endswith("".join(f"; {text}" for text in doubts[name]) or "excluded")
    margin = own.high + 2.1 * own.high_error
    assert other.high > margin
    doubt, *_ = _with_margin(bundle, key, outcome, margin)["doubts"]
    assert doubt == f"not by the {bundle.facts.method(first).label}"


def _with_margin(bundle, key, outcome, margin):
    """The row of a run's safety outcome by one of its tests under another margin."""
    panel = replace(bundle.facts.panel, outcomes={"referral": replace(outcome, margin=margin)})
    (row,) = safety_rows(bundle.estimates, replace(bundle.facts, panel=panel, headline=key), lambda effect, outcome: "")
    return row


def test_a_check_that_was_not_done_is_one_line_with_its_reason(case):
    """The groups were made alike: nothing of the path is a test, which `check` says beforehand."""
    bundle = case("made alike")
    rows = bundle.diagnostics[bundle.diagnostics["outcome"] == "entry"]
    assert rows.loc[rows["name"].str.startswith("path"), "text"].str.startswith("Not done: ").tolist() == [True]
    (checks,) = [one for one in page(bundle).body if isinstance(one, Table) and one.caption.startswith("Checks")]
    told = check_design(bundle.path.parent / "case.yaml").text.splitlines()[1:]
    (text,) = rows.loc[rows["name"].str.startswith("path"), "text"]
    told = [line for line in told if not line.endswith("taken as written")]  # counts of the case are no whole numbers
    assert told == [f"the check path will not be done: {text.removeprefix('Not done: ').rstrip('.')}"]
    silent = checks.frame[checks.frame["In words"].str.startswith("Not done")]
    assert not silent.duplicated(["Outcome", "In words"]).any()
