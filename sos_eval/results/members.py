"""Which units stand behind a number, so that two numbers on nearly the same units are not both told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sos_eval.panel.panel import Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.search import can_be_searched, digits_of
from sos_eval.results.span import tells_of_few
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
        By unit, what it counted in each period, (n_times,), NaN where nothing weighs; empty where the outcome is none.
    weighing
        How much a count adds.
    """

    cohorts: Mapping[float, Names] = field(default_factory=dict)
    others: Names = frozenset()
    times: tuple[float, ...] = ()
    counts: Mapping[str, Array] = field(default_factory=dict, compare=False, repr=False)
    weighing: Weighing | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, fitted: Fitted) -> Self:
        """Return those of the panel that was estimated on."""
        panel = fitted.panel
        starts = panel.first_treated
        names = panel.units.astype(str)
        cohorts = {float(start): frozenset(names[starts == start]) for start in panel.cohorts}
        others, times = frozenset(names[~panel.ever_treated]), tuple(map(float, panel.times))
        return cls(cohorts, others, times, _counts(panel), Weighing.of(fitted))

    @property
    def treated(self) -> Names:
        """All that ever start."""
        return frozenset().union(*self.cohorts.values())

    def few(self, fewest: int) -> bool:
        """Whether they are fewer, treated or others, than a result may rest on."""
        return len(self.treated) < fewest or 0 < len(self.others) < fewest

    def uneven(self, fewest: int) -> bool:
        """Whether some start has fewer units than a result may rest on."""
        return any(len(names) < fewest for names in self.cohorts.values())

    def elsewhen(self, other: Members) -> bool:
        """Whether the two have other periods or other starts: what each says of one unit is not the same."""
        return self.times != other.times or self.cohorts.keys() != other.cohorts.keys()

    def weighs_as(self, other: Members) -> bool:
        """Whether no count adds more to the one than to the other, as far as their weighing is known."""
        return self.weighing is None or other.weighing is None or not self.weighing.differs(other.weighing)

    def searched(self, fewest: int, smallest: int) -> bool:
        """Say whether counts below the smallest that is shown can be searched for as whole numbers.

        In any one period, behind the treated, the others or those of one start, where they are enough to be told of.
        """
        told = [names for names in (self.treated, self.others, *self.cohorts.values()) if len(names) >= fewest]
        return any(can_be_searched(counts, smallest) for names in told for counts in self._of(names).T)

    @property
    def room(self) -> float:
        """How many combinations all its counts have together, as a power of ten."""
        return sum(map(digits_of, self.counts.values()))

    @property
    def late_room(self) -> float:
        """How many those have from the last period before the first start on: an effect may rest on no others."""
        early = np.flatnonzero(np.array(self.times) < min(self.cohorts, default=-np.inf))
        return sum(digits_of(counts[early.max(initial=0) :]) for counts in self.counts.values())

    def _of(self, names: Names) -> Array:
        """Return the counts of some units, (n_units, n_times)."""
        return np.array([self.counts[name] for name in sorted(names & self.counts.keys())]).reshape(-1, len(self.times))

    def near(self, other: Members, fewest: int) -> bool:
        """Whether the two differ by some units, and by so few that a difference would tell of these alone."""
        return any(0 < len(mine ^ theirs) < fewest for mine, theirs in self._beside(other))

    def _beside(self, other: Members) -> Iterator[tuple[Names, Names]]:
        yield self.treated, other.treated
        yield self.others, other.others
        for start in self.cohorts.keys() & other.cohorts.keys():
            yield self.cohorts[start], other.cohorts[start]

    def completes(self, others: Sequence[Members], fewest: int) -> bool:
        """Whether sums over its units and those of others, told together, are a sum over few units.

        What the others tell of few without it is not laid to it.
        """
        sides = [([one._side(key) for one in others], self._side(key)) for key in (-np.inf, np.inf, *self.cohorts)]
        return any(
            own not in told and tells_of_few([*told, own], fewest) and not tells_of_few(told, fewest)
            for told, own in sides
        )

    def _side(self, key: float) -> Names:
        """Return all treated (-inf), the others (inf) or those of a start."""
        return self.treated if key == -np.inf else self.others if key == np.inf else self.cohorts.get(key, frozenset())


def _counts(panel: Panel) -> dict[str, Array]:
    """Return what each unit counted in each period, as far as it weighs; nothing where rows are people or no counts."""
    if not panel.outcome.counted or panel.layout != "panel":
        return {}
    frame = panel.frame
    out = np.full((panel.n_units, panel.n_times), np.nan)
    weighs = (frame["weight"] > 0) & frame["outcome"].notna()
    out[panel.unit_codes, panel.time_codes] = frame["count"].where(weighs).to_numpy(float)
    return dict(zip(panel.units.astype(str), out, strict=True))
