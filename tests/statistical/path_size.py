"""How often the earlier path is called unlike under no difference, counted alike and as a ratio counts.

``python -m tests.statistical.path_size [panels]`` draws that many panels of counts for each number of treated units.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.checks.path import early_periods, path_p_values
from sos_eval.checks.path_lottery import PathLottery
from sos_eval.estimators import PoissonDiD
from tests.checks.test_path import counted
from tests.fakes import fit

__all__ = ["p_values"]

DRAWS = 499


def p_values(seed: int, treated: int) -> list[float]:
    """Return the joint p with units counted alike and counted as the answer counts them."""
    fitted = fit(PoissonDiD(), counted(seed, treated, units=90))
    space = fitted.space(())
    assert not isinstance(space, str)
    drawn = space.draw(DRAWS, np.random.default_rng(seed))
    lottery = PathLottery.of(fitted, drawn, space, (), early_periods(fitted))
    return [float(path_p_values(one.observed_lots())[2]) for one in (lottery, lottery.as_answered()) if one]


if __name__ == "__main__":
    panels = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    for treated in (4, 5, 8, 10, 30):
        share = (np.array([p_values(seed, treated) for seed in range(panels)]) <= 0.05).mean(0)
        error = 100 * np.sqrt(share * (1 - share) / panels)
        words = ", ".join(
            f"{name} {100 * one:.1f}% ({own:.1f})"
            for name, one, own in zip(("alike", "as answered"), share, error, strict=True)
        )
        print(f"{treated} treated: {words}", flush=True)
