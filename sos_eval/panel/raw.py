"""`raw_panel`: the table of a design that reads what authorities or the DfE hold, `source: dfe` or `ssda903`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sos_eval.errors import Faults
from sos_eval.panel.care.counts import care_counts
from sos_eval.panel.care.rules import return_rules, with_policies
from sos_eval.panel.read.dfe.assemble import assembled
from sos_eval.panel.read.dfe.geography import at_constant_geography
from sos_eval.panel.read.dfe.layout import measure_names
from sos_eval.panel.read.dfe.published import cells_of, places_by_year
from sos_eval.panel.read.dfe.releases import ENDINGS, release_files
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
        return reading_of(counts.panel, str(path))
    files, _ = release_files([path], faults)
    if not files and not faults.found:
        faults.add(str(path), "holds no published table that is known", "see docs/panel.md")
    faults.stop()
    cells = cells_of(files, faults)
    faults.stop()
    panel, _ = assembled(cells, places_by_year(files))
    if geography == "constant":
        panel, _ = at_constant_geography(panel, measure_names())
    return reading_of(panel, str(path))
