"""Size of what `auto` takes for later estimators: `python -m tests.statistical.donor_sizes [method …]` prints it.

Real outcomes of English authorities with placebo adoption that is not exchangeable on purpose (`coverage.noise`), 10
and 20 treated in two cohorts. `auto` takes a permutation test there: of the studentised estimate, or of the coefficient
where a method has no error of its own. All draws of a method are judged by one pool of permuted adoptions, whose own
error is in the Monte Carlo error. For `triple_difference` half of the authorities, drawn by lot, count as eligible.
"""

from __future__ import annotations

import sys

import numpy as np

from sos_eval.estimators import (
    ETWFE,
    RothSantAnna,
    Stacked,
    SyntheticControl,
    SyntheticDiD,
    TripleDifference,
    TwoStage,
)
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import AssignmentSpace
from sos_eval.results.estimator import Estimator
from tests.statistical.coverage.chosen import choice
from tests.statistical.coverage.noise import real_noise
from tests.statistical.coverage.permuted import overall_row, p_against, unrestricted

#: Estimator, draws and size of the pool: fewer where an adoption costs a programme for each unit.
CASES: dict[str, tuple[Estimator, int, int]] = {
    "stacked": (Stacked(window=(-4, 3)), 10_000, 20_000),
    "two_stage": (TwoStage(), 10_000, 20_000),
    "synthetic_control": (SyntheticControl(), 1_000, 1_000),
    "synthetic_did": (SyntheticDiD(), 1_000, 1_000),
    "roth_santanna": (RothSantAnna(), 1_000, 1_000),
    "etwfe_poisson": (ETWFE(covariates=(), family="poisson"), 1_000, 1_000),
    "triple_difference": (TripleDifference(eligible="eligible"), 1_000, 1_000),
}


def statistic(method: Estimator, panel: Panel, starts: Array) -> Array:
    """Return the absolute statistic that `auto` permutes under adoptions (draws, n), (draws,)."""
    batch = method.estimate_assignments(panel, starts)
    row = int(overall_row(batch.cells)[0])
    errors = 1.0 if batch.std_error is None else batch.std_error[:, row]
    return np.asarray(np.abs(batch.values[:, row] / errors))


def size(method: Estimator, treated: int, draws: int, pool: int) -> tuple[float, float, str]:
    """Return the share of true nulls rejected at 5%, its Monte Carlo error, and what `auto` took."""
    noise, rng = real_noise(), np.random.default_rng(treated)
    observed = noise.adoptions(treated, draws, rng)
    eligible = rng.permutation(noise.panel.n_units) % 2
    panel = noise.panel.with_first_treated(observed[0])
    panel = panel.with_columns(eligible=eligible[panel.unit_codes])
    n = panel.n_units
    drawn = AssignmentSpace(observed[0], unrestricted(n), np.arange(n), ("all",)).draw(pool, rng)
    reference = statistic(method, panel, drawn.first_treated)
    p = p_against(reference, statistic(method, panel, observed), complete=False)
    share = float((p <= 0.05 + 1e-12).mean())
    error = np.sqrt(share * (1 - share) * (1 / draws + 1 / pool))
    return share, float(error), choice(method, panel)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        method, draws, pool = CASES[name]
        for treated in (10, 20):
            share, error, taken = size(method, treated, draws, pool)
            print(f"{name}, {treated} treated: {taken} {100 * share:.1f}% ± {100 * error:.1f} ({draws:,})", flush=True)
