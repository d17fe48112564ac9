"""Which estimates are told under a disclosure profile: each held against those of its outcome that are told already."""

from __future__ import annotations

from collections.abc import Sequence

from sos_eval.bundle.withheld import few_words
from sos_eval.results.members import Members

__all__ = ["APART", "GAPS", "LONE", "NEAR", "NESTED", "SEARCHED", "UNKNOWN", "WEIGHED", "ToldEstimates"]

NEAR = "withheld: its units differ by fewer than may be told from those of an estimate that is shown"
LONE = "withheld: one more equation on units that begin with fewer others than may be told"
GAPS = "withheld: few units lack periods, or are treated in others, and beside the overall result it would tell of them"
#: Estimates of an outcome that are told where few units share a start: the headline's and so many in all.
_MOST_BESIDE = 2
_SPAN = "withheld: with estimates that are shown its units would tell of fewer than may be told"
SEARCHED = "withheld: its counts or covariates are few, or not known, and whole numbers could be searched for"
NESTED = "withheld: beside an outcome that is shown, their difference is a count that could be found"
WEIGHED = "withheld: it weighs units in one more way than may be told: each is one more equation on their counts"
UNKNOWN = "withheld: the units behind it are not known to the gate"
#: What holds an estimate back beside others; the few units of its own are another matter.
APART = (NEAR, _SPAN, LONE, GAPS, SEARCHED, NESTED, WEIGHED, UNKNOWN)


class ToldEstimates:
    """The estimates that are told so far, by outcome.

    Parameters
    ----------
    fewest
        Fewest units that a number may rest on.
    smallest
        Smallest count that is shown.
    """

    def __init__(self, fewest: int, smallest: int = 0) -> None:
        self.fewest, self.smallest, self.few = fewest, smallest, few_words(fewest)
        self.shown: list[tuple[str, Members]] = []

    def why_silent(self, outcome: str, behind: Sequence[Members]) -> str:
        """Say why an estimate on some units is not told; keep those units in mind where some of it may be.

        An estimate on few units has rows on more (units not yet treated), which may be told unless others are near.
        """
        fewest = self.fewest
        if not behind:
            return UNKNOWN
        told = [members for name, members in self.shown if name == outcome]
        if any(one.near(other, fewest) for one in behind for other in told):
            return NEAR
        if told and any(one.searched(fewest, self.smallest) for one in (*told, *behind)):
            return SEARCHED
        if any(self._leaves_found(one, other) for one in behind for other in told):
            return NESTED
        if told and any(one.completes(told, fewest) for one in behind):
            return _SPAN
        uneven = any(one.uneven(fewest) or other.uneven(fewest) for one in behind for other in told)
        if uneven:
            elsewhen = any(one.elsewhen(other) for one in behind for other in told)
            if elsewhen or len(told) >= _MOST_BESIDE:
                return LONE
        if any(one.weighs_few_otherwise(other, fewest) for one in behind for other in told):
            return WEIGHED
        free = all(one.out_of_reach(self.smallest) for one in (*told, *behind)) and not uneven
        if not free and _ways([*told, *behind]) > max(_ways(told), fewest - 1, 1):
            return WEIGHED
        if any(one.pinned(told, fewest, self.smallest) for one in behind):
            return WEIGHED
        self.shown += [(outcome, one) for one in behind]
        return self.few if any(one.few(fewest) for one in behind) else ""

    def _leaves_found(self, one: Members, other: Members) -> bool:
        """Whether what the one counts beyond the other would be found: a part was taken out, or put in.

        Where small counts were replaced the rest of denominators was too, and another's must not tell it.
        """
        pairs = ((one, other), (other, one))
        if one.replaced and any(mine.leaves_few(theirs, self.smallest) for mine, theirs in pairs):
            return True
        beyond = one.beyond(other)
        return beyond is not None and beyond.searched(self.fewest, self.smallest)


def _ways(members: Sequence[Members]) -> int:
    """Return in how many ways estimates weigh the counts of their units (denominators, strata, weights, covariates)."""
    ways: list[Members] = []
    for one in members:
        if not any(one.weighs_as(other) for other in ways):
            ways.append(one)
    return len(ways)
