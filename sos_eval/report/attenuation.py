"""What use of the intervention by others, or before its start, does to the size of the estimate."""

from __future__ import annotations

import pandas as pd

from sos_eval.results.facts import RunFacts

__all__ = ["attenuation", "attenuation_table", "remaining_share"]

#: Shares of the effect that were there before, and of comparison weight that took the practice up in between.
BEFORE, TAKEN_UP = (0.0, 0.25, 0.5, 0.75), (0.0, 0.1, 0.25, 0.5, 0.67)


def remaining_share(before: float, taken_up: float) -> float:
    """Return the share of an effect that a difference-in-differences is expected to show, (1 - q) - s.

    Examples
    --------
    >>> remaining_share(0.25, 0.5), remaining_share(0.0, 0.0)
    (0.25, 1.0)
    """
    return (1.0 - before) - taken_up


def attenuation(facts: RunFacts, units: tuple[str, str]) -> str:
    """Say what unknown use among the comparison does to a difference; empty where use is known."""
    if facts.panel.untreated_means != "unknown":
        return ""
    did = facts.question.intervention
    return (
        f"Which comparison {units[1]} used {did} too is not known: those that took it up in the years compared hide "
        "that share of a difference, those that used it throughout hide none of a constant one."
    )


def attenuation_table(units: tuple[str, str]) -> pd.DataFrame:
    """Lay out the share of the effect that the estimate is expected to show."""
    many = units[1]
    rows = [[f"{q:.0%} of it", *(f"{remaining_share(q, s):.0%}".replace("-", "−") for s in TAKEN_UP)] for q in BEFORE]
    heads = [f"{s:.0%} of comparison {many}" for s in TAKEN_UP]
    return pd.DataFrame(rows, columns=["Of the effect, there before the start", *heads], dtype=object)
