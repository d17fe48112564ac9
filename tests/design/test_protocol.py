"""The protocol: the header of a trial protocol, a section for what a reviewer looks for, and what is left to write."""

from __future__ import annotations

import pytest

from sos_eval.design.design import load_design
from sos_eval.design.lock import write_lock
from sos_eval.design.protocol import protocol
from sos_eval.design.protocol_plan import left_to_write

DESIGN = """\
schema: sos-eval/design/1
name: x
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcomes: {a: {value: a, label: Entries}, b: {value: b, role: safety, margin: 2, label: Re-referrals}}
  treatment: {first_treated: start}
  omit_times: {2021: pandemic}
question: {smallest_worthwhile: 1.5}
estimators: [{id: primary, method: twfe}, {id: staggered, method: callaway_santanna, role: sensitivity}]
seed: 1
"""
SECTIONS = [
    "1. Background", "2. Question", "3. Data", "4. Comparison group", "5. Sample and power", "6. Estimators",
    "7. Uncertainty and the headline", "8. Checks", "9. Mechanisms, moderators, implementation, economics",
    "10. Timeline", "11. Deviations from the locked plan",
    "12. What the result may and may not be used to say", "Left to write",
]  # fmt: skip


@pytest.fixture
def design(tmp_path):
    (tmp_path / "x.yaml").write_text(DESIGN, encoding="utf-8")
    return load_design(tmp_path / "x.yaml")


def test_every_section_is_there_and_what_is_left_is_named_once(design):
    text = protocol(design)
    assert [line[3:] for line in text.split("\n") if line.startswith("## ")] == SECTIONS
    body, left = text.split("## Left to write")
    assert [line[2:] for line in left.strip().split("\n")] == left_to_write(body)
    assert "authors" in left_to_write(body)
    assert "primary outcome" not in left_to_write(body)  # declared


def test_what_is_declared_is_said(design):
    text = protocol(design)
    assert "| Primary outcome | Entries |" in text
    assert "| Secondary outcomes | Re-referrals (safety) |" in text
    assert "The smallest change worth having is 1.5 on the outcome's scale." in text
    assert "Left out for everybody: 2021 (pandemic)." in text
    assert "- staggered (sensitivity): " in text
    assert "their p values are not adjusted, as no family is declared" in text


def test_a_deviation_stands_with_room_for_its_reason(tmp_path, design):
    write_lock(design, "yes")
    assert "## 11. Deviations from the locked plan\n\nNone." in protocol(design)
    (tmp_path / "x.yaml").write_text(DESIGN.replace("seed: 1", "seed: 2"), encoding="utf-8")
    text = protocol(load_design(tmp_path / "x.yaml"))
    said = "the seed is 2, the locked plan said 1"
    assert f"| {said} | [to be written: why {said}] |" in text
