"""The `economics:` block of a design, and the same block as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isclose
from typing import Annotated, Literal

from annotated_types import Ge

from sos_eval.declare import Declared
from sos_eval.economics.declared import (
    CarePathway,
    CostLine,
    DecisionFrame,
    DeclaredEffect,
    DeflatorFile,
    Discount,
    Implementation,
    Strategy,
)
from sos_eval.economics.declared_analysis import Distribution, Dsa, GateBlock, Psa, Scenario, Subgroup, Voi

__all__ = ["EconomicsFile", "EconomicsSection", "threshold_grid"]

Thresholds = tuple[Annotated[float, Ge(0)], ...] | dict[Literal["from", "to", "step"], Annotated[float, Ge(0)]]


@dataclass(frozen=True)
class EconomicsSection(Declared):
    """An economic evaluation, as far as the evidence allows."""

    frame: DecisionFrame | None = None
    """Perspective, prices, horizon, comparator; needed unless the draws come from files."""
    discount: Discount | None = None
    """Rates of costs and effects; needed unless the draws come from files."""
    deflator: str | DeflatorFile = "gdp_ons_2025_06"
    """Price index: a shipped series by name, or a file."""
    strategies: tuple[Strategy, ...] = ()
    """Courses of action; without them the comparator and the programme."""
    effect: DeclaredEffect | None = None
    """The effect on entries."""
    costs: tuple[CostLine, ...] = ()
    """Costs beside those of the programme and of placements."""
    care_pathway: CarePathway | None = None
    """What an entry to care costs."""
    implementation: Implementation | None = None
    """What the programme costs."""
    psa: Psa = field(default_factory=Psa)
    """Draws."""
    reference: str | None = None
    """The comparator among the strategies of the draws; default: the frame's, else the first."""
    thresholds: Thresholds = ()
    """Money a unit of effect, as plotted: a list, or from, to and step."""
    decision_threshold: Annotated[float, Ge(0)] | None = None
    """Money a unit of effect at which the decision is taken: verdict, tornado, scenarios and equity are about it."""
    decision_threshold_source: str = ""
    """Where that price comes from."""
    dsa: Dsa = field(default_factory=Dsa)
    """One-way and two-way sensitivity."""
    scenarios: tuple[Scenario, ...] = ()
    """Other choices."""
    voi: Voi = field(default_factory=Voi)
    """What better information would be worth."""
    equity: tuple[Subgroup, ...] = ()
    """Results by group of children."""
    distribution: Distribution | None = None
    """How much inequality between these groups counts."""
    gate: GateBlock = field(default_factory=GateBlock)
    """Declared facts for the evidence gate, and an override."""
    cheers: dict[str, str] = field(default_factory=dict)
    """Answers to items of CHEERS 2022 by number that the declaration does not hold already."""

    @property
    def rates(self) -> Discount:
        """The declared rates; the Green Book's where none are (populations of draws from files)."""
        return self.discount or Discount()

    @property
    def prices(self) -> list[float]:
        """Every threshold that is computed, in order: the plotted ones, and the one at which the decision is taken."""
        grid, decision = threshold_grid(self.thresholds), self.decision_threshold
        if decision is None:
            return grid or [0.0]
        return sorted({decision, *(value for value in grid if not isclose(value, decision, rel_tol=1e-9))})


@dataclass(frozen=True, kw_only=True)
class EconomicsFile(EconomicsSection):
    """An economics file of its own."""

    schema: Literal["sos-eval/economics/1"]
    """Version of this form."""
    name: str
    """Name of the evaluation and of its folder."""
    title: str = ""
    """Title of the report."""


def threshold_grid(declared: Thresholds) -> list[float]:
    """Return the thresholds, sorted, without repeats.

    Raises
    ------
    ValueError
        from, to and step do not make a grid.
    """
    if not isinstance(declared, dict):
        return sorted(set(declared))
    missing = [key for key in ("from", "to", "step") if key not in declared]
    if missing:
        raise ValueError(f"{' and '.join(missing)} missing; write from, to and step, or a list")
    start, stop, step = declared["from"], declared["to"], declared["step"]
    if step <= 0 or stop < start:
        raise ValueError("step must be above zero and to must not be below from")
    count = round((stop - start) / step)
    if count > 100_000:
        raise ValueError(f"{count + 1:,} thresholds; write a wider step")
    grid = [start + i * step for i in range(count + 1)]
    return [value for value in grid if value <= stop * (1 + 1e-12)]
