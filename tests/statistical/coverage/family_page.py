"""docs/coverage_family.md, laid out from the sizes that are kept in `family.csv`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.statistical.coverage.page import HIGH, LOW, outside

__all__ = ["KEPT", "family_page", "kept"]

KEPT = Path(__file__).parent / "family.csv"
COMMANDS = {
    "family": "coverage.family", "donor_sizes": "donor_sizes", "aipw_size": "aipw_size", "dose_size": "dose_size",
    "series_size": "series_size",
}  # fmt: skip
TEXT = """# Coverage of the further estimators

How often a nominal 5% test rejects a true null with 10 and 20 treated, in percent, with its Monte Carlo error. The
estimators before them are in [coverage](coverage.md).

- **england**: adoptions in five cohorts and outcomes of `synthetic/england.yaml` without effect; the error is over
  adoptions. `triple_difference`: half of the authorities are eligible by lot. `continuous_did`: doses are uniform from
  .3 to 1.
- **real**: outcomes of English authorities, placebo adoption in two cohorts that is not exchangeable on purpose, as
  **real noise** in [coverage](coverage.md). All draws are judged by one pool of permuted adoptions.
- **24 quarters**: autoregressive series (rho) of 60 units.

A **star** is what `auto` takes there. **Bold** is outside {low:g} to {high:g} by more than two Monte Carlo errors, as
in [coverage](coverage.md). No size with a star is bold, and the 99% interval of each reaches below {high:g}.

{table}

*draws*: outcomes, on so many adoptions where several share one. *made by*: `python -m tests.statistical.` and the name
(`coverage.family NAME` measures one estimator anew; then `make docs` lays out this page from
`tests/statistical/coverage/family.csv`).
Decision 0033: [why synthetic controls are permuted over their spread]({why}).

1. Ten treated in five cohorts leave cohorts of one: refused by `roth_santanna`; without an error in `synthetic_did`,
   for which no procedure is relied on.
2. So many random adoptions leave a group empty that no procedure is relied on.
3. No cohort has eight years on both sides. More of it: [newey_west](methods.md#newey_west).

**Why errors are too small with 10.** Those that measure deviations within cohorts take shares of cohorts as fixed: 10
treated in five cohorts leave half of the variance out. `callaway_santanna` counts the shares as sampled, which puts
most of it back.

**Read with the rows.** `etwfe, poisson` is of the log rate ratio. `aipw` compares rows and differences nothing: an
authority's year is a row, its mean before the first start and deprivation are covariates. The curve of `continuous_did`
rests on fewer treated than its average ([methods](methods.md#continuous_did)). `stacked` on real noise has the window
-4 to 3. Rows of people: [matched_did](methods.md#matched_did), [multilevel](methods.md#multilevel).
"""


def kept() -> pd.DataFrame:
    """Read what was measured, as it was written."""
    return pd.read_csv(KEPT, dtype=str, keep_default_na=False)


def family_page() -> str:
    """Return docs/coverage_family.md."""
    table = kept()
    columns = ["estimator", "noise", "inference", "10 treated", "20 treated", "draws", "permutations", "made by"]
    told = table.assign(
        **{f"{size} treated": [_cell(cell, str(size) in taken.split()) for cell, taken in _pairs(table, size)]
           for size in (10, 20)},
        estimator=[_name(one) for one in table["estimator"]],
        **{"made by": [f"`{COMMANDS[one]}`" if one in COMMANDS else one for one in table["made by"]]},
    )[columns]  # fmt: skip
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in told.itertuples(index=False)]
    return TEXT.format(
        low=LOW, high=HIGH, table="\n".join(lines),
        why="decisions/0033-synthetic-controls-are-permuted-over-their-spread.md",
    )  # fmt: skip


def sizes(cells: pd.Series) -> pd.DataFrame:
    """Return rates and errors, one a cell that holds some."""
    found = cells.str.extract(r"^([\d.]+) ± ([\d.]+)$").dropna().astype(float)
    return found.set_axis(["rate", "error"], axis=1)


def _pairs(table: pd.DataFrame, size: int) -> zip[tuple[str, str]]:
    return zip(table[f"{size} treated"], table["taken"], strict=True)


def _cell(cell: str, starred: bool) -> str:
    found = sizes(pd.Series([cell]))
    if found.empty:
        return cell
    rate, error = cell.split(" ± ")
    bold = "**" if outside(found).iloc[0] else ""
    return f"{bold}{rate}{bold} ± {error}{' *' if starred else ''}"


def _name(estimator: str) -> str:
    name, _, rest = estimator.partition(", ")
    return f"`{name}`" + (f", {rest}" if rest else "")
