"""Size of the check `spillover` where nobody responds: `python -m tests.statistical.spillover_size [draws]` prints it.

Real outcomes with placebo adoption that is not exchangeable on purpose (see `coverage.noise`): neighbours are those of
the same region, or the most alike in poverty.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.checks import SpilloverCheck
from sos_eval.estimators import TWFE
from tests.fakes import fit
from tests.statistical.coverage.noise import real_noise

CHECKS = {
    "region": SpilloverCheck(same="region", draws=199),
    "poverty, rings 1 and 3": SpilloverCheck(on=("idaci",), rings=(1, 3), draws=199),
}


def rejections(treated: int, draws: int) -> dict[str, float]:
    """Return the share of true nulls that the test of the rings rejects at 5%, by what makes units near."""
    noise, rng = real_noise(), np.random.default_rng(treated)
    count = dict.fromkeys(CHECKS, 0)
    for starts in noise.adoptions(treated, draws, rng):
        fitted = fit(TWFE(), noise.panel.with_first_treated(starts))
        for name, check in CHECKS.items():
            count[name] += check.check(fitted, rng)[1].value <= 0.05 + 1e-12
    return {name: hits / draws for name, hits in count.items()}


if __name__ == "__main__":
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for treated in (5, 10):
        for name, share in rejections(treated, draws).items():
            error = 100 * np.sqrt(share * (1 - share) / draws)
            print(f"{treated} treated, {name}: {100 * share:.1f}% ± {error:.1f}", flush=True)
