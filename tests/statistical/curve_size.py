"""Size of the specification curve's joint test: `python -m tests.statistical.curve_size [draws]` prints the table.

Real outcomes with placebo adoption that is not exchangeable on purpose (see `coverage.noise`), eight specifications:
four estimators in two windows. Every draw is judged by 199 permuted adoptions of its own, out of a common pool.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from sos_eval.estimators import TWFE, CallawaySantAnna, PoissonDiD
from sos_eval.numerics.curve import curve_test
from sos_eval.panel.panel import Outcome, Panel
from sos_eval.results.assignments import AssignmentSpace
from tests.statistical.coverage.noise import real_noise
from tests.statistical.coverage.permuted import overall, unrestricted

POOL, PERMUTATIONS = 20_000, 199


def _logged(panel: Panel) -> Panel:
    """Return the panel with the log of its rates."""
    logs = np.log(panel.frame["outcome"].to_numpy(float))
    return replace(panel.with_columns(outcome=logs, count=np.nan, exposure=np.nan), outcomes=(Outcome(),))


def statistics(panel: Panel, starts: np.ndarray) -> np.ndarray:
    """Return the studentised estimate of every specification under adoptions (draws, n), (draws, 8)."""
    found = []
    for first in (2011, 2013):
        inside = panel.keep_times(panel.times[panel.times >= first])
        for method, used in (
            (TWFE(), inside), (TWFE(), _logged(inside)), (CallawaySantAnna(), inside), (PoissonDiD(), inside),
        ):  # fmt: skip
            values, errors = overall(method.estimate_assignments(used, starts))
            found.append(values / errors)
    return np.column_stack(found)


def rejections(treated: int, draws: int) -> dict[str, float]:
    """Return the share of true nulls that the joint tests reject at 5%."""
    noise, rng = real_noise(), np.random.default_rng(treated)
    observed = noise.adoptions(treated, draws, rng)
    panel = noise.panel.with_first_treated(observed[0])
    n = panel.n_units
    pool = AssignmentSpace(observed[0], unrestricted(n), np.arange(n), ("all",)).draw(POOL, rng).first_treated
    own, drawn = statistics(panel, observed), statistics(panel, pool)
    count = {"median, a decrease expected": 0, "median, none expected": 0, "number found, a decrease expected": 0}
    for one in own:
        t = np.vstack([one, drawn[rng.choice(POOL, PERMUTATIONS, replace=False)]])
        declared, either = curve_test(t, -1), curve_test(t, 0)
        for name, p in zip(count, (declared.p_median, either.p_median, declared.p_found), strict=True):
            count[name] += p <= 0.05 + 1e-12
    return {name: hits / draws for name, hits in count.items()}


if __name__ == "__main__":
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    for treated in (5, 10, 20):
        for name, share in rejections(treated, draws).items():
            error = 100 * np.sqrt(share * (1 - share) / draws)
            print(f"{treated} treated: {name} {100 * share:.1f}% ± {error:.1f}", flush=True)
