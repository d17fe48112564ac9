"""Covariates that few have: adjusting takes these out, and beside the plain estimate it told their changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.files import read_table
from sos_eval.bundle.told import NEAR, WEIGHED
from sos_eval.results.set_apart import SetApart
from tests.bundle.test_units_apart import QUICK
from tests.bundle.test_what_counts_tell import world

pytestmark = pytest.mark.usefixtures("undrawn", "unsized")

ALONE = QUICK.replace("  time: year\n", "  time: year\n  covariates: [kind]\n")
ALONE = ALONE.replace("control: never_treated}", "control: never_treated, adjust: reg}")
BESIDE = ALONE.replace("adjust: reg}", "adjust: reg, covariates: []}").replace(
    "inference:", "  - {id: adjusted, method: callaway_santanna, control: never_treated, adjust: reg}\ninference:"
)
ISLAND = (np.arange(26) == 20)[:, None].repeat(4, axis=1)
OTHERS = [f"A{u:02d}" for u in range(13, 26)]


def told(bundle):
    """Return by estimator whether event times are told, and why not."""
    table = read_table(bundle / "estimates.csv").query("aggregation == 'event_time'").groupby("estimator")
    return table["estimate"].apply(lambda one: one.notna().any()), table["reason"].first()


def test_adjusted_less_plain_is_the_change_of_the_one_that_has_it(tmp_path):
    """What the rule is for, from nothing but an open bundle: an island of one among thirteen others."""
    bundle = world(tmp_path, 13, BESIDE.replace("profile: dfe", "profile: open"), kind=ISLAND.astype(int))
    table = read_table(bundle / "estimates.csv").query("aggregation == 'event_time' and event_time == 0")
    plain, adjusted = table.groupby("estimator")["estimate"].first()[["primary", "adjusted"]]
    rates = pd.read_csv(tmp_path / "panel.csv").assign(rate=lambda t: 1e4 * t["entries"] / t["children"])
    change = rates.pivot(index="la", columns="year", values="rate").pipe(lambda t: t[2012] - t[2011])
    assert change[OTHERS].mean() + 12 * (adjusted - plain) == pytest.approx(change["A20"])


@pytest.mark.parametrize(("few", "reason"), [(1, NEAR), (5, "")])
def test_beside_the_plain_estimate_it_is_told_where_enough_have_it(few, reason, tmp_path):
    has = (np.arange(26) >= 26 - few)[:, None].repeat(4, axis=1)
    shown, why = told(world(tmp_path, 13, BESIDE, kind=np.where(has, "island", "mainland")))
    assert shown["primary"]
    assert shown["adjusted"] == (not reason)
    assert reason in str(why["adjusted"])


def test_means_of_all_are_not_told_beside_an_answer_without_few(tmp_path):
    """The plain estimate is a sum of mean outcomes: the adjusted one as the answer told the island beside these."""
    bundle = world(tmp_path, 13, ALONE, kind=ISLAND.astype(int))
    assert told(bundle)[0]["primary"]
    assert read_table(bundle / "tables" / "outcome_paths.csv")["mean"].isna().all()


def test_adjusted_estimates_over_other_periods_are_ways_each(tmp_path):
    late = "  - {id: late, method: callaway_santanna, adjust: reg, with: {panel.window: {from: 2011}}}\ninference:"
    numbers = np.random.default_rng(1).uniform(1, 2, (26, 1)).repeat(4, axis=1)
    shown, why = told(world(tmp_path, 13, BESIDE.replace("inference:", late), kind=numbers))
    assert shown[["primary", "adjusted"]].all()
    assert why["late"] == WEIGHED


def table_of(**columns):
    """Return rows of eight units over three periods."""
    rows = pd.DataFrame({"unit": np.repeat([*"ABCDEFGH"], 3), "time": np.tile([1.0, 2.0, 3.0], 8)})
    return rows.assign(**{name: np.asarray(values).ravel() for name, values in columns.items()})


NOISE = np.random.default_rng(2).normal(size=(8, 3))
LEVEL = np.arange(8.0)[:, None].repeat(3, axis=1)


@pytest.mark.parametrize(
    ("columns", "few"),
    [
        ({"z": LEVEL}, ""),
        ({"z": LEVEL == 2}, "C"),
        ({"z": np.where(LEVEL == 2, 5_000, LEVEL)}, "C"),  # what others differ by is no hundredth of it
        ({"z": LEVEL <= 2}, ""),
        ({"z": LEVEL + (LEVEL == 3) * [0, 0, 1]}, "D"),  # the one that changes
        ({"z": 1e6 * LEVEL / 7 + 1e-10 * (LEVEL == 3) * [0, 0, 1]}, ""),  # rounding is no change
        ({"z": LEVEL <= 3, "y": LEVEL <= 2}, "D"),  # one less the other
        ({"z": NOISE, "y": NOISE + LEVEL + 2 * (LEVEL == 3) * [0, 0, 1]}, "D"),  # the change of one less the other's
        ({"z": LEVEL > 1}, "AB"),
        ({"z": [["x", "y"][int(k > 5)] for k in LEVEL.ravel()]}, "GH"),
    ],
)
def test_who_is_set_apart(columns, few):
    frame = table_of(**columns)
    frame = frame.astype({name: float for name in columns if frame[name].dtype == bool})
    assert SetApart.by(frame, [*columns], ()).few(3) == frozenset(few)
    assert SetApart.by(frame, [], ()).few(3) == frozenset()


def test_levels_that_few_of_a_side_have_stay_in_the_estimate():
    """A region of one treated and three others is compared within itself; an island of one is with nobody."""
    frame = table_of(z=[[*"xyyyxxxy"][int(k)] for k in LEVEL.ravel()], y=np.where(LEVEL == 7, "island", ""))
    apart = SetApart.by(frame, ["z", "y"], (frozenset("ABCD"),))
    assert apart.few(3) == frozenset("AH")
    assert apart.taken_out(3) == frozenset("H")


def test_as_many_are_set_apart_together_as_may_not_be_told_of():
    """Thirteen of whom eight have the one and five the other: three are in the difference, of five that are needed."""
    units = [f"A{k:02d}" for k in range(25)]
    frame = pd.DataFrame({"unit": units, "time": 1.0})
    frame["x"], frame["y"] = (frame.index < 6) * 1.0, (frame.index < 6) * 1.0
    frame.loc[12:19, "x"], frame.loc[12:16, "y"] = 1.0, 1.0
    apart = SetApart.by(frame, ["x", "y"], (frozenset(units[:12]), frozenset(units[12:])))
    assert apart.few(5) == frozenset({"A17", "A18", "A19"})
    assert not apart.few(3)
