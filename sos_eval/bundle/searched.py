"""What is told of outcomes whose counts could be searched for: one answer and means, to digits that leave enough.

The rule stands in `docs/disclosure.md`; what can be searched for in `results.search`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.digits import significant
from sos_eval.bundle.withheld import said
from sos_eval.panel.disclosure import Disclosure
from sos_eval.results.members import Members
from sos_eval.results.pinned import pins_down
from sos_eval.results.search import FULL_DIGITS, can_be_searched, digits_of, digits_that_leave, taken

__all__ = ["SearchedCounts", "answering", "different"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Key = tuple[str, str]
_Together = tuple[list[str], Flags, float]

#: Columns of `estimates.csv` in the unit of the effect: a small one beside large errors tells no finer than these.
_LEVELS = ("estimate", "std_error", "conf_low", "conf_high", "band_low", "band_high")
_SHARES = ("p_value", "p", "p_adjusted")


class SearchedCounts:
    """The estimates and means whose counts could be searched for, and to how many digits they are told.

    Parameters
    ----------
    about
        What may leave.

    Attributes
    ----------
    digits
        By estimator and outcome; 0 where nothing of the estimate is told.
    coarse
        What was written to fewer digits, or to the place of a larger number: file, what, digits, cells.
    """

    def __init__(self, about: Disclosure) -> None:
        self.about = about
        self.digits: dict[Key, int] = {}
        self.coarse: list[tuple[str, str, int, int]] = []
        self._room: dict[str, float] = {}

    @property
    def outcomes(self) -> frozenset[str]:
        """Those of some estimate whose counts could be searched for."""
        return frozenset(outcome for _, outcome in self.digits)

    def take(self, key: Key, behind: Members, numbers: int) -> None:
        """Keep an estimate in mind, of which so many different numbers would be told, where it could be searched."""
        if behind.searched(self.about.fewest, self.about.smallest):
            self.digits[key] = digits = digits_that_leave([behind.late_room(self.about.smallest)], numbers)
            self._room[key[1]] = behind.room(self.about.smallest) - digits * numbers

    def answers(self, table: pd.DataFrame) -> Flags:
        """Say which rows of `estimates.csv` answer for these estimates: theirs that may be told."""
        out = np.zeros(len(table), bool)
        for key in self.digits:
            own = np.flatnonzero((table["estimator"] == key[0]) & (table["outcome"] == key[1]))
            out[own] = answering(table.iloc[own])
        return out

    def coarser(self, file: str, table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        """Write the numbers of these estimates to their digits: p to its own, others to the largest's place."""
        for key, digits in self.digits.items():
            own = np.asarray((table["estimator"] == key[0]) & (table["outcome"] == key[1]))
            present = [name for name in columns if name in table]
            cells = int(table.loc[own, present].notna().to_numpy().sum())
            if not digits or not cells:
                continue
            self.coarse.append((file, " ".join(key), digits, cells))
            for names, rows, least in self._together(table, own, present):
                place = _place(table.loc[rows, names], least, digits)
                fewer = {name: table[name].astype(float) for name in names}
                table = table.assign(**{name: one.where(~rows, one.round(place)) for name, one in fewer.items()})
            table = _to_digits(table, own, [name for name in present if name in _SHARES], digits)
        return table

    def _together(self, table: pd.DataFrame, own: Flags, present: Sequence[str]) -> Iterator[_Together]:
        """Yield the columns and rows that end at one place, and what its largest number is at least."""
        levels = [name for name in _LEVELS if name in present]
        for scale in table.loc[own, "scale"].unique() if levels else ():
            yield levels, own & (table["scale"] == scale).to_numpy(bool), 0.0
        for name in ("statistic", "df"):
            if name in present:
                yield [name], own, 1.0

    def path_digits(self, paths: pd.DataFrame, behind: Sequence[Array], held: Flags) -> NDArray[np.intp]:
        """Return to how many digits each mean may be told, (n_rows,).

        Parameters
        ----------
        paths, behind
            See `path_rows`.
        held : (n_rows,)
            Means that are held back already.

        Returns
        -------
        (n_rows,)
            Four, but for outcomes whose counts could be searched for. Of those the treated together and the comparison
            are told, all to as many digits as the fewest combinations and what the estimate left allow; 0 for the rest.
        """
        out = np.full(len(paths), FULL_DIGITS)
        whole = (paths["group"].isin(["treated", "comparison"]) & ~said(paths["cohort"])).to_numpy(bool)
        pinned = {
            str(name)
            for name, units in zip(paths["outcome"], behind, strict=True)
            if len(units) and pins_down(units[:, 1][None], units[:, 2], self.about.smallest)
        }
        for name in pinned | self._searched_paths(paths, behind) | self.outcomes:
            own = (paths["outcome"] == name).to_numpy(bool)
            told = np.flatnonzero(own & whole & ~held).tolist()
            rooms = [_room_of(behind[k], self.about.smallest) for k in told]
            left = digits_that_leave([self._room.get(name, math.inf)], len(told))
            out[own] = 0
            if name not in pinned:  # by one mean: the others and the estimate would give that back
                out[told] = min([left, *(digits_that_leave([room], 1) for room in rooms)])
        return out

    def coarser_means(self, file: str, paths: pd.DataFrame, digits: NDArray[np.intp]) -> pd.DataFrame:
        """Write means to so many digits each, (n_rows,)."""
        for each in range(1, FULL_DIGITS):
            rows = digits == each
            cells = int(paths.loc[rows, "mean"].notna().sum())
            self.coarse += [(file, "mean", each, cells)] if cells else []
            paths = _to_digits(paths, rows, ["mean"], each)
        return paths

    def _searched_paths(self, paths: pd.DataFrame, behind: Sequence[Array]) -> set[str]:
        """Return the outcomes of some mean whose counts can be listed by it."""
        enough = paths["n_units"].to_numpy(float) >= self.about.fewest
        return {
            str(name)
            for name, units, told in zip(paths["outcome"], behind, enough, strict=True)
            if told and len(units) and can_be_searched(units[:, 2], self.about.smallest)
        }


def _room_of(behind: Array, smallest: int) -> float:
    """Return how many combinations the counts behind a mean have, as a power of ten; no limit where some replaced."""
    counts = behind[:, 2] if len(behind) else np.zeros(0)
    return math.inf if np.isnan(counts).any() else digits_of(taken(counts, smallest))


def _place(numbers: pd.DataFrame, least: float, digits: int) -> int:
    """Return the decimal place at which numbers end where the largest has so many significant digits."""
    largest = max(least, float(np.nanmax(np.abs(numbers.to_numpy(float)), initial=0.0)))
    return digits - 1 - math.floor(math.log10(significant(largest, digits))) if largest else 0


def _to_digits(table: pd.DataFrame, rows: Flags, names: Sequence[str], digits: int) -> pd.DataFrame:
    fewer = {name: table[name].astype(float).map(lambda one: significant(one, digits)) for name in names}
    return table.assign(**{name: one.where(rows, table[name].astype(float)) for name, one in fewer.items()})


def answering(rows: pd.DataFrame) -> Flags:
    """Say which rows of one estimate in `estimates.csv` answer for the whole: overall, simple where there is none."""
    whole = (rows["subgroup"].astype(str) == "").to_numpy(bool)
    kind = rows["aggregation"].to_numpy(object)
    overall = whole & (kind == "overall")
    return np.asarray(overall if overall.any() else whole & (kind == "simple"))


def different(*parts: pd.DataFrame) -> int:
    """Return how many different numbers tables hold, as they are written: a copy tells nothing."""
    told = {significant(float(one)) for part in parts for one in part.to_numpy(float).ravel()}
    return len({one for one in told if np.isfinite(one)})
