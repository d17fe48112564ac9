"""Page one and the economics of a finished bundle are about the outcome declared as primary, wherever it stands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.bundle import read_bundle
from sos_eval.economics.cost import effect_from
from sos_eval.economics.declared import DeclaredEffect
from sos_eval.economics.section import EconomicsSection
from sos_eval.jobs.economics import run_economics
from sos_eval.report.named_tables import named_tables
from sos_eval.results.facts import RunFacts
from tests.conftest import shared, without_pages

DESIGN = """\
schema: sos-eval/design/1
name: second
panel:
  source: csv
  path: panel.csv
  unit: la_code
  time: year
  outcomes:
    other: {count: other, exposure: children, per: 1000}
    entries: {count: entries, exposure: children, per: 10000, role: primary}
  treatment: {first_treated: start}
estimators: [{method: callaway_santanna}]
inference: {method: analytic, band_draws: 0}
checks: [pretrends, placebo_time]
seed: 1
economics:
  frame: {perspective: public_sector, price_year: 2024-25, currency: GBP, horizon: 5, comparator: usual practice,
          population: 60000, why: the programme is paid from several public budgets}
  discount: {costs: green_book_2003, effects: green_book_2003, why: public-sector guidance}
  strategies: [{name: usual practice, effect: 0, programme: 0}, {name: programme}]
  effect: {baseline: 29, baseline_se: 0.3, baseline_source: simulated, persistence: 3, decay: 0.2}
  care_pathway:
    weeks: 130
    weeks_se: 10
    weeks_source: simulated
    placements: [{name: foster, share: 1, weekly_cost: 770, se: 15, price_year: 2024-25, grade: A, source: simulated}]
  implementation:
    running: {name: teams, amount: 4300000, se: 300000, price_year: 2024-25, grade: A, source: simulated}
  psa: {draws: 1000}
  gate: {facts: {emmie_econ: 3}, evidence: {emmie_econ: assumed}}
"""


def counts() -> pd.DataFrame:
    """48 authorities, eight years, half treated from 2014 or 2015: four fewer entries per 10,000, `other` unmoved."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame([(k, t) for k in range(48) for t in range(2009, 2017)], columns=["la_code", "year"])
    number = table["la_code"]
    table["start"] = np.where(number < 24, 2014 + number % 2, 0)
    table["children"] = 40_000 + 1_000 * number
    treated = (table["start"] > 0) & (table["year"] >= table["start"])
    table["entries"] = rng.poisson((30 - 4 * treated) * table["children"] / 1e4)
    table["other"] = rng.poisson(3 * table["children"] / 1e3)
    return table


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> se.ResultBundle:
    folder: Path = tmp_path_factory.mktemp("second")
    counts().to_csv(folder / "panel.csv", index=False)
    (folder / "second.yaml").write_text(DESIGN)
    with without_pages():
        return se.run(se.load_design(folder / "second.yaml"), out=folder / "out")


def row_of(bundle, outcome):
    rows = bundle.estimates
    return rows[(rows["outcome"] == outcome) & (rows["aggregation"] == "overall")].iloc[0]


def test_page_one_is_about_the_primary_outcome_although_it_stands_second(bundle):
    assert bundle.estimates["outcome"].iloc[0] == "other"
    row = row_of(bundle, "entries")
    assert (bundle.headline["outcome"], bundle.headline["estimate"]) == ("entries", row["estimate"])
    assert bundle.headline["verdict"] == "decrease"
    assert bundle.headline["per"] == 10_000
    assert [text.split(":")[0] for text in bundle.headline["other_outcomes"]] == ["Other per 1,000 children"]


def test_the_economics_of_the_bundle_take_the_run_s_own_effect(bundle, tmp_path):
    row = row_of(bundle, "entries")
    section = EconomicsSection(effect=DeclaredEffect(baseline=29))
    taken = effect_from(section, bundle.estimates, "the bundle", bundle.facts).effect
    assert (taken.estimate, taken.std_error) == (row["estimate"], row["std_error"])
    again = run_economics(bundle.path, tmp_path / "again").folder
    gate = json.loads((again / "gate.json").read_text())
    assert gate["evidence"]["G6"]["measured"]["mde_over_breakeven"] > 0
    assert gate["evidence"] == bundle.economics["gate"]["evidence"]


def test_what_the_run_knows_comes_back_from_results_json(bundle):
    facts = bundle.facts
    assert RunFacts.from_json(json.loads(json.dumps(facts.to_json())) | {"diagnostics": bundle.results["diagnostics"]})
    assert (facts.headline.estimator, facts.headline.outcome, facts.headline.inference) == (
        "callaway_santanna", "entries", "analytic",
    )  # fmt: skip
    assert facts.outcome == facts.panel.outcomes["entries"]
    assert {check.outcome for check in facts.checks} == {"other", "entries"}
    assert facts.method("analytic").label == "conventional cluster-robust"
    assert facts.method("of_another_time").label == "of another time"


def test_a_bundle_written_before_the_key_was_kept_is_read_as_its_design_meant_it(bundle, tmp_path):
    """Page one of such a bundle was about the first outcome; the primary one goes before what it said."""
    old = shutil.copytree(bundle.path, tmp_path / "old")
    results = {name: value for name, value in bundle.results.items() if name not in ("headline_key", "methods")}
    results["headline"] = results["headline"] | {"outcome": "other"}
    (old / "results.json").write_text(json.dumps(results))
    facts = read_bundle(old, despite_damage=True).facts
    assert facts.headline == bundle.facts.headline
    assert facts.method("analytic").label == "analytic"


def test_the_case_from_which_it_was_learned(tmp_path):
    """-3.43 per 10,000 with an error of 0.280 and a decrease, as where `entries` stands first."""
    case = shutil.copytree(shared("cases", "primary_outcome_second"), tmp_path / "case")
    ran = se.run(se.load_design(case / "second.yaml"), out=tmp_path / "out")
    assert (ran.headline["outcome"], ran.headline["verdict"]) == ("entries", "decrease")
    assert ran.headline["estimate"] == pytest.approx(-3.432, abs=5e-4)
    assert ran.headline["std_error"] == pytest.approx(0.280, abs=5e-4)


def of_a_test(folder: Path, extra: str = "") -> se.ResultBundle:
    """Run the design with a randomization test, its economics printed under an override."""
    design = DESIGN.replace("{method: analytic, band_draws: 0}", "{method: randomization, draws: 499}")
    design = design.replace("gate: {facts", "gate: {override: E2, why: how an effect is drawn, facts")
    (folder / "d.yaml").write_text(design.replace("seed: 1\n", f"seed: 1\n{extra}"), encoding="utf-8")
    counts().to_csv(folder / "panel.csv", index=False)
    with without_pages():
        return se.run(folder / "d.yaml", out=folder / "out")


def test_a_run_draws_its_effect_from_its_own_test_and_says_so(tmp_path):
    """From the run's curve to the parameters of its economics: the drawn ends are the test's."""
    bundle = of_a_test(tmp_path)
    row = bundle.estimates.query("outcome == 'entries' and aggregation == 'overall'").iloc[0]
    effect = bundle.economics["parameters"].set_index("parameter").loc["effect"]
    assert effect["distribution"] == "confidence distribution of the inverted test"
    assert effect["low"] == pytest.approx(row["conf_low"], abs=0.03)
    assert effect["high"] == pytest.approx(row["conf_high"], abs=0.03)


def test_a_profile_holds_the_curve_back(tmp_path):
    """With the seed, each of its p values is one more equation on the counts of single units."""
    bundle = of_a_test(tmp_path, "disclosure: {profile: dfe}\n")
    assert not [name for name in bundle.table_names if name.startswith("confidence.")]
    assert bundle.withheld["file"].str.startswith("tables/confidence.").any()


def test_tables_of_a_runs_economics_say_their_money(bundle):
    notes = named_tables(bundle.path).notes
    assert notes["economics.timing"] == ("In GBP, prices of 2024-25, 5 years counted.",)
    assert "economics.assumptions" not in notes
    assert "timing" not in notes
