"""How often placebo starts, and tests or estimates that part, are told where there is no difference.

``python -m tests.statistical.null_size [panels]`` draws that many panels of 90 units over eight years for each number
of treated units: heavy-tailed units, noise that carries over, one start in the fifth year.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.checks import PlaceboTime
from sos_eval.estimators import TWFE, CallawaySantAnna
from sos_eval.inference.randomization import permute
from sos_eval.numerics.disagreement import disagree, estimates_apart
from sos_eval.results.fitted import Fitted
from tests.fakes import fit, panel_of

__all__ = ["told"]

UNITS, YEARS, DRAWS = 90, 8, 199


def null_panel(seed: int, treated: int) -> Fitted:
    """Fit a two-way regression on units without any effect."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_t(5, (UNITS, YEARS))
    for year in range(1, YEARS):
        noise[:, year] += 0.5 * noise[:, year - 1]
    starts = np.full(UNITS, np.inf)
    starts[:treated] = 2005.0
    return fit(TWFE(), panel_of(30 + 3 * rng.standard_normal((UNITS, 1)) + 2 * noise, starts))


def told(seed: int, treated: int) -> list[bool]:
    """Say whether placebo starts are unlike, whether two tests disagree, and whether another estimate lies apart."""
    fitted, rng = null_panel(seed, treated), np.random.default_rng(seed)
    *_, placebo = PlaceboTime(shift=(1, 2), draws=DRAWS).check(fitted, rng)
    space = fitted.space(())
    assert not isinstance(space, str)
    lots = space.draw(DRAWS, rng)
    tests = [permute(fitted, lots, statistic) for statistic in ("studentised", "coefficient")]
    p, errors = ([float(values[0]) for values in pair] for pair in zip(
        *[(one.p_value(), one.monte_carlo_error()) for one in tests], strict=True))  # fmt: skip
    other = permute(fit(CallawaySantAnna(), fitted.source), lots, "coefficient")
    row = int(np.argmax((other.batch.cells["aggregation"] == "overall").to_numpy()))
    apart = estimates_apart(tests[0].batch.values[:, 0], other.batch.values[:, [row]], complete=lots.complete)
    return [placebo.value <= 0.05, disagree(p, errors, 0.05), apart.p <= 0.05]


if __name__ == "__main__":
    panels = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    for treated in (4, 5, 8, 10, 30):
        share = np.array([told(seed, treated) for seed in range(panels)]).mean(0)
        error = 100 * np.sqrt(share * (1 - share) / panels)
        names = ("placebo starts unlike", "tests disagree", "another estimate apart")
        words = ", ".join(
            f"{name} {100 * one:.1f}% ({own:.1f})" for name, one, own in zip(names, share, error, strict=True)
        )
        print(f"{treated} treated: {words}", flush=True)
