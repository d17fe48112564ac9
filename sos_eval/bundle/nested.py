"""Outcomes that are part of another: both told, their difference is a third that nobody declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.withheld import carries
from sos_eval.panel.disclosure import Disclosure
from sos_eval.results.members import Members
from sos_eval.results.pinned import pins_down
from sos_eval.results.search import can_be_searched, is_part

__all__ = ["alike_outcomes", "nested_outcomes"]

Array = NDArray[np.float64]

_ROW = ["group", "cohort", "time"]


def nested_outcomes(paths: pd.DataFrame, behind: Sequence[Array], first: str, about: Disclosure) -> frozenset[str]:
    """Return the outcomes that are not told, for beside one that is their difference is a count that would be found.

    One is part of another where fewer than a quarter of its counts are above the other's.

    Parameters
    ----------
    paths, behind
        See `path_rows`.
    first
        The headline's outcome, which is told; the others in the order of the table.
    about
        What may leave.
    """
    rows: dict[str, dict[tuple[str, ...], Array]] = {}
    keys = paths[_ROW].astype(str).itertuples(index=False, name=None)
    for name, key, n, units in zip(paths["outcome"].astype(str), keys, paths["n_units"], behind, strict=True):
        of_outcome = rows.setdefault(name, {})
        if len(units) and n >= about.fewest:
            of_outcome[key] = units
    told: list[str] = []
    nested: list[str] = []
    for name in sorted(rows, key=lambda one: one != first):
        found = any(_difference_is_found(rows[name], rows[other], about.smallest) for other in told)
        (nested if found else told).append(name)
    return frozenset(nested)


def alike_outcomes(
    members: Mapping[tuple[str, str], Members], first: str, fewest: int, nested: Collection[str]
) -> frozenset[str]:
    """Return the outcomes that are one that is told but for few units: both told, their difference is of these alone.

    Parameters
    ----------
    members
        The units behind each estimate, by estimator and outcome.
    first
        The headline's outcome, which is told; the others in the order of the estimates.
    fewest
        Fewest units of a result.
    nested
        Outcomes that are not told already.
    """
    of_outcome = {name: one for (_, name), one in reversed([*members.items()])}
    told: list[str] = []
    alike: list[str] = []
    for name in sorted(dict.fromkeys(name for _, name in members), key=lambda one: one != first):
        if name not in nested:
            near = any(of_outcome[name].weighs_few_otherwise(of_outcome[other], fewest) for other in told)
            (alike if near else told).append(name)
    return frozenset(alike)


def _difference_is_found(
    mine: dict[tuple[str, ...], Array], theirs: dict[tuple[str, ...], Array], smallest: int
) -> bool:
    """Say whether one outcome is part of the other, and a small count of what is left would be found."""
    gaps = [_gap(mine[key], theirs[key]) for key in mine.keys() & theirs.keys()]
    left = np.concatenate([gap[:, 2] for gap in gaps]) if gaps else np.zeros(0)
    return is_part(left) and any(_is_found(gap[:, 1], np.abs(gap[:, 2]), smallest) for gap in gaps)


def _gap(mine: Array, theirs: Array) -> Array:
    """Return the units that both hold, in the form of `behind`, the difference of their counts in place of these."""
    counted = [units[np.isfinite(units[:, 2])] for units in (mine, theirs)]
    _, *places = np.intersect1d(counted[0][:, 0], counted[1][:, 0], assume_unique=True, return_indices=True)
    own, other = (units[place] for units, place in zip(counted, places, strict=True))
    return np.column_stack([own[:, :2], own[:, 2] - other[:, 2]])


def _is_found(adds: Array, counts: Array, smallest: int) -> bool:
    """Say whether a mean of counts would put one below the smallest that is shown, or leave it to be searched for."""
    return (
        can_be_searched(counts, smallest)
        or carries(adds, counts, smallest)
        or pins_down(adds[None], counts, smallest)
    )  # fmt: skip
