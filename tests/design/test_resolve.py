"""From a design file to a design: defaults, methods, variants, and every fault with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_eval.design.design import load_design
from sos_eval.errors import DesignFault

DESIGN = """\
schema: sos-eval/design/1
name: small
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  outcome: {value: rate}
  treatment: {first_treated: start}
  window: {from: 2010, to: 2019}
estimators:
  - {id: primary, method: callaway_santanna, control: never_treated}
  - {id: late, method: callaway_santanna, role: sensitivity, with: {panel.window.to: 2025, comparison: none}}
inference:
  - {method: analytic, level: 0.9}
"""


def load(folder: Path, text: str = DESIGN):
    file = folder / "small.yaml"
    file.write_text(text)
    return load_design(file)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(DesignFault) as caught:
        load(folder, text)
    return [str(fault).replace(str(folder) + "/", "") for fault in caught.value.faults]


def test_a_design_is_made_of_method_objects(tmp_path):
    design = load(tmp_path)
    first, late = design.estimators
    assert (first.id, first.role, first.method.control) == ("primary", "primary", "never_treated")
    assert design.inference[0].level == 0.9
    assert (late.panel.window, first.panel.window) == ({"from": 2010, "to": 2025}, {"from": 2010, "to": 2019})
    assert late.is_variant
    assert not first.is_variant


def test_defaults_are_in_the_resolved_design(tmp_path):
    resolved = load(tmp_path).resolved
    assert resolved["estimators"][0]["base_period"] == "varying"
    assert resolved["comparison"]["method"] == "none"
    assert resolved["seed"] == 20260101


def test_the_seed_of_the_command_line_wins(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(DESIGN + "seed: 3\n")
    assert load_design(file, seed=9).seed == 9


def test_the_seed_of_the_command_line_goes_before_every_seed_of_inference(tmp_path):
    own = "control: never_treated, inference: {method: randomization, seed: 4}"
    text = DESIGN.replace("control: never_treated", own).replace(
        "level: 0.9}", "level: 0.9}\n  - {method: auto, seed: 5}"
    )
    file = tmp_path / "small.yaml"
    file.write_text(text)
    design = load_design(file, seed=9)
    assert [design.estimators[0].inference[0].seed, design.inference[1].seed] == [None, None]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: small", "nam: small", 'small.yaml:2: nam: no such key; did you mean "name"?'),
        ("schema: sos-eval/design/1", "schema: sos-eval/design/2", "small.yaml:1: schema: 'sos-eval/design/2' is not"),
        ("control: never_treated", "control: never", "small.yaml:12: estimators.0.control: 'never' is not one of"),
        ("control: never_treated", "contol: x", 'small.yaml:12: estimators.0.contol: no such key; did you mean'),
        ("method: callaway_santanna, control", "method: calaway_santanna, control",
         "small.yaml:12: estimators.0.method: no estimator is called 'calaway_santanna'; did you mean"),
        ("method: callaway_santanna, control", "method: double_ml, control",
         "small.yaml:12: estimators.0.method: double_ml estimates no overall effect here; it looks for where"),
        ("method: callaway_santanna, control", "metod: callaway_santanna, control",
         "small.yaml:12: estimators.0.metod: no such key; did you mean \"method\"?"),
        ("id: late", "id: primary", "small.yaml:13: estimators.1.id: 'primary' stands twice"),
        ("panel.window.to: 2025", "panel.windw.to: 2025", "small.yaml:13: with: panel.windw: no such key"),
        ("panel.window.to: 2025", "seed: 2025", "small.yaml:13: with.seed: only keys of panel and comparison"),
        ("level: 0.9", "level: 1.9", "small.yaml:15: inference.0.level: 1.9: must be less than 1"),
        ("inference:", "implementation: {}\ninference:",
         "small.yaml:14: implementation: fidelity: is missing; name the column with the score, or declare items"),
        ("outcome: {value: rate}", "outcome: {count: n}", "small.yaml:8: panel.outcome: count and exposure"),
        ("control: never_treated", "small_sample: none", "small.yaml:12: estimators.0.small_sample: no such key; it"),
        ("inference:", "checks: [{check: refuters, draws: 20}]\ninference:",
         "small.yaml:14: checks.0: must be a name or {name: options}; write - refuters: {draws: …}"),
        ("inference:", "checks: [{refuters: , draws: 20}]\ninference:",
         "small.yaml:14: checks.0: must be a name or {name: options}; write - refuters: {draws: …}"),
        ("inference:", "checks: [{draws: 20, seed: 1}]\ninference:",
         "small.yaml:14: checks.0: must be a name or {name: options}; write - pretrends"),
        ("id: late", "id: ../late", "small.yaml:13: estimators.1.id: '../late' cannot name a file"),
        ("id: late", f"id: {'l' * 300}", "small.yaml:13: estimators.1.id: a name of 300 letters is too long for files"),
        ("name: small", "name: !!python/name:os.system small", "small.yaml:2: !!python/name:os.system: a tag"),
        ("name: small", "name: !run small", "small.yaml:2: !run: a tag"),
        ("outcome: {value: rate}", "outcomes: {a/b: {value: rate}}", "small.yaml:8: panel.outcomes.a/b: 'a/b' cannot"),
        ("role: sensitivity", "role: main", "small.yaml:13: estimators.1.role: 'main' is not one of the options"),
    ],
)  # fmt: skip
def test_faults(tmp_path, old, new, said):
    assert old in DESIGN
    found = faults(tmp_path, DESIGN.replace(old, new))
    assert any(fault.startswith(said) for fault in found), found


def test_an_outcome_that_should_not_get_worse_is_run_on_by_some_estimator(tmp_path):
    text = DESIGN.replace("outcome: {value: rate}", "outcomes: {a: {value: y}, harm: {value: z, role: safety}}")
    text = text.replace("method: callaway_santanna,", "method: callaway_santanna, outcome: a,")
    assert faults(tmp_path, text) == [
        "small.yaml:8: panel.outcomes.harm: has role safety, and no estimator is run on it; add harm to an "
        "estimator's outcomes"
    ]


def test_all_faults_at_once(tmp_path):
    text = DESIGN.replace("unit: la", "uint: la").replace("level: 0.9", "lvel: 0.9").replace("control:", "contrl:")
    lines = [int(fault.split(":")[1]) for fault in faults(tmp_path, text + "sead: 3\n")]
    assert {6, 12, 15, 16} <= set(lines)
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("schema", "command"), [("economics/1", "sos-eval economics"), ("world/1", "sos-eval simulate")]
)
def test_another_kind_of_file_is_sent_to_its_command(tmp_path, schema, command):
    found = faults(tmp_path, f"schema: sos-eval/{schema}\nname: x\n")
    assert len(found) == 1
    assert command in found[0]


def test_expressions_stay_text(tmp_path):
    design = load(tmp_path, DESIGN.replace("name: small", "name: __import__('os')"))
    assert design.name == "__import__('os')"


COUNTED = DESIGN.replace("outcome: {value: rate}", "outcome: {count: n, exposure: children}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (DESIGN.replace("estimators:", "comparison: {method: nearest, on: [rate]}\nestimators:"),
         "comparison: rate is the outcome itself; match on outcome_pre, the outcome before the start"),
        (COUNTED.replace("estimators:", "comparison: {method: cem, on: [n]}\nestimators:"),
         "comparison: n is the outcome itself; match on outcome_pre, the outcome before the start"),
        (DESIGN.replace("  window:", "  covariates: [rate]\n  window:"),
         "panel.covariates: rate is the outcome itself; leave it out"),
    ],
)  # fmt: skip
def test_an_outcome_is_no_covariate_of_its_own(text, told, tmp_path):
    """Matched on by its column's name it would escape what is said of groups made alike on earlier outcomes."""
    assert any(one.endswith(told) for one in faults(tmp_path, text))


def test_another_outcome_and_the_population_may_be_matched_on(tmp_path):
    both = "outcomes: {a: {count: n, exposure: children}, b: {value: rate}}"
    text = DESIGN.replace("outcome: {value: rate}", both)
    text = text.replace("estimators:", "comparison: {method: nearest, on: [rate, children]}\nestimators:")
    text = text.replace("control: never_treated", "control: never_treated, outcome: a")
    assert load(tmp_path, text.replace(", role", ", outcome: a, role"))
    assert any(
        "rate is the outcome itself" in one for one in faults(tmp_path, text.replace("outcome: a", "outcome: b"))
    )
