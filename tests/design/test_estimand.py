"""The protocol states the estimand with what may come between the start and the outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_eval.design.design import load_design
from sos_eval.design.estimand import estimand_rows, intercurrent_rows
from sos_eval.design.protocol import protocol
from sos_eval.design.target_trial import target_trial

SHIPPED = Path(__file__).parents[2] / "designs" / "sos_pilots_care_entry.yaml"
DESIGN = """\
schema: sos-eval/design/1
name: x
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcomes: {{a: {{value: a}}, b: {{value: b, role: safety, margin: 2, label: Re-referrals}}}}
  treatment: {treatment}
estimators: [{{id: primary, method: twfe}}]
"""


def declared(folder, treatment):
    (folder / "x.yaml").write_text(DESIGN.format(treatment=treatment), encoding="utf-8")
    return load_design(folder / "x.yaml")


def test_the_shipped_design_says_what_it_estimates_and_what_may_intervene():
    design = load_design(SHIPPED)
    parts, events = dict(estimand_rows(design)), dict(intercurrent_rows(design))
    assert parts["Summary"].startswith("ratio of rates over treated units and periods (primary, ")
    assert events["Authorities that merge or are divided"].startswith("one geography is used throughout")
    assert events["Comparison units that start later"].startswith("where an empty start leaves it unknown")
    assert "`prior_use`" in events["Use before the start"]
    eligible = target_trial(design).set_index("element").loc["who is eligible", "as_declared"]
    assert eligible == (
        "Children aged 0-17 in English local authorities: units that begin within the window, and those that stand in "
        "for them without it; the latter with the same region as some of the former; some left out by name (flow.csv "
        "has all, with reasons)"
    )  # of both arms: it told of the first alone, and of no restriction
    text = protocol(design)
    assert "### The estimand" in text
    assert all(f"| {name} | " in text for name in (*parts, *events))
    assert "safety is not assessed" in text


@pytest.mark.parametrize(
    ("treatment", "event", "words"),
    [
        ("{first_treated: s, untreated_means: never}", "Stopping", "treatment policy"),
        ("{status: d, absorbing: false}", "Stopping", "exposure ends with it: a unit counts"),
        ("{adoption: r.csv}", "Stopping", "where the register says `stopped`"),
        ("{adoption: r.csv, transition: drop}", "Transition", "are left out"),
        ("{adoption: r.csv, transition: partial}", "Transition", "partly exposed"),
        ("{first_treated: s, untreated_means: never}", "Comparison units that start later", "taken never to have"),
        ("{first_treated: s, overlapping: o.csv}", "Other programmes", "from the register of programmes"),
    ],
)
def test_every_event_follows_the_declaration(tmp_path, treatment, event, words):
    assert words in dict(intercurrent_rows(declared(tmp_path, treatment)))[event]


def test_matched_rows_are_counted_from_the_end_of_their_window(tmp_path):
    text = DESIGN.format(treatment="{adoption: r.csv}")
    text = text.replace("  unit: la\n", "  unit: la\n  layout: cross_sections\n").replace(
        "method: twfe", "method: matched_did"
    )
    text += "comparison: {method: declared, sets: {A: [B]}, people: {method: cem, on: [age]}}\n"
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    design = load_design(tmp_path / "x.yaml")
    parts, events = dict(estimand_rows(design)), dict(intercurrent_rows(design))
    assert parts["Strategy"].endswith("from the end of the window on")
    assert parts["Population"].endswith("matched rows of units that began, after the window of their set")
    assert parts["Summary"].endswith("rows by the weights of their match")
    assert "units alike" not in parts["Summary"]
    assert events["Transition"] == (
        "rows in the window of a set, from its start up to `embedded`, are left out of that set"
    )
    followed = "from the end of each treated unit's window to the last period that is compared"
    assert followed in set(target_trial(design)["as_declared"])


def test_the_family_is_declared_in_the_protocol(tmp_path):
    text = protocol(declared(tmp_path, "{first_treated: s}"))
    assert "Beside the verdict stand Re-referrals (safety, margin 2). Their p values are adjusted" in text
