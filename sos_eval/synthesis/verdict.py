"""What the mean of several studies allows to be said in a sentence, what it does not show, and why it is so wide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.errors import numeral

__all__ = ["few_degrees", "not_shown", "verdict_of_mean"]

#: Up to how many degrees of freedom it is said what they do to the interval.
_FEW = 3.0


def verdict_of_mean(head: Mapping[str, Any]) -> str:
    """Say whether the mean is told from no difference, and whether a new setting's effect would be.

    Parameters
    ----------
    head
        The headline's row: ``studies, scale, reason, conf_low, conf_high, predicted_low, predicted_high``.
    """
    n, nothing = int(head["studies"]), 1.0 if head["scale"] == "ratio" else 0.0
    if head["reason"]:
        return f"No verdict: {head['reason']}."
    if head["conf_low"] <= nothing <= head["conf_high"]:
        return (
            f"These {n} studies together do not tell whether there is a difference: the interval of their mean holds "
            "none, and differences either way."
        )
    way = "below" if head["conf_high"] < nothing else "above"
    mean = f"The mean of these {n} studies lies {way} no difference"
    if pd.isna(head["predicted_low"]):
        return f"{mean}; what a new setting would find they do not tell."
    if head["predicted_low"] <= nothing <= head["predicted_high"]:
        return f"{mean}; in a new setting no difference, or one the other way, is not ruled out."
    return f"{mean}, and so does the range in which a new setting's effect would be expected."


def not_shown(head: Mapping[str, Any], studies: pd.DataFrame, small: str) -> tuple[str, ...]:
    """Say what a reader might take from the mean and should not.

    Parameters
    ----------
    head
        The headline's row.
    studies
        A row per study.
    small
        Why the test for small studies was not done; empty where it was.
    """
    said = [
        "That the intervention caused it: a mean is no surer than the studies that it is made of, and what limits each "
        "stands in its own report.",
        "What happened, or would happen, in any one place: it is a mean of what studies found.",
    ]
    if pd.isna(head["predicted_low"]):
        said.append(f"Where a new setting's effect would lie: {len(studies)} studies here allow no such range.")
    unseen = f"the test for small studies was {small}" if small else "a test of small studies sees only some of that"
    said.append(f"Whether studies that are not among these found something else: {unseen}.")
    return (*said, "Whether children were safer or better off, unless the outcome itself measures that.")


def few_degrees(head: Mapping[str, Any]) -> str:
    """Say what few degrees of freedom do to the interval; empty where there are enough, or it is a normal one."""
    from scipy.special import ndtri, stdtrit

    df, interval = float(head["df"]), str(head["interval"])
    if not df <= _FEW or "hartung_knapp" not in interval:
        return ""
    share = (1 + float(head["conf_level"])) / 2
    t, z = float(stdtrit(df, share)), float(ndtri(share))
    return (
        f"The interval is this wide because {head['studies']} studies leave {df:g} degree{'' if df == 1 else 's'} of "
        f"freedom for how far they differ (Hartung-Knapp): it reaches {numeral(t)} standard errors each way, where "
        f"many studies have {numeral(z)}; a normal interval is narrower, and leaves out the truth too often with so few"
    )
