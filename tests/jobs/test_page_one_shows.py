"""Page one on the published panel: ten questions of the pilots' kind, each with what page one must say of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.design.design import load_design
from sos_eval.design.lock import write_lock
from sos_eval.jobs.run import run
from sos_eval.report.compose import compose
from sos_eval.report.draw import draw_all
from sos_eval.report.flow_words import left_out
from tests.conftest import without_pages

DESIGNS = Path(__file__).parents[2] / "designs"
PANEL = """\
  source: england
  unit: la_code
  unit_name: la_name
  time: year
  year_convention: ends_march
  treatment: {adoption: register.csv, untreated_means: unknown}
  recode: {region: {Inner London: London, Outer London: London}}
  window: {from: 2011, to: 2019}
  omit_times: {2015: "partly before and partly after"}
  unbalanced: allow
"""
OUTCOME = "  outcome: {count: care_entries, exposure: children_0_17, per: 10000, label: Children who entered care}\n"
BOTH = "- {method: randomization, statistic: both, strata: [exposure_half], draws: 199}"
REGIONS = "comparison: {method: none, restrict: {same: [region], as_treated: true}}"


def design(
    *, panel: str = PANEL + OUTCOME, question: str = "", comparison: str = REGIONS, inference: str = BOTH,
    checks: str = "[]",
) -> str:  # fmt: skip
    """Return a design on the published panel with one estimator."""
    return (
        "schema: sos-eval/design/1\nname: shows\ntitle: Ten pilots\n"
        f"question: {{intervention: the programme, outcome: children who entered care{question}}}\n"
        f"panel:\n{panel}{comparison}\nestimators:\n  - {{id: primary, method: twfe}}\n"
        f"inference:\n  {inference}\nchecks: {checks}\nseed: 5\n"
    )


def shown(folder: Path, text: str) -> ResultBundle:
    shutil.copy(DESIGNS / "sos_pilots_register.csv", folder / "register.csv")
    (folder / "shows.yaml").write_text(text, encoding="utf-8")
    with without_pages():
        return run(folder / "shows.yaml", out=folder / "out", force=True)


def page(bundle: ResultBundle) -> str:
    """Return page one and what limits the answer, as text."""
    document = compose(bundle, draw_all(bundle, only=("answer",)))
    return "\n".join(str(block) for block in document.body)


def test_strata_of_the_lots_are_those_of_the_estimate(tmp_path):
    """All England by quartiles of size: within them; without them off centre, which is told and never mended."""
    quartiles = BOTH.replace("exposure_half", "exposure_quarter")
    bundle = shown(tmp_path, design(comparison="comparison: {method: none}", inference=quartiles))
    assert "each change is set against those in the same of 4 strata" in bundle.headline["basis"]
    (plain,) = [one for one in bundle.facts.checks if one.name == "without_strata_effects"]
    assert "random adoptions from the same strata average -" in plain.text
    assert plain.text.endswith(", not zero.")
    assert abs(plain.value) > abs(bundle.headline["estimate"])


def test_tests_whose_p_lie_apart_by_chance_do_not_part(tmp_path):
    """By quartiles without their effects .15 and .41: both are kept and told, and no badge is made of it."""
    one = "{{method: randomization, statistic: {}, strata: [exposure_quarter], strata_effects: false, draws: 999}}"
    tests = "\n  ".join(f"- {one.format(name)}" for name in ("studentised", "coefficient"))
    bundle = shown(tmp_path, design(comparison="comparison: {method: none}", inference=tests))
    parts = bundle.headline["disagreement"]
    p = sorted(test["p"] for test in parts["tests"])
    assert p[0] > 0.05
    assert p[1] > 2 * p[0]
    assert (parts["fires"], parts["badge"]) == (False, "")
    kept = pd.read_csv(bundle.path / "tests.csv").set_index("statistic")["p"]
    assert sorted(kept) == pytest.approx(p)


def test_a_fall_and_a_rise_that_would_be_found_stand_apart(tmp_path):
    ratio = design().replace("method: twfe", "method: poisson_did")
    seen = shown(tmp_path, ratio).headline
    assert seen["detectable"]["rise"] > seen["detectable"]["fall"] > 0.1
    assert "a rise would have to be" in seen["detectable_text"]


def test_an_empty_start_means_unknown(tmp_path):
    headline = shown(tmp_path, design()).headline
    assert any(
        text.startswith("Whether ") and "used the intervention is unknown" in text for text in headline["caveats"]
    )
    assert "hide none of a constant one" in headline["attenuation"]


def test_none_to_one_year_is_not_counted_as_use(tmp_path):
    headline = shown(tmp_path, design()).headline
    assert "6 of the 10 treated authorities had used it before their recorded start" in headline["basis"]
    assert any("Of 4 of 10 treated authorities it is not known" in text for text in headline["caveats"])


def test_an_exposure_that_is_empty_for_most_earlier_years_is_told(tmp_path):
    panel = PANEL + OUTCOME.replace("children_0_17", "children_0_17_as_used_by_dfe")
    basis = shown(tmp_path, design(panel=panel)).headline["basis"]
    assert "lack an outcome in 2011, 2012 and 2013, so that 1 of 4 earlier periods count" in basis


def test_adopters_without_a_close_authority_are_told_in_words(tmp_path):
    near = "comparison: {method: nearest, on: [idaci_2015], caliper: 0.01, replace: false}"
    panel = PANEL + OUTCOME + "  covariates: [idaci_2015]\n  measured: {idaci_2015: 2013}\n"
    headline = shown(tmp_path, design(panel=panel, comparison=near, inference="- {method: analytic}")).headline
    assert "8 of 10 with a recorded start are left out, " in headline["basis"]
    assert "because no comparison authority is close enough (within 0.01 standard deviations)" in headline["basis"]
    assert not any(word in page_words(headline) for word in ("caliper", "propensity", "replace"))


def page_words(headline: dict) -> str:
    return " ".join([headline["sentence"], headline["basis"], *headline["caveats"]])


def test_a_run_that_differs_from_its_lock_says_so_in_words(tmp_path):
    shutil.copy(DESIGNS / "sos_pilots_register.csv", tmp_path / "register.csv")
    file = tmp_path / "shows.yaml"
    file.write_text(design(), encoding="utf-8")
    write_lock(load_design(file), "published")
    bundle = shown(tmp_path, design().replace("from: 2011", "from: 2012"))
    lock = bundle.headline["lock"]
    assert lock["words"] == ["the window starts in 2012, the locked plan said 2011"]
    assert "the window starts in 2012, the locked plan said 2011" in page(bundle)
    assert json.loads((tmp_path / "shows.runs.jsonl").read_text().splitlines()[0])["state"] == "changed"


def test_safety_stands_beside_the_verdict(tmp_path):
    outcomes = (
        "  outcomes:\n    entry: {count: care_entries, exposure: children_0_17, per: 10000}\n"
        "    stock: {count: looked_after_31march, exposure: children_0_17, per: 10000, role: safety, margin: 20}\n"
    )
    text = design(panel=PANEL + outcomes).replace("method: twfe}", "method: twfe, outcome: [entry, stock]}")
    (row,) = shown(tmp_path, text).headline["safety"]
    assert (row["outcome"], row["role"], row["margin"]) == ("stock", "safety", 20)
    assert row["excluded"] in (True, False)


def test_the_smallest_change_worth_having_drives_the_sentence(tmp_path):
    headline = shown(tmp_path, design(question=", expected_direction: decrease, smallest_worthwhile: 2")).headline
    assert "has room for a fall worth having (2 per 10,000 or more)" in headline["sentence"]
    assert "it would find a fall of it in" in headline["detectable_text"]


def test_whoever_takes_no_part_is_named_with_the_reason(tmp_path):
    """By name where units were dropped, by the years where these took units with them."""
    panel = PANEL.replace("  unit: la", "  geography: as_published\n  unit: la") + OUTCOME
    few = "- {method: randomization, draws: 19}"  # declared, so that the rule on few treated adds none with many draws
    table = left_out(shown(tmp_path, design(panel=panel, inference=few)))
    by_reason = table.set_index("Why")["Who"]
    assert "Liverpool" in by_reason["region: no treated authority there"]
    gone = by_reason["outside the window, from 2011 to 2019"]
    assert gone == "those of 2020, 2021, 2022, 2023, 2024, 2025 only"
