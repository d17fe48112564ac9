"""Uniform bands: which rows are read together, and the critical value that holds for all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.bands import Critical, enough_draws, pointwise, sup_t
from sos_eval.panel.panel import Array
from sos_eval.results.doses import doses_told

__all__ = ["Bands", "families", "joint_bands", "normal_bands"]

#: Aggregations whose rows are read together, as a curve or a table, and so get a band.
_JOINT = ("group_time", "event_time", "cohort", "calendar")
_DOSE = "dose"
#: Rows that differ in these are not read together.
_APART = ("estimand", "scale")


@dataclass(frozen=True, slots=True)
class Bands:
    """Critical value of each row's uniform band, (m,), why some have none, (m,), and what to tell about them."""

    critical: Array
    reasons: list[str]
    facts: dict[str, Any]

    def explained(self, reasons: list[str] | None) -> list[str]:
        """Put why there is no band beside what else is said of each row."""
        return ["; ".join(filter(None, both)) for both in zip(reasons or self.reasons, self.reasons, strict=True)]


def families(cells: pd.DataFrame, usable: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield the rows that get one band together: an aggregation, without its plain average; a curve over doses."""
    at_dose = np.isfinite(doses_told(cells))
    named = np.where(at_dose, _DOSE, cells["aggregation"].to_numpy(object))
    keyed = ~np.isnan(cells[["cohort", "time", "event_time"]].to_numpy(float)).all(1)
    joint = np.flatnonzero(usable & (at_dose | (keyed & np.isin(named, _JOINT))))
    subgroup = np.where(at_dose, "", cells["subgroup"].to_numpy(object))
    others = [column[joint].tolist() for column in (*(cells[name].to_numpy(object) for name in _APART), subgroup)]
    together: dict[tuple[Any, ...], list[int]] = {}
    for row, *of_row in zip(joint.tolist(), named[joint].tolist(), *others, strict=True):
        together.setdefault(tuple(of_row), []).append(row)
    for key, rows in together.items():
        yield str(key[0]), np.array(rows, dtype=np.intp)


def joint_bands(
    cells: pd.DataFrame,
    usable: NDArray[np.bool_],
    simulate: Callable[[NDArray[np.intp]], Critical],
    *,
    level: float,
    draws: int,
    df: float = np.inf,
) -> Bands:
    """Find the critical value of every family of rows.

    One row has its own interval. A simulated value below that of a single row is one by chance: the single row's is
    taken, and both are told.

    Parameters
    ----------
    usable : (m,)
        Rows with an error.
    simulate
        Returns the critical value of some rows from `draws` draws.
    """
    critical, reasons = np.full(len(cells), np.nan), [""] * len(cells)
    told: dict[str, Any] = {}
    least = pointwise(level, df)
    for name, rows in families(cells, usable):
        if len(rows) > 1 and not enough_draws(draws, level):
            for row in rows:
                reasons[row] = f"no band: {draws} draws are too few for a quantile at level {level:g}"
            continue
        found = simulate(rows) if len(rows) > 1 else Critical(least, 0.0)
        critical[rows] = max(found.value, least)
        fact = {"rows": len(rows), "critical": max(found.value, least), "monte_carlo_error": found.monte_carlo_error}
        told.setdefault(name, []).append(fact | ({"simulated": found.value} if found.value < least else {}))
    return Bands(critical, reasons, told)


def normal_bands(
    cells: pd.DataFrame,
    scores: Array,
    usable: NDArray[np.bool_],
    *,
    level: float,
    draws: int,
    rng: np.random.Generator,
    df: float = np.inf,
) -> Bands:
    """Sup-t critical values per aggregation from the correlation of the estimates.

    Parameters
    ----------
    scores : (n_clusters, m)
        See `cluster_scores`; on any scale, as only their correlation counts.
    usable : (m,)
        Rows with an error.
    """

    def simulate(rows: NDArray[np.intp]) -> Critical:
        own = scores[:, rows]
        products = own.T @ own
        size = np.sqrt(np.diag(products))
        return sup_t(products / np.outer(size, size), level=level, draws=draws, rng=rng, df=df)

    return joint_bands(cells, usable, simulate, level=level, draws=draws, df=df)
