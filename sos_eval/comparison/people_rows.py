"""Rows of people laid out by matched set: a row of the panel once for each set that its authority serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.windows import Windows
from sos_eval.numerics.strata import strata
from sos_eval.panel.panel import Array, FlowRow, Panel

__all__ = ["SetRows", "expanded", "rows_left_out"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]

#: Why rows are left out, by method and group.
_NO_STRATUM = "without a {other} row in the same stratum of set, period and covariates"
_WHY_OUT = {
    "nearest treated": "for which no comparison row of the same set and period is left, or near enough",
    "nearest comparison": "that were matched with no treated row of the same set and period",
    "ipw treated": "without a comparison row in the same set and period",
    "ipw comparison": "without a treated row in the same set and period",
}


@dataclass(frozen=True, slots=True)
class SetRows:
    """Rows of people in sets: a row of the panel stands once for each set that its authority serves.

    Attributes
    ----------
    place : (n,)
        Position in the panel's frame, increasing.
    arm : (n,)
        Whether it is a row of the set's treated authority.
    times : (n,)
        In how many sets the row of the panel stands.
    """

    place: Codes
    matched_set: NDArray[np.object_]
    arm: Bools
    post: Bools
    event_time: Array
    times: Array

    def kept(self, mask: Bools) -> SetRows:
        """Keep some rows, and count anew in how many sets each stands."""
        place = self.place[mask]
        times = np.bincount(place, minlength=int(place.max(initial=-1)) + 1)[place].astype(float)
        return SetRows(
            place, self.matched_set[mask], self.arm[mask], self.post[mask], self.event_time[mask], times
        )  # fmt: skip

    def without(self, head: str) -> SetRows:
        """Leave a set out."""
        return self.kept(self.matched_set.astype(str) != head)

    @property
    def cells(self) -> Codes:
        """Code of the set and period of each row, (n,)."""
        sets = pd.factorize(self.matched_set, sort=True)[0].astype(np.intp)
        return strata([sets, self.post.astype(np.intp)])

    def one_sided(self, weights: Array) -> dict[str, str]:
        """Return the sets without a row of positive weight, (n,), on a side of their window: ``before`` or ``after``.

        Sets without any such row are ``before``.
        """
        used, found = weights > 0, dict[str, str]()
        for name in np.unique(self.matched_set.astype(str)):
            sides = self.post[used & (self.matched_set == name)]
            if sides.all() or not sides.any():
                found[str(name)] = "before" if sides.all() else "after"
        return found


def expanded(
    sets: Mapping[str, tuple[str, ...]], windows: Windows, panel: Panel, observed: Bools
) -> tuple[SetRows, tuple[FlowRow, ...]]:
    """Lay rows with an outcome out by set, without those that lie in the set's window; the flow counts both drops."""
    units, codes = {str(unit): i for i, unit in enumerate(panel.units)}, panel.unit_codes
    parts: list[tuple[Codes, str, Bools]] = []
    without = np.zeros(len(codes), bool)
    for head, others in sets.items():
        members = np.array([units[name] for name in (head, *others)])
        without |= np.isin(codes, members) & ~observed
        place = np.flatnonzero(np.isin(codes, members) & observed)
        parts.append((place, head, codes[place] == units[head]))
    place = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.intp)
    names = np.repeat(np.array([part[1] for part in parts], object), [len(part[0]) for part in parts])
    arm = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0, bool)
    post, inside, event_time = windows.place(place, names)
    order = np.lexsort((names.astype(str), place))
    whole = SetRows(place, names, arm, post, event_time, np.ones(len(place)))
    rows = replace(whole, **{f: getattr(whole, f)[order] for f in SetRows.__slots__}).kept(~inside[order])
    dropped = len(np.unique(place[inside]))
    reason = "in the window of every set that they are in, between its start and full embedding"
    gone = dropped - len(np.intersect1d(np.unique(place[inside]), rows.place))
    drops = (("missing outcome", int(without.sum()), "without the outcome"), ("transition", gone, reason))
    return rows, tuple(FlowRow(step, "dropped", 0, n, "", why) for step, n, why in drops if n)


def rows_left_out(
    method: str, limits: tuple[float, float] | None, rows: SetRows, weights: Array, chance: Array | None
) -> list[FlowRow]:
    """Count the rows that nothing is matched with, by group; those trimmed by their chance apart.

    Parameters
    ----------
    method, limits
        How rows are matched, and the limits of the chance outside which they are trimmed.
    chance : (n,) or None
        Of each row, where rows are weighed by it.
    """
    flow: list[FlowRow] = []
    outside = np.zeros(len(weights), bool)
    if limits is not None and chance is not None:
        outside = (chance < limits[0]) | (chance > limits[1])
    for words, group in (("treated", rows.arm), ("comparison", ~rows.arm)):
        lost = np.setdiff1d(rows.place[group & (weights == 0)], rows.place[weights > 0])
        trimmed = np.setdiff1d(lost, rows.place[group & ~outside])
        other = "comparison" if words == "treated" else "treated"
        why = _WHY_OUT.get(f"{method} {words}", _NO_STRATUM).format(other=other)
        reasons = {why: len(lost) - len(trimmed)}
        if limits is not None:
            reasons[f"with an estimated chance outside {limits[0]:g} to {limits[1]:g}"] = len(trimmed)
        flow += [
            FlowRow("comparison", "dropped", 0, n, "", f"{words} rows {reason}") for reason, n in reasons.items() if n
        ]
    return flow
