"""Names of lines and points in figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from sos_eval.report.theme import evenly, layout_width
from sos_eval.report.wording import minus_signs, plain_words
from sos_eval.results.method import registered

__all__ = [
    "key_words",
    "keys_named",
    "legend_columns",
    "line_named",
    "procedure_words",
    "room_for",
    "rows_named",
    "with_bounds",
]


#: Columns that are shares of draws.
_SHARES = ("power", "coverage", "share", "pass_rate")
#: Letters of a line of a label beside an axis.
_LONGEST = 40
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


def procedure_words(key: str, told: Mapping[str, str]) -> str:
    """Say a procedure: as the study was told, else by its method; one with checks needs these to pass too.

    Examples
    --------
    >>> procedure_words("analytic+checks", {}), procedure_words("randomization:coefficient", {})
    ('conventional cluster-robust, and no check fails', 'permutation of who was treated (coefficient)')
    """
    own = key.removesuffix("+checks")
    name, _, more = own.partition(":")
    method = registered("inference").get(name)
    said = told.get(own) or (own if method is None else str(method.label) + (f" ({plain_words(more)})" if more else ""))
    return f"{said}, and no check fails" if own != key else said


def rows_named(labels: Iterable[str]) -> tuple[list[str], float]:
    """Return labels in lines that the margin has room for, and the inches that a row takes."""
    broken = ["\n".join(evenly(label, _LONGEST)) for label in labels]
    return broken, 0.05 + 0.15 * max((label.count("\n") + 1 for label in broken), default=1)


def legend_columns(labels: Sequence[str]) -> int:
    """Return how many columns of a legend there is room for, up to three."""
    longest = max(map(len, labels), default=0)
    return min(max(int((layout_width() - 0.8) / (0.55 + 0.066 * longest)), 1), 3)


def with_bounds(cells: pd.DataFrame, table: pd.DataFrame, within: float) -> pd.DataFrame:
    """Return cells in which a share of none or all of the draws has a bound where its Monte Carlo error would be 0.

    Parameters
    ----------
    cells, table
        As a reader sees it, and its numbers; errors of ``x`` are in ``x_mcse``.
    within
        How far the true share may lie from such a one.
    """
    bound = f"not estimable: within {within:.2g}"
    edges = {
        f"{name}_mcse": table[name].isin([0.0, 1.0]) for name in _SHARES if name in table and f"{name}_mcse" in cells
    }
    return cells.assign(**{name: cells[name].astype(object).mask(edge, bound) for name, edge in edges.items()})


def room_for(labels: Iterable[str], *, slope: float = 1.0) -> float:
    """Return the margin in inches that the longest label takes, up to 3.6; sloping labels take a part of it."""
    lines = [line for label in labels for line in label.split("\n")]
    return min(0.35 + slope * 0.068 * max(map(len, lines), default=0), 3.6)


def line_named(name: object) -> str:
    """Say the estimator, outcome and inference of a line."""
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)
