"""Which authority and which year a file of a return is of: by its folders, or as it was said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sos_eval.errors import Faults

__all__ = ["ReturnFile", "return_files", "year_of"]

_YEAR = re.compile(r"(?P<first>(?:19|20)\d\d)(?:[-_]?(?P<end>\d\d))?")
_ENDINGS = (".csv", ".xml")


@dataclass(frozen=True, slots=True)
class ReturnFile:
    """A file of one authority's return of one year.

    Attributes
    ----------
    path
        The file: one table as CSV, or a whole return as XML.
    authority
        The authority's code or name, as its folder is called.
    year
        The year of the return, named by its end: 2019 is April 2018 to March 2019.
    """

    path: Path
    authority: str
    year: int


def year_of(word: str) -> int | None:
    """Return the end of a reporting year; None where the word is none.

    Examples
    --------
    >>> year_of("2019"), year_of("2018-19"), year_of("201819"), year_of("2018-20"), year_of("301")
    (2019, 2019, 2019, None, None)
    """
    match = _YEAR.fullmatch(word)
    if match is None:
        return None
    first, end = int(match["first"]), match["end"]
    if end is None:
        return first
    return first + 1 if int(end) == (first + 1) % 100 else None


def return_files(
    given: Iterable[Path], faults: Faults, authority: str | None = None, year: int | None = None,
    told: Callable[[Path], tuple[str | None, int | None]] = lambda file: (None, None),
) -> list[ReturnFile]:  # fmt: skip
    """Find the files of returns in files and folders, and say whose they are.

    Parameters
    ----------
    given
        Files, and folders that are searched: ``AUTHORITY/YEAR/episodes.csv``.
    authority, year
        Where all files are of one authority or one year; without them the folders say so.
    told
        Returns what a file says itself of its authority and year, where nothing else does.
    """
    named = [file for path in given for file in _within(path, faults)]
    made = [_placed(file, faults, authority, year, told) for file in dict.fromkeys(named)]
    return [file for file in made if file is not None]


def _within(path: Path, faults: Faults) -> Iterator[Path]:
    """Yield the CSV and XML files of a folder, or the file itself."""
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in _ENDINGS and file.is_file())
        if not inside:
            faults.add(str(path), "holds no .csv or .xml file", "name the folder of the returns")
        yield from inside
    elif not path.is_file():
        faults.add(str(path), "does not exist", "name a file or a folder")
    elif path.suffix.lower() not in _ENDINGS:
        faults.add(str(path), f"is no return: it ends in {path.suffix or 'nothing'}", "unpack it; give .csv or .xml")
    else:
        yield path


def _placed(
    file: Path, faults: Faults, authority: str | None, year: int | None,
    told: Callable[[Path], tuple[str | None, int | None]],
) -> ReturnFile | None:  # fmt: skip
    """Read authority and year off the last two folders, in either order."""
    folders = [parent.name for parent in file.absolute().parents[:2]]
    years = [when for name in folders if (when := year_of(name)) is not None]
    others = [name for name in folders if name and year_of(name) is None]
    when = year if year is not None else (years[0] if len(years) == 1 else None)
    who = authority if authority is not None else (others[0] if years and others else None)
    if when is None or who is None:
        own, of_year = told(file)
        who, when = who or own, when or of_year
    if when is None:
        faults.add(str(file), "its year is not known", "put it in AUTHORITY/YEAR/, e.g. 301/2019/, or give --year")
    if who is None:
        faults.add(str(file), "its authority is not known", "put it in AUTHORITY/YEAR/, or give --authority")
    return None if when is None or who is None else ReturnFile(file, who, when)
