"""Units that stand apart from the others of their side: a kind, a gap or a history of few, donors that carry a mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.panel import Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.span import tells_of_few

__all__ = ["Donors", "Histories", "clusterings_of", "kinds_of"]

Names = frozenset[str]
Array = NDArray[np.float64]

#: The donors behind a synthetic control are those that have so much of its weight together.
_WHOLE = 0.99
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Histories:
    """In which periods units have an outcome, and in which they are treated.

    Attributes
    ----------
    seen, treated, outcome
        By unit, (n_times,): whether something weighs there; how far it is treated, as its start says where nothing is;
        its outcome.
    """

    seen: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    treated: Mapping[str, Array] = field(default_factory=dict)
    outcome: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """Return those of a panel of units; of rows that are people nothing is kept."""
        if panel.layout != "panel":
            return cls()
        names = panel.units.astype(str)
        seen = np.isfinite(panel.matrix()) & (panel.matrix("weight") > 0)
        declared = (panel.times >= panel.first_treated[:, None]).astype(float)
        treated = panel.matrix("treated")
        treated = np.where(np.isnan(treated), declared, treated)
        columns = (seen, treated, np.where(seen, panel.matrix(), np.nan))
        return cls(*(dict(zip(names, one, strict=True)) for one in columns))

    def gaps(self, names: Names, fewest: int) -> bool:
        """Whether sums over those that are there, in one period or in two, are together a sum over few."""
        known = sorted(names & self.seen.keys())
        if len(known) < fewest:
            return False
        seen = np.unique(np.array([self.seen[name] for name in known]).T, axis=0)
        if len(seen) == 1:
            return False
        there = [frozenset(name for name, one in zip(known, row, strict=True) if one) for row in seen]
        return tells_of_few([*there, *(one & other for one, other in combinations(there, 2))], fewest)

    def parted(self, names: Names, fewest: int) -> bool:
        """Whether few units of one start are treated in other periods than the others of that start."""
        known = [self.treated[name] for name in names if name in self.treated]
        sizes = np.unique(np.array(known), axis=0, return_counts=True)[1] if known else np.zeros(0, int)
        return len(sizes) > 1 and bool(sizes.min() < fewest)

    def outweighs(self, some: Collection[str], names: Names, clusters: Mapping[str, str] | None = None) -> bool:
        """Whether more than half of what a side's outcomes move from their means, squared, is of one of some units.

        Where clusters are given, of one cluster of theirs: within it the moves are added up before they are squared.
        """
        known = sorted(names & self.outcome.keys())
        if not known:
            return False
        moved = pd.DataFrame({name: self.outcome[name] for name in known})
        moved = moved - moved.mean()
        moved = moved.sub(moved.mean(axis=1), axis=0)
        of = pd.Series({name: (clusters or {}).get(name, name) for name in known})
        squares = moved.T.groupby(of).sum().pow(2).sum(axis=1)
        return bool(squares[[of[name] for name in some if name in of]].max() > squares.sum() / 2)

    def there(self, names: Names) -> list[Names]:
        """Return which of some units are there, by period; nothing where rows are people."""
        known = sorted(names & self.seen.keys())
        rows = np.array([self.seen[name] for name in known], bool).T
        return [frozenset(name for name, one in zip(known, row, strict=True) if one) for row in rows]


@dataclass(frozen=True, slots=True)
class Donors:
    """The untreated units that an estimator weighs so that they look like the treated.

    Attributes
    ----------
    shares
        By start, each donor's share of the weight.
    overall
        The same of all starts together; empty where an estimator weighs no donors.
    """

    shares: tuple[Mapping[str, float], ...] = ()
    overall: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, fitted: Fitted) -> Self:
        """Return those of an estimate."""
        found = fitted.estimator.donor_shares(fitted.panel)
        if found is None:
            return cls()
        shares, sizes = found
        rows = [*shares, sizes @ shares / sizes.sum()]
        names = fitted.panel.units[fitted.panel.first_treated > fitted.panel.times[-1]].astype(str)
        *named, overall = ({str(name): float(one) for name, one in zip(names, row, strict=True)} for row in rows)
        return cls(tuple(named), overall)

    def worth(self) -> float:
        """Return of how many donors the weight is worth where it is worth least, one over the sum of squared shares."""
        return min((1 / float(np.square([*one.values()]).sum()) for one in self._every()), default=np.inf)

    def carrying(self) -> Iterator[Names]:
        """Yield, by start and of all, the donors that have nearly all weight."""
        for one in self._every():
            ranked = sorted(one, key=lambda name: -abs(one[name]))
            total = np.cumsum([abs(one[name]) for name in ranked])
            yield frozenset(ranked[: int(np.searchsorted(total, _WHOLE * total[-1] - _CLOSE)) + 1])

    def _every(self) -> Iterable[Mapping[str, float]]:
        return (*self.shares, self.overall) if self.overall else ()


def clusterings_of(panel: Panel, also: Collection[str] = ()) -> tuple[Mapping[str, str], ...]:
    """Return each unit's cluster, by the panel's clusters and by further columns; not where these part a unit."""
    pairs = [panel.frame[["unit", name]].drop_duplicates() for name in ("cluster", *also) if name in panel.frame]
    whole = (one.astype(str).to_numpy(object) for one in pairs if one["unit"].is_unique)
    return tuple({str(unit): str(cluster) for unit, cluster in one} for one in whole)


def kinds_of(fitted: Fitted) -> tuple[Names, ...]:
    """Return the units of each kind and start, and of each kind and none, where kinds are set against each other."""
    panel = fitted.panel
    kinds, starts, names = fitted.estimator.kinds(panel), panel.first_treated, panel.units.astype(str)
    if len(np.unique(kinds)) < 2:
        return ()
    sides = [panel.ever_treated, ~panel.ever_treated, *(starts == one for one in panel.cohorts)]
    sets = (frozenset(names[side & (kinds == kind)]) for side in sides for kind in np.unique(kinds))
    return tuple(dict.fromkeys(one for one in sets if one))
