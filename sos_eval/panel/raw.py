"""`raw_panel`: the table of a design that reads what authorities or the DfE hold, `source: dfe` or `ssda903`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sos_eval.errors import Faults, listed
from sos_eval.panel.care.counts import CareCounts, care_counts
from sos_eval.panel.care.rules import return_rules, with_policies
from sos_eval.panel.flow import EXCLUDED_EPISODES, LACKING, NOT_READ, NOT_WHOLE
from sos_eval.panel.panel import FlowRow
from sos_eval.panel.read.dfe.assemble import assembled
from sos_eval.panel.read.dfe.geography import in_geography
from sos_eval.panel.read.dfe.lacking import lacking
from sos_eval.panel.read.dfe.published import cells_of, places_by_year
from sos_eval.panel.read.dfe.releases import ENDINGS, ReleaseFile, release_files
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.read.returns.files import return_files
from sos_eval.panel.spec import Geography
from sos_eval.panel.tabular import reading_of

__all__ = ["RAW", "raw_files", "raw_panel"]

#: Sources that are read from many files -> the endings of these.
RAW = {"dfe": ENDINGS, "ssda903": (".csv", ".xml")}


def raw_files(source: str, path: Path) -> list[Path]:
    """Return the files that such a source may read: those of a folder, or the one that is named."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.name.lower().endswith(RAW[source]) and file.is_file())


def raw_panel(
    source: Literal["dfe", "ssda903"], path: Path, faults: Faults, geography: Geography | None = None
) -> Reading:
    """Return the panel that `sos-eval panel dfe` or `panel ssda903 --profile open` writes of a folder.

    Exact counts of returns stay in the run: what leaves it, its own `disclosure` says.

    Raises
    ------
    InputFault
        With every file that cannot be read.
    """
    if source == "ssda903":
        counts = care_counts(return_files([path], faults), with_policies(return_rules(), {}, faults), faults)
        faults.stop()
        return replace(reading_of(counts.panel, str(path)), flow=tuple(_of_rules(counts)))
    files, left = release_files([path], faults)
    if not files and not faults.found:
        faults.add(str(path), "holds no published table that is known", "see docs/panel.md")
    faults.stop()
    cells = cells_of(files, faults)
    faults.stop()
    panel, parts = in_geography(assembled(cells, places_by_year(files))[0], geography)
    return replace(reading_of(panel, str(path)), flow=tuple(_of_tables(files, [file.name for file in left], parts)))


def _of_rules(counts: CareCounts) -> Iterator[FlowRow]:
    """Say how many episodes each rule excludes, in all authorities and years."""
    excluded = counts.validation[counts.validation["policy"] == "exclude"]
    for (rule, says), rows in excluded.groupby(["rule", "says"], sort=False):
        yield FlowRow(EXCLUDED_EPISODES, "noted", 0, int(rows["episodes"].sum()), "", f"{rule}: {says}")


def _of_tables(files: Sequence[ReleaseFile], left: Sequence[str], parts: Sequence[str]) -> Iterator[FlowRow]:
    """Say which files were left or lack measures of their kind, and to which areas and years a part is lacking."""
    if left:
        yield FlowRow(NOT_READ, "noted", 0, 0, "", f"no known table, left: {listed(left)}")
    missed = {file.path.name: [one.name for one in lacking(file)] for file in files}
    gone = [f"{name} has no {listed(names, 4)}" for name, names in missed.items() if names]
    if gone:
        yield FlowRow(LACKING, "noted", 0, 0, "", f"not as published: {listed(gone)}")
    if parts:
        why = "a part of it is not in these files, so that nothing is added up"
        yield FlowRow(NOT_WHOLE, "noted", 0, len(parts), listed(parts), f"{listed(parts)}: {why}")
