"""The jobs `panel describe` and `panel diff`: what a panel or returns hold, and in what two panels differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sos_eval.bundle.files import csv_text, json_text
from sos_eval.bundle.listing import check_place, list_files
from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file, write_folder
from sos_eval.errors import DataFault, Faults
from sos_eval.jobs.returns import masked_counts
from sos_eval.panel.care.counts import care_counts
from sos_eval.panel.care.rules import return_rules, with_policies
from sos_eval.panel.disclosure import Disclosure
from sos_eval.panel.inventory.by_period import by_period
from sos_eval.panel.inventory.describe import described
from sos_eval.panel.inventory.differences import TableDifferences, differences
from sos_eval.panel.inventory.keyed import KeyedTable, keyed, keyed_file
from sos_eval.panel.read.returns.files import return_files
from sos_eval.panel.tabular import reading_of
from sos_eval.report.draw import save
from sos_eval.report.series_page import DescribedSeries, series_page

__all__ = ["compare_panels", "describe_panel", "describe_returns"]

#: The file by which a folder is known for the description of a panel.
MARKER = "described.json"
#: What is written as a table, with its words.
TABLES = {
    "columns": "Columns", "gaps": "Periods that a unit lacks", "come_and_gone": "Units that are not there throughout",
    "doubled": "Several rows of a unit and period", "breaks": "Where a column is another from a period on",
    "outliers": "Cells far from their unit's own level", "rules_broken": "Rules that episodes break",
}  # fmt: skip


def describe_panel(
    path: Path, key: Sequence[str], disclosure: Disclosure, out: Path | None = None, *, force: bool = False
) -> dict[str, Any]:
    """Describe a table of units and periods, and write the description as a folder where `out` is given.

    Raises
    ------
    InputFault
        It cannot be read, or its rows may be people and a profile is declared; `out` is there, or cannot be written.
    """
    _refuse_folder(out, path, force=force)
    table = keyed_file(path, key, disclosure)
    facts = described(table, disclosure)
    _write(out, table, facts, force=force)
    return facts


def describe_returns(
    folder: Path, disclosure: Disclosure, out: Path | None = None, *, force: bool = False
) -> dict[str, Any]:
    """Describe a folder of SSDA903 returns: the yearly counts as they may leave, and what breaks the rules.

    Raises
    ------
    InputFault
        With every file that cannot be read or whose authority or year is not known; `out` as for `describe_panel`.
    """
    _refuse_folder(out, folder, force=force)
    faults = Faults(DataFault)
    counts = care_counts(return_files([folder], faults), with_policies(return_rules(), {}, faults), faults)
    panel, validation, hidden = masked_counts(counts, disclosure)
    table = keyed(reading_of(panel, str(folder)), ("la_code", "year"), Disclosure())
    rules = validation.astype(object).where(validation.notna(), None).to_dict("records")
    facts = {**described(table, disclosure), "masked": hidden, "rules_broken": rules}
    _write(out, table, facts, force=force)
    return facts


def _refuse_folder(out: Path | None, source: Path, *, force: bool) -> None:
    """Say before anything is read whether the folder can be written."""
    if out is not None:
        check_place(out, MARKER, "the description of a panel", force=force)
        refuse_inputs([out], [source])


def _table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Lay facts out as a table; several of a cell stand in one, with their numbers where they have some."""

    def cell(value: Any) -> Any:
        if isinstance(value, Mapping):
            return "; ".join(f"{name}: {number}" for name, number in value.items())
        return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value

    return pd.DataFrame([{name: cell(value) for name, value in row.items()} for row in rows])


def _write(out: Path | None, table: KeyedTable, facts: dict[str, Any], *, force: bool) -> None:
    """Write tables, figures and `report.html`, whole or not at all; nothing without a place."""
    if out is None:
        return
    tables = {name: _table(facts[name]) for name in TABLES if facts.get(name)}
    drawn = [
        DescribedSeries(
            one.name, by_period(table, one), [cell for cell in facts["outliers"] if cell["column"] == one.name],
            [change["period"] for change in facts["breaks"] if change["column"] == one.name],
        )
        for one in table.series if one.numeric and not one.withheld
    ]  # fmt: skip
    periods = facts["periods"]
    badge = f"{facts['rows']:,} rows, {facts['units']:,} units, {periods[0]} to {periods[-1]}"
    page, figures = series_page(
        f"What {Path(table.name).name} holds", badge, drawn, {TABLES[name]: one for name, one in tables.items()}
    )

    def fill(folder: Path) -> None:
        for name, one in tables.items():
            write_file(folder / f"{name}.csv", csv_text(one))
        save(figures, folder / "figures")
        write_file(folder / "report.html", page)
        write_file(folder / MARKER, json_text(facts))
        list_files(folder)

    write_folder(out, fill, replace=force)


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
