"""Nearest-neighbour matching on the Mahalanobis distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge

from sos_eval.comparison.distances import Bools, Chosen
from sos_eval.comparison.pairs import PairMethod
from sos_eval.numerics.assignment import nearest_many
from sos_eval.numerics.distance import mahalanobis, rank_mahalanobis
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array
from sos_eval.results.method import register

__all__ = ["Mahalanobis"]


@register("mahalanobis")
@dataclass(frozen=True)
class Mahalanobis(PairMethod):
    """Nearest neighbours by Mahalanobis distance, within a caliper of the propensity (Rosenbaum and Rubin 1985)."""

    reference: ClassVar[str] = "Rosenbaum and Rubin (1985)"
    label: ClassVar[str] = "Mahalanobis matching"

    metric: Literal["values", "ranks"] = "values"
    """The covariates' values, or their ranks, which one far-off unit does not stretch (Rosenbaum 2010)."""
    ridge: Annotated[float, Ge(0)] = 0.0
    """Added to every variance, as a share of it: keeps the distance where covariates are collinear."""
    replace: bool = False
    """Whether a donor can serve several treated units."""
    within: tuple[Column, ...] = ()
    """Covariates of the propensity that `caliper` is on; `on` unless given."""

    def __post_init__(self) -> None:
        if not self.on:
            raise ValueError("mahalanobis needs covariates; write on: [outcome_pre]")
        if self.within and self.caliper is None:
            raise ValueError("within names the propensity of a caliper and there is none; write caliper: 0.25")
        super().__post_init__()

    @property
    def scored(self) -> str | None:
        """The propensity where there is a caliper."""
        return None if self.caliper is None else "probability"

    @property
    def modelled_on(self) -> tuple[str, ...]:
        """Covariates of the propensity; none without a caliper."""
        return () if self.caliper is None else self.within or self.on

    @property
    def takes_turns(self) -> Literal["largest", "smallest", "data"]:
        """The largest propensity first where there is one."""
        return "data" if self.caliper is None else "largest"

    @property
    def every_category(self) -> bool:
        """Ranks are over every category: they are scaled one by one."""
        return self.metric == "ranks"

    @property
    def if_collinear(self) -> str:
        """What to declare beside leaving out one of the covariates that are collinear."""
        return ", or write ridge: 0.01"

    def apart(self, x: Array, treated: Bools) -> Array | None:
        """Return the Mahalanobis distance."""
        measure = mahalanobis if self.metric == "values" else rank_mahalanobis
        return measure(x, treated, self.ridge)

    def choose(self, distance: Array, turns: Chosen) -> Chosen:
        """Let the treated choose in turn."""
        return nearest_many(distance, order=turns, ratio=self.ratio, replace=self.replace)
