"""Size of the further estimators, and docs/coverage_family.md: `python -m tests.statistical.coverage.family`.

With `--page` nothing is measured: the page is written from what is kept.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from sos_eval.estimators import ETWFE, DechaisemartinDhaultfoeuille, Imputation, Stacked, SunAbraham, TwoStage
from sos_eval.numerics.random import stream
from tests.conftest import ROOT
from tests.statistical.coverage.chosen import Rates, choice
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
}
SIZES = (10, 20)
DRAWS, EACH = 1_000, 20  # 20 outcomes on each of 50 adoptions
TEXT = """# Coverage of the further estimators

How often a nominal 5% test rejects a true null on `synthetic/england.yaml` without effect, in percent, with its Monte
Carlo error over adoptions: {draws:,} draws, {each} outcomes on each adoption, {permutations} permutations of the
starts. A star is what `auto` takes on these adoptions. **Bold** is a size whose 99% interval does not reach below 6.5%.
Not measured: `etwfe` with `family: poisson` and `synthetic_did`, whose permutations are one fit each.
Made by `python -m tests.statistical.coverage.family`; the estimators before them are in [coverage](coverage.md).

Errors that measure deviations within cohorts, shares of cohorts taken as fixed, are too small where cohorts are: 10
treated in five cohorts leave half of the variance out. `callaway_santanna` counts the shares as sampled, which puts
most of it back.

| estimator | inference | 10 treated | 20 treated |
|---|---|---|---|
{rows}
"""


def measured(name: str, treated: int, draws: int) -> Rates:
    """Size of cluster-robust errors and of the studentised permutation test, and what `auto` takes."""
    estimator, rng = ESTIMATORS[name], stream(SEED, "family", name, treated)
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for scene in scenes(england(treated), draws, EACH, rng):
        values, errors = overall(estimator.estimate_many(scene.panel, scene.outcomes))
        found["analytic"].append(rejects(analytic_p(estimator, scene.panel, values, errors)))
        drawn = assignments_of(scene.panel, PERMUTATIONS, rng)
        permuted = sequentially(estimator, scene.panel, scene.outcomes, drawn, ("studentised",))
        found["randomization"].append(permuted["studentised"])
        taken = choice(estimator, scene.panel)
        for method in ("analytic", "randomization"):
            found[f"{method} taken"].append(np.array([taken == method]))
    return _clustered(found)


def row(name: str, method: str, rates: dict[int, Rates]) -> str:
    """Lay out one line of the table."""
    cells = []
    for treated in SIZES:
        if treated not in rates:
            cells.append("not measured")
            continue
        share, error, _ = rates[treated][method]
        bold = "**" if share - 2.58 * error > 0.065 else ""
        star = " *" if rates[treated][f"{method} taken"][0] >= 0.1 else ""
        cells.append(f"{bold}{100 * share:.1f}{bold} ± {100 * error:.1f}{star}")
    told = "randomization, studentised" if method == "randomization" else method
    return f"| `{name}` | {told} | " + " | ".join(cells) + " |"


def main(draws: int = DRAWS, keep: Path = ROOT / "reports" / "coverage", *, measure: bool = True) -> None:
    """Measure what is not kept, and write the page."""
    keep.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in ESTIMATORS:
        rates: dict[int, Rates] = {}
        for treated in SIZES:
            path = keep / f"family-{name.replace(', ', '-').replace(' ', '_')}-{treated}-{draws}.json"
            if not path.exists() and measure:
                path.write_text(json.dumps(measured(name, treated, draws)), encoding="utf-8")
            if path.exists():
                rates[treated] = json.loads(path.read_text(encoding="utf-8"))
        rows += [row(name, method, rates) for method in ("analytic", "randomization")]
    text = TEXT.format(draws=draws, each=EACH, permutations=PERMUTATIONS, rows="\n".join(rows))
    (ROOT / "docs" / "coverage_family.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(measure="--page" not in sys.argv[1:])
