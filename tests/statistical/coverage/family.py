"""Size of the further estimators, and docs/coverage_family.md: `python -m tests.statistical.coverage.family`.

With `--page` nothing is measured: the page is written from what is kept. With names of methods their rows are measured
and printed, and the page is left as it is.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

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
    "etwfe, poisson": ETWFE(covariates=(), family="poisson"),
    "roth_santanna": RothSantAnna(),
    "triple_difference": TripleDifference(eligible="eligible"),
    "synthetic_control": SyntheticControl(),
    "synthetic_did": SyntheticDiD(),
}
SIZES = (10, 20)
DRAWS, EACH = 1_000, 20  # 20 outcomes on each of 50 adoptions …
EACH_ANEW = 4  # … 4 on each of 250 where a method solves anew for every outcome, and gains nothing by sharing a plan
TEXT = """# Coverage of the further estimators

How often a nominal 5% test rejects a true null on `synthetic/england.yaml` without effect, in percent, with its Monte
Carlo error over adoptions: {draws:,} draws, {each} outcomes on each adoption, {permutations} permutations of the
starts. A star is what `auto` takes on these adoptions. **Bold** is a size whose 99% interval does not reach below 6.5%.
Made by `python -m tests.statistical.coverage.family`; the estimators before them are in [coverage](coverage.md).

Errors that measure deviations within cohorts, shares of cohorts taken as fixed, are too small where cohorts are: 10
treated in five cohorts leave half of the variance out. `callaway_santanna` counts the shares as sampled, which puts
most of it back.

On real noise (`python -m tests.statistical.donor_sizes`: placebo adoption in two cohorts that is not exchangeable on
purpose) what `auto` takes rejects, at 10 and 20 treated: `stacked` 4.8 ± 0.3 and 4.8 ± 0.3,
`two_stage` 5.7 ± 0.3 and 6.4 ± 0.3 (10,000 draws), `synthetic_control` (over the spread of its treated units)
7.0 ± 0.7 (2,500 draws) and 5.7 ± 1.0, `synthetic_did` 5.5 ± 1.0 and 5.6 ± 1.0,
`roth_santanna` 6.4 ± 1.1 and 6.6 ± 1.1 (1,000 draws).

`aipw` compares rows and differences nothing (`python -m tests.statistical.aipw_size real 10 1000`): an authority's year
is a row, its mean before the first start and deprivation are covariates. Real noise, 10 and 20 treated: the studentised
permutation test, which `auto` takes, rejects 7.5 ± 1.2 and 5.8 ± 1.0, clustered errors **9.9** ± 0.9 and 7.4 ± 0.8
(1,000 draws, 1,000 permutations in one pool). On `england` with 10 treated (`aipw_size england 10 160`: 160 draws on 20
adoptions, 99 permutations) 4.4 ± 1.6 and 9.4 ± 2.0, with 20 (`england 20 160`) 4.4 ± 1.4 and 5.6 ± 1.7.
`continuous_did`, whose curve rests on fewer treated than its average, is in [methods](methods.md#continuous_did).
`etwfe` with `family: poisson` on real noise (`donor_sizes etwfe_poisson`, 1,000 draws): 5.0 ± 1.0 and 5.3 ± 1.0 with 10
and 20 treated. `triple_difference` on real noise, half of the authorities eligible by lot (`donor_sizes
triple_difference`, 1,000 draws): with 20 treated the studentised permutation test, which `auto` takes, rejects
5.2 ± 1.0; with 10 so many random adoptions leave a group empty that no procedure is relied on.
`interrupted_time_series` is under [newey_west](methods.md#newey_west).
On `england` itself (`family synthetic_did` prints rows): `roth_santanna` with 20 treated, clustered errors 8.9 ±
1.0, the studentised permutation test, which `auto` takes, 5.4 ± 0.9; with 10 a cohort has one unit, and it is refused.
`synthetic_did` with 20 (400 draws on 20 adoptions), 3.5 ± 0.9 and 4.3 ± 0.8 (its errors, permutation); with 10 a cohort
of one leaves no error, and no procedure is relied on. `synthetic_control` over the spread of its treated units, which
`auto` takes, with 10 and 20: 4.3 ± 0.8 (627 draws on 314 adoptions) and 4.8 ± 1.3 (271 on
136), 99 permutations; of the coefficient, in the same draws, 7.7 ± 1.1 and 7.7 ± 1.6
([why](decisions/0033-synthetic-controls-are-permuted-over-their-spread.md)).
`triple_difference`, half eligible by lot: adoptions of five cohorts leave groups empty, no procedure is relied on.
`interrupted_time_series` is refused: no cohort has eight years on both sides. `etwfe` with `family: poisson`
(as in the table: 1,000 draws on 50 adoptions; the log rate ratio), at 10 and 20 treated: clustered errors **27.8** ±
1.9 and **13.2** ± 1.0, the studentised permutation test, which `auto` takes on all of these adoptions, 5.1 ± 0.8 and
4.6 ± 0.7.

| estimator | inference | 10 treated | 20 treated |
|---|---|---|---|
{rows}
"""


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


def printed(names: list[str], draws: int = DRAWS) -> None:
    """Measure some methods and print their rows."""
    for name in names:
        rates = {treated: measured(name, treated, draws) for treated in SIZES}
        for method in ("analytic", "randomization"):
            if all(method in rates[treated] for treated in SIZES):  # not every method has errors
                print(row(name, method, rates), flush=True)


if __name__ == "__main__":
    if names := [word for word in sys.argv[1:] if word != "--page"]:
        printed(names)
    else:
        main(measure="--page" not in sys.argv[1:])
