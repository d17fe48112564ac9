"""What page one says of the outcomes beside the headline's, possible harms among them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from sos_eval.report.verdict import HeadlineEffect, effect_of, headline_row, verdict_of
from sos_eval.report.wording import plain_words
from sos_eval.terms import Verdict

__all__ = ["other_outcomes"]

_VERDICTS: dict[Verdict, str] = {
    "inconclusive": "inconclusive", "decrease": "lower, if the comparison is fair",
    "increase": "higher, if the comparison is fair", "no_meaningful_effect": "no meaningful change",
    "not_identified": "cannot be answered with these data",
}  # fmt: skip


def other_outcomes(
    estimates: pd.DataFrame,
    keys: Mapping[str, Any],
    outcomes: Mapping[str, Mapping[str, Any]],
    ranged: Callable[[HeadlineEffect, Mapping[str, Any]], str],
    *,
    reliable: bool,
) -> list[str]:
    """Return a sentence or two for each further outcome of the headline's estimator, under the same inference.

    Parameters
    ----------
    keys
        Which row is the headline's; `outcome` is the one that is left out here.
    outcomes
        Facts of every outcome, by name.
    ranged
        Writes estimate and range.
    reliable
        False where the rule relies on no procedure: then there is no range.
    """
    said = []
    for name, facts in outcomes.items():
        row = headline_row(estimates, {**keys, "outcome": name}) if name != keys.get("outcome") else None
        if row is None:
            continue
        effect = effect_of(row, facts)
        effect = effect if reliable else replace(effect, low=math.nan, high=math.nan, p=math.nan, std_error=math.nan)
        label = plain_words(str(facts.get("label") or name))
        harm = " (declared as a possible harm)" if facts.get("role") == "harm" else ""
        verdict = _VERDICTS[verdict_of(effect)]
        said.append(f"{label[:1].upper()}{label[1:]}{harm}: {verdict}. {ranged(effect, facts)}".strip())
    return said
