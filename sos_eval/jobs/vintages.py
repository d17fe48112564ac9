"""The job `run --vintages`: one design on each vintage of its panel, and how its estimate drifts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle, read_bundle
from sos_eval.bundle.files import csv_text
from sos_eval.bundle.whole import check_folder, refuse_inputs, write_folder
from sos_eval.design.design import Design, load_design
from sos_eval.design.lock import as_locked, lock_path
from sos_eval.errors import DataFault, Fault, Faults, InputFault, listed, numeral
from sos_eval.jobs.check import check_design
from sos_eval.jobs.run import Progress, run
from sos_eval.jobs.runs import data_files
from sos_eval.jobs.steps import columns_beside
from sos_eval.panel.assemble import named_columns
from sos_eval.panel.inventory.differences import COLUMNS, differences
from sos_eval.panel.inventory.keyed import keyed_file
from sos_eval.panel.read.columns import many

__all__ = ["DRIFT_COLUMNS", "VintageDrift", "run_vintages"]

#: A row per vintage, the first in the order given. ``cells_`` count changed cells against the first vintage.
DRIFT_COLUMNS = (
    "vintage", "file", "estimate", "conf_low", "conf_high", "conf_level", "p_value", "verdict", "n_units",
    "n_treated_units", "difference_from_first", "cells_compared", "cells_changed", "cells_changed_read",
    "cells_changed_treated", "cells_changed_read_treated", "treated_changed", "rows_and_columns_moved", "rows_moved",
    "reason",
)  # fmt: skip

_HEADLINE = ("estimate", "conf_low", "conf_high", "conf_level", "p_value", "verdict", "n_units", "n_treated_units")


@dataclass(frozen=True)
class VintageDrift:
    """What a design said on each vintage.

    Attributes
    ----------
    folder
        Holds a bundle per vintage under its name, ``drift.csv`` and ``changes.csv``.
    sentence
        The drift in words.
    table
        In `DRIFT_COLUMNS`.
    changes
        What `panel diff` finds against the first vintage: its columns, the vintage, whether the design reads the
        column and the headline's panel of either vintage holds the row, and whether the unit is treated.
    unmet
        What was declared and did not come about, with its vintage.
    """

    folder: Path
    sentence: str
    table: pd.DataFrame
    changes: pd.DataFrame
    unmet: tuple[str, ...]


def run_vintages(
    path: Path, vintages: Sequence[Path], *, out: Path | None = None, seed: int | None = None,
    progress: Progress | None = None, notice: Callable[[str], None] | None = None, workers: int = 1,
) -> VintageDrift:  # fmt: skip
    """Run a design on each vintage of its panel, whole or not at all; nothing that is there is replaced.

    Raises
    ------
    InputFault
        With every vintage that cannot be read, that the design does not fit, or that is called like another.
    """
    folder = out or Path("reports") / f"{path.stem}.vintages"
    names = _names(vintages)
    _refuse_existing(folder)
    plan = as_locked(load_design(path, seed=seed))
    _refuse_profile(plan)
    refuse_inputs([folder], [path, lock_path(plan), *data_files(plan), *vintages])
    _refuse_unfit(path, names)
    changed = _changes(plan, names)
    drift: list[VintageDrift] = []

    def fill(unfinished: Path) -> None:
        for name, file in names.items():
            run(
                load_design(path, panel=file, seed=seed), out=unfinished / name, progress=progress, notice=notice,
                workers=workers,
            )  # fmt: skip
        bundles = {name: read_bundle(unfinished / name) for name in names}
        drift.append(_drift(folder, plan, names, bundles, changed))
        for called, table in (("drift", drift[0].table), ("changes", drift[0].changes)):
            (unfinished / f"{called}.csv").write_text(csv_text(table), encoding="utf-8", newline="\n")

    write_folder(folder, fill, replace=False)
    return drift[0]


def _names(vintages: Sequence[Path]) -> dict[str, Path]:
    """Return the files by the names that their bundles bear."""
    faults, names = Faults(InputFault), dict[str, Path]()
    if len(vintages) < 2:
        faults.add("--vintages", f"{len(vintages)} given", "name two or more panels, the first to compare with")
    for file in vintages:
        name = file.name.partition(".")[0]
        if name.casefold() in {used.casefold() for used in names}:
            faults.add(str(file), f'--vintages: another is called "{name}" too', "give each file a name of its own")
        names.setdefault(name, file)
    faults.stop()
    return names


def _refuse_profile(plan: Design) -> None:
    """Refuse a guarded design: the same estimate on data that differ a little tells of what differs."""
    if plan.disclosure.guards:
        what = "--vintages: under a disclosure profile estimates on two vintages would tell of the cells that differ"
        raise InputFault(Fault(str(plan.path), what, "run each vintage by itself, and let the output checker see both"))


def _refuse_existing(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "exists already, and --vintages replaces nothing"
        raise InputFault(Fault(str(folder), what, "choose another --out"))
    check_folder(folder)


def _refuse_unfit(path: Path, names: dict[str, Path]) -> None:
    """Refuse every vintage that the design does not fit, before anything is estimated."""
    faults = Faults(DataFault)
    for name, file in names.items():
        try:
            check_design(path, panel=file)
        except InputFault as fault:
            for line in fault.faults:
                faults.add(line.where, f"vintage {name}: {line.what}", line.instead)
    faults.stop()


def _changes(plan: Design, names: dict[str, Path]) -> dict[str, tuple[pd.DataFrame, int]]:
    """Return what differs in each vintage from the first, and how many cells both hold."""
    if plan.panel.layout == "cross_sections":
        what = "panel.layout: rows of this design are people or events, which two vintages do not share"
        raise InputFault(Fault(str(plan.path), what, "run it on each with --panel"))
    faults = Faults(DataFault)
    key = (plan.panel.unit, plan.panel.time)
    tables = [faults.noted(partial(keyed_file, file, key, plan.disclosure)) for file in names.values()]
    faults.stop()
    read = [table for table in tables if table is not None]
    found = [differences(read[0], table) for table in read]
    return {name: (changes.table, changes.compared) for name, changes in zip(names, found, strict=True)}


def _drift(
    folder: Path, plan: Design, names: dict[str, Path], bundles: dict[str, ResultBundle],
    changed: dict[str, tuple[pd.DataFrame, int]],
) -> VintageDrift:  # fmt: skip
    """Lay out the drift of the headline, and what changed beneath it."""
    treated = {name: _treated(bundle) for name, bundle in bundles.items()}
    first = next(iter(names))
    held = {name: _held(bundle) for name, bundle in bundles.items()}
    listing = {
        name: _told(changed[name][0], name, plan, treated[first] | treated[name], (held[first], held[name]))
        for name in names
    }
    rows = [
        _row(name, file, bundles[name], bundles[first]) | _counted(listing[name], changed[name][1])
        for name, file in names.items()
    ]
    table = pd.DataFrame(rows, columns=list(DRIFT_COLUMNS))
    changes = pd.concat(listing.values(), ignore_index=True)
    unmet = [f"{name}: {line['kind']} {line['name']}" for name in names for line in bundles[name].results["unmet"]]
    return VintageDrift(folder, _sentence(rows), table, changes, tuple(unmet))


def _treated(bundle: ResultBundle) -> set[str]:
    """Return the units that a run counts as treated at some time."""
    table = bundle.table("adoption")
    return set(table.loc[table["status"] == "treated", "unit"].map(_bare))


def _bare(unit: Any) -> str:
    """Return a unit's name; a column of whole numbers that was read as such bears no point."""
    return f"{unit:.0f}" if isinstance(unit, float) else str(unit)


def _held(bundle: ResultBundle) -> tuple[set[str], set[str]]:
    """Return the units and the periods of the headline's panel: window, omitted periods and exclusions are over."""
    paths, weights = bundle.table("outcome_paths"), bundle.weights
    periods = paths.loc[~paths["omitted"].fillna(False).astype(bool), "time"].map(_bare)
    return set(weights.loc[weights["weight"] > 0, "unit"].map(_bare)), set(periods)


def _told(
    changes: pd.DataFrame, name: str, plan: Design, treated: set[str], held: Sequence[tuple[set[str], set[str]]]
) -> pd.DataFrame:  # fmt: skip
    """Return changes with their vintage, whether the headline reads the cell, and whether the unit is treated."""
    spec = plan.panel
    names = {column for column, _ in named_columns(spec, columns_beside(plan))}
    recoded = {str(old): str(new) for old, new in spec.recode.get(spec.unit, {}).items()}
    units = changes["unit"].map(lambda unit: recoded.get(unit, unit))
    rows = np.logical_or.reduce(
        [units.isin(of_units) & changes["period"].map(_bare).isin(of_periods) for of_units, of_periods in held]
    )
    told = changes.assign(vintage=name, read=changes["column"].isin(names) & rows, treated=units.isin(treated))
    return told[["vintage", *COLUMNS, "read", "treated"]]


def _row(name: str, file: Path, bundle: ResultBundle, first: ResultBundle) -> dict[str, Any]:
    """Return the headline of one vintage, and how far it lies from the first's."""
    head, base = (
        {key: _number(each.headline.get(key)) for key in _HEADLINE} for each in (bundle, first)
    )  # fmt: skip
    reason = str(bundle.headline.get("reason") or "")
    apart = head["estimate"] - base["estimate"]
    return {"vintage": name, "file": file.name, **head, "difference_from_first": apart, "reason": reason}


def _number(value: Any) -> Any:
    return math.nan if value is None else value


def _counted(changes: pd.DataFrame, compared: int) -> dict[str, Any]:
    """Count changed cells, those that the headline reads, and those in treated units."""
    cells = changes[changes["what"] == "changed"]
    read, treated = cells["read"], cells["treated"]
    units = cells.loc[read & treated, "unit"].value_counts(sort=False)
    return {
        "cells_compared": compared, "cells_changed": len(cells), "cells_changed_read": int(read.sum()),
        "cells_changed_treated": int(treated.sum()), "cells_changed_read_treated": int((read & treated).sum()),
        "treated_changed": "; ".join(f"{unit} ({many(int(n), 'cell')})" for unit, n in units.items()),
        "rows_and_columns_moved": len(changes) - len(cells), "rows_moved": _moved(changes),
    }  # fmt: skip


def _moved(changes: pd.DataFrame) -> str:
    """Name the units, periods and rows that the vintage lacks or adds, and which units are treated; empty for none."""
    parts = []
    for how, verb in (("went", "lacks"), ("came", "adds")):
        units, rows = (changes[changes["what"] == f"{what} {how}"] for what in ("unit", "row"))
        treated = set(changes.loc[changes["treated"], "unit"])
        named = [(unit, "") for unit in units["unit"]]
        named += [(unit, many(int(n), "row")) for unit, n in rows["unit"].value_counts(sort=False).items()]
        words = [
            f"{unit} ({', '.join(filter(None, (rest, 'treated' if unit in treated else '')))})".removesuffix(" ()")
            for unit, rest in sorted(named, key=lambda one: one[0] not in treated)
        ]
        words += [f"period {period}" for period in changes.loc[changes["what"] == f"period {how}", "period"]]
        parts += [f"{verb} {listed(words)}"] if words else []
    return " and ".join(parts)


def _sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Say how far the estimate moves over the vintages, and what moved beneath it."""
    known = [row for row in rows if not math.isnan(row["estimate"])]
    parts = [_range(rows, known), _verdicts(rows)]
    for row in rows[1:]:
        where = f", {row['cells_changed_read_treated']:,} of them in treated units" if row["cells_changed_read"] else ""
        units = f": {listed(row['treated_changed'].split('; '))}" if row["treated_changed"] else ""
        parts.append(
            f"Against {rows[0]['vintage']}, {row['vintage']} differs in {row['cells_changed']:,} of "
            f"{row['cells_compared']:,} cells; the headline reads {row['cells_changed_read']:,} of these{where}{units}."
            + (f" It {row['rows_moved']}." if row["rows_moved"] else "")
        )
    return " ".join(parts)


def _range(rows: Sequence[dict[str, Any]], known: Sequence[dict[str, Any]]) -> str:
    if not known:
        return f"None of the {len(rows)} vintages gives an estimate."
    low, high = (pick(known, key=lambda row: row["estimate"]) for pick in (min, max))
    least = numeral(low["estimate"], 4)
    text = (
        f"Over {len(rows)} vintages the estimate runs from {least} ({low['vintage']}) to "
        f"{numeral(high['estimate'], 4)} ({high['vintage']})"
        if low["estimate"] < high["estimate"] else f"Over {len(rows)} vintages the estimate is {least}"
    )  # fmt: skip
    none = [row["vintage"] for row in rows if row not in known]
    return f"{text}; none on {listed(none)}." if none else f"{text}."


def _verdicts(rows: Sequence[dict[str, Any]]) -> str:
    words = [str(row["verdict"]).replace("_", " ") for row in rows]
    if len(set(words)) == 1:
        return f"The verdict is {words[0]} on each."
    told = [f"{word} on {row['vintage']}" for word, row in zip(words, rows, strict=True)]
    return f"The verdict is not the same: {', '.join(told)}."
