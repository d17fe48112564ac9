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

__all__ = [
    "MeasuredFidelity",
    "fidelity_by_time",
    "fidelity_summary",
    "item_table",
    "outside_scale",
    "reached_by",
    "scored",
    "treated_scores",
]


#: The scale of a score unless another is declared.
UNIT_SCALE = (0.0, 1.0)


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
    scale: tuple[float, float] = UNIT_SCALE
    """Lowest and highest score that there can be; others are refused."""
    reached_by: Annotated[int, Ge(0)] | None = None
    """Periods since the start by which the minimum has to be reached: those that did beside those that did not, as
    treated, not causal."""
    stages: Mapping[str, Annotated[int, Ge(0)]] = field(default_factory=dict)
    """Stages of implementation by name, each with its first period since the start (transition: 0, embedding: 1,
    embedded: 2, later: 4): the effect in each is the mean of the headline's event study. They need no score."""
    turnover: Column = ""
    """Column with the turnover of staff, per unit and period: how the score goes with it within units."""
    source: str = ""
    """Of an instrument: after whom, and what of it was tested."""
    needs: Mapping[Column, str] = field(default_factory=dict)
    """Of items: where they are read off, told where the data lack them."""

    @property
    def scores(self) -> tuple[str, ...]:
        """The user's columns that the score is made of."""
        return tuple(self.items) or tuple(filter(None, (self.fidelity,)))

    @property
    def reads(self) -> tuple[str, ...]:
        """The user's columns that it reads."""
        return (*self.scores, *filter(None, (self.turnover,)))

    @property
    def measured(self) -> bool:
        """Whether practice is scored; stages alone need no score."""
        return bool(self.fidelity or self.items)

    @property
    def label(self) -> str:
        """What the score is called."""
        return self.fidelity or "instrument"

    def __post_init__(self) -> None:
        if self.columns and self.instrument is None:
            raise ValueError("columns: go with instrument, a file; the keys of items are columns")
        for name, told in (("labels", self.labels), ("reliability", self.reliability), ("needs", self.needs)):
            if unknown := sorted(set(told) - set(self.items)):
                raise ValueError(f"{name}: {listed(unknown)} is none of the items; name items by their columns")
        if not self.measured:
            self._refuse_unscored()
        if len(self.items) == 1:
            raise ValueError("items: one item is no instrument; name its column as fidelity")
        low, high = self.scale
        if not low < high:
            raise ValueError(f"scale: {low:g} is not below {high:g}")
        if self.minimum is not None and not low <= self.minimum <= high:
            raise ValueError(f"minimum: {self.minimum:g} lies outside the scale from {low:g} to {high:g}")
        if self.turnover and self.turnover in self.scores:
            raise ValueError(f"turnover: {self.turnover} is the score itself; name the column with staff turnover")
        if self.reached_by is not None and self.minimum is None:
            raise ValueError("reached_by: goes with a minimum")
        if any(not name.strip() for name in self.stages):
            raise ValueError("stages: one has no name")
        if sorted(set(self.stages.values())) != list(self.stages.values()):
            raise ValueError("stages: each begins later than the one before it; write them in order")

    def _refuse_unscored(self) -> None:
        if not self.stages:
            raise ValueError("fidelity: is missing; name the column with the score, or declare items")
        for name in ("minimum", "reached_by", "turnover"):
            if getattr(self, name) not in (None, ""):
                raise ValueError(f"{name}: goes with a score; name its column as fidelity, or declare items")
        if tuple(self.scale) != UNIT_SCALE:
            raise ValueError("scale: goes with a score; name its column as fidelity, or declare items")


def outside_scale(panel: Panel, declared: MeasuredFidelity) -> str:
    """Say which treated units have scores outside the scale; empty where none has, or why there is no score at all.

    Of an instrument each item has to lie on the scale, not their mean alone.
    """
    table = treated_scores(panel, declared)
    low, high = declared.scale
    frame = panel.frame[panel.frame["treated"] > 0]
    for name in declared.scores:
        wrong = frame[(frame[name] < low) | (frame[name] > high)]
        if len(wrong):
            first = wrong.iloc[0]
            where = f"{first['unit']} in {panel.periods.name(first['time'])}"
            said = "1 score of {} lies" if len(wrong) == 1 else f"{len(wrong)} scores of {{}} lie"
            return f"{said.format(name)} outside {low:g} to {high:g}, the first {where}"
    return "" if len(table) else f"{declared.label} has no score in any treated period{_lacking(frame, declared)}"


def _lacking(frame: pd.DataFrame, declared: MeasuredFidelity) -> str:
    """Say which items of an instrument no treated period has, with where each is read off."""
    gone = [name for name in declared.items if frame[name].isna().all()]
    told = [f"{name} ({needs})" if (needs := declared.needs.get(name, "")) else name for name in gone]
    return f": no treated period has {listed(told)}" if told else ""


def treated_scores(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
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
    for name in declared.scores:
        if not pd.api.types.is_numeric_dtype(panel.frame[name]):
            raise NotIdentified(panel.fault(f"implementation: {name} holds words", "name a column of numbers"))
    if not declared.items:
        return panel.frame[declared.fidelity].astype(float)
    items = panel.frame[list(declared.items)].astype(float)
    weights = np.array(list(declared.items.values()))
    return pd.Series(items.to_numpy() @ weights / weights.sum(), index=items.index)


def item_table(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return a line an item over treated periods in which all items are there: weight, mean, and how far they agree.

    `lacking` counts treated periods without the item. `between_scorers` is the reliability that was declared of an
    item, NaN where none was.
    `reliability` is Cronbach's alpha of the items standardised, ``k r / (1 + (k - 1) r)`` with the mean correlation r;
    `rest_correlation` that of an item with the mean of the others.
    """
    whole = panel.frame[(panel.frame["treated"] > 0)][list(declared.items)].astype(float)
    frame = whole.dropna()
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
        "lacking": whole.isna().sum().to_numpy(int),
    })  # fmt: skip


def fidelity_summary(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return one line: mean, spread between units and within them, and which shares reach the minimum.

    The shares are of units, by their mean, and of treated periods.
    Between: the standard deviation of units' means. Within: the root of the mean variance around them; NaN where no
    unit has two scores.
    """
    table = treated_scores(panel, declared)
    units = table.groupby("unit")["score"]
    means, counts = units.mean(), units.count()
    moves = table["unit"].map(units.max() > units.min())
    apart = (table["score"] - table["unit"].map(means).astype(float)).where(moves, 0.0)
    left = int((counts - 1).sum())
    least = np.nan if declared.minimum is None else declared.minimum
    known = declared.minimum is not None
    row = {
        "fidelity": declared.label, "n_units": len(means), "n_unscored": int(panel.ever_treated.sum()) - len(means),
        "scores": len(table), "mean": float(means.mean()),
        "sd_between": float(means.std()) if len(means) > 1 else np.nan,
        "sd_within": float(np.sqrt((apart**2).sum() / left)) if left else np.nan,
        "minimum": least, "share_reaching": float((means >= least).mean()) if known else np.nan,
        "share_of_periods": float((table["score"] >= least).mean()) if known else np.nan,
    }  # fmt: skip
    return pd.DataFrame([row])


def fidelity_by_time(panel: Panel, declared: MeasuredFidelity) -> pd.DataFrame:
    """Return, by periods since the start, the mean score and two shares of units at or over the minimum.

    Both are of those that are scored in the period: `share_reaching` is at it then, `share_by_then` has reached it in
    that period or any before.
    """
    scores = treated_scores(panel, declared).sort_values("event_time", kind="stable")
    grouped = scores.groupby("event_time")["score"]
    table = pd.DataFrame({"n_units": grouped.count(), "mean": grouped.mean(), "sd": grouped.std()})
    if declared.minimum is None:
        return table.assign(share_reaching=np.nan, share_by_then=np.nan).reset_index()
    least = declared.minimum
    share = grouped.apply(lambda own: float((own >= least).mean()))
    so_far = scores.assign(best=scores.groupby("unit")["score"].cummax()).groupby("event_time")["best"]
    by_then = so_far.apply(lambda own: float((own >= least).mean()))
    return table.assign(share_reaching=share, share_by_then=by_then).reset_index()


def reached_by(panel: Panel, declared: MeasuredFidelity, periods: float) -> pd.Series:
    """Say of every unit that is scored so long after its start whether it had a score at the minimum by then.

    A unit without a score so many periods after its start, or later, is not in it, whatever it had reached: those who
    were quick would else stand for units that nobody has followed so long. Nor is one without a score up to then.
    """
    least = np.inf if declared.minimum is None else declared.minimum
    scores = treated_scores(panel, declared)
    last = scores.groupby("unit")["event_time"].max()
    best = scores[scores["event_time"] <= periods].groupby("unit")["score"].max()
    return best[last.reindex(best.index) >= periods] >= least
