"""Returns of which the rules leave nothing, and how many episodes or events break each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sos_eval.errors import Faults

__all__ = ["BrokenRules", "broken_rules", "refuse_emptied", "roughly", "said_of_rules"]

#: excluded, kept -> rule -> the sum of its cells that are shown, and how many cells are masked.
BrokenRules = dict[str, dict[str, dict[str, float]]]
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


def broken_rules(shown: pd.DataFrame, counted: str) -> BrokenRules:
    """Say how much each rule excludes, and how much is kept that breaks one, by the cells of a report that are shown.

    Only those are summed, so that no masked cell follows by subtraction.
    """
    return {
        done: {
            str(rule): {counted: float(cells.sum()), "masked": int(cells.isna().sum())}
            for rule, cells in shown[shown["policy"] == policy].groupby("rule", sort=False)[counted]
        }
        for policy, done in (("exclude", "excluded"), ("keep", "kept"))
    }


def said_of_rules(broken: BrokenRules, counted: str) -> Sequence[str]:
    """Return the lines that say so; none where no rule was broken."""
    words = {"excluded": f"excluded {counted}, by rule", "kept": f"kept {counted} that break a rule"}
    return [f"{words[done]}: {', '.join(map(_told, rules.items()))}" for done, rules in broken.items() if rules]


def _told(rule: tuple[str, dict[str, float]]) -> str:
    """Return a rule with how much breaks it."""
    name, held = rule
    few = f"{held['masked']:.0f} small count{'s' * (held['masked'] > 1)}" if held["masked"] else ""
    n = next(value for key, value in held.items() if key != "masked")
    return f"{name} {' and '.join(filter(None, [f'{n:,.0f}' * (n > 0), few]))}"
