"""Who could have been treated instead: strata, the number of assignments, and drawing or listing them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb, prod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DesignFault, nearest
from sos_eval.panel.own_names import CUT, MATCHED_ROWS, PARTS, in_parts
from sos_eval.panel.panel import Array, Panel

__all__ = [
    "FIXED",
    "MATCHED_ROWS",
    "MATCHED_SETS",
    "WHY_FIXED",
    "AssignmentSpace",
    "Assignments",
    "assignment_space",
    "drawn_within",
    "strata_columns",
    "stratified",
    "unusable_strata",
]

Codes = NDArray[np.intp]
#: Column of a panel whose comparison was written by hand: starts are swapped within it, whatever strata are declared,
#: and estimates carry its effects by period.
MATCHED_SETS = "matched_sets"
#: How the reasons begin that declared strata themselves give.
_UNUSABLE = "strata: "
NOBODY = "no unit is untreated or starts at another time, so nothing can swap"
ALONE = "no stratum holds both treated and untreated units (or units of different cohorts), so nothing can swap"
#: Why starts of matched rows of people are not swapped, and what to write.
FIXED = "rows of people are matched to the windows as they were, and no test swaps these"
WHY_FIXED = (
    f"{FIXED}: declare an estimator on the sets themselves beside it (comparison without people), whose randomization "
    "test is over authorities"
)


@dataclass(frozen=True, slots=True)
class Assignments:
    """Adoptions to estimate under.

    Attributes
    ----------
    first_treated : (draws, n_units)
        The observed adoption is not set apart: a complete list holds it once.
    complete
        Whether this is the list of all distinct assignments.
    """

    first_treated: Array
    complete: bool

    def with_observed(self, observed: Array) -> Array:
        """Return the observed adoption, (n_units,), and the others below it, (rows, n_units): it is there once."""
        others = self.first_treated
        if self.complete:
            others = others[(others != observed).any(1)]
        return np.vstack([observed, others])


@dataclass(frozen=True, slots=True)
class AssignmentSpace:
    """All ways to hand the observed starts to other units of the same stratum.

    Attributes
    ----------
    starts : (n_items,)
        Start of each item that is permuted: a unit, or a cluster of units that start together.
    stratum : (n_items,)
        Stratum code of each item.
    item : (n_units,)
        The item of each unit.
    names
        Stratum labels.
    """

    starts: Array
    stratum: Codes
    item: Codes
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of distinct assignments, an exact integer."""
        return prod(_arrangements(self.starts[self.stratum == s]) for s in range(len(self.names)))

    def table(self) -> list[dict[str, int | str]]:
        """Say for each stratum how many items it has and how many of them are treated."""
        return [
            {
                "stratum": name,
                "items": int((self.stratum == s).sum()),
                "treated": int(np.isfinite(self.starts[self.stratum == s]).sum()),
            }
            for s, name in enumerate(self.names)
        ]

    def draw(self, draws: int, rng: np.random.Generator) -> Assignments:
        """Draw assignments at random with replacement, or list all where they are no more than `draws`."""
        if self.size <= draws:
            return Assignments(self._listed()[:, self.item], complete=True)
        drawn = np.empty((draws, len(self.starts)))
        for s in range(len(self.names)):
            inside = np.flatnonzero(self.stratum == s)
            drawn[:, inside] = rng.permuted(np.broadcast_to(self.starts[inside], (draws, len(inside))), axis=1)
        return Assignments(drawn[:, self.item], complete=False)

    def _listed(self) -> Array:
        """List every distinct assignment, (size, n_items)."""
        members = [np.flatnonzero(self.stratum == s) for s in range(len(self.names))]
        within = [list(_distinct_orders(self.starts[inside])) for inside in members]
        listed = np.empty((self.size, len(self.starts)))
        for row, choice in zip(listed, product(*within), strict=True):
            for inside, order in zip(members, choice, strict=True):
                row[inside] = order
        return listed


def _arrangements(starts: Array) -> int:
    """Multinomial coefficient: distinct orders of a multiset."""
    left, ways = len(starts), 1
    for count in np.unique(starts, return_counts=True)[1]:
        ways *= comb(left, int(count))
        left -= int(count)
    return ways


def _distinct_orders(starts: Array) -> Iterator[Array]:
    """Yield every distinct order of a multiset once, by choosing positions for each value in turn."""
    values, counts = np.unique(starts, return_counts=True)

    def place(k: int, free: tuple[int, ...], order: Array) -> Iterator[Array]:
        if k == len(values) - 1:
            order[list(free)] = values[k]
            yield order.copy()
            return
        for chosen in combinations(free, int(counts[k])):
            order[list(chosen)] = values[k]
            yield from place(k + 1, tuple(i for i in free if i not in chosen), order)

    yield from place(0, tuple(range(len(starts))), np.empty(len(starts)))


def strata_columns(strata: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that strata name: the user's, and exposure, outcome, cluster and unit, which the panel has."""
    return tuple(dict.fromkeys(in_parts(name)[0] for name in strata))


def _more_than_a_start(panel: Panel) -> str:
    """Say what about treatment a permuted start does not describe; empty where it describes all."""
    if not panel.absorbing:
        return "treatment stops or switches for some units, which permuted starts cannot describe"
    if panel.partly_exposed:
        return "some periods count as partly exposed, which permuted starts cannot describe"
    if panel.transition_dropped:
        return "periods of transition are left out after the real starts only, not after permuted ones"
    return ""


def assignment_space(panel: Panel, strata: Sequence[str]) -> AssignmentSpace | str:
    """Lay out who can swap starts with whom.

    Parameters
    ----------
    panel
        The panel before the comparison group is built.
    strata
        Names: a column that is constant within units, or ``<name>_half``, ``_third``, ``_quarter``, ``_fifth``
        where the name is ``exposure``, ``outcome`` (means before the first start of anyone) or a numeric column.

    Returns
    -------
    AssignmentSpace or str
        The reason where treatment cannot be permuted.

    Raises
    ------
    DesignFault
        A stratum's column does not exist or is not numeric.
    """
    return _space(panel, drawn_within(panel, strata))


def drawn_within(panel: Panel, strata: Sequence[str]) -> tuple[str, ...]:
    """Return the strata within which starts are swapped: those declared, and matched sets that were written by hand."""
    return (*strata, MATCHED_SETS) if MATCHED_SETS in panel.frame else tuple(strata)


def _space(panel: Panel, strata: Sequence[str]) -> AssignmentSpace | str:
    """Lay out who can swap within some strata."""
    if why := _more_than_a_start(panel):
        return why
    item = _items(panel)
    starts = pd.Series(panel.first_treated).groupby(item)
    if not _constant(starts):
        return "units of one cluster start at different times, so that clusters cannot swap their starts"
    labels = [_stratum_labels(panel, name, item) for name in strata]
    missing = [name for name, label in zip(strata, labels, strict=True) if label is None]
    if missing:
        return f"{_UNUSABLE}{', '.join(missing)} is missing for some units, or differs within a cluster or unit"
    joined = pd.Series(list(zip(*labels, strict=True)) if labels else [("all",)] * (int(item.max()) + 1))
    codes, names = pd.factorize(joined.map(" / ".join), sort=True)
    own = np.asarray(starts.first().to_numpy(), dtype=np.float64)
    space = AssignmentSpace(own, np.asarray(codes, np.intp), item, tuple(map(str, names)))
    if space.size == 1:
        return ALONE if strata else NOBODY
    return space


def unusable_strata(panel: Panel, strata: Sequence[str], lots_of: str = "") -> str:
    """Say why declared strata are none to draw within; empty where they are, or where something else forbids a draw."""
    space = _space(panel.select(lots_of) if lots_of else panel, drawn_within(panel, strata)) if strata else ""
    return space if isinstance(space, str) and space.startswith((_UNUSABLE, ALONE)) else ""


def stratified(panel: Panel, strata: Sequence[str], lots_of: str = "") -> Panel:
    """Return the panel with each unit's stratum, so that estimates carry stratum-by-period effects.

    Starts that are drawn by stratum are analysed by stratum (Imbens and Rubin 2015, chapter 9; Bugni, Canay and Shaikh
    2018), those that are drawn within matched sets within these. Without either, or where treatment cannot be permuted
    within declared strata, the panel is returned as it is; matched sets stand also there. `lots_of` names the outcome
    by which strata are cut; the one in use unless given.
    """
    within = drawn_within(panel, strata)
    space = _space(panel.select(lots_of) if lots_of else panel, within) if within else ""
    if isinstance(space, str):
        return _by_matched_set(panel)
    if len(space.names) == 1:
        return panel
    label = np.array(space.names, dtype=object)[space.stratum[space.item]]
    cut = _cut_labels(panel.select(lots_of) if lots_of else panel, strata)
    parts = {name: labels[space.item][panel.unit_codes] for name, labels in cut.items()}
    return panel.with_columns(stratum=label[panel.unit_codes], **parts)


def _by_matched_set(panel: Panel) -> Panel:
    """Return the panel with matched sets for strata; as it is where there are none, or one."""
    if MATCHED_SETS not in panel.frame or panel.frame[MATCHED_SETS].nunique() < 2:
        return panel
    return panel.with_columns(stratum=f"{MATCHED_SETS} " + panel.frame[MATCHED_SETS].astype(str))


def _cut_labels(panel: Panel, strata: Sequence[str]) -> dict[str, NDArray[np.object_]]:
    """Return the labels of items in strata that are cut here, by the column that keeps them.

    Fewer units would be cut elsewhere: lots are drawn within the strata that the estimate carries.
    """
    item = _items(panel)
    cut = [name for name in strata if in_parts(name)[1] and name not in panel.frame]
    return {CUT + name: np.array(_stratum_labels(panel, name, item), dtype=object) for name in cut}


def _constant(groups: Any) -> bool:
    """Tell whether a column has one value in every group."""
    return bool((groups.transform("first") == groups.obj).all())


def _items(panel: Panel) -> Codes:
    """Return the cluster of each unit, (n_units,): the unit itself unless clusters stand above it."""
    return np.asarray(pd.factorize(panel.unit_values("cluster"), sort=True)[0], np.intp)


def _stratum_labels(panel: Panel, name: str, item: Codes) -> list[str] | None:
    """Return the label of each item, or None where it is missing or not constant."""
    column, part = in_parts(name)
    if CUT + name in panel.frame:
        return [str(label) for label in pd.Series(panel.unit_values(CUT + name)).groupby(item).first()]
    if part and name not in panel.frame:
        return _quantile_labels(panel, column, part, item)
    _known(panel, name, name)
    values = pd.Series(panel.unit_values(name)).groupby(item)
    within = panel.frame.groupby("unit", sort=False)[name]
    if panel.frame[name].isna().any() or not _constant(within) or not _constant(values):
        return None
    return [f"{name} {value}" for value in values.first()]


def _quantile_labels(panel: Panel, column: str, part: str, item: Codes) -> list[str] | None:
    """Cut items at the quantiles of what they are cut by."""
    values = _cut_by(panel, column, part, item)
    if not np.isfinite(values).all():
        return None
    cuts = np.quantile(values, np.arange(1, PARTS[part]) / PARTS[part])
    return [f"{column} {part} {int(k) + 1}" for k in np.searchsorted(cuts, values, side="left")]


def cut_by(panel: Panel, name: str) -> Array | None:
    """Return what a stratum that is cut in parts is cut by, (n_units,): None where it is the column itself."""
    column, part = in_parts(name)
    if not part or name in panel.frame:
        return None
    item = _items(panel)
    return _cut_by(panel, column, part, item)[item]


def _cut_by(panel: Panel, column: str, part: str, item: Codes) -> Array:
    """Return the items' means before the first start (of exposure their sums), (n_items,)."""
    _known(panel, column, f"{column}_{part}")
    before = panel.frame[panel.frame["time"].isin(panel.pre_times)]
    if not pd.api.types.is_numeric_dtype(before[column]):
        what = f"strata: {panel.label(column)} is not numeric, so it has no {part}"
        raise DesignFault(panel.fault(what, "name the column itself"))
    means = before.groupby("unit", sort=False)[column].mean().reindex(panel.units)
    grouped = pd.Series(means.to_numpy(float)).groupby(item)
    return np.asarray((grouped.sum(min_count=1) if column == "exposure" else grouped.mean()).to_numpy(float))


def _known(panel: Panel, column: str, given: str) -> None:
    """Refuse a name that is no column, with the nearest that is."""
    if column not in panel.frame:
        options = [*panel.covariates, "exposure_half", "outcome_half", "exposure_third", "cluster"]
        raise DesignFault(panel.fault(f"strata: {given}: no such column", nearest(given, options)))
