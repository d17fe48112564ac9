"""What each inference is called in the column `inference`, so that two of a method are told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace

from sos_eval.results.inference import InferenceMethod
from sos_eval.results.method import registered

__all__ = ["id_problems", "named"]

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,59}")


def named(methods: Sequence[InferenceMethod], declared: Sequence[InferenceMethod] = ()) -> tuple[InferenceMethod, ...]:
    """Give every method its id: its own, else the bare name for the first of a method, else what differs from that.

    Adding an entry at the end renames none.

    Parameters
    ----------
    methods
        In the order in which they are reported.
    declared
        In the order of the design; these are named before what a rule has put in front of them.
    """
    place = list(declared).index
    order = sorted((one for one in methods if one in declared), key=place)
    order += [one for one in methods if one not in declared]
    first: dict[str, InferenceMethod] = {}
    taken: set[str] = {method.id for method in order if method.id}
    names: list[tuple[InferenceMethod, str]] = []
    for method in order:
        if method.id:
            names.append((method, method.id))
            continue
        leader = first.setdefault(method.name, method)
        name = method.name if leader is method else _told_apart(method, leader)
        if name in taken:
            name = next(f"{name}:{k}" for k in range(2, len(order) + 2) if f"{name}:{k}" not in taken)
        taken.add(name)
        names.append((method, name))
    called = {id(one): name for one, name in names}
    return tuple(
        method if called[id(method)] == method.key else replace(method, id=called[id(method)]) for method in methods
    )


def id_problems(methods: Sequence[InferenceMethod]) -> list[tuple[int, str, str]]:
    """List ids that name no file, that a method has of itself, or of which two are the same.

    Returns
    -------
    list of (position, what is wrong, what to write)
    """
    problems: list[tuple[int, str, str]] = []
    seen: set[str] = set()
    for place, method in enumerate(methods):
        name = method.id
        if name and not _ID.fullmatch(name):
            problems.append((place, f"id {name!r} is no name", "write at most 60 letters, digits, _ - . + ="))
        elif re.split("[-:]", name)[0] in registered("inference"):
            what = f"id {name!r} begins as the name that a method has of itself"
            problems.append((place, what, "give it a word of your own"))
        if name and name.casefold() in seen:
            problems.append((place, f"two entries are called {name!r}", "give each an id of its own"))
        seen |= {name.casefold()} if name else set()
    return problems


def _told_apart(method: InferenceMethod, leader: InferenceMethod) -> str:
    """Return ``randomization:coefficient``: the options in which a method differs from the first of its name."""
    parts = []
    for option in fields(method):
        value = getattr(method, option.name)
        if option.name == "id" or value == getattr(leader, option.name):
            continue
        text = "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
        parts.append(text if isinstance(value, str) else f"{option.name}={text or 'none'}")
    return ":".join([method.name, *parts]) if parts else method.name
