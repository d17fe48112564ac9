"""`ReleaseFile`: a published file, told by its columns, with its release and its rows of authorities."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sos_eval.errors import Faults, listed
from sos_eval.limits import limits
from sos_eval.panel.read.csv import TooLarge, opened
from sos_eval.panel.read.dfe.inspections import day_of, last_known, refuse_inspections
from sos_eval.panel.read.dfe.layout import PublishedKind, codes_of_authorities, kind_of, named_release, places_of
from sos_eval.panel.read.dfe.neighbours import NeighbourLists, holds_neighbours, neighbour_lists
from sos_eval.panel.read.dfe.tool import WIDER, period_of, rows_of_measures

__all__ = ["ENDINGS", "ReleaseFile", "release_files"]

#: Of the files of a folder, those that may be published tables.
ENDINGS = (".csv", ".csv.gz")

#: Line and cells of each row.
Rows = Sequence[tuple[int, tuple[str, ...]]]

#: What the rows of authorities are called, in either layout, in lower case.
_AUTHORITY = frozenset({"la", "local authority", "local authority district"})
_WIDER = frozenset({"national", "regional", "region"})


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A published file.

    Attributes
    ----------
    path, kind
        The file, and what it holds.
    release
        The year that names the release: of underlying data its own, of tidy tables the last that they hold.
    relabelled
        The year in the only column with one, where the release is another: a label that was not changed.
    header
        The names of the columns; of an empty name nothing is read.
    rows
        Line and cells of each authority's row.
    wider
        How many rows of regions and the nation were left out.
    not_read
        What else it holds: the tool's measures that are not read, and its averages of several years.
    """

    path: Path
    kind: PublishedKind
    release: int
    relabelled: int | None
    header: tuple[str, ...]
    rows: Rows
    wider: int
    not_read: tuple[str, ...] = ()

    @property
    def vintage(self) -> str:
        """What the release is called."""
        span = f"{self.release - 1}-{self.release % 100:02d}"
        return self.kind.vintage.format(release=self.release, span=span)


def release_files(
    given: Iterable[Path], faults: Faults, neighbours: list[NeighbourLists] | None = None
) -> tuple[list[ReleaseFile], list[Path]]:
    """Read the published files among files and folders.

    Parameters
    ----------
    given, faults
        Files and folders, and the collector.
    neighbours
        Is given the lists of statistical neighbours among them, which hold no measure of an authority.

    Returns
    -------
    files, left
        What is known, and the files of folders that are no known table. A file that is named itself and is none is a
        fault, and so is one that cannot be read.
    """
    made, left = [], []
    seen: set[Path] = set()
    for path in given:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.name.lower().endswith(ENDINGS) and file.is_file())
            if not inside:
                faults.add(str(path), "holds no .csv file", "name the folder of the published tables")
        elif path.is_file() and not path.name.lower().endswith(ENDINGS):
            faults.add(str(path), f"ends in {path.suffix or 'nothing'}", "unpack it; give .csv or .csv.gz")
            continue
        elif path.is_file():
            inside = [path]
        else:
            faults.add(str(path), "does not exist", "name a file or a folder")
            continue
        for file in inside:
            if file.resolve() in seen:
                continue
            seen.add(file.resolve())
            release = _read(file, faults, named=file == path)
            if isinstance(release, ReleaseFile):
                made.append(release)
            elif release is None:
                left.append(file)
            elif neighbours is not None:
                neighbours.append(release)
    return made, left


def _read(path: Path, faults: Faults, *, named: bool) -> ReleaseFile | NeighbourLists | None:
    """Read one file; None where it is no known table, which is a fault of one that was named."""
    table = _cells(path, faults)
    if not table:
        return None
    header = tuple(name.strip().replace("-", "_") for name in table[0][1])
    kind = kind_of(header)
    if kind is None:
        if holds_neighbours(table[0][1]):
            return neighbour_lists(path, table[0][1], table[1:], faults)
        if named:
            plain = [name[:40] for name in header if name.isprintable() and name and not re.search(r"\d", name)]
            shown = listed(plain, 6) or "no names"  # a return without names of columns begins with a child's number
            faults.add(f"{path}:{table[0][0]}", f"is no published table that is known: {shown}", "see docs/panel.md")
        return None
    return _release(path, kind, header, table[1:], faults)


def _cells(path: Path, faults: Faults) -> Rows:
    """Return the rows that hold anything with their lines, as text."""
    if path.stat().st_size > limits().table_bytes:
        faults.add(str(path), f"more than {limits().table_bytes:,} bytes", "raise it with --limit-bytes")
        return []
    try:
        reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
        rows = [(reader.line_num, tuple(map(str.strip, row))) for row in reader]
    except TooLarge:
        faults.add(str(path), f"unpacks to more than {limits().table_bytes:,} bytes", "raise it with --limit-bytes")
        return []
    except (csv.Error, UnicodeDecodeError, OSError, EOFError, zlib.error) as error:  # the last: damaged compression
        faults.add(str(path), f"is no csv ({error})", "take the file as it was published")
        return []
    return [row for row in rows if any(row[1])]


def _text(path: Path) -> str:
    """Return a file's text: UTF-8, UTF-16 by its mark, or Windows-1252 where it is neither."""
    with opened(path) as file:
        content: bytes = file.read()
    if content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _release(
    path: Path, kind: PublishedKind, header: tuple[str, ...], rows: Rows, faults: Faults
) -> ReleaseFile | None:  # fmt: skip
    doubled = [name for name, n in Counter(filter(None, header)).items() if n > 1]
    if doubled:
        faults.add(f"{path}:1", f"names {listed(doubled, 4)} twice", "take the file as it was published")
        return None
    uneven = [line for line, cells in rows if len(cells) != len(header)]
    if uneven:
        what = f"line{'s' * (len(uneven) > 1)} {listed(uneven, 4)}: another number of cells than the first line"
        faults.add(str(path), what, "take the file as it was published")
        return None
    parted = _authorities(path, kind, header, rows, faults)
    if parted is None:
        return None
    kept, wider = parted
    before = len(faults.found)
    not_read: tuple[str, ...] = ()
    if kind.layout == "tool":
        kept, not_read = rows_of_measures(path, header, kept, faults)
    elif kind.layout == "inspections":
        refuse_inspections(path, header, kept, faults)
    if len(faults.found) > before:
        return None
    years = _years(path, kind, header, kept, faults)
    year_of_it = None if years is None else _named(path, kind, years, faults)
    if year_of_it is None:
        return None
    return ReleaseFile(path, kind, *year_of_it, header, tuple(kept), wider, not_read)


def _authorities(
    path: Path, kind: PublishedKind, header: tuple[str, ...], rows: Rows, faults: Faults
) -> tuple[Rows, int] | None:
    """Return the rows of authorities, and how many there are of regions and the nation; None with a fault."""
    if kind.area.level:
        level = header.index(kind.area.level)
        words = [cells[level].lower() for _, cells in rows]
        odd = sorted({word for word in words if word and word not in _AUTHORITY | _WIDER})
        if odd:
            faults.add(
                str(path), f"{header[level]}: {listed(odd, 4)}", "rows are of authorities, regions or the nation"
            )
            return None
        whose = [word in _AUTHORITY for word in words]
        wider = sum(word in _WIDER for word in words)
    elif kind.layout == "tool":
        code = header.index(kind.area.code)
        whose = [WIDER.fullmatch(cells[code]) is None for _, cells in rows]
        wider = len(rows) - sum(whose)
    else:
        whose, wider = [True] * len(rows), 0
    kept = tuple(row for row, own in zip(rows, whose, strict=True) if own)
    if not kept:
        faults.add(str(path), "has no row of an authority", "take the file of local authorities")
        return None
    if kind.area.code:
        number = header.index(kind.area.code)
        changed = [line for line, cells in kept if re.fullmatch(r"\d{3}", cells[number]) is None]
        if changed:
            what = (
                f"{header[number]} is no number of three digits in line{'s' * (len(changed) > 1)} {listed(changed, 4)}"
            )
            faults.add(str(path), what, "authorities have the DfE's numbers, e.g. 202; spreadsheets change them")
            return None
        if kind.area.gss in header and _contradicted(path, kind, header, kept, faults):
            return None
    return kept, wider


def _contradicted(path: Path, kind: PublishedKind, header: tuple[str, ...], rows: Rows, faults: Faults) -> bool:
    """Note rows whose number and ONS code are of two authorities: tables with the code alone would join wrongly."""
    number, gss = header.index(kind.area.code), header.index(kind.area.gss)
    known = codes_of_authorities()
    odd = [line for line, cells in rows if known.get(cells[gss], cells[number]) != cells[number]]
    if odd:
        what = (
            f"{header[number]} and {header[gss]} are of two authorities in line{'s' * (len(odd) > 1)} {listed(odd, 4)}"
        )
        faults.add(str(path), what, "take the file as it was published")
    return bool(odd)


def _years(
    path: Path, kind: PublishedKind, header: tuple[str, ...], rows: Rows, faults: Faults
) -> list[int] | None:  # fmt: skip
    """Return the years that the file names, in its columns or in its rows; None where a row names none."""
    if kind.layout in {"wide", "averages"}:
        return sorted({year for _, year in places_of(kind.marks[-1], header) if year is not None})
    at = header.index(kind.area.period)
    if kind.layout == "inspections":
        return [last_known([day for _, cells in rows if (day := day_of(cells[at]))])]
    read = {line: period_of(cells[at]) for line, cells in rows}
    odd = [line for line, cells in rows if read[line] is None or (kind.layout == "tidy" and len(cells[at]) != 4)]
    if odd:
        what = f"{kind.area.period} is no year in line{'s' * (len(odd) > 1)} {listed(odd, 4)}"
        faults.add(str(path), what, "years are written 2024: reporting years, or mid-years")
        return None
    return sorted({period.year for period in read.values() if period})


def _named(path: Path, kind: PublishedKind, years: list[int], faults: Faults) -> tuple[int, int | None] | None:
    """Return the release, and the year of a column that says another; note a fault where it is not known."""
    if not kind.wide and years:
        return years[-1], None
    named = named_release(path.stem)
    if named is None and years:
        return years[-1], None
    if named is None:
        what = "which year it is of is not known: its name and its columns say none"
        faults.add(str(path), what, f"name it with its year, e.g. {path.stem}2015.csv")
    elif years and years[-1] != named and len(years) > 1:
        faults.add(str(path), f"is of {named} by its name, and ends in {years[-1]} by its columns", "mend the name")
    else:
        return named, years[0] if years and years[-1] != named else None
    return None
