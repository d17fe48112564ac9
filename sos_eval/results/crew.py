"""Who makes many estimates: this process, or several. What they make does not depend on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

__all__ = ["ALONE", "Alone", "Crew"]


class Crew(Protocol):
    """Does one piece of work after another, anywhere, and hands the answers over in the order of the pieces."""

    def work(self, piece: Callable[[Any], Any], pieces: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        """Return ``piece(p)`` for every one of the pieces; sizes say how many estimates each is."""


class Alone:
    """Nobody but this process."""

    def work(self, piece: Callable[[Any], Any], pieces: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        """Return the answers."""
        return [piece(given) for given in pieces]


ALONE = Alone()
