"""Cases on which a number was once wrong in silence, as they were met: the same data, and the number that is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sos_eval.checks.pretrends import Pretrends
from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.panel.tabular import from_frame
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted

NAMES = {"unit": "u", "time": "t", "outcome": "y", "first_treated": "g"}
COLUMNS = ["u", "t", "g", "y"]


def fitted(method: Estimator, rows: list[tuple], inference: str = "analytic") -> pd.Series:
    table = method.fit(pd.DataFrame(rows, columns=COLUMNS), **NAMES, inference=inference)
    return table[table["aggregation"] == "overall"].iloc[0]


def observed() -> list[tuple]:
    """30 authorities, eight from 2014 and six from 2016."""
    rng = np.random.default_rng(4)
    return [
        (i, t, start := 2014 if i < 8 else 2016 if i < 14 else 0,
         int(200 + i + 5 * (t - 2010) + (30 if start and t >= start else 0) + rng.normal() * 3))
        for i in range(30)
        for t in range(2010, 2020)
    ]  # fmt: skip


LATE = [(90 + i, t, 2014, 900 + i * 10 + 50 * (t - 2016)) for i in range(3) for t in range(2016, 2020)]


@pytest.mark.parametrize("late", [[], LATE], ids=["alone", "with three that enter late"])
def test_case_late_entrants(late):
    """(8 * 28.7083 + 6 * 28.4375) / 14, not (11 * 28.7083 + 6 * 28.4375) / 17 = 28.6127."""
    row = fitted(CallawaySantAnna(), observed() + late)
    assert row["estimate"] == pytest.approx((8 * 28.7083 + 6 * 28.4375) / 14, abs=1e-4)
    assert row["estimate"] == pytest.approx(28.5923, abs=5e-5)
    assert tuple(row[["n_units", "n_treated_units"]]) == (30, 14)


def test_case_late_entrants_of_a_large_cohort():
    """(5 * 9.949 - 20 * .062) / 25 = 1.940, not 8.348, which counts a hundred that are in no cell."""
    rng = np.random.default_rng(4)
    rows = [
        (i, t, 2014 if i < 5 else 2016 if i < 25 else 0,
         50 + i + 0.5 * (t - 2010) + (10 if i < 5 and t >= 2014 else 0) + rng.normal() * 0.1)
        for i in range(60)
        for t in range(2010, 2020)
    ]  # fmt: skip
    late = [(900 + i, t, 2014, 80.0 + i * 0.1) for i in range(100) for t in range(2016, 2020)]
    assert fitted(CallawaySantAnna(), rows + late)["estimate"] == pytest.approx(1.940, abs=5e-4)


def test_case_singletons_jackknife():
    """sqrt(23/24) of CR3 with 23 degrees of freedom: 3.0420, not 3.0786 with 53, beside thirty units of one row."""
    rng = np.random.default_rng(4)
    rows = [
        (f"a{i}", t, 2014 if i < 8 else 0,
         float(200 + i + 5 * (t - 2010) + (30 if i < 8 and t >= 2014 else 0) + rng.normal() * 9))
        for i in range(24)
        for t in range(2010, 2019)
    ]  # fmt: skip
    single = [(f"s{i}", 2010 + i % 9, 0, 500.0 + i) for i in range(25)]
    single += [(f"q{i}", 2015, 2014, 700.0 + i) for i in range(5)]
    for given in (rows, rows + single):
        row = fitted(TWFE(), given, "jackknife")
        assert row["std_error"] == pytest.approx(3.042037, abs=5e-7)
        assert (row["df"], row["n_clusters"]) == (23, 24)


@pytest.mark.parametrize("method", [TWFE(), PoissonDiD()], ids=str)
def test_case_singletons_jackknife_where_it_decides(method):
    """Two hundred units of one row, a hundred without any event: 11 degrees of freedom for 12 clusters, not 211."""
    rng = np.random.default_rng(3)
    rows = [
        (f"a{i:02d}", t, 2014 if i < 6 else 0, float(rng.poisson(40 + i - (8 if i < 6 and t >= 2014 else 0))))
        for i in range(12)
        for t in range(2011, 2017)
    ]
    idle = [(f"s{i}", 2011 + i % 6, 0, 500.0 + i) for i in range(200)]
    empty = [(f"z{i}", t, 0, 0.0) for i in range(100) for t in range(2011, 2017)]
    row = fitted(method, rows + (idle if method.name == "twfe" else empty), "jackknife")
    assert (row["df"], row["n_clusters"]) == (11, 12)
    right = {"twfe": (-4.94444, 2.66772), "poisson_did": (0.88438, 0.06194)}[method.name]
    assert tuple(row[["estimate", "std_error"]]) == pytest.approx(right, abs=5e-6)


def test_case_window_slope():
    """Of a window that joins nothing both periods before the start are on the line: a slope of .2297, not of one."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"u": np.repeat([f"u{i}" for i in range(60)], 12), "t": np.tile(np.arange(1, 13), 60)})
    data["g"] = np.repeat(np.r_[np.zeros(30), np.repeat([6, 8], 15)], 12)
    data["y"] = rng.normal(size=720) + 0.3 * data["t"] * (data["g"] > 0)
    panel, method = from_frame(data, **NAMES), CallawaySantAnna(base_period="universal", window=(-3, 3))
    found = Pretrends().check(Fitted("a", "primary", method, method.complete(panel), panel), rng)
    (slope,) = [one for one in found if one.name == "pretrends.slope"]
    assert slope.value == pytest.approx(0.2297, abs=5e-5)


def test_case_period_codes_every_second_year():
    """One period of anticipation in periods that are numbered is worth 3.0."""
    rng = np.random.default_rng(1)
    rows = [
        (i, k, 7 if i < 10 else 0, 10 + i + (3 if i < 10 and k >= 6 else 0) + rng.normal() * 0.01)
        for i in range(30)
        for k in range(1, 11)
    ]
    assert fitted(CallawaySantAnna(anticipation=1), rows)["estimate"] == pytest.approx(3.0, abs=0.01)
    spans = [(u, 2008 + k * 1, g and 2008 + g, y) for u, k, g, y in rows]
    coded = [(u, *(v and int(f"{v}{(v + 1) % 100:02d}") for v in (t, g)), y) for u, t, g, y in spans]
    assert fitted(CallawaySantAnna(anticipation=1), coded)["estimate"] == pytest.approx(3.0, abs=0.01)


def test_case_level_only_untreated_the_way_out():
    """Without the two units of a level that nobody treated has, inverse probability and doubly robust weighting
    answer: 2.05, as the regression does with them."""
    rng = np.random.default_rng(8)
    rows = [
        (f"u{i}", t, g, "ABC"[i % 3],
         5 + i * 0.1 + 0.4 * (t - 2011) * (i % 3 == 1) + 2 * (0 < g <= t) + rng.normal() * 0.3)
        for i in range(60)
        for g in [2014 if i < 15 else 2015 if i < 30 else 0]
        for t in range(2011, 2018)
    ]  # fmt: skip
    data = pd.DataFrame(rows, columns=["u", "t", "g", "r", "y"])
    data.loc[data["u"].isin(["u40", "u41"]), "r"] = "Z"
    found = {}
    for adjust, kept in (("reg", data), *((a, data[data["r"] != "Z"]) for a in ("ipw", "dr"))):
        table = CallawaySantAnna(adjust=adjust, control="never_treated").fit(kept, **NAMES, covariates=("r",))
        found[adjust] = table.loc[table["aggregation"] == "overall", "estimate"].iloc[0]
    assert found["reg"] == pytest.approx(2.0553, abs=5e-5)
    assert found["ipw"] == pytest.approx(found["dr"], abs=1e-6)
    assert found["dr"] == pytest.approx(found["reg"], abs=1e-3)
