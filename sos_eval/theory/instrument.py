"""An instrument of practice in a file of its own, which designs cite: what is scored, by which weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, MinLen

from sos_eval.declare import Declared, Document, build, read_yaml
from sos_eval.errors import Faults, listed, nearest
from sos_eval.theory.beside import noted_beside

__all__ = ["SCHEMA", "Instrument", "InstrumentItem", "cited"]

SCHEMA = "sos-eval/instrument/1"
_AT = ("implementation",)
#: What a design writes beside the file; all else is the instrument's.
_BESIDE = ("instrument", "columns", "fidelity", "reached_by", "stages", "turnover")


@dataclass(frozen=True)
class InstrumentItem(Declared):
    """One thing that is scored."""

    label: str = ""
    """Its words for a reader; its name without them."""
    weight: Annotated[float, Gt(0)] = 1.0
    """What it counts in the score."""
    reliability: Annotated[float, Ge(0), Le(1)] | None = None
    """How far two who score the same practice agree, 0 to 1, where that was measured."""
    needs: str = ""
    """Where it is read off: which records, whom one asks."""


@dataclass(frozen=True)
class Instrument(Declared):
    """What high-quality practice is, item by item."""

    title: Annotated[str, MinLen(1)]
    """What the instrument is called in tables and reports."""
    items: Annotated[Mapping[str, InstrumentItem], MinLen(2)]
    """The items by name."""
    source: str = ""
    """After whom, and what of it was tested."""
    scale: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest score of every item."""
    minimum: float | None = None
    """Score from which practice counts as the intervention."""


def cited(document: Document, given: Mapping[str, Any], faults: Faults) -> dict[str, Any] | None:
    """Return a section `implementation` with the instrument that it cites written out; None where that has faults.

    Parameters
    ----------
    document
        The design.
    given
        The section: ``instrument``, the file beside the design; ``columns``, item to column, where a column is not
        called as its item.
    faults
        Collector; every fault of the section and of the file is added, with its line.
    """
    own = Faults()
    for name in given:
        if name not in _BESIDE:
            what = f"implementation.{name}: stands beside an instrument that says it"
            own.add(document.where((*_AT, name)), what, "write it in the file alone")
    found = noted_beside(document, (*_AT, "instrument"), str(given["instrument"]), own, read_yaml)
    instrument = _read(found, own) if found is not None else None
    columns = given.get("columns", {})
    if not isinstance(columns, Mapping):
        own.add(document.where((*_AT, "columns")), "implementation.columns: is no mapping", "write {ITEM: COLUMN}")
    elif instrument is not None:
        for name in columns:
            if name not in instrument.items:
                what = f"implementation.columns: the instrument has no item {name!r}"
                own.add(document.where((*_AT, "columns", name)), what, nearest(str(name), list(instrument.items)))
        named = [str(columns.get(name, name)) for name in instrument.items]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            what = f"implementation.columns: several items are read from {listed(twice)}"
            own.add(document.where((*_AT, "columns")), what, "name a column of its own for each")
    faults.found.extend(own.found)
    if own.found or instrument is None:
        return None
    by_column = {str(columns.get(name, name)): (name, item) for name, item in instrument.items.items()}
    return {
        "items": {column: item.weight for column, (_, item) in by_column.items()},
        "labels": {column: item.label or name for column, (name, item) in by_column.items()},
        "reliability": {c: item.reliability for c, (_, item) in by_column.items() if item.reliability is not None},
        "fidelity": given.get("fidelity") or instrument.title, "scale": list(instrument.scale),
        "minimum": instrument.minimum, "source": instrument.source,
        "needs": {column: item.needs for column, (_, item) in by_column.items() if item.needs},
        **{name: given[name] for name in ("reached_by", "stages", "turnover") if name in given},
    }  # fmt: skip


def _read(found: Document, faults: Faults) -> Instrument | None:
    """Read the file of an instrument."""
    if found.data.get("schema") != SCHEMA:
        what = f"schema: {found.data.get('schema')!r} is no instrument"
        faults.add(found.where(("schema",)), what, f"write {SCHEMA}")
        return None
    data = {key: value for key, value in found.data.items() if key not in ("schema", "name")}
    return build(Instrument, data, found, (), faults)
