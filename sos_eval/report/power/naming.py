"""Names of lines and points in figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sos_eval.report.wording import minus_signs, plain_words

__all__ = ["key_words", "keys_named", "line_named", "point_named", "room_for"]


#: Swept keys that have words of their own.
_KNOWN = {"world.effect.size": "Declared effect", "world.adoption.treated": "Treated authorities"}


def key_words(key: str) -> str:
    """Say a swept key to a reader.

    Examples
    --------
    >>> key_words("world.effect.size"), key_words("world.outcome.unit_sd")
    ('Declared effect', 'Outcome, unit sd')
    """
    words = plain_words(", ".join(key.split(".")[-2:]))
    return _KNOWN.get(key, words[:1].upper() + words[1:])


def keys_named(row: Mapping[Any, Any], keys: Sequence[str]) -> str:
    """Say the values of swept keys: ``treated 10, size −2``."""
    return ", ".join(f"{name.split('.')[-1]} {_value(row[name])}" for name in keys)


def _value(value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return minus_signs(f"{value:g}" if number else str(value))


def point_named(row: Mapping[Any, Any], line: Sequence[str], keys: Sequence[str]) -> str:
    """Say which line of a figure a row is, and at which values of the swept keys."""
    swept = keys_named(row, keys)
    return line_named(tuple(row[name] for name in line)) + (f" ({swept})" if swept else "")


def room_for(labels: Iterable[str], *, slope: float = 1.0) -> float:
    """Return the margin in inches that the longest label takes, up to 3.6; sloping labels take a part of it."""
    return min(0.35 + slope * 0.068 * max(map(len, labels), default=0), 3.6)


def line_named(name: object) -> str:
    """Say the estimator, outcome and inference of a line."""
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)
