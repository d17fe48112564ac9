"""The jobs `panel describe` and `panel diff`: what a panel or returns hold, and in what two panels differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sos_eval.bundle.files import csv_text
from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file
from sos_eval.errors import DataFault, Faults
from sos_eval.jobs.returns import masked_counts
from sos_eval.panel.care.counts import care_counts
from sos_eval.panel.care.rules import return_rules, with_policies
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.inventory.describe import described
from sos_eval.panel.inventory.differences import TableDifferences, differences
from sos_eval.panel.inventory.keyed import keyed, keyed_file
from sos_eval.panel.read.returns.files import return_files
from sos_eval.panel.tabular import reading_of

__all__ = ["compare_panels", "describe_panel", "describe_returns"]


def describe_panel(path: Path, key: Sequence[str], disclosure: Disclosure) -> dict[str, Any]:
    """Describe a table of units and periods.

    Raises
    ------
    InputFault
        It cannot be read, or its rows may be people and a profile is declared.
    """
    return described(keyed_file(path, key, disclosure), disclosure)


def describe_returns(folder: Path, disclosure: Disclosure) -> dict[str, Any]:
    """Describe a folder of SSDA903 returns: the yearly counts as they may leave, and what breaks the rules.

    Raises
    ------
    InputFault
        With every file that cannot be read or whose authority or year is not known.
    """
    faults = Faults(DataFault)
    counts = care_counts(return_files([folder], faults), with_policies(return_rules(), {}, faults), faults)
    panel, validation, hidden = masked_counts(counts, disclosure)
    table = keyed(reading_of(panel, str(folder)), ("la_code", "year"), Disclosure())
    rules = validation.astype(object).where(validation.notna(), None).to_dict("records")
    return {**described(table, disclosure), "masked": hidden, "rules_broken": rules}


def compare_panels(
    before: Path, after: Path, key: Sequence[str], disclosure: Disclosure, out: Path | None = None, *,
    force: bool = False,
) -> TableDifferences:  # fmt: skip
    """Compare two vintages of a panel, and write the differences where `out` is given.

    Raises
    ------
    InputFault
        One of them cannot be read, or a unit and period stands twice in it.
    """
    if out is not None:
        refuse_target(out, [], "a table of differences", force=force)
        refuse_inputs([out], [before, after])
    changes = differences(*(keyed_file(path, key, disclosure) for path in (before, after)))
    if out is not None:
        write_file(out, csv_text(changes.table))
    return changes
