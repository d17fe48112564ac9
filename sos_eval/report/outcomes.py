"""What the report says of the outcomes beside the headline's; those on safety stand on page one (`safety`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from sos_eval.report.verdict import HeadlineEffect, effect_of, verdict_of
from sos_eval.report.wording import plain_words
from sos_eval.results.facts import OutcomeFacts, RunFacts
from sos_eval.terms import SAFETY_ROLES, Verdict

__all__ = ["other_outcomes"]

_VERDICTS: dict[Verdict, str] = {
    "inconclusive": "inconclusive", "decrease": "lower than the comparison suggests",
    "increase": "higher than the comparison suggests", "no_meaningful_effect": "no meaningful change",
    "not_identified": "cannot be answered with these data",
}  # fmt: skip


def other_outcomes(
    estimates: pd.DataFrame, facts: RunFacts, ranged: Callable[[HeadlineEffect, OutcomeFacts], str]
) -> list[str]:
    """Return a sentence or two for each further outcome of the headline's estimator, under the same inference.

    Parameters
    ----------
    estimates
        In the columns of `estimates.csv`.
    facts
        Which row is the headline's, whose outcome is left out here; and whether the rule relies on any procedure:
        where it does not, there is no range.
    ranged
        Writes estimate and range.
    """
    said = []
    for name, outcome in facts.panel.outcomes.items():
        row = replace(facts.headline, outcome=name).overall(estimates)
        if row is None or name == facts.headline.outcome or outcome.role in SAFETY_ROLES:
            continue
        effect = effect_of(row, outcome)
        if not facts.inference.reliable:
            effect = replace(effect, low=math.nan, high=math.nan, p=math.nan, std_error=math.nan)
        label = plain_words(outcome.label or name)
        verdict = _VERDICTS[verdict_of(effect)]
        said.append(f"{label[:1].upper()}{label[1:]}: {verdict}. {ranged(effect, outcome)}".strip())
    return said
