"""Faults found while data are read, sent to the line of the design that names what is at fault."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sos_eval.declare import Document
from sos_eval.errors import Fault, InputFault

__all__ = ["at_its_key"]


@contextmanager
def at_its_key(document: Document, covariates: Collection[str]) -> Iterator[None]:
    """Send faults of the comparison group, and of columns that it or inference names, to their line of the design.

    Parameters
    ----------
    covariates
        Those that the panel section declares: faults of theirs stand at its line already.
    """
    try:
        yield
    except InputFault as error:
        raise type(error)(_sent(document, covariates, fault) for fault in error.faults) from error


def _sent(document: Document, covariates: Collection[str], fault: Fault) -> Fault:
    """Return a fault with the design's line and key, where those are what has to be changed."""
    lacking = re.fullmatch(r'panel\.covariates: (.* has no column "(.*)")', fault.what)
    if lacking and lacking[2] not in covariates:
        for path, value in _leaves(document.data):
            if value == lacking[2] and path[0] != "panel":
                key = ".".join(str(part) for part in path if not isinstance(part, int))
                return Fault(document.where(path), f"{key}: {lacking[1]}", fault.instead)
    key, _, _ = fault.what.partition(":")
    if key.startswith("comparison."):
        return replace(fault, where=document.where(key.split(".")))
    return fault


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the scalars of nested plain values, each with its keys."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in inner:
            yield from _leaves(one, (*path, key))
    else:
        yield path, value
