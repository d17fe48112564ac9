"""Intervals under diverging paths against HonestDiD 0.2.8.

Its critical values are simulated (1,000 draws), its ends lie on a grid of its own and its folded quantiles are
simulated: tolerances are those of the files, in steps of the grid and in shares of the interval's length.
"""

from __future__ import annotations

import numpy as np
import pytest

from sos_eval.numerics.hybrid import accepted, moments
from sos_eval.numerics.path_sets import CUT, PathSets
from sos_eval.numerics.restrictions import Timeline
from tests.reference.stored import cases

pytestmark = pytest.mark.reference

LENGTH_SHARE, STEPS = 0.01, 3
BOUND = {"DeltaRM": "relative_magnitudes", "DeltaSDRM": "relative_trend", "DeltaSD": "smoothness"}
#: The README's run with the sunab estimates states no grid, and its ends lie on none that is common to them.
NO_GRID = ("medicaid_sunab_sd_or_rm",)


def vectors(spec):
    if "egt" in spec:
        event = np.array(spec["egt"])
        kept = event != spec["reference_egt"]
        v = np.array(spec["V_including_ref"])[np.ix_(kept, kept)]
        return np.array(spec["att"])[kept], v, int((event < spec["reference_egt"]).sum())
    return np.array(spec["betahat"]), np.array(spec["sigma"]), spec["numPrePeriods"]


def rows():
    for name in ("honestdid", "honestdid_more"):
        for case_id, case in cases(name).items():
            if case_id in NO_GRID:
                continue
            for key, values in case["values"].items():
                if isinstance(values, list):
                    yield from (
                        pytest.param(case, row, id=f"{case_id}-{key}-{row.get('Mbar', row.get('M'))}") for row in values
                    )


@pytest.mark.parametrize(("case", "row"), list(rows()))
def test_interval(case, row):
    spec, (b, v, q) = case["spec"], vectors(case["spec"])
    p = len(b) - q
    weights = np.array(spec.get("l_vec", np.eye(p)[0]), float)
    error, points = float(np.sqrt(weights @ v[q:, q:] @ weights)), spec.get("gridPoints", 1000)
    kind = row["Delta"].removesuffix("PB").removesuffix("NB")
    kind = kind if kind in BOUND else kind[:-1]  # increasing, decreasing
    reach = 20 * error if kind != "DeltaSD" else 30 * error  # of smoothness the file's grid is wider than that
    sets = PathSets(
        b, v, Timeline(np.arange(-q, 0) - 1.0, np.arange(p) + 0.0, -1.0), weights, BOUND[kind],
        spec.get("biasDirection"), spec.get("monotonicityDirection"), spec.get("alpha", 0.05),
        np.linspace(-reach, reach, points if kind != "DeltaSD" else 4 * points),
        np.random.default_rng(0).standard_normal((10_000, len(b))),
    )  # fmt: skip
    m, tolerance = row.get("Mbar", row.get("M")), STEPS * 40 * error / (points - 1)
    if row["method"] == "FLCI":
        assert sets.is_fixed_length
        tolerance = LENGTH_SHARE * (row["ub"] - row["lb"])
    tolerance = case.get("tolerance", {}).get("rm_abs", tolerance)
    low, high = ends(sets, m) if row["method"] == "C-LF" else (sets.interval(m).low, sets.interval(m).high)
    assert low == pytest.approx(row["lb"], abs=tolerance)
    assert high == pytest.approx(row["ub"], abs=tolerance)


def ends(sets, m):
    """Return the first and last value that the hybrid test leaves, a grid's ends among them as the reference does."""
    pieces = sets.timeline.pieces(sets.bound, m, sets.sign, sets.monotone)
    laid = moments(pieces, sets.weights, sets.covariance, sets.normal, sets.alpha / 10)
    inside = accepted(laid, sets.estimates, sets.grid, alpha=sets.alpha, kappa=sets.alpha / 10)
    return sets.grid[inside][[0, -1]]


def test_an_end_of_the_grid_is_no_end_of_the_interval():
    """The file's Mbar of 2 ends where its grid does, at 20 errors: here it has no end, and the reason."""
    b, v, q = vectors(cases("honestdid")["bc_first_post"]["spec"])
    sets = PathSets(
        b, v, Timeline(np.arange(-q, 0) - 1.0, np.arange(len(b) - q) + 0.0, -1.0), np.eye(len(b) - q)[0],
        "relative_magnitudes", None, None, 0.05, 20 * np.sqrt(v[q, q]) * np.linspace(-1, 1, 1000),
        np.random.default_rng(0).standard_normal((10_000, len(b))),
    )  # fmt: skip
    found = sets.interval(2.0)
    assert found.low == pytest.approx(-0.04216, abs=0.003)
    assert np.isnan(found.high)
    assert found.reason == CUT


def test_parallel_paths_give_the_ordinary_interval_nearly():
    """At M = 0 the hybrid gives a tenth of its size to the first stage, and is hardly longer than l'b +- z se."""
    for name in ("bc_first_post", "medicaid_avg_upstream_rm"):
        case = cases("honestdid")[name]
        b, v, q = vectors(case["spec"])
        p = len(b) - q
        weights = np.array(case["spec"].get("l_vec", np.eye(p)[0]), float)
        error = float(np.sqrt(weights @ v[q:, q:] @ weights))
        grid = np.linspace(-40 * error, 40 * error, 16_001)
        sets = PathSets(
            b, v, Timeline(np.arange(-q, 0) - 1.0, np.arange(p) + 0.0, -1.0), weights, "relative_magnitudes", None,
            None, 0.05, grid, np.random.default_rng(0).standard_normal((10_000, len(b))),
        )  # fmt: skip
        found, original = sets.interval(0.0), case["values"]["original"]
        low, high = (float(np.ravel(original[end])[0]) for end in ("lb", "ub"))
        assert found.low == pytest.approx(low, abs=0.1 * error)
        assert found.high == pytest.approx(high, abs=0.1 * error)
