"""Rows that are the sum of some others: neighbours in a given order, or few among many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "subset_sums"]

Array = NDArray[np.float64]

#: Most rows among which neighbours, and a few of any, that add up are looked for.
MOST, _MOST_OF_FEW = 2_000, 400
_SAME = 1e-9


def subset_sums(
    values: Array, orders: Sequence[NDArray[np.intp]], asked: NDArray[np.bool_], alone: NDArray[np.bool_]
) -> dict[int, tuple[int, ...]]:
    """Find rows that are in every column the sum of two or more others.

    Neighbours in one of the orders are found however many they are. Others are found where they are few beside the
    columns: the least-squares weights of at least zero are then 0 and 1 alone. What both miss stays unfound.

    Parameters
    ----------
    values : (n, k)
        Zero or more.
    orders
        Permutations of the rows in which those that add up may stand side by side.
    asked : (n,)
        Rows that may be such a sum.
    alone : (n,)
        Those of them for which others than neighbours are looked for too: that takes milliseconds each.

    Returns
    -------
    dict
        Row to the rows that make it up.

    Examples
    --------
    >>> rows, every = np.array([[1.0, 5, 2], [3, 1, 7], [8, 2, 4], [9, 7, 6]]), np.ones(4, bool)
    >>> subset_sums(rows, [], every, every), subset_sums(rows, [np.array([3, 1, 0, 2])], every, ~every)
    ({3: (0, 2)}, {3: (0, 2)})
    """
    found: dict[int, tuple[int, ...]] = {}
    for order in orders if len(values) <= MOST else ():
        found |= {row: own for row, own in _of_neighbours(values, order) if asked[row] and row not in found}
    for row in np.flatnonzero(asked & alone) if len(values) <= _MOST_OF_FEW else ():
        own = () if int(row) in found else _of_few(values, int(row))
        found |= {int(row): own} if own else {}
    return dict(sorted(found.items()))


def _of_neighbours(values: Array, order: NDArray[np.intp]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Search runs by one number each, a weighted sum of the columns, and look at all columns where it agrees."""
    weights = 1 + np.sqrt(np.arange(2.0, values.shape[1] + 2)) % 1
    marks = values @ weights
    ranked = np.argsort(marks, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(marks[order])])
    first, last = np.triu_indices(len(sums), 2)
    run, near = sums[last] - sums[first], _SAME * sums[-1]
    low, high = (np.searchsorted(marks[ranked], run + step) for step in (-near, near))
    for k in np.flatnonzero(high > low):
        own = order[first[k] : last[k]]
        for row in ranked[low[k] : high[k]].tolist():
            if row not in own and _adds_up(values, row, own):
                yield row, tuple(sorted(own.tolist()))


def _of_few(values: Array, row: int) -> tuple[int, ...]:
    """Return the rows whose sum is one, where the weights that leave nothing over are 0 and 1."""
    from scipy.optimize import nnls

    others = np.flatnonzero((values <= values[row]).all(axis=1) & (np.arange(len(values)) != row) & values.any(axis=1))
    if len(others) < 2 or (values[others].sum(axis=0) < values[row] * (1 - _SAME)).any():
        return ()
    scale = np.where(values[row] > 0, values[row], 1.0)
    weights, left = nnls((values[others] / scale).T, np.where(values[row] > 0, 1.0, 0.0))
    own = others[weights > 0.5]
    return tuple(own.tolist()) if left < 1e-6 and _adds_up(values, row, own) else ()


def _adds_up(values: Array, row: int, own: NDArray[np.intp]) -> bool:
    """Whether two or more rows, none of them nothing, are another one in every column."""
    same = np.abs(values[own].sum(axis=0) - values[row]) <= _SAME * np.abs(values[row])
    return len(own) > 1 and bool(same.all()) and bool(values[own].any(axis=1).all())
