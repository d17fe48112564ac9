"""Mergers: authorities that are joined or divided, and what a panel of published figures shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.declare import Declared
from sos_eval.errors import DesignFault, Fault
from sos_eval.worlds.authorities import Authorities, region_sizes
from sos_eval.worlds.problems import Problem, under

__all__ = ["Geography", "Merger", "draw_mergers", "merger_problems"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Merger(Declared):
    """Authorities of one region that become others, with new codes; counts and children are summed or divided."""

    start: int
    """First period of the new authorities: the old ones are published up to the one before."""
    treated: Literal["drop", "merge"]
    """What becomes of a group in which somebody starts at some time. drop: it is left out; merge: it is one authority
    throughout, which starts when the first of its parts does, and has the average of their effects over children."""
    authorities: Annotated[int, Ge(1)] = 2
    """How many old authorities a group has."""
    into: Annotated[int, Ge(1)] = 1
    """How many new ones it becomes, of equal size."""
    groups: Annotated[int, Ge(1)] = 1
    """How many such groups there are."""
    among: Literal["anyone", "treated", "untreated"] = "anyone"
    """Whom it hits: groups around an authority that starts at some time, groups in which nobody does, or any."""

    def problems(self, authorities: Authorities, first: int, last: int) -> Iterator[Problem]:
        """Say what contradicts what."""
        if not first < self.start <= last:
            what = f"{self.start} leaves no period before or none after"
            yield Problem(("start",), what, f"write {first + 1} to {last}")
        if self.authorities == self.into == 1:
            yield Problem(("into",), "one authority into one changes nothing", "write into: 2, or authorities: 2")
        largest = int(region_sizes(authorities).max())
        if self.authorities > largest:
            what = f"{self.authorities} authorities of one region, of which none has more than {largest}"
            yield Problem(("authorities",), what, "write a smaller number")


def merger_problems(specs: tuple[Merger, ...], authorities: Authorities, first: int, last: int) -> Iterator[Problem]:
    """Say what contradicts what in all of them."""
    for i, one in enumerate(specs):
        yield from under(i, one.problems(authorities, first, last))
    wanted = sum(one.groups * one.authorities for one in specs)
    if wanted > authorities.n:
        yield Problem((), f"{wanted} authorities in groups, of {authorities.n}", "write fewer groups")


@dataclass(frozen=True, eq=False)
class Geography:
    """How the authorities of a panel are made of those that were drawn: n drawn, k that stand as they are, m new.

    Attributes
    ----------
    old : (k,)
        Positions of the drawn authorities that are shown under their own code.
    groups
        Positions of the drawn authorities of every group that gives new ones.
    group, part, parts : (m,)
        Of every new authority: its group, its number in it, and how many the group has.
    shown : (k + m, n_times)
        Whether an authority is published in a period.
    codes : (k + m,)
        Numbers in order of codes: drawn authorities first.
    """

    old: Codes
    groups: tuple[Codes, ...]
    group: Codes
    part: Codes
    parts: Codes
    shown: NDArray[np.bool_]
    codes: Codes

    def children(self, exposure: Array) -> Array:
        """Sum and divide children, (n, n_times) -> (k + m, n_times), in whole children."""
        sums = self._sums(exposure)[self.group]
        each, left = np.divmod(sums, self.parts[:, None])
        return np.concatenate([exposure[self.old], each + (self.part[:, None] < left)])

    def counts(self, counts: Array, exposure: Array, rng: np.random.Generator) -> Array:
        """Sum counts and deal them out one by one, (reps, n, n_times) -> (reps, k + m, n_times).

        A child is any new authority's with probability in proportion to its children; NaN where not shown.
        """
        sums, children = self._sums(counts), self.children(exposure)[len(self.old) :]
        dealt = np.empty((len(counts), len(self.group), counts.shape[-1]))
        for g in range(len(self.groups)):
            own = np.flatnonzero(self.group == g)
            share = (children[own] / children[own].sum(0)).T
            dealt[:, own] = rng.multinomial(sums[:, g].astype(int), share).swapaxes(1, 2)
        return np.where(self.shown, np.concatenate([counts[:, self.old], dealt], axis=1), np.nan)

    def rates(self, rates: Array, exposure: Array) -> Array:
        """Average rates over children, (reps, n, n_times) -> (reps, k + m, n_times); a part has its group's.

        Rates stand in periods that are not shown too: expected outcomes exist whether they are published or not.
        """
        return np.concatenate([rates[:, self.old], self._averages(rates, exposure)[:, self.group]], axis=1)

    def doses(self, doses: Array, exposure: Array) -> Array:
        """Average doses as `rates`, (n, n_times) -> (k + m, n_times)."""
        return np.asarray(self.rates(doses[None], exposure)[0])

    def starts(self, first_treated: Array) -> Array:
        """Return the first treated period, (n,) -> (k + m,): the first of a group's."""
        first = np.array([first_treated[members].min() for members in self.groups], float)
        return np.concatenate([first_treated[self.old], first[self.group]])

    def table(self, table: pd.DataFrame, exposure: Array) -> pd.DataFrame:
        """Return a row per authority: averages over a group's children; of what is no number, its largest one's."""
        children = exposure[:, 0]
        rows = []
        for members in self.groups:
            largest = table.iloc[members[np.argmax(children[members])]]
            rows.append({name: self._average(table[name], members, children, largest[name]) for name in table})
        new = pd.DataFrame(rows, columns=table.columns).iloc[self.group]
        return pd.concat([table.iloc[self.old], new], ignore_index=True).astype(table.dtypes.to_dict())

    @staticmethod
    def _average(column: pd.Series, members: Codes, children: Array, largest: object) -> object:
        if column.dtype.kind != "f":
            return largest
        return round(float(np.average(column.to_numpy()[members], weights=children[members])), 6)

    def _sums(self, values: Array) -> Array:
        """Sum over the authorities of every group, (..., n, t) -> (..., groups, t)."""
        sums = [values[..., members, :].sum(-2) for members in self.groups]
        return np.stack(sums, axis=-2) if sums else values[..., :0, :]

    def _averages(self, rates: Array, exposure: Array) -> Array:
        return self._sums(rates * exposure) / self._sums(exposure)


def draw_mergers(
    specs: tuple[Merger, ...], regions: NDArray[np.object_], first_treated: Array, times: Array,
    rng: np.random.Generator,
) -> Geography:  # fmt: skip
    """Draw which authorities are reorganised, and lay out what the panel shows.

    Raises
    ------
    DesignFault
        No region has enough authorities of the wanted kind left.
    """
    treated = np.isfinite(first_treated)
    free = np.ones(len(regions), bool)
    seen = np.ones((len(regions), len(times)), bool)
    groups: list[Codes] = []
    new: list[tuple[int, int, int, NDArray[np.bool_]]] = []
    for i, spec in enumerate(specs):
        for _ in range(spec.groups):
            members = _group(spec, f"mergers.{i}", regions, treated, free, rng)
            free[members] = False
            rule = spec.treated if treated[members].any() else "published"
            seen[members] &= (times < spec.start) & (rule == "published")
            if rule in ("published", "merge"):
                parts = spec.into if rule == "published" else 1
                new += [(len(groups), part, parts, (times >= spec.start) | (rule == "merge")) for part in range(parts)]
                groups.append(members)
    old = np.flatnonzero(seen.any(1))
    shown = np.vstack([seen[old], *(one[3] for one in new)])
    made = np.array([one[:3] for one in new], np.intp).reshape(-1, 3)
    codes = np.concatenate([old, len(regions) + np.arange(len(new))])
    return Geography(old, tuple(groups), made[:, 0], made[:, 1], made[:, 2], shown, codes)


def _group(
    spec: Merger, key: str, regions: NDArray[np.object_], treated: NDArray[np.bool_], free: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Codes:  # fmt: skip
    """Draw the authorities of one group: one of the wanted kind, and others of its region."""
    order = rng.permutation(len(regions))
    usable = order[(free & ~treated if spec.among == "untreated" else free)[order]]
    for first in usable[treated[usable]] if spec.among == "treated" else usable:
        beside = usable[(regions[usable] == regions[first]) & (usable != first)]
        if len(beside) >= spec.authorities - 1:
            return np.sort(np.append(beside[: spec.authorities - 1], first))
    kind = {"anyone": "", "treated": ", one of them treated,", "untreated": ", all untreated,"}[spec.among]
    what = f"{key}: no {spec.authorities} authorities of one region{kind} are left"
    raise DesignFault(Fault("world", what, "write fewer groups, or another among:"))
