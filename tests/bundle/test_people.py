"""Rows of people and of events under a profile: no count of few, whatever it is called and whatever it is over."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.bundle import read_bundle
from sos_eval.bundle.files import read_table
from sos_eval.bundle.people import Behind, few_of_sets, level_of, without_single_people
from sos_eval.bundle.sentences import counts_people, without_computed
from sos_eval.errors import InputFault, numeral
from sos_eval.panel.disclosure import Disclosure
from sos_eval.report.donor_blocks import donor_weights
from sos_eval.report.draw import available
from sos_eval.terms import BALANCE_COLUMNS

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

DFE = Disclosure(profile="dfe")
HEAD = """\
schema: sos-eval/design/1
name: people
panel:
  source: csv
  path: data.csv
  unit: la
  time: year
  treatment: {first_treated: start, untreated_means: never}
"""
TAIL = """\
inference: [{method: analytic}]
seed: 4
report: {formats: []}
disclosure: {profile: PROFILE}
"""
MATCHED = (
    HEAD
    + """\
  layout: cross_sections
  outcomes: {days: {value: days, role: primary}, again: {value: again}}
  covariates: [age, origin]
comparison:
  method: declared
  sets: {A00: [A04, A05], A01: [A06, A07], A02: [A08, A09], A03: [A10, A11]}
  people: {method: ipw, on: [age, origin]}
estimators: [{id: primary, method: matched_did}]
"""
    + TAIL
)
PLAIN = (
    HEAD
    + """\
  layout: cross_sections
  outcome: {value: again}
estimators: [{id: primary, method: twfe}]
"""
    + TAIL
)


def children(units: int, treated: int, low: int, high: int) -> pd.DataFrame:
    """Draw children of authorities over six years, those of the first ones treated from 2013 on."""
    rng = np.random.default_rng(11)
    cells = [(u, year) for u in range(units) for year in range(2010, 2016) for _ in range(rng.integers(low, high))]
    la, year = np.array(cells).T
    data = pd.DataFrame({"la": [f"A{u:02d}" for u in la], "year": year, "start": np.where(la < treated, 2013, 0)})
    data["age"], data["days"] = rng.integers(0, 17, len(data)), rng.integers(10, 60, len(data)).astype(float)
    data["again"], data["origin"] = 0, rng.choice(["North", "South", "West"], len(data), p=[0.5, 0.44, 0.06])
    return data


def run(folder: Path, design: str, data: pd.DataFrame, profile: str = "dfe") -> Path:
    data.to_csv(folder / "data.csv", index=False)
    (folder / "design.yaml").write_text(design.replace("PROFILE", profile))
    return se.run(folder / "design.yaml", out=folder / profile).path


def facts(bundle: Path) -> dict:
    return json.loads((bundle / "results.json").read_text())


def balance(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(BALANCE_COLUMNS))


@pytest.mark.parametrize(("profile", "step"), [("dfe", 5), ("ons_srs", 10)])
def test_of_matched_children_no_count_and_no_category_of_few_is_told(profile, step, tmp_path):
    """Three treated and four others lack the outcome; four treated children are of an origin that is rare."""
    data = children(12, 4, 7, 13)
    treated, others = (np.flatnonzero(data["start"] == start) for start in (2013, 0))
    data.loc[np.concatenate([treated[[50, 77, 111]], others[[3, 90, 200, 333]]]), "days"] = np.nan
    data.loc[[*treated[[7, 60, 140, 201]], *others[::25]], "origin"] = "CANARY"
    data["again"] = np.random.default_rng(2).integers(0, 2, len(data))
    bundle = run(tmp_path, MATCHED, data, profile)
    told = read_table(bundle / "balance.csv")
    sizes = told[["n_treated", "n_comparison", "ess_comparison"]].to_numpy(float)
    assert (np.isnan(sizes) | (sizes % step == 0)).all()
    assert (sizes > 0).any()
    measures = read_table(bundle / "tables" / "balance_measures.csv").set_index("measure")["value"]
    assert (measures.filter(like="ess_") % step == 0).all()
    assert measures[~measures.index.str.startswith("ess_")].isna().all()
    line = read_table(bundle / "tables" / "calibration_line.csv")
    assert (line["n_units"] % step == 0).all()
    assert not list((bundle / "tables").glob("primary.again.*"))  # other rows than the headline's, by a few
    origin = told[told["covariate"].str.startswith("origin=")]
    assert (origin["covariate"] == "origin=(few people)").sum() == 2 * 2  # two categories in two stages
    shown = origin.dropna(subset=["mean_treated"])
    assert len(shown) == 2 * 2
    for side in ("treated", "comparison"):
        count = shown[f"mean_{side}"] * shown[f"n_{side}"]
        np.testing.assert_allclose(count, (count / step).round() * step, rtol=1e-3)  # four digits of a share
    checks = read_table(bundle / "diagnostics.csv").set_index("name")
    assert checks.loc[checks.index.str.startswith("balance."), "value"].isna().all()
    inference = facts(bundle)["inference"]
    assert [inference[f"{one}_treated_clusters"] for one in ("effective", "variance")] == [None, None]
    assert json.loads((bundle / "provenance.json").read_text())["inference"] == inference
    assert not any(b"CANARY" in file.read_bytes() for file in bundle.rglob("*") if file.is_file())


@pytest.mark.parametrize(("no", "yes"), [(0, 1), (0, 100), (1, 2)])
def test_a_rare_yes_among_children_is_judged_as_a_count_is_however_it_is_written(no, yes, tmp_path):
    """Two of those treated and three of those before: neither level, and no digit of the estimate finds them."""
    data = children(12, 4, 8, 12)
    treated, others = (np.flatnonzero(data["start"] == start) for start in (2013, 0))
    after = data["year"].to_numpy()[treated] >= 2013
    data.loc[np.concatenate([treated[after][[5, 60]], treated[~after][[4, 40, 90]], others[::23]]), "again"] = 1
    data["again"] = no + (yes - no) * data["again"]
    for profile in ("open", "dfe"):
        bundle = run(tmp_path, PLAIN, data, profile)
        level = facts(bundle)["panel"]["outcomes"]["outcome"]
        row = read_table(bundle / "estimates.csv").iloc[0]
        levels = [level[name] for name in ("mean_treated", "mean_treated_before", "mean_comparison")]
        if profile == "open":
            assert level["mean_treated"] == pytest.approx(no + (yes - no) * 2 / after.sum())
            assert np.isfinite([*levels, row["estimate"]]).all()
        else:
            assert levels == [None, None, None]
            ends = row[["estimate", "std_error", "conf_low", "conf_high"]].to_numpy(float)
            shares = ends / (yes - no) * 100
            assert (np.isnan(ends) | (np.abs(shares - np.round(shares)) < 1e-9)).all()


def test_a_code_among_yes_and_no_does_not_make_them_numbers(tmp_path):
    """One child's 99, not known: neither levels nor digits of few who have a yes."""
    data = children(26, 4, 3, 6)
    data.loc[::40, "again"] = 1
    data.loc[7, "again"] = 99
    bundle = run(tmp_path, PLAIN, data)
    level = facts(bundle)["panel"]["outcomes"]["outcome"]
    assert [level[name] for name in ("mean_treated", "mean_treated_before", "mean_comparison")] == [None] * 3
    ends = read_table(bundle / "estimates.csv").iloc[0][["estimate", "conf_low", "conf_high"]].to_numpy(float)
    assert (np.isnan(ends) | (ends == np.round(ends))).all()


@pytest.mark.parametrize("others", [0, 400])  # that of another place in the record of every ninth child
def test_a_figure_of_the_authority_tells_no_number_of_children(others, tmp_path):
    """Its mean over children weighs what is public by how many they are: one equation on their number."""
    data = children(26, 13, 3, 6)
    data["again"] = 1000 + 37 * data["la"].str[1:].astype(int) + 11 * data["year"]
    data.loc[::9, "again"] += others
    bundle = run(tmp_path, PLAIN, data)
    level = facts(bundle)["panel"]["outcomes"]["outcome"]
    assert [level[name] for name in ("mean_treated", "mean_treated_before", "mean_comparison")] == [None] * 3
    assert read_table(bundle / "estimates.csv")[["estimate", "std_error", "p_value"]].isna().all(axis=None)
    data["again"] = data["days"]
    assert facts(run(tmp_path, PLAIN, data, "ons_srs"))["panel"]["outcomes"]["outcome"]["mean_treated"] > 0


def test_nor_does_one_that_children_are_matched_on(tmp_path):
    data = children(12, 4, 7, 13)
    data["poverty"] = 1000 + 37 * (7 * data["la"].str[1:].astype(int) % 12)
    data["again"] = np.random.default_rng(2).integers(0, 2, len(data))
    bundle = run(tmp_path, MATCHED.replace("ipw, on: [age, origin]", "ipw, on: [age, origin, poverty]"), data)
    told = read_table(bundle / "balance.csv").set_index("covariate")
    means = ["mean_treated", "mean_comparison", "std_mean_diff"]
    assert told.loc["poverty", means].isna().all(axis=None)
    assert told.loc["age", means].notna().any(axis=None)


def test_clusters_of_children_are_counted_as_children_and_their_file_has_no_hash(tmp_path):
    data = children(8, 4, 2, 3)
    data["child"] = [f"C{i // 2}" for i in range(len(data))]
    data["again"] = data["days"]
    bundle = run(tmp_path, PLAIN.replace("  unit: la\n", "  unit: la\n  cluster: child\n"), data)
    told = [read_table(bundle / "estimates.csv")["n_clusters"].iloc[0], facts(bundle)["panel"]["n_clusters"]]
    assert all(n % 5 == 0 and abs(n - data["child"].nunique()) < 5 for n in told)
    read = json.loads((bundle / "provenance.json").read_text())["data"]
    assert [set(one) for one in read] == [{"file"}]


def test_levels_of_many_children_are_rounded_counts_over_rounded_numbers(tmp_path):
    data = children(12, 4, 40, 60)
    data["again"] = (np.random.default_rng(3).random(len(data)) < 0.4).astype(int)
    level = facts(run(tmp_path, PLAIN, data))["panel"]["outcomes"]["outcome"]
    behind = data[(data["start"] > 0) & (data["year"] >= 2013)]["again"]
    n = np.floor(len(behind) / 5 + 0.5) * 5
    yes = np.floor(behind.mean() * n / 5 + 0.5) * 5
    assert level["mean_treated"] == float(f"{yes / n:.4g}") != float(f"{behind.mean():.4g}")


def synthetic() -> tuple[str, pd.DataFrame]:
    """Five treated and five donors, all alike before; one donor's count is small in the last year."""
    rng = np.random.default_rng(1)
    rows = [
        (f"A{u}", year, 2013 if u < 5 else 0, 0 if year < 2013 else 3 if u == 9 else rng.integers(100, 400), children)
        for u, children in enumerate(rng.integers(9000, 11000, 10)) for year in range(2008, 2014)
    ]  # fmt: skip
    design = HEAD + "  outcome: {count: entries, exposure: children, per: 100000}\n"
    design += "estimators: [{id: primary, method: synthetic_control, augment: none}]\n"
    return design + TAIL.replace("analytic", "randomization, draws: 19"), pd.DataFrame(
        rows, columns=["la", "year", "start", "entries", "children"]
    )


def test_the_ends_of_equally_good_weights_are_withheld_with_their_note(tmp_path):
    """Treated mean less the highest effect is the lowest donor's rate: three of its children."""
    design, data = synthetic()
    whole = run(tmp_path, design, data, "open")
    ends = read_table(whole / "tables" / "primary.outcome.equally_good.csv").iloc[0]
    smallest = data[(data["la"] == "A9") & (data["year"] == 2013)].iloc[0]
    paths = read_table(whole / "tables" / "outcome_paths.csv")
    mean = paths[(paths["group"] == "treated") & (paths["time"] == 2013)]["mean"].iloc[0]
    assert mean - ends["highest"] == pytest.approx(1e5 * 3 / smallest["children"])
    bundle = run(tmp_path, design, data)
    assert read_table(bundle / "tables" / "outcome_paths.csv")["mean"].notna().all()  # nothing else holds it back
    for name in ("equally_good", "donors", "fit"):
        assert (whole / "tables" / f"primary.outcome.{name}.csv").exists()
        assert not list((bundle / "tables").glob(f"*{name}*"))
    told = read_bundle(bundle)
    assert "its table is withheld" in available(told)[1]["synthetic_path"]
    (said,) = donor_weights(told)
    assert "not shown: its table is withheld: each row is about a single unit" in said.text
    low, high = (numeral(ends[name]) for name in ("lowest", "highest"))
    assert f"lies between {low} and {high}" in (whole / "results.json").read_text()
    notes = " ".join(facts(bundle)["notes"]["primary"])
    assert "lies between … and …" in notes
    assert not re.search(rf"(?<![\w.]){re.escape(high)}(?![\w.])", notes)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("lies between -1197 and 465: no", "lies between … and …: no"),
        ("lies between -1.2e+03 and 1e+03", "lies between … and …"),
        ("start in 2013: a root mean square of 186", "start in 2013: a root mean square of …"),
        ("start in 3: a root mean square of 3", "start in 3: a root mean square of …"),
        ("2 of 13 treated units are left out, from 2010 on", "2 of 13 treated units are left out, from 2010 on"),
        ("40% of treated unit-periods carry negative weights", "… of treated unit-periods carry negative weights"),
        ("41 comparison rows weigh as 17", "… comparison rows weigh as …"),
        ("A07, E06000001 (trim 0.95): 12 days", "A07, E06000001 (trim 0.95): … days"),
        ("event times -3 to 5 are joined, by 5", "event times -3 to 5 are joined, by …"),
        ("step 3 at the start, and 4 a period since", "step … at the start, and … a period since"),
    ],
)  # fmt: skip
def test_a_note_keeps_counts_of_units_and_periods_only(text, left):
    assert without_computed(text, {"0.95"}, {"3", "2010", "2013"}) == left


def test_rows_with_words_between_are_counted_too():
    assert counts_people("41 comparison rows weigh as few")
    assert not counts_people("5 units, in rows")


def test_the_flow_of_events_counts_people_whatever_is_made_of_them(tmp_path):
    data = children(16, 6, 20, 30)
    data["ref"] = pd.to_datetime(data["year"].astype(str) + "-03-01")
    data["close"] = data["ref"] + pd.to_timedelta(data["days"], unit="D")
    data["person"] = [f"P{i}" for i in range(len(data))]
    data.loc[[900, 1200, 2000], "person"] = data.loc[[5, 6, 40], "person"].to_numpy()
    data.loc[data.index[-5:], "ref"] = pd.Timestamp("2015-12-30")
    data.loc[data.index[-5:], "close"] = pd.Timestamp("2016-02-01")
    events = """\
  layout: panel
  outcome: {value: took}
  events:
    date: ref
    until: 2015-12-31
    derive:
      took: {working_days: [ref, close]}
      next: {next: ref, by: [person]}
      soon: {within: 3, after: ref, event: next}
    means: [took, soon]
estimators: [{id: primary, method: twfe}]
"""
    design = HEAD + events + TAIL
    data = data.drop(columns="year")
    exact = read_table(run(tmp_path, design, data, "open") / "flow.csv").set_index("step")["rows"]
    assert exact["person in several units"] == 3
    assert exact["follow-up not over"] == 5
    assert exact["means of events"] == len(data)
    bundle = run(tmp_path, design, data)
    flow = read_table(bundle / "flow.csv").set_index("step")["rows"]
    assert flow.drop(["start", "end"]).isna().all()
    assert flow["end"] == exact["end"]  # rows of authorities and years
    assert (bundle / "tables" / "adoption.csv").exists()
    assert str(len(data)) not in (bundle / "flow.csv").read_text() + (bundle / "log.txt").read_text()


def test_a_second_category_goes_with_a_rare_one_by_hand():
    """Of 100 and 200: 4 and 0 are rare; the next smallest, 10 and 30, goes with them, and then 14 and 30 are hidden."""
    rows = [("o=a", 0.04, 0.0), ("o=b", 0.10, 0.15), ("o=c", 0.86, 0.85), ("age", 7.0, 8.0)]
    table = balance(*((name, "before", t, c, 0, np.nan, abs(t - c), 100, 200, 200) for name, t, c in rows))
    few = np.array([True, False, False, False])
    assert few_of_sets(table, few, 6).tolist() == [False, True, False, False]
    assert not few_of_sets(table, np.zeros(4, bool), 6).any()
    lone = table.assign(mean_treated=[0.02, 0.03, 0.95, 7.0], mean_comparison=[0.0, 0.0, 1.0, 8.0])
    assert few_of_sets(lone, np.array([True, True, False, False]), 6).tolist() == [False, False, True, False]


def test_shares_are_rounded_counts_over_rounded_people_by_hand():
    """12 of 238 and 36 of 603: 10 of 240 and 35 of 605, rounded to 5."""
    table = balance(("o=b", "before", 12 / 238, 36 / 603, -0.04, np.nan, abs(12 / 238 - 36 / 603), 238, 603, 603))
    told = without_single_people(table, DFE).iloc[0]
    treated, others = 10 / 240, 35 / 605
    assert told["mean_treated"] == pytest.approx(treated)
    assert told["mean_comparison"] == pytest.approx(others)
    assert told["ks"] == pytest.approx(others - treated)
    assert told["std_mean_diff"] == pytest.approx((treated - others) / np.sqrt(treated * (1 - treated)))


def test_levels_by_hand():
    assert np.isnan(level_of(0.02, Behind(100.0, 2.0), DFE))
    assert np.isnan(level_of(0.98, Behind(100.0, 98.0), DFE))
    assert np.isnan(level_of(12.5, Behind(4.0), DFE))
    assert level_of(0.0, Behind(100.0, 0.0), DFE) == 0.0
    assert level_of(12.34, Behind(102.0), DFE) == pytest.approx(12.35)  # to 5 in 100
    assert np.isnan(level_of(2.0, Behind(100.0, 2.0, 0.0, 100.0), DFE))  # yes is written 100
    assert level_of(42.0, Behind(100.0, 42.0, 0.0, 100.0), DFE) == pytest.approx(40.0)
    assert level_of(1.42, Behind(100.0, 42.0, 1.0, 1.0), DFE) == pytest.approx(1.4)


@pytest.mark.parametrize(("each", "refused"), [(2, True), pytest.param(12, False, marks=pytest.mark.slow)])
def test_a_column_of_names_is_no_category(each, refused, tmp_path):
    """It passed the check, and a slope for every name ran for minutes; none of the names is quoted."""
    data = children(26, 13, 4, 6)
    data["worker"] = [f"CANARY{i % (len(data) // each)}" for i in range(len(data))]
    data["again"] = data["days"]
    design = PLAIN.replace("  outcome: {value: again}\n", "  outcome: {value: again}\n  covariates: [worker]\n")
    if not refused:
        assert run(tmp_path, design, data).is_dir()
        return
    with pytest.raises(InputFault) as caught:
        run(tmp_path, design, data)
    (said,) = map(str, caught.value.faults)
    assert "worker holds … different texts in … rows: names or notes, not categories; adjust without it" in said
    assert "CANARY" not in said
