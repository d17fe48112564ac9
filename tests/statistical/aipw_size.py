"""How often the doubly robust comparison rejects a true null, by the number of treated authorities.

`python -m tests.statistical.aipw_size analytic 10 1000`: children of thirty authorities of which ten start, a random
level of each authority, arms that differ in a covariate, no effect.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.estimators import AIPW
from sos_eval.inference import Analytic, Randomization
from sos_eval.results.fitted import Fitted
from tests.estimators.test_aipw import children

__all__ = ["rejected"]

SD = 0.3


def rejected(inference: str, treated: int, draws: int, lots: int = 99, each: int = 40) -> tuple[float, float]:
    """Return the share of draws rejected at 5%, and its Monte Carlo error."""
    method = Analytic() if inference == "analytic" else Randomization(draws=lots, statistic="studentised")
    count = 0
    for seed in range(draws):
        panel = children(10_000 * treated + seed, units=3 * treated, each=each, effect=0.0, authority_sd=SD)
        fitted = Fitted("a", "primary", AIPW(), AIPW().complete(panel), panel)
        table = method.infer(fitted, np.random.default_rng(seed)).table
        count += table["p_value"].iloc[0] <= 0.05
    share = count / draws
    return share, float(np.sqrt(share * (1 - share) / draws))


if __name__ == "__main__":
    told = rejected(sys.argv[1], *map(int, sys.argv[2:]))
    print(f"{' '.join(sys.argv[1:])}: {100 * told[0]:.1f}% ({100 * told[1]:.1f})")
