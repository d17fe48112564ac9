"""Optimal pair matching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sos_eval.comparison.distances import Chosen, DeclaredDistance
from sos_eval.comparison.pairs import PairMethod
from sos_eval.numerics.assignment import optimal
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["Optimal"]


@register("optimal")
@dataclass(frozen=True)
class Optimal(DeclaredDistance, PairMethod):
    """Matching without replacement whose distances have the smallest sum (Rosenbaum 1989)."""

    reference: ClassVar[str] = "Rosenbaum (1989)"
    label: ClassVar[str] = "optimal matching"

    def choose(self, distance: Array, turns: Chosen) -> Chosen:
        """Match every draw by an assignment of its own."""
        return np.array([optimal(one, ratio=self.ratio) for one in distance])

    def notes(self, panel: Panel, chosen: Chosen, without: dict[str, str]) -> list[str]:
        """Say what the reader has to know about the match."""
        return [*super().notes(panel, chosen, without), *self.scale_note()]
