"""Size of the further estimators: `python -m tests.statistical.coverage.family [NAME …]`.

What is measured takes its place in `family.csv`, in which rows of other commands stand as they printed them; from there
`make docs` lays out docs/coverage_family.md (`family_page`).
"""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np
import pandas as pd

from sos_eval.estimators import (
    ETWFE,
    DechaisemartinDhaultfoeuille,
    Imputation,
    RothSantAnna,
    Stacked,
    SunAbraham,
    SyntheticControl,
    SyntheticDiD,
    TripleDifference,
    TwoStage,
)
from sos_eval.numerics.random import stream
from tests.statistical.coverage.chosen import Rates, choice
from tests.statistical.coverage.family_page import KEPT, kept
from tests.statistical.coverage.jobs import PERMUTATIONS, SEED, _clustered
from tests.statistical.coverage.noise import england, scenes
from tests.statistical.coverage.permuted import analytic_p, assignments_of, overall, rejects, sequentially

ESTIMATORS = {
    "imputation": Imputation(covariates=()),
    "sun_abraham": SunAbraham(covariates=()),
    "etwfe": ETWFE(covariates=()),
    "two_stage": TwoStage(covariates=()),
    "stacked": Stacked(),
    "dechaisemartin_dhaultfoeuille": DechaisemartinDhaultfoeuille(),
    "etwfe, poisson": ETWFE(covariates=(), family="poisson"),
    "roth_santanna": RothSantAnna(),
    "triple_difference": TripleDifference(eligible="eligible"),
    "synthetic_control": SyntheticControl(),
    "synthetic_did": SyntheticDiD(),
}
SIZES = (10, 20)
DRAWS, EACH, OFTEN = 1_000, 20, 0.1  # 20 outcomes on each of 50 adoptions …
EACH_ANEW = 4  # … 4 on each of 250 where a method solves anew for every outcome, and gains nothing by sharing a plan


def measured(name: str, treated: int, draws: int) -> Rates:
    """Size of cluster-robust errors and of the permutation test, and what `auto` takes.

    What is permuted is the studentised estimate, the coefficient where a method has no error of its own. For
    `triple_difference` half of the authorities, drawn by lot in every scene, count as eligible.
    """
    estimator, rng = ESTIMATORS[name], stream(SEED, "family", name, treated)
    each = EACH_ANEW if estimator.solves_anew else EACH
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for scene in scenes(england(treated), draws, each, rng):
        panel = scene.panel
        if isinstance(estimator, TripleDifference):
            panel = panel.with_columns(eligible=(rng.permutation(panel.n_units) % 2)[panel.unit_codes])
        own = estimator.estimate_many(panel, scene.outcomes)
        if own.quoted is not None:
            found["analytic"].append(rejects(analytic_p(estimator, panel, *overall(own))))
        drawn = assignments_of(panel, PERMUTATIONS, rng)
        wanted = "coefficient" if own.std_error is None else "studentised"
        found["randomization"].append(sequentially(estimator, panel, scene.outcomes, drawn, (wanted,))[wanted])
        taken = choice(estimator, panel)
        for method in ("analytic", "randomization"):
            found[f"{method} taken"].append(np.array([taken == method]))
    return _clustered(found)


def row(name: str, method: str, rates: dict[int, Rates]) -> dict[str, str]:
    """Lay out one line of `family.csv`."""
    told = "randomization, studentised" if method == "randomization" else method
    if name == "synthetic_control" and method == "randomization":
        told = "randomization, over the spread"
    cells = {f"{treated} treated": _cell(rates[treated][method]) for treated in SIZES}
    taken = [str(treated) for treated in SIZES if rates[treated].get(f"{method} taken", (0.0,))[0] >= OFTEN]
    each = EACH_ANEW if ESTIMATORS[name].solves_anew else EACH
    return {
        "estimator": name, "noise": "england", "inference": told, **cells, "taken": " ".join(taken),
        "draws": f"{DRAWS:,} on {DRAWS // each}", "permutations": "" if method == "analytic" else str(PERMUTATIONS),
        "made by": "family",
    }  # fmt: skip


def _cell(rate: tuple[float, float, int]) -> str:
    return f"{100 * rate[0]:.1f} ± {100 * rate[1]:.1f}"


def main(names: list[str]) -> None:
    """Measure methods, print their rows, and put them in place of those that are kept."""
    for name in names or list(ESTIMATORS):
        rates = {treated: measured(name, treated, DRAWS) for treated in SIZES}
        for method in ("analytic", "randomization"):
            if not all(method in rates[treated] for treated in SIZES):  # not every method has errors
                continue
            made, table = row(name, method, rates), kept()
            print(made, flush=True)
            key = ["estimator", "noise", "inference"]
            same = (table[key] == [made[one] for one in key]).all(axis=1)
            table.loc[int(np.flatnonzero(same)[0]) if same.any() else len(table)] = pd.Series(made)
            table.to_csv(KEPT, index=False)


if __name__ == "__main__":
    main(sys.argv[1:])
