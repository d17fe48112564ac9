"""Size of `continuous_did` under a true null, 10 and 20 treated: `python -m tests.statistical.dose_size`.

Adoptions and outcomes are those of `synthetic/england.yaml` without effect; doses are drawn uniformly from .3 to 1.
"""

from __future__ import annotations

import numpy as np

from sos_eval.estimators import ContinuousDiD
from sos_eval.numerics.random import stream
from tests.statistical.coverage.jobs import SEED
from tests.statistical.coverage.noise import england, scenes
from tests.statistical.coverage.permuted import assignments_of

DRAWS, EACH, PERMUTATIONS, LEVEL = 500, 20, 199, 0.05
ROWS = ("overall", "average causal response")


def measured(treated: int) -> dict[str, np.ndarray]:
    """Return rejections by row and test, a mean per adoption each."""
    rng, shares = stream(SEED, "dose", treated), {}
    for scene in scenes(england(treated), DRAWS, EACH, rng):
        dose = rng.uniform(0.3, 1.0, scene.panel.n_units)[scene.panel.unit_codes]
        panel, estimator = scene.panel.with_columns(dose=dose), ContinuousDiD()
        adoptions = assignments_of(panel, PERMUTATIONS, rng).first_treated
        every = [estimator.estimate_many(panel.with_first_treated(one), scene.outcomes) for one in adoptions]
        own = estimator.estimate_many(panel, scene.outcomes)
        places = np.flatnonzero(own.cells["aggregation"] == "overall")[:2]
        for name, row in zip(ROWS, places, strict=True):
            for statistic, by in (("studentised", "std_error"), ("coefficient", "")):
                size = [np.abs(b.values[:, row]) / (getattr(b, by)[:, row] if by else 1) for b in (own, *every)]
                p = np.mean(np.array(size) >= size[0] * (1 - 1e-9), axis=0)
                shares.setdefault(f"{name}, {statistic}", []).append(np.mean(p <= LEVEL))
            wald = np.abs(own.values[:, row] / own.std_error[:, row])
            shares.setdefault(f"{name}, analytic", []).append(np.mean(wald > 1.959963984540054))
    return {name: np.array(parts) for name, parts in shares.items()}


if __name__ == "__main__":
    for number in (10, 20):
        for test, parts in measured(number).items():
            error = parts.std(ddof=1) / np.sqrt(len(parts))
            print(f"{number} treated, {test}: {100 * parts.mean():.1f} ± {100 * error:.1f}")
