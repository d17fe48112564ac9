"""Errors under a profile: each is a sum of squares of changes, and of few units their counts could be found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.members import Members

__all__ = ["ERRORS", "ERROR_COLUMNS", "ToldErrors"]

ERRORS = "withheld: errors are sums of squares of few units' changes, of which small counts could be found"
#: What a row of effects tells of its error.
ERROR_COLUMNS = ("std_error", "conf_low", "conf_high", "band_low", "band_high", "statistic", "df", "p_value")
#: Of a permutation test the p is a rank, which adds no squares up.
_RANK = "randomization"
#: Procedures that an estimate's errors are told by, where some count is protected: levels and draws list residuals.
_MOST = 2
#: Units for each period from which on their changes have so many directions that no one unit's are left over.
_FOR_EACH_PERIOD = 2

Flags = NDArray[np.bool_]


class ToldErrors:
    """The errors that are told.

    A standard error is ``a SS_treated + b SS_others``, sums of squares of one contrast of periods over each side. Two
    procedures with other a : b part the sides, contrasts of n periods make the matrix of a side's changes, and where a
    side has hardly more units than periods a protected count is what leaves that matrix of one rank less.

    Parameters
    ----------
    members
        The units behind each estimate, by estimator and outcome.
    smallest
        Smallest count that is shown.
    estimates
        `estimates.csv`.
    headline
        Estimator, outcome and inference of the headline.
    design
        The resolved design: an entry of `inference` may bear any name.
    fewest
        Fewest units that a number may rest on.

    Attributes
    ----------
    few
        Outcomes with a protected count on a side of fewer than two units a period, or with a side of fewer clusters
        than a result may rest on units: of these the overall errors of one estimate by one procedure are told.
    protected
        Outcomes with a protected count anywhere.
    """

    def __init__(
        self, members: Mapping[tuple[str, str], Members], smallest: float, estimates: pd.DataFrame,
        headline: tuple[str, str, str], design: Mapping[str, Any], fewest: int = 1,
    ) -> None:  # fmt: skip
        self._methods = dict(_named(design))
        sides = [(key[1], *side) for key, one in members.items() for side in one.protected_sides(smallest)]
        longest = {outcome: max(periods for name, _, periods in sides if name == outcome) for outcome, *_ in sides}
        self.protected = frozenset(longest)
        parted = {outcome for (_, outcome), one in members.items() if one.parted_by_clusters(fewest)}
        self.few = frozenset(parted) | {name for name, units, _ in sides if units < _FOR_EACH_PERIOD * longest[name]}
        keys = zip(*(estimates[name].astype(str) for name in ("estimator", "outcome", "inference")), strict=True)
        every = list(dict.fromkeys([headline, *keys]))
        first: dict[str, tuple[str, str, str]] = {}
        for key in every:
            first.setdefault(key[1], key)
        self._one = {key for key in first.values() if key[1] in self.few}
        counted: dict[tuple[str, str], list[str]] = {}
        for estimator, outcome, inference in every:
            counted.setdefault((estimator, outcome), []).append(inference)
        self._some = {(*key, inference) for key, used in counted.items() for inference in used[:_MOST]}

    def hidden(self, table: pd.DataFrame, answers: Flags) -> tuple[Flags, Flags]:
        """Say of which rows of effects errors are withheld, (n_rows,), and of which of these p too.

        Parameters
        ----------
        answers : (n_rows,)
            The rows that answer for their estimate; none in tables of checks, of which no errors of `few` are told.
        """
        keys = list(zip(*(table[name].astype(str) for name in ("estimator", "outcome", "inference")), strict=True))
        one = np.array([key in self._one for key in keys], bool) & answers
        few = np.array([key[1] in self.few for key in keys], bool) & ~one
        more = np.array([key[1] in self.protected and key not in self._some for key in keys], bool)
        method = table["inference"].astype(str).map(lambda name: self._methods.get(name, name))
        rank = method.str.startswith(_RANK).to_numpy(bool) & answers
        return few | more, (few | more) & ~rank

    def tells(self, estimator: str, outcome: str, inference: str) -> bool:
        """Whether what a procedure wrote down of an estimate is told."""
        key = (estimator, outcome, inference)
        return key in self._one if outcome in self.few else outcome not in self.protected or key in self._some

    def of(self, outcomes: Collection[object]) -> Flags:
        """Say which of some outcomes are among `few`."""
        return np.array([str(one) in self.few for one in outcomes], bool)


def _named(design: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names that a design gives to entries of inference, each with its method."""
    whose = [design, *(design.get("estimators") or [])]
    for entry in (entry for one in whose for entry in one.get("inference") or []):
        if entry.get("id"):
            yield str(entry["id"]), str(entry["method"])
