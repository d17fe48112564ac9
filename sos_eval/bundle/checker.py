"""The list for the output checker: what a profile applied, and what it held back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sos_eval.bundle.content import BundleContent
from sos_eval.panel.disclosure import Disclosure

__all__ = ["for_the_checker"]


def for_the_checker(
    out: BundleContent,
    about: Disclosure,
    fewer: Sequence[tuple[str, str, str, int]],
    held: Sequence[tuple[str, str, int, str]],
) -> pd.DataFrame:
    """Return `disclosure.csv`: what was applied, what rests on how few units, and what was held back.

    Parameters
    ----------
    out
        What passed.
    about
        What may leave.
    fewer
        What was written to fewer digits: file, what, to how many and why, cells.
    held
        What was held back: file, what, cells, reason.
    """
    limits = {name: getattr(about, name) for name in ("minimum_count", "round_to", "minimum_units")}
    limits["small_counts"] = "middle" if about.middle_below else None
    words = ", ".join(f"{name} {value}" for name, value in limits.items() if value is not None)
    applied = f"profile {about.profile}; fewest units {about.fewest}, smallest count {about.smallest}; {words}"
    rows: list[tuple[str, str, str, str, int]] = [("all files", "every number", applied, "applied", 0)]
    files = {"estimates.csv": out.estimates, "balance.csv": out.balance}
    files |= {f"tables/{name}.csv": table for name, table in out.tables.items()}
    for file, table in files.items():
        units = _smallest_units(table)
        what = f"fewest units behind a row that is shown: {units}" if units else "numbers"
        rows.append((file, what, "four significant digits", "rounded", 0))
    rows += [(file, what, rule, "rounded", cells) for file, what, rule, cells in fewer]
    rows += [(file, what, reason, "withheld", cells) for file, what, cells, reason in held]
    return pd.DataFrame(rows, columns=["file", "what", "rule", "action", "cells"])


def _smallest_units(table: pd.DataFrame) -> int:
    """Return the fewest units, treated or all, behind a row of a table that shows a number; 0 where it counts none."""
    shown = [name for name in ("estimate", "mean", "mean_treated") if name in table]
    counts = [name for name in ("n_units", "n_treated_units", "n_treated", "n_comparison") if name in table]
    if not shown or not counts:
        return 0
    told = table.loc[table[shown[0]].notna(), counts].to_numpy(float)
    return int(np.nanmin(told)) if np.isfinite(told).any() else 0
