"""The job `panel ssda903`: returns to a panel, with the report of its rules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file
from sos_eval.errors import DataFault, Faults
from sos_eval.panel.care.counts import CareCounts, CarePeriod, care_counts
from sos_eval.panel.care.rules import with_policies
from sos_eval.panel.disclosure import Disclosure, masked
from sos_eval.panel.read.returns.files import return_files

__all__ = ["masked_counts", "write_returns"]


def write_returns(
    given: Sequence[Path], out: Path, disclosure: Disclosure, *, authority: str | None = None, year: int | None = None,
    since: int | None = None, period: CarePeriod = "year", windows: Sequence[int] = (12,),
    policies: Mapping[str, str] | None = None, force: bool = False,
) -> tuple[Path, Path, int]:  # fmt: skip
    """Count returns and write the panel, ``P.csv``, and its validation report, ``P.validation.csv``.

    Returns
    -------
    panel, validation, n_masked
        The files, and how many cells the profile masked.

    Raises
    ------
    InputFault
        With every file that cannot be read or whose authority or year is not known, and every unknown rule.
    """
    beside = out.with_name(f"{out.stem}.validation.csv")
    refuse_target(out, [beside], "a panel", force=force)
    faults = Faults(DataFault)
    rules = with_policies(policies or {}, faults)
    returns = return_files(given, faults, authority, year)
    refuse_inputs([out, beside], [file.path for file in returns])
    counts = care_counts(returns, rules, faults, period=period, windows=windows, since=since)
    panel, validation, hidden = masked_counts(counts, disclosure)
    for file, table in ((out, panel), (beside, validation)):
        write_file(file, table.to_csv(index=False, lineterminator="\n"))
    return out, beside, hidden


def masked_counts(counts: CareCounts, disclosure: Disclosure) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return panel and validation report as they may leave, and how many cells were masked."""
    people = [name for name in counts.panel.columns[2:] if name != "exits_mean_days"]
    panel, hidden = masked(counts.panel, people, disclosure)
    few = counts.panel["care_exits"].to_numpy() < disclosure.smallest
    panel["exits_mean_days"] = np.where(few, np.nan, counts.panel["exits_mean_days"].to_numpy(float))
    if disclosure.guards:
        panel["exits_mean_days"] = panel["exits_mean_days"].round()
    validation, also = masked(counts.validation, ["episodes", "children"], disclosure)
    return panel, validation, hidden + also
