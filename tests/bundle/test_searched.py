"""Whole numbers behind what is told: who lists them finds small counts without the rule, and none with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.files import read_table
from sos_eval.bundle.searched import SearchedCounts
from sos_eval.bundle.told import SEARCHED, WEIGHED
from sos_eval.jobs.judge import Judged
from sos_eval.panel.disclosure import Disclosure
from sos_eval.results.search import can_be_searched, digits_of, digits_that_leave
from tests.bundle.searcher import MOST, Searcher, recovered

DESIGN = """\
schema: sos-eval/design/1
name: small
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: start}
estimators:
  - {id: primary, method: callaway_santanna, control: never_treated}
  - {id: twfe, method: twfe}
inference: [{method: analytic}, {method: randomization}]
checks: [pretrends, {robustness: {draws: 19, vary: [{with: {panel.window.from: 2011}, label: window}]}}]
seed: 4
report: {formats: []}
disclosure: {profile: dfe}
"""


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Leave out what is not read here: figures, and detectable sizes."""
    monkeypatch.setattr("sos_eval.jobs.write.render_all", lambda *given: [])
    monkeypatch.setattr("sos_eval.jobs.run.judge", lambda *run: Judged())


@pytest.fixture
def unsearched(monkeypatch):
    """Switch the rule off."""
    monkeypatch.setattr("sos_eval.results.search._LISTED", -np.inf)
    monkeypatch.setattr("sos_eval.results.search._IN_TURN", 0)
    monkeypatch.setattr("sos_eval.results.members.Members.searched", lambda *told: False)
    monkeypatch.setattr("sos_eval.results.members.Members.protected_sides", lambda *told: iter(()))
    monkeypatch.setattr("sos_eval.bundle.searched.pins_down", lambda *told: False)


def world(
    folder: Path, counts: np.ndarray, design: str = DESIGN, children: np.ndarray | None = None
) -> tuple[np.ndarray, Path]:
    """Write counts (2n, periods), the first half treated from 2012 on; return exposures and the run's bundle."""
    units, periods = counts.shape
    data = pd.DataFrame([(f"A{u:02d}", 2012 if u < units // 2 else 0, 2010 + t) for u in range(units)
                         for t in range(periods)], columns=["la", "start", "year"])  # fmt: skip
    data["children"] = 900 + 37 * data.index if children is None else children.ravel()
    data["entries"] = counts.ravel()
    data["rate"] = 10_000 * data["entries"] / data["children"]
    data.to_csv(folder / "panel.csv", index=False)
    (folder / "design.yaml").write_text(design)
    bundle = se.run(folder / "design.yaml", out=folder / "out").path
    return data["children"].to_numpy(float).reshape(units, periods), bundle


def small(n: int, seed: int) -> np.ndarray:
    """Counts from 0 to 8 whose means no single one carries."""
    return np.random.default_rng(seed).integers(0, MOST + 1, size=(2 * n, 4))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_without_the_rule_whole_numbers_are_found(seed, tmp_path, unsearched):
    """Three treated, three others: means, event times and their errors leave one value of every protected count."""
    truth = small(3, seed)
    searcher = Searcher(*world(tmp_path, truth))
    assert searcher.consistent(truth[None]).all()
    assert len(recovered(searcher.possible(), truth, 6)) == ((truth > 0) & (truth < 6)).sum() > 10


COUNTED = "outcome: {count: entries, exposure: children, per: 10000}"
VALUED = "outcome: {value: rate}"


@pytest.mark.parametrize(
    ("n", "digits", "size"), [(3, 1, 5_000), (5, 2, 50_000), pytest.param(8, 4, 200_000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("seed", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("outcome", [COUNTED, pytest.param(VALUED, marks=pytest.mark.slow)], ids=["counts", "rates"])
def test_with_the_rule_no_small_count_is_left_with_one_value(n, digits, size, seed, outcome, tmp_path):
    """Other counts are found that go with every number that is told: so none of the protected is known.

    A rate that is declared as a value is judged as if counts of three stood behind it.
    """
    truth = small(n, seed)
    searcher = Searcher(*world(tmp_path, truth, DESIGN.replace(COUNTED, outcome)))
    assert searcher.digits == digits
    told = n == 8 or (n == 5 and outcome == VALUED)  # to one digit; where counts are known some are nought and one
    assert np.isfinite(searcher.means[0]).all() == np.isfinite(searcher.means[1]).all() == told
    assert searcher.consistent(truth[None]).all()
    drawn = searcher.others_like(truth, np.random.default_rng(seed), size)
    fits = drawn[searcher.consistent(drawn)]
    left = [[{int(truth[u, t]), *fits[:, u, t].tolist()} for t in range(4)] for u in range(2 * n)]
    assert recovered(left, truth, 6) == []


def test_one_answer_is_told_and_the_list_says_to_how_many_digits(tmp_path):
    bundle = world(tmp_path, small(5, 1))[1]
    table = read_table(bundle / "estimates.csv")
    told = table[table["estimate"].notna()]
    assert set(zip(told["estimator"], told["aggregation"], strict=True)) == {("primary", "overall")}
    levels = told[["estimate", "std_error", "conf_low", "conf_high"]].stack().dropna()
    assert (levels.round(0 if levels.abs().max() >= 10 else 1) == levels).all()
    assert (table.loc[table["estimate"].isna(), "reason"] == SEARCHED).all()
    assert not [name for name in ("robustness", "pretrends.joint") if (bundle / "tables" / f"{name}.csv").exists()]
    assert read_table(bundle / "tests.csv").set_index("estimator")["p"].notna().to_dict() == {
        "primary": True, "twfe": False,
    }  # fmt: skip
    checks = read_table(bundle / "diagnostics.csv")
    assert checks["value"].isna().all()
    assert (checks["text"] == SEARCHED).all()
    facts = se.read_bundle(bundle).facts
    assert facts.detectable.reason == SEARCHED
    assert np.isnan(facts.panel.outcomes["outcome"].mean_comparison)
    listed = read_table(bundle / "disclosure.csv").set_index("file")
    rounded = listed[listed["action"] == "rounded"].loc[["estimates.csv"]]["rule"]
    assert rounded.iloc[-1].startswith("2 significant digits of the largest: with more, whole numbers could be")


def same_but_for(folder: Path, other: Path) -> set[str]:
    """Return the tables in which two bundles differ."""
    files = {file.relative_to(one) for one in (folder, other) for file in one.rglob("*.csv")}
    return {str(file) for file in files if not _alike(folder / file, other / file)}


def _alike(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("n", "smallest"), [(5, 100), (10, 100), (10, 3)])
def test_ordinary_counts_are_told_as_before(n, smallest, tmp_path, monkeypatch):
    """Counts of a hundred and more, on ten or twenty units; and one of three among twenty of them."""
    counts = np.random.default_rng(7).integers(100, 180, size=(2 * n, 4))
    counts[1, 2] = smallest
    bundles = []
    for name in ("with", "without"):
        folder = tmp_path / name
        folder.mkdir()
        bundles.append(world(folder, counts)[1])
        monkeypatch.setattr("sos_eval.results.search._LISTED", -np.inf)
    monkeypatch.setattr("sos_eval.results.search._IN_TURN", 0)
    assert same_but_for(*bundles) == set()
    assert read_table(bundles[0] / "estimates.csv")["estimate"].notna().all()


@pytest.mark.parametrize(("n", "rows"), [(11, 2), (12, 26)])
def test_values_are_told_in_full_from_twelve_units_a_side(n, rows, tmp_path):
    """Nobody here knows what counts stand behind rates: of fewer, one answer is told (by two procedures)."""
    counts = np.random.default_rng(7).integers(100, 180, size=(2 * n, 4))
    table = read_table(world(tmp_path, counts, DESIGN.replace(COUNTED, VALUED))[1] / "estimates.csv")
    assert table[table["estimator"] == "primary"]["estimate"].notna().sum() == rows


POISSON = DESIGN.replace("  - {id: twfe, method: twfe}", "  - {id: poisson, method: poisson_did}")


@pytest.mark.parametrize(("exposures", "told"), [(20_000, {"primary"}), (None, {"primary", "poisson"})])
def test_sums_beside_means_of_rates_are_told_where_no_small_count_is_pinned(exposures, told, tmp_path):
    """Eleven of one exposure and a small one: sum and mean of rates together are its count."""
    rng = np.random.default_rng(5)
    children = (
        np.repeat(rng.integers(9_000, 60_000, 24), 4).reshape(24, 4)
        if exposures is None
        else np.full((24, 4), exposures)
    )
    counts = rng.integers(60, 180, (24, 4))
    children[3], counts[3] = 800, [3, 5, 2, 4]
    design = POISSON.replace("method: callaway_santanna, control: never_treated", "method: twfe")
    table = read_table(world(tmp_path, counts, design, children)[1] / "estimates.csv")
    assert set(table.loc[table["estimate"].notna(), "estimator"]) == told
    assert set(table.loc[table["estimate"].isna(), "reason"]) <= {WEIGHED}


@pytest.mark.parametrize(("last", "full"), [(100, False), (160, True)])
def test_rates_that_are_alike_are_as_small_counts(last, full, tmp_path):
    """Twelve of 50 per 10,000, one of them a small authority: mean and spread leave it its own count alone."""
    counts, children = np.full((24, 4), 100), np.full((24, 4), 20_000)
    counts[3], children[3] = 4, 800
    counts[11] = last
    counts[12:] = np.random.default_rng(1).integers(60, 180, (12, 4))
    table = read_table(world(tmp_path, counts, children=children)[1] / "estimates.csv")
    assert table["estimate"].notna().all() == full
    assert full or (table.loc[table["estimate"].isna(), "reason"] == SEARCHED).all()


@pytest.mark.parametrize(("files", "full"), [(21, False), (None, True)])
def test_a_remainder_that_tells_a_small_count_is_as_a_small_count(files, full, tmp_path):
    """Eleven audits of 20 files and one of 21: the mean of shares, less its twentieths, is the count of the one."""
    rng = np.random.default_rng(4)
    children = np.full((24, 4), 20) if files else np.repeat(rng.integers(20, 60, 24), 4).reshape(24, 4)
    children[3] = files or children[3]
    counts = np.where(np.arange(24)[:, None] == 3, rng.integers(1, 6, (24, 4)), rng.integers(8, 16, (24, 4)))
    bundle = world(tmp_path, counts, children=children)[1]
    assert read_table(bundle / "estimates.csv")["estimate"].notna().all() == full
    means = read_table(bundle / "tables" / "outcome_paths.csv")["mean"]
    assert (
        means.notna() == full
    ).all()  # with any mean the remainder, or what the estimate leaves of it, would be told


def test_of_two_outcomes_the_one_with_small_counts_alone_is_held_back(tmp_path):
    rng = np.random.default_rng(3)
    data = pd.DataFrame([(f"A{u:02d}", 2012 if u < 5 else 0, 2010 + t) for u in range(10) for t in range(4)])
    data.columns = ["la", "start", "year"]
    data["children"], data["entries"] = 900 + 37 * data.index, rng.integers(100, 180, len(data))
    data["deaths"] = rng.integers(0, 9, len(data))
    data.to_csv(tmp_path / "panel.csv", index=False)
    one = "outcome: {count: entries, exposure: children, per: 10000}"
    both = f"outcomes: {{outcome: {one[9:-1]}, role: primary}}, deaths: {one[9:].replace('entries', 'deaths')}}}"
    design = DESIGN.replace(one, both)
    design = design.replace("control: never_treated", "control: never_treated, outcome: [outcome, deaths]")
    (tmp_path / "design.yaml").write_text(design)
    bundle = se.run(tmp_path / "design.yaml", out=tmp_path / "out").path
    table = read_table(bundle / "estimates.csv")
    primary = table[table["estimator"] == "primary"].groupby("outcome")["estimate"].apply(lambda one: one.notna().sum())
    assert primary["outcome"] > 10
    assert primary["deaths"] == 2  # overall, by two procedures
    paths = read_table(bundle / "tables" / "outcome_paths.csv").groupby("outcome")["mean"]
    assert paths.apply(lambda one: one.notna().all()).to_dict() == {"outcome": True, "deaths": False}
    outcomes = se.read_bundle(bundle).facts.panel.outcomes
    assert np.isfinite(outcomes["outcome"].mean_treated)
    assert np.isnan(outcomes["deaths"].mean_treated)


def test_combinations_by_hand():
    """Eight counts of 4: nine values each, 10^7.63; a mean of four digits leaves 10^3.63, less than a million."""
    eight = np.full(8, 4.0)
    assert digits_of(eight) == pytest.approx(8 * np.log10(9))
    assert can_be_searched(eight, 6)
    assert not can_be_searched(eight, 4)  # none is below four
    assert not can_be_searched(np.full(8, 0.0), 6)  # zero is shown
    assert not can_be_searched(np.append(np.full(7, 100.0), 3.0), 6)  # 201^7 * 7: 10^16.97
    assert digits_that_leave([8 * np.log10(9)], 1) == 4
    assert digits_that_leave([3 * np.log10(9)], 1) == 0  # 729 in all
    assert digits_that_leave([15.0, 12.0], 6) == 1


def test_an_estimate_near_zero_tells_no_finer_than_its_error():
    """With an error of 5.1 told to two digits, 0.0123 is 0.0: a place further would be digits beyond two."""
    row = {"estimator": "a", "outcome": "o", "scale": "rate_per", "estimate": 0.0123, "std_error": 5.087,
           "conf_low": -9.958, "statistic": 0.002418, "p_value": 0.9981}  # fmt: skip
    about = SearchedCounts(Disclosure(profile="dfe"))
    about.digits["a", "o"] = 2
    table = pd.DataFrame([row, {**row, "estimator": "b"}])
    out = about.coarser("estimates.csv", table, ["estimate", "std_error", "conf_low", "statistic", "p_value"])
    assert out.iloc[0, 3:].tolist() == [0.0, 5.0, -10.0, 0.0, 1.0]
    assert out.iloc[1].to_dict() == table.iloc[1].to_dict()
    assert about.coarse == [("estimates.csv", "a o", 2, 5)]
