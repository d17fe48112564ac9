"""Alternatives: changes of a design that are resolved, named in words, and estimated again with the same lots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray
from pydantic import Field

from sos_eval.declare import Declared
from sos_eval.errors import NotIdentified
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Panel
from sos_eval.panel.prior_use import prior_use

__all__ = ["Alternative", "LeaveOut", "PriorUseClass", "prior_use_classes"]

PriorUseClass = Literal["used", "none", "unknown"]
_CLASS: dict[bool | None, PriorUseClass] = {True: "used", False: "none", None: "unknown"}
_BEGAN: dict[PriorUseClass, str] = {
    "used": "had used it before", "none": "had not used it before", "unknown": "may have used it before",
}  # fmt: skip


@dataclass(frozen=True)
class LeaveOut(Declared):
    """Units that an alternative leaves out."""

    prior_use: tuple[PriorUseClass, ...] = ()
    """Treated units by the register's `prior_use`: used, none, unknown (a range that begins at 0)."""
    highest: Column | None = None
    """Column: those units, treated or not, whose mean of it before the first start is highest; units without any
    value stay."""
    units: Annotated[int, Ge(1)] = 1
    """How many of the highest."""
    programmes: bool = False
    """Units, treated or not, that took part in other programmes (`treatment.overlapping`)."""

    def __post_init__(self) -> None:
        if bool(self.prior_use) + (self.highest is not None) + self.programmes != 1:
            raise ValueError("write one of prior_use: [used], highest: COLUMN with units: 5, programmes: true")


@dataclass(frozen=True)
class Alternative(Declared):
    """A change of the design."""

    label: str = ""
    """Its words; made from the change unless given."""
    start: int = 0
    """Everybody's start moved by so many periods; -1 is one earlier."""
    changes: Annotated[Mapping[str, Any], Field(alias="with")] = field(default_factory=dict)
    """Written `with:`. Design keys under panel or comparison: {panel.window.from: 2012}."""
    estimator: Mapping[str, Any] | None = None
    """Another method in place of the primary one: {method: twfe, covariates: [idaci], by: period}; without `method`
    other options of the one in use: {base_period: universal}."""
    exposure: str | None = None
    """Column of another denominator; it is set against the primary estimate on the unit-periods that have both."""
    without_percent: Column | None = None
    """Column that holds a part of the count in per cent, which is taken out; set against the primary estimate as
    `exposure` is."""
    within: tuple[Column, ...] = ()
    """Columns, constant within units: estimates carry an effect of each value in every period (within regions)."""
    leave_out: LeaveOut | None = None
    """Units that are left out."""

    def __post_init__(self) -> None:
        if not (self.start or self.changes or self.estimator or self.exposure or self.without_percent
                or self.within or self.leave_out):  # fmt: skip
            raise ValueError("changes nothing: write start, with, estimator, exposure, within or leave_out")

    @property
    def leaves_method(self) -> bool:
        """Whether it sets options of whatever method is in use, without naming one."""
        return self.estimator is not None and "method" not in self.estimator

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the panel has to carry for it."""
        named = (self.without_percent, *self.within, self.leave_out.highest if self.leave_out else None)
        return tuple(name for name in named if name)

    @property
    def on_common_rows(self) -> bool:
        """Whether it is set against the primary estimate on the unit-periods that both have."""
        return self.exposure is not None or self.without_percent is not None

    @property
    def left_by_start(self) -> tuple[PriorUseClass, ...]:
        """Classes of prior use whose treated units are left out: who they are depends on who is treated."""
        return self.leave_out.prior_use if self.leave_out else ()

    @property
    def by_name(self) -> bool:
        """Whether units are left out by name, whoever is treated."""
        return bool(self.leave_out and self.leave_out.programmes)

    @property
    def words(self) -> str:
        """Name it."""
        return self.label or "; ".join(self._words())

    def _words(self) -> list[str]:
        said = []
        if self.start:
            periods = "1 period" if abs(self.start) == 1 else f"{abs(self.start)} periods"
            said.append(f"start {periods} {'earlier' if self.start < 0 else 'later'}")
        said += [f"{key.partition('.')[2] or key}: {_shown(value)}" for key, value in self.changes.items()]
        if self.estimator:
            said.append(", ".join(f"{key}: {_shown(value)}" for key, value in self.estimator.items()))
        said += [f"per {self.exposure}"] if self.exposure else []
        said += [f"without {self.without_percent}"] if self.without_percent else []
        said += [f"within {', '.join(self.within)}"] if self.within else []
        if self.leave_out and self.leave_out.highest:
            said.append(f"without the {self.leave_out.units} highest on {self.leave_out.highest}")
        if self.leave_out and self.leave_out.programmes:
            said.append("without those in other programmes")
        if self.left_by_start:
            said.append(f"without those that {' or '.join(_BEGAN[one] for one in self.left_by_start)}")
        return said

    def changed(self, panel: Panel) -> Panel:
        """Return the panel before the comparison group is built, without what does not depend on who is treated.

        Raises
        ------
        NotIdentified
            It asks for what the panel does not have.
        """
        if self.without_percent:
            panel = _without_percent(panel, self.without_percent)
        if self.leave_out and self.leave_out.highest:
            panel = _without_highest(panel, self.leave_out.highest, self.leave_out.units)
        if self.leave_out and self.leave_out.programmes:
            panel = _without_programmes(panel)
        if self.within:
            panel = _within(panel, self.within)
        return panel


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_shown(item)}" for key, item in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _without_percent(panel: Panel, column: str) -> Panel:
    """Take a part in per cent out of the count; empty where the part is not known."""
    if not panel.outcome.counted or panel.layout != "panel":
        raise NotIdentified(panel.fault(f"without_percent: {column} is a part of a count, and the outcome is none"))
    part = panel.frame[column].to_numpy(float)
    if not np.isfinite(part).any():
        raise NotIdentified(panel.fault(f"{column} holds nothing in these periods"))
    return panel.with_count(panel.matrix("count") * (1 - panel.matrix(column) / 100))


def _without_highest(panel: Panel, column: str, units: int) -> Panel:
    """Leave out the units whose mean before the first start is highest; ties by unit id."""
    before = panel.frame[panel.frame["time"].isin(panel.pre_times)]
    means = pd.to_numeric(before[column]).groupby(before["unit"].to_numpy()).mean().dropna()
    if len(means) <= units:
        raise NotIdentified(
            panel.fault(f"{column}: {len(means)} units have a value before the start, {units} would go")
        )
    gone = set(means.sort_index().sort_values(ascending=False, kind="stable").index[:units])
    return panel.keep([unit for unit in panel.units if unit not in gone], "comparison", f"highest on {column}")


def _without_programmes(panel: Panel) -> Panel:
    """Leave out the units that took part in other programmes."""
    if "programmes" not in panel.adoption:
        raise NotIdentified(panel.fault("no list of other programmes names a unit: declare treatment.overlapping"))
    joined = panel.adoption["programmes"].reindex(panel.units).map(bool).to_numpy(bool)
    if joined.all() or not joined.any():
        what = "every unit" if joined.any() else "no unit"
        raise NotIdentified(panel.fault(f"{what} took part in other programmes, so that nothing is left to compare"))
    return panel.keep(panel.units[~joined], "comparison", "took part in another programme")


def _within(panel: Panel, columns: tuple[str, ...]) -> Panel:
    """Give each unit the stratum of its values, so that estimates carry their effects by period."""
    values = panel.frame[list(columns)]
    first = values.groupby(panel.unit_codes).transform("first")
    if values.isna().any(axis=None) or (values != first).any(axis=None):
        raise NotIdentified(panel.fault(f"within: {', '.join(columns)} is missing or changes within a unit"))
    return panel.with_columns(stratum=values.astype(str).agg(" / ".join, axis=1).to_numpy(object))


def prior_use_classes(panel: Panel) -> NDArray[np.object_] | str:
    """Return what the register says of each unit's prior use, (n_units,); the reason where there is no register."""
    if "prior_use" not in panel.adoption:
        return "no register says who had used it before"
    entries = panel.adoption["prior_use"].reindex(panel.units).fillna("")
    read = [prior_use(str(entry)) for entry in entries]
    return np.array(["unknown" if one is None else _CLASS[one.known] for one in read], dtype=object)
