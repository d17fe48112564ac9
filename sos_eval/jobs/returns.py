"""The job `panel ssda903`: returns to a panel, with the report of its rules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file
from sos_eval.errors import DataFault, Faults
from sos_eval.panel.care.counts import CareCounts, CarePeriod, care_counts
from sos_eval.panel.care.emptied import BrokenRules, broken_rules
from sos_eval.panel.care.rules import ReturnRule, return_rules, with_policies
from sos_eval.panel.disclosure import Disclosure, masked, with_ranges, without_empty_ranges
from sos_eval.panel.read.returns.files import ReturnFile, return_files

__all__ = ["ReturnsAsked", "masked_counts", "write_returns"]


@dataclass(frozen=True)
class ReturnsAsked:
    """What is asked of returns.

    Attributes
    ----------
    given
        Files and folders.
    authority, year, since
        What folders do not say of them.
    period, windows
        What a row counts, and months of re-entry.
    policies
        Of rules, where they are not their own.
    """

    given: Sequence[Path]
    authority: str | None = None
    year: int | None = None
    since: int | None = None
    period: CarePeriod = "year"
    windows: Sequence[int] = (12,)
    policies: Mapping[str, str] = field(default_factory=dict)

    def counted(self, targets: Sequence[Path]) -> tuple[CareCounts, tuple[ReturnRule, ...], list[ReturnFile]]:
        """Count, with the rules and the files that were counted; `targets` may be none of these files."""
        faults = Faults(DataFault)
        rules = with_policies(return_rules(), self.policies, faults)
        returns = return_files(self.given, faults, self.authority, self.year)
        refuse_inputs(targets, [file.path for file in returns])
        counts = care_counts(returns, rules, faults, period=self.period, windows=self.windows, since=self.since)
        return counts, rules, returns


def write_returns(
    asked: ReturnsAsked, out: Path, disclosure: Disclosure, *, force: bool = False
) -> tuple[Path, Path, int, BrokenRules]:  # fmt: skip
    """Count returns and write the panel, ``P.csv``, and its validation report, ``P.validation.csv``.

    Returns
    -------
    panel, validation, n_masked, broken
        The files, how many cells the profile masked, and how much breaks each rule.

    Raises
    ------
    InputFault
        With every file that cannot be read or whose authority or year is not known, and every unknown rule.
    """
    beside = out.with_name(f"{out.stem}.validation.csv")
    refuse_target(out, [beside], "a panel", force=force)
    counts, _, _ = asked.counted([out, beside])
    panel, validation, hidden = masked_counts(counts, disclosure)
    for file, table in ((out, without_empty_ranges(panel)), (beside, validation)):
        write_file(file, table.to_csv(index=False, lineterminator="\n"))
    return out, beside, hidden, broken_rules(validation, "episodes")


def masked_counts(counts: CareCounts, disclosure: Disclosure) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return panel and validation report as they may leave, and how many cells were masked."""
    people = [name for name in counts.panel.columns[2:] if name != "exits_mean_days"]
    panel, hidden = masked(counts.panel, people, disclosure)
    panel = with_ranges(panel, counts.panel, people, disclosure)
    few = counts.panel["exits_timed"].to_numpy() < disclosure.smallest
    panel["exits_mean_days"] = np.where(few, np.nan, counts.panel["exits_mean_days"].to_numpy(float))
    if disclosure.guards:
        panel["exits_mean_days"] = panel["exits_mean_days"].round()
    validation, also = masked(counts.validation, ["episodes", "children"], disclosure)
    return panel, validation, hidden + also
