"""Spillover: the effect on each ring and the estimate without it, by hand, over all adoptions of eight units."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from sos_eval.bundle.provenance import hash_file
from sos_eval.checks import SpilloverCheck
from sos_eval.errors import InputFault
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.jobs.run import run
from sos_eval.numerics.rings import ranks_of, rings_of
from tests.fakes import fit, panel_of

#: Eight units on a line; the first two are treated.
PLACE = np.array([0.0, 1, 2.1, 3.3, 4.6, 6.0, 7.5, 9.1])
CHANGE = np.array([5.0, 4, 2.5, 1, 0, -1, 0.5, 1.5])
PANEL = panel_of(np.column_stack([np.full(8, 10.0), 10 + CHANGE]), [2002.0] * 2 + [np.inf] * 6, place=PLACE)
APART = PANEL.with_first_treated(np.array([2002.0, np.inf, np.inf, np.inf, 2002, np.inf, np.inf, np.inf]))
UNITS = [f"u{i + 1:03d}" for i in range(8)]


def nearest(unit):
    """Return the others by their distance on the line."""
    return sorted((i for i in range(8) if i != unit), key=lambda i: abs(PLACE[i] - PLACE[unit]))


LISTS = {UNITS[i]: tuple(UNITS[j] for j in nearest(i)[:4]) for i in range(8)}


def ring(treated, first, last):
    """Return who is at a place from first to last in the list of the nearest treated unit."""
    places = {j: min(nearest(i).index(j) + 1 for i in treated) for j in range(8) if j not in treated}
    return {j for j, k in places.items() if first <= k <= last}


def difference(these, against):
    these, against = list(these), list(against)
    return CHANGE[these].mean() - CHANGE[against].mean() if these and against else np.nan


@pytest.mark.parametrize(
    "check", [SpilloverCheck(lists=LISTS, rings=(1, 2)), SpilloverCheck(on=("place",), rings=(1, 2))]
)
@pytest.mark.parametrize("method", [TWFE(), CallawaySantAnna()])
def test_rings_by_hand_over_all_adoptions(check, method):
    shift, rings = check.check(fit(method, APART), np.random.default_rng(0))
    table = shift.table
    bounds = ((1, 1), (2, 2))
    for k, (row, (first, last)) in enumerate(zip(table.itertuples(), bounds, strict=True)):
        drawn, without = [], []
        for treated in map(set, [(0, 4), *combinations(range(8), 2)]):
            near, outside = ring(treated, first, last), set(range(8)) - treated - ring(treated, 1, 2)
            drawn.append(difference(near, outside))
            left = set(range(8)) - treated - ring(treated, 1, bounds[k][1])
            without.append(difference(treated, left) - difference(treated, set(range(8)) - treated))
        assert row.effect == pytest.approx(drawn[0], abs=1e-10)
        assert row.n_units == len(ring({0, 4}, first, last))
        assert row.draws == 28
        assert row.shift == pytest.approx(without[0], abs=1e-10)
        assert row.without == pytest.approx(without[0] + difference((0, 4), (1, 2, 3, 5, 6, 7)), abs=1e-10)
        apart = np.abs(np.array(without) - np.nanmedian(without[1:]))
        assert row.shift_p == pytest.approx((apart[1:] >= apart[0] - 1e-9).mean(), abs=1e-12)
    assert shift.value == pytest.approx(table["shift"].iloc[-1])
    assert 0 < rings.value <= 1
    assert rings.value >= table["p_value"].min()


def test_units_that_share_a_value_are_one_ring():
    region = ["a", "a", "a", "a", "b", "b", "b", "b"]
    panel = panel_of(np.column_stack([np.full(8, 10.0), 10 + CHANGE]), [2002.0] * 2 + [np.inf] * 6, region=region)
    shift, _ = SpilloverCheck(same="region").check(fit(TWFE(), panel), np.random.default_rng(0))
    row = shift.table.iloc[0]
    assert (row["n_units"], row["effect"]) == (2, pytest.approx(difference((2, 3), range(4, 8))))
    assert row["without"] == pytest.approx(difference((0, 1), range(4, 8)))
    assert "Without the 2 untreated units" in shift.text


def test_a_ring_starts_with_its_nearest_treated_unit():
    rank = ranks_of(np.abs(PLACE[:, None] - PLACE[None]))
    starts = np.array([2003.0, np.inf, np.inf, np.inf, np.inf, np.inf, 2002, np.inf])
    which, near = rings_of(rank, starts, (1, 3))
    assert which.tolist() == [-1, 0, 1, 1, 1, 0, -1, 1]
    assert near[[1, 5, 7]].tolist() == [2003, 2002, 2002]
    assert np.isinf(near[[0, 6]]).all()
    assert (rings_of(rank, np.full(8, np.inf), (1,))[0] == -1).all()


def test_nobody_near_or_nobody_far_is_said():
    alone = {"u001": ("u002",)}
    shift, rings = SpilloverCheck(lists=alone, rings=(1,)).check(fit(TWFE(), PANEL), np.random.default_rng(0))
    assert shift.text == "Not done: nobody is in this ring."
    assert rings.text.startswith("Not done")
    assert np.isnan(rings.value)
    shift, _ = SpilloverCheck(on=("place",), rings=(7,)).check(fit(TWFE(), PANEL), np.random.default_rng(0))
    assert shift.text == "Not done: nobody is outside all rings."


def test_staggered_starts_and_errors():
    rng = np.random.default_rng(3)
    starts = [2003.0] * 3 + [2004] * 2 + [np.inf] * 15
    panel = panel_of(rng.normal(size=(20, 6)), starts, place=rng.normal(size=20))
    shift, rings = SpilloverCheck(on=("place",), rings=(1, 3), draws=99).check(fit(CallawaySantAnna(), panel), rng)
    assert shift.table["effect"].notna().all()
    assert shift.table["conf_low"].notna().all()
    assert 0.01 <= rings.value <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "write one of"), ({"same": "region", "on": ("place",)}, "write one of"),
        ({"on": ("place",), "rings": (3, 1)}, "nearest first"), ({"same": "region", "rings": (1, 2)}, "one ring"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        SpilloverCheck(**options)


DESIGN = """\
schema: sos-eval/design/1
name: eight
panel: {source: csv, path: p.csv, unit: la, time: year, outcome: {value: y}, treatment: {first_treated: start}}
estimators: [{id: primary, method: twfe}]
inference: [{method: randomization, draws: 99}]
checks:
  - spillover: {file: near.csv, rings: [1, 2]}
  - spillover: {same: region}
seed: 1
"""


@pytest.mark.slow
def test_a_run_reads_neighbours_and_columns_from_files(tmp_path):
    rows = {"la": np.repeat(UNITS, 2), "year": np.tile([2001, 2002], 8), "region": np.repeat(list("aaaabbbb"), 2)}
    rows |= {"y": np.ravel([[10.0, 10 + one] for one in CHANGE]), "start": np.repeat([2002] * 2 + [0] * 6, 2)}
    pd.DataFrame(rows).to_csv(tmp_path / "p.csv", index=False)
    pairs = [(unit, other) for unit, others in LISTS.items() for other in others]
    pd.DataFrame(pairs, columns=["unit", "neighbour"]).to_csv(tmp_path / "near.csv", index=False)
    (tmp_path / "d.yaml").write_text(DESIGN, encoding="utf-8")
    bundle = run(tmp_path / "d.yaml", out=tmp_path / "out")
    named = {one["file"].rpartition("/")[2]: one["sha256"] for one in bundle.provenance["data"]}
    assert named["near.csv"] == hash_file(tmp_path / "near.csv")
    entry = bundle.diagnostics["name"].str.split("@").str[0]  # the second entry has a name of its own
    values = bundle.diagnostics.loc[entry == "spillover", "value"]
    assert values.iloc[1] == pytest.approx(difference((0, 1), range(4, 8)) - difference((0, 1), range(2, 8)), abs=1e-8)
    (tmp_path / "near.csv").unlink()
    with pytest.raises(InputFault, match=r"near\.csv"):
        run(tmp_path / "d.yaml", out=tmp_path / "again")
