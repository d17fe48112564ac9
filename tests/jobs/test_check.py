"""What `check` passes `run` can estimate: methods that cannot answer say so at once, with a way out that works."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sos_eval.estimators as se
from sos_eval.errors import InputFault, NotIdentified
from sos_eval.jobs.check import check_design

DESIGN = """\
schema: sos-eval/design/1
name: small
panel: {{source: csv, path: p.csv, unit: la, time: year, outcome: {{value: rate}},
  treatment: {{first_treated: start, untreated_means: never}}, unbalanced: {unbalanced}}}
estimators: [{estimators}]
inference: [{{method: randomization, draws: 99}}]
checks: []
"""
K = {"unit": "la", "time": "year", "outcome": "rate", "first_treated": "start"}


def rows(starts, periods=10, lacking=()) -> pd.DataFrame:
    """Units that start as given (0: never) over years from 2001; the outcome is empty where (start, event time) is."""
    rng = np.random.default_rng(1)
    made = pd.DataFrame(
        [(f"u{i}", 2001 + t, rng.normal(), start) for i, start in enumerate(starts) for t in range(periods)],
        columns=["la", "year", "rate", "start"],
    )
    for start, event in lacking:
        made.loc[(made["start"] == start) & (made["year"] - max(start, 2006) == event), "rate"] = np.nan
    return made


def faults(folder, table, estimators, unbalanced="allow") -> list[str]:
    table.to_csv(folder / "p.csv", index=False)
    (folder / "d.yaml").write_text(DESIGN.format(estimators=estimators, unbalanced=unbalanced), encoding="utf-8")
    with pytest.raises(InputFault) as caught:
        check_design(folder / "d.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_each_method_that_cannot_answer_says_so_before_anything_is_run(tmp_path):
    said = faults(
        tmp_path, rows([2005] * 4 + [2007] * 4),
        "{id: primary, method: callaway_santanna}, {id: two, method: twfe, role: secondary}, "
        "{id: three, method: dechaisemartin_dhaultfoeuille, control: never_treated, role: secondary}",
    )  # fmt: skip
    assert len(said) == 2
    assert all("write control: not_yet_treated" in one for one in said)
    every = rows([2005] * 4 + [2007] * 4)
    for method in (se.CallawaySantAnna, se.DechaisemartinDhaultfoeuille):
        assert np.isfinite(method(control="not_yet_treated").fit(every, **K)["estimate"]).any()


def test_all_at_once_is_refused_by_stacked(tmp_path):
    assert "keep units that start later or never" in faults(
        tmp_path, rows([2005] * 4 + [0] * 4, lacking=[(0, event) for event in range(5)]),
        "{id: primary, method: stacked}",
    )[0]  # fmt: skip


def test_balancing_that_leaves_nobody_treated_is_said_and_not_asked_for(tmp_path):
    made, whom = rows([2006] * 3 + [0] * 4, lacking=[(2006, -2)]), "{id: primary, method: synthetic_did}"
    said = faults(tmp_path, made, whom, "balance")[0]
    assert "no unit is treated; 3 treated are left out by unbalanced: balance, not seen in all 10 periods: u0" in said
    assert said.endswith("a panel.window in which treated units have no gap")
    assert "narrow panel.window: every treated unit has a gap" in faults(tmp_path, made, whom)[0]
    lone = rows([2006] * 3 + [0] * 4)
    lone.loc[(lone["la"] == "u0") & (lone["year"] == 2003), "rate"] = np.nan
    assert "set panel.unbalanced: balance" in faults(tmp_path, lone, whom)[0]


def test_what_slopes_of_a_covariate_lack_is_said_in_its_own_words():
    made = rows([2006] * 4 + [2008] * 4 + [0] * 6)
    made["kind"] = np.where(made["la"].str[1:].astype(int) % 2, "b", "a")
    no_b = (made["kind"] == "b") & (made["year"] == 2009)
    untreated = made.assign(rate=made["rate"].mask(no_b & (made["start"] == 0)))
    with pytest.raises(NotIdentified, match=r"the slopes of kind need each .*: no b among the untreated in 2009; join"):
        se.ETWFE().fit(untreated, covariates=["kind"], **K)
    with pytest.raises(NotIdentified, match="no b among those that start in 2006 in 2009; join values of kind"):
        se.ETWFE().fit(made.assign(rate=made["rate"].mask(no_b & (made["start"] == 2006))), covariates=["kind"], **K)
    lone = rows([2005] + [2008] * 4 + [0] * 4).assign(size=lambda table: table["la"].str[1:].astype(float))
    with pytest.raises(NotIdentified, match=r"the slopes of size need two values .* start in 2005 in 2005, .*leave"):
        se.ETWFE().fit(lone, covariates=["size"], **K)


@pytest.mark.parametrize("method", [se.ETWFE(), se.SunAbraham()], ids=str)
def test_effects_that_nobody_is_compared_with_name_no_covariate(method):
    """The comparison is not seen from the start on; imputation, which is named, leaves out what it cannot compare."""
    made = rows([2006] * 4 + [2008] * 4 + [0] * 4, lacking=[(0, event) for event in range(5)])
    with pytest.raises(NotIdentified, match="lack outcomes; choose imputation, which leaves out what it cannot"):
        method.fit(made, **K)
    assert np.isfinite(se.Imputation().fit(made, **K)["estimate"]).any()


def test_no_window_is_asked_for_where_none_helps():
    around = rows([2006] * 4 + [0] * 4, lacking=[(2006, -1)])
    with pytest.raises(NotIdentified, match="choose another estimator: nobody is seen around its start"):
        se.Stacked().fit(around, **K)
    with pytest.raises(NotIdentified, match="write a narrower window"):
        se.Stacked(window=(-7, 2)).fit(rows([2006] * 4 + [0] * 4), **K)


def test_to_leave_a_lone_unit_out_is_said_where_two_cohorts_are_left():
    with pytest.raises(NotIdentified, match=r"one unit alone never starts.*; choose another estimator"):
        se.RothSantAnna().fit(rows([2006] * 4 + [0]), **K)
    with pytest.raises(NotIdentified, match=r"one unit alone never starts.*; leave it out, or"):
        se.RothSantAnna().fit(rows([2006] * 4 + [2008] * 4 + [0]), **K)
    assert np.isfinite(se.RothSantAnna().fit(rows([2006] * 4 + [2008] * 4), **K)["estimate"]).any()


def test_starts_without_weight_are_named():
    made = rows([2006] * 3 + [0] * 4)
    with pytest.raises(InputFault, match="no unit is treated; 3 have no weight: u0, u1, u2"):
        se.TWFE().fit(made.assign(w=(made["start"] == 0) * 1.0), weight="w", **K)


def test_a_method_s_own_columns_are_read_from_the_frame():
    made = rows([2006] * 6 + [0] * 6)
    made["kind"] = made["la"].str[1:].astype(int) % 2
    overall = se.TripleDifference(eligible="kind").fit(made, **K).query("aggregation == 'overall'")
    assert np.isfinite(overall["estimate"]).all()
    with pytest.raises(InputFault, match='no column "nope"'):
        se.ETWFE(covariates=("nope",)).fit(made, **K)


def told(folder, table, estimators, checks="[]") -> list[str]:
    table.to_csv(folder / "p.csv", index=False)
    written = DESIGN.format(estimators=estimators, unbalanced="allow").replace("checks: []", f"checks: {checks}")
    (folder / "d.yaml").write_text(written, encoding="utf-8")
    return check_design(folder / "d.yaml").text.splitlines()[1:]


def test_checks_without_a_path_to_look_at_are_told_with_what_to_write(tmp_path):
    """The reason is once for all that it keeps from being done; with the estimator that it names they are."""
    checks, some = "[honest_did, pretrends, pretrend_power]", rows([2006] * 4 + [2008] * 4 + [0] * 6)
    (said,) = told(tmp_path, some, "{id: primary, method: imputation}", checks)
    assert said.startswith("the checks honest_did and pretrend_power will not be done: its earlier periods are not all")
    assert "such as callaway_santanna (docs/choosing.md lists them" in said
    assert told(tmp_path, some, "{id: primary, method: callaway_santanna}", checks) == []
    (said,) = told(tmp_path, some, "{id: primary, method: etwfe}", checks)
    assert said.startswith("the checks honest_did, pretrends and pretrend_power will not be done: with control: ")


def test_under_a_profile_what_will_not_be_done_is_told_in_words_that_may_leave(tmp_path):
    """Our words stay as they are; a number that is of the data does not."""
    some = rows([2006] + [0] * 12)
    plain = told(tmp_path, some, "{id: primary, method: callaway_santanna}", "[leave_one_out]")[0]
    assert plain == ("the check leave_one_out will not be done: one unit is treated, and without it nobody is left to "
                     "have an effect; write drop: [comparison] to leave out each of the other 12 in turn")  # fmt: skip
    (tmp_path / "d.yaml").write_text((tmp_path / "d.yaml").read_text() + "disclosure: {profile: dfe}\n")
    assert check_design(tmp_path / "d.yaml").text.splitlines()[1] == plain.replace("other 12", "other …")


def test_a_headline_that_no_procedure_is_relied_on_for_is_told_beforehand(tmp_path):
    series = "{id: primary, method: interrupted_time_series, inference: [{method: newey_west}]}"
    (said,) = told(tmp_path, rows([2011], periods=20), series)
    assert said.startswith("the headline's interval and p: none, because no unit is untreated or starts at")
    (said,) = told(tmp_path, rows([2011] + [0] * 18, periods=20), series)
    assert said.endswith("with 19 possible assignments the smallest p is 0.0526")
    assert told(tmp_path, rows([2011] + [0] * 19, periods=20), series) == []
