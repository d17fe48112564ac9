"""Checks and tests, as far as a disclosure profile lets them out."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from sos_eval.bundle.errors_told import ERRORS
from sos_eval.bundle.lists import ENDS, FROM_LIST, SINGLE
from sos_eval.bundle.passage import RANKS, Passage
from sos_eval.bundle.reasons import AS_BALANCE, FINER, MEANS, ONE_UNIT
from sos_eval.bundle.told import SEARCHED, UNKNOWN, WEIGHED
from sos_eval.bundle.withheld import BACK
from sos_eval.results.check import ENTRY

__all__ = ["FURTHER", "WITHOUT_SOME", "PassedChecks"]

_TESTED = ("observed", "mean", "sd", "mean_estimate", "p", "p_centred", "mcse", "low", "high", "low_mcse", "high_mcse",
    "p_adjusted",
)  # fmt: skip
#: What the curve's sentence says in per cent of that mean.
_IN_PERCENT = re.compile(r", from \S+% to \S+% of the treated's level before the start")
#: Checks that estimate without a few units: set against the estimate they tell of those.
WITHOUT_SOME = ("leave_one_out", "contamination", "spillover")
#: Checks whose sentence tells of every alternative.
_OF_ALTERNATIVES = ("robustness", "specification_curve", "specification_curve.found")
#: Checks that make further estimates of the same units, which nothing holds against those that are told.
FURTHER = (
    "unmatched", "without_strata_effects", "placebo_outcome", "panel_tests", "sensitivity", "refuters", "mechanisms",
)  # fmt: skip
_THIN = "withheld: not all alternatives may be told"


class PassedChecks:
    """What checks and permutation tests say of the estimates that are told."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage

    def diagnostics(self, table: pd.DataFrame) -> pd.DataFrame:
        """Hold back checks of estimates on few units, of single units, and of estimates some of which is held back."""
        keys = list(zip(table["estimator"], table["outcome"], strict=True))
        name = table["name"].astype(str).str.split(ENTRY).str[0]
        few = np.array([key in self.passage.silent for key in keys], bool)
        alone = name.str.startswith(WITHOUT_SOME).to_numpy(bool) & ~few
        undone = table["text"].astype(str).str.startswith("Not done").to_numpy(bool)
        varied = name.isin(_OF_ALTERNATIVES).to_numpy(bool)  # their rows are judged one by one
        between = name.eq("robustness").to_numpy(bool) & ~few
        searched = np.array([key[1] in self.passage.searched.outcomes for key in keys], bool) & ~(few | alone | undone)
        squares = self.passage.errors.of(table["outcome"]) & ~(few | alone | undone | searched)
        back = np.array([key in self.passage.partial for key in keys], bool) & ~(
            few | alone | undone | varied | searched
        )
        plain = [
            self.passage.about.told(str(text)) if gone else text
            for text, gone in zip(table["text"], undone, strict=True)
        ]
        table = table.assign(text=plain)
        thin = (
            np.array([key in self.passage.thin for key in keys], bool)
            & name.isin(_OF_ALTERNATIVES).to_numpy(bool)
            & ~few
        )
        unknown = name.str.startswith(FURTHER).to_numpy(bool) & ~few
        worst = name.str.startswith("balance.").to_numpy(bool) & self.passage.silent_on_balance & ~few
        reached = np.array([not self.passage.out_of_reach(self.passage.members(key)) for key in keys], bool)
        weighed = name.str.endswith("gone_on_as_answered").to_numpy(bool) & reached & ~(few | back)
        finer = reached | np.array([key in self.passage.finer for key in keys], bool)
        why = {ONE_UNIT: alone, BACK: back, _THIN: thin, UNKNOWN: unknown, AS_BALANCE: worst}
        listed = np.array([self.passage.listed.of(*key) for key in keys], bool) & name.str.startswith(
            FROM_LIST
        ).to_numpy(bool)
        listed &= ~(few | alone | undone | searched | squares | back) & table["statistic"].ne("p_value").to_numpy(bool)
        why |= {SINGLE: listed}
        why |= {WEIGHED: weighed, SEARCHED: searched, FINER: between & finer & ~(searched | thin), ERRORS: squares}
        words = zip(table["text"], finer, strict=True)
        table = table.assign(text=[_IN_PERCENT.sub("", str(text)) if gone else str(text) for text, gone in words])
        out = self.passage.without_few("diagnostics.csv", table, ("value",), "text")
        out = self.passage.held.emptied("diagnostics.csv", out, ("value",), why, "text")
        return out.assign(text=self.passage.words.said("diagnostics.csv", [str(text) for text in out["text"]]))

    def tests(self, table: pd.DataFrame) -> pd.DataFrame:
        """Hold back tests of estimates on few units, means of draws, and what small counts could be searched by."""
        linear = table["statistic"].eq("coefficient").to_numpy(bool)
        out = self.passage.without_few("tests.csv", table, _TESTED, "")
        searched = self.passage.searched_rows(table)
        beside = [name for name in _TESTED if name not in RANKS]
        out = self.passage.searched.coarser(
            "tests.csv", self.passage.held.emptied("tests.csv", out, beside, {SEARCHED: searched}, ""), RANKS
        )
        squares = self.passage.errors.of(table["outcome"])
        out = self.passage.held.emptied("tests.csv", out, beside, {ERRORS: squares & ~searched}, "")
        ends = self.passage.listed.rows(table) & ~(squares | searched)
        out = self.passage.held.emptied("tests.csv", out, ENDS, {SINGLE: ends}, "")
        out = self.passage.held.emptied("tests.csv", out, ("mean_estimate",), {MEANS: np.ones(len(out), bool)}, "")
        return self.passage.held.emptied("tests.csv", out, ("mean",), {MEANS: linear}, "")
