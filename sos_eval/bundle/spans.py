"""What shown averages of effects by cohort and period give back together: a question of ranks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["hold_until_closed"]

_ZERO = 1e-8

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def hold_until_closed(rows: pd.DataFrame, held: Flags, fewest: int) -> Flags:
    """Hold back as many more rows as it takes that none on few units follows from those that are shown.

    Averages by event time, calendar time and cohort are sums over the same effects by cohort and period, those by event
    time before the start too. Those shown
    give a sum over a few cohorts back exactly where, without the columns of these cohorts, they lose rank. The row on
    the fewest treated units goes first, the overall effect last.

    Parameters
    ----------
    rows
        Of one estimator, outcome, inference, scale and subgroup, in the columns of `estimates.csv`.
    held : (n_rows,)
        Those that are held back already.
    fewest
        Fewest units of a result.
    """
    kind, event = rows["aggregation"].to_numpy(object), rows["event_time"].to_numpy(float)
    cells = np.flatnonzero((kind == "group_time") & np.isfinite(event))
    sums = _sums(rows, cells, event[cells] >= 0)
    total = rows["n_treated_units"].to_numpy(float) + 1e9 * (kind == "overall")
    hidden = list(_hidden(rows, cells, fewest))
    out = held.copy()
    while (shown := np.flatnonzero(~out & sums.any(1))).size:
        telling = np.logical_or.reduce([_telling(sums[shown], one) for one in hidden], initial=False)
        if not telling.any():
            break
        held_next = shown[telling]
        out[held_next[np.argmin(total[held_next])]] = True
    return out


def _telling(sums: Array, hidden: Flags) -> Flags:
    """Say which sums (r, c) take part in a combination of the hidden cells (c,) alone, (r,)."""
    left, size, _ = np.linalg.svd(sums[:, ~hidden], full_matrices=True)
    rank = int((size > _ZERO * max(size.max(initial=0.0), 1.0)).sum())
    without = left[:, rank:]  # combinations that hold no other cell
    ways, of_hidden, _ = np.linalg.svd(without.T @ sums[:, hidden], full_matrices=False)
    telling = without @ ways[:, of_hidden > _ZERO]
    return np.asarray((np.abs(telling) > _ZERO).any(1))


def _hidden(rows: pd.DataFrame, cells: NDArray[np.intp], fewest: int) -> Iterator[Flags]:
    """Yield the sets of cells whose results may not be known: cohorts of few units together, and few compared with."""
    table = rows.iloc[cells]
    treated, cohort = table["n_treated_units"].to_numpy(float), table["cohort"].to_numpy()
    sizes = {one: treated[cohort == one].max() for one in dict.fromkeys(cohort)}
    for number in range(1, fewest):
        for some in combinations(sizes, number):
            if sum(sizes[one] for one in some) < fewest:
                yield np.isin(cohort, some)
    others = table["n_units"].to_numpy(float) - treated
    for k in np.flatnonzero((treated < fewest) | ((others > 0) & (others < fewest))):
        yield np.arange(len(cells)) == k


def _sums(rows: pd.DataFrame, cells: NDArray[np.intp], after: Flags) -> Array:
    """Return every row of effects as a sum over cells, (n_rows, c); all but leads over those `after` the start."""
    kind = rows["aggregation"].to_numpy(object)
    keys = {name: rows[name].to_numpy() for name in ("cohort", "time", "event_time")}
    n = rows["n_treated_units"].to_numpy(float)[cells]
    out = np.zeros((len(rows), len(cells)))
    out[cells, np.arange(len(cells))] = 1.0
    by = {"event_time": "event_time", "calendar": "time", "cohort": "cohort"}
    parts = {name: _parts(keys[key][cells], None if name == "cohort" else n, after) for name, key in by.items()}
    leads = _parts(keys["event_time"][cells], n, ~after)
    for k in np.flatnonzero(kind != "group_time"):
        name = str(kind[k])
        key = keys[by[name]][k] if name in by else None
        if name in by and not pd.isna(key) and key != "":
            out[k] = parts[name].get(key, leads.get(key, 0.0) if name == "event_time" else 0.0)
        elif name in by and after.any():
            out[k] = np.mean(list(parts[name].values()), axis=0)
        elif name == "simple":
            out[k] = np.where(after, n, 0.0)
        elif name == "overall":
            of = keys["cohort"][cells]
            out[k] = sum((n[of == one].max() * part for one, part in parts["cohort"].items()), np.zeros(len(cells)))
    size = np.abs(out).sum(1, keepdims=True)
    return np.asarray(np.divide(out, size, out=np.zeros_like(out), where=size > 0))


def _parts(keys: NDArray[np.object_], n: Array | None, used: Flags) -> dict[object, Array]:
    """Return the average over the cells of each key, of those that are used."""
    weight = np.where(used, 1.0 if n is None else n, 0.0)
    return {one: np.where(keys == one, weight, 0.0) / weight[keys == one].sum() for one in dict.fromkeys(keys[used])}
