"""Fidelity: described within and between units, refused outside its scale."""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.declare import Document
from sos_eval.design.protocol import protocol
from sos_eval.errors import DesignFault, Faults, InputFault, NotIdentified
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.jobs.steps import load_panels
from sos_eval.report.implementation_blocks import practice_blocks
from sos_eval.theory.as_treated import as_treated
from sos_eval.theory.decay import decay
from sos_eval.theory.implementation import (
    MeasuredFidelity,
    fidelity_by_time,
    fidelity_summary,
    item_table,
    outside_scale,
    reached_by,
    scored,
)
from sos_eval.theory.instrument import cited
from sos_eval.worlds.source import world_frame
from tests.conftest import ROOT, without_pages
from tests.fakes import fit, panel_of
from tests.jobs.test_theory import load


def panel(scores=((0.5, 0.7), (0.9, 0.7))):
    """Two treated from the third of four periods on, scored in both; a third treated unit is not scored."""
    fidelity = np.full((5, 4), np.nan)
    fidelity[:2, 2:] = scores
    fidelity[:, 0] = 7.0  # before the start nothing is read
    data = panel_of(np.zeros((5, 4)), [2003, 2003, 2003, np.inf, np.inf])
    return data.with_columns(score=fidelity.ravel())


DECLARED = MeasuredFidelity("score", minimum=0.7)


def test_by_hand():
    row = fidelity_summary(panel(), DECLARED).iloc[0]
    assert (row["n_units"], row["n_unscored"], row["scores"]) == (2, 1, 4)
    assert row["mean"] == pytest.approx(0.7)
    assert row["sd_between"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert row["sd_within"] == pytest.approx(np.sqrt(4 * 0.01 / 2))
    assert row["share_reaching"] == 0.5
    table = fidelity_by_time(panel(), DECLARED)
    assert table["event_time"].tolist() == [0, 1]
    assert table["mean"].tolist() == pytest.approx([0.7, 0.7])
    assert table["share_reaching"].tolist() == [0.5, 1.0]
    assert table["share_by_then"].tolist() == [0.5, 1.0]
    assert row["share_of_periods"] == 0.75


def test_a_score_that_stays_does_not_spread_by_rounding():
    still = panel(((0.1, 0.1), (0.7, 0.7)))
    thirds = still.with_columns(score=still.frame["score"].to_numpy() / 3)
    assert fidelity_summary(thirds, MeasuredFidelity("score")).iloc[0]["sd_within"] == 0


def test_who_reached_the_minimum_once_has_reached_it_by_then():
    """Scores .9 then .2, and .2 then none: the one that is scored in the second had been there, and is not."""
    data = panel(((0.9, 0.2), (0.2, np.nan)))
    table = fidelity_by_time(data, DECLARED)
    assert table["share_reaching"].tolist() == [0.5, 0.0]
    assert table["share_by_then"].tolist() == [0.5, 1.0]
    assert table["n_units"].tolist() == [2, 1]
    assert reached_by(data, DECLARED, 0).to_dict() == {"u001": True, "u002": False}
    assert reached_by(data, DECLARED, 1).to_dict() == {"u001": True}  # nobody saw u002 so long


def test_a_rising_score_has_shares_of_the_same_units():
    """Three cohorts whose score rises: .2, .8 after two periods; the last is never seen there, and in no share of it.

    Starts 2002, 2002, 2004 of 2001 to 2004: event times 0, 1, 2 have 3, 2, 2 scores.
    """
    score = np.array([[9, 0.2, 0.5, 0.8], [9, 0.2, 0.8, 0.5], [9, 9, 9, 0.2]])
    data = panel_of(np.zeros((3, 4)), [2002, 2002, 2004]).with_columns(score=score.ravel())
    table = fidelity_by_time(data, DECLARED)
    assert table["n_units"].tolist() == [3, 2, 2]
    assert table["share_reaching"].tolist() == [0, 0.5, 0.5]
    assert table["share_by_then"].tolist() == [0, 0.5, 1.0]
    assert reached_by(data, DECLARED, 2).to_dict() == {"u001": True, "u002": True}


def test_scores_outside_the_scale_are_named():
    assert outside_scale(panel(), DECLARED) == ""
    said = outside_scale(panel(((0.5, 1.7), (0.9, 0.7))), DECLARED)
    assert said == "1 score of score lies outside 0 to 1, the first u001 in 2004"
    assert outside_scale(panel(((np.nan,) * 2,) * 2), DECLARED) == "score has no score in any treated period"


def test_an_item_outside_the_scale_is_named_though_the_mean_is_inside():
    """Weights 2 and 1 of items .9 and 0 (u001) make .6, on a scale to .8."""
    data = panel(((0.9, 0.5), (0.5, 0.5))).with_columns(other=0.0)
    declared = MeasuredFidelity(items={"score": 2.0, "other": 1.0}, scale=(0.0, 0.8))
    assert scored(data, declared).to_numpy()[2] == pytest.approx(0.6)
    assert outside_scale(data, declared) == "1 score of score lies outside 0 to 0.8, the first u001 in 2003"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{fidelity: f, minimum: 3}", "minimum: 3 lies outside the scale from 0 to 1"),
        ("{fidelity: f, scale: [1, 0]}", "scale: 1 is not below 0"),
        ("{fidelity: f, turnover: f}", "turnover: f is the score itself"),
        ("{stages: {a: 0}, scale: [0, 9]}", "scale: goes with a score"),
        ("{fidelty: f}", 'implementation.fidelty: no such key; did you mean "fidelity"?'),
    ],
)
def test_faults(tmp_path, section, said):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("seed: 1\n", f"implementation: {section}\nseed: 1\n"))
    assert any(said in str(fault) for fault in caught.value.faults)


def test_under_a_disclosure_profile_it_is_refused(tmp_path):
    section = "implementation: {fidelity: f}\ndisclosure: {profile: dfe}\nseed: 1\n"
    with pytest.raises(DesignFault, match="not in this version under a disclosure profile"):
        load(tmp_path, ("seed: 1\n", section))


def test_run_describes_it_and_refuses_other_scales(tmp_path):
    import sos_eval as se

    scale = (
        "implementation: {fidelity: trust, minimum: 10, scale: [0, 20], reached_by: 1, turnover: children_0_17, "
        "stages: {transition: 1, embedded: 2}}\nseed: 1\n"
    )
    staged = ("estimators: [{method: twfe}]", "estimators: [{method: callaway_santanna, covariates: []}]")
    design = load(tmp_path, ("seed: 1\n", scale), staged)
    left_out = "the first period from the start on is in no stage"
    assert f"until the next: transition (1), embedded (2); {left_out}." in protocol(design)
    bundle = se.run(design, out=tmp_path / "out")
    assert bundle.tables("implementation")["n_units"].item() == 8
    assert bundle.tables("implementation.by_time")["event_time"].tolist() == [0, 1, 2, 3]
    page = (bundle.path / "report.html").read_text()
    assert "no causal effect is read off it" in page
    stages = bundle.tables("implementation.by_stage").set_index("stage")
    rows = bundle.estimates
    late = (rows["aggregation"] == "event_time") & (rows["event_time"] >= 2)
    assert stages.loc["embedded", "estimate"].tolist() == pytest.approx([rows.loc[late, "estimate"].mean()] * 2)
    assert "the plain mean of the headline" in page
    assert f"By the design {left_out}: what happened then is in the event study alone." in page
    assert "one more of children_0_17" in page
    assert "The effect is told by 2 stages." in bundle.tables("evidence.emmie").to_string()
    with pytest.raises(NotIdentified, match="scores of trust lie outside 0 to 1"):
        se.run(load(tmp_path, ("seed: 1\n", "implementation: {fidelity: trust}\nseed: 1\n")), out=tmp_path / "b")


def test_a_run_scores_by_the_instrument_that_its_design_cites(tmp_path):
    """Its source, and where an item is read off that the data lack, reach the page and the protocol."""
    import sos_eval as se

    text = INSTRUMENT.replace("[0, 10]", "[-100, 100]").replace("weight: 2", "weight: 2, needs: the map in the file")
    text = text.replace("title: Practice", "title: Practice\nsource: Nobody (2020), untested")
    (tmp_path / "i.yaml").write_text(text)
    cites = "implementation: {instrument: i.yaml, columns: {mapping: trust, plan: idaci}}\nseed: 1\n"
    as_file = ("source: world\n  path: w.yaml", "source: csv\n  path: p.csv")
    design = load(tmp_path, ("seed: 1\n", cites), as_file)
    data = world_frame(tmp_path / "w.yaml")
    data.loc[data["year"] == 2015, "trust"] = np.nan  # the first period of all eight
    data.to_csv(tmp_path / "p.csv", index=False)
    with without_pages():
        bundle = se.run(design, out=tmp_path / "out")
    items = bundle.tables("implementation.items").set_index("item")
    assert items.loc["trust", ["label", "weight", "between_scorers"]].tolist() == ["Mapped with the family", 2, 0.7]
    assert np.isnan(items.loc["idaci", "between_scorers"])
    assert items["lacking"].to_dict() == {"trust": 8, "idaci": 0}
    assert bundle.tables("implementation")["fidelity"].item() == "Practice"
    again = se.load_design(bundle.path / "design.yaml")  # whole without the file
    assert again.implementation.items == {"trust": 2.0, "idaci": 1.0}
    said, told = "\n".join(map(str, practice_blocks(bundle))), protocol(again)
    assert "Mapped with the family: lacking in 8 treated periods; it is read off the map in the file" in said
    assert "The instrument is after: Nobody (2020), untested." in said
    assert "The instrument is after: Nobody (2020), untested." in told
    assert "| Mapped with the family | trust | 2 | the map in the file |" in told
    assert "Practice counts as the intervention from 6 on; units count as treated all the same." in told


def test_an_item_that_no_treated_period_has_is_named_with_where_it_is_read_off():
    data = panel().with_columns(other=np.nan)
    declared = MeasuredFidelity(items={"score": 1.0, "other": 1.0}, needs={"other": "case files"})
    said = outside_scale(data, declared)
    assert said == "instrument has no score in any treated period: no treated period has other (case files)"


def dosed(seed=0, n=60, treated=30, slope=-2.0):
    """A dose d does `slope` times d; whoever is treated has a dose from 0.2 to 1."""
    rng = np.random.default_rng(seed)
    dose = np.where(np.arange(n) < treated, rng.uniform(0.2, 1, n), 0.0)
    starts = np.where(np.arange(n) < treated, 2004.0, np.inf)
    late = np.arange(2001, 2007) >= 2004
    y = 20 + rng.standard_normal((n, 1)) + 0.2 * rng.standard_normal((n, 6)) + slope * dose[:, None] * late
    return panel_of(y, starts).with_columns(score=np.repeat(dose, 6)), dose


def test_as_treated_by_hand():
    """Changes -4, -2, -1 of the treated (scores .9, .7, .2) and 0, 1 of the others, whose mean is a half; five each."""
    y = np.zeros((25, 2))
    y[:, 1] = np.repeat([-4, -2, -1, 0, 1], 5)
    starts = np.repeat([2002, 2002, 2002, np.inf, np.inf], 5)
    data = panel_of(y, starts).with_columns(score=np.repeat([0.9, 0.7, 0.2, 0, 0], 10))
    table = as_treated(fit(TWFE(), data), MeasuredFidelity("score", minimum=0.6)).set_index("contrast")
    assert table.loc["intention to treat", "estimate"] == pytest.approx(-7 / 3 - 0.5)
    assert table.loc["mean score at or over 0.6", "estimate"] == pytest.approx(-3.5)
    assert table.loc["mean score below 0.6", "estimate"] == pytest.approx(-1.5)
    dose, change = np.array([0.9, 0.7, 0.2]), np.array([-4, -2, -1])
    slope = np.polyfit(dose, change, 1)[0]
    assert table.loc["one more of the score, among the treated", "estimate"] == pytest.approx(slope)
    assert table.loc["mean score at or over 0.6", "reading"].startswith("not causal")
    assert "strong parallel trends, stated" in table["reading"].iloc[-1]


@pytest.mark.parametrize(("reach", "has"), [(5, True), (4, False)])
def test_as_treated_has_an_interval_from_five_clusters_on_either_side(reach, has):
    """Eight treated, of whom `reach` come to the minimum, and five others; of four there is no number at all."""
    change = np.array([-4, -2, -1, -3, -5, -2, -6, -1, 0, 1, 0, 2, 1])
    y = np.column_stack([np.zeros(13), change])
    score = np.where(np.arange(13) < reach, 0.9, 0.2)
    data = panel_of(y, [2002] * 8 + [np.inf] * 5).with_columns(score=np.repeat(score, 2))
    table = as_treated(fit(TWFE(), data), MeasuredFidelity("score", minimum=0.6)).set_index("contrast")
    square = sum(((part - part.mean()) ** 2).sum() / len(part) ** 2 for part in (change[:8], change[8:]))
    assert table.loc["intention to treat", "std_error"] == pytest.approx(np.sqrt(13 / 12 * square))
    assert (
        table.loc["intention to treat", "reason"] == "with few treated units this conventional interval is too narrow"
    )
    reached = table.loc["mean score at or over 0.6"]
    assert bool(np.isfinite(reached[["estimate", "std_error", "conf_low", "conf_high"]].astype(float)).all()) == has
    assert not has or reached["estimate"] == pytest.approx(change[:reach].mean() - change[8:].mean())
    assert reached["reason"].startswith("refused: 4 units, and below 5") != has


@pytest.mark.parametrize(("reach", "told"), [(5, True), (4, False)])
def test_those_who_reached_the_minimum_in_time_stand_apart_from_five_units_on(reach, told):
    """Of ten treated `reach` score .9 in the first period, one .9 in the second alone, one is not scored by then."""
    change = np.array([-4, -2, -1, -3, -5, -2, -6, -1, -2, -4, 0, 1, 0, 2, 1], float)
    y = np.column_stack([np.zeros((15, 1)), change - 1, change + 1])
    score = np.full((15, 3), 0.2)
    score[:reach, 1] = score[8, 2] = 0.9
    score[9, 1:] = np.nan, 0.9
    data = panel_of(y, [2002] * 10 + [np.inf] * 5).with_columns(score=score.ravel())
    declared = MeasuredFidelity("score", minimum=0.6, reached_by=0)
    table = as_treated(fit(TWFE(), data), declared).set_index("contrast")
    row = table.loc["a score at or over 0.6 at the start"]
    assert row["n_treated"] == reach
    assert row["reading"].startswith("not causal")
    assert row["reason"].endswith("; 1 treated unit is not scored so long, on neither side")
    below = table.loc["no score at or over 0.6 at the start"]
    assert below["n_treated"] == 9 - reach
    if told:
        assert row["estimate"] == pytest.approx(change[:reach].mean() - change[10:].mean())
        assert below["reason"].startswith("refused: 4 units, and below 5 what they had is theirs and not practice's")
        assert np.isnan(below["estimate"])
    else:
        assert np.isnan(row["estimate"])
        assert below["estimate"] == pytest.approx(change[reach:9].mean() - change[10:].mean())


def fading(slope=-0.1, turnover=(), units=8, seed=0):
    """Eight units scored in three treated periods, each with a level of its own."""
    rng = np.random.default_rng(seed)
    score = 0.7 + 0.1 * rng.standard_normal((units, 1)) + slope * np.arange(-1, 3) + np.zeros((units, 4))
    data = panel_of(np.zeros((units, 4)), [2002.0] * units)
    left = rng.uniform(0, 1, (units, 4)) if len(turnover) else np.zeros((units, 4))
    noise = 0.01 * rng.standard_normal((units, 4))
    score = score + noise + (turnover[0] * left if len(turnover) else 0)
    return data.with_columns(score=score.ravel(), left=left.ravel()), score[:, 1:], left[:, 1:]


def test_decay_by_hand():
    """Within units the slope is that of each unit's scores on -1, 0, 1; its error sums residuals by unit."""
    data, score, _ = fading()
    row = decay(data, MeasuredFidelity("score")).iloc[0]
    own = (score[:, 2] - score[:, 0]) / 2
    assert row["slope"] == pytest.approx(own.mean())
    assert (row["n_units"], row["scores"]) == (8, 24)
    error = np.sqrt(8 / 7 * ((own - own.mean()) ** 2).sum()) / 8
    assert row["std_error"] == pytest.approx(error)
    assert row["conf_high"] - row["slope"] == pytest.approx(2.364624 * error, rel=1e-5)


def test_turnover_is_told_from_time():
    """A score that falls by .1 a period and by .3 with all staff gone, on forty units."""
    data, _, _ = fading(turnover=(-0.3,), units=40)
    rows = decay(data, MeasuredFidelity("score", turnover="left"))
    assert rows["with"].tolist() == ["one more period since the start", "one more of left"]
    row = rows.iloc[1]
    assert abs(row["slope"] + 0.3) < 3 * row["std_error"] < 0.05
    assert "an association" in row["reading"]


def test_decay_that_cannot_be_told_says_why():
    once = panel(((0.5, np.nan), (0.9, np.nan)))
    row = decay(once, DECLARED).iloc[0]
    assert np.isnan(row["slope"])
    assert row["reason"] == "no unit has scores at different times that it could be read off"
    few = decay(panel(), DECLARED).iloc[0]
    assert few["slope"] == pytest.approx(0.0)
    assert np.isnan(few["std_error"])
    assert few["reason"] == "2 units that the slope can be read off: below 5 there is no conventional interval"


def test_only_units_that_move_the_slope_count_in_it():
    """Of ten scored units, one is scored several times: it alone is the slope, and one unit has no interval."""
    data, score, _ = fading(units=10)
    once = data.frame["score"].where((data.frame["time"] == 2002) | (data.frame["unit"] == data.units[0]))
    row = decay(data.with_columns(score=once.to_numpy()), MeasuredFidelity("score")).iloc[0]
    assert row["slope"] == pytest.approx((score[0, 2] - score[0, 0]) / 2)
    assert (row["n_units"], row["scores"]) == (1, 3)
    assert np.isnan(row["std_error"])
    assert row["reason"] == "1 unit that the slope can be read off: below 5 there is no conventional interval"
    six = data.frame["score"].where((data.frame["time"] == 2002) | data.frame["unit"].isin(data.units[:6]))
    row = decay(data.with_columns(score=six.to_numpy()), MeasuredFidelity("score")).iloc[0]
    own = (score[:6, 2] - score[:6, 0]) / 2
    error = np.sqrt(6 / 5 * ((own - own.mean()) ** 2).sum()) / 6
    assert (row["n_units"], row["std_error"]) == (6, pytest.approx(error))
    assert row["conf_high"] - row["slope"] == pytest.approx(2.570582 * error, rel=1e-5)


def test_scores_on_a_line_have_a_slope_and_no_interval():
    data, _, _ = fading()
    falling = 0.7 - 0.1 * (data.frame["time"] - 2002)
    row = decay(data.with_columns(score=falling.to_numpy()), MeasuredFidelity("score")).iloc[0]
    assert row["slope"] == pytest.approx(-0.1)
    assert np.isnan(row["conf_low"])
    assert row["reason"].startswith("all scores lie on the line")


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ("none", "left does not vary within any unit that is scored"),
        ("time", "within units it goes with the time since the start alone, and is not told from it"),
        ("three", "3 units that the slope can be read off: below 5 there is no conventional interval"),
    ],
)
def test_turnover_that_does_not_vary_is_no_turnover_of_scores_at_one_time(moves, said):
    data, _, _ = fading(turnover=(-0.3,))
    left = data.frame["left"].to_numpy().reshape(8, 4).copy()
    if moves == "time":
        left = 0.1 * np.arange(4) + left[:, :1]
    else:
        left[3 if moves == "three" else 0 :] = 0.2
    rows = decay(data.with_columns(left=left.ravel()), MeasuredFidelity("score", turnover="left"))
    assert np.isfinite(rows.iloc[0]["std_error"])
    assert rows.iloc[1]["reason"] == said


@pytest.mark.parametrize(
    ("scores", "counted"),
    [
        ([0.5, 0.6, 0.7, 0.8, 0.9], 5),
        ([0.5, 0.7, 0.9], 3),
        ([0.7], 1),
    ],  # one at the mean of each
)
def test_who_has_the_mean_dose_counts_in_its_slope(scores, counted):
    n = len(scores)
    y = np.zeros((n + 5, 2))
    y[:n, 1], y[n:, 1] = -2 * np.array(scores), [0, 1, 0, 1, 0]
    data = panel_of(y, [2002] * n + [np.inf] * 5).with_columns(score=np.repeat([*scores, *[0] * 5], 2))
    row = as_treated(fit(TWFE(), data), MeasuredFidelity("score")).iloc[-1]
    assert row["n_treated"] == counted
    if n == 1:
        assert row["reason"].startswith("all who are scored have the same score")
    else:
        assert row["estimate"] == pytest.approx(-2)
        assert np.isfinite(row["std_error"]) == (n == 5)


def test_of_staggered_starts_intention_to_treat_says_which_periods_it_is_of():
    y = np.array([[0, 0, -1, -2], [0, -1, -1, -3], [0, 0, 0, 1], [0, 0, 0, 0]], float)
    data = panel_of(y, [2003, 2002, np.inf, np.inf]).with_columns(score=np.repeat([0.5, 0.9, 0, 0], 4))
    row = as_treated(fit(TWFE(), data), MeasuredFidelity("score")).iloc[0]
    assert row["estimate"] == pytest.approx((-1.5 - 2) / 2 - 0.25)
    assert "mean from 2003 on less mean before 2002, so that" in row["reading"]


def test_the_slope_of_a_dose_that_is_as_good_as_drawn_is_recovered():
    worlds = [as_treated(fit(TWFE(), dosed(seed)[0]), MeasuredFidelity("score")).iloc[-1] for seed in range(30)]
    slopes = np.array([one["estimate"] for one in worlds], float)
    assert slopes.mean() == pytest.approx(-2, abs=3 * slopes.std() / np.sqrt(30))
    inside = [one["conf_low"] <= -2 <= one["conf_high"] for one in worlds]
    assert sum(inside) >= 25  # 28.5 expected, 3 errors of 1.2


def test_nobody_below_is_a_reason_not_a_number():
    table = as_treated(fit(TWFE(), dosed()[0]), MeasuredFidelity("score", minimum=0.1)).set_index("contrast")
    assert np.isnan(table.loc["mean score below 0.1", "estimate"])
    assert table.loc["mean score below 0.1", "reason"] == "no treated unit stands there"


def test_an_instrument_by_hand():
    """Weights 2 and 1: scores (2 a + b) / 3; alpha of two items with correlation r is 2 r / (1 + r)."""
    a, b = [0.2, 0.4, 0.9, 0.5], [0.1, 0.6, 0.8, 0.3]
    data = panel_of(np.zeros((4, 2)), [2002, 2002, 2002, 2002])
    data = data.with_columns(a=np.repeat(a, 2), b=np.repeat(b, 2))
    instrument = MeasuredFidelity(items={"a": 2.0, "b": 1.0})
    assert scored(data, instrument).to_numpy()[::2] == pytest.approx((2 * np.array(a) + b) / 3)
    table = item_table(data, instrument)
    r = np.corrcoef(a, b)[0, 1]
    assert table["reliability"].tolist() == pytest.approx([2 * r / (1 + r)] * 2)
    assert table["rest_correlation"].tolist() == pytest.approx([r, r])
    assert fidelity_summary(data, instrument)["fidelity"].iloc[0] == "instrument"
    lacking = data.with_columns(b=[np.nan, *data.frame["b"].tolist()[1:]])
    assert np.isnan(scored(lacking, instrument).iloc[0])


INSTRUMENT = """\
schema: sos-eval/instrument/1
title: Practice
scale: [0, 10]
minimum: 6
items:
  mapping: {label: Mapped with the family, weight: 2, reliability: 0.7}
  plan: {}
"""


def citing(folder, section, instrument=INSTRUMENT):
    (folder / "i.yaml").write_text(instrument)
    faults, document = Faults(), Document({"implementation": section}, folder / "d.yaml")
    return cited(document, section, faults), [f"{one.what}; {one.instead}" for one in faults.found]


def test_a_design_cites_an_instrument_and_says_where_its_columns_are(tmp_path):
    given, faults = citing(tmp_path, {"instrument": "i.yaml", "columns": {"mapping": "x"}})
    assert faults == []
    declared = MeasuredFidelity(**given)
    assert (declared.reads, declared.label) == (("x", "plan"), "Practice")
    assert (dict(declared.items), dict(declared.reliability)) == ({"x": 2.0, "plan": 1.0}, {"x": 0.7})
    assert dict(declared.labels) == {"x": "Mapped with the family", "plan": "plan"}
    assert (tuple(declared.scale), declared.minimum) == ((0, 10), 6)


@pytest.mark.parametrize(
    ("section", "instrument", "words"),
    [
        ({"minimum": 5}, INSTRUMENT, "implementation.minimum: stands beside an instrument that says it"),
        ({"columns": {"maping": "x"}}, INSTRUMENT, "the instrument has no item 'maping'; did you mean \"mapping\"?"),
        ({"columns": {"mapping": "plan"}}, INSTRUMENT, "several items are read from plan"),
        ({}, INSTRUMENT.replace("instrument/1", "theory/1"), "'sos-eval/theory/1' is no instrument"),
        ({}, INSTRUMENT.replace("  plan: {}\n", ""), "items"),
        ({}, INSTRUMENT.replace("weight: 2", "weight: -2"), "weight"),
        ({}, INSTRUMENT.replace("reliability", "reliabilty"), "reliabilty"),
    ],
)
def test_faults_of_an_instrument_stand_where_they_are(tmp_path, section, instrument, words):
    given, faults = citing(tmp_path, {"instrument": "i.yaml", **section}, instrument)
    assert given is None
    assert len(faults) == 1
    assert words in faults[0]


def test_a_file_that_is_not_there_is_a_fault(tmp_path):
    given, faults = citing(tmp_path, {"instrument": "other.yaml"})
    assert given is None
    assert "other.yaml" in str(faults) or "no such file" in str(faults)


def test_the_shipped_instrument_is_read_and_says_that_nobody_tested_it():
    file = ROOT / "designs" / "instrument_signs_of_safety.yaml"
    given = cited(Document({}, ROOT / "designs" / "d.yaml"), {"instrument": file.name}, faults := Faults())
    assert faults.found == []
    declared = MeasuredFidelity(**given)
    assert len(declared.items) == 6
    assert set(declared.items.values()) == {1.0}
    assert "untested" in file.read_text(encoding="utf-8")


def test_where_everybody_begins_there_is_no_comparison():
    y = np.array([[0, -1, -1], [0, -2, -1], [0, 0, -1]], float)
    data = panel_of(y, [2002, 2002, 2003]).with_columns(score=np.repeat([0.5, 0.9, 0.7], 3))
    table = as_treated(fit(CallawaySantAnna(control="not_yet_treated"), data), MeasuredFidelity("score", minimum=0.6))
    assert table["estimate"].isna().all()
    assert set(table["reason"]) == {"there is no comparison: everybody begins, so nobody has a change without it"}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{items: {trst: 1, trust: 2}}", 'implementation.items.trst: .* has no column "trst"; did you mean "trust"'),
        ("{instrument: i.yaml}", 'implementation.instrument: .* has no column "plan"; .*columns: {plan: YOUR_COLUMN}'),
        ("{instrument: i.yaml, columns: {trust: idaci}}", 'implementation.columns: .* has no column "plan"; name'),
        ("{instrument: no.yaml}", "implementation.instrument: .*no.yaml: no such file"),
    ],
)
def test_what_an_instrument_reads_is_looked_for_at_its_own_line(tmp_path, section, said):
    """They were blamed on panel.covariates, and a file that is not there on itself."""
    items = "schema: sos-eval/instrument/1\ntitle: a\nitems: {trust: {weight: 1}, plan: {weight: 1}}\n"
    (tmp_path / "i.yaml").write_text(items)
    with pytest.raises(InputFault, match=rf"d\.yaml:18: {said}"):
        load_panels(load(tmp_path, ("seed: 1\n", f"implementation: {section}\nseed: 1\n")))
