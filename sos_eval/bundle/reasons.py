"""Why something is withheld, in the words that stand in its place."""

from __future__ import annotations

__all__ = ["AS_BALANCE", "DRAWS", "FINER", "MEANS", "ONE_UNIT", "SETS"]

ONE_UNIT = "withheld: each row is about a single unit"
DRAWS = "withheld: with the seed, every draw is one more equation on the counts of single units"
MEANS = "withheld: with the seed, a mean of drawn estimates is one more equation on the counts of single units"
FINER = "withheld: a difference by itself tells finer than the estimates that are shown"
SETS = "withheld: counts of people are told of nested sets only"
AS_BALANCE = "withheld: what balance.csv holds back would stand here"
