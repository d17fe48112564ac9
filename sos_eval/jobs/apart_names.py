"""Names of results of a check that a design declares several times: by what differs from the first declaration."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sos_eval.results.check import ENTRY, Check, CheckResult

__all__ = ["told_apart"]

#: Characters of an option's value that a name holds.
LONGEST = 40


def told_apart(
    checks: Sequence[Check], place: int, results: Sequence[CheckResult], known: Collection[str]
) -> list[CheckResult]:
    """Return results of a declared check under names of their own.

    A name that an earlier declaration has already is followed by ``@`` and the options in which they differ:
    ``honest_did.smoothness@target_1``.

    Parameters
    ----------
    checks
        All that are declared.
    place
        Which of them the results are of.
    known
        Names that results of the same estimate have.
    """
    alike = [one for one in checks[:place] if one.name == checks[place].name]
    rivals = [one for one in alike if not {result.name for result in results}.isdisjoint(known)]
    if not rivals:
        return list(results)
    suffix = _differs(checks[place], rivals[0])
    taken = [f"{result.name}{ENTRY}{suffix}" in known for result in results]
    suffix = f"{suffix}_{len(alike) + 1}".strip("_") if any(taken) or not suffix else suffix
    return [replace(one, name=f"{one.name}{ENTRY}{suffix}" if one.name in known else one.name) for one in results]


def _differs(own: Check, first: Check) -> str:
    """Return the options that differ, as ``option_value``."""
    said = []
    for one in fields(own):  # type: ignore[arg-type]
        mine = getattr(own, one.name)
        if mine != getattr(first, one.name):
            said.append(f"{one.name} {_shown(mine)}")
    return re.sub(r"[^A-Za-z0-9-]+", "_", " ".join(said)).strip("_")[:LONGEST].strip("_")


def _shown(value: Any) -> str:
    """Return an option's value in the design's own words: a label where it has one, what is declared of a block."""
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_shown(item)}" for key, item in value.items())
    if isinstance(value, Sequence | Set) and not isinstance(value, str):
        return " ".join(map(_shown, value))
    if isinstance(words := getattr(value, "words", None), str):
        return words
    if is_dataclass(value):
        named = {one.name: getattr(value, one.name) for one in fields(value)}
        return _shown({name: item for name, item in named.items() if item})
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
