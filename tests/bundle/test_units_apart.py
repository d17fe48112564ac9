"""Units that something sets apart from the others of their side: weights, kinds, gaps, histories, single donors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.files import read_table
from sos_eval.bundle.told import WEIGHED
from sos_eval.results.standing_apart import Donors
from tests.bundle.test_searched import COUNTED
from tests.bundle.test_what_counts_tell import PLAIN, is_told, world

QUICK = PLAIN.replace("{method: analytic}, {method: randomization}", "{method: randomization, draws: 19}")

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")


@pytest.mark.parametrize("weight", ["", "  weight: children\n"])
def test_a_value_with_weights_of_its_own_has_no_denominator_to_set_them_against(weight, tmp_path):
    rate = np.random.default_rng(1).uniform(20, 60, (26, 4))
    design = QUICK.replace(COUNTED, "outcome: {value: rate}").replace("  time: year\n", f"  time: year\n{weight}")
    assert is_told(world(tmp_path, 13, design, rate=rate))


@pytest.mark.parametrize(("few", "told"), [(1, False), (6, True)])
def test_of_two_estimates_that_weigh_few_units_otherwise_one_is_told(few, told, tmp_path):
    again = "inference:"
    design = QUICK.replace("  time: year\n", "  time: year\n  weight: one\n")
    design = design.replace(again, f"  - {{id: again, method: twfe, with: {{panel.weight: revised}}}}\n{again}")
    ones = np.ones((26, 4))
    revised = np.where(np.arange(26)[:, None] < few, 3.0, ones)
    table = read_table(world(tmp_path, 13, design, one=ones, revised=revised) / "estimates.csv")
    own = table[(table["estimator"] == "again") & (table["aggregation"] == "overall")]
    assert own["estimate"].notna().all() == told
    assert told or set(own["reason"]) == {WEIGHED}


@pytest.mark.parametrize(("ineligible", "told"), [(1, False), pytest.param(4, True, marks=pytest.mark.slow)])
def test_each_group_of_a_triple_difference_needs_units(ineligible, told, tmp_path):
    """Beside the mean of all treated, a group of one ineligible among them was one authority's counts."""
    places = np.arange(26)[:, None].repeat(4, axis=1)
    eligible = np.where(places < 13, places >= ineligible, places >= 19)
    design = QUICK.replace("method: callaway_santanna, control: never_treated", "method: triple_difference")
    table = read_table(world(tmp_path, 13, design, eligible=eligible.astype(int)) / "estimates.csv")
    assert table["estimate"].notna().any() == told
    assert told or set(table["reason"]) == {"withheld: rests on fewer than 3 units"}


def counts(*missing: tuple[int, int]) -> np.ndarray:
    """Draw counts of hundreds, with none where a unit lacks a period."""
    out = np.random.default_rng(3).integers(100, 600, (26, 4)).astype(float)
    for place in missing:
        out[place] = np.nan
    return out


@pytest.mark.parametrize(
    ("missing", "rows", "means"),
    [((), True, True), (((0, 3),), False, False), (((20, 3),), False, False), (((0, 1),), True, False),
     (((0, 0), (1, 2), (2, 3)), False, False), (((0, 3), (1, 3), (2, 3)), True, True)],
)  # fmt: skip
def test_beside_an_answer_with_gaps_of_few_units_stand_no_rows_and_no_means(missing, rows, means, tmp_path):
    """A cell is over those that are there in both its periods, a mean over those of one."""
    bundle = world(tmp_path, 13, QUICK, entries=counts(*missing))
    table = read_table(bundle / "estimates.csv")
    assert table.loc[table["aggregation"] == "overall", "estimate"].notna().all()
    assert table.loc[table["aggregation"] == "event_time", "estimate"].notna().any() == rows
    assert read_table(bundle / "tables" / "outcome_paths.csv")["mean"].notna().any() == means
    assert np.isfinite(se.read_bundle(bundle).facts.panel.outcomes["outcome"].mean_treated) == means


@pytest.mark.parametrize(("stop", "told"), [(1, False), (4, True)])
def test_few_units_that_stop_apart_of_their_starts_others_are_a_set_of_their_own(stop, told, tmp_path):
    """Windows weigh them otherwise than the others of their start."""
    status = np.zeros((26, 4), int)
    status[:13, 2:] = 1
    status[:stop, 3] = 0
    design = QUICK.replace("{first_treated: start}", "{status: status, absorbing: false}")
    design = design.replace("method: callaway_santanna, control: never_treated", "method: twfe")
    short = "  - {id: short, method: twfe, with: {panel.window: {from: 2011}}}\ninference:"
    bundle = world(tmp_path, 13, design.replace("inference:", short), status=status)
    table = read_table(bundle / "estimates.csv").set_index("estimator")["estimate"]
    assert table["primary"].notna().all()
    assert table[["short"]].notna().all() == told
    assert read_table(bundle / "tables" / "outcome_paths.csv")["mean"].notna().all() == told


def test_donors_are_worth_as_many_as_their_shares():
    equal, one = dict.fromkeys("abcd", 0.25), {"a": 0.9, "b": 0.05, "c": 0.05, "d": 0.0}
    assert Donors((equal,), equal).worth() == pytest.approx(4.0)
    assert Donors((equal, one), equal).worth() < 3
    assert list(Donors((one,), one).carrying()) == [frozenset("abc")] * 2
    assert Donors().worth() == np.inf


@pytest.mark.parametrize(("near", "told"), [(1, False), (8, True)])
def test_a_synthetic_control_of_few_donors_is_not_told(near, told, tmp_path):
    """The treated's mean less the effect was one donor's rate."""
    rng, years = np.random.default_rng(2), 7
    level = np.where(np.arange(22) < 8 + near, 40.0, 5.0)[:, None] + rng.normal(0, 1.0, (22, 1))
    wave = np.where(np.arange(22) < 8 + near, 6.0, 0.3)[:, None] * np.sin(np.arange(years))
    data = pd.DataFrame([(f"A{u:02d}", 2015 if u < 8 else 0, 2010 + t) for u in range(22) for t in range(years)])
    data.columns = ["la", "start", "year"]
    data["children"] = rng.integers(90_000, 200_000, (22, 1)).repeat(years, axis=1).ravel()
    data["entries"] = (np.abs(level + wave + rng.normal(0, 0.5, (22, years))).ravel() * data["children"] / 1e4).round()
    data.to_csv(tmp_path / "panel.csv", index=False)
    design = QUICK.replace("method: callaway_santanna, control: never_treated", "method: synthetic_did")
    (tmp_path / "design.yaml").write_text(design)
    bundle = se.run(tmp_path / "design.yaml", out=tmp_path / "out").path
    assert read_table(bundle / "estimates.csv")["estimate"].notna().any() == told
