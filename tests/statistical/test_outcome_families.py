"""What families of dependent outcomes hold: the chance of any false finding, and the expected share of false ones.

`python -m tests.statistical.test_outcome_families 1000` prints the table.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

from sos_eval.estimators import TWFE
from sos_eval.numerics.multiplicity import benjamini_hochberg, holm, westfall_young
from sos_eval.numerics.random import stream
from sos_eval.results.assignments import assignment_space
from tests.fakes import panel_of
from tests.statistical.test_safety_family import OUTCOMES, TREATED, UNITS, outcomes

RUNS, SIZE, DRAWS = 1_000, 3.0, 199
METHODS = ("none", "holm", "romano_wolf", "benjamini_hochberg")


def adjusted(seed: int, moved: int) -> np.ndarray:
    """Return the p of every outcome by every method, (4, OUTCOMES); the first `moved` outcomes have an effect."""
    starts = np.where(np.arange(UNITS) < TREATED, 2004.0, np.inf)
    made = outcomes(seed)
    made[:moved, :TREATED, 3:] += SIZE
    space = assignment_space(panel_of(made[0], starts), ())
    lots = np.vstack([starts, space.draw(DRAWS, stream(seed, "lots")).first_treated])
    columns = []
    for one in made:
        batch = TWFE().estimate_assignments(panel_of(one, starts), lots)
        columns.append(batch.values[:, 0] / batch.std_error[:, 0])
    t = np.column_stack(columns)
    p = (np.abs(t) >= np.abs(t[0]) * (1 - 1e-9)).mean(0)
    return np.array([p, holm(p[:, None])[:, 0], westfall_young(t), benjamini_hochberg(p[:, None])[:, 0]])


def measured(runs: int, moved: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by method the chance of a false finding, the mean share of false ones, and the share of effects found."""
    found = np.array([adjusted(seed, moved) for seed in range(runs)]) <= 0.05 + 1e-12
    false, true = found[:, :, moved:].sum(2), found[:, :, :moved].sum(2)
    share = false / np.maximum(false + true, 1)
    return (false > 0).mean(0), share.mean(0), true.mean(0) / max(moved, 1)


@pytest.mark.slow
@pytest.mark.parametrize("moved", [0, 2])
def test_false_findings_of_dependent_outcomes_are_held(moved):
    any_false, share, power = measured(RUNS, moved)
    error = np.sqrt(0.05 * 0.95 / RUNS)
    assert any_false[1] < 0.05 + 3 * error
    assert any_false[2] < 0.05 + 3 * error
    assert share[3] < 0.05 + 3 * error
    if moved:
        assert power[2] >= power[1]  # the draws know that outcomes move together
        assert power[3] >= power[1]
    else:
        assert any_false[0] > 0.05 + 5 * error
        assert any_false[2] > 0.05 - 3 * error


if __name__ == "__main__":
    runs = int(sys.argv[1])
    for moved in (0, 2):
        for name, any_false, share, power in zip(METHODS, *measured(runs, moved), strict=True):
            error = 100 * np.sqrt(any_false * (1 - any_false) / runs)
            print(
                f"{moved} of {OUTCOMES} moved, {name}: any false {100 * any_false:.1f}% ± {error:.1f}, "
                f"share false {100 * share:.1f}%, found {100 * power:.1f}%", flush=True,
            )  # fmt: skip
