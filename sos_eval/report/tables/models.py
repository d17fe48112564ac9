"""Estimators side by side, as a publication shows them: estimate, interval below, no stars."""

from __future__ import annotations

import math

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.report.drawing import NothingToShow
from sos_eval.report.reading import estimator_label, method_label, outcome_label, scale_label
from sos_eval.report.tables.effects import summaries
from sos_eval.report.wording import alike, listing, p_number
from sos_eval.results.method import register

__all__ = ["models", "models_notes"]


@register("models", kind="table")
def models(bundle: ResultBundle) -> pd.DataFrame:
    """Estimators as columns: estimate, interval below, p, scale, procedure, units; the headline's first."""
    rows = _rows(bundle)
    several = len({row["outcome"] for row in rows}) > 1
    columns = {_heading(bundle, row, several=several): _column(bundle, row) for row in rows}
    frame = pd.DataFrame(columns)
    return frame.rename_axis("").reset_index()


def models_notes(bundle: ResultBundle) -> tuple[str, ...]:
    """Say what stands below an estimate, and by which procedure."""
    try:
        rows = _rows(bundle)
    except NothingToShow:
        return ()
    levels = listing([f"{100 * level:g}%" for level in sorted({row["conf_level"] for row in rows}) if level > 0])
    reasons = dict.fromkeys(str(row["reason"]) for row in rows if row["reason"])
    said = [f"In brackets the {levels} interval." if levels else "No interval is given."]
    said += ["Every column has the procedure that its row names.", *(f"{reason}." for reason in reasons)]
    return (" ".join(said),)


def _rows(bundle: ResultBundle) -> list[pd.Series]:
    """Return one row per estimator and outcome: its first scale, by the headline's procedure where it has that."""
    headline, table = bundle.headline, summaries(bundle.estimates)
    chosen = []
    for _, own in table.groupby(["outcome", "estimator"], sort=False):
        first = own[own["scale"] == own["scale"].iloc[0]]
        same = first[first["inference"] == headline.get("inference")]
        chosen.append((same if len(same) else first).iloc[0])
    if not chosen:
        raise NothingToShow("no estimator of this run has an overall effect")
    return sorted(chosen, key=lambda row: (row["outcome"] != headline.get("outcome"), row["role"] != "primary"))


def _heading(bundle: ResultBundle, row: pd.Series, *, several: bool) -> str:
    label = estimator_label(bundle, row["estimator"])
    return f"{label}: {outcome_label(bundle, row['outcome'])}" if several else label


def _column(bundle: ResultBundle, row: pd.Series) -> dict[str, str]:
    best, low, high = alike([row["estimate"], row["conf_low"], row["conf_high"]])
    whole = math.isfinite(row["conf_low"]) or math.isfinite(row["conf_high"])
    return {
        "Estimate": best, "Interval": f"({low} to {high})" if whole else "", "p": p_number(row["p_value"]),
        "Scale": scale_label(bundle, row["outcome"], row["scale"]),
        "Procedure": method_label(bundle, row["inference"]), "Role": str(row["role"]),
        "Treated": _count(row["n_treated_units"]), "Units": _count(row["n_units"]), "Rows": _count(row["n_obs"]),
    }  # fmt: skip


def _count(value: float) -> str:
    return f"{value:,.0f}" if pd.notna(value) else ""
