"""Matched sets that are written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.arms import both_arms, dropped_by_reason, names_of
from sos_eval.comparison.group import GroupMethod, Matched
from sos_eval.comparison.people import People, matched_people
from sos_eval.errors import Faults, NotIdentified, listed
from sos_eval.numerics.matched_roles import joined_sets, role_weights
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.read.lists import read_lists
from sos_eval.panel.rows import near_unit
from sos_eval.results.assignments import MATCHED_SETS
from sos_eval.results.comparison import Comparison, GroupWeights
from sos_eval.results.method import register

__all__ = ["DeclaredSets"]

Bools = NDArray[np.bool_]

_NO_SET = "in no matched set"
_NO_COMPARATOR = "no comparator of its set is in the panel"


@dataclass(frozen=True, slots=True)
class _Roles:
    """Who is in which set of a panel, by position.

    Attributes
    ----------
    heads : (n,)
        Treated units with a comparator.
    joined : (n,)
        Number of the sets that share comparators; -1 in none.
    weights : (n,)
        One for heads; each of their k comparators 1/k, summed, scaled to sum to the comparators in use.
    """

    heads: Bools
    joined: NDArray[np.intp]
    weights: Array


@register("declared")
@dataclass(frozen=True)
class DeclaredSets(GroupMethod):
    """Matched sets written by hand: each treated unit with its comparators, who may serve several."""

    reference: ClassVar[str] = "Rosenbaum (2002), section 10.1"
    label: ClassVar[str] = "declared matched sets"
    by_cohort: ClassVar[bool] = False

    sets: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    """Treated unit -> its comparators: {304: [305, 306]}."""
    file: str | None = None
    """csv or xlsx with the columns treated, comparison (a line a pair), or treated, comparison_1, comparison_2 …"""

    people: People | None = None
    """Of rows that are people or events: how they are matched within the sets, {method: cem, on: […]}; a set has the
    window of its treated unit."""

    def __post_init__(self) -> None:
        if not self.sets and self.file is None:
            raise ValueError("declared needs its matched sets; write sets: {304: [305, 306]}, or file: sets.csv")
        if self.file is None:
            self._refuse_repeats()
        if self.people is not None and self.on:
            raise ValueError("on: beside people nothing is compared on it; write it under people.on, or leave it out")
        if self.people is not None and self.cohorts == "apart":
            raise ValueError("cohorts: declared is the same for every cohort; leave cohorts out")
        super().__post_init__()

    def _refuse_repeats(self) -> None:
        """Refuse a set that names a unit twice, or its own treated unit, as a file of sets does."""
        for unit, others in self._named.items():
            twice = next((other for k, other in enumerate(others) if other in others[:k]), None)
            if unit in others or twice is not None:
                raise ValueError(f"sets: {unit} lists {'itself' if unit in others else f'{twice} twice'}; take it out")

    def _absent(self, panel: Panel) -> list[str]:
        """Return the units of the sets that the data never held, in the order of the sets; none where nobody knows."""
        listed = dict.fromkeys(name for unit, others in self._named.items() for name in (unit, *others))
        return [name for name in listed if panel.units_read and name not in panel.units_read]

    def _refuse_absent(self, panel: Panel) -> None:
        """Refuse sets of the design that name units which the data never held; a file may cover more than the data."""
        faults = Faults(NotIdentified)
        for name in self._absent(panel) if self.file is None else ():
            what = f'comparison.sets: no unit "{name}" in the data'
            faults.add(panel.source, what, near_unit(name, sorted(panel.units_read)))
        faults.stop()

    def with_files(self, base: Path, where: str, faults: Faults) -> Self:
        """Read the file; what it holds becomes part of the declaration."""
        if self.file is None or (self.sets and not (base / self.file).exists()):
            return self
        found = read_lists(base / self.file, ("treated", "comparison"), faults, where=where, key="comparison.file")
        if self.sets and found and found != self._named:
            faults.add(where, f"comparison.sets: differ from {self.file}", "keep one of them")
        return replace(self, sets=found or self.sets)

    @property
    def _named(self) -> dict[str, tuple[str, ...]]:
        return {str(unit): tuple(map(str, others)) for unit, others in self.sets.items()}

    def restricted(self, panel: Panel) -> Panel:
        """Return the panel of the units that are in sets, with the sets within which starts may be swapped.

        Rows of people have none: they are matched within each set by itself, and none of their starts is swapped.
        """
        self._refuse_absent(panel)
        kept = super().restricted(panel)
        for units, why in dropped_by_reason(self._outside(kept)):
            kept = kept.keep([unit for unit in kept.units if unit not in units], "comparison", why)
        roles = self._roles(kept)
        if not len(kept.units) or self.people is not None:
            return kept
        labels = np.array([f"{one + 1:03}" for one in roles.joined], dtype=object)
        return kept.with_columns(**{MATCHED_SETS: labels[kept.unit_codes]})

    def adopters_without(self, panel: Panel) -> dict[str, str]:
        """Return the treated units that are in no set, or in one without a comparator, with the reason."""
        treated = set(map(str, panel.units[panel.ever_treated]))
        out = self._outside(super().restricted(panel))
        return {unit: f"are {why}" if why == _NO_SET else why for unit, why in out.items() if unit in treated}

    def _outside(self, panel: Panel) -> dict[str, str]:
        """Return the units that stand in no set with a comparator, those that lack one first, with the reason."""
        treated, joined = panel.ever_treated, self._roles(panel).joined
        lonely = np.isin(panel.units.astype(str), list(self._named)) & treated & (joined < 0)
        reasons = ((lonely, _NO_COMPARATOR), ((joined < 0) & ~lonely, _NO_SET))
        return {str(unit): why for gone, why in reasons for unit in panel.units[gone]}

    def _roles(self, panel: Panel) -> _Roles:
        """Lay the sets out on a panel's units."""
        place = {str(unit): i for i, unit in enumerate(panel.units)}
        pairs, weights = [], np.zeros(panel.n_units)
        heads = np.zeros(panel.n_units, bool)
        for unit, others in self._named.items():
            here = [place[other] for other in others if other in place]
            if unit not in place or not here:
                continue
            heads[place[unit]] = True
            pairs += [(place[unit], other) for other in here]
            weights[here] += 1.0 / len(here)
        used = weights > 0
        scaled = weights * (used.sum() / max(weights.sum(), 1.0))
        return _Roles(heads, joined_sets(pairs, panel.n_units), np.where(heads, 1.0, scaled))

    @property
    def uses_covariates(self) -> bool:
        """Rows of people are matched on covariates, authorities are not."""
        return self.people is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this method."""
        return tuple(dict.fromkeys((*super().columns, *(self.people.columns if self.people else ()))))

    def compare(self, panel: Panel) -> Comparison:
        """Refuse comparators that are treated, and heads that are not; then build the group."""
        self._refuse_roles(panel)
        if self.people is None:
            return super().compare(panel)
        return matched_people(self.people, panel, self.sets_in(panel), self.listed(panel), self.notes_on(panel))

    def _refuse_roles(self, panel: Panel) -> None:
        """Refuse comparators that are treated, and heads that are not."""
        faults = Faults(NotIdentified)
        first = dict(zip(map(str, panel.units), panel.first_treated, strict=True))
        for unit, others in self._named.items():
            if np.isinf(first.get(unit, 0.0)):
                what = f"comparison.sets: {unit} has comparators and is not treated"
                faults.add(panel.source, what, "take its set out, or give it a start")
            for other in others:
                if np.isfinite(first.get(other, np.inf)):
                    what = f"comparison.sets: {other} is a comparator of {unit} and is treated itself"
                    faults.add(panel.source, what, "take it out of the set, or end panel.window before it starts")
        faults.stop()

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Weigh the comparators of each set."""
        both_arms(panel)
        roles, treated = self._roles(panel), panel.ever_treated
        weights = role_weights(roles.weights, roles.heads, roles.joined, treated)
        out = dict.fromkeys(map(str, panel.units[weights == 0]), _NO_SET)
        return Matched(
            weights=weights,
            dropped=dropped_by_reason(out),
            sets=self.listed(panel),
            off_support={unit: why for unit, why in out.items() if unit in set(map(str, panel.units[treated]))},
            notes=tuple(self.notes_on(panel)),
        )

    def match_many(self, panel: Panel, values: pd.DataFrame, first_treated: Array) -> GroupWeights:
        """Hand the roles on under many adoptions, (draws, n)."""
        roles, treated = self._roles(panel), np.isfinite(first_treated)
        weights = np.array([role_weights(roles.weights, roles.heads, roles.joined, one) for one in treated])
        nobody = ~weights.any(1) | ~(weights * ~treated).any(1)
        failures = np.where(nobody, "no matched set has treated and untreated units", "").astype(object)
        weights[nobody] = 0.0
        return GroupWeights(weights, failures)

    def sets_in(self, panel: Panel) -> dict[str, tuple[str, ...]]:
        """Return the sets of treated units with a comparator in a panel, by treated unit."""
        here = set(map(str, panel.units))
        kept = {unit: tuple(one for one in others if one in here) for unit, others in self._named.items()}
        return {unit: others for unit, others in kept.items() if unit in here and others}

    def listed(self, panel: Panel) -> pd.DataFrame:
        """List the sets as declared; comparators inherit the start of each set that they are in."""
        place = {str(unit): i for i, unit in enumerate(panel.units)}
        starts, rows = panel.first_treated, []
        for unit, others in self._named.items():
            here = [other for other in others if other in place]
            if unit in place and here:
                rows.append((unit, unit, 1.0, np.nan, starts[place[unit]]))
                rows += [(other, unit, 1.0 / len(here), np.nan, starts[place[unit]]) for other in here]
        return pd.DataFrame(rows, columns=["unit", "matched_set", "weight", "distance", "first_treated"])

    def notes_on(self, panel: Panel) -> list[str]:
        """Say who is left out, and who serves several."""
        notes = []
        left = [row for row in panel.flow if row.step == "comparison" and row.reason in (_NO_SET, _NO_COMPARATOR)]
        heads = {str(unit) for unit in panel.units[panel.ever_treated]}
        lost = [unit for unit in self._named if unit not in heads]
        if left:
            notes.append("units in no matched set, or in one without a comparator, are left out: see the flow of units")
        if lost:
            notes.append(
                f"{len(lost)} declared set(s) have no treated unit with a comparator here and are left out "
                f"({', '.join(lost)}): the estimate is about the {len(heads)} treated units that remain"
            )
        absent = self._absent(panel)
        if absent:
            notes.append(f"{len(absent)} unit(s) that {self.file} lists are not in the data ({listed(absent)})")
        served = pd.Series([other for others in self._named.values() for other in others], dtype=object).value_counts()
        several = [str(unit) for unit in served.index[served > 1] if str(unit) in set(map(str, panel.units))]
        if several:
            notes.append(
                f"{names_of(panel, several)} serve(s) several treated units: sets that share a comparator are one set "
                "wherever starts are swapped"
            )
        return notes
