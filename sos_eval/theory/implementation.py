"""How well an intervention was put into practice: fidelity within and between units, and by time since start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le

from sos_eval.declare import Declared
from sos_eval.errors import NotIdentified, listed
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Panel

__all__ = ["MeasuredFidelity", "fidelity_by_time", "fidelity_summary", "item_table", "outside_scale", "scored"]


@dataclass(frozen=True)
class MeasuredFidelity(Declared):
    """A measured fidelity or dose. It describes: no causal effect is read off who practised better."""

    fidelity: Column = ""
    """Column with the score, per unit or per unit and period; only treated periods are looked at. With `items` the name
    of the score that they make."""
    instrument: str | None = None
    """A file (schema sos-eval/instrument/1) that says items, weights, scale and minimum, in place of writing them."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Of an instrument in a file: item to column, where the column is not called as the item."""
    items: Mapping[Column, Annotated[float, Gt(0)]] = field(default_factory=dict)
    """An instrument: column of each item to its weight. The score is their weighted mean where all are there."""
    labels: Mapping[Column, str] = field(default_factory=dict)
    """Of items: words for a reader."""
    reliability: Mapping[Column, Annotated[float, Ge(0), Le(1)]] = field(default_factory=dict)
    """Of items: how far two scorers of the same practice agree, where that was measured; told with how far items do."""
    minimum: float | None = None
    """Score from which practice counts as the intervention."""
    scale: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest score that there can be; others are refused."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The user's columns that it reads."""
        return tuple(self.items) or (self.fidelity,)

    @property
    def label(self) -> str:
        """What the score is called."""
        return self.fidelity or "instrument"

    def __post_init__(self) -> None:
        if self.columns and self.instrument is None:
            raise ValueError("columns: go with instrument, a file; the keys of items are columns")
        for name, told in (("labels", self.labels), ("reliability", self.reliability)):
            if unknown := sorted(set(told) - set(self.items)):
                raise ValueError(f"{name}: {listed(unknown)} is none of the items")
        if not self.fidelity and not self.items:
            raise ValueError("fidelity: is missing; name the column with the score, or declare items")
        if len(self.items) == 1:
            raise ValueError("items: one item is no instrument; name its column as fidelity")
        low, high = self.scale
        if not low < high:
            raise ValueError(f"scale: {low:g} is not below {high:g}")
        if self.minimum is not None and not low <= self.minimum <= high:
            raise ValueError(f"minimum: {self.minimum:g} lies outside the scale from {low:g} to {high:g}")


def outside_scale(panel: Panel, declared: MeasuredFidelity) -> str:
    """Say which treated units have scores outside the scale; empty where none has, or why there is no score at all.

    Of an instrument each item has to lie on the scale, not their mean alone.
    """
    table = _treated(panel, declared)
    low, high = declared.scale
    frame = panel.frame[panel.frame["treated"] > 0]
    for name in declared.reads:
        wrong = frame[(frame[name] < low) | (frame[name] > high)]
        if len(wrong):
            first = wrong.iloc[0]
            where = f"{first['unit']} in {panel.periods.name(first['time'])}"
            return f"{len(wrong)} scores of {name} lie outside {low:g} to {high:g}, the first {where}"
    return "" if len(table) else f"{declared.label} has no score in any treated period"


def _treated(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return the scores of treated periods, a row each."""
    scores = scored(panel, declared)
    chosen = (panel.frame["treated"] > 0) & scores.notna()
    rows, score = panel.frame[chosen], scores[chosen]
    return rows[["unit", "time", "first_treated"]].assign(score=score, event_time=rows["time"] - rows["first_treated"])


def scored(panel: Panel, declared: MeasuredFidelity) -> pd.Series:
    """Return each row's score: the column, or the weighted mean of the items where all are there.

    Raises
    ------
    NotIdentified
        A column holds words.
    """
    for name in declared.reads:
        if not pd.api.types.is_numeric_dtype(panel.frame[name]):
            raise NotIdentified(panel.fault(f"implementation: {name} holds words", "name a column of numbers"))
    if not declared.items:
        return panel.frame[declared.fidelity].astype(float)
    items = panel.frame[list(declared.items)].astype(float)
    weights = np.array(list(declared.items.values()))
    return pd.Series(items.to_numpy() @ weights / weights.sum(), index=items.index)


def item_table(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return a line an item over treated periods in which all items are there: weight, mean, and how far they agree.

    `between_scorers` is the reliability that was declared of an item, NaN where none was.
    `reliability` is Cronbach's alpha of the items standardised, ``k r / (1 + (k - 1) r)`` with the mean correlation r;
    `rest_correlation` that of an item with the mean of the others.
    """
    frame = panel.frame[(panel.frame["treated"] > 0)][list(declared.items)].astype(float).dropna()
    if len(frame) < 3:
        return pd.DataFrame()
    correlation = frame.corr().to_numpy()
    k = len(declared.items)
    mean = (correlation.sum() - k) / (k * (k - 1))
    standard = (frame - frame.mean()) / frame.std()
    items, told = [str(name) for name in frame], dict(declared.reliability)
    rest = [standard[name].corr(standard.drop(columns=name).mean(axis=1)) for name in frame]
    return pd.DataFrame({
        "item": items, "label": [declared.labels.get(name, name) for name in items],
        "weight": list(declared.items.values()), "mean": frame.mean().to_numpy(), "sd": frame.std().to_numpy(),
        "rest_correlation": rest, "reliability": k * mean / (1 + (k - 1) * mean),
        "between_scorers": [told.get(name, np.nan) for name in items], "scores": len(frame),
    })  # fmt: skip


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
        "fidelity": declared.label, "n_units": len(means), "n_unscored": int(panel.ever_treated.sum()) - len(means),
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
