"""Statistical neighbours as donors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from sos_eval.comparison.distances import MODELLED, MULTIVARIATE, Bools, Chosen, Distances
from sos_eval.comparison.group import Matched
from sos_eval.comparison.pairs import PairMethod
from sos_eval.errors import Faults, listed
from sos_eval.numerics.assignment import nearest_many
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.read.lists import places_in, read_lists
from sos_eval.results.method import register

__all__ = ["StatisticalNeighbours"]


@register("neighbours")
@dataclass(frozen=True)
class StatisticalNeighbours(PairMethod):
    """Donors from each unit's own list of statistical neighbours: the closest of it, or the nearest by `distance`."""

    reference: ClassVar[str] = "Benton, Chamberlain, Wilson and Teeman (2007)"
    label: ClassVar[str] = "statistical neighbours"

    lists: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    """Unit -> its neighbours, the closest first: {304: [305, 306]}."""
    file: str | None = None
    """csv or xlsx with the columns unit, neighbour (a line a pair, the closest first), or unit, SN_1, SN_2 …"""
    closest: Annotated[int, Ge(1)] | None = None
    """How many of each list may be donors; all unless given."""
    distance: str = "rank"
    """rank (place in the list), or with `on` a distance within the list: probability, linear_logit, mahalanobis,
    euclidean, or the name of a column."""
    replace: bool = True
    """Whether a donor can serve several treated units."""

    def __post_init__(self) -> None:
        if not self.lists and self.file is None:
            raise ValueError("neighbours needs its lists; write file: neighbours.csv, or lists: {304: [305, 306]}")
        for unit, others in self._named.items():
            twice = [name for name in dict.fromkeys(others) if others.count(name) > 1]
            if unit in others or twice:
                raise ValueError(f"lists.{unit}: {f'{twice[0]} stands twice' if twice else 'names itself'}")
        if self.distance == "rank" and (self.on or self.caliper is not None):
            raise ValueError("distance rank goes by the lists alone; with on or a caliper write distance: probability")
        if self.distance != "rank" and not self.on and self.distance in (*MODELLED, *MULTIVARIATE):
            raise ValueError(f"distance {self.distance} needs covariates; write on: [outcome_pre]")
        if self.distance in MULTIVARIATE and self.caliper is not None:
            raise ValueError(f"a caliper is in SD of a score and {self.distance} has none; use distance: probability")
        super().__post_init__()

    def with_files(self, base: Path, where: str, faults: Faults) -> Self:
        """Read the file; what it holds becomes part of the declaration."""
        if self.file is None or (self.lists and not (base / self.file).exists()):
            return self
        found = read_lists(base / self.file, ("unit", "neighbour"), faults, where=where, key="comparison.file")
        if self.lists and found and found != self._named:
            faults.add(where, f"comparison.lists: differ from {self.file}", "keep one of them")
        return changed(self, lists=found or self.lists)

    @property
    def _named(self) -> dict[str, tuple[str, ...]]:
        return {str(unit): tuple(map(str, others)) for unit, others in self.lists.items()}

    @property
    def scored(self) -> str | None:
        """The score that is matched on within the lists."""
        return None if self.distance == "rank" or self.distance in MULTIVARIATE else self.distance

    def apart(self, x: Array, treated: Bools) -> Array | None:
        """Return the multivariate distance; None where the score's, or the place in the list, is used."""
        return MULTIVARIATE[self.distance](x, treated) if self.distance in MULTIVARIATE else None

    def given(self, units: NDArray[np.object_]) -> Array:
        """Return each unit's place in another's list, (n, n); infinite where it is not in it."""
        return places_in(self._named, units, self.closest)

    def choose(self, distance: Array, turns: Chosen) -> Chosen:
        """Take the nearest of each list."""
        return nearest_many(distance, order=turns, ratio=self.ratio, replace=self.replace)

    @property
    def takes_turns(self) -> Literal["largest", "smallest", "data"]:
        """The largest score first where there is one."""
        return "largest" if self.scored else "data"

    def why_unmatched(self, barred: Bools) -> str:
        """Say why a treated unit has no donor, from what bars it, (2, n_untreated)."""
        also = f" with the same {', '.join(self.exact)}" if self.exact else ""
        if barred[0].all():
            return f"none of its neighbours{also} is an untreated unit of the panel"
        if barred.any(0).all():
            return super().why_unmatched(barred)
        return f"every one of its neighbours{also} stands in for another"

    def arrange(self, panel: Panel, distances: Distances) -> Matched:
        """Turn choices into sets, and say who has no list."""
        made = super().arrange(panel, distances)
        absent = [str(unit) for unit in panel.units[panel.ever_treated] if str(unit) not in self._named]
        note = [f"no list of neighbours for {', '.join(absent)}"] if absent else []
        known, named = {*panel.units.astype(str)}, self._named
        unknown = [name for name in dict.fromkeys(chain(named, *named.values())) if name not in known]
        note += [f"listed, and not among the units that could take part: {listed(unknown)}"] if unknown else []
        return changed(made, notes=(*made.notes, *note))
