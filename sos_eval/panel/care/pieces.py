"""`CarePiece`: one authority's counts as they may leave it, with all that must be alike for pieces to be joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, MinLen

from sos_eval.declare import Declared, Document, build, read_json
from sos_eval.errors import DataFault, Faults, OurFault, listed
from sos_eval.panel.care.counts import CarePeriod
from sos_eval.panel.care.rules import return_rules
from sos_eval.panel.disclosure import RANGE_ENDS, Disclosure, range_behind, without_empty_ranges

__all__ = ["ACROSS", "CarePiece", "PieceSettings", "joined", "read_piece", "rules_hash"]

#: The rule that looks at several authorities, and sees nothing where each counts its own children.
ACROSS = "in_two_authorities"

Cell = str | int | float | None
Rows = tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class PieceSettings(Declared):
    """How the counts were made; pieces that differ in any of it are not joined."""

    profile: Literal["open", "dfe", "ons_srs"]
    """What was let out."""
    smallest: Annotated[int, Ge(0)]
    """Smallest count that is shown."""
    step: Annotated[int, Ge(1)]
    """What counts are rounded to."""
    period: CarePeriod
    """What a row counts."""
    windows: tuple[int, ...]
    """Months of re-entry."""
    policies: dict[str, Literal["keep", "exclude"]]
    """What was done about each rule."""
    rules: str
    """Hash of rules, codes and queries."""

    @property
    def disclosure(self) -> Disclosure:
        """What was let out."""
        return Disclosure(profile=self.profile, minimum_count=self.smallest, round_to=self.step)


@dataclass(frozen=True)
class CarePiece(Declared):
    """One authority's counts."""

    schema: Literal["sos-eval/piece/1"]
    """What the file is."""
    authority: Annotated[str, MinLen(1)]
    """Whose children are counted."""
    settings: PieceSettings
    """How."""
    columns: tuple[str, ...]
    """Columns of the panel."""
    rows: Rows
    """Its rows; null where masked or not known."""
    validation_columns: tuple[str, ...]
    """Columns of the validation report."""
    validation: Rows
    """Its rows."""


@cache
def rules_hash() -> str:
    """Return a hash of all that decides a count: rules, lists of codes, queries."""
    folder = Path(str(files("sos_eval.panel.care")))
    inside = sorted(file for file in folder.rglob("*") if file.suffix in {".yaml", ".csv", ".sql"})
    inside.append(folder / "queries.py")
    return sha256(b"\0".join(file.name.encode() + b"\0" + file.read_bytes() for file in inside)).hexdigest()


def read_piece(path: Path) -> CarePiece:
    """Read a piece, and see that it holds what it says: the authority's own rows, and only counts that may leave.

    Raises
    ------
    InputFault
        With everything that is wrong in the file.
    """
    document = Document(read_json(path), path)
    piece = build(CarePiece, document.data, document)
    if piece is None:
        raise OurFault("a piece was neither read nor refused")
    faults = Faults(DataFault)
    for what in _wrong(piece):
        faults.add(str(path), what, "write it again with `sos-eval panel ssda903 … --piece`")
    faults.stop()
    return piece


def _wrong(piece: CarePiece) -> Iterator[str]:
    """Say what a piece may not hold."""
    head = ("la_code", piece.settings.period)
    if piece.columns[:2] != head or piece.validation_columns[:3] != ("rule", "la_code", "year_of_return"):
        yield f"its columns do not begin with {', '.join(head)}"
        return
    for name, columns, rows in (
        ("panel", piece.columns, piece.rows), ("validation", piece.validation_columns, piece.validation),
    ):  # fmt: skip
        if any(len(row) != len(columns) for row in rows) or len(set(columns)) < len(columns):
            yield f"its {name} has rows of another length than its columns"
            return
    if {row[0] for row in piece.rows} != {piece.authority} or {row[1] for row in piece.validation} - {piece.authority}:
        yield f"holds rows of others than {piece.authority}"
    if len({row[1] for row in piece.rows}) < len(piece.rows):
        yield "holds a period twice"
    counts = [(name, row[at]) for row in piece.rows for at, name in enumerate(piece.columns) if at > 1]
    counts += [(name, row[at]) for row in piece.validation for at, name in enumerate(piece.validation_columns)
               if name in {"episodes", "children"}]  # fmt: skip
    small = {
        name for name, value in counts if not name.endswith(RANGE_ENDS) and not _may_leave(name, value, piece.settings)
    }
    odd = sorted(small or {name for row in piece.rows for name in _other_ranges(piece, row)})
    if odd:
        yield f"{listed(odd, 4)}: no count that the profile {piece.settings.profile} lets out"


def _other_ranges(piece: CarePiece, row: Sequence[Cell]) -> Iterator[str]:
    """Yield the columns of ranges that say something else than the count beside them and the profile do."""
    cells = dict(zip(piece.columns, row, strict=True))
    of_profile = piece.settings.disclosure
    for name in (column for column in cells if column.endswith(RANGE_ENDS)):
        value = cells.get(name.rpartition("_")[0], "")
        if isinstance(value, str):
            yield name
            continue
        held = range_behind(value, of_profile) or (None, None)
        if cells[name] != held[name.endswith("_high")] and (value is not None or cells[name] is not None):
            yield name


def _may_leave(name: str, value: Cell, settings: PieceSettings) -> bool:
    """Whether a cell is empty, or a count as the profile shows it."""
    if value is None:
        return True
    if isinstance(value, str) or value < 0:
        return False
    if name == "exits_mean_days":
        return settings.profile == "open" or value == np.floor(value)
    least = np.floor(settings.smallest / settings.step + 0.5) * settings.step  # the smallest that is shown, rounded
    return value == np.floor(value) and value % settings.step == 0 and (value == 0 or bool(value >= least))


def joined(pieces: Sequence[CarePiece], names: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the pieces of several authorities together: panel and validation report, as one call over all would write.

    Parameters
    ----------
    pieces
        Of different authorities, made in the same way.
    names
        Their files, for faults.

    Raises
    ------
    DataFault
        An authority stands twice, or pieces were made in different ways: with every difference.
    """
    faults = Faults(DataFault)
    first = pieces[0]
    for piece, name in zip(pieces[1:], names[1:], strict=True):
        for key, value in vars(piece.settings).items():
            if value != vars(first.settings)[key]:
                faults.add(name, f"{key} is another than in {names[0]}", "make all pieces in the same way")
        if (piece.columns, piece.validation_columns) != (first.columns, first.validation_columns):
            faults.add(name, f"its columns are others than in {names[0]}", "make all pieces in the same way")
    whose = [piece.authority for piece in pieces]
    for authority in sorted({name for name in whose if whose.count(name) > 1}):
        held = [name for name, owner in zip(names, whose, strict=True) if owner == authority]
        faults.add(listed(held), f"{authority} stands in {len(held)} pieces", "give one of each authority")
    faults.stop()
    panel = pd.DataFrame([row for piece in pieces for row in piece.rows], columns=list(first.columns))
    report = pd.DataFrame([row for piece in pieces for row in piece.validation], columns=list(first.validation_columns))
    order = {rule.name: place for place, rule in enumerate(return_rules())}
    report = report.sort_values(
        ["rule", "la_code", "year_of_return"], key=lambda column: column.map(order) if column.name == "rule" else column
    )
    panel = without_empty_ranges(panel.astype({name: float for name in first.columns if name.endswith(RANGE_ENDS)}))
    return panel.sort_values(list(first.columns[:2]), ignore_index=True), report.reset_index(drop=True)
