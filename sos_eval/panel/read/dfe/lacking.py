"""Measures that a published file should hold by its kind and release, and does not: a column was renamed."""

from __future__ import annotations

from sos_eval.errors import Faults, listed
from sos_eval.panel.read.dfe.layout import PublishedMeasure, measures_of, places_of, wholes_of_parts
from sos_eval.panel.read.dfe.releases import ReleaseFile

__all__ = ["lacking", "refuse_without_counts"]


def lacking(file: ReleaseFile) -> tuple[PublishedMeasure, ...]:
    """Return the measures of the file's kind and release of which it has no column, or no row.

    The interactive tool's files are extracts, of which nobody can say what they lack.
    """
    if file.kind.layout == "tool":
        return ()
    return tuple(one for one in measures_of(file.kind.name, file.release) if not _there(one, file))


def _there(measure: PublishedMeasure, file: ReleaseFile) -> bool:
    if not any(any(places_of(column, file.header)) for column in measure.columns):
        return False
    if not measure.only:
        return True
    at = file.header.index(measure.only[0])
    return any(cells[at] == measure.only[1] for _, cells in file.rows)


def refuse_without_counts(file: ReleaseFile, faults: Faults) -> None:
    """Note a file that has none of the measures of its kind, or none of those that count whom it is about."""
    held = measures_of(file.kind.name, file.release)
    gone = lacking(file)
    whole = [one for one in held if wholes_of_parts().get(one.name) == ("", "")]
    if gone and (len(gone) == len(held) or (whole and set(whole) <= set(gone))):
        meant = [one for one in gone if one in whole] or gone
        columns = listed(list(dict.fromkeys(" or ".join(one.columns) for one in meant)), 4)
        rows = listed(list(dict.fromkeys(f'{one.only[0]} "{one.only[1]}"' for one in meant if one.only)), 4)
        named = f"{columns}{', in rows of ' * bool(rows)}{rows}"
        what = f"is a table of the kind {file.kind.name}, and holds no {listed([one.name for one in meant], 4)}"
        faults.add(str(file.path), what, f"take the file as it was published: {named}")
