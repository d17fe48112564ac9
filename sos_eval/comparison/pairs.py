"""Base of the methods that match treated units with untreated ones, pair by pair."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge

from sos_eval.comparison.arms import dropped_by_reason, left_out_note, names_of
from sos_eval.comparison.distances import Bools, Chosen, DistanceMethod, Distances
from sos_eval.comparison.group import Matched, Selection
from sos_eval.comparison.people import People
from sos_eval.errors import Fault, NotIdentified
from sos_eval.numerics.assignment import match_weights, match_weights_many
from sos_eval.panel.panel import Array, Panel

__all__ = ["PairMethod"]


@dataclass(frozen=True)
class PairMethod(DistanceMethod):
    """Treated units get donors; a subclass says who gets whom."""

    ratio: Annotated[int, Ge(1)] = 1
    """Donors per treated unit, at most."""
    people: People | None = None
    """Of rows that are people or events: how they are matched within the pairs of units, {method: cem, on: […]}; a pair
    has the window of its treated unit."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this method."""
        return tuple(dict.fromkeys((*super().columns, *(self.people.columns if self.people else ()))))

    def _unchanged(self, made: Selection) -> list[str]:
        """Say where a method changes nothing; where people are matched within its pairs it always changes something."""
        return [] if self.people is not None else super()._unchanged(made)

    @abstractmethod
    def choose(self, distance: Array, turns: Chosen) -> Chosen:
        """Return the donors of each treated unit, (r, n_treated, width), -1 for none; barred pairs are infinite."""

    def weigh(self, distance: Array, turns: Chosen) -> tuple[Array, Array]:
        """Return the weights of those who are chosen."""
        return match_weights_many(self.choose(distance, turns), distance.shape[2])

    def arrange(self, panel: Panel, distances: Distances) -> Matched:
        """Match by distances, and say what became of each."""
        chosen = self.choose(distances.allowed[None], distances.turns[None])[0]
        return self.placed(
            panel, chosen, lambda row, donor: distances.raw[row, donor], lambda row: distances.barred[:, row]
        )

    def placed(
        self, panel: Panel, chosen: Chosen, apart: Callable[[Chosen, Chosen], Array], barred: Callable[[int], Bools]
    ) -> Matched:
        """Turn choices into weights, sets, and the reasons of those who are left out.

        Parameters
        ----------
        chosen : (n_treated, width)
            Positions of donors, -1 for none.
        apart
            The distances of pairs, by their positions.
        barred
            What bars a treated unit's pairs: by exact cell, by caliper, (2, n_untreated).
        """
        treated = panel.ever_treated
        for_treated, for_donors = match_weights(chosen, int((~treated).sum()))
        weights = np.empty(panel.n_units)
        weights[treated], weights[~treated] = for_treated, for_donors
        without = {
            str(panel.units[treated][i]): self.why_unmatched(barred(int(i))) for i in np.flatnonzero(for_treated == 0)
        }
        if not for_treated.any():
            what = f"comparison: no treated unit has an acceptable donor ({next(iter(without.values()))})"
            raise NotIdentified(Fault(panel.source, what, "loosen caliper, exact or restrict"))
        dropped = list(dropped_by_reason(without))
        unused = tuple(panel.units[~treated][for_donors == 0])
        if unused:
            dropped.append((unused, "not chosen as a donor by matching"))
        return Matched(
            weights=weights,
            dropped=tuple(dropped),
            sets=_sets(panel, chosen, apart),
            off_support=without,
            notes=tuple(self.notes(panel, chosen, without)),
        )

    def notes(self, panel: Panel, chosen: Chosen, without: dict[str, str]) -> list[str]:
        """Say what the reader has to know about the match."""
        notes, found = left_out_note(panel, without), (chosen >= 0).sum(1)
        fewer = panel.units[panel.ever_treated][(found > 0) & (found < self.ratio)]
        if len(fewer):
            notes.append(f"fewer than {self.ratio} comparison units for {names_of(panel, fewer)}")
        return notes


def _sets(panel: Panel, chosen: Chosen, apart: Callable[[Chosen, Chosen], Array]) -> pd.DataFrame:
    """List the matched sets: the treated unit, then its donors, each with 1/k."""
    treated, donors = panel.units[panel.ever_treated], panel.units[~panel.ever_treated]
    counts = (chosen >= 0).sum(1)
    own = np.flatnonzero(counts)
    row, rank = np.nonzero(chosen >= 0)
    heads = pd.DataFrame({"unit": treated[own], "matched_set": treated[own], "weight": 1.0, "distance": 0.0})
    pairs = pd.DataFrame(
        {
            "unit": donors[chosen[row, rank]],
            "matched_set": treated[row],
            "weight": 1.0 / counts[row],
            "distance": apart(row, chosen[row, rank]),
        }
    )
    position = np.concatenate([own, row])
    return pd.concat([heads, pairs], ignore_index=True).iloc[np.argsort(position, kind="stable")].reset_index(drop=True)
