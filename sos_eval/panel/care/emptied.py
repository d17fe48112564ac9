"""Returns of which the rules leave nothing, and how many episodes or events rules exclude."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sos_eval.errors import Faults

__all__ = ["Excluded", "excluded_by_rule", "refuse_emptied", "roughly", "said_of_excluded"]

#: Rule -> the sum of its cells that are shown, and how many cells are masked.
Excluded = dict[str, dict[str, float]]
_FEWEST, _TENS = 10, 10


def refuse_emptied(whose: str, what: str, n: int, by_rule: Mapping[str, int], faults: Faults) -> None:
    """Note that rules leave nothing: zeros would look like counts.

    Numbers are rounded to tens, and below ten not told: no profile shows less.

    Parameters
    ----------
    whose
        Authority and year.
    what
        Episodes, or events of a kind.
    n, by_rule
        How many there were; and each excluding rule that some of them break, with how many.
    """
    rules = ", ".join(f"{rule} ({roughly(count)})" for rule, count in by_rule.items())
    some = next(iter(by_rule), "RULE")
    instead = f"zeros would look like counts: mend what the rule finds (is the year right?), or write {some}=keep"
    faults.add(whose, f"every one of its {what} ({roughly(n)}) is excluded: {rules}", f"{instead} after --policy")


def roughly(n: int) -> str:
    """Say a number to tens: no profile shows less."""
    return f"fewer than {_FEWEST}" if n < _FEWEST else f"about {(n + _TENS // 2) // _TENS * _TENS:,}"


def excluded_by_rule(shown: pd.DataFrame, counted: str) -> Excluded:
    """Say how much each rule excludes, by the cells of a validation report that are shown.

    Only those are summed, so that no masked cell follows by subtraction.
    """
    rows = shown[shown["policy"] == "exclude"]
    return {
        str(rule): {counted: float(cells.sum()), "masked": int(cells.isna().sum())}
        for rule, cells in rows.groupby("rule", sort=False)[counted]
    }


def said_of_excluded(excluded: Excluded, counted: str) -> Sequence[str]:
    """Return the line that says so; none where nothing was excluded."""
    told = []
    for rule, held in excluded.items():
        few = f"{held['masked']:.0f} small count{'s' * (held['masked'] > 1)}" if held["masked"] else ""
        told.append(f"{rule} {' and '.join(filter(None, [f'{held[counted]:,.0f}' * (held[counted] > 0), few]))}")
    return [f"excluded {counted}, by rule: {', '.join(told)}"] if told else []
