"""Faults found while data are read, sent to the line of the design that names what is at fault."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sos_eval.declare import Document
from sos_eval.errors import Fault, InputFault
from sos_eval.panel.own_names import carried
from sos_eval.results.assignments import strata_columns

__all__ = ["at_its_key"]


_NONE: Mapping[str, tuple[str | int, ...]] = {}


@contextmanager
def at_its_key(
    document: Document, covariates: Collection[str], defaults: Mapping[str, tuple[str | int, ...]] = _NONE
) -> Iterator[None]:
    """Send faults of the comparison group, and of columns that it or inference names, to their line of the design.

    Parameters
    ----------
    covariates
        Those that the panel section declares: faults of theirs stand at its line already.
    defaults
        Columns that a method reads unless another is named, each with the key that would name it.
    """
    try:
        yield
    except InputFault as error:
        raise type(error)(_sent(document, covariates, defaults, fault) for fault in error.faults) from error


def _sent(
    document: Document, covariates: Collection[str], defaults: Mapping[str, tuple[str | int, ...]], fault: Fault
) -> Fault:
    """Return a fault with the design's line and key, where those are what has to be changed."""
    lacking = re.fullmatch(r'panel\.covariates: (.* has no column "(.*)")', fault.what)
    if lacking and carried(lacking[2]) not in covariates:
        for path, value in _leaves(document.data):
            if path[0] != "panel" and lacking[2] in _columns(path, value):
                key = _dotted(path)
                cut = " (a column, or the panel's own cut in parts: exposure_half, outcome_third, …)"
                return Fault(document.where(path), f"{key}: {lacking[1]}", fault.instead + cut * ("strata" in path))
        if item := _item(document.data, lacking[2]):
            path, instead = item
            return Fault(document.where(path), f"{_dotted(path)}: {lacking[1]}", instead or fault.instead)
        if unwritten := defaults.get(lacking[2]):
            return Fault(document.where(unwritten), f"{_dotted(unwritten)}: {lacking[1]}", fault.instead)
    key, _, _ = fault.what.partition(":")
    if key.startswith("comparison."):
        return replace(fault, where=document.where(key.split(".")))
    return fault


def _item(data: Mapping[str, Any], column: str) -> tuple[tuple[str | int, ...], str] | None:
    """Return where an instrument's item that a column is read for stands, and what to write; None where it is none."""
    declared = data.get("implementation")
    if not isinstance(declared, dict):
        return None
    if isinstance(items := declared.get("items"), dict) and column in items:
        return ("implementation", "items", column), ""
    if declared.get("instrument") is None:
        return None
    near = f"name the column of this item: columns: {{{column}: YOUR_COLUMN}}"
    return ("implementation", "columns" if "columns" in declared else "instrument"), near


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path if not isinstance(part, int))


def _columns(path: tuple[str | int, ...], value: Any) -> tuple[Any, ...]:
    """Return the column that a scalar may name: itself, and in `strata` the one that is cut."""
    return (value, *(strata_columns([value]) if "strata" in path and isinstance(value, str) else ()))


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the scalars of nested plain values, each with its keys."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in inner:
            yield from _leaves(one, (*path, key))
    else:
        yield path, value
