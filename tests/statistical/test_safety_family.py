"""How often some safety outcome is called harmed, or helped, where nothing happens to any: outcomes move together."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from sos_eval.estimators import TWFE
from sos_eval.inference import Randomization
from sos_eval.inference.family import adjusted_for_number
from sos_eval.numerics.random import stream
from sos_eval.results.fitted import Fitted
from tests.fakes import panel_of

UNITS, TREATED, TIMES, OUTCOMES, TOGETHER, RUNS = 40, 8, 6, 4, 0.6, 1_000


def outcomes(seed):
    """Return outcomes without any effect, (OUTCOMES, UNITS, TIMES): correlated, heavy-tailed, persistent."""
    rng = np.random.default_rng([7, seed])
    common, own = rng.standard_t(4, (1, UNITS, TIMES)), rng.standard_t(4, (OUTCOMES, UNITS, TIMES))
    noise = np.sqrt(TOGETHER) * common + np.sqrt(1 - TOGETHER) * own
    return noise + 0.5 * np.cumsum(noise, axis=2)


def smallest(seed, statistic="studentised"):
    """Return the smallest p of a family, as it stands and adjusted."""
    starts = np.where(np.arange(UNITS) < TREATED, 2004.0, np.inf)
    test, told = Randomization(statistic=statistic, draws=199, interval="none"), {}
    for k, outcome in enumerate(outcomes(seed)):
        panel = panel_of(outcome, starts)
        fitted = Fitted("one", "primary", TWFE(), TWFE().complete(panel), panel)
        told[str(k)] = test.infer(fitted, stream(seed, "lots"))
    adjusted = adjusted_for_number("safety", told, statistic)
    return min(one.facts["p_value"] for one in told.values()), min(one.facts["p_adjusted"] for one in adjusted.values())


@pytest.mark.slow
def test_one_in_twenty_families_without_effect_is_called():
    bare, adjusted = (np.mean(np.array(p) <= 0.05) for p in zip(*map(smallest, range(RUNS)), strict=True))
    error = np.sqrt(0.05 * 0.95 / RUNS)
    assert adjusted == pytest.approx(0.05, abs=3 * error)
    assert bare > 0.05 + 5 * error


if __name__ == "__main__":
    for statistic in ("studentised", "coefficient", "both"):
        p = np.array([smallest(seed, statistic) for seed in range(int(sys.argv[1]))])
        share = (p <= 0.05).mean(0)
        error = np.sqrt(share * (1 - share) / len(p))
        told = [
            f"{name} {one:.1%} ± {e:.1%}"
            for name, one, e in zip(("as they stand", "adjusted"), share, error, strict=True)
        ]
        print(statistic, *told, flush=True)
