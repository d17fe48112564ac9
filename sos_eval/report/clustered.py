"""Where conventional errors of few treated clusters find what the test of the same estimate does not."""

from __future__ import annotations

import math

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.errors import p_text
from sos_eval.report.reading import estimator_label, unit_words
from sos_eval.report.tables.effects import summaries
from sos_eval.report.wording import count, listing, plain_words
from sos_eval.results.facts import OutcomeFacts, RunFacts
from sos_eval.results.inference import FEW

__all__ = ["clustered_apart", "drawn_of_few", "only_clustered"]

_LEVEL = 0.05


def clustered_apart(estimates: pd.DataFrame, facts: RunFacts, units: tuple[str, str]) -> list[str]:
    """Say of which outcomes an estimate's clustered p rejects and that of the test that is relied on does not.

    Both are of the headline's estimator, on the same outcome: what other estimates find is another effect.
    """
    whole = estimates[
        (estimates["aggregation"] == "overall") & (estimates["subgroup"] == "") & estimates["p_value"].notna()
    ]
    key = facts.headline
    whole = whole[whole["estimator"] == key.estimator]
    tests = whole[whole["inference"] == key.inference]
    by_unit = (whole["inference"] == "analytic") & (whole["n_clusters"] <= whole["n_units"])
    clustered = whole[by_unit & whole["n_treated_units"].between(1, FEW - 1)]
    if key.inference == "analytic" or clustered.empty:
        return []
    said = []
    for _, test in tests.iterrows():
        own = clustered[(clustered["outcome"] == test["outcome"]) & (clustered["scale"] == test["scale"])]
        level = 1 - test["conf_level"] if math.isfinite(test["conf_level"]) else _LEVEL
        if test["p_value"] > level and len(own) and own["p_value"].iloc[0] <= level:
            outcome = facts.panel.outcomes.get(str(test["outcome"]), OutcomeFacts())
            label = plain_words(outcome.label or str(test["outcome"]))
            said.append(
                f"{label[:1].lower()}{label[1:]}, {p_text(own['p_value'].iloc[0])} where the test has "
                f"{p_text(test['p_value'])}"
            )
    if not said:
        return []
    few = count(int(clustered["n_treated_units"].max()), f"treated {units[0]}", f"treated {units[1]}")
    return [
        f"Conventional clustered errors of the same estimate, which with {few} can reject too often where nothing "
        f"changes, part from the test that is relied on: {'; '.join(said)}."
    ]


def drawn_of_few(rows: pd.DataFrame) -> str:
    """Say that drawn intervals of conventional errors with few treated are not relied on; empty if none is drawn.

    Parameters
    ----------
    rows
        What is drawn: columns ``inference, n_treated_units, conf_low``.
    """
    few = (rows["inference"] == "analytic") & rows["n_treated_units"].between(1, FEW - 1) & rows["conf_low"].notna()
    if not few.any():
        return ""
    which = "the intervals" if few.all() else f"{int(few.sum())} intervals"
    return f" Of conventional clustered errors with fewer than {FEW} treated, so not relied on: {which}."


def only_clustered(bundle: ResultBundle) -> str:
    """Name the estimates of few treated clusters that have a conventional clustered p and no other; empty if none."""
    rows = summaries(bundle.estimates)
    rows = rows[rows["p_value"].notna() & (rows["estimator"] != bundle.headline.get("estimator"))]
    few = rows[rows["n_treated_units"].between(1, FEW - 1)]
    named = [
        f"“{estimator_label(bundle, str(name))}”"
        for name, own in few.groupby("estimator", sort=False)
        if own["inference"].eq("analytic").all()
    ]
    if not named:
        return ""
    treated = count(int(few["n_treated_units"].max()), *unit_words(bundle))
    return (
        f"{listing(named)}: with {treated} treated, conventional clustered errors can find a difference too often "
        "where nothing changed, and no other procedure is defined, so that their p are not relied on."
    )
