"""What chance gives: the statistic when treatment is shuffled, and the one that was observed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.numerics.lots import share_reached
from sos_eval.report.drawing import NothingToShow, figure
from sos_eval.report.reading import table_of, unit_words, why_missing
from sos_eval.report.theme import COMPARISON, TREATED, canvas, legend
from sos_eval.report.wording import number
from sos_eval.results.check import of_hundred

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def data(bundle: ResultBundle) -> pd.DataFrame:
    """Return a row per draw: ``statistic``, with the observed one beside it."""
    name, table = table_of(bundle, "randomization")
    if table.empty:
        raise NothingToShow(why_missing(bundle, "randomization", "the design does not ask for randomization inference"))
    if "observed" not in table.columns:
        observed = facts_of(bundle, name).get("observed")
        table = table.assign(observed=np.nan if observed is None else observed)
    if not np.isfinite(table[["statistic", "observed"]].to_numpy(float)).any():
        raise NothingToShow("the test has no statistic here: see the reason in the table of estimates")
    return table


def facts_of(bundle: ResultBundle, table: str) -> dict[str, Any]:
    """Return what the permutation that made a table wrote down of itself."""
    outcome, parts = bundle.facts.headline.outcome, table.split(".")
    made = [facts for facts in bundle.facts.procedures if "p_monte_carlo_error" in facts.details]
    used = bundle.facts.headline.inference
    made.sort(key=lambda facts: (facts.estimator not in parts, facts.outcome != outcome, facts.inference != used))
    return dict(made[0].details) if made else {}


@figure("randomization", data)
def plot(table: pd.DataFrame, bundle: ResultBundle) -> Figure:
    """Distribution of the test statistic under shuffled treatment, with the observed one and its p."""
    draws = table["statistic"].dropna().to_numpy(float)
    placed = draws[np.isfinite(draws)]
    observed = float(table["observed"].iloc[0])
    many = unit_words(bundle)[1]
    shown, axes = canvas(
        f"Could chance do this? The result when the treated {many} are drawn by lot", height=2.5, top=0.42,
        note=_note(bundle, draws, observed) + _beyond(len(draws) - len(placed)),
    )  # fmt: skip
    axes[0].hist(placed, bins=min(60, max(12, int(np.sqrt(len(placed))))), color="#bfbfbf", edgecolor="white", lw=0.4,
                 label=f"Shuffled ({len(placed):,} draws)")  # fmt: skip
    if np.isfinite(observed):
        axes[0].axvline(observed, color=TREATED, lw=2.2, label=f"Observed: {number(observed)}")
        axes[0].axvline(-observed, color=COMPARISON, lw=1.4, ls="--", label="As far on the other side")
    name, _ = table_of(bundle, "randomization")
    studentised = facts_of(bundle, name).get("statistic") in ("studentised", "both")
    axes[0].set_xlabel("Effect divided by its standard error" if studentised else "Test statistic")
    axes[0].set_ylabel("Draws")
    axes[0].grid(visible=False, axis="x")
    legend(axes[0])
    return shown


def _beyond(draws: int) -> str:
    """Say how many draws have no place on the axis."""
    return f" {draws:,} more draws count in p and lie beyond the axis: their standard error is zero." if draws else ""


def _note(bundle: ResultBundle, draws: np.ndarray, observed: float) -> str:
    """Say the p value with its Monte Carlo error."""
    name, _ = table_of(bundle, "randomization")
    made = facts_of(bundle, name).get("key", "randomization")
    permuted = replace(bundle.facts.headline, inference=str(made)).overall(bundle.estimates)
    p = float(permuted["p_value"]) if permuted is not None else np.nan
    if not np.isfinite(p):
        return "No p value was computed."
    complete = bool(facts_of(bundle, name).get("complete", False))
    error = float(np.sqrt(p * (1 - p) / max(len(draws), 1)))
    said = f"{_told(p)} (of all assignments)" if complete else f"{_told(p)} (simulation error ± {number(error, 2)})"
    if facts_of(bundle, name).get("statistic") == "both":
        return (
            f"{said} of the effect over its error and the effect itself taken "
            "together: how often the smaller p of the two is as small in the draws. Shown: the effect over its error, "
            f"alone {_told(share_reached(np.r_[observed, draws], complete=complete))}."
        )
    of = "assignments, the observed one among them" if complete else "draws, the observed one counted as one of them"
    return f"{said}: a result at least as far from zero came up in {of_hundred(p)} {of}."


def _told(p: float) -> str:
    """Return a p of counted draws, which is never zero: ``p = 0.0002``."""
    return f"p = {number(p, 1)}" if p < 0.001 else f"p = {p:.3f}"
