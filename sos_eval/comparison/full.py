"""Full matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge

from sos_eval.comparison.arms import dropped_by_reason, left_out_note
from sos_eval.comparison.distances import Chosen, DeclaredDistance, Distances
from sos_eval.comparison.group import Matched
from sos_eval.errors import Fault, NotIdentified
from sos_eval.numerics.full import full_sets, limited_sets
from sos_eval.numerics.strata import stratum_weights
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["Full"]


@register("full")
@dataclass(frozen=True)
class Full(DeclaredDistance):
    """Sets of one treated and some untreated units, or the other way round, with the smallest sum of distances."""

    reference: ClassVar[str] = "Hansen and Klopfer (2006)"
    label: ClassVar[str] = "full matching"

    estimand: Literal["att", "ate"] = "att"
    """Whom the weights are about: the treated (att), or treated and untreated together (ate)."""
    controls: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] | None = None
    """Fewest and most comparison units of each treated one, [1, 4]: no two treated units then share a set."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.controls is not None and self.controls[0] > self.controls[1]:
            raise ValueError("controls: write the fewest, then the most: [1, 4]")

    def _sets(self, distance: Array) -> tuple[Chosen, Chosen] | None:
        """Return the set of each treated and each untreated unit; None where the limits cannot be kept."""
        if not np.isfinite(distance).any():
            return None
        return full_sets(distance) if self.controls is None else limited_sets(distance, *self.controls)

    def _by_set(self, sets: tuple[Chosen, Chosen]) -> tuple[Array, Array]:
        """Weigh the units of sets, those in none by zero."""
        codes = np.concatenate(sets)
        own = np.arange(len(codes)) < len(sets[0])
        lonely = np.where(codes < 0, codes.max() + 1 + own, codes)
        weights = stratum_weights(lonely, own[None], average=self.estimand)[0]
        return weights[own], weights[~own]

    def weigh(self, distance: Array, turns: Chosen) -> tuple[Array, Array]:
        """Make the sets of every draw by itself; zeros where the limits cannot be kept."""
        treated, untreated = np.zeros(distance.shape[:2]), np.zeros((len(distance), distance.shape[2]))
        for draw, one in enumerate(distance):
            if (sets := self._sets(one)) is not None:
                treated[draw], untreated[draw] = self._by_set(sets)
        return treated, untreated

    def arrange(self, panel: Panel, distances: Distances) -> Matched:
        """Make the sets, and say who is in none."""
        treated, sets = panel.ever_treated, self._sets(distances.allowed)
        if sets is None:
            raise NotIdentified(self._fault(panel, distances))
        weights = np.empty(panel.n_units)
        weights[treated], weights[~treated] = self._by_set(sets)
        without = {
            str(panel.units[treated][i]): self.why_unmatched(distances.barred[:, i])
            for i in np.flatnonzero(sets[0] < 0)
        }
        far = dict.fromkeys(map(str, panel.units[~treated][sets[1] < 0]), "no treated unit is close enough or alike")
        return Matched(
            weights=weights,
            dropped=dropped_by_reason(without | far),
            sets=_listed(panel, sets, distances.raw, weights),
            off_support=without,
            notes=(*left_out_note(panel, without | far, self.estimand), *self.scale_note()),
        )

    def _fault(self, panel: Panel, distances: Distances) -> Fault:
        """Say why there are no sets."""
        if not np.isfinite(distances.allowed).any():
            why = self.why_unmatched(distances.barred[:, 0])
            return Fault(
                panel.source, f"comparison: no treated unit has an acceptable donor ({why})",
                "loosen caliper, exact or restrict",
            )  # fmt: skip
        fewest, most = self.controls or (1, 1)
        treated = int(panel.ever_treated.sum())
        what = (
            f"comparison.controls: {panel.n_units - treated} comparison units cannot be {fewest} to {most} for each of "
            f"{treated} treated"
        )
        return Fault(panel.source, what, "widen controls, loosen caliper or exact, or leave controls out")


def _listed(panel: Panel, sets: tuple[Chosen, Chosen], distance: Array, weights: Array) -> pd.DataFrame:
    """List the sets, numbered from 1: each unit with its weight and its distance from the set's single unit."""
    treated = panel.ever_treated
    number, apart = np.empty(panel.n_units, np.intp), np.zeros(panel.n_units)
    number[treated], number[~treated] = sets
    place = np.empty(panel.n_units, np.intp)
    place[treated], place[~treated] = np.arange(treated.sum()), np.arange((~treated).sum())
    for one in np.unique(number[number >= 0]):
        members = np.flatnonzero(number == one)
        heads, others = members[treated[members]], members[~treated[members]]
        spokes = others if len(heads) == 1 else heads
        between = distance[np.ix_(place[heads], place[others])].ravel()
        apart[spokes] = between
    used = number >= 0
    table = pd.DataFrame(
        {
            "unit": panel.units[used], "matched_set": (number[used] + 1).astype(str), "weight": weights[used],
            "distance": apart[used],
        }
    )  # fmt: skip
    return table.iloc[np.lexsort((~treated[used], number[used]))].reset_index(drop=True)
