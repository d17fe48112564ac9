"""Restriction: which untreated units may be donors at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from sos_eval.comparison.covariates import unit_values
from sos_eval.declare import Declared
from sos_eval.errors import Faults, NotIdentified, listed, nearest
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Panel

__all__ = ["Excluded", "Restrict"]


@dataclass(frozen=True)
class Excluded(Declared):
    """Donors that are left out by name, and why."""

    units: tuple[str | int, ...]
    """Unit ids."""
    why: str = ""
    """The reason, shown in the flow of units."""


@dataclass(frozen=True)
class Restrict(Declared):
    """Donors only where treated units are, and without those that are named."""

    same: tuple[Column, ...] = ()
    """Columns, constant within units: a donor must have the values, taken together, of some treated unit."""
    as_treated: bool = True
    """Whether `same` is in force; false switches it off without deleting it."""
    exclude: tuple[str | int, ...] | tuple[Excluded, ...] | Excluded = ()
    """Donors left out by name: a list of units with one `why`, or {units, why}, or a list of such mappings."""
    why: str = ""
    """The reason, shown in the flow of units."""

    def __post_init__(self) -> None:
        if not self.as_treated and not self.same:
            raise ValueError("as_treated: false switches nothing off without same")
        if self.why and not self.exclude:
            raise ValueError("why goes with exclude; write which units are left out")

    def apply(self, panel: Panel) -> Panel:
        """Leave out the untreated units that may not be donors; `flow` says who and why.

        Treated units stay. Nothing but unit ids and the columns of `same` is read.

        Raises
        ------
        NotIdentified
            A named unit is unknown or treated; a column is missing, varies within a unit or is empty; no donor is
            left.
        """
        faults = Faults(NotIdentified)
        kept = self._without_named(panel, faults)
        if self.same and self.as_treated:
            kept = self._where_treated(kept, faults)
        if not faults.found and panel.ever_treated.any() and not (~kept.ever_treated).any():
            faults.add(panel.source, "comparison.restrict: no untreated unit is left", "restrict less")
        faults.stop()
        return kept

    def _named(self) -> Iterator[tuple[list[str], str]]:
        """Yield the excluded units, group by group, with the reason."""
        given = (self.exclude,) if isinstance(self.exclude, Excluded) else self.exclude
        plain = [str(unit) for unit in given if not isinstance(unit, Excluded)]
        if plain:
            yield plain, self.why or "excluded by name"
        for group in given:
            if isinstance(group, Excluded):
                yield [str(unit) for unit in group.units], group.why or self.why or "excluded by name"

    def _without_named(self, panel: Panel, faults: Faults) -> Panel:
        treated = set(panel.units[panel.ever_treated])
        known = set(panel.units)
        for units, why in self._named():
            for unit in units:
                if unit not in known:
                    hint = nearest(unit, sorted(map(str, known)))
                    hint = hint if hint.startswith("did you mean") else "take it out of the list"
                    faults.add(panel.source, f"comparison.restrict.exclude: {unit} is not in the panel", hint)
                elif unit in treated:
                    faults.add(
                        panel.source,
                        f"comparison.restrict.exclude: {unit} is treated, so it is no donor",
                        "leave treated units out with panel.exclude",
                    )
            panel = panel.keep([u for u in panel.units if u not in units or u in treated], "comparison", why)
        return panel

    def _where_treated(self, panel: Panel, faults: Faults) -> Panel:
        before = len(faults.found)
        values = unit_values(panel, self.same, key="comparison.restrict.same", faults=faults)
        empty = values.index[values.isna().any(axis=1)]
        if len(empty) and len(faults.found) == before:
            faults.add(
                panel.source,
                f"comparison.restrict.same: no value of {listed(list(self.same))} for {listed(list(empty))}",
                "fill it in, or exclude the unit",
            )
        if len(faults.found) > before:
            return panel
        place = pd.MultiIndex.from_frame(values.astype(str))
        inside = place.isin(place[panel.ever_treated]) | panel.ever_treated
        names = ", ".join(panel.label(name) for name in self.same)
        reason = f"{names}: no treated unit there" + (f" ({self.why})" if self.why and not self.exclude else "")
        return panel.keep(panel.units[inside], "comparison", reason)
