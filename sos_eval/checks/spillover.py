"""Whether authorities near to the treated, on the map or in kind, responded too, and what that does to the estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from sos_eval.checks.common_lots import CommonLots, DrawnEffect, overall_row
from sos_eval.checks.quantity import Quantity, overall
from sos_eval.checks.shifts import told_by_lots
from sos_eval.errors import Faults, InputFault, NotIdentified
from sos_eval.numerics.lots import share_reached
from sos_eval.numerics.multiplicity import westfall_young
from sos_eval.numerics.rings import ranks_of, rings_of, starts_of_ring, starts_without
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.read.lists import places_in, read_lists
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["SpilloverCheck"]


@register("spillover")
@dataclass(frozen=True)
class SpilloverCheck(Check):
    """The effect on untreated units near to the treated, ring by ring, and the estimate without them."""

    reference: ClassVar[str] = "Butts (2021); Aronow and Samii (2017)"

    lists: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    """Unit -> its neighbours, the closest first: {304: [305, 306]}."""
    file: str | None = None
    """csv or xlsx with the columns unit, neighbour (a line a pair, the closest first), or unit, SN_1, SN_2 …"""
    same: Column | None = None
    """Column: units that share its value are neighbours (region); one ring."""
    on: tuple[Column, ...] = ()
    """Columns: the units most alike by their means before the first start, each over its standard deviation."""
    rings: tuple[Annotated[int, Ge(1)], ...] = (3,)
    """Last place of each ring in a treated unit's list: [1, 3] is the closest, and the second and third."""
    draws: Annotated[int, Ge(19)] = 999
    """Random adoptions, the rings drawn anew around each; where there are no more than this, all are listed."""
    rebuilt_draws: Annotated[int, Ge(19)] = 199
    """Most of them where the comparison group is built again."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""

    def __post_init__(self) -> None:
        if bool(self.lists or self.file) + (self.same is not None) + bool(self.on) != 1:
            raise ValueError("write one of file: neighbours.csv (or lists), same: region, on: [idaci, cin_rate]")
        if not self.rings or list(self.rings) != sorted(set(self.rings)):
            raise ValueError("rings: write at least one, the nearest first, each once")
        if self.same is not None and len(self.rings) > 1:
            raise ValueError("rings: units that share a value have no order, so that there is one ring")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the panel has to carry for it."""
        return (*self.on, self.same) if self.same else self.on

    def with_files(self, base: Path, where: str, faults: Faults) -> Self:
        """Read the file; what it holds becomes part of the declaration."""
        if self.file is None or self.lists:
            return self
        found = read_lists(base / self.file, ("unit", "neighbour"), faults, where=where, key="spillover.file")
        return replace(self, lists=found)

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``spillover``: the change without all rings, and ``spillover.rings``: p that no ring responded."""
        whole, row = overall(fitted.estimate, self.level), overall_row(fitted)
        lots = CommonLots.of(fitted, min(self.draws, self.rebuilt_draws) if fitted.rebuild else self.draws, rng)
        if row is None or isinstance(lots, str):
            return self._not_done(whole.reason if row is None else str(lots))
        try:
            rank, rings = self._ranks(fitted.source)
            near = [rings_of(rank, starts, rings) for starts in lots.starts]
            own = _drawn(fitted, lots.starts)
        except InputFault as fault:
            return self._not_done(fault.faults[0].what)
        rows, statistics = [], []
        for k in range(len(rings)):
            told, statistic = self._ring(fitted, lots, near, own, k, whole)
            rows.append(told)
            statistics += [statistic] if statistic is not None else []
        table = pd.DataFrame(rows)
        p = float(westfall_young(np.column_stack(statistics), complete=lots.complete).min()) if statistics else np.nan
        shift = float(table["shift"].iloc[-1])
        why = next(filter(None, table["reason"]), "nobody stands near")
        second = self._words(table, p) if statistics else f"Not done: {why}."
        return [
            CheckResult("spillover", "shift", shift, _without_words(table, whole), table=table),
            CheckResult("spillover.rings", "p_value", p, second),
        ]

    def _ranks(self, source: Panel) -> tuple[Array, tuple[float, ...]]:
        """Return the place of every unit in every other's list, and the last place of each ring."""
        if self.same is not None:
            values = source.frame.groupby("unit", sort=False)[self.same].first().reindex(source.units)
            if values.isna().any():
                raise NotIdentified(source.fault(f"{self.same} is missing for some units"))
            alike = values.to_numpy()[:, None] == values.to_numpy()[None, :]
            return np.where(alike & ~np.eye(len(alike), dtype=bool), 1.0, np.inf), (1.0,)
        rank = ranks_of(_apart(source, self.on)) if self.on else places_in(self.lists, source.units)
        return rank, tuple(map(float, self.rings))

    def _ring(
        self, fitted: Fitted, lots: CommonLots, near: list[tuple[NDArray[np.intp], Array]], own: DrawnEffect, k: int,
        whole: Quantity,
    ) -> tuple[dict[str, Any], Array | None]:  # fmt: skip
        """Return the row of a ring: its effect against those near to nobody, and the estimate without it and nearer."""
        nan, first = float("nan"), fitted.source.times[0]
        ring = near[0][0]
        row: dict[str, Any] = {"ring": k + 1, "n_units": int((ring == k).sum()), "scale": whole.scale, "reason": ""}
        names = ("effect", "conf_low", "conf_high", "std_error", "p_value", "without", "shift", "shift_p")
        row |= dict.fromkeys(names, nan) | {"draws": len(lots.starts) - 1}
        if not row["n_units"] or not ((ring < 0) & np.isinf(lots.starts[0])).any():
            row["reason"] = "nobody is in this ring" if not row["n_units"] else "nobody is outside all rings"
            return row, None
        pairs = list(zip(lots.starts, near, strict=True))
        try:
            effect = _drawn(fitted, np.array([starts_of_ring(s, *one, k, first) for s, one in pairs]))
            without = _drawn(fitted, np.array([starts_without(s, one[0], k, first) for s, one in pairs]))
        except InputFault as fault:
            return row | {"reason": fault.faults[0].what}, None
        distance = without.value - own.value
        row |= told_by_lots(effect, whole, self.level, lots.complete)
        row["effect"], row["without"] = (_shown(one.value[0], whole) for one in (effect, without))
        row["shift"] = float(distance[0])
        row["shift_p"] = share_reached(distance - np.nanmedian(distance[1:]), complete=lots.complete)
        return row, effect.statistic

    def _words(self, table: pd.DataFrame, p: float) -> str:
        shown = Quantity(np.nan, np.nan, np.nan, np.nan, np.nan, str(table["scale"].iloc[0])).shown
        known = table[table["effect"].notna()]
        said = "; ".join(
            f"ring {one['ring']}, {one['n_units']} units: {shown(one['effect'])} "
            f"({shown(one['conf_low'])} to {shown(one['conf_high'])})"
            for one in known.to_dict("records")
        )
        return (
            f"Untreated units near to the treated, against those near to nobody: {said}. Had nobody responded at all, "
            f"the largest would be as large in {of_hundred(p)} random adoptions. Spillover to all units alike "
            "is not seen by this."
        )

    def _not_done(self, why: str) -> list[CheckResult]:
        text = f"Not done: {why}."
        return [
            CheckResult(name, of, np.nan, text) for name, of in (("spillover", "shift"), ("spillover.rings", "p_value"))
        ]


def _shown(value: float, whole: Quantity) -> float:
    return float(np.exp(value)) if whole.scale == "ratio" else float(value)


def _drawn(fitted: Fitted, starts: Array) -> DrawnEffect:
    """Estimate under adoptions (1 + draws, n): the overall effect; NaN where there is none."""
    batch, cells = fitted.refit_assignments(starts), fitted.estimate.cells
    made = DrawnEffect.of(batch, str(cells["scale"].iloc[overall_row(fitted) or 0]))
    if not np.isfinite(made.value[0]):
        raise NotIdentified(fitted.source.fault(str(batch.failures[0]) or "no overall effect"))
    return made


def _apart(source: Panel, on: tuple[str, ...]) -> Array:
    """Return distances by means before the first start, each over its standard deviation, (n, n)."""
    before = source.frame[source.frame["time"].isin(source.pre_times)]
    means = before.groupby("unit", sort=False)[list(on)].mean().reindex(source.units).to_numpy(float)
    spread = means.std(0)
    if not np.isfinite(means).all() or not (spread > 0).all():
        raise NotIdentified(source.fault(f"{', '.join(on)}: missing before the start, or the same for all"))
    scaled = means / spread
    return np.asarray(np.sqrt(((scaled[:, None] - scaled[None]) ** 2).sum(2)))


def _without_words(table: pd.DataFrame, whole: Quantity) -> str:
    last = table.iloc[-1]
    if not np.isfinite(last["without"]):
        return f"Not done: {last['reason']}."
    gone = int(table["n_units"].sum())
    return (
        f"Without the {gone} untreated units near to the treated the estimate is {whole.shown(float(last['without']))} "
        f"instead of {whole.shown(whole.estimate)}; random adoptions make such a change as large in "
        f"{of_hundred(float(last['shift_p']))}."
    )
