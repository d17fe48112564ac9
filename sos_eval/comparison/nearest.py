"""Nearest-neighbour matching of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from sos_eval.comparison.arms import both_arms
from sos_eval.comparison.distances import Chosen, DeclaredDistance
from sos_eval.comparison.group import Matched
from sos_eval.comparison.pairs import PairMethod
from sos_eval.numerics.assignment import nearest_many
from sos_eval.numerics.line import nearest_on_line
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["Nearest"]

#: Pairs up to which their distances are laid out; beyond, a score is matched along its line.
DENSE = 4_000_000


@register("nearest")
@dataclass(frozen=True)
class Nearest(DeclaredDistance, PairMethod):
    """Greedy nearest-neighbour matching on a propensity score, a distance or a column (Rosenbaum and Rubin 1985).

    Units that are ever treated are matched with units that never are, on values from before the first start of
    anyone. The weights are those of the average effect on the treated that found a match.
    """

    reference: ClassVar[str] = "Rosenbaum and Rubin (1985)"
    label: ClassVar[str] = "nearest-neighbour matching"

    replace: bool = False
    """Whether a donor can serve several treated units."""
    order: Literal["largest", "smallest", "data"] | None = None
    """Who chooses first: largest or smallest score, or data (unit ids in order). Ties go by unit id. Default: largest
    where there is a score, data for mahalanobis and euclidean."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.replace and self.order is not None:
            raise ValueError("order: with replace: true nobody waits for another; leave order out")
        if self.scored is None and self.order in ("largest", "smallest"):
            raise ValueError(f"order {self.order} is by score and {self.distance} has none; write order: data")

    @property
    def takes_turns(self) -> Literal["largest", "smallest", "data"]:
        """Who chooses first."""
        return self.order or "largest"

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Match every treated unit with its nearest donors; along the line of the score where there are many pairs."""
        both_arms(panel)
        treated = panel.ever_treated
        few = int(treated.sum()) * int((~treated).sum()) <= DENSE
        if few or self.replace or self.exact or (score := self._score(panel, values)) is None:
            return super().match(panel, values)
        near, far = score[treated], score[~treated]
        reach = np.inf if self.caliper is None else self.caliper * float(score.std(ddof=1))
        chosen = nearest_on_line(near, far, order=self._turns(score, treated), ratio=self.ratio, reach=reach)
        made = self.placed(
            panel, chosen, lambda row, donor: np.abs(near[row] - far[donor]),
            lambda row: np.array([np.zeros(len(far), bool), np.abs(near[row] - far) > reach]),
        )  # fmt: skip
        return self._told(panel, values, score, made)

    def choose(self, distance: Array, turns: Chosen) -> Chosen:
        """Let the treated choose in turn."""
        return nearest_many(distance, order=turns, ratio=self.ratio, replace=self.replace)

    def notes(self, panel: Panel, chosen: Chosen, without: dict[str, str]) -> list[str]:
        """Say what the reader has to know about the match."""
        return [*super().notes(panel, chosen, without), *self.scale_note()]
