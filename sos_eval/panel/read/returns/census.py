"""CIN census returns, XML or CSV, as rows of events: referrals, assessments, enquiries, conferences, plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sos_eval.errors import Faults
from sos_eval.limits import limits
from sos_eval.panel.read.returns.files import ReturnFile, year_of
from sos_eval.panel.read.returns.strict_xml import StrictXML
from sos_eval.panel.read.returns.tables import encoding_of, header_of, refuse_encoding, text_pieces

__all__ = ["EVENT", "EVENTS", "CensusEvent", "as_piece", "census_events", "named_in_header"]

#: What is read of an event, all as written; `nfa`: whether no further action followed.
EVENT = ("kind", "child", "birth", "referral", "beginning", "ending", "nfa")
CensusEvent = tuple[str, ...]
#: Kind of event -> (the element or table that holds it, the columns of its beginning and of its end).
EVENTS: dict[str, tuple[str, str, str]] = {
    "referral": ("CINdetails", "CINreferralDate", "CINclosureDate"),
    "assessment": ("Assessments", "AssessmentActualStartDate", "AssessmentAuthorisationDate"),
    "section47": ("Section47", "S47ActualStartDate", ""),
    "plan": ("ChildProtectionPlans", "CPPstartDate", "CPPendDate"),
}
_HOLDERS = frozenset(element for element, _, _ in EVENTS.values())
#: Element or table -> the kinds of its events, with the columns of their beginnings and ends.
_KINDS = {
    holder: tuple((kind, *days) for kind, (element, *days) in EVENTS.items() if element == holder)
    for holder in _HOLDERS
}
#: A conference has a date of its own, in the details of a referral or in an enquiry.
_CONFERENCE, _CHILD = "DateOfInitialCPC", "LAchildID"
_WHO = (_CHILD, "PersonBirthDate", "CINreferralDate")
_NFA = "ReferralNFA"
#: Further tables of a return, by a column that only they have; recognised, and left.
_LEFT = ("PersonBirthDate", "Ethnicity", "Disability", "CINPlanStartDate", "CPPreviewDate", "AssessmentFactors", "LEA")
#: What the elements from which events are read can hold.
_HOLDS: dict[str, tuple[str, ...]] = {
    "Child": ("ChildIdentifiers", "ChildCharacteristics", "CINdetails"),
    "CINdetails": (
        "CINreferralDate", "ReferralSource", "PrimaryNeedCode", "CINclosureDate", "ReasonForClosure",
        "DateOfInitialCPC", "Assessments", "CINPlanDates", "Section47", "ReferralNFA", "ChildProtectionPlans",
        "PreProceedingsandFGDM",
    ),
    "Assessments": (
        "AssessmentActualStartDate", "AssessmentInternalReviewDate", "AssessmentAuthorisationDate",
        "FactorsIdentifiedAtAssessment",
    ),
    "Section47": ("S47ActualStartDate", "InitialCPCtarget", "DateOfInitialCPC", "ICPCnotRequired"),
    "ChildProtectionPlans": (
        "CPPstartDate", "CPPendDate", "InitialCategoryOfAbuse", "LatestCategoryOfAbuse", "NumberOfPreviousCPP",
        "Reviews",
    ),
}  # fmt: skip


def census_events(file: ReturnFile, faults: Faults) -> Iterator[Any]:
    """Yield the events of a file as record batches of text, the columns of `EVENT`, in the order of the file.

    Why a file is no return is noted, never with a word of a child's row.
    """
    size = file.path.stat().st_size
    if size > limits().table_bytes:
        faults.add(str(file.path), f"{size:,} bytes, more than {limits().table_bytes:,}", "give --limit-bytes")
    elif file.path.suffix.lower() == ".xml":
        yield from _of_xml(file, faults)
    else:
        yield from _of_csv(file.path, faults)


def as_piece(events: Sequence[CensusEvent]) -> Any:
    """Return events as a record batch."""
    import pyarrow as pa

    columns = zip(*events, strict=True) if events else [[] for _ in EVENT]
    return pa.record_batch([pa.array(list(column), pa.string()) for column in columns], names=list(EVENT))


class _Children(StrictXML):
    """Collects the events of each child."""

    root, kind = "Message", "CIN census return"
    holds: Mapping[str, tuple[str, ...]] = _HOLDS
    needs: Mapping[str, tuple[str, ...]] = {
        "ChildIdentifiers": (_CHILD,), **{element: (begins,) for element, begins, _ in EVENTS.values()}
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.child: dict[str, str] = {}
        self.referral: dict[str, str] = {}
        self.inner: list[tuple[str, dict[str, str]]] = []
        self.cells: dict[str, str] = {}
        self.events: list[CensusEvent] = []
        self.authority = self.year = ""

    def begin(self, name: str) -> None:
        if name == "Child":
            self.child = {}
        elif name == "CINdetails":
            self.referral, self.inner = {}, []
        elif name in _HOLDERS:
            self.cells = {}

    def finish(self, name: str, above: str, text: str) -> None:
        if above == "Source" and name == "LEA":
            self.authority = text
        elif above == "CollectionDetails" and name == "ReferenceDate":  # `Year` is a year's start in some exports
            self.year = text.removesuffix("-03-31")
        elif above == "ChildIdentifiers":
            self.child[name] = text
        elif name == "CINdetails":
            self._told()
        elif above == "CINdetails" and name in _HOLDERS:
            self.inner.append((name, self.cells))
        elif above == "CINdetails":
            self.referral[name] = text
        else:
            self.cells[name] = text

    def _told(self) -> None:
        rows = [("CINdetails", self.referral), *self.inner]
        for element, cells in rows:
            whole = {**self.child, "CINreferralDate": self.referral.get("CINreferralDate", ""), **cells}
            self.events.extend(_events_of(element, whole))


def _events_of(element: str, cells: Mapping[str, str]) -> Iterator[CensusEvent]:
    """Yield the event of an element or row, and the conference that it names."""
    who = tuple(cells.get(name, "") for name in _WHO)
    for kind, begins, ends in _KINDS[element]:
        yield (kind, *who, cells.get(begins, ""), cells.get(ends, ""), cells.get(_NFA, ""))
    if cells.get(_CONFERENCE):
        yield ("conference", *who, cells[_CONFERENCE], "", "")


def _of_xml(file: ReturnFile, faults: Faults) -> Iterator[Any]:
    reader = _Children()
    for _ in reader.blocks(file.path, faults):
        yield as_piece(reader.events)
        reader.events = []
    said = reader.authority
    if said and file.authority.isdigit() and said.isdigit() and int(said) != int(file.authority):
        what = f"its header names authority {said}, its folder or --authority {file.authority}"
        faults.add(str(file.path), what, "mend the one that is wrong")
    if year_of(reader.year) not in (None, file.year):
        what = f"its header's reference date is {reader.year}-03-31, its folder or --year says {file.year}"
        faults.add(str(file.path), what, "mend the one that is wrong")


def named_in_header(path: Path) -> tuple[str | None, int | None]:
    """Return the authority and year that the header of a return in XML names; None of what it does not."""
    if path.suffix.lower() != ".xml":
        return None, None
    reader = _Children()
    for _ in reader.blocks(path, Faults()):  # what is wrong with it is said where it is counted
        break
    return reader.authority or None, year_of(reader.year)


def _of_csv(path: Path, faults: Faults) -> Iterator[Any]:
    """Yield the events of one table; which it is, its columns say."""
    encoding = encoding_of(path)
    if encoding is None:
        refuse_encoding(path, faults)
        return
    header = header_of(path, encoding)
    element = next((holder for holder, begins, _ in reversed(EVENTS.values()) if begins in header), None)
    if element is None or _CHILD not in header or len(set(header)) < len(header):
        _refuse_table(path, header, faults)
        return
    read = {*_WHO, _NFA, _CONFERENCE, *(name for _, *days in EVENTS.values() for name in days)}
    wanted = [name for name in header if name in read]
    for piece in text_pieces(path, encoding, header, wanted, wanted, faults):
        yield from _of_table(element, piece)


def _of_table(element: str, piece: Any) -> Iterator[Any]:
    """Yield the events of rows, and the conferences that they name."""
    import pyarrow.compute as pc

    for kind, begins, ends in _KINDS[element]:
        yield _laid_out(kind, piece, begins, ends, _NFA)
    if _CONFERENCE in piece.schema.names:
        days = pc.utf8_trim_whitespace(piece.column(_CONFERENCE).cast("string"))
        yield _laid_out("conference", piece.filter(pc.not_equal(days, "")), _CONFERENCE, "", "")


def _laid_out(kind: str, piece: Any, *further: str) -> Any:
    """Lay the columns of a table out as those of `EVENT`; what it does not have is empty."""
    import pyarrow as pa

    n = piece.num_rows
    cells = [piece.column(name) if name in piece.schema.names else pa.repeat("", n) for name in (*_WHO, *further)]
    return pa.record_batch([pa.repeat(kind, n), *cells], names=list(EVENT))


def _refuse_table(path: Path, header: Sequence[str], faults: Faults) -> None:
    """Note why a table is none; leave those that are of a return and hold no event."""
    named = ", ".join(begins for _, begins, _ in EVENTS.values())
    if len(set(header)) < len(header):
        faults.add(f"{path}:1", "names a column twice", "keep one of them")
    elif any(begins in header for _, begins, _ in EVENTS.values()):
        faults.add(f"{path}:1", f"has no column {_CHILD}", "give the columns the names of the census")
    elif not any(name in header for name in _LEFT):
        faults.add(f"{path}:1", "no table of a CIN census", f"a table has {_CHILD} and one of {named}")
