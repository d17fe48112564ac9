"""A plan's differences from its lock as a reader is told them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sos_eval.design.design import load_design
from sos_eval.design.difference_words import in_words
from sos_eval.design.differences import Differences
from sos_eval.design.lock import lock_state, write_lock
from tests.design.test_lock_versions import written_by_another

DESIGN = """\
schema: sos-eval/design/1
name: small
panel:
  source: csv
  path: panel.csv
  unit: la
  time: year
  window: {from: 2011}
  omit_times: [2014]
  exclude: {units: [A01], why: too small}
  outcome: {count: entries, exposure: children, per: 10000}
  treatment: {first_treated: start}
comparison: {method: nearest, on: [outcome_pre], ratio: 2}
estimators:
  - {id: primary, method: callaway_santanna}
  - {id: late, method: poisson_did, inference: {method: analytic}}
inference:
  - {method: randomization, draws: 99}
  - {method: analytic}
checks: [pretrends, leave_one_out]
seed: 4
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(DESIGN)
    write_lock(load_design(file), "no")
    return file


def said(path: Path, *changes: tuple[str, str], **overrides: object) -> tuple[str, ...]:
    """Return the differences of the design with some of its text changed."""
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return lock_state(load_design(path, **overrides)).words


LATE = "  - {id: late, method: poisson_did, inference: {method: analytic}}\n"
COMPARISON = "comparison: {method: nearest, on: [outcome_pre], ratio: 2}\n"
EXCLUDE = "  exclude: {units: [A01], why: too small}\n"
CHECKS = "[pretrends, leave_one_out]"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{from: 2011}", "{from: 2012}", "the window starts in 2012, the locked plan said 2011"),
        ("  window: {from: 2011}\n", "", "the window starts where the data do, the locked plan said 2011"),
        ("{from: 2011}", "{from: 2011, to: 2019}", "the window ends in 2019, the locked plan said nothing"),
        ("seed: 4", "seed: 5", "the seed is 5, the locked plan said 4"),
        (
            "panel:\n",
            "question: {expected_direction: decrease}\npanel:\n",
            "the change expected is decrease, the locked plan said none",
        ),
        ("draws: 99", "draws: 999", "the inference randomization makes 999 draws, the locked plan said 99"),
        (
            "draws: 99", "draws: 99, statistic: coefficient",
            "the inference randomization uses the statistic coefficient, the locked plan said studentised",
        ),
        (
            "  - {method: randomization, draws: 99}\n", "",
            "the inference randomization is left out, the locked plan had it",
        ),
        (
            "{method: analytic}}", "{method: cr2}}",
            "the inference of the estimator late is cr2, the locked plan said analytic",
        ),
        (
            "method: callaway_santanna", "method: twfe",
            "the estimator primary is twfe, the locked plan said callaway_santanna",
        ),
        (
            "method: callaway_santanna", "method: callaway_santanna, anticipation: 1",
            "`estimators.primary.anticipation` is now 1, the locked plan said 0",
        ),
        (LATE, f"{LATE}  - {{id: more, method: twfe}}\n",
         "the estimator more (twfe) is new, the locked plan did not have it"),
        (LATE, "", "the estimator late (poisson_did) is left out, the locked plan had it"),
        ("ratio: 2", "ratio: 3", "comparison units for each treated one: 3, the locked plan said 2"),
        (COMPARISON, "", "no comparison group is built, the locked plan said nearest"),
        ("units: [A01]", "units: [A01, A02]", "the unit A02 is left out, the locked plan kept it"),
        (EXCLUDE, "", "the unit A01 is kept, the locked plan left it out"),
        ("too small", "merged", "the reasons for the units left out are worded otherwise than in the locked plan"),
        ("[2014]", "[2015, 2016]", "the periods 2015, 2016 are left out, the locked plan kept them"),
        (CHECKS, "[pretrends]", "the check leave_one_out is left out, the locked plan had it"),
        (
            CHECKS, "[leave_one_out, pretrends]",
            "the order of the checks is leave_one_out, pretrends, the locked plan said pretrends, leave_one_out",
        ),
        ("seed: 4", "seed: 4\nreport: {formats: [md]}", "`report.formats` is now md, the locked plan said html"),
    ],
)  # fmt: skip
def test_a_change_in_plain_words(path, old, new, words):
    assert words in said(path, (old, new))


def test_an_outcome_that_is_dropped_is_told_with_what_it_was_for():
    entry, again = {"count": "entries"}, {"value": "again", "label": "Re-referrals", "role": "safety", "margin": 2.0}
    locked = {"panel": {"outcomes": {"entry": entry, "again": again}}}
    run = {"panel": {"outcomes": {"entry": {"count": "starts"}, "new": {"value": "x"}}}}
    assert in_words(Differences((), (), locked, run)) == (
        "the outcome new is new, the locked plan did not have it",
        "the outcome again (Re-referrals, safety) is left out, the locked plan had it",
        "the outcome entry counts starts, the locked plan said entries",
    )


def test_a_change_of_the_designs_inference_is_told_once(path):
    """Estimators that take the design's inference do not tell its change again; they have it by key."""
    assert said(path, ("draws: 99", "draws: 999")) == (
        "the inference randomization makes 999 draws, the locked plan said 99",
    )
    assert len(lock_state(load_design(path)).differences) == 2


def test_an_estimator_put_first_does_not_turn_the_others_into_it(path):
    first = "estimators:\n"
    assert said(path, (first, f"{first}  - {{id: new, method: twfe}}\n")) == (
        "the estimator new (twfe) is new, the locked plan did not have it",
        "the estimator primary is secondary, the locked plan said primary",
    )


def test_the_command_lines_panel_and_seed(path, tmp_path):
    """Of a file that is named by its whole path the name alone is told."""
    assert said(path, panel=str(tmp_path / "other.csv"), seed=7) == (
        "the data are other.csv, the locked plan said panel.csv", "the seed is 7, the locked plan said 4",
    )  # fmt: skip


def test_every_change_is_told_and_counted(path):
    state = lock_state(load_design(path))
    assert (state.words, state.differences) == ((), ())
    assert said(path, ("seed: 4", "seed: 5"), ("ratio: 2", "ratio: 3"), ("2011", "2012")) == (
        "the window starts in 2012, the locked plan said 2011",
        "comparison units for each treated one: 3, the locked plan said 2",
        "the seed is 5, the locked plan said 4",
    )
    assert "differs from it (3 differences)" in lock_state(load_design(path)).text


def test_a_key_that_this_version_does_not_have(path):
    written_by_another(path, lambda lock: lock["written"]["panel"].update(colour="red"))
    written_by_another(path, lambda lock: lock["design"]["panel"].update(colour="red"))
    assert lock_state(load_design(path)).words == ("this version has no `panel.colour`, the locked plan said red",)


def test_what_a_version_reads_otherwise_has_no_words(path):
    """The locked value is kept, so the run does not differ in it."""
    content = json.loads(path.with_suffix(".lock").read_text())
    assert content["design"]["inference"][1]["band_draws"] == 5_000

    def older(lock):
        lock["design"]["inference"][1]["band_draws"] = 20_000
        for entry in lock["design"]["estimators"]:
            entry["inference"][-1]["band_draws"] = 20_000

    written_by_another(path, older)
    assert said(path, ("seed: 4", "seed: 5")) == ("the seed is 5, the locked plan said 4",)
