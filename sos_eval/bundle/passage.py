"""What is known of each estimate on its way through the gate: whether it is told, to how many digits, what is not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.content import BundleContent, Confidential
from sos_eval.bundle.errors_told import ToldErrors
from sos_eval.bundle.held import HeldBack
from sos_eval.bundle.lists import ListedTests
from sos_eval.bundle.nested import alike_outcomes, nested_outcomes
from sos_eval.bundle.passed_balance import PassedBalance
from sos_eval.bundle.passed_words import PassedWords
from sos_eval.bundle.searched import SearchedCounts, answering, different
from sos_eval.bundle.told import NESTED, SEARCHED, ToldEstimates
from sos_eval.results.members import Members

__all__ = ["RANKS", "RANKS_OF_FAMILY", "RESULTS", "Passage"]

#: Results of a row of effects.
RESULTS = (
    "estimate", "std_error", "conf_low", "conf_high", "band_low", "band_high", "statistic", "df", "p_value",
)  # fmt: skip
#: What a test tells of an outcome whose counts could be searched for.
RANKS = ("p", "p_adjusted")
RANKS_OF_FAMILY = ("p_value", "p_adjusted")


class Passage:
    """One passage: the content as it came, what was held back so far, and what is known of each estimate."""

    def __init__(self, content: BundleContent, about: Confidential) -> None:
        self.content, self.about = content, about
        self.told = ToldEstimates(about.disclosure.fewest, about.disclosure.smallest)
        self.few = self.told.few
        self.held = HeldBack(about)
        self.words = PassedWords(content, about, self.held)
        self.balance = PassedBalance(content, about, self.held, self.few)
        self.silent: dict[tuple[str, str], str] = {}
        self.thin: set[tuple[str, str]] = set()
        self.finer: set[tuple[str, str]] = set()
        self.partial: set[tuple[str, str]] = set()
        self.hidden: set[str] = set()
        self.held_balance = True
        self.searched = SearchedCounts(about.disclosure)
        self.listed = ListedTests(content.facts.procedures)
        headline = content.facts.headline
        self.errors = ToldErrors(
            about.members, about.disclosure.smallest, content.estimates,
            (headline.estimator, headline.outcome, headline.inference), content.design, about.disclosure.fewest,
        )  # fmt: skip

    def choose(self) -> None:
        """Choose the estimates that are told: the headline, then each that differs from those by enough units or none.

        The silent ones keep their reason, and so do their tests, checks and tables.
        """
        headline = self.content.facts.headline
        first = (headline.estimator, headline.outcome)
        table = self.content.estimates
        keys = list(dict.fromkeys(zip(table["estimator"], table["outcome"], strict=True)))
        for key in sorted(keys, key=lambda key: key != first):
            reason = NESTED if key[1] in self.nested else self.why_silent(key)
            if reason and key != first:
                self.silent[key] = reason
            else:
                self.budget(key)

    def why_silent(self, key: tuple[str, str]) -> str:
        """Say why an estimate is not told beside those that are."""
        return self.told.why_silent(key[1], [self.about.members[key]] if key in self.about.members else [])

    @cached_property
    def nested(self) -> frozenset[str]:
        """Return the outcomes that are part of one that is told, or hold one, and are not told themselves."""
        paths, first = self.content.tables.get("outcome_paths"), self.content.facts.headline.outcome
        about, found = self.about.disclosure, frozenset[str]()
        if paths is not None:
            found = nested_outcomes(paths, self.about.behind, first, about)
        return found | alike_outcomes(self.about.members, first, about.fewest, found)

    def budget(self, key: tuple[str, str]) -> None:
        """Find to how many digits an estimate may be told whose counts could be searched for."""
        estimates, tests = (_of(key, table) for table in (self.content.estimates, self.content.tests))
        family = self.content.tables.get("families")
        told = [estimates.loc[answering(estimates), list(RESULTS)], tests[list(RANKS)]]
        told += [] if family is None else [_of(key, family)[list(RANKS_OF_FAMILY)]]
        if key[1] in self.about.flat:
            self.searched.digits[key] = 0
        else:
            self.searched.take(key, self.members(key), different(*told))
        if key in self.searched.digits:
            self.partial.add(key)
            self.silent |= {} if self.searched.digits[key] else {key: SEARCHED}

    def members(self, key: tuple[str, str]) -> Members:
        """Return the units behind an estimate."""
        return self.about.members.get(key, Members())

    def out_of_reach(self, *behind: Members) -> bool:
        """Whether no small count is left to protect behind numbers: what only guards these is then told."""
        return bool(behind) and all(one.out_of_reach(self.about.disclosure.smallest) for one in behind)

    def tells_levels(self, *behind: Members) -> bool:
        """Whether means of the treated before the start may follow: no count is in reach, no path is held back."""
        return not self.hidden and self.out_of_reach(*behind)

    def searched_rows(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows are of estimates that are told to few digits, since their counts could be searched for."""
        keys = zip(table["estimator"], table["outcome"], strict=True)
        return np.array([key in self.searched.digits and key not in self.silent for key in keys], bool)

    def without_few(self, file: str, table: pd.DataFrame, columns: Sequence[str], said: str) -> pd.DataFrame:
        """Empty rows of estimates of which nothing is told."""
        return self.held.emptied(file, table, columns, self.silent_rows(table), said)

    def silent_rows(self, table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
        """Return the rows of estimates of which nothing is told, by why."""
        why = [self.silent.get(key, "") for key in zip(table["estimator"], table["outcome"], strict=True)]
        return {reason: np.array([one == reason for one in why]) for reason in dict.fromkeys(why) if reason}

    def why_alone(self) -> str:
        """Say why nothing is told that is made of the headline's estimate; nothing where it may be."""
        headline = self.content.facts.headline
        key = (headline.estimator, headline.outcome)
        return SEARCHED if key in self.searched.digits else self.silent.get(key, "")

    @property
    def silent_on_balance(self) -> bool:
        """Whether what tables and checks would say of balance is held back: some of it is, or rows are people."""
        return self.held_balance or self.about.people

    @cached_property
    def clusters_are_people(self) -> bool:
        """Whether clusters are parts of units, children or homes, and their number one of people."""
        panel = self.content.facts.panel
        return self.about.people and panel.n_clusters > panel.n_units

    def clusters(self, n: float) -> float:
        """Return a number of clusters as it may be told."""
        return self.held.count(n) if self.clusters_are_people else n


def _of(key: tuple[str, str], table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an estimate."""
    return table[(table["estimator"] == key[0]) & (table["outcome"] == key[1])]
