"""Outcomes that are part of another: their difference is a count that nobody declared, and nobody shall find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sos_eval as se
from sos_eval.bundle.files import read_table
from sos_eval.bundle.nested import nested_outcomes
from sos_eval.bundle.told import NESTED
from sos_eval.panel.disclosure import Disclosure
from tests.bundle.test_searched import COUNTED, DESIGN

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

DFE = Disclosure(profile="dfe")


def world(folder: Path, boys: np.ndarray, primary: str = "every") -> Path:
    """Run five treated and five others: children, girls, and boys that are declared by nobody."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame([(f"A{u:02d}", 2012 if u < 5 else 0, 2010 + t) for u in range(10) for t in range(4)])
    data.columns = ["la", "start", "year"]
    data["children"], data["girls"] = 900 + 37 * data.index, rng.integers(100, 180, len(data))
    data["every"] = data["girls"] + boys.ravel()
    data.to_csv(folder / "panel.csv", index=False)
    roles = {name: ", role: primary" * (name == primary) for name in ("every", "girls")}
    declared = [f"{name}: {{count: {name}, exposure: children, per: 10000{role}}}" for name, role in roles.items()]
    design = DESIGN.replace(COUNTED, f"outcomes: {{{', '.join(declared)}}}")
    design = design.replace("control: never_treated", "control: never_treated, outcome: [every, girls]")
    (folder / "design.yaml").write_text(design)
    return se.run(folder / "design.yaml", out=folder / "out").path


@pytest.mark.parametrize("primary", ["every", "girls"])
def test_of_two_outcomes_whose_difference_is_small_the_headlines_is_told(primary, tmp_path):
    bundle = world(tmp_path, np.random.default_rng(1).integers(0, 9, (10, 4)), primary)
    table = read_table(bundle / "estimates.csv")
    own = table["outcome"] == primary
    assert table.loc[own, "estimate"].notna().all()
    assert table.loc[~own, "estimate"].isna().all()
    assert set(table.loc[~own, "reason"]) == {NESTED}
    means = read_table(bundle / "tables" / "outcome_paths.csv").set_index("outcome")["mean"].notna()
    assert means[primary].all()
    other = ({"every", "girls"} - {primary}).pop()
    assert not means[other].any()
    assert np.isnan(se.read_bundle(bundle).facts.panel.outcomes[other].mean_treated)
    assert NESTED.removeprefix("withheld: ") in (bundle / "disclosure.csv").read_text()


def test_of_two_outcomes_whose_difference_is_large_both_are_told(tmp_path):
    bundle = world(tmp_path, np.random.default_rng(1).integers(100, 180, (10, 4)))
    assert read_table(bundle / "estimates.csv")["estimate"].notna().all()
    assert read_table(bundle / "tables" / "outcome_paths.csv")["mean"].notna().all()


def told(*counts: list[float], cohorts: int = 1):
    """Return the outcomes a, b, … that are not told of one mean of counts each, over equal denominators."""
    names = "abc"[: len(counts)]
    paths = pd.DataFrame([{"outcome": name, "group": "treated", "cohort": np.nan, "time": 2010, "n_units": len(one)}
                          for name, one in zip(names, counts, strict=True)])  # fmt: skip
    behind = [np.column_stack([np.arange(len(one)), np.ones(len(one)), one]) for one in counts]
    return nested_outcomes(paths, behind, "a", DFE)


def test_parts_by_hand():
    every, boys = np.array([100.0, 120, 140]), np.array([2.0, 3, 4])
    assert told(every, every - boys) == {"b"}
    assert told(every, every - 50) == set()
    assert told(every, every + boys) == {"b"}  # what is told is the part of what is not
    assert told(every, every - [2, -3, 4]) == set()  # neither is part of the other
    assert told(every, every - [0, 0, 0]) == set()  # one outcome under two names: named in docs/disclosure.md
    assert told(every, every - 50, every - 50 - boys) == {"c"}
    assert told(every, every - [60, 60, 2]) == {"b"}  # no one carries the mean, but three counts can be listed
    assert told(every, every - [2, 0, 0]) == {"b"}  # one authority carries all that is left
    assert told(every, every * np.nan) == set()
    assert told(every, every * np.inf) == set()  # a value in place of a count
