"""Size of interrupted time series under a true null: `python -m tests.statistical.series_size [DRAWS]`.

Units follow a line of their own, a common deviation and an own one, both first-order autoregressive, over 24 or 40
quarters; all that start do so halfway. With a comparison (10 and 20 of 60 units start) `auto` takes a permutation test.
With none (20 of 20 start) errors are over units or, `newey_west`, over time: whatever happens to all units at once is
in the effect, and errors over units do not know it.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.estimators import InterruptedTimeSeries
from sos_eval.inference import Analytic
from sos_eval.inference.newey_west import NeweyWest
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod
from tests.fakes import panel_of
from tests.statistical.coverage.chosen import choice
from tests.statistical.coverage.jobs import SEED
from tests.statistical.coverage.permuted import LEVEL, assignments_of, overall, p_against, rejects

DRAWS, PERMUTATIONS = 1_000, 199
COMPARED = (10, 20)  # of 60
COMMON, OWN = 0.3, 1.0  # standard deviations of the innovations


def autoregressive(rho: float, innovations: Array) -> Array:
    """Return series (…, t) that start from their stationary distribution."""
    out = innovations.copy()
    out[..., 0] /= np.sqrt(1 - rho**2)
    for t in range(1, out.shape[-1]):
        out[..., t] += rho * out[..., t - 1]
    return out


def drawn(treated: int, n: int, periods: int, rho: float, rng: np.random.Generator) -> Panel:
    """One panel without an effect."""
    own = autoregressive(rho, OWN * rng.standard_normal((n, periods)))
    common = autoregressive(rho, COMMON * rng.standard_normal(periods))
    line = rng.normal(50, 5, (n, 1)) + rng.normal(0, 0.1, (n, 1)) * np.arange(periods)
    starts = np.where(np.arange(n) < treated, periods // 2 + 1.0, np.inf)
    return panel_of(line + common + own, starts, first_time=1)


def p_of(panel: Panel, method: InferenceMethod, rng: np.random.Generator) -> float:
    """Return the p of the overall effect."""
    its = InterruptedTimeSeries()
    table = method.infer(Fitted("one", "primary", its, its.complete(panel), panel), rng).table
    return float(table.loc[table["aggregation"] == "overall", "p_value"].iloc[0])


def permuted(panel: Panel, rng: np.random.Generator) -> bool:
    """Return whether the studentised permutation test rejects."""
    its, size = InterruptedTimeSeries(), []
    lots = assignments_of(panel, PERMUTATIONS, rng).first_treated
    for starts in (panel.first_treated[None], lots):
        values, errors = overall(its.estimate_assignments(panel, starts))
        size.append(np.abs(values / errors).ravel())
    return bool(rejects(p_against(size[1], size[0], complete=False))[0])


def told(found: list[bool]) -> str:
    """Return a share in percent with its Monte Carlo error."""
    share = np.mean(found)
    return f"{100 * share:.1f} ± {100 * np.sqrt(share * (1 - share) / len(found)):.1f}"


def main(draws: int) -> None:
    """Print sizes."""
    for periods, rho in ((24, 0.0), (24, 0.5), (40, 0.0), (40, 0.5)):
        for treated in COMPARED:
            rng = stream(SEED, "series", treated, periods, int(10 * rho))
            panels = [drawn(treated, 60, periods, rho, rng) for _ in range(draws)]
            shares = told([permuted(one, rng) for one in panels])
            plain, time = ([p_of(one, m, rng) <= LEVEL for one in panels] for m in (Analytic(), NeweyWest()))
            taken = choice(InterruptedTimeSeries(), panels[0])
            words = f"permuted {shares}, over units {told(plain)}, over time {told(time)}; auto takes {taken}"
            print(f"{treated} of 60, {periods} periods, rho {rho}: {words}", flush=True)
        rng = stream(SEED, "series alone", periods, int(10 * rho))
        panels = [drawn(20, 20, periods, rho, rng) for _ in range(draws)]
        plain, time = ([p_of(one, m, rng) <= LEVEL for one in panels] for m in (Analytic(), NeweyWest()))
        taken = choice(InterruptedTimeSeries(), panels[0])
        words = f"over units {told(plain)}, over time {told(time)}; auto takes {taken}"
        print(f"20 of 20, {periods} periods, rho {rho}: {words}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS)
