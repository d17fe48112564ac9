"""`disclosure.small_counts: middle`: panels that differ in protected counts alone give the same bundle to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.files import read_table
from sos_eval.bundle.told import NESTED, SEARCHED
from sos_eval.errors import InputFault
from sos_eval.panel.small_counts import ends_of_replaced, replaced, with_middle_counts
from tests.bundle.test_errors_told import ECONOMICS
from tests.bundle.test_searched import DESIGN
from tests.bundle.test_what_counts_tell import world
from tests.fakes import panel_of

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

MIDDLE = DESIGN.replace("profile: dfe", "profile: dfe, small_counts: middle")


def test_small_counts_and_rests_stand_at_the_middle():
    """Of six: 1 to 5 are 3; of 20 children 17 are 17, for 3 are left, and so are 19."""
    exposure = np.array([[100.0, 100, 100], [20, 20, 20]])
    panel = panel_of([[0, 1, 5], [6, 17, 19]], [2002, np.inf], exposure=exposure)
    made = with_middle_counts(panel, 6)
    np.testing.assert_array_equal(made.frame["count"], [0, 3, 3, 6, 17, 17])
    np.testing.assert_allclose(made.frame["outcome"], made.frame["count"] / made.frame["exposure"])
    assert made.caveats[-1].startswith("Each count of 1 to 5 is read as 3")


def test_nought_of_a_few_stays_nought():
    """It read as minus two of one before."""
    panel = panel_of([[0, 0], [8, 4]], [2002, np.inf], exposure=np.array([[1.0, 4], [9, 30]]))
    made = with_middle_counts(panel, 6)
    np.testing.assert_array_equal(made.frame["count"], [0, 0, 6, 3])
    np.testing.assert_array_equal(replaced(made), [False, False, True, True])
    np.testing.assert_array_equal(replaced(panel), False)
    low, high = ends_of_replaced(made, np.array([2, 3]))
    assert (low.tolist(), high.tolist()) == ([6, 1], [8, 5])


WIDE = """\
schema: sos-eval/design/1
name: wide
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcomes:
    entries: {count: entries, exposure: children, per: 10000, role: primary}
    deaths: {count: deaths, exposure: children, per: 10000}
  treatment: {first_treated: start}
estimators:
  - {id: primary, method: callaway_santanna, control: never_treated, outcome: entries}
  - {id: weighed, method: twfe, outcome: entries, with: {panel.weight: children}}
  - {id: adults, method: twfe, outcome: entries, with: {panel.outcomes.entries.exposure: adults}}
inference: [{method: analytic}, {method: jackknife}, {method: randomization, draws: 19}]
checks:
  - pretrends
  - {path: {draws: 19}}
  - {suppression_bounds: {draws: 19}}
  - {placebo_outcome: {outcomes: [deaths], draws: 19}}
  - robustness:
      draws: 19
      vary:
        - {with: {panel.window.from: 2011}, label: window}
        - {with: {panel.outcomes.entries.count: girls}, label: girls}
  - {specification_curve: {draws: 19, vary: {window: [{with: {panel.window.from: 2011}, label: late}]}}}
"""
FEW = WIDE.split("  - {id: adults")[0] + "inference: [{method: randomization, draws: 19}]\nchecks: []\n"
END = "seed: 4\nreport: {formats: []}\ndisclosure: {profile: "


def wide(
    folder: Path, counts: np.ndarray, starts: list[int], design: str, profile: str = "dfe, small_counts: middle"
) -> Path:
    """Run a design on counts (n_units, 5), from 2009, of units with these starts (0: never)."""
    folder.mkdir(exist_ok=True)
    units, rng = len(starts), np.random.default_rng(3)
    data = pd.DataFrame([(f"A{u:02d}", starts[u], 2009 + t) for u in range(units) for t in range(5)])
    data.columns = ["la", "start", "year"]
    data["children"] = rng.integers(9_000, 60_000, (units, 1)).repeat(5, axis=1).ravel()
    data["adults"] = 3 * data["children"] + rng.integers(0, 900, len(data))
    data = data.assign(entries=counts.ravel(), deaths=rng.integers(20, 60, len(data)))
    data = data.assign(girls=np.where(data["entries"] < 6, 0, data["entries"] // 2 + 20))
    data.to_csv(folder / "panel.csv", index=False)
    (folder / "design.yaml").write_text(design + END + profile + "}\n")
    return se.run(folder / "design.yaml", out=folder / "out").path


def small_in_places(seed: int, units: int = 12) -> np.ndarray:
    """Counts of hundreds that are the same for every seed, and small ones in places that are the same."""
    places = np.random.default_rng(1).random((units, 5)) < 0.3
    counts = np.random.default_rng(2).integers(100, 600, (units, 5))
    return np.where(places, np.random.default_rng(seed).integers(1, 6, (units, 5)), counts)


def test_panels_that_differ_in_protected_counts_alone_give_the_same_bytes(tmp_path):
    """Over estimators, event times, alternatives, checks, a placebo outcome and costs; and what is told holds all."""
    starts = [2012] * 6 + [0] * 6
    design = WIDE.replace("checks:", ECONOMICS.replace("outcome: outcome,", "outcome: entries,") + "checks:")
    bundles = [wide(tmp_path / str(seed), small_in_places(seed), starts, design) for seed in (8, 9)]
    files = [{str(p.relative_to(b)): p.read_bytes() for p in sorted(b.rglob("*")) if p.is_file()} for b in bundles]
    timed = {"files.json", "provenance.json", "results.json"}  # when and for how long, and hashes of files with these
    assert {name for name in files[0] if files[0][name] != files[1].get(name)} <= timed
    made = [json.loads(one["results.json"]) | {"provenance": None} for one in files]
    assert made[0] == made[1]
    assert "Each count of 1 to 5 is read as 3" in files[0]["results.json"].decode()
    table = read_table(bundles[0] / "estimates.csv")
    assert set(table["estimator"]) == {"primary", "weighed", "adults"}  # in three ways of weighing
    assert table["estimate"].notna().all()
    assert table.loc[table["inference"] != "randomization", "std_error"].notna().all()
    assert {"economics/psa.csv", "tables/path.slope.csv", "tables/suppression_bounds.csv"} <= files[0].keys()
    tried = read_table(bundles[0] / "tables" / "robustness.csv").set_index("variant")
    assert np.isfinite(tried.loc["window", ["estimate", "shift"]].astype(float)).all()
    assert np.isnan(tried.loc["girls", "shift"])  # what the two count apart is not replaced
    curve = read_table(bundles[0] / "tables" / "specification_curve.csv")
    assert curve[["estimate", "percent"]].notna().all(axis=None)
    checks = read_table(bundles[0] / "diagnostics.csv").set_index("name")
    assert checks.loc["robustness", "text"].startswith("withheld")  # its sentence tells every shift
    assert checks.loc[["path.slope", "specification_curve", "suppression_bounds"], "value"].notna().all()
    assert checks.loc["placebo_outcome.deaths", "text"].startswith("withheld")  # on units that the gate does not know
    ends = read_table(bundles[0] / "tables" / "suppression_bounds.csv")["estimate"]
    real = wide(tmp_path / "open", small_in_places(8), starts, FEW, profile="open")
    told = read_table(real / "estimates.csv").query("estimator == 'primary' and aggregation == 'overall'")
    assert ends[0] < told["estimate"].iloc[0] < ends[1]


@pytest.mark.parametrize("how", ["judged", "middle"])
def test_what_guards_small_counts_alone_is_told_where_none_is_left(how, tmp_path):
    """Five a side with counts of one to eight: judged, one answer in two digits; at the middle, all of it."""
    counts = np.random.default_rng(4).integers(1, 9, (10, 4))
    bundle = world(tmp_path, 5, MIDDLE.replace("small_counts: middle", f"small_counts: {how}"), entries=counts)
    table = read_table(bundle / "estimates.csv")
    told = table["estimate"].notna() & (table["std_error"].notna() | (table["inference"] == "randomization"))
    assert told.all() == (how == "middle")
    assert told[table["aggregation"] == "event_time"].any() == (how == "middle")
    assert read_table(bundle / "diagnostics.csv")["value"].notna().any() == (how == "middle")
    assert (bundle / "tables" / "pretrends.joint.csv").exists() == (how == "middle")


@pytest.mark.parametrize("starts", [[2011] * 2 + [2012] * 5, [2011] * 3 + [2012] * 2 + [2013] * 4])
def test_rows_on_few_units_stay_withheld_with_what_gives_them_back(starts, tmp_path):
    """As they are where no count is small: few units are no matter of counts."""
    starts = starts + [0] * 6
    small = small_in_places(5, len(starts))
    ordinary = np.where(small < 6, 300, small)
    found = [read_table(wide(tmp_path / str(k), one, starts, FEW) / "estimates.csv") for k, one in
             enumerate((small, ordinary))]  # fmt: skip
    assert found[0]["estimate"].notna().tolist() == found[1]["estimate"].notna().tolist()
    assert found[0]["reason"].tolist() == found[1]["reason"].tolist()
    own = found[0][found[0]["estimator"] == "primary"].set_index("aggregation")
    assert own.loc["group_time", "estimate"].isna().all()
    few = own[(own["n_treated_units"] < 3)]
    assert len(few)
    assert few["estimate"].isna().all()
    assert np.isfinite(own.loc["overall", "estimate"]).all()


def test_what_is_new_in_counts_that_grow_stays_judged(tmp_path):
    grown = 300 + np.cumsum(np.random.default_rng(5).integers(0, 6, (10, 4)), axis=1)
    table = read_table(world(tmp_path, 5, MIDDLE, entries=grown) / "estimates.csv")
    assert SEARCHED in set(table["reason"])


def test_one_count_over_two_denominators_is_told_over_one(tmp_path):
    """Of 700 reviews 698 were on time, which is read as 697; of the 900 that were revised it would be told."""
    reviews = np.random.default_rng(3).integers(700, 900, (10, 4))
    done = reviews - np.random.default_rng(6).integers(50, 90, (10, 4))
    done[2, 1] = reviews[2, 1] - 2
    design = MIDDLE.replace("{with: {panel.window.from: 2011}, label: window}", "{exposure: revised, label: revised}")
    bundle = world(tmp_path, 5, design, children=reviews, entries=done, revised=reviews + 200)
    row = read_table(bundle / "tables" / "robustness.csv").set_index("variant").loc["revised"]
    assert row["reason"] == NESTED
    assert np.isnan(row["estimate"])


def test_bounds_without_columns_go_with_replaced_counts_alone(tmp_path):
    design = MIDDLE.replace("[pretrends", "[suppression_bounds, pretrends").replace(", small_counts: middle", "")
    with pytest.raises(InputFault, match=r"name the columns that hold the range.*small_counts: middle"):
        world(tmp_path, 5, design)


def test_it_is_refused_where_nobody_knows_the_counts(tmp_path):
    value = MIDDLE.replace("{count: entries, exposure: children, per: 10000}", "{value: entries}")
    assert value != MIDDLE
    with pytest.raises(InputFault, match=r"small_counts: middle is for counts .* is a value"):
        world(tmp_path, 5, value)
    with pytest.raises(InputFault, match="goes with a profile"):
        world(tmp_path, 5, MIDDLE.replace("profile: dfe, ", ""))
