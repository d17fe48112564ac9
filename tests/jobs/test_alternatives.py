"""Alternatives are resolved, named, and estimated again with the same lots: by hand on eight units."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from sos_eval.design.design import load_design
from sos_eval.errors import InputFault
from sos_eval.jobs.alternatives import compared
from sos_eval.jobs.check import check_design
from sos_eval.jobs.run import run
from sos_eval.jobs.steps import compare, estimate, load_panels
from sos_eval.report.compose import compose
from sos_eval.report.content import Table
from sos_eval.report.draw import draw_all
from sos_eval.results.check import of_hundred

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

DESIGN = """\
schema: sos-eval/design/1
name: eight
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcome: {{count: n, exposure: children, per: 100}}
  treatment: {{adoption: r.csv, untreated_means: never}}
estimators: [{{id: primary, method: twfe}}]
inference: [{{method: randomization, statistic: coefficient, draws: 999}}]
checks:
  - robustness:
      vary:
{vary}
seed: 1
"""
RATES = np.random.default_rng(1).integers(20, 40, (8, 4)).astype(float)
OTHER = np.array([150.0, 180, 160, 200, 210, 190, 170, 220])
#: Two of the first three starters had used it before; who had goes with the start.
USED = ("2+", "0-1", "2")
UNITS = [f"u{i}" for i in range(8)]


def made(folder, *vary, change=lambda table: table):
    unit, year = np.repeat(np.arange(8), 4), np.tile([2001, 2002, 2003, 2004], 8)
    table = pd.DataFrame({
        "la": np.array(UNITS)[unit], "year": year, "n": RATES.ravel() * 2, "children": 200.0, "other": OTHER[unit],
        "share": 10.0 * (unit % 3), "region": np.array(["north", "south"])[unit % 2], "high": unit * 1.0,
    })  # fmt: skip
    table.loc[(table["year"] == 2001), "other"] = np.nan
    change(table).to_csv(folder / "p.csv", index=False)
    pd.DataFrame({"unit": UNITS[:3], "first_treated": 2003, "prior_use": USED}).to_csv(folder / "r.csv", index=False)
    lines = "\n".join(f"        - {one}" for one in vary)
    (folder / "d.yaml").write_text(DESIGN.format(vary=lines), encoding="utf-8")
    return folder / "d.yaml"


def table(folder, *vary, **more):
    bundle = run(made(folder, *vary, **more), out=folder / "out")
    return bundle.tables("robustness").set_index("variant"), bundle


def effect(treated, rates=RATES, first=2, units=range(8), periods=range(4)):
    """Return the difference in mean changes, from the periods before the start to those from it on."""
    after = [t for t in periods if t >= first]
    before = [t for t in periods if t < first]
    change = rates[:, after].mean(1) - rates[:, before].mean(1)
    inside = [i for i in units if i in treated]
    return change[inside].mean() - change[[i for i in units if i not in treated]].mean()


ADOPTIONS = [set(one) for one in combinations(range(8), 3)]


def by_hand(one, other):
    """Return a shift, its error and its p over all 56 adoptions."""
    drawn = np.array([one(treated) - other(treated) for treated in ADOPTIONS])
    observed = one({0, 1, 2}) - other({0, 1, 2})
    size = np.abs(drawn - np.median(drawn))
    p = (size >= abs(observed - np.median(drawn)) * (1 - 1e-9)).mean()
    return observed, drawn.std(ddof=1), p


# prior use makes the records 56 * 6 / 2: one of the three starts is "unknown", two are "used"
def test_shifts_errors_and_p_over_all_adoptions(tmp_path):
    got, bundle = table(tmp_path, "{start: 1}", "{with: {panel.window.from: 2002}}", "{start: -1, label: sooner}")
    assert list(got.index) == ["as declared", "start 1 period later", "window.from: 2002", "sooner"]
    expected = {
        "start 1 period later": by_hand(lambda treated: effect(treated, first=3), effect),
        "window.from: 2002": by_hand(lambda treated: effect(treated, periods=(1, 2, 3)), effect),
        "sooner": by_hand(lambda treated: effect(treated, first=1), effect),
    }
    for name, (shift, error, p) in expected.items():
        assert got["shift"][name] == pytest.approx(shift, abs=1e-8)
        assert got["shift_p"][name] == pytest.approx(p, abs=1e-12)
        assert got["shift_error"][name] == pytest.approx(error, rel=0.01)
    assert got["estimate"]["as declared"] == pytest.approx(effect({0, 1, 2}), abs=1e-8)
    assert got["draws"]["as declared"] == 168
    check = bundle.diagnostics.set_index("name").loc["robustness"]
    assert check["value"] == pytest.approx(max(abs(one[0]) for one in expected.values()), abs=1e-8)
    row = got.loc[re.search(r"for its error is that of “(.*?)”, -?[\d.]+ ", check["text"])[1]]
    assert f"make that one as large in {of_hundred(row['shift_p'])} draws" in check["text"]
    assert "and the largest of the 3 as large in" in check["text"]
    low, high = got["estimate"].iloc[1:].min(), got["estimate"].iloc[1:].max()
    assert check["text"].startswith(
        f"3 of 3 alternatives could be estimated. On the design's own scale and data 3 are between {low:.3g} and "
        f"{high:.3g}; the design's own is {got['estimate']['as declared']:.3g}. "
    )
    most = got["shift"].iloc[1:].abs().idxmax()
    assert f"The largest shift is that of “{most}”, {got['shift'][most]:.3g}." in check["text"]


def test_who_had_used_it_before_goes_with_the_start(tmp_path):
    got, _ = table(tmp_path, "{leave_out: {prior_use: [used]}}", "{leave_out: {prior_use: [unknown, none]}}")
    names = [
        "without those that had used it before",
        "without those that may have used it before or had not used it before",
    ]
    assert list(got.index[1:]) == names
    shifts = {name: [] for name in names}
    for treated in ADOPTIONS:
        for beginner in treated:
            rest = treated - {beginner}
            for name, gone in zip(names, (rest, {beginner}), strict=True):
                units = [i for i in range(8) if i not in gone]
                shifts[name].append(effect(treated, units=units) - effect(treated))
    for name, gone in zip(names, ({0, 2}, {1}), strict=True):
        observed = effect({0, 1, 2}, units=[i for i in range(8) if i not in gone]) - effect({0, 1, 2})
        drawn = np.array(shifts[name])
        size = np.abs(drawn - np.median(drawn))
        assert got["shift"][name] == pytest.approx(observed, abs=1e-8)
        assert got["shift_error"][name] == pytest.approx(drawn.std(ddof=1), abs=1e-8)
        assert got["shift_p"][name] == pytest.approx((size >= abs(observed - np.median(drawn)) - 1e-9).mean())


def test_another_denominator_is_set_against_the_primary_on_the_years_that_have_both(tmp_path):
    got, bundle = table(tmp_path, "{exposure: other}", "{without_percent: share}")
    other = RATES * 2 / OTHER[:, None] * 100
    row = got.loc["per other"]
    assert row["estimate"] == pytest.approx(effect({0, 1, 2}, other, periods=(1, 2, 3)), abs=1e-8)
    assert row["shift"] == pytest.approx(row["estimate"] - effect({0, 1, 2}, periods=(1, 2, 3)), abs=1e-8)
    shared = "the unit-periods that both have (2002 to 2004, 1 of them before the first start)"
    assert row["against"] == f"the primary estimate on {shared}"
    assert row["against_estimate"] == pytest.approx(effect({0, 1, 2}, periods=(1, 2, 3)), abs=1e-8)
    both = f"{row['estimate']:.3g} against {row['against_estimate']:.3g}"
    said = f"On {shared}, “per other” is {both}."
    assert said in bundle.diagnostics.set_index("name")["text"]["robustness"]
    less = RATES * (1 - 0.1 * (np.arange(8) % 3))[:, None]
    assert got["estimate"]["without share"] == pytest.approx(effect({0, 1, 2}, less), abs=1e-8)


def test_an_alternative_keeps_the_strata_in_which_starts_are_drawn(tmp_path):
    """Halves by children are u0 to u3 and u4 to u7; by the other denominator u0, u1, u2, u6 and the rest."""
    path = made(tmp_path, "{exposure: other}", change=lambda panel: panel.assign(
        children=200.0 + panel["la"].str[1:].astype(int), other=panel["other"].fillna(150.0)))  # fmt: skip
    plan = path.read_text().replace("statistic: coefficient", "statistic: coefficient, strata: [exposure_half]")
    path.write_text(plan)
    pd.DataFrame({"unit": ["u0", "u1", "u5"], "first_treated": 2003}).to_csv(tmp_path / "r.csv", index=False)
    row = run(path, out=tmp_path / "out").tables("robustness").set_index("variant").loc["per other"]
    other = np.column_stack([np.full(8, 150.0), OTHER, OTHER, OTHER])
    rates = RATES * 2 / other * 100
    change = rates[:, 2:].mean(1) - rates[:, :2].mean(1)
    x = np.column_stack([np.isin(np.arange(8), (0, 1, 5)), np.arange(8) < 4, np.arange(8) >= 4]).astype(float)
    assert row["estimate"] == pytest.approx(np.linalg.lstsq(x, change, rcond=None)[0][0], abs=1e-8)


def test_a_stratum_that_is_no_column_is_a_fault_at_its_own_line(tmp_path):
    path = made(tmp_path, "{start: 1}")
    path.write_text(path.read_text().replace("draws: 999", "draws: 999, strata: [size_half]"))
    with pytest.raises(InputFault, match=r'inference.strata: .* has no column "size".*exposure_half') as fault:
        run(path)
    assert "d.yaml:11" in str(fault.value)


def test_units_of_other_programmes_go_and_stand_in_a_matrix_of_the_report(tmp_path):
    (tmp_path / "o.csv").write_text("unit,programme,first_treated\nu1,Valued,2002\nu6,Valued,\n")
    path = made(tmp_path, "{leave_out: {programmes: true}}")
    plan = path.read_text()
    path.write_text(plan.replace("untreated_means: never", "untreated_means: never, overlapping: o.csv"))
    bundle = run(path, out=tmp_path / "out")
    row = bundle.tables("robustness").set_index("variant").loc["without those in other programmes"]
    units = [i for i in range(8) if i not in (1, 6)]
    assert row["estimate"] == pytest.approx(effect({0, 1, 2}, units=units), abs=1e-8)
    assert row[["shift_error", "shift_p"]].isna().all()
    assert row["reason"].startswith("units are left out by name")
    assert row["shift"] == pytest.approx(row["estimate"] - effect({0, 1, 2}), abs=1e-8)
    table = bundle.tables("programmes").astype({"unit": str}).set_index("unit")
    assert table.loc["u1", ["2001", "2002", "2003", "2004"]].tolist() == [0, 1, 1, 1]
    assert table.loc["u6", ["2001", "2002", "2003", "2004"]].isna().all()
    document = compose(bundle, draw_all(bundle, ("svg",), only="answer"))
    matrix = next(one for one in document.body if isinstance(one, Table) and "Other programmes" in one.caption)
    assert matrix.frame.iloc[0, -4:].tolist() == ["", "●", "●", "●"]
    assert set(matrix.frame.iloc[1, -4:]) == {"?"}
    path.write_text(plan)
    reason = run(path, out=tmp_path / "bare").tables("robustness").set_index("variant")["reason"].iloc[1]
    assert "declare treatment.overlapping" in reason


def test_highest_units_go_and_regions_enter_by_period(tmp_path):
    got, _ = table(tmp_path, "{leave_out: {highest: high, units: 2}}", "{within: [region]}")
    assert got["estimate"]["without the 2 highest on high"] == pytest.approx(
        effect({0, 1, 2}, units=range(6)), abs=1e-8
    )
    change = RATES[:, 2:].mean(1) - RATES[:, :2].mean(1)
    x = np.column_stack([np.arange(8) < 3, np.arange(8) % 2 == 0, np.arange(8) % 2 == 1]).astype(float)
    assert got["estimate"]["within region"] == pytest.approx(np.linalg.lstsq(x, change, rcond=None)[0][0], abs=1e-8)


def test_logs_and_differences_stand_side_by_side_with_why_they_part(tmp_path):
    got, bundle = table(tmp_path, "{label: ratio, estimator: {method: poisson_did}}")
    assert got["scale"]["ratio"] == "ratio"
    before = RATES[:, :2].mean(1)
    level, d = before[:3].mean(), (RATES[:, 2:].mean(1) - before)[3:].mean()
    expected = RATES[:3, 2:].mean() * (1 - 1 / got["estimate"]["ratio"]) - effect({0, 1, 2})
    assert got["shift"]["ratio"] == pytest.approx(expected, abs=1e-6)
    text = bundle.diagnostics.set_index("name")["text"]["robustness"]
    assert f"Differences and ratios part because the treated began at {level:.3g}" in text
    assert f"which from the treated's level is {d * level / before[3:].mean():.3g}." in text


def test_where_the_data_do_not_reach_the_row_says_why(tmp_path):
    got, bundle = table(
        tmp_path, "{start: 5}", "{with: {panel.window.from: 2004}}", "{leave_out: {prior_use: [none]}}", "{start: 1}",
    )  # fmt: skip
    assert "does not reach so far" in got["reason"]["start 5 periods later"]
    assert got["reason"]["window.from: 2004"] != ""
    assert "names nobody of that prior use" in got["reason"]["without those that had not used it before"]
    assert got["estimate"].notna().sum() == 2
    text = bundle.diagnostics.set_index("name")["text"]["robustness"]
    row = got.loc["start 1 period later"]
    own = got["estimate"]["as declared"]
    assert text.startswith(
        f"1 of 4 alternatives could be estimated. “start 1 period later” gives {row['estimate']:.3g}; the design's own "
        f"is {own:.3g}. “start 1 period later” shifts it by {row['shift']:.3g} (error {row['shift_error']:.2g}): "
    )
    lost = got[got["estimate"].isna()]["reason"]
    assert text.endswith(f"Could not be estimated: {'; '.join(f'“{name}” ({why})' for name, why in lost.items())}.")
    assert len(lost) == 3


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ("{}", "changes nothing"),
        ("{strat: 1}", 'did you mean "start"?'),
        ("{leave_out: {}}", "write one of prior_use"),
        ("{with: {estimators.id: 1}}", "only keys of panel and comparison can differ"),
        ("{with: {panel.window.fro: 1}}", "'fro' is not one of the options"),
        ("{estimator: {method: twfe, covariates: [poverty], by: period}}", "is not among panel.covariates"),
    ],
)
def test_faults_stand_at_the_alternative(tmp_path, vary, words):
    with pytest.raises(InputFault) as fault:
        load_design(made(tmp_path, vary))
    assert words in str(fault.value)
    assert "d.yaml:1" in str(fault.value)


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ("{within: [regoin]}", "regoin"),
        ("{exposure: childrn}", "childrn"),
        ("{without_percent: nope}", "nope"),
        ("{leave_out: {highest: hihg, units: 2}}", "hihg"),
        ("{with: {panel.exclude: [u9]}}", 'no unit "u9"'),
        ("{with: {panel.cluster: nope}}", "nope"),
        ("{leave_out: {highest: region, units: 2}}", "region holds text"),
    ],
)
def test_what_names_nothing_in_the_data_is_a_fault_at_its_line(tmp_path, vary, words):
    for act in (check_design, run):
        with pytest.raises(InputFault) as fault:
            act(made(tmp_path, vary))
        assert words in str(fault.value)
        assert "d.yaml:1" in str(fault.value)


def test_an_estimate_that_is_not_identified_has_its_reason(tmp_path):
    """All treated in one region: nobody there is compared with, and the row says so; it had no reason at all."""
    alone = made(tmp_path, "{within: [region]}", "{start: 1}",
                 change=lambda one: one.assign(region=np.where(one["la"] < "u3", "north", "south")))  # fmt: skip
    alone.write_text(alone.read_text(encoding="utf-8").replace("twfe", "callaway_santanna"), encoding="utf-8")
    bundle = run(alone, out=tmp_path / "out")
    row = bundle.tables("robustness").set_index("variant").loc["within region"]
    assert np.isnan(row["estimate"])
    assert row["reason"].startswith("averages cells that are not identified")
    text = bundle.diagnostics.set_index("name")["text"]["robustness"]
    assert f"Could not be estimated: “within region” ({row['reason']})." in text


def test_an_alternative_that_is_the_design_itself_is_not_counted(tmp_path):
    got, bundle = table(tmp_path, "{label: same, with: {panel.outcome.per: 100}}", "{start: 1}")
    assert got["reason"]["same"].startswith("it changes nothing")
    assert np.isnan(got["estimate"]["same"])
    text = bundle.diagnostics.set_index("name")["text"]["robustness"]
    assert text.startswith("“start 1 period later” gives ")
    assert text.endswith("Not counted again: “same” (it changes nothing: what it declares is the design itself).")


def test_dates_of_a_theory_s_columns_stop_no_alternative(tmp_path):
    path = made(tmp_path, "{start: 1}")
    text = path.read_text().replace("  time: year\n", "  time: year\n  measured: {high: 2001}\n")
    path.write_text(f"{text}theory: {{edges: [[practice, outcome], [need, outcome]], columns: {{need: high}}}}\n")
    got = run(path, out=tmp_path / "out").tables("robustness").set_index("variant")
    assert got["estimate"].notna().all()


@pytest.mark.slow
def test_without_a_lone_cohort_an_alternative_asks_of_the_same_window(tmp_path):
    """Effects grow by one a year and noise there is none: without the last cohort a wider window would average 2."""
    starts = np.array([2006] + [2004] * 3 + [2005] * 3 + [0] * 6)
    unit, year = np.repeat(np.arange(13), 7), np.tile(np.arange(2001, 2008), 13)
    since = np.where(starts[unit] > 0, np.maximum(year - starts[unit] + 1, 0), 0)
    pd.DataFrame({
        "la": unit, "year": year, "n": 20.0 + unit + since, "children": 100.0, "start": starts[unit], "high": -unit
    }).to_csv(tmp_path / "p.csv", index=False)  # fmt: skip
    changes = ["estimator: {errors: pooled}", "estimator: {seen: any}", "with: {panel.window.from: 2002}"]
    lone = "leave_out: {highest: high, units: 1}"
    vary = [f"{{{lone}}}", *(f"{{{lone}, {one}}}" for one in changes)]
    text = DESIGN.format(vary="\n".join(f"        - {one}" for one in vary))
    text = text.replace("adoption: r.csv", "first_treated: start").replace("method: twfe", "method: stacked")
    (tmp_path / "d.yaml").write_text(text.replace("draws: 999", "draws: 39"), encoding="utf-8")
    found = run(tmp_path / "d.yaml", out=tmp_path / "out").tables("robustness")
    assert found["n_treated_units"].tolist() == [7, 6, 6, 6, 6]
    np.testing.assert_allclose(found["estimate"], 1.5, rtol=1e-9)


def test_an_alternative_that_would_average_other_periods_has_a_reason(tmp_path):
    """Nobody is never treated: without the unit that starts last the others would be compared in fewer periods."""
    starts = np.array([2006] + [2004] * 3 + [2005] * 3)
    unit, year = np.repeat(np.arange(7), 6), np.tile(np.arange(2001, 2007), 7)
    counts = 20.0 + np.random.default_rng(3).integers(0, 9, 42)
    pd.DataFrame({
        "la": unit, "year": year, "n": counts, "children": 100.0, "start": starts[unit], "high": -unit, "low": unit,
    }).to_csv(tmp_path / "p.csv", index=False)  # fmt: skip
    vary = ["{leave_out: {highest: high, units: 1}}", "{leave_out: {highest: low, units: 1}}"]
    text = DESIGN.format(vary="\n".join(f"        - {one}" for one in vary))
    text = text.replace("adoption: r.csv", "first_treated: start").replace("method: twfe", "method: imputation")
    (tmp_path / "d.yaml").write_text(text.replace("vary:", "draws: 39\n      vary:"), encoding="utf-8")
    design = load_design(tmp_path / "d.yaml")
    groups = compare(design, load_panels(design))
    (key, fitted), *_ = estimate(design, groups).items()
    found = compared(design, 0, groups[key], fitted, np.random.default_rng(1))[0].table
    assert found["estimate"].notna().tolist() == [True, False, True]
    assert found["reason"][1].startswith("nothing is left to tell the effects of those that start in 2004, 2005 in ")
