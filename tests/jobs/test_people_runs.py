"""Runs and matches of children within sets: what is left out, what is said of it, and what is written."""

from __future__ import annotations

import pandas as pd
import pytest

from sos_eval.jobs.run import run
from tests.conftest import without_pages
from tests.jobs.children import SETS, children, laid_down

CEM = {"method": "cem", "on": ["age"], "cutpoints": {"age": [5]}}


def ran(folder, people=CEM, frame=None, **more):
    with without_pages():
        return run(laid_down(folder, people, frame, **more), out=folder / "out")


def overall(bundle):
    rows = bundle.estimates
    return rows[rows["aggregation"] == "overall"].iloc[0]


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_set_without_children_on_a_side_of_its_window_moves_nothing(side, tmp_path):
    """C4 is the only comparator of P3; whatever P3's level is, the estimate is that of the other sets."""
    found = []
    for level in (0, 20):
        frame = children()
        frame["y"] += level * (frame["la"] == "P3")
        late = frame["day"] >= "2013-04-01"
        gone = (frame["la"] == "C4") & (late if side == "after" else ~(frame["day"] >= "2014-04-01"))
        bundle = ran(tmp_path / f"{side} {level}", frame=frame[~gone])
        found.append(overall(bundle))
        flow = pd.read_csv(tmp_path / f"{side} {level}" / "out" / "flow.csv")
        told = flow[flow["reason"].str.contains("no difference can be taken from it", na=False)].iloc[0]
        assert told["names"] == "C4, P3"
        assert told["units"] == 2
        assert told["rows"] == (frame[~gone]["la"].isin(["P3", "C4"])).sum() - in_window(frame[~gone])
    frame = children()
    two = {"method": "declared", "sets": {name: SETS[name] for name in ("P1", "P2")}, "people": CEM}
    without = overall(ran(tmp_path / "without", frame=frame, comparison=two))
    for row in found:
        assert row["estimate"] == pytest.approx(without["estimate"], rel=1e-10)
        assert row["n_obs"] == without["n_obs"]
        assert row["n_treated_units"] == 2


def in_window(frame):
    """Count the children of P3's set in its window, who leave before."""
    return (frame["la"].isin(["P3", "C4"]) & frame["day"].between("2013-04-01", "2014-03-31")).sum()
