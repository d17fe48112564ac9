"""The counts that counts tell of: the rest of their denominators, what is new in counts that grow, and parts.

Each holds of counts as a whole, a few exceptions apart (a typing error, a revision, counts that begin anew each year):
one odd cell says nothing of the others. What an exception itself tells of is not known, NaN.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["at_scale", "grows", "made_of", "one_way"]

Array = NDArray[np.float64]

#: Fewer than such a share of differences may point the other way.
_EXCEPTIONS = 0.25
#: What denominators may be written in: thousands, say.
_SCALES = 10.0 ** np.arange(7)
_DECIMALS = 6


def one_way(gaps: Array) -> bool:
    """Say whether differences are above zero, but for fewer than a quarter; NaN and zero are neither.

    Examples
    --------
    >>> one_way(np.array([2.0, 0.0, np.nan])), one_way(np.array([2.0, 1, 3, 4, -1])), one_way(np.array([2.0, -1]))
    (True, True, False)
    """
    above, below = int((gaps > 0).sum()), int((gaps < 0).sum())
    return above > 0 and below < _EXCEPTIONS * (above + below)


def at_scale(most: Array, counts: Array) -> Array:
    """Return denominators as whole numbers: times the least power of ten that counts do not exceed, exceptions apart.

    Examples
    --------
    >>> at_scale(np.array([0.7, 1.2]), np.array([698.0, 30])), at_scale(np.array([700.0, 20]), np.array([698.0, 20]))
    (array([ 700., 1200.]), array([700.,  20.]))
    """
    known = np.isfinite(most) & np.isfinite(counts)
    enough = (one for one in _SCALES if (one * most < counts)[known].sum() < _EXCEPTIONS * known.sum())
    return np.round(next(enough, 1.0) * most, _DECIMALS)


def grows(changes: Array) -> bool:
    """Say whether counts only grow, (n_units, n_times) of changes, periods apart in which nearly all begin anew.

    Examples
    --------
    >>> grows(np.array([[3.0, -9, 2], [4, -7, 5]])), grows(np.array([[3.0, -9, 2], [-4, 7, -5]]))
    (True, False)
    """
    return one_way(changes[:, ~_anew(changes)])


def made_of(counts: Mapping[str, Array], most: Mapping[str, Array], *, growing: bool) -> list[Mapping[str, Array]]:
    """Return counts by unit and period, and the counts that these tell of.

    Parameters
    ----------
    counts, most
        By unit, (n_times,): NaN where not known, infinite where a value stands in place of counts, which tell of
        none; their denominators.
    growing
        Whether they may be counts that grow.
    """
    made, known = [counts], np.array([*counts.values()])
    if not np.isfinite(known).any() or np.isposinf(known).any():
        return made
    whole = at_scale(np.array([most[name] for name in counts]), known)
    rest, new = whole - known, np.diff(known, axis=1, prepend=np.nan)
    if one_way(rest):
        made.append(_of_units(counts, rest))
    if growing and grows(new):
        made.append(_of_units(counts, np.where(_anew(new), np.nan, new)))
    return made


def _anew(changes: Array) -> NDArray[np.bool_]:
    """Say in which periods nearly all counts fall, (n_times,): they begin anew."""
    return np.array([one_way(-one) for one in changes.T], bool)


def _of_units(names: Mapping[str, Array], cells: Array) -> dict[str, Array]:
    """Return cells by unit, NaN for exceptions."""
    return dict(zip(names, np.where(cells < 0, np.nan, cells), strict=True))
