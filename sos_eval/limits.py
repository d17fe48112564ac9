"""How much a file may hold, how deep it nests, how long a database takes. Raised by options, never by a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

__all__ = ["FileLimits", "limits", "raised"]


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What readers refuse to go beyond.

    Attributes
    ----------
    table_bytes
        Of a table once it is unpacked (csv.gz, xlsx, parquet).
    text_bytes
        Of a declaration or a JSON file.
    depth
        Mappings and lists within one another.
    values
        Values of a declaration once its aliases are followed.
    seconds
        That a database may take to answer: views compute what they like.
    """

    table_bytes: int = 4 * 2**30
    text_bytes: int = 4 * 2**20
    depth: int = 50
    values: int = 100_000
    seconds: int = 15


_DEFAULT = FileLimits()
_LIMITS: ContextVar[FileLimits] = ContextVar("limits")


def limits() -> FileLimits:
    """Return the limits in force."""
    return _LIMITS.get(_DEFAULT)


@contextmanager
def raised(*, size: int | None = None, depth: int | None = None, seconds: int | None = None) -> Iterator[None]:
    """Put other limits in force for a while; None leaves one as it is."""
    given = limits()
    if size is not None:
        given = replace(given, table_bytes=size, text_bytes=size, values=max(given.values, size // 20))
    changes = {"depth": depth, "seconds": seconds}
    token = _LIMITS.set(replace(given, **{name: value for name, value in changes.items() if value is not None}))
    try:
        yield
    finally:
        _LIMITS.reset(token)
