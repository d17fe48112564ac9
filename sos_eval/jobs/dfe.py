"""The job `panel dfe`: published tables to a panel, with every published cell and every file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file
from sos_eval.errors import DataFault, Faults, listed
from sos_eval.panel.read.dfe.assemble import KEYS, assembled
from sos_eval.panel.read.dfe.geography import in_geography
from sos_eval.panel.read.dfe.lacking import lacking
from sos_eval.panel.read.dfe.neighbours import NeighbourLists
from sos_eval.panel.read.dfe.published import cells_of, places_by_year
from sos_eval.panel.read.dfe.releases import ReleaseFile, release_files
from sos_eval.panel.spec import Geography

__all__ = ["write_dfe"]


def write_dfe(
    given: Sequence[Path],
    out: Path,
    *,
    as_of: int | None = None,
    most: int | None = None,
    geography: Geography = "as_published",
    force: bool = False,
) -> dict[str, Any]:
    """Write ``P.csv``, every published cell with its release (``P.vintages.csv``), and the files (``P.files.csv``).

    Lists of statistical neighbours among the files, the last of them, become ``P.neighbours.csv``.

    Returns
    -------
    facts
        Files written, rows, years; files of folders that are no known table; authorities and years that there were not;
        areas and years of a constant geography of which a part has no row; measures of the tool that are not read;
        measures that a file of its kind and release holds and this one lacks;
        columns whose year is a label that was not changed.

    Raises
    ------
    InputFault
        With every file that cannot be read, every cell that is neither a number nor a symbol, and every file whose
        release is not known.
    """
    vintages, listing, beside = (
        out.with_name(f"{out.stem}.{rest}.csv") for rest in ("vintages", "files", "neighbours")
    )
    refuse_target(out, [vintages, listing, beside], "a panel", force=force)
    faults, lists = Faults(DataFault), list[NeighbourLists]()
    files, left = release_files(given, faults, lists)
    read = [*(file.path for file in files), *(each.path for each in lists), *left]
    refuse_inputs([out, vintages, listing, beside], read)
    if not files and not faults.found:
        inside = listed([path.name for path in left if path not in given], 4)
        what = f"holds no published table that is known{': ' * bool(inside)}{inside}"
        faults.add(str(given[0]), what, "see docs/panel.md")
    cells = cells_of(files, faults)
    faults.stop()
    if as_of is not None and not (cells["release"] <= as_of).any():
        faults.add("--as-of", f"no release up to {as_of}; the first is of {cells['release'].min()}", "")
    faults.stop()
    panel, nothing = assembled(cells, places_by_year(files), as_of, most)
    panel, parts = in_geography(panel, geography)
    said = cells[["la_code", "year", "measure", "written", "flag", "vintage", "file", "line"]]
    said = said.assign(file=said["file"].map({name: Path(name).name for name in said["file"].unique()}))
    for target, table in ((out, _whole(panel)), (vintages, said), (listing, _listing(files))):
        write_file(target, table.to_csv(index=False, lineterminator="\n"))
    neighbours = _last(lists, as_of)
    if neighbours is not None:
        write_file(beside, neighbours.table.to_csv(index=False, lineterminator="\n"))
    return {
        "neighbours": str(beside) if neighbours is not None else None,
        "neighbours_release": neighbours.release if neighbours is not None else None,
        "panel": str(out), "vintages": str(vintages), "files": str(listing), "rows": len(panel),
        "first": int(panel["year"].min()), "last": int(panel["year"].max()), "read": len(files),
        "left": [str(path) for path in left], "not_there": nothing, "geography": geography, "not_whole": parts,
        "lacking": {file.path.name: gone for file in files if (gone := _lacks(file))},
        "not_read": {file.path.name: list(file.not_read) for file in files if file.not_read},
        "relabelled": {file.path.name: [file.relabelled, file.release] for file in files if file.relabelled},
    }  # fmt: skip


def _last(lists: Sequence[NeighbourLists], as_of: int | None) -> NeighbourLists | None:
    """Return the last release of the lists, up to a year's; None where there is none."""
    counting = [each for each in lists if as_of is None or each.release <= as_of]
    return max(counting, key=lambda each: each.release, default=None)


def _whole(panel: pd.DataFrame) -> pd.DataFrame:
    """Write whole numbers without a point."""
    numbers = [name for name in panel.columns if name not in KEYS and pd.api.types.is_float_dtype(panel[name])]
    whole = [name for name in numbers if (panel[name].dropna() == np.floor(panel[name].dropna())).all()]
    return panel.astype(dict.fromkeys(whole, "Int64"))


def _listing(files: Sequence[ReleaseFile]) -> pd.DataFrame:
    """Return a row per file: what it is, its release, rows of authorities read, wider rows left out."""
    return pd.DataFrame([
        {"file": file.path.name, "kind": file.kind.name, "vintage": file.vintage, "authority_rows": len(file.rows),
         "regional_and_national_rows_left_out": file.wider,
         "lacks": ", ".join(_lacks(file)), "note": _noted(file)}
        for file in files
    ])  # fmt: skip


def _lacks(file: ReleaseFile) -> list[str]:
    """Return the measures that a file of its kind and release holds, and this one does not, with their columns."""
    return [f"{one.name} ({' or '.join(one.columns)})" for one in lacking(file)]


def _noted(file: ReleaseFile) -> str:
    if file.not_read:
        return f"not read: {', '.join(file.not_read)}"
    return f"labels its column {file.relabelled}: taken for {file.release}" if file.relabelled else ""
