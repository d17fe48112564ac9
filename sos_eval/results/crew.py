"""Who makes many estimates: this process, or several. What they make does not depend on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

__all__ = ["ALONE", "Alone", "Crew"]


class Crew(Protocol):
    """Does one piece of work after another, anywhere, and hands the answers over in the order of the pieces."""

    def work(self, piece: Callable[[Any], Any], pieces: Sequence[Any], sizes: Sequence[int]) -> Iterator[Any]:
        """Yield ``piece(p)`` for every one of the pieces; sizes say how many estimates each is."""


class Alone:
    """Nobody but this process."""

    def work(self, piece: Callable[[Any], Any], pieces: Sequence[Any], sizes: Sequence[int]) -> Iterator[Any]:
        """Yield the answers."""
        yield from map(piece, pieces)


ALONE = Alone()
