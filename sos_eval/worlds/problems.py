"""What two keys of a world say against each other, found before anything is drawn."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Problem"]


class Problem(NamedTuple):
    """One contradiction: the key it stands at, what is wrong, and what to write instead."""

    path: tuple[str | int, ...]
    what: str
    instead: str = ""
