"""Which units stand behind a number, so that two numbers on nearly the same units are not both told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.panel.made_of import grows, made_of
from sos_eval.panel.small_counts import replaced, rest_replaced
from sos_eval.results.counted import by_unit, each_adds, of_unit, yes_by_unit
from sos_eval.results.fitted import Fitted
from sos_eval.results.pinned import adds_to, pins_down
from sos_eval.results.resting import Resting
from sos_eval.results.search import (
    UNKNOWN,
    are_alike,
    can_be_searched,
    can_be_searched_by_number,
    digits_of,
    is_part,
    taken,
)
from sos_eval.results.set_apart import SetApart
from sos_eval.results.span import tells_of_few
from sos_eval.results.standing_apart import Donors, Histories, clusterings_of, kinds_of
from sos_eval.results.weighing import Weighing

__all__ = ["Members"]

Names = frozenset[str]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Members:
    """The units of an estimate: those that ever start, by start, and the others; their counts, and how it weighs them.

    Attributes
    ----------
    cohorts, others
        Names of units.
    times
        Periods.
    counts
        By unit, what it counted in each period, (n_times,), NaN where nothing weighs or another count was put in its
        place, `UNKNOWN` where a value stands in place of a count. Where rows are people, how many had a yes, or steps
        above the lowest grade, and empty where the outcome has no grades.
    each, adds, most
        By unit, what one count adds to its rate, and to the estimate's sum over units, and the largest that it can be
        (its denominator), (n_times,); NaN of values.
    weighing
        How much a count adds.
    kinds
        Units of each kind on each side, where kinds are set against each other.
    histories, donors
        When each unit is there and treated; what each adds to a synthetic control.
    logs
        Whether the outcome is in logs.
    replaced
        Whether small counts were replaced before anything was computed; see `panel.small_counts`.
    falls
        Whether counts, replaced ones in their place, do not only grow, a few apart.
    set_apart
        Whom the covariates that it adjusts for set apart.
    clusterings
        Each unit's cluster, by every column by which some procedure adds units up.
    resting
        Whom its rows rest on, as the estimate says.
    """

    cohorts: Mapping[float, Names] = field(default_factory=dict)
    others: Names = frozenset()
    times: tuple[float, ...] = ()
    counts: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)
    each: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)
    adds: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)
    most: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)
    weighing: Weighing | None = field(default=None, compare=False, repr=False)
    kinds: tuple[Names, ...] = ()
    histories: Histories = field(default_factory=Histories, compare=False, repr=False)
    donors: Donors = field(default_factory=Donors, compare=False, repr=False)
    logs: bool = False
    replaced: bool = False
    falls: bool = False
    set_apart: SetApart = field(default_factory=SetApart, compare=False, repr=False)
    clusterings: tuple[Mapping[str, str], ...] = field(default=(), compare=False, repr=False)
    resting: Resting = field(default_factory=Resting, compare=False, repr=False)

    @classmethod
    def of(cls, fitted: Fitted, also: Collection[str] = ()) -> Self:
        """Return those of the panel that was estimated on.

        Parameters
        ----------
        also
            Columns by which procedures add units up, beside the panel's clusters.
        """
        panel = fitted.panel
        starts = panel.first_treated
        names = panel.units.astype(str)
        cohorts = {float(start): frozenset(names[starts == start]) for start in panel.cohorts}
        others, times = frozenset(names[~panel.ever_treated]), tuple(map(float, panel.times))
        weighing, each = Weighing.of(fitted), each_adds(panel)
        weighs = panel.frame[(panel.frame["weight"] > 0) & panel.frame["outcome"].notna()]
        treated = frozenset(names[panel.ever_treated])
        clusters = clusterings_of(panel, also)
        waiting = (frozenset(names[starts > start]) for start in panel.cohorts)  # who serves those that begin earlier
        apart = SetApart.by(weighs, weighing.adjusted_for, dict.fromkeys((treated, others, *waiting)))
        if panel.layout != "panel":
            yes, one, most = yes_by_unit(panel)
            plain = replace(weighing, by_numbers=False)  # covariates of people are no counts of a unit
            return cls(
                cohorts, others, times, yes, one, one, most, plain, kinds_of(fitted), set_apart=apart,
                clusterings=clusters,
            )  # fmt: skip
        donors = Donors.of(fitted)
        weighing = weighing.times(donors.overall)
        weight = panel.frame["weight"] * of_unit(panel.frame["unit"], donors.overall)
        adds = (1.0 if weighing.pooled else each) * weight
        counted = panel.outcome.counted
        counts = panel.frame["count"].mask(replaced(panel)) if counted else each.fillna(UNKNOWN)
        exposure = panel.frame["exposure"] if counted else each
        own, each_of, adds_of, most = (by_unit(panel, cells) for cells in (counts, each, adds, exposure))
        histories = Histories.of(panel)
        read = np.array([*by_unit(panel, panel.frame["count"].mask(rest_replaced(panel))).values()])
        return cls(
            cohorts, others, times, own, each_of, adds_of, most, weighing, kinds_of(fitted), histories,
            donors, panel.outcome.transform == "log", panel.replaced_below > 0, not grows(np.diff(read)),
            apart, clusters, Resting.of(fitted),
        )  # fmt: skip

    @property
    def treated(self) -> Names:
        """All that ever start."""
        return frozenset().union(*self.cohorts.values())

    def protected_sides(self, smallest: float) -> Iterator[tuple[int, int]]:
        """Yield sizes and periods of the treated, the others and those of each start with a count that is protected.

        A side's size is how many its squares are of: its units, or by the coarsest clustering its clusters.

        That is one below the smallest that is shown, of what is left of the denominators and what is new in counts
        that only grow too; a value in place of a count is one. Where most of a side's squares are of one unit with such
        a count, as they mostly are in logs, that is the side.
        """
        for made in self._made_of():
            for names in self._enough(1):
                small = [name for name in sorted(names & made.keys()) if _is_protected(made[name], smallest)]
                if small:
                    ways = ({}, *self.clusterings)
                    alone = self.logs or any(self.histories.outweighs(small, names, one) for one in ways)
                    size = min(len({one.get(name, name) for name in names}) for one in ways)
                    yield 1 if alone else size, len(self.times)

    def parted_by_clusters(self, fewest: int) -> bool:
        """Whether the treated or the others are fewer clusters, by some clustering, than units may be told of.

        An error is a sum of squares of clusters' sums: of one unit and all others of its side it tells of that unit.
        """
        sides = [names for names in (self.treated, self.others) if len(names) >= fewest]
        return any(len({one.get(name, name) for name in names}) < fewest for one in self.clusterings for names in sides)

    def out_of_reach(self, smallest: float) -> bool:
        """Whether its small counts were replaced, and nothing else behind it may be a small one.

        What is new in counts that only grow may be, and so may columns of numbers that decide how it weighs units.
        """
        by_numbers = self.weighing is not None and self.weighing.by_numbers
        return self.replaced and not by_numbers and not any(_some_protected(made, smallest) for made in self._made_of())

    def leaves_few(self, other: Members, smallest: float) -> bool:
        """Whether what its counts leave of another's denominators is small: of its own that was replaced."""
        most, counts = pd.DataFrame(other.most, index=other.times), pd.DataFrame(self.counts, index=self.times)
        left = (most - counts).to_numpy(float)
        return bool(((left > 0) & (left < smallest)).any())

    def few(self, fewest: int) -> bool:
        """Whether they are fewer, treated or others, than a result may rest on."""
        left = self._without(self.set_apart.taken_out(fewest))
        few_others = len(self.others) > 0 and len(left.others) < fewest
        return len(left.treated) < fewest or few_others or left.thin(fewest)

    def resting_on(self, fewest: int) -> Members:
        """Return it without the units that few others have the covariates of: adjusting takes their changes out."""
        return self._without(self.set_apart.few(fewest))

    def plain(self) -> Members:
        """Return it as if it adjusted for nothing, within no strata, as means do."""
        weighing = None if self.weighing is None else self.weighing.unstratified()
        return replace(self, set_apart=SetApart(), weighing=weighing)

    def _without(self, names: Names) -> Members:
        if not names:
            return self
        cohorts = {start: own - names for start, own in self.cohorts.items()}
        kinds = tuple(own - names for own in self.kinds)
        return replace(self, cohorts=cohorts, others=self.others - names, kinds=kinds)

    def thin(self, fewest: int) -> bool:
        """Whether a kind that is set against others has fewer units, donors' weight is worth fewer, or few carry it."""
        if any(len(names) < fewest for names in self.kinds) or self.donors.worth() < fewest:
            return True
        sides = (self.treated, self.others, *self.cohorts.values())
        return self.weighing is not None and any(self.weighing.carried(names, fewest) for names in sides)

    def uneven(self, fewest: int) -> bool:
        """Whether some start has fewer units than a result may rest on, or few units of one stand apart."""
        return any(len(names) < fewest for names in self.cohorts.values()) or self.apart(fewest)

    def apart(self, fewest: int) -> bool:
        """Whether few units of a side lack periods that others have, or of a start are treated in others."""
        sides = (self.treated, self.others, *self.cohorts.values(), *self.kinds)
        return any(self.histories.gaps(names, fewest) for names in sides) or any(
            self.histories.parted(names, fewest) for names in self.cohorts.values()
        )

    def elsewhen(self, other: Members) -> bool:
        """Whether the two have other periods or other starts: what each says of one unit is not the same."""
        return self.times != other.times or self.cohorts.keys() != other.cohorts.keys()

    def there(self, names: Names) -> dict[float, int]:
        """Return how many of some units are there, by period; nothing where rows are people."""
        return dict(zip(self.times, map(len, self.histories.there(names)), strict=False))

    def weighs_as(self, other: Members) -> bool:
        """Whether no count adds more to the one than to the other, as far as their weighing is known."""
        return self.weighing is None or other.weighing is None or not self.weighing.differs(other.weighing)

    def weighs_few_otherwise(self, other: Members, fewest: int) -> bool:
        """Whether the two weigh the same units alike but for few."""
        if self.weighing is None or other.weighing is None:
            return False
        return self.weighing.few_apart(other.weighing, fewest)

    def searched(self, fewest: int, smallest: int) -> bool:
        """Say whether counts below the smallest that is shown can be searched for as whole numbers.

        In any one period, behind the treated, the others or those of one start, where they are enough to be told of:
        listed by their mean, found by mean and standard deviation since rates are alike, or left alone by a mean (as
        the estimate weighs them too) of whole numbers over denominators. So are those that covariates or weights may be
        made of, where these decide what the estimate is; what is left of the denominators, and what is new in each
        period where counts only grow, are judged as the counts are.
        """
        return self._columns_searched(smallest) or any(
            can_be_searched(counts, smallest)
            or are_alike(counts, each, smallest)
            or any(pins_down(one[None], counts, smallest, most) for one in (each, adds))
            for made in self._made_of()
            for names in self._enough(fewest)
            for counts, each, adds, most in zip(
                *(self._of(names, cells) for cells in (made, self.each, self.adds, self.most)), strict=True
            )
        )

    def _made_of(self) -> list[Mapping[str, Array]]:
        """Return the counts, and by unit and period the counts that these tell of: the rest, and what is new."""
        return made_of(self.counts, self.most, growing=not self.falls)

    def beyond(self, other: Members) -> Members | None:
        """Return these units with what they count beyond another estimate's; None unless one is part of the other.

        Where both hold a unit in a period.
        """
        mine, theirs = (pd.DataFrame(one.counts, index=one.times).replace(UNKNOWN, np.nan) for one in (self, other))
        gaps = (mine - theirs).reindex(index=mine.index, columns=mine.columns)
        if not is_part(gaps.to_numpy(float)):
            return None
        parts = {str(name): gap.abs().to_numpy(float) for name, gap in gaps.items()}
        return replace(self, counts=parts, falls=False)

    def _columns_searched(self, smallest: int) -> bool:
        """Say so of counts that its covariates or weights may be made of: nobody here knows these."""
        by_numbers = self.weighing is not None and self.weighing.by_numbers and bool(self.counts)
        sides = (len(self.treated), len(self.others))
        return by_numbers and any(can_be_searched_by_number(n, smallest) for n in sides if n)

    def pinned(self, others: Sequence[Members], fewest: int, smallest: int) -> bool:
        """Say whether a count below the smallest that is shown is known where this is told beside others.

        As if each told the sum of the treated, of the others and of the units of one start, period by period.
        """
        sides = [key for key in (-np.inf, np.inf, *self.cohorts) if len(self._side(key)) >= fewest]
        return bool(others) and any(
            self._pinned_at(key, time, others, smallest) for key in sides for time in self.times
        )

    def _pinned_at(self, key: float, time: float, others: Sequence[Members], smallest: int) -> bool:
        """Say so of one side in one period."""
        own = self._told(key, time)
        if not any(0 < count < smallest for _, count, _ in own.values()):
            return False
        told = [own, *filter(None, (one._told(key, time) for one in others))]
        names = sorted(frozenset[str]().union(*told))
        sums = [[one[name][0] if name in one else 0.0 for name in names] for one in told]
        counts = [next(one[name][1] for one in told if name in one) for name in names]
        most = [next(one[name][2] for one in told if name in one) for name in names]
        return adds_to(np.array(sums)) and pins_down(np.array(sums), np.array(counts), smallest, np.array(most))

    def _told(self, key: float, time: float) -> dict[str, tuple[float, float, float]]:
        """Return what one count of each unit of a side adds to a period's sum, the counts, and their denominators."""
        if time not in self.times:
            return {}
        k, names = self.times.index(time), self._side(key) & self.adds.keys()
        cells = {
            name: (float(self.adds[name][k]), float(self.counts[name][k]), float(self.most[name][k])) for name in names
        }
        return {name: cell for name, cell in cells.items() if np.isfinite(cell).all()}

    def _enough(self, fewest: int) -> list[Names]:
        """Return the sets that are told of: the treated, the others, those of a start or kind, donors with weight."""
        sides = (self.treated, self.others, *self.cohorts.values(), *self.kinds, *self.donors.carrying())
        return [names for names in sides if len(names) >= fewest]

    def room(self, smallest: int) -> float:
        """Return how many combinations all its counts have together, as a power of ten.

        Those of a covariate, a count a unit in the middle of those protected, where these are fewer and it is made of
        covariates.
        """
        return self._least(0, smallest)

    def late_room(self, smallest: int) -> float:
        """Return how many those have from the last period before the first start on: an effect may need no others."""
        early = np.flatnonzero(np.array(self.times) < min(self.cohorts, default=-np.inf))
        return self._least(int(early.max(initial=0)), smallest)

    def _least(self, first: int, smallest: int) -> float:
        """Return the fewest combinations, from a period on, of the counts, of what these tell of, of a column's."""
        rooms = [
            sum(digits_of(taken(counts[first:], smallest)) for counts in made.values())
            for made in self._made_of()
            if _some_protected(made, smallest)
        ]
        if self._columns_searched(smallest):
            rooms.append(digits_of(taken(np.full(len(self.counts), UNKNOWN), smallest)))
        return min(rooms, default=np.inf)

    def _of(self, names: Names, cells: Mapping[str, Array]) -> Array:
        """Return the numbers of some units by period, (n_times, n_units)."""
        return np.array([cells[name] for name in sorted(names & cells.keys())]).reshape(-1, len(self.times)).T

    def near(self, other: Members, fewest: int) -> bool:
        """Whether the two differ by some units, and by so few that a difference would tell of these alone."""
        both = (self.resting_on(fewest), other.resting_on(fewest))
        if any(0 < len(mine ^ theirs) < fewest for mine, theirs in both[0]._beside(both[1])):
            return True
        if self.resting.near(other.resting, fewest):
            return True
        there = [one.histories.there(one.treated | one.others) for one in both]
        mine, theirs = (dict(zip(one.times, rows, strict=False)) for one, rows in zip(both, there, strict=True))
        shared = frozenset.intersection(*(one.treated | one.others for one in both))
        return any(0 < len((mine[t] ^ theirs[t]) & shared) < fewest for t in mine.keys() & theirs.keys())

    def _beside(self, other: Members) -> Iterator[tuple[Names, Names]]:
        yield self.treated, other.treated
        yield self.others, other.others
        for start in self.cohorts.keys() & other.cohorts.keys():
            yield self.cohorts[start], other.cohorts[start]
        for kind in self.kinds:
            yield from ((kind, one) for one in other.kinds if kind & one)

    def completes(self, others: Sequence[Members], fewest: int) -> bool:
        """Whether sums over its units and those of others, told together, are a sum over few units.

        What the others tell of few without it is not laid to it.
        """
        mine, theirs = self.resting_on(fewest), [one.resting_on(fewest) for one in others]
        sides = [
            ([part for one in theirs for part in one._parts(key)], mine._parts(key))
            for key in (-np.inf, np.inf, *self.cohorts)
        ]
        return any(
            not {*own} <= {*told} and tells_of_few([*told, *own], fewest) and not tells_of_few(told, fewest)
            for told, own in sides
        )

    def _parts(self, key: float) -> list[Names]:
        """Return a side, and its units of each kind."""
        side = self._side(key)
        return [side, *(kind for kind in self.kinds if kind <= side)]

    def _side(self, key: float) -> Names:
        """Return all treated (-inf), the others (inf) or those of a start."""
        return self.treated if key == -np.inf else self.others if key == np.inf else self.cohorts.get(key, frozenset())


def _is_protected(counts: Array, smallest: float) -> bool:
    """Whether some count is above zero and below the smallest that is shown, or a value stands in place of counts."""
    return bool(((counts > 0) & (counts < smallest) | np.isposinf(counts)).any())


def _some_protected(made: Mapping[str, Array], smallest: float) -> bool:
    return any(_is_protected(counts, smallest) for counts in made.values())
