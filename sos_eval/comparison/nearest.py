"""Nearest-neighbour matching of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sos_eval.comparison.distances import Chosen, DeclaredDistance
from sos_eval.comparison.pairs import PairMethod
from sos_eval.numerics.assignment import nearest_many
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["Nearest"]


@register("nearest")
@dataclass(frozen=True)
class Nearest(DeclaredDistance, PairMethod):
    """Greedy nearest-neighbour matching on a propensity score, a distance or a column (Rosenbaum and Rubin 1985).

    Units that are ever treated are matched with units that never are, on values from before the first start of
    anyone. The weights are those of the average effect on the treated that found a match.
    """

    reference: ClassVar[str] = "Rosenbaum and Rubin (1985)"

    replace: bool = False
    """Whether a donor can serve several treated units."""
    order: Literal["largest", "smallest", "data"] | None = None
    """Who chooses first: largest or smallest score, or data (unit ids in order). Ties go by unit id. Default: largest
    where there is a score, data for mahalanobis and euclidean."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scored is None and self.order in ("largest", "smallest"):
            raise ValueError(f"order {self.order} is by score and {self.distance} has none; write order: data")

    @property
    def takes_turns(self) -> Literal["largest", "smallest", "data"]:
        """Who chooses first."""
        return self.order or "largest"

    def choose(self, distance: Array, turns: Chosen) -> Chosen:
        """Let the treated choose in turn."""
        return nearest_many(distance, order=turns, ratio=self.ratio, replace=self.replace)

    def notes(self, panel: Panel, chosen: Chosen, without: dict[str, str]) -> list[str]:
        """Say what the reader has to know about the match."""
        return [*super().notes(panel, chosen, without), *self.scale_note()]
