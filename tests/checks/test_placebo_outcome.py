"""Placebo outcomes: by hand on all adoptions of eight units, failing on a common cause, passing without one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.checks.placebo_outcome import PlaceboOutcome
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.jobs.check import check_design
from tests.checks.test_refuters import panel
from tests.fakes import fit

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

CHANGE = np.array([3.0, 1.0, 0.5, -1.0, 2.0, 0.0, -0.5, 1.5])


def results(method, data, **options):
    check = PlaceboOutcome(**{"outcomes": ("control",), "draws": 199, **options})
    return {one.name.removeprefix("placebo_outcome."): one for one in check.check(fit(method, data), rng())}


def rng():
    return np.random.default_rng(1)


DESIGN = """\
schema: sos-eval/design/1
name: eight
panel:
  source: csv
  path: p.csv
  unit: la
  time: year
  outcomes: {main: {value: y}, control: {value: z}}
  treatment: {first_treated: start}
estimators: [{id: primary, method: twfe}]
inference: [{method: randomization, draws: 99, statistic: coefficient}]
checks: [{placebo_outcome: {outcomes: [control], min_p: 0.05}}]
seed: 1
report: {formats: []}
"""


def run_of_eight(folder, extra=""):
    """Two of eight start in the second of two periods; the placebo changes by `CHANGE`."""
    rows = {"la": np.repeat(list("abcdefgh"), 2), "year": np.tile([2001, 2002], 8), "y": np.arange(16.0) % 5}
    rows |= {"z": np.ravel([[10.0, 10 + one] for one in CHANGE]), "start": np.repeat([2002] * 2 + [0] * 6, 2)}
    pd.DataFrame(rows).to_csv(folder / "p.csv", index=False)
    (folder / "d.yaml").write_text(DESIGN + extra, encoding="utf-8")
    return se.run(folder / "d.yaml", out=folder / "out")


def studentised(chosen):
    """Difference of mean changes over its clustered error, by hand."""
    own, other = CHANGE[list(chosen)], np.delete(CHANGE, list(chosen))
    error = np.sqrt(((own - own.mean()) ** 2).sum() / len(own) ** 2 + ((other - other.mean()) ** 2).sum() / 36)
    return own.mean() - other.mean(), error


def test_all_adoptions_of_eight_units_by_hand(tmp_path):
    bundle = run_of_eight(tmp_path)
    rows = bundle.diagnostics.query("outcome == 'main'").set_index("name")
    value, error = studentised((0, 1))
    assert rows.loc["placebo_outcome.control", "value"] == pytest.approx(value, abs=1e-12)
    every = [studentised(pair) for pair in combinations(range(8), 2)]
    p = np.mean([abs(b / s) >= abs(value / error) * (1 - 1e-12) for b, s in every])
    largest = rows.loc["placebo_outcome.largest"]
    assert largest["value"] == pytest.approx(p, abs=1e-12)
    assert bool(largest["passed"]) == (p >= 0.05)
    assert largest["threshold"] == 0.05


def test_the_table_holds_intervals_that_the_evidence_gate_reads(tmp_path):
    table = run_of_eight(tmp_path).tables("placebo_outcome.control")
    assert list(table.columns) == [
        "outcome", "scale", "estimate", "conf_low", "conf_high", "p_value", "draws", "std_error",
    ]  # fmt: skip
    row = table.iloc[0]
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert (row["conf_low"] <= 0 <= row["conf_high"]) == (row["p_value"] > 0.05)


@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna()])
def test_a_cause_of_both_outcomes_fails_and_none_passes(method):
    sound = [results(method, panel(s), min_p=0.05)["largest"].passed for s in range(10)]
    broken = [results(method, panel(s, cause=1.0), min_p=0.05)["largest"].passed for s in range(10)]
    assert sum(sound) >= 8
    assert sum(broken) == 0


def test_reasons():
    own = results(TWFE(), panel(), outcomes=("y", "control"))
    assert own["largest"].text == "Not done: y is one of the placebo outcomes itself."
    found = results(TWFE(), panel(), outcomes=("x", "control"))
    assert found["x"].text == "Not done: the panel has no outcome 'x'; it has y, control."
    assert found["largest"].text.startswith("control is the one tested; random adoptions find as much or more in ")
    assert results(TWFE(), panel(), outcomes=())["largest"].text.startswith("Not done: no outcome is declared")
    with pytest.raises(ValueError, match="control stands twice"):
        PlaceboOutcome(outcomes=("control", "control"))


def test_an_outcome_that_is_not_there_is_foreseen(tmp_path):
    run_of_eight(tmp_path)
    (tmp_path / "d.yaml").write_text(DESIGN.replace("[control], min", "[controls], min"), encoding="utf-8")
    said = check_design(tmp_path / "d.yaml").text
    assert "placebo_outcome will not be done: the panel has no outcome 'controls'; it has main, control" in said


def test_a_profile_withholds_it(tmp_path):
    """Its outcome may be held back where the headline's is not: the gate does not know its units."""
    bundle = run_of_eight(tmp_path, "disclosure: {profile: dfe}\n")
    rows = bundle.diagnostics
    assert rows[rows["name"].str.startswith("placebo_outcome")]["value"].isna().all()
    assert "placebo_outcome.control" not in bundle.table_names
