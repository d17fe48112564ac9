"""How often the tests of `panel_tests` reject a true null, and how often they find what is there.

`python -m tests.statistical.panel_tests_size 2000`: 8 periods, a third of units treated from the fifth period on,
unit effects unrelated to treatment; errors independent or autoregressive (.5). Shares of p below 5% by units, errors
and a fifth of cells missing; for Mundlak's test also by F with clusters less one, as it is often reported.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from sos_eval.checks import PanelTests
from sos_eval.estimators import TWFE
from sos_eval.results.fitted import Fitted
from tests.estimators.panels import INF, panel

__all__ = ["rejected"]

PERIODS = 8


def rejected(units: int, treated: int, rho: float, gaps: bool, draws: int) -> dict[str, float]:
    """Return shares of p below 5%."""
    count = dict.fromkeys(("serial_correlation", "mundlak", "mundlak_f", "without mundlak"), 0)
    for seed in range(draws):
        rng = np.random.default_rng([seed, units, treated])
        shock = rng.normal(size=(units, PERIODS + 20))
        for t in range(1, PERIODS + 20):
            shock[:, t] += rho * shock[:, t - 1]
        y = shock[:, 20:] + 2 * rng.normal(size=(units, 1))
        made = panel(y, [5.0] * treated + [INF] * (units - treated))
        if gaps:
            made = replace(made, frame=made.frame[rng.random(units * PERIODS) > 0.2].reset_index(drop=True))
        fitted = Fitted("one", "primary", TWFE(), TWFE().complete(made), made)
        told = {one.name.split(".")[1]: one for one in PanelTests().check(fitted, rng)}
        count["serial_correlation"] += told["serial_correlation"].value < 0.05
        count["mundlak"] += told["mundlak"].value < 0.05
        if not told["mundlak"].table.empty:
            count["mundlak_f"] += float(told["mundlak"].table["p_f"].iloc[0]) < 0.05
        count["without mundlak"] += told["mundlak"].table.empty
    return {name: times / draws for name, times in count.items()}


if __name__ == "__main__":
    reps = int(sys.argv[1])
    for n, starters in ((10, 3), (30, 4), (30, 10), (90, 10)):
        for correlation, holes in ((0.0, False), (0.0, True), (0.5, False)):
            shares = rejected(n, starters, correlation, holes, reps)
            words = ", ".join(
                f"{name} {100 * share:.1f} ({100 * np.sqrt(share * (1 - share) / reps):.1f})"
                for name, share in shares.items()
            )
            print(f"{n} units, {starters} treated, rho {correlation}, gaps {holes}: {words}", flush=True)
