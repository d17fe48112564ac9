"""Units that are in no number of an estimate change none: not its errors, degrees of freedom, counts or tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.panel.tabular import from_frame
from sos_eval.results.estimate import loop_batch

NAMES = {"unit": "u", "time": "t", "outcome": "y", "first_treated": "g"}
COLUMNS = ["u", "t", "g", "y"]
INFERENCE = [
    "analytic", "jackknife", "cr2", "cr3", "multiplier_bootstrap", {"method": "wild_cluster_bootstrap", "draws": 99},
    {"method": "subcluster_wild_bootstrap", "draws": 99},
    {"method": "randomization", "draws": 99, "interval": "none"},
]  # fmt: skip


def whole(n: int = 14, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = [2014] * 3 + [2016] * 3 + [0] * (n - 6)
    rows = [
        (f"a{i:02d}", t, g, float(200 + 9 * i + 5 * (t - 2010) + 30 * (g > 0 and t >= g) + rng.poisson(9)))
        for i, g in enumerate(starts)
        for t in range(2011, 2019)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def idle() -> pd.DataFrame:
    """Units with one row, treated ones among them, and units that enter when already treated."""
    single = [(f"s{i}", 2011 + i % 8, 0, 500.0 + i) for i in range(9)] + [("q0", 2017, 2016, 700.0)]
    late = [(f"z{i}", t, 2014, 900.0 + i + t) for i in range(4) for t in (2016, 2017, 2018)]
    return pd.DataFrame(single + late, columns=COLUMNS)


METHODS = [
    TWFE(), EventStudyTWFE(), PoissonDiD(), CallawaySantAnna(), CallawaySantAnna(base_period="universal"),
    CallawaySantAnna(control="not_yet_treated"),
]  # fmt: skip


@pytest.mark.parametrize("inference", INFERENCE, ids=lambda one: one if isinstance(one, str) else one["method"])
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_units_that_are_left_out_change_nothing(method, inference):
    """The oracle drops them by hand."""
    by_hand, given = (
        method.fit(df, **NAMES, inference=inference, seed=3) for df in (whole(), pd.concat([whole(), idle()]))
    )
    pd.testing.assert_frame_equal(given, by_hand, check_exact=False, rtol=1e-9, atol=1e-10)
    assert any("z0" in row.names for row in given.attrs["flow"] if row.what == "dropped")


def test_late_entrants_do_not_weigh():
    """Five authorities observed, twenty of a later cohort, a hundred that enter when treated: (5 a + 20 b) / 25."""
    rng = np.random.default_rng(4)
    rows = [
        (f"{i}", t, 2014 if i < 5 else 2016 if i < 25 else 0, 50.0 + 10 * (i < 5 and t >= 2014) + 0.1 * rng.normal())
        for i in range(60)
        for t in range(2010, 2020)
    ]
    late = [(f"{900 + i}", t, 2014, 80.0 + i) for i in range(100) for t in range(2016, 2020)]
    table = CallawaySantAnna().fit(pd.DataFrame(rows + late, columns=COLUMNS), **NAMES)
    overall = table[table["aggregation"] == "overall"].iloc[0]
    early, later = table[table["aggregation"] == "cohort"]["estimate"]
    assert overall["estimate"] == pytest.approx((5 * early + 20 * later) / 25, rel=1e-12)
    assert overall["estimate"] == pytest.approx(2, abs=0.1)
    assert tuple(overall[["n_units", "n_treated_units", "n_clusters"]]) == (60, 25, 60)


def test_who_lacks_the_base_period_does_not_weigh():
    """A unit that leaves before its start is in cells before it, and has no effect to average."""
    df = whole()
    leavers = df[df["u"].isin(["a00", "a01"])].query("t < 2013").assign(u=lambda one: one["u"] + "b")
    both = pd.concat([df, leavers])
    method = CallawaySantAnna()
    with_, without = (method.fit(one, **NAMES) for one in (both, df))
    overall = [one[one["aggregation"] == "overall"].iloc[0] for one in (with_, without)]
    assert overall[0]["estimate"] == pytest.approx(overall[1]["estimate"], abs=1e-10)
    assert overall[0]["n_treated_units"] == 6


def test_singletons_are_no_clusters_of_the_jackknife():
    """The jackknife is sqrt((G - 1) / G) times CR3, with G of the clusters in the regression (docs/methods.md)."""
    df = pd.concat([whole(), idle()])
    jackknife, cr3 = (TWFE().fit(df, **NAMES, inference=one).iloc[-1] for one in ("jackknife", "cr3"))
    assert jackknife["n_clusters"] == 14
    assert jackknife["df"] == 13
    assert jackknife["std_error"] == pytest.approx(np.sqrt(13 / 14) * cr3["std_error"], rel=1e-8)


@pytest.mark.parametrize("method", [*METHODS, CallawaySantAnna(gaps="levels")], ids=str)
def test_a_batch_of_adoptions_leaves_out_the_same(method):
    panel = from_frame(pd.concat([whole(), idle()]), **NAMES)
    rng = np.random.default_rng(5)
    starts = np.array([panel.first_treated, *(rng.permutation(panel.first_treated) for _ in range(12))])
    batch = method.estimate_assignments(panel, starts)
    loop = loop_batch([panel.with_first_treated(one) for one in starts], method.complete, batch.cells)
    np.testing.assert_allclose(batch.values, loop.values, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=1e-9, atol=1e-9)


def shut() -> pd.DataFrame:
    """Units with events in their first year alone, shut in all others: a treated one among them."""
    rows = [
        (f"c{i}", t, 2014 if i == 0 else 0, 9.0 + i if t == 2011 else 0.0) for i in range(5) for t in range(2011, 2019)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def closed(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(closed=(df["y"] == 0).astype(float))


@pytest.mark.parametrize("inference", INFERENCE, ids=lambda one: one if isinstance(one, str) else one["method"])
def test_units_lost_by_separation_change_nothing(inference):
    """What is left of them is one row each, which their own effect fits: the oracle drops them by hand."""
    by_hand, given = (
        PoissonDiD().fit(closed(df), **NAMES, covariates=["closed"], inference=inference, seed=3)
        for df in (whole(), pd.concat([whole(), shut()]))
    )
    pd.testing.assert_frame_equal(given, by_hand, check_exact=False, rtol=1e-9, atol=1e-10)
    (dropped,) = [row for row in given.attrs["flow"] if row.what == "dropped"]
    assert dropped.names == "c0, c1, c2, c3, c4"
