"""What two keys of a world say against each other, found before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Problem", "under"]


class Problem(NamedTuple):
    """One contradiction: the key it stands at, what is wrong, and what to write instead."""

    path: tuple[str | int, ...]
    what: str
    instead: str = ""


def under(key: str | int, problems: Iterator[Problem]) -> Iterator[Problem]:
    """Put problems under a key."""
    for problem in problems:
        yield problem._replace(path=(key, *problem.path))
