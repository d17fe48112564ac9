"""How often the multilevel model rejects a true null, by the number of treated authorities.

`python -m tests.statistical.multilevel_size 10 2000`: children of thirty authorities of which ten start, random levels
of each authority and of each of its four periods, twenty children each, no effect. Rejections at 5% by CR2, by plain
clustered errors, and by the model's own error and the normal.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.special import ndtr

from sos_eval.estimators import Multilevel
from sos_eval.inference import CR2, Analytic
from sos_eval.results.fitted import Fitted
from tests.estimators.test_multilevel import pieces, shocked

__all__ = ["rejected"]


def rejected(treated: int, draws: int, levels: str = "unit_and_period") -> dict[str, float]:
    """Return shares of draws rejected at 5%."""
    count = dict.fromkeys(("cr2", "analytic", "own"), 0)
    for seed in range(draws):
        panel = shocked(10_000 * treated + seed, units=3 * treated, treated=treated, effect=0.0)
        method = Multilevel(levels=levels)
        fitted = Fitted("a", "secondary", method, method.complete(panel), panel)
        for name, inference in (("cr2", CR2()), ("analytic", Analytic(band_draws=0))):
            table = inference.infer(fitted, np.random.default_rng(seed)).table
            count[name] += table["p_value"].iloc[0] <= 0.05
        _, fit = pieces(panel, levels)
        count["own"] += 2 * ndtr(-abs(fit.coef[0] / fit.own_error[0])) <= 0.05
    return {name: times / draws for name, times in count.items()}


if __name__ == "__main__":
    for kind in ("unit_and_period", "unit"):
        shares = rejected(int(sys.argv[1]), int(sys.argv[2]), kind)
        told = ", ".join(
            f"{name} {100 * share:.1f} ({100 * np.sqrt(share * (1 - share) / int(sys.argv[2])):.1f})"
            for name, share in shares.items()
        )
        print(f"{sys.argv[1]} treated, {kind}: {told}", flush=True)
