"""Refuters: each fails on a design that is broken in its way, and passes on a sound one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks.refuters import Refuters
from sos_eval.checks.remade import Remade
from sos_eval.errors import DesignFault
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.results.estimate import Estimate, cells
from sos_eval.results.estimator import Estimator
from tests.fakes import fit, panel_of
from tests.jobs.test_theory import load

LIMITS = {"max_bias": 0.25, "max_rejection": 0.1, "min_p": 0.05, "min_left": 0.5}


@dataclass(frozen=True)
class BeforeAfter(Estimator):
    """The treated units' change alone, without anybody to compare them with: what a trend would be taken for."""

    name: ClassVar[str] = "before_after"
    calls: ClassVar[list[int]] = []
    by_call: bool = False

    def estimate(self, panel):
        y, g = panel.matrix(), panel.first_treated
        after, own = panel.times[None, :] >= g[:, None], np.isfinite(g)
        change = np.array([row[late].mean() - row[~late].mean() for row, late in zip(y[own], after[own], strict=True)])
        influence = np.zeros(panel.n_units)
        influence[own] = (change - change.mean()) * panel.n_units / own.sum()
        self.calls.append(1)
        value = change.mean() + 5 * np.sin(len(self.calls)) * self.by_call
        return Estimate(cells(aggregation=["overall"]), np.array([value]), influence[:, None], panel)


def panel(seed=0, n=40, treated=16, effect=0.0, trend=0.0, cause=0.0, persistence=0.5):
    """Eight periods; a cause moves who starts in the fifth, the outcome, and an outcome that practice cannot move."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal(n)
    order = np.argsort(-(cause * 2 * hidden + rng.standard_normal(n)))
    starts = np.full(n, np.inf)
    starts[order[:treated]] = 2005.0
    noise = rng.standard_normal((n, 8))
    for t in range(1, 8):
        noise[:, t] += persistence * noise[:, t - 1]
    late = np.arange(2001, 2009) >= 2005
    y = 20 + rng.standard_normal((n, 1)) + trend * np.arange(8) + noise + cause * 2 * hidden[:, None] * late
    other = rng.standard_normal((n, 8)) + cause * 2 * hidden[:, None] * late
    made = panel_of(y + effect * (late * np.isfinite(starts)[:, None]), starts)
    both = {f"{column}:{name}": values for name, values in (("y", made.frame["outcome"]), ("control", other.ravel()))
            for column in ("outcome",)}  # fmt: skip
    empty = {f"{column}:{name}": np.nan for name in ("y", "control") for column in ("count", "exposure")}
    outcomes = tuple(replace(made.outcomes[0], name=name) for name in ("y", "control"))
    return made.with_columns(**both, **empty).changed(outcomes=outcomes, active="y")


def verdicts(method, data, **more):
    check = Refuters(**{"draws": 199, "negative_control": "control", **LIMITS, **more})
    return {one.name.removeprefix("refuters."): one for one in check.check(fit(method, data), np.random.default_rng(1))}


QUICK = {"draws": 99, "strength": 0.5, "strengths": (0.5,), "repeats": 3}

#: name of the line: sound method and panel, broken method and panel.
PAIRS = {
    "placebo_treatment": ((TWFE(), {}), (BeforeAfter(), {"trend": 0.5})),
    "dummy_outcome": ((TWFE(), {}), (BeforeAfter(), {"trend": 0.5})),
    "dummy_outcome_test": ((TWFE(), {"n": 60, "treated": 25}), (TWFE(), {"treated": 2})),
    "negative_control": ((TWFE(), {}), (TWFE(), {"cause": 1.0})),
    "common_cause": ((TWFE(), {"effect": -4.0}), (TWFE(), {})),
}  # fmt: skip


@cache
def ten(method, **made):
    """Return the verdicts on ten panels; every line of them is made at once, so each is asked for once."""
    return [verdicts(method, panel(seed, **made), **QUICK) for seed in range(10)]


@pytest.mark.xdist_group("refuters")
@pytest.mark.parametrize("name", PAIRS)
def test_each_fails_on_what_is_broken_and_passes_what_is_sound(name):
    """Ten panels of each: sound designs pass in at least eight, broken ones fail in at least nine."""
    rates = []
    for method, made in PAIRS[name]:
        found = [lines[name].passed for lines in ten(method, **made)]
        assert None not in found
        rates.append(sum(found))
    print(f"{name}: sound passed {rates[0]} of 10, broken passed {rates[1]} of 10")
    assert rates[0] >= 8
    assert rates[1] <= 1


@pytest.mark.slow
def test_software_checks_see_an_estimate_that_depends_on_the_call():
    sound, broken = verdicts(BeforeAfter(), panel(trend=0.5)), verdicts(BeforeAfter(by_call=True), panel(trend=0.5))
    assert sound["data_subset"].value < 0.3
    assert abs(broken["data_subset"].value) > 0.3
    assert sound["data_subset"].passed is None


@pytest.mark.slow
def test_a_random_covariate_hardly_moves_an_estimate():
    data = panel(effect=-2.0)
    found = verdicts(CallawaySantAnna(adjust="reg"), data)["random_common_cause"]
    assert 0 < found.value < 0.5
    assert verdicts(BeforeAfter(), data)["random_common_cause"].text.startswith("Not done: the estimate takes no cov")


def test_taking_out_a_cause_shifts_a_difference_by_what_it_adds():
    """By hand: the mean standing of treated less others times both strengths and the spread of changes."""
    data = panel(effect=-3.0)
    remade = Remade.of(fit(TWFE(), data))
    values, _ = remade.on_outcomes(remade.without_cause([(0.5, 0.4)], 4000, np.random.default_rng(0)))
    treated = data.ever_treated
    change = data.matrix()[:, 4:].mean(1) - data.matrix()[:, :4].mean(1)
    rest = np.concatenate([change[side] - change[side].mean() for side in (treated, ~treated)])
    spread = np.sqrt(rest @ rest / (data.n_units - 2))
    expected = remade.value + 0.5 * 0.4 * spread / treated.std()
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / np.sqrt(4000))


def test_ratios_are_shifted_in_logs():
    rng = np.random.default_rng(2)
    starts = np.where(np.arange(30) < 12, 2004.0, np.inf)
    data = panel_of(rng.poisson(40, (30, 6)) + 1.0, starts, exposure=np.full((30, 6), 2.0))
    found = verdicts(PoissonDiD(), data)
    assert np.isfinite(found["common_cause"].value)
    assert found["dummy_outcome"].passed


def test_reasons():
    data = panel()
    assert "no outcome 'x'" in verdicts(TWFE(), data, negative_control="x")["negative_control"].text
    assert "(negative_control)" in verdicts(TWFE(), data, negative_control="", min_p=None)["negative_control"].text
    few = verdicts(TWFE(), panel(n=20, treated=14))["dummy_outcome"]
    assert few.text.startswith("Not done: 6 untreated units have a whole path")
    assert pd.isna(few.value)


def test_the_sentence_of_a_cause_is_of_all_that_were_tried():
    """A cause of .9 leaves less than nothing: the sentence cannot go on that none of .1 and .5 would undo it."""
    check = Refuters(draws=19, strength=0.9, strengths=(0.5, 0.1), repeats=3, subset=0.01)
    found = {one.name: one for one in check.check(fit(TWFE(), panel(effect=-0.3)), np.random.default_rng(1))}
    line = found["refuters.common_cause"]
    grid = line.table.set_index(["with_treatment", "with_outcome"])["share_left"]
    assert sorted({one for one, _ in grid.index}) == [0.1, 0.5, 0.9]
    assert line.value == grid[0.9, 0.9] < 0
    undone = min(one for one in (0.1, 0.5, 0.9) if grid[one, one] <= 0)
    assert line.text.endswith(f"one of {undone:g} would leave nothing.")
    few = "Not done: a share of 0.01 (subset) leaves 1 treated and 1 other of 40 units, and a subset has two of each"
    assert found["refuters.data_subset"].text.startswith(few)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("negative_control: outcome", "negative_control: outcome is the headline's own outcome"),
        ("negative_control: nothing", "negative_control: nothing is no outcome of the panel"),
        ("rebuilt_draws: 50", "rebuilt_draws: no comparison group is built again under other adoptions"),
        ("min_p: 0.05", "min_p: goes with a negative_control"),
        ("strengths: [0.5, 0.1, 0.1]", "strengths: 0.1 stands twice"),
    ],
)
def test_what_would_do_nothing_or_test_itself_is_refused_at_its_line(tmp_path, options, said):
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, ("seed: 1\n", f"checks:\n  - refuters: {{{options}}}\nseed: 1\n"))
    [fault] = caught.value.faults
    assert said in fault.what
    line = int(fault.where.rpartition(":")[2])
    assert "refuters" in (tmp_path / "d.yaml").read_text().splitlines()[line - 1]


@pytest.mark.parametrize(
    ("check", "key"),
    [
        ("refuters: {negative_control: control}", "negative_control"),
        ("placebo_outcome: {outcomes: [control]}", "outcomes"),
    ],
)
def test_a_control_that_the_theory_says_is_moved_is_refused_with_the_way(tmp_path, check, key):
    entries = "{count: care_entries, exposure: children_0_17, per: 10000}"
    two = f"outcomes: {{entries: {entries}, control: {{value: trust}}}}"
    asked = ("seed: 1\n", f"checks:\n  - {check}\nseed: 1\n")
    with pytest.raises(DesignFault) as caught:
        load(tmp_path, (f"outcome: {entries}", two), asked)
    [fault] = caught.value.faults
    assert f"{key}: by the theory the intervention moves control: practice -> trust" in fault.what
    assert check in (tmp_path / "d.yaml").read_text().splitlines()[int(fault.where.rpartition(":")[2]) - 1]
    load(tmp_path, (f"outcome: {entries}", two.replace("value: trust", "value: children_0_17")), asked)


def test_the_same_seed_gives_the_same_numbers():
    first, again = (verdicts(TWFE(), panel(effect=-1.0)) for _ in range(2))
    assert [one.value for one in first.values()] == [one.value for one in again.values()]


def test_a_common_cause_reaches_starts_at_any_time_as_it_does_one():
    """It was a step at the first start of anyone, which later bases held already: 97% was left where it is 70 to 80."""
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((60, 10)).cumsum(1) / 3

    def left(starts):
        data = panel_of(20 + noise - 2.0 * (np.arange(2001, 2011) >= starts[:, None]), starts)
        lines = Refuters(draws=19, repeats=20, strengths=(0.6,)).check(
            fit(CallawaySantAnna(), data), np.random.default_rng(1)
        )
        table = next(line.table for line in lines if line.name == "refuters.common_cause")
        return table.query("with_treatment == with_outcome == 0.6")["share_left"].item()

    one, staggered = np.full(60, np.inf), np.full(60, np.inf)
    one[:30], staggered[:2], staggered[2:30] = 2006.0, 2002.0, 2006.0
    assert left(one) < 0.8
    assert left(staggered) == pytest.approx(left(one), abs=0.1)
