"""`disclosure.small_counts: middle`: panels that differ in protected counts alone give the same bundle to the byte."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from sos_eval.errors import InputFault
from sos_eval.panel.small_counts import with_middle_counts
from tests.bundle.test_searched import DESIGN
from tests.bundle.test_what_counts_tell import world
from tests.fakes import panel_of

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

MIDDLE = DESIGN.replace("profile: dfe", "profile: dfe, small_counts: middle")


def test_small_counts_and_rests_stand_at_the_middle():
    """Of six: 1 to 5 are 3; of 20 children 17 are 17, for 3 are left, and so are 19."""
    exposure = np.array([[100.0, 100, 100], [20, 20, 20]])
    panel = panel_of([[0, 1, 5], [6, 17, 19]], [2002, np.inf], exposure=exposure)
    made = with_middle_counts(panel, 6)
    np.testing.assert_array_equal(made.frame["count"], [0, 3, 3, 6, 17, 17])
    np.testing.assert_allclose(made.frame["outcome"], made.frame["count"] / made.frame["exposure"])
    assert made.caveats[-1].startswith("Each count of 1 to 5 is read as 3")


def test_panels_that_differ_in_protected_counts_alone_give_the_same_bytes(tmp_path):
    rng, bundles = np.random.default_rng(8), []
    entries = rng.integers(100, 600, (10, 4))
    children = rng.integers(9_000, 60_000, (10, 1)).repeat(4, axis=1)
    for k in range(2):
        small = rng.integers(1, 6, 6)
        drawn = entries.copy()
        drawn[[0, 0, 3, 6, 7, 9], [0, 2, 1, 3, 0, 2]] = small
        (tmp_path / str(k)).mkdir()
        bundles.append(world(tmp_path / str(k), 5, MIDDLE, entries=drawn, children=children))
    files = [{str(p.relative_to(b)): p.read_bytes() for p in sorted(b.rglob("*")) if p.is_file()} for b in bundles]
    assert pd.read_csv(bundles[0] / "estimates.csv")["estimate"].notna().any()
    timed = {"files.json", "provenance.json", "results.json"}  # when and for how long, and hashes of files with these
    assert {name for name in files[0] if files[0][name] != files[1].get(name)} <= timed
    made = [json.loads(one["results.json"]) | {"provenance": None} for one in files]
    assert made[0] == made[1]
    assert "Each count of 1 to 5 is read as 3" in files[0]["results.json"].decode()


def test_it_is_refused_where_nobody_knows_the_counts(tmp_path):
    value = MIDDLE.replace("{count: entries, exposure: children, per: 10000}", "{value: entries}")
    assert value != MIDDLE
    with pytest.raises(InputFault, match=r"small_counts: middle is for counts .* is a value"):
        world(tmp_path, 5, value)
    with pytest.raises(InputFault, match="goes with a profile"):
        world(tmp_path, 5, MIDDLE.replace("profile: dfe, ", ""))
