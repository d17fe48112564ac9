"""What a refusal says: the option that is at fault, in what way, and a remedy that can help."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import yaml

import sos_eval as se
from sos_eval.errors import DesignFault, InputFault
from sos_eval.estimators import (
    CallawaySantAnna,
    ContinuousDiD,
    RothSantAnna,
    Stacked,
    SyntheticControl,
    TripleDifference,
)
from sos_eval.numerics.two_by_two import Adjust
from sos_eval.results.method import registered
from tests.checks.test_columns_travel import made as design_of
from tests.estimators.panels import INF, panel
from tests.estimators.test_continuous_did import dosed, staggered

Y = np.random.default_rng(0).normal(size=(8, 6))
TREATED, ONCE, TWICE = [4] * 3 + [INF] * 5, [4] * 8, [4] * 4 + [5] * 4
DOSES = np.arange(1.0, 9)
NEVER = "keep units that start later or never"


def refused(method, data):
    with pytest.raises(InputFault) as fault:
        method.complete(data)
    (one,) = fault.value.faults
    return one.what, one.instead


@pytest.mark.parametrize(
    ("method", "data", "what", "instead"),
    [
        (ContinuousDiD(knots=(0.5, 5.0)), staggered(), "knots: 5 is not between the treated units' doses",
         "write knots between 0.221188 and 0.833325"),
        (ContinuousDiD(), dosed(Y, TWICE, DOSES), "no unit is untreated throughout", "write control: not_yet_treated"),
        (ContinuousDiD(), dosed(Y, ONCE, DOSES), "no unit is untreated while another is treated",
         f"widen panel.window, or {NEVER}"),
        (CallawaySantAnna(), panel(Y, ONCE), "no unit is untreated while another is treated",
         f"widen panel.window, or {NEVER}"),
        (Stacked(), panel(Y, ONCE), "nobody is untreated through event time 2 of any cohort that starts in 4", NEVER),
        (Stacked(window=(-1, 0)), panel(Y, ONCE), "nobody is untreated through event time 0", NEVER),
        (Stacked(), panel(Y, TWICE), "nobody is untreated through event time 1",
         f"write a window that ends earlier, or {NEVER}"),
        (CallawaySantAnna(window=(-3, -2)), panel(Y, TREATED), "window leaves no event time from the start on",
         "the cohorts are seen up to 2 periods after their start"),
        (RothSantAnna(), panel(Y, [4] * 4 + [5] * 3 + [INF]), "one unit alone never starts, and the method needs", ""),
        (RothSantAnna(), panel(Y, [4] * 6 + [5, INF]), "one unit alone starts in 5 and one never starts, and", ""),
    ],
)  # fmt: skip
def test_the_reason_and_a_remedy_that_can_help(method, data, what, instead):
    said = refused(method, data)
    assert what in said[0]
    assert said[1] == instead or not instead


def test_the_remedies_help():
    assert ContinuousDiD(control="not_yet_treated").complete(dosed(Y, TWICE, DOSES)).values.size
    assert Stacked(window=(-1, 0)).complete(panel(Y, TWICE)).values.size
    assert ContinuousDiD(knots=(0.5,)).complete(staggered()).values.size


ANTICIPATING = [
    pytest.param(method, id=name) for name, method in registered("estimator").items()
    if {"anticipation", "base_period"} <= {one.name for one in fields(method)} or method is ContinuousDiD
]  # fmt: skip


@pytest.mark.parametrize("method", ANTICIPATING)
def test_an_anticipation_before_every_period_is_named(method):
    what, instead = refused(method(anticipation=50), dosed(Y, TREATED, DOSES).with_columns(eligible=1.0))
    assert what.endswith("no unit that starts has a period before its anticipation of 50")
    assert instead == "write a shorter anticipation, or begin panel.window earlier"


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        (CallawaySantAnna, {"window": (1, -2)}, r"window: 1 to -2 ends before it begins; write \[-2, 1\]"),
        (ContinuousDiD, {"at": ()}, "at: names no dose; write doses, or leave it out"),
    ],
)
def test_an_option_that_holds_nothing_is_refused_at_once(method, options, words):
    with pytest.raises(ValueError, match=words):
        method(**options)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (RothSantAnna(beta="x"), "beta: 'x' is not one of the options; write one of: efficient, or a number"),  # type: ignore[arg-type]
        (SyntheticControl(augment=0), "augment: 0 is not one of the options; write one of: cross_validated, none, or a "
         "number above 0"),
    ],
)  # fmt: skip
def test_a_number_is_offered_where_one_can_be_written(method, words):
    frame = panel(Y, TREATED).frame
    with pytest.raises(DesignFault) as fault:
        method.fit(frame, unit="unit", time="time", outcome="outcome", first_treated="first_treated")
    assert str(fault.value).endswith(words)


def test_a_column_that_nobody_wrote_is_asked_for_at_the_method_s_own_key(tmp_path):
    """The default column of who is eligible: its key is named, with the line of the method."""
    written = design_of(tmp_path, "triple_difference", [])
    plan = yaml.safe_load(written.read_text(encoding="utf-8"))
    del plan["estimators"][0]["eligible"]
    written.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    line = next(i for i, one in enumerate(written.read_text(encoding="utf-8").splitlines(), 1) if "id: primary" in one)
    with pytest.raises(InputFault) as fault:
        se.run(se.load_design(written), out=tmp_path / "out")
    said = str(fault.value)
    assert f"d.yaml:{line}: estimators.eligible: " in said
    assert 'p.csv has no column "eligible"' in said
    assert "panel.covariates" not in said


def test_the_help_names_every_adjustment():
    from typing import get_args

    text = se.declare.json_schema(TripleDifference)["properties"]["adjust"]["description"]
    assert all(option in text for option in get_args(Adjust))
