"""How well an intervention was put into practice: fidelity within and between units, and by time since start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sos_eval.declare import Declared
from sos_eval.errors import NotIdentified
from sos_eval.panel.panel import Panel

__all__ = ["MeasuredFidelity", "fidelity_by_time", "fidelity_summary", "outside_scale"]


@dataclass(frozen=True)
class MeasuredFidelity(Declared):
    """A measured fidelity or dose. It describes: no effect is read off who practised better."""

    fidelity: str
    """Column with the score, per unit or per unit and period; only treated periods are looked at."""
    minimum: float | None = None
    """Score from which practice counts as the intervention."""
    scale: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest score that there can be; others are refused."""

    def __post_init__(self) -> None:
        low, high = self.scale
        if not low < high:
            raise ValueError(f"scale: {low:g} is not below {high:g}")
        if self.minimum is not None and not low <= self.minimum <= high:
            raise ValueError(f"minimum: {self.minimum:g} lies outside the scale from {low:g} to {high:g}")


def outside_scale(panel: Panel, declared: MeasuredFidelity) -> str:
    """Say which treated units have scores outside the scale; empty where none has, or why there is no score at all."""
    table = _treated(panel, declared)
    low, high = declared.scale
    wrong = table[(table["score"] < low) | (table["score"] > high)]
    if len(wrong):
        first = wrong.iloc[0]
        where = f"{first['unit']} in {panel.periods.name(first['time'])}"
        return f"{len(wrong)} scores of {declared.fidelity} lie outside {low:g} to {high:g}, the first {where}"
    return "" if len(table) else f"{declared.fidelity} has no score in any treated period"


def _treated(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return the scores of treated periods, a row each."""
    if not pd.api.types.is_numeric_dtype(panel.frame[declared.fidelity]):
        raise NotIdentified(panel.fault(f"implementation: {declared.fidelity} holds words", "name a column of numbers"))
    frame = panel.frame
    rows = frame[(frame["treated"] > 0) & frame[declared.fidelity].notna()]
    score = rows[declared.fidelity].astype(float)
    return rows[["unit", "time", "first_treated"]].assign(score=score, event_time=rows["time"] - rows["first_treated"])


def fidelity_summary(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return one line: mean, spread between units and within them, and how many reach the minimum.

    Between: the standard deviation of units' means. Within: the root of the mean variance around them; NaN where no
    unit has two scores.
    """
    table = _treated(panel, declared)
    units = table.groupby("unit")["score"]
    means, counts = units.mean(), units.count()
    apart = table["score"] - table["unit"].map(means).astype(float)
    left = int((counts - 1).sum())
    reached = np.nan if declared.minimum is None else float((means >= declared.minimum).mean())
    row = {
        "fidelity": declared.fidelity, "n_units": len(means), "n_unscored": int(panel.ever_treated.sum()) - len(means),
        "scores": len(table), "mean": float(means.mean()),
        "sd_between": float(means.std()) if len(means) > 1 else np.nan,
        "sd_within": float(np.sqrt((apart**2).sum() / left)) if left else np.nan,
        "minimum": np.nan if declared.minimum is None else declared.minimum, "share_reaching": reached,
    }  # fmt: skip
    return pd.DataFrame([row])


def fidelity_by_time(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return the mean score and the share that reaches the minimum by periods since the start."""
    grouped = _treated(panel, declared).groupby("event_time")["score"]
    least = np.inf if declared.minimum is None else declared.minimum
    table = pd.DataFrame({"n_units": grouped.count(), "mean": grouped.mean(), "sd": grouped.std()})
    share = grouped.apply(lambda scores: float((scores >= least).mean()))
    return table.assign(share_reaching=share if declared.minimum is not None else np.nan).reset_index()
