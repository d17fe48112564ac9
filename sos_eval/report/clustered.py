"""Where conventional errors of few treated clusters find what the headline's own test does not."""

from __future__ import annotations

import pandas as pd

from sos_eval.report.wording import count, p_text, plain_words
from sos_eval.results.facts import OutcomeFacts, RunFacts
from sos_eval.results.inference import FEW

__all__ = ["clustered_apart"]

_LEVEL = 0.05


def clustered_apart(estimates: pd.DataFrame, facts: RunFacts, units: tuple[str, str]) -> list[str]:
    """Say of which outcomes the clustered p is below 0.05 and that of the headline's procedure is not.

    The test is the headline estimator's own on the same outcome; the smallest p of any estimator is told whose errors
    are clustered by unit, or wider.
    """
    whole = estimates[
        (estimates["aggregation"] == "overall") & (estimates["subgroup"] == "") & estimates["p_value"].notna()
    ]
    key = facts.headline
    tests = whole[(whole["estimator"] == key.estimator) & (whole["inference"] == key.inference)]
    by_unit = (whole["inference"] == "analytic") & (whole["n_clusters"] <= whole["n_units"])
    clustered = whole[by_unit & whole["n_treated_units"].between(1, FEW - 1)]
    if key.inference == "analytic" or clustered.empty:
        return []
    said = []
    for _, test in tests.iterrows():
        own = clustered[clustered["outcome"] == test["outcome"]].sort_values("p_value", kind="stable")
        own = own[own["p_value"] < _LEVEL]
        if test["p_value"] >= _LEVEL and len(own):
            outcome, least = facts.panel.outcomes.get(str(test["outcome"]), OutcomeFacts()), own.iloc[0]
            label = plain_words(outcome.label or str(test["outcome"]))
            said.append(
                f"{label[:1].lower()}{label[1:]}, {p_text(least['p_value'])} (estimate {least['estimator']}) where the "
                f"test of the answer has {p_text(test['p_value'])}"
            )
    if not said:
        return []
    few = count(int(clustered["n_treated_units"].max()), f"treated {units[0]}", f"treated {units[1]}")
    return [
        f"With {few} conventional clustered errors reject too often where nothing changes, and here they part from the "
        f"test that is relied on: {'; '.join(said)}."
    ]
