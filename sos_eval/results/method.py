"""The small base class of every method, and the registry that YAML, `list` and the docs read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any, ClassVar, TypeVar

from sos_eval.declare import Declared
from sos_eval.errors import Fault, InputFault, nearest

__all__ = ["ROOMS", "Method", "lookup", "register", "registered", "summary"]

#: Kind of method -> the room that holds it. A room registers its methods when it is first asked for, so
#: this table is the one place where floor 3 names floor 4 (as text: nothing is imported until it is needed).
ROOMS = {
    "estimator": "sos_eval.estimators",
    "comparison": "sos_eval.comparison",
    "inference": "sos_eval.inference",
    "check": "sos_eval.checks",
    "discovery": "sos_eval.theory",
    "figure": "sos_eval.report.figures",
    "table": "sos_eval.report.tables",
}

_REGISTRY: dict[str, dict[str, Any]] = {kind: {} for kind in ROOMS}

M = TypeVar("M")


class Method(Declared):
    """A declared method: a frozen dataclass whose fields are its YAML keys."""

    kind: ClassVar[str]
    name: ClassVar[str]
    reference: ClassVar[str] = ""
    """The paper, in a few words."""
    label: ClassVar[str] = ""
    """Words for figures and reports; the name's own where a class gives none."""


def register(name: str, *, kind: str | None = None) -> Callable[[M], M]:
    """Enter a class (or, for figures and tables, a function) under its name in the contract."""

    def enter(method: M) -> M:
        room = kind or method.kind  # type: ignore[attr-defined]
        _REGISTRY[room][name] = method
        if isinstance(method, type):
            method.name = name  # type: ignore[attr-defined]
            if "label" not in vars(method):
                method.label = name.replace("_", " ")  # type: ignore[attr-defined]
        return method

    return enter


def registered(kind: str) -> dict[str, Any]:
    """Return all methods of a kind by name, sorted."""
    import_module(ROOMS[kind])
    return dict(sorted(_REGISTRY[kind].items()))


def lookup(kind: str, name: str, where: str = "", key: str = "method") -> Any:
    """Return a method by name.

    Raises
    ------
    InputFault
        There is no such method; the nearest is named.
    """
    methods = registered(kind)
    if name not in methods:
        raise InputFault(Fault(where, f"{key}: no {kind} is called {name!r}", nearest(name, methods)))
    return methods[name]


def summary(method: Any) -> str:
    """Return the first line of a method's docstring."""
    return (method.__doc__ or "").strip().split("\n")[0]


def options(method: Any) -> dict[str, Any]:
    """Return a method object's fields and values, as they go into a resolved design."""
    if not is_dataclass(method) or isinstance(method, type):
        return {}
    return {f.name: getattr(method, f.name) for f in fields(method)}
