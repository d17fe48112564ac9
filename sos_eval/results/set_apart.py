"""Units that covariates set apart: an estimate that adjusts for what few others have no longer rests on these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["SetApart"]

Names = frozenset[str]
Array = NDArray[np.float64]
Ranking = tuple[tuple[str, ...], Array]

#: Covariates are of few units where these have so much of the squares by which units differ from the usual one.
_MOST = 0.99
#: What is left of a side when few are taken out entirely.
_ALL = 1 - 1e-9
_CLOSE = 1e-9
_DECIMALS = 9
#: So many groups of units are looked at together, from three on among those that the covariates are of most.
_TOGETHER = 4
_TRIED = 12


@dataclass(frozen=True, slots=True, eq=False)
class SetApart:
    """Whom the covariates that an estimate adjusts for set apart.

    Attributes
    ----------
    rankings
        For each covariate (a category's levels each), side and period, and for its changes: the units by how far they
        are from the usual one, squared, and what share the first of them have together. For all covariates together,
        and for their changes, few units that some sum of them is of, and how much of its squares they have.
    of_all
        How many of these are of all units, not of one side: what few of these have is taken out of any estimate.
    """

    rankings: tuple[Ranking, ...] = ()
    of_all: int = 0

    @classmethod
    def by(cls, frame: pd.DataFrame, covariates: Iterable[str], sides: Iterable[Names]) -> Self:
        """Return whom some covariates set apart among all units and on each of some sides.

        Parameters
        ----------
        frame
            The rows of a panel; where several are of one unit and period their mean counts.
        """
        columns = [_columns(frame[name], name) for name in covariates if name in frame]
        if not columns:
            return cls()
        rows = frame[["unit", "time"]].astype({"unit": str})
        table = pd.concat([rows, *columns], axis=1)
        own_names = [name for one in columns for name in one]
        wide = [table.pivot_table(name, "unit", "time", dropna=False, observed=True) for name in own_names]
        cells, units = np.array(wide), wide[0].index
        found: dict[tuple[object, ...], Ranking] = {}
        of_all = 0
        for own in (np.ones(len(units), bool), *(np.isin(units, sorted(side)) for side in sides)):
            alone = (_ranked(units[own], squares) for squares in _squares(cells[:, own]))
            both = np.concatenate([cells[:, own], _changes(cells[:, own])], axis=2)
            together = (one for t in range(both.shape[2]) for one in _together(units[own], both[..., t]))
            for names, shares in (*alone, *together):
                found.setdefault((names, tuple(shares.round(12))), (names, shares))
            of_all = of_all or len(found)
        return cls(tuple(found.values()), of_all)

    def few(self, fewest: int) -> Names:
        """Return the units that are set apart, nearly or entirely, by fewer than may be told of."""
        return _first(self.rankings, fewest, _MOST)

    def taken_out(self, fewest: int) -> Names:
        """Return those that are entirely, among all units: nothing is left of these whatever the method."""
        return _first(self.rankings[: self.of_all], fewest, _ALL)


def _first(rankings: Iterable[Ranking], fewest: int, least: float) -> Names:
    """Return the first units of each ranking that have so much of the squares, where these are fewer."""
    found = ((names, shares, int(np.searchsorted(shares, least)) + 1) for names, shares in rankings)
    return frozenset(name for names, shares, n in found if n < min(fewest, len(shares) + 1) for name in names[:n])


def _columns(column: pd.Series, name: str) -> pd.DataFrame:
    """Return a covariate as numbers: a category's levels in a column each."""
    if pd.api.types.is_numeric_dtype(column):
        return pd.DataFrame({f"{name}=": column.astype(float)})
    levels = pd.get_dummies(column.astype(str), dtype=float)
    return levels.add_prefix(f"{name}=")


def _squares(columns: Array) -> Iterator[Array]:
    """Yield how far units are from the usual one, squared, (n_units,): in each period, and of their changes.

    Parameters
    ----------
    columns : (n_columns, n_units, n_times)
    """
    for column in columns:
        yield from map(_from_usual, column.T)
        scale = np.nanmax(np.abs(column), initial=0.0)
        within = column - pd.DataFrame(column).mean(axis=1).to_numpy()[:, None]
        yield np.sum([_from_usual(values, scale) for values in within.T], axis=0)


def _changes(columns: Array) -> Array:
    """Return how far units are from their own means, (n_columns, n_units, n_times); none where that is rounding."""
    moved = columns - columns.mean(axis=2, keepdims=True)
    least = _CLOSE * np.nanmax(np.abs(columns), axis=(1, 2), initial=0.0)
    return np.where(np.abs(moved) <= least[:, None, None], 0.0, moved)


def _from_usual(values: Array, scale: float = 0.0) -> Array:
    """Return squared distances from the median that some unit has; none of what is no number, or rounding of it."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    usual = np.sort(values[known])[known.sum() // 2]
    gaps = np.where(known, values - usual, 0.0)
    return np.where(np.abs(gaps) > _CLOSE * max(np.abs(values[known]).max(), scale), gaps, 0.0) ** 2


def _together(units: pd.Index, columns: Array) -> Iterator[Ranking]:
    """Yield few units that have nearly all squares of some sum of covariates, (n_columns, n_units).

    What is of some units in the span of the covariates and a constant is an eigenvalue of their part of its projection.
    Units that all covariates hold alike stay together: one or two such groups are looked at, and as many more of those
    that the span is of most as can be tried.
    """
    known = np.asarray(np.isfinite(columns).all(axis=0), bool)
    names, held = units[known].astype(str), np.column_stack([np.ones(known.sum()), columns[:, known].T])
    size = np.abs(held).max(axis=0, initial=0.0)
    held, group, sizes = np.unique(
        np.round(held[:, size > 0] / size[size > 0], _DECIMALS), axis=0, return_inverse=True, return_counts=True
    )
    left, values, _ = np.linalg.svd(held * np.sqrt(sizes)[:, None], full_matrices=False)
    span = left[:, values > _CLOSE * values.max(initial=0.0)]
    projection = span @ span.T
    own = np.diag(projection)
    found: list[tuple[int, ...]] = []
    for some in _some(own):
        share = float(np.linalg.eigvalsh(projection[np.ix_(some, some)])[-1])
        if share >= _MOST and not any({*one} <= {*some} for one in found):
            found.append(some)
            inside = tuple(names[np.isin(group.ravel(), some)])
            yield inside, np.append(np.zeros(len(inside) - 1), share)


def _some(own: Array) -> Iterator[tuple[int, ...]]:
    """Yield groups of units, smallest sets first, that may have nearly all squares of a sum: by what each has alone."""
    ranked = np.argsort(-own, kind="stable")
    for number in range(1, min(_TOGETHER, len(own) - 1) + 1):
        enough = [k for k in ranked.tolist() if own[k] + own[ranked[: number - 1]].sum() >= _MOST]
        for some in combinations(enough if number < 3 else enough[:_TRIED], number):
            if own[[*some]].sum() >= _MOST:
                yield some


def _ranked(units: pd.Index, squares: Array) -> Ranking:
    """Return units with the largest first and what share of the whole they have together; none where nobody differs."""
    order = [k for k in np.argsort(-squares, kind="stable") if squares[k] > 0]
    return tuple(units[order]), np.cumsum(squares[order]) / squares.sum() if order else np.zeros(0)
