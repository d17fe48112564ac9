"""The gate of the writer: what a profile holds back, and that nobody who solves gets it back."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.files import csv_text, read_table
from sos_eval.bundle.withheld import path_rows
from sos_eval.jobs.judge import Judged
from tests.bundle.adversary import Adversary

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
  - {id: primary, method: callaway_santanna, control: CONTROL}
  - {id: twfe, method: twfe}
  - {id: event, method: event_study_twfe}
inference: [{method: randomization, draws: 99}, {method: analytic}]
checks: [pretrends, leave_one_out]
seed: 4
report: {formats: []}
"""


def drawn(folder: Path, seed: int, *, curve: bool = False) -> int:
    """Write a small random panel and its design under a random profile; return the smallest count that is shown."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3 if curve and seed % 3 else 1, 5, size=rng.integers(1, 4))
    untreated = int(rng.integers(3, 7))
    periods = int(rng.integers(4, 7))
    starts = np.repeat(2012 + np.arange(len(sizes)), sizes)
    starts = np.concatenate([starts, np.zeros(untreated, int)])
    data = pd.DataFrame([(f"A{u:02d}", start, 2010 + t) for u, start in enumerate(starts) for t in range(periods)])
    data.columns = ["la", "start", "year"]
    level = rng.choice([1.5, 4.0, 12.0, 60.0], size=len(starts)).repeat(periods)
    data["children"] = rng.choice([300, 1000, 5000], size=len(starts)).repeat(periods) + rng.integers(0, 99, len(data))
    data["entries"] = rng.poisson(level)
    more = np.random.default_rng([seed, 1])
    data["young"] = (data["children"] * more.uniform(0.2, 0.9, len(data))).round()
    data["region"] = more.choice(["north", "south"], len(starts)).repeat(periods)
    data.to_csv(folder / "panel.csv", index=False)
    profile, smallest = [("dfe", 6), ("ons_srs", 10)][seed % 2]
    design = DESIGN.replace("CONTROL", ["never_treated", "not_yet_treated"][seed // 2 % 2])
    design = beside(design, starts, rng)
    design = design.replace("seed: 4", f"{curved(starts, periods, more)}\nseed: 4") if curve else design
    (folder / "open.yaml").write_text(design)
    (folder / "guarded.yaml").write_text(f"{design}disclosure: {{profile: {profile}}}\n")
    return smallest


def curved(starts: np.ndarray, periods: int, rng: np.random.Generator) -> str:
    """Return a specification curve over windows, units, denominators, regions or starts: two or three choices."""
    some = [", ".join(f"A{u:02d}" for u in rng.permutation(len(starts))[: rng.integers(1, 6)]) for _ in range(2)]
    choices = {
        "window": ["with: {panel.window.from: 2011}", f"with: {{panel.window.to: {2008 + periods}}}"],
        "units": [f"with: {{panel.exclude: [{one}]}}, label: less {k}" for k, one in enumerate(some)],
        "denominator": ["exposure: young"],
        "regions": ["within: [region]"],
        "start": ["start: 1", "start: -1"],
        "method": ["estimator: {method: twfe}", "estimator: {method: event_study_twfe}"],
    }
    names = rng.permutation(list(choices))[: rng.integers(2, 4)]
    options = (f"        {name}: [{', '.join(f'{{{one}}}' for one in choices[name])}]" for name in names)
    return "\n".join(["  - specification_curve:", "      draws: 19", "      vary:", *options])


def beside(design: str, starts: np.ndarray, rng: np.random.Generator) -> str:
    """Add estimators and alternatives without some units or the first period; an adopter of 2012 and an other stay."""

    def some() -> str:
        out = rng.permutation(len(starts))[: rng.integers(1, 6)]
        kept = [max(np.flatnonzero(starts == side), key=lambda u: (u not in out, -u)) for side in (2012, 0)]
        return (
            ", ".join(f"A{u:02d}" for u in sorted({*out.tolist()} - {int(u) for u in kept}))
            or f"A{len(starts) - 1:02d}"
        )

    estimators = f"""\
  - {{id: less, method: twfe, role: sensitivity, with: {{panel.exclude: [{some()}]}}}}
  - {{id: fewer, method: callaway_santanna, role: sensitivity, with: {{panel.exclude: [{some()}]}}}}
  - {{id: later, method: callaway_santanna, role: sensitivity, with: {{panel.window.from: 2011}}}}
inference:"""
    vary = "".join(f"\n        - {{with: {{panel.exclude: [{some()}]}}, label: without {k}}}" for k in range(4))
    checks = f"""\
checks:
  - pretrends
  - leave_one_out
  - robustness:
      draws: 19
      vary:
        - {{with: {{panel.window.from: 2011}}, label: window}}{vary}"""
    return design.replace("inference:", estimators, 1).replace("checks: [pretrends, leave_one_out]", checks)


def run(folder: Path, name: str) -> Path:
    return se.run(folder / f"{name}.yaml", out=folder / name).path


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out what publishes nothing linear: figures of the folder's own tables, and detectable sizes."""
    monkeypatch.setattr("sos_eval.jobs.write.render_all", lambda *given: [])
    monkeypatch.setattr("sos_eval.jobs.run.judge", lambda *run: Judged())


@pytest.fixture
def unsearched(monkeypatch):
    """Switch the rule on whole numbers off: of small counts it leaves little for the other rules to hold back."""
    monkeypatch.setattr("sos_eval.results.search._LISTED", -np.inf)
    monkeypatch.setattr("sos_eval.results.members.Members.searched", lambda *told: False)
    monkeypatch.setattr("sos_eval.results.members.Members.protected_sides", lambda *told: iter(()))
    monkeypatch.setattr("sos_eval.bundle.searched.pins_down", lambda *told: False)


@pytest.mark.parametrize(
    "seed",
    [0, 1371, *(pytest.param(more, marks=pytest.mark.slow) for more in (1710, 1808, 3136, *range(1, 5)))],
)  # those of four digits gave a count back once
def test_nothing_comes_back_from_what_is_published(seed, tmp_path, undrawn, unsearched):
    smallest = drawn(tmp_path, seed)
    adversary = Adversary(tmp_path / "guarded.yaml")
    assert adversary.recovered(adversary.statements(run(tmp_path, "guarded"), digits=4), smallest) == []


@pytest.mark.parametrize("seed", [0, *(pytest.param(more, marks=pytest.mark.slow) for more in (1, 2))])
def test_nothing_comes_back_where_digits_are_fewer(seed, tmp_path, undrawn):
    smallest = drawn(tmp_path, seed)
    adversary = Adversary(tmp_path / "guarded.yaml")
    assert adversary.recovered(adversary.statements(run(tmp_path, "guarded"), digits=4), smallest) == []


def test_the_adversary_succeeds_where_there_is_no_gate(tmp_path, undrawn):
    smallest = drawn(tmp_path, 3)
    adversary = Adversary(tmp_path / "open.yaml")
    assert len(adversary.recovered(adversary.statements(run(tmp_path, "open"), digits=17), smallest)) > 5


def pilot(folder: Path) -> None:
    """One pilot with 1 to 4 entries a year among eight authorities that never begin."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame([(f"A{u}", 2012 if u == 0 else 0, 2010 + t) for u in range(9) for t in range(5)])
    data.columns = ["la", "start", "year"]
    data["children"] = 900 + 37 * data.index
    data["entries"] = np.where(data["start"] > 0, 1 + data.index % 4, rng.poisson(25, len(data)))
    data.to_csv(folder / "panel.csv", index=False)
    design = DESIGN.replace("CONTROL", "never_treated").replace("formats: []", "formats: [html, md]")
    (folder / "open.yaml").write_text(design)
    (folder / "guarded.yaml").write_text(f"{design}disclosure: {{profile: dfe}}\n")


def test_one_pilot_s_counts_do_not_come_out(tmp_path, undotted):
    pilot(tmp_path)
    whole, guarded, adversary = run(tmp_path, "open"), run(tmp_path, "guarded"), Adversary(tmp_path / "open.yaml")
    assert set(adversary.recovered(adversary.statements(whole, digits=17), 6)) == set(range(5))
    assert adversary.recovered(adversary.statements(guarded, digits=4), 6) == []
    table = read_table(guarded / "estimates.csv")
    assert table["estimate"].isna().all()
    third = table["estimator"] == "event"
    assert (table.loc[~third, "reason"] == "withheld: rests on fewer than 3 units").all()
    assert table.loc[third, "reason"].str.startswith("withheld: one more equation").all()


def test_a_mean_denominator_of_few_is_held_back(tmp_path, undrawn):
    pilot(tmp_path)
    whole, guarded = (
        se.read_bundle(run(tmp_path, name)).facts.panel.outcomes["outcome"] for name in ("open", "guarded")
    )
    assert np.isfinite(whole.mean_exposure_treated)
    assert np.isnan(guarded.mean_exposure_treated)
    assert np.isfinite(guarded.mean_exposure)


#: Columns of numbers of which the adversary makes no statement, by why: see docs/disclosure.md.
READ = {
    "estimates": {"estimate"}, "universal_base": {"estimate"}, "outcome_paths": {"mean", "mean_pooled"},
    "robustness": {"estimate", "shift", "against_estimate"}, "specification_curve": {"estimate", "percent"},
    "tests": {"observed"}, "joint": {"coefficient"},
}  # fmt: skip
NOT_LINEAR = {
    "std_error", "conf_low", "conf_high", "band_low", "band_high", "statistic", "df", "p_value", "shift_error",
    "shift_p", "percent_low", "percent_high", "mean", "sd", "p", "p_centred", "mcse", "low", "high",
    "low_mcse", "high_mcse", "p_adjusted", "value", "power", "size", "wald", "slope", "p_chi2", "p_f", "df_f",
    "distance",
}  # fmt: skip
NOT_OF_COUNTS = {
    "cohort", "time", "event_time", "conf_level", "level", "n_obs", "n_units", "n_treated_units", "n_clusters", "draws",
    "threshold", "first_treated", "units", "rows", "cells", "at_most",
}  # fmt: skip


def test_each_number_that_is_written_is_read_by_the_adversary_or_named(tmp_path, undotted, unsearched):
    drawn(tmp_path, 1004, curve=True)
    guarded = run(tmp_path, "guarded")
    tables = {file: read_table(file) for file in guarded.rglob("*.csv")}
    unread = set()
    for file, table in tables.items():
        told = {name for name in table.select_dtypes("number") if table[name].notna().any()}
        kind = file.stem.split(".")[-1]
        if file.parent.name == "figures":
            continue
        unread |= {(file.name, name) for name in told - READ.get(kind, set()) - NOT_LINEAR - NOT_OF_COUNTS}
    assert unread == set()
    held = [
        table.select_dtypes("number").stack().dropna()
        for file, table in tables.items()
        if file.parent.name != "figures"
    ]
    known = set(np.concatenate(held)) | set(numbers_of(json.loads((guarded / "headline.json").read_text())))
    assert any(file.parent.name == "figures" for file in tables)
    for file, table in tables.items():
        if file.parent.name == "figures":
            told = table.select_dtypes("number").stack().dropna()
            assert set(told[told % 1 > 0]) <= known, file.name  # whole numbers are places on an axis
    copied = json.loads((guarded / "results.json").read_text())
    assert copied["estimates"]
    copies = {
        one for one in numbers_of([copied[name] for name in ("estimates", "tests", "tables")]) if np.isfinite(one)
    }
    assert copies <= known


def numbers_of(value: object) -> list[float]:
    """Return every number of a JSON value."""
    if isinstance(value, dict | list):
        return [one for item in (value.values() if isinstance(value, dict) else value) for one in numbers_of(item)]
    return [float(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_nothing_withheld_stands_on_the_page(tmp_path, undotted):
    pilot(tmp_path)
    whole, guarded = run(tmp_path, "open"), run(tmp_path, "guarded")
    held = read_table(whole / "estimates.csv")[["estimate", "std_error", "conf_low", "conf_high"]].stack()
    paths = read_table(whole / "tables" / "outcome_paths.csv")
    held = pd.concat([held, paths.loc[paths["group"] == "treated", "mean"]])
    words = {f"{abs(value):.3g}" for value in held if len(f"{abs(value):.3g}") > 3}
    read = {word.strip(".") for word in re.findall(r"\d+\.\d+", (whole / "report.md").read_text())}
    assert words & read
    told = {word.strip(".") for word in re.findall(r"\d+\.\d+", (guarded / "report.md").read_text())}
    assert words & told == set()
    assert (guarded / "report.html").stat().st_size > 10_000
    assert "does not say" in se.read_bundle(guarded).headline["sentence"]


@pytest.mark.slow
def test_values_of_matched_covariates_by_unit_stay(tmp_path, undrawn):
    drawn(tmp_path, 4)
    matched = "comparison: {method: nearest, on: [outcome_pre], distance: outcome_pre}\nestimators:"
    for name in ("open", "guarded"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(file.read_text().replace("estimators:", matched))
    assert (run(tmp_path, "open") / "tables" / "balance_values.csv").exists()
    guarded = run(tmp_path, "guarded")
    assert not (guarded / "tables" / "balance_values.csv").exists()
    held = read_table(guarded / "disclosure.csv").set_index("file")["rule"]
    assert held["tables/balance_values.csv"] == "withheld: each row is about a single unit"


def test_what_is_shown_has_four_digits_and_the_list_says_what_is_not(tmp_path, undotted):
    drawn(tmp_path, 4)
    guarded = run(tmp_path, "guarded")
    files = sorted({*guarded.rglob("*.csv")})
    assert {"answer.csv", "estimates.csv", "outcome_paths.csv"} <= {file.name for file in files}
    for file in files:
        numbers = read_table(file).select_dtypes("float").stack().dropna()
        assert [value for value in numbers if float(f"{value:.3e}") != value] == []
    listed = read_table(guarded / "disclosure.csv")
    assert listed.columns.tolist() == ["file", "what", "rule", "action", "cells"]
    held = listed[listed["action"] == "withheld"]
    assert (held["cells"] > 0).all()
    assert {"tables/leave_one_out.csv", "tables/outcome_paths.csv"} <= set(held["file"])
    assert listed.loc[0, "rule"].startswith("profile dfe; fewest units 3, smallest count 6")
    assert not (run(tmp_path, "open") / "disclosure.csv").exists()


def test_means_of_drawn_estimates_are_equations_and_held_back(tmp_path, undrawn, unsearched):
    drawn(tmp_path, 1060)
    file = tmp_path / "guarded.yaml"
    file.write_text(file.read_text().replace("randomization, draws", "randomization, statistic: both, draws"))
    guarded = run(tmp_path, "guarded")
    tests, alternatives = read_table(guarded / "tests.csv"), read_table(guarded / "tables" / "robustness.csv")
    told = tests[tests["estimator"] == "primary"].set_index("statistic")
    assert told["p"].notna().all()
    assert tests["mean_estimate"].isna().all()
    assert np.isnan(told.loc["coefficient", "mean"])
    assert np.isfinite(told.loc["studentised", "mean"])  # no linear function of the counts
    assert alternatives["std_error"].notna().any()
    assert alternatives["mean_of_draws"].isna().all()


def test_checks_of_an_estimate_some_of_which_is_held_back_are_held_back(tmp_path, undrawn, unsearched):
    drawn(tmp_path, 1058)
    file = tmp_path / "guarded.yaml"
    text = file.read_text()
    checks = "checks: [pretrends, placebo_time, honest_did, sensitivity]\n"
    file.write_text(text[: text.index("checks:")] + checks + text[text.index("seed: 4") :])
    guarded = run(tmp_path, "guarded")
    assert read_table(guarded / "estimates.csv").query("estimator == 'primary'")["estimate"].isna().any()
    diagnostics = read_table(guarded / "diagnostics.csv")
    assert diagnostics["value"].isna().all()
    assert {"placebo_time.1", "sensitivity.robustness_value"} <= set(diagnostics["name"])
    names = {file.stem.split(".")[0] for file in (guarded / "tables").iterdir()}
    assert names.isdisjoint({"pretrends", "placebo_time", "honest_did", "sensitivity"})


@pytest.mark.slow
@pytest.mark.parametrize("block", range(50))
def test_none_of_a_thousand_bundles_gives_a_count_back(block, tmp_path, undrawn, unsearched):
    for seed in range(1000 + 20 * block, 1020 + 20 * block):
        assert given_back(tmp_path, seed) == [], f"seed {seed}"


@pytest.mark.slow
def test_none_of_fifty_bundles_with_fewer_digits_gives_a_count_back(tmp_path, undrawn):
    for seed in range(1000, 2000, 20):
        assert given_back(tmp_path, seed) == [], f"seed {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("block", range(6))
def test_none_of_sixty_bundles_with_a_curve_gives_a_count_back(block, tmp_path, undrawn, unsearched):
    for seed in range(1000 + 10 * block, 1010 + 10 * block):
        assert given_back(tmp_path, seed, curve=True) == [], f"seed {seed}"


def given_back(folder: Path, seed: int, *, curve: bool = False) -> list[int]:
    """Return the protected counts that a random bundle gives back."""
    folder = folder / str(seed)
    folder.mkdir()
    smallest = drawn(folder, seed, curve=curve)
    adversary = Adversary(folder / "guarded.yaml")
    return adversary.recovered(adversary.statements(run(folder, "guarded"), digits=4), smallest)


def test_cells_that_a_spreadsheet_would_run_come_back_as_meant(tmp_path):
    texts = ["=1+1", "-1.5", "+44 20", "@x", "'=x", "''-y", "-", "plain", "'quoted'", "\tx", "−3"]
    table = pd.DataFrame({"unit": texts, "estimate": np.arange(len(texts)) - 5.5}).astype({"unit": object})
    (tmp_path / "t.csv").write_text(csv_text(table), encoding="utf-8")
    raw = pd.read_csv(tmp_path / "t.csv", dtype=str)
    assert [cell for cell in raw["unit"] if cell[0] in "=+-@\t"] == ["-1.5"]
    assert raw["estimate"][0] == "-5.5"
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), table)


def test_no_place_of_the_machine_is_written(tmp_path):
    folder = tmp_path / "Jo Smith" / "study"
    folder.mkdir(parents=True)
    drawn(folder, 5)
    written = se.run(folder / "open.yaml", out=folder / "open", panel=folder / "panel.csv").path
    for file in (file for file in written.rglob("*") if file.is_file()):
        content = file.read_bytes()
        for place in (str(tmp_path), "Jo Smith", str(Path.home()) + "/", str(Path.cwd()) + "/"):
            assert place.encode() not in content, file.name


NESTED = """
  - {id: less, method: twfe, role: sensitivity, with: {panel.exclude: [A00]}}
  - {id: many, method: twfe, role: sensitivity, with: {panel.exclude: [A00, A01, A02]}}
  - {id: nearby, method: twfe, role: sensitivity, with: {panel.exclude: [A01, A02, A03, A20]}}
inference: analytic
checks:
  - robustness:
      draws: 19
      vary:
        - {with: {panel.window.from: 2011}, label: window}
        - {with: {panel.exclude: [A05]}, label: one}
        - {with: {panel.exclude: [A00, A01, A02, A03, A04]}, label: few}
        - {with: {panel.exclude: [A00, A01, A02]}, label: three}
        - {with: {panel.exclude: [A03, A04, A05]}, label: other three}
"""


def nested(folder: Path, profile: str) -> Path:
    """Seven pilots and twenty others; return the bundle of a design whose estimates leave some out."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame([(f"A{u:02d}", 2012 if u < 7 else 0, 2010 + t) for u in range(27) for t in range(4)])
    data.columns = ["la", "start", "year"]
    data["children"], data["entries"] = 900 + 37 * data.index, rng.poisson(25, len(data))
    data.to_csv(folder / "panel.csv", index=False)
    head, rest = DESIGN.split("estimators:")
    tail = rest[rest.index("seed:") :]
    entries = "estimators:\n  - {id: primary, method: twfe}"
    (folder / f"{profile}.yaml").write_text(f"{head}{entries}{NESTED}{tail}disclosure: {{profile: {profile}}}\n")
    return run(folder, profile)


@pytest.mark.slow
def test_of_estimates_on_nearly_the_same_units_one_is_told(tmp_path, undrawn):
    guarded = nested(tmp_path, "dfe")
    table = read_table(guarded / "estimates.csv")
    told = table.groupby("estimator")["estimate"].apply(lambda values: values.notna().any())
    assert told.to_dict() == {"primary": True, "less": False, "many": True, "nearby": False}
    reasons = table.set_index("estimator")["reason"]
    assert reasons["less"].str.startswith("withheld: its units differ").all()
    rows = read_table(guarded / "tables" / "robustness.csv").set_index("variant")
    told = rows["estimate"].notna().to_dict()
    hidden = {"one": False, "few": False, "other three": False}  # without 3, 4, 5 and without 0, 1, 2: A06 alone
    assert told == {"as declared": True, "window": True, "three": True, **hidden}
    assert rows["reason"]["other three"].startswith("withheld: with estimates that are shown its units would tell")
    assert rows["n_treated_units"].to_dict() == {
        "as declared": 7, "window": 7, "one": 6, "few": 2, "three": 4, "other three": 4,
    }  # fmt: skip
    numbers = rows.loc[[*hidden]].select_dtypes("float").drop(columns=["n_units", "n_treated_units"])
    assert numbers.isna().all(axis=None)
    check = read_table(guarded / "diagnostics.csv").set_index("name").loc["robustness"]
    assert pd.isna(check["value"])
    assert "withheld" in check["text"]
    listed = read_table(guarded / "disclosure.csv")
    rounded = listed[listed["action"] == "rounded"].set_index("file")["what"]
    assert rounded["tables/robustness.csv"] == "fewest units behind a row that is shown: 4"
    assert {"estimates.csv", "tables/robustness.csv"} <= set(listed.loc[listed["rule"].str.contains("differ"), "file"])
    assert read_table(nested(tmp_path, "open") / "tables" / "robustness.csv")["estimate"].notna().all()


@pytest.mark.slow
def test_weights_by_unit_and_adjusted_p_of_what_is_withheld_stay(tmp_path, undrawn):
    guarded = nested(tmp_path, "dfe")
    assert not (guarded / "weights.csv").exists()
    listed = read_table(guarded / "disclosure.csv").set_index("file")
    assert listed.loc["weights.csv", "rule"] == "withheld: each row is about a single unit"
    pilot(tmp_path)
    tests = read_table(run(tmp_path, "guarded") / "tests.csv")
    assert len(tests)
    assert tests[["p", "p_adjusted"]].isna().all(axis=None)


PEOPLE = """
schema: sos-eval/design/1
name: people
title: Children matched
question: {intervention: visits, population: children, comparator: others, outcome: days, expected_direction: decrease}
panel:
  source: csv
  path: people.csv
  layout: cross_sections
  unit: la
  time: year
  outcome: {value: days}
  treatment: {first_treated: start}
  covariates: [age, kind, disabled]
comparison:
  method: declared
  sets: {L0: [L3, L4], L1: [L5], L2: [L6, L7]}
  people: {method: cem, on: [age, kind, disabled], cutpoints: {age: [5.5, 10.5], disabled: [5]}}
estimators: [{id: primary, method: matched_did}]
inference: analytic
disclosure: {profile: dfe}
report: {formats: [md]}
seed: 1
"""


@pytest.mark.parametrize("codes", [(0, 1), (1, 2), (0, 4)])
def test_a_category_of_few_children_is_neither_named_nor_counted(tmp_path, codes):
    rng = np.random.default_rng(9)
    n = 1200
    la, year = rng.integers(0, 8, n), rng.integers(2001, 2008, n)
    data = pd.DataFrame({"la": [f"L{one}" for one in la], "year": year, "age": rng.integers(0, 16, n)})
    data["start"] = np.where(la < 3, 2004, 0)
    data["kind"] = rng.choice(["north", "south"], n)
    data["disabled"] = codes[0]
    data.loc[np.flatnonzero(la == 0)[:2], "disabled"] = codes[1]
    data.loc[np.flatnonzero(la == 1)[0], "kind"] = "CANARY"
    data["days"] = 20 + data["age"] / 4 + rng.normal(size=n)
    data.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "guarded.yaml").write_text(PEOPLE)
    guarded = run(tmp_path, "guarded")
    written = [file for file in guarded.rglob("*") if file.is_file()]
    assert [file.name for file in written if b"CANARY" in file.read_bytes()] == []
    balance = read_table(guarded / "balance.csv").set_index("covariate")
    assert balance.loc["disabled", "std_mean_diff"].isna().all()
    assert "kind=(few people)" in balance.index
    worst = read_table(guarded / "diagnostics.csv").set_index("name").loc["balance.max_smd"]
    assert np.isnan(worst["value"])
    assert not list((guarded / "tables").glob("balance.max*"))


CURVE = """\
checks:
  - robustness:
      draws: 19
      vary: [{with: {panel.window.from: 2011}, label: from 2011}, {with: {panel.window.from: 2012}, label: from 2012}]
  - specification_curve:
      draws: 19
      vary: {window: [{with: {panel.window.from: 2011}, label: from 2011}]}
seed:"""


def one_late(folder: Path, starts: list[int], profile: str = "dfe") -> Path:
    """Adopters and eight others whose counts are small; return the bundle with windows as alternatives."""
    rng = np.random.default_rng(5)
    starts = [*starts, *[0] * 8]
    data = pd.DataFrame([(f"A{u:02d}", start, 2010 + t) for u, start in enumerate(starts) for t in range(7)])
    data.columns = ["la", "start", "year"]
    data["children"], data["entries"] = 5000 + 37 * data.index, rng.poisson(30, len(data))
    data.to_csv(folder / "panel.csv", index=False)
    head = DESIGN.split("checks:")[0].replace("CONTROL", "never_treated")
    (folder / f"{profile}.yaml").write_text(
        f"{head}{CURVE} 4\nreport: {{formats: []}}\ndisclosure: {{profile: {profile}}}\n"
    )
    return run(folder, profile)


def test_alternatives_of_an_estimate_that_is_told_in_part_are_held_back(tmp_path, undrawn):
    """Each window is one more equation on the one late starter: two of them and the paths gave its count back."""
    guarded = one_late(tmp_path, [2014] * 6 + [2015])
    for name in ("robustness", "specification_curve"):
        table = read_table(guarded / "tables" / f"{name}.csv").set_index("variant").drop(index="as declared")
        assert len(table)
        assert table.select_dtypes("float").drop(columns=["n_units", "n_treated_units"]).isna().all(axis=None)
        assert table["reason"].str.startswith("withheld: one more equation").all()
    told = read_table(guarded / "diagnostics.csv").set_index("name")
    assert told.loc[["robustness", "specification_curve"], "value"].isna().all()
    assert told.loc[["robustness", "specification_curve"], "text"].str.contains("withheld").all()


def test_a_curve_says_no_per_cent_of_a_level_that_it_would_give_back(tmp_path, undrawn):
    guarded = one_late(tmp_path, [2014] * 6)
    table = read_table(guarded / "tables" / "specification_curve.csv")
    assert table["estimate"].notna().all()
    assert table[["percent", "percent_low", "percent_high"]].isna().all(axis=None)
    said = read_table(guarded / "diagnostics.csv").set_index("name").loc["specification_curve", "text"]
    # both windows give the same numbers under every adoption: one specification
    assert said.startswith("1 specification: the design and combinations of window, ")
    assert "%" not in said
    whole = read_table(one_late(tmp_path, [2014] * 6, "open") / "diagnostics.csv").set_index("name")
    assert "% of the treated's level before the start" in whole.loc["specification_curve", "text"]
    assert read_table(guarded / "disclosure.csv")["rule"].str.contains("give back the mean before the start").any()


#: Seven pilots, as many sets of four that differ pairwise by four: together they are equations enough for each pilot.
FOURS = [(0, 1, 2, 4), (1, 2, 3, 5), (2, 3, 4, 6), (0, 3, 4, 5), (1, 4, 5, 6), (0, 2, 5, 6), (0, 1, 3, 6)]


def equations(folder: Path, pilots: int, options: str) -> tuple[Path, Adversary]:
    """Pilots of few entries and three others, and a curve of many alternatives; return bundle and adversary."""
    rng = np.random.default_rng(6)
    data = pd.DataFrame(
        [(f"A{u:02d}", 2012 if u < pilots else 0, 2010 + t) for u in range(pilots + 3) for t in range(4)]
    )
    data.columns = ["la", "start", "year"]
    data["children"] = 900 + 37 * data.index
    for k in range(9):
        data[f"e{k}"] = (data["children"] * rng.uniform(0.2, 0.9, len(data))).round()
    data["entries"] = rng.poisson(np.where(data["start"] > 0, 4 * (data["year"] > 2010), 25))  # none in 2010: levels
    data.to_csv(folder / "panel.csv", index=False)
    head = DESIGN.split("estimators:")[0]
    windows = ", ".join(
        f"{{with: {{panel.window: {{from: {a}, to: {b}}}}}}}" for a, b in [(2010, 2012), (2011, 2013), (2011, 2012)]
    )
    (folder / "guarded.yaml").write_text(f"""\
{head}estimators: [{{id: primary, method: twfe}}]
inference: analytic
checks: [{{specification_curve: {{draws: 19, vary: {{window: [{windows}], other: [{options}]}}}}}}]
disclosure: {{profile: dfe}}
report: {{formats: []}}
""")
    return run(folder, "guarded"), Adversary(folder / "guarded.yaml")


@pytest.mark.parametrize(
    ("pilots", "options", "rule", "switched"),
    [
        pytest.param(
            3, ", ".join(f"{{exposure: e{k}}}" for k in range(9)), "weighs_as", lambda one, other: True,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            7, ", ".join(f"{{with: {{panel.exclude: [{', '.join(f'A0{u}' for u in some)}]}}}}" for some in FOURS),
            "completes", lambda one, others, fewest: False, marks=pytest.mark.slow,
        ),
    ],
    ids=["denominators", "units"],
)  # fmt: skip
def test_alternatives_that_together_tell_of_single_units_are_not_all_told(
    pilots, options, rule, switched, tmp_path, undrawn, unsearched, monkeypatch
):
    guarded, adversary = equations(tmp_path, pilots, options)
    rows = read_table(guarded / "tables" / "specification_curve.csv")
    assert 1 < rows["estimate"].notna().sum() < len(rows)
    assert adversary.recovered(adversary.statements(guarded, digits=4), 6) == []
    monkeypatch.setattr(f"sos_eval.results.members.Members.{rule}", switched)
    monkeypatch.setattr("sos_eval.results.members.Members.pinned", lambda *told: False)
    (tmp_path / "again").mkdir()
    ungated, adversary = equations(tmp_path / "again", pilots, options)
    assert adversary.recovered(adversary.statements(ungated, digits=4), 6, within=8) != []


FEW_BESIDE_MANY = """\
schema: sos-eval/design/1
name: few
panel:
  source: csv
  path: few_beside_many.csv
  unit: la
  time: year
  outcome: {count: n, exposure: kids, per: 10000}
  treatment: {first_treated: first, untreated_means: never}
estimators: [{id: primary, method: callaway_santanna}]
inference: [{method: analytic}]
checks: []
seed: 7
report: {formats: []}
"""


def with_all_treated(paths, *about):
    """Hold back as the gate does, but for the path of all treated."""
    few, back = path_rows(paths, *about)
    return few, back & ~((paths["group"] == "treated") & paths["cohort"].isna()).to_numpy()


def test_a_start_of_one_does_not_come_back_from_the_path_of_all_and_event_times(
    tmp_path, undrawn, unsearched, monkeypatch
):
    """One authority begins in 2013, six in 2014: with the path of all treated its counts of 2010 and 2013 came back."""
    shutil.copy(Path(__file__).with_name("few_beside_many.csv"), tmp_path)
    for name, profile in (("guarded", "dfe"), ("again", "dfe")):
        (tmp_path / f"{name}.yaml").write_text(f"{FEW_BESIDE_MANY}disclosure: {{profile: {profile}}}\n")
    adversary = Adversary(tmp_path / "guarded.yaml")
    guarded = run(tmp_path, "guarded")
    assert adversary.recovered(adversary.statements(guarded, digits=4), 6) == []
    table = read_table(guarded / "estimates.csv")
    told = table[table["estimate"].notna() & (table["aggregation"] == "event_time")]["event_time"]
    assert set(told) == {-3.0, -2.0, -1.0}
    means = read_table(guarded / "tables" / "outcome_paths.csv").groupby("group")["mean"].count()
    assert means.to_dict() == {"comparison": 8, "treated": 0}
    monkeypatch.setattr("sos_eval.bundle.passed_tables.path_rows", with_all_treated)
    assert adversary.recovered(adversary.statements(run(tmp_path, "again"), digits=4), 6) != []
