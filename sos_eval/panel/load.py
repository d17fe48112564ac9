"""From a design's `panel:` block to a `Panel`: read the file, recode, assemble, date the covariates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os.path import normpath
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from sos_eval.declare import Document
from sos_eval.errors import DataFault, Faults, nearest
from sos_eval.panel.assemble import Adopt, assemble, named_columns
from sos_eval.panel.breaks import OWN_COLUMNS
from sos_eval.panel.covariates import dated
from sos_eval.panel.england.published import read_published
from sos_eval.panel.events.rows import as_rows
from sos_eval.panel.events.spec import EVENT_DAY
from sos_eval.panel.own_names import STRATA_WORDS
from sos_eval.panel.panel import Panel
from sos_eval.panel.raw import RAW, raw_panel
from sos_eval.panel.read.columns import texts
from sos_eval.panel.read.files import SUFFIXES, read_file, source_of
from sos_eval.panel.read.reading import Reading
from sos_eval.panel.register import from_register, with_overlapping
from sos_eval.panel.rows import PlacedRows
from sos_eval.panel.small_counts import read_at_middle, with_middle_counts
from sos_eval.panel.spec import PanelSpec
from sos_eval.panel.tabular import reading_of
from sos_eval.panel.treatment import Adoption, from_column, from_status
from sos_eval.panel.wide import long, matches, refuse_wide

__all__ = ["World", "load_panel"]

#: Draws a declared world's panel: the path of its YAML -> a DataFrame under the user's column names.
World = Callable[[Path], pd.DataFrame]


def load_panel(
    spec: PanelSpec,
    document: Document | None = None,
    *,
    base: Path = Path(),
    override: Path | pd.DataFrame | None = None,
    world: World | None = None,
    also: Sequence[str] = (),
    described: Sequence[str] = (),
    require_untreated: bool = True,
    middle_below: int = 0,
    counted: Sequence[tuple[str, str]] = (),
) -> Panel:
    """Load the panel that a design declares.

    Parameters
    ----------
    spec, document
        The declared block, and the file it stands in (for ``file:line``).
    base
        Folder that paths in the block are relative to.
    override
        Another file (``--panel``, relative to the working folder; its name says the format) or a DataFrame.
    world
        Draws the panel of ``source: world`` from the world's YAML.
    also
        Further columns that other parts of the design name: regions, strata, moderators, distances.
    described
        Columns that no estimate adjusts for, so that they may be of any period: ranges, totals.
    require_untreated
        Whether somebody must be untreated when somebody else is treated.
    middle_below
        Smallest count that is read as it is; see `read_at_middle`. 0: all are.
    counted
        Columns that are counts elsewhere in the design, each with that of its denominators.

    Returns
    -------
    Panel
        Checked; ``flow`` says what was kept and dropped, ``caveats`` what page one must say.

    Raises
    ------
    DataFault, NotIdentified
        With every fault of the data at once.
    """
    named = tuple(dict.fromkeys((*also, *described)))
    every = tuple(name for name in named if name not in STRATA_WORDS)
    reading = _read(spec, document, base, override, world, every)
    _refuse_ambiguous(reading, spec, [name for name in named if name in STRATA_WORDS])
    reading = long(reading, spec, [name for name, _ in named_columns(spec, every)])
    reading = as_rows(_recoded(reading, spec), spec, base)
    if middle_below:
        reading = read_at_middle(reading, (*spec.counted_columns, *counted), middle_below)
    laid = every if spec.events is None or spec.events.means else (*every, EVENT_DAY)
    panel = assemble(reading, spec, also=laid, adopt=_adopt(spec, base), require_untreated=require_untreated)
    panel = dated(panel, spec, reading, [name for name in also if name not in STRATA_WORDS])
    return with_middle_counts(panel, middle_below) if middle_below else panel


def _refuse_ambiguous(reading: Reading, spec: PanelSpec, words: Sequence[str]) -> None:
    """Refuse a stratum that may be what the panel has or a column of the file of that name which is something else."""
    outcomes = list(spec.named_outcomes.values())
    same = {"exposure": [one.exposure for one in outcomes], "outcome": [one.value for one in outcomes]}
    same |= {"cluster": [spec.cluster], "unit": [spec.unit]}
    for word in words:
        if word in reading.columns and word not in same[word]:
            reading.add(
                f"{word}: as a stratum it is the panel's {word}, and the file has another column of that name",
                "give the column another name",
            )


def _read(
    spec: PanelSpec,
    document: Document | None,
    base: Path,
    override: Path | pd.DataFrame | None,
    world: World | None,
    also: Sequence[str],
) -> Reading:
    """Read the table from wherever it comes."""
    faults = Faults(DataFault)
    if isinstance(override, pd.DataFrame):
        return replace(reading_of(override), faults=faults, document=document)
    names = {name for name, _ in named_columns(spec, also)} | set(spec.recode) | OWN_COLUMNS
    names |= {name for name, _ in spec.events.read()} if spec.events else set()
    where, key = Reading(pd.DataFrame(), "", faults, document).at("path")
    if override is None and spec.source == "england":
        if spec.path:
            faults.add(where, f"{key}: source: england ships with the package", "take path out, or write source: csv")
        return replace(read_published(spec.geography, faults, names.__contains__), document=document)
    path = override if override is not None else Path(normpath(base / spec.path))
    if override is None and not spec.path:
        faults.add(where, f"{key}: is missing", "name the file, or give one with --panel")
        faults.stop()
    if override is not None:
        where, key = str(override), "--panel"
    source = _source(spec, path, faults, where, key, given=override is not None)
    if source == "world":
        if world is None:
            faults.add(where, f"{key}: a world needs somebody to draw it", "run the design with sos-eval run")
            faults.stop()
        elif path.exists():
            return replace(reading_of(world(path), str(path)), faults=faults, document=document)
        else:
            faults.add(where, f"{key}: no such file: {path}", "paths are relative to the design file")
            faults.stop()

    if source in RAW:
        if not path.exists():
            faults.add(where, f"{key}: no such file or folder: {path}", "paths are relative to the design file")
            faults.stop()
        return replace(raw_panel(cast(Any, source), path, faults, spec.geography), faults=faults, document=document)

    if spec.table is not None and source in ("csv", "parquet"):
        faults.add(
            where, f"{key}: panel.table names a sheet or a table of a store; {source} has one only", "take it out"
        )

    def laid_wide(name: str) -> bool:
        return spec.wide is not None and matches(spec.wide, name)

    outcomes = {name for one in spec.named_outcomes.values() for name in (one.count, one.exposure, one.value)}

    dated_by = spec.events.date if spec.events else spec.time
    keys = (spec.unit, dated_by) if spec.wide is None else (spec.unit,)
    reading = read_file(
        path, source, faults, needed=lambda name: name in names or laid_wide(name), keys=keys, table=spec.table,
        header_row=spec.header_row, where=where, key=key, of_one_row=lambda name: name in outcomes or laid_wide(name),
    )  # fmt: skip
    reading = replace(reading, document=document)
    if spec.wide is None:
        refuse_wide(reading, spec)
    return reading


def _source(spec: PanelSpec, path: Path, faults: Faults, where: str, key: str, *, given: bool) -> str:
    """Return the format: what the file's name says where it was given by hand, else what is declared."""
    if not given:
        return spec.source
    said = source_of(path)
    if said is None and spec.source in {"world", "england"}:
        if spec.source == "world" and path.suffix.lower() in {".yaml", ".yml"}:
            return "world"
        faults.add(where, f"{key}: the name does not say the format", f"name it {', '.join(SUFFIXES)}")
        faults.stop()
    return said or spec.source


def _recoded(reading: Reading, spec: PanelSpec) -> Reading:
    """Replace declared values in declared columns, before anything else reads them."""
    changed: dict[str, Any] = {}
    for name, table in spec.recode.items():
        if not reading.column(name, "recode", name):
            continue
        codes, distinct = texts(reading.frame[name])
        for old in table:
            if old not in distinct:
                reading.fault_of(("recode", name, old), f'{name} holds no "{old}"', nearest(old, distinct))
        words = [str(table.get(word, word)) for word in distinct]
        changed[name] = np.array([*words, ""], dtype=object)[codes]
    return replace(reading, frame=reading.frame.assign(**changed)) if changed else reading


def _adopt(spec: PanelSpec, base: Path) -> Adopt:
    """Return the reader of the declared treatment."""
    way = spec.treatment

    def adopt(reading: Reading, rows: PlacedRows) -> Adoption:
        if way.adoption is not None:
            adoption = from_register(reading, rows, base / way.adoption, spec)
        elif way.status is not None:
            adoption = from_status(reading, rows, way.status, absorbing=way.absorbing)
        else:
            adoption = from_column(reading, rows, str(way.first_treated), way.untreated_means, spec.year_convention)
        return with_overlapping(adoption, reading, rows, base / way.overlapping) if way.overlapping else adoption

    return adopt
