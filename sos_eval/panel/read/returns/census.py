"""CIN census returns, XML or CSV, as rows of events: referrals, assessments, enquiries, conferences, plans."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sos_eval.errors import Faults
from sos_eval.limits import limits
from sos_eval.panel.read.returns.files import ReturnFile, year_of
from sos_eval.panel.read.returns.strict_xml import StrictXML
from sos_eval.panel.read.returns.tables import encoding_of, refuse_encoding

__all__ = ["EVENTS", "CensusEvent", "census_events", "named_in_header"]

#: kind, child, birth, referral, beginning, end, whether no further action followed; all as written.
CensusEvent = tuple[str, str, str, str, str, str, str]
#: Kind of event -> (the element or table that holds it, the columns of its beginning and of its end).
EVENTS: dict[str, tuple[str, str, str]] = {
    "referral": ("CINdetails", "CINreferralDate", "CINclosureDate"),
    "assessment": ("Assessments", "AssessmentActualStartDate", "AssessmentAuthorisationDate"),
    "section47": ("Section47", "S47ActualStartDate", ""),
    "plan": ("ChildProtectionPlans", "CPPstartDate", "CPPendDate"),
}
#: A conference has a date of its own, in the details of a referral or in an enquiry.
_CONFERENCE, _CHILD = "DateOfInitialCPC", "LAchildID"
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


def census_events(file: ReturnFile, faults: Faults) -> Iterator[CensusEvent]:
    """Yield the events of a file; note why where it is no return, never with a word of a child's row."""
    size = file.path.stat().st_size
    if size > limits().table_bytes:
        faults.add(str(file.path), f"{size:,} bytes, more than {limits().table_bytes:,}", "give --limit-bytes")
    elif file.path.suffix.lower() == ".xml":
        yield from _of_xml(file, faults)
    else:
        yield from _of_csv(file.path, faults)


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
        elif name in {element for element, _, _ in EVENTS.values()}:
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
        elif above == "CINdetails" and name in {element for element, _, _ in EVENTS.values()}:
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
    who = (cells.get(_CHILD, ""), cells.get("PersonBirthDate", ""), cells.get("CINreferralDate", ""))
    for kind, (holder, begins, ends) in EVENTS.items():
        if holder == element:
            yield (kind, *who, cells.get(begins, ""), cells.get(ends, ""), cells.get("ReferralNFA", ""))
    if cells.get(_CONFERENCE):
        yield ("conference", *who, cells[_CONFERENCE], "", "")


def _of_xml(file: ReturnFile, faults: Faults) -> Iterator[CensusEvent]:
    reader = _Children()
    for _ in reader.blocks(file.path, faults):
        yield from reader.events
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


def _of_csv(path: Path, faults: Faults) -> Iterator[CensusEvent]:
    """Yield the events of one table; which it is, its columns say."""
    encoding = encoding_of(path)
    if encoding is None:
        refuse_encoding(path, faults)
        return
    with path.open(encoding=encoding, newline="") as lines:
        yield from _of_lines(path, lines, faults)


def _of_lines(path: Path, lines: Iterable[str], faults: Faults) -> Iterator[CensusEvent]:
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
        element = next((holder for holder, begins, _ in reversed(EVENTS.values()) if begins in header), None)
        if element is None or _CHILD not in header or len(set(header)) < len(header):
            _refuse_table(path, header, faults)
            return
        for cells in reader:
            if len(cells) != len(header):
                what = f"{len(cells)} cells, where the first line has {len(header)}"
                faults.add(f"{path}:{reader.line_num}", what, 'put cells with commas in quotation marks: "a, b"')
                return
            yield from _events_of(element, dict(zip(header, map(str.strip, cells), strict=True)))
    except csv.Error:  # its words may hold cells
        faults.add(f"{path}:{reader.line_num}", "cannot be read as CSV", "save it again as CSV with commas, in UTF-8")


def _refuse_table(path: Path, header: list[str], faults: Faults) -> None:
    """Note why a table is none; leave those that are of a return and hold no event."""
    named = ", ".join(begins for _, begins, _ in EVENTS.values())
    if len(set(header)) < len(header):
        faults.add(f"{path}:1", "names a column twice", "keep one of them")
    elif any(begins in header for _, begins, _ in EVENTS.values()):
        faults.add(f"{path}:1", f"has no column {_CHILD}", "give the columns the names of the census")
    elif not any(name in header for name in _LEFT):
        faults.add(f"{path}:1", "no table of a CIN census", f"a table has {_CHILD} and one of {named}")
