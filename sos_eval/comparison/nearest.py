"""Nearest-neighbour matching of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sos_eval.comparison.pairs import MODELLED, PairMethod
from sos_eval.numerics.assignment import nearest_many
from sos_eval.numerics.distance import euclidean, mahalanobis
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["MULTIVARIATE", "Nearest"]

MULTIVARIATE = {"mahalanobis": mahalanobis, "euclidean": euclidean}


@register("nearest")
@dataclass(frozen=True)
class Nearest(PairMethod):
    """Greedy nearest-neighbour matching on a propensity score, a distance or a column (Rosenbaum and Rubin 1985).

    Units that are ever treated are matched with units that never are, on values from before the first start of
    anyone. The weights are those of the average effect on the treated that found a match.
    """

    reference: ClassVar[str] = "Rosenbaum and Rubin (1985)"

    distance: str = "probability"
    """probability (propensity), linear_logit (its logit), mahalanobis, euclidean (on the columns' own units), or the
    name of a column."""
    replace: bool = False
    """Whether a donor can serve several treated units."""
    order: Literal["largest", "smallest", "data"] | None = None
    """Who chooses first: largest or smallest score, or data (unit ids in order). Ties go by unit id. Default: largest
    where there is a score, data for mahalanobis and euclidean."""

    def __post_init__(self) -> None:
        multivariate = self.distance in MULTIVARIATE
        if not self.on and (multivariate or self.distance in MODELLED):
            raise ValueError(f"distance {self.distance} needs covariates; write on: [outcome_pre]")
        if multivariate and self.caliper is not None:
            raise ValueError(f"a caliper is in SD of a score and {self.distance} has none; use distance: probability")
        if multivariate and self.order in ("largest", "smallest"):
            raise ValueError(f"order {self.order} is by score and {self.distance} has none; write order: data")

    @property
    def scored(self) -> str | None:
        """The score that is matched on; None with a multivariate distance."""
        return None if self.distance in MULTIVARIATE else self.distance

    @property
    def takes_turns(self) -> Literal["largest", "smallest", "data"]:
        """Who chooses first."""
        return self.order or "largest"

    def apart(self, x: Array, treated: NDArray[np.bool_]) -> Array | None:
        """Return the multivariate distance; None where the score's is used."""
        return MULTIVARIATE[self.distance](x, treated) if self.distance in MULTIVARIATE else None

    def choose(self, distance: Array, turns: NDArray[np.intp]) -> NDArray[np.intp]:
        """Let the treated choose in turn."""
        return nearest_many(distance, order=turns, ratio=self.ratio, replace=self.replace)

    def _notes(self, panel: Panel, chosen: NDArray[np.intp], without: dict[str, str]) -> list[str]:
        """Say what the reader has to know about the match."""
        notes = super()._notes(panel, chosen, without)
        if self.distance == "euclidean":
            notes.append("euclidean distance is on the covariates' own units: a wide scale counts for more")
        return notes
