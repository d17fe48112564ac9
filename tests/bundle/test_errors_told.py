"""Errors are sums of squares: by two procedures a reader had every small count of four treated authorities."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.content import Confidential
from sos_eval.bundle.digits import significant
from sos_eval.bundle.errors_told import ERROR_COLUMNS, ERRORS
from sos_eval.bundle.files import read_table
from sos_eval.bundle.gate import gated
from sos_eval.economics.cost import cost_estimate
from sos_eval.panel.disclosure import Disclosure
from sos_eval.results.members import Members
from sos_eval.results.standing_apart import Histories
from tests.bundle.handmade import content
from tests.pilots import pilots_facts

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

DESIGN = """\
schema: sos-eval/design/1
name: squares
panel:
  source: csv
  path: data.csv
  unit: la
  time: year
  outcome: {count: n, exposure: pop, per: 10000}
  treatment: {first_treated: start, untreated_means: never}
inference:
  - analytic
  - jackknife
  - {method: conley_taber, draws: 99, id: randomization_at_95}
  - {method: conley_taber, draws: 99, level: 0.5, id: at50}
estimators:
  - {id: primary, method: twfe}
  - {id: cells, method: callaway_santanna}
  - {id: short, method: twfe, with: {panel.window: {from: 2012, to: 2016}}}
checks:
  - placebo_time
  - pretrends
  - robustness: {vary: [{with: {panel.window.from: 2012}, label: later}]}
disclosure: {profile: PROFILE}
report: {formats: []}
seed: 1
"""


def run(
    folder: Path, treated: int, others: int, small: int, profile: str, *, early: int = 0, rest: bool = False,
    clusters: int = 0,
) -> Path:  # fmt: skip
    """Run the design on seven years of counts in the hundreds; one treated authority has counts of `small` and less.

    Parameters
    ----------
    early
        How many of the treated, that authority among them, start a year before the others.
    rest
        Whether the small counts are those that are left of the denominator.
    clusters
        In how many regions the treated lie, that authority in one of its own, and the others.
    """
    rng, rows = np.random.default_rng(5), []
    for unit in range(treated + others):
        pop = 20_000 if unit == 0 and small else int(rng.integers(150_000, 400_000))
        for year in range(2011, 2018):
            count = int(rng.integers(1, small + 1)) if unit == 0 and small else int(rng.poisson(pop * 0.003))
            count, pop = (80 - count, 80) if rest and unit == 0 else (count, pop)
            start = 2013 if unit < early else 2014 if unit < treated else 0
            region = "own" if unit == 0 else f"R{unit % max(clusters - 1, 1)}{unit < treated}"
            rows.append((f"A{unit:02d}", year, count, pop, start, region))
    pd.DataFrame(rows, columns=["la", "year", "n", "pop", "start", "region"]).to_csv(folder / "data.csv", index=False)
    (folder / "d.yaml").write_text(DESIGN.replace("PROFILE", profile))
    return se.run(folder / "d.yaml", out=folder / profile).path


def told(bundle: Path) -> pd.DataFrame:
    """Return the rows of effects that tell something of their error."""
    table = read_table(bundle / "estimates.csv")
    columns = [name for name in ERROR_COLUMNS if name != "p_value"]
    return table[table[columns].notna().any(axis=1)]


def test_two_procedures_part_the_sides(tmp_path):
    """What the rule is for: by its two errors the sum of squares of the treated alone, from nothing but a bundle."""
    bundle = run(tmp_path, 4, 12, 9, "open")
    data = pd.read_csv(tmp_path / "data.csv").assign(rate=lambda t: 1e4 * t["n"] / t["pop"])
    wide = data.pivot(index="la", columns="year", values="rate").to_numpy()
    change = wide[:, 3:].mean(1) - wide[:, 2]
    squares = [((side - side.mean()) ** 2).sum() for side in (change[:4], change[4:])]
    rows = read_table(bundle / "estimates.csv").query("estimator == 'cells' and aggregation == 'overall'")
    found = rows.set_index("inference")["std_error"][["analytic", "jackknife"]].to_numpy(float) ** 2
    factor = [[1 / 4**2, 1 / 12**2], [15 / 16 / 3**2, 15 / 16 / 11**2]]
    np.testing.assert_allclose(np.linalg.solve(factor, found), squares, rtol=1e-8)
    assert len(told(bundle)) > 30


def test_of_few_units_with_a_small_count_one_procedure_tells_the_answers_error_alone(tmp_path):
    bundle = run(tmp_path, 4, 12, 9, "ons_srs")
    table, shown = read_table(bundle / "estimates.csv"), told(bundle)
    headline = json.loads((bundle / "headline.json").read_text())
    keys = ["estimator", "outcome", "inference", "aggregation"]
    assert shown[keys].drop_duplicates().to_numpy().tolist() == [[*(headline[key] for key in keys[:3]), "overall"]]
    beside = table[(table["inference"] == "jackknife") & (table["aggregation"] == "overall")]
    assert beside["estimate"].notna().any()  # the estimates stay, with the reason beside them
    assert set(beside.loc[beside["estimate"].notna(), "reason"]) == {ERRORS}
    others = table[table["p_value"].notna()]
    assert set(others["inference"]) == {"randomization"}
    assert set(others["aggregation"]) == {"overall"}
    tests = read_table(bundle / "tests.csv")
    assert tests[["observed", "sd", "low", "high"]].isna().all(axis=None)
    checks = read_table(bundle / "diagnostics.csv")
    assert checks["value"].isna().all()
    assert not [file.name for file in (bundle / "tables").glob("placebo_time*")]
    variants = read_table(bundle / "tables" / "robustness.csv")
    assert variants[[name for name in ERROR_COLUMNS if name in variants]].isna().all(axis=None)
    facts = json.loads((bundle / "results.json").read_text())
    assert {one["inference"] for one in facts.get("procedures", [])} <= {headline["inference"]}
    listed = read_table(bundle / "disclosure.csv")
    assert listed["rule"].eq(ERRORS).any()


def test_without_a_small_count_all_errors_are_told(tmp_path):
    shown = told(run(tmp_path, 4, 12, 0, "ons_srs"))
    assert {"analytic", "jackknife", "randomization_at_95", "at50"} <= set(shown["inference"])
    assert {"primary", "cells", "short"} == set(shown["estimator"])


@pytest.mark.slow
def test_of_many_units_with_a_small_count_two_procedures_tell_of_each_estimate(tmp_path):
    """Levels of one procedure list single authorities' residuals."""
    shown = told(run(tmp_path, 16, 20, 9, "ons_srs"))
    assert (shown.groupby("estimator")["inference"].nunique() == 2).all()
    assert shown["aggregation"].nunique() > 1


@pytest.mark.slow
def test_a_start_of_few_units_inside_many_counts_as_a_side_does(tmp_path):
    """Errors of its cells are sums over its four units: all counts came back in three panels of three."""
    shown = told(run(tmp_path, 18, 20, 9, "ons_srs", early=4))
    assert len(shown) <= 1


@pytest.mark.parametrize("by", ["  cluster: region\n", ""], ids=["clusters", "two_way"])
def test_many_units_in_few_clusters_count_as_few(by, tmp_path, monkeypatch):
    """Squares are of clusters' sums: 28 of 42 counts of an authority in a region of its own came back from windows."""
    design = DESIGN.replace("  time: year\n", f"  time: year\n{by}")
    if not by:
        design = design.replace("  - jackknife\n", "  - {method: two_way, also: region}\n")
    design = design.replace("  - {method: conley_taber, draws: 99, level: 0.5, id: at50}\n", "").split(
        "  - {id: short"
    )[0]
    monkeypatch.setattr(f"{__name__}.DESIGN", design + "disclosure: {profile: PROFILE}\nreport: {formats: []}\n")
    assert len(told(run(tmp_path, 16, 20, 9, "ons_srs", clusters=3))) <= 1


@pytest.mark.slow
def test_in_logs_many_units_are_judged_as_few(tmp_path, monkeypatch):
    """A small count moves by more than all others together: errors of seven windows gave every count of it back."""
    monkeypatch.setattr(f"{__name__}.DESIGN", DESIGN.replace("per: 10000}", "per: 10000, transform: log}"))
    assert len(told(run(tmp_path, 16, 20, 9, "ons_srs"))) <= 1


def test_one_unit_outweighs_the_others_of_its_side():
    flat = {f"A{k}": np.array([1.0, 2.0, 3.0 + 0.1 * k]) for k in range(9)}
    histories = Histories(outcome={**flat, "B": np.array([5.0, 1.0, 9.0])})
    everybody = frozenset(histories.outcome)
    assert histories.outweighs(["A1", "B"], everybody)
    assert not histories.outweighs(["A1"], everybody)
    assert not Histories().outweighs(["A1"], everybody)
    apart = dict.fromkeys(everybody, "others") | {"A1": "own"}
    assert histories.outweighs(["B"], everybody, apart)
    assert not Histories(outcome=flat).outweighs(["A1"], frozenset(flat), {"A2": "x", "A3": "x", "A0": "x"})


def test_detectable_sizes_tell_no_error_that_is_withheld():
    counts = {name: np.array([4.0, 20.0, 30.0]) for name in "abcdefgh"}
    members = Members(
        {2015.0: frozenset("abcd")},
        frozenset("efgh"),
        (1.0, 2.0, 3.0),
        counts,
        most={name: 90 + one for name, one in counts.items()},
    )
    curve, facts = pd.DataFrame({"size": [1.0, 2.0], "power": [0.4, 0.9]}), pilots_facts()
    key = (facts.headline.estimator, facts.headline.outcome)
    facts = replace(facts, detectable=replace(facts.detectable, fall=2.0, fall_error=0.1, error_panel=0.2))
    about = Confidential(Disclosure(profile="dfe"), members={key: members})
    out = gated(content(facts=facts, tables={"detectable": curve}, confidential=about), about)
    assert "detectable" not in out.tables
    assert np.isnan([out.facts.detectable.fall_error, out.facts.detectable.error_panel]).all()


def test_what_is_left_of_the_denominator_is_judged_as_a_count(tmp_path):
    assert len(told(run(tmp_path, 4, 12, 9, "ons_srs", rest=True))) <= 1


@pytest.mark.parametrize("treated", [4, pytest.param(18, marks=pytest.mark.slow)])
def test_no_table_tells_an_estimate_without_each_authority(treated, tmp_path):
    """The jackknife's own table was written whole: each line is one authority's change, and so its counts."""
    bundle = run(tmp_path, treated, 20, 9, "ons_srs")
    assert not [file.name for file in (bundle / "tables").glob("*jackknife*")]
    units = {f"A{unit:02d}" for unit in range(treated + 20)}
    for file in (bundle / "tables").glob("*.csv"):
        if file.stem not in ("adoption", "unit_names"):
            cells = read_table(file).select_dtypes("object").to_numpy().ravel()
            assert not units & set(map(str, cells)), file.name


@pytest.mark.slow
def test_how_tests_part_is_told_of_procedures_that_are_told(tmp_path):
    facts = json.loads((run(tmp_path, 16, 20, 9, "ons_srs") / "results.json").read_text())
    parts = facts["disagreement"]
    used = dict.fromkeys(
        read_table(tmp_path / "ons_srs" / "estimates.csv").query("estimator == 'primary'")["inference"]
    )
    assert {one["id"] for one in parts.get("tests", [])} <= set(list(used)[:2])
    assert not parts.get("sd_treated")


ECONOMICS = """\
economics:
  frame: {perspective: authority, price_year: 2024-25, currency: GBP, horizon: 5, comparator: Usual,
    population: 60000, why: five years}
  discount: {costs: 0.035, effects: 0.035, why: public-sector guidance}
  strategies: [{name: Usual, effect: 0, programme: 0}, {name: Programme}]
  effect: {outcome: outcome, baseline: 30, baseline_se: 0.3, baseline_source: the panel, persistence: 3, decay: 0.2}
  care_pathway:
    weeks: 130
    weeks_se: 10
    weeks_source: returns
    placements: [{name: foster, share: 1, weekly_cost: 770, se: 15, price_year: 2024-25, grade: A, source: returns}]
  implementation:
    running: {name: teams, amount: 1300000, se: 100000, price_year: 2024-25, grade: A, source: costing}
  thresholds: {from: 0, to: 40000, step: 20000}
  decision_threshold: 20000
  psa: {draws: 1000}
  gate: {override: E2, why: a test}
"""


def test_what_costs_are_made_of_tells_no_finer_than_the_effect(tmp_path, monkeypatch):
    """A thousand draws of it, with the seed, told its error to six digits: none leaves, and all are of what is told."""
    inputs: dict[str, pd.DataFrame] = {}

    def watched(section, estimates, *further, **named):
        inputs["estimates"] = estimates
        return cost_estimate(section, estimates, *further, **named)

    monkeypatch.setattr("sos_eval.jobs.costing.cost_estimate", watched)
    monkeypatch.setattr(f"{__name__}.DESIGN", DESIGN.replace("checks:", f"{ECONOMICS}checks:"))
    bundle = run(tmp_path, 16, 20, 0, "ons_srs")
    assert (bundle / "economics" / "parameters.csv").is_file()
    assert not (bundle / "economics" / "psa.csv").exists()
    numbers = inputs["estimates"][["estimate", "std_error"]].to_numpy(float)
    np.testing.assert_array_equal(numbers, np.vectorize(significant)(numbers))
    inputs.clear()
    run(tmp_path, 16, 20, 0, "open")
    numbers = inputs["estimates"]["std_error"].dropna().to_numpy(float)
    assert (numbers != np.vectorize(significant)(numbers)).any()
