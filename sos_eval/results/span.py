"""Whether sums over sets of units, taken together, are a sum over a few of these units."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

__all__ = ["tells_of_few"]

Array = NDArray[np.float64]
Names = frozenset[str]
Places = NDArray[np.intp]

_ZERO = 1e-8
#: Combinations of units that are tried; where there are more, they are taken to tell.
_MOST = 20_000


def tells_of_few(sets: Collection[Names], fewest: int) -> bool:
    """Say whether some combination of the sums over sets holds fewer units than may be told, and some.

    A combination that holds only some units lies in the span of the sets and in that of these units: the part of the
    projection on the sets that belongs to the units then has an eigenvalue of one.

    Examples
    --------
    >>> whole, six = frozenset("ABCDEFG"), [frozenset("ABC"), frozenset("ADE")]
    >>> tells_of_few([whole, *six], 3), tells_of_few([whole, *six, frozenset("BCDE")], 3)
    (False, True)
    """
    different = list(dict.fromkeys(one for one in sets if one))
    if not different:
        return False
    names = sorted(frozenset().union(*different))
    held = np.array([[name in one for name in names] for one in different], float)
    columns, sizes = np.unique(held, axis=1, return_counts=True)  # units that all sets hold alike stay together
    small = np.flatnonzero(sizes < fewest)
    if sum(comb(len(small), number) for number in range(1, fewest)) > _MOST:
        return True
    projection = _on_span(columns * np.sqrt(sizes))
    return any(_inside(projection, some) for some in _few(small, sizes, fewest))


def _on_span(rows: Array) -> Array:
    """Return the projection on the span of rows."""
    _, size, across = np.linalg.svd(rows, full_matrices=False)
    basis = across[size > _ZERO * size.max()]
    return np.asarray(basis.T @ basis)


def _few(small: Places, sizes: Places, fewest: int) -> Iterator[Places]:
    """Yield the groups of so many parts whose units are together fewer than may be told, (n_groups, number)."""
    for number in range(1, fewest):
        groups = np.array(list(combinations(small.tolist(), number)), np.intp).reshape(-1, number)
        groups = groups[sizes[groups].sum(1) < fewest]
        if len(groups):
            yield groups


def _inside(projection: Array, groups: Places) -> bool:
    """Whether the span holds a sum over one of the groups alone."""
    parts = projection[groups[:, :, None], groups[:, None, :]]
    return bool((np.linalg.eigvalsh(parts)[:, -1] > 1 - _ZERO).any())
