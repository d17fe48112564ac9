"""What inference, checks and moderators receive: an estimate that can be made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sos_eval.panel.panel import Array, Panel
from sos_eval.results.adoptions import Adoptions
from sos_eval.results.assignments import MATCHED_ROWS, WHY_FIXED, AssignmentSpace, assignment_space
from sos_eval.results.comparison import Comparison
from sos_eval.results.crew import ALONE, Crew
from sos_eval.results.estimate import Batch, Estimate
from sos_eval.results.held_cells import HeldCells
from sos_eval.terms import Estimand, Role

if TYPE_CHECKING:
    from sos_eval.results.estimator import Estimator

__all__ = ["Fitted", "is_fitted_anew", "standing"]


def standing(source: Panel, given: Panel, estimate: Estimate) -> Panel:
    """Return a source without the units that a method left out of what it was given.

    They are in no number of the estimate, and so no cluster to leave out, and nobody to hand a start to.
    """
    left_out = set(given.units) - set(estimate.panel.units)
    return source.keep([unit for unit in source.units if unit not in left_out]) if left_out else source


@dataclass(frozen=True, slots=True)
class Fitted:
    """An estimate, and the way back to it.

    Attributes
    ----------
    id, role
        As declared.
    estimator
        The method object.
    estimate
        Cells with all aggregations.
    source
        The panel before the comparison group was built, with the adoption that effects are of; without the units that
        the method left out, where no group is built anew (see `standing`).
    comparison
        The comparison in use, or None.
    rebuild
        Builds the comparison group on another panel; None where the group does not depend on who is treated
        (restrictions that do are in here too). A `Regrouping` does so for many adoptions at once.
    strata
        Within which the headline's test swaps starts; checks that draw lots draw the same.
    lots_of
        The outcome by which strata are cut: the headline's, so that all outcomes share their lots; the estimate's own
        where none is named.
    crew
        Who makes estimates under many adoptions.
    cells
        What the whole estimate is of, where this one is made again on parts of its panel; else None.
    """

    id: str
    role: Role
    estimator: Estimator
    estimate: Estimate
    source: Panel
    comparison: Comparison | None = None
    rebuild: Callable[[Panel], Panel] | None = None
    strata: tuple[str, ...] = ()
    lots_of: str = ""
    crew: Crew = ALONE
    cells: HeldCells | None = None

    @property
    def panel(self) -> Panel:
        """The panel that was estimated on."""
        return self.estimate.panel

    @property
    def estimand(self) -> Estimand:
        """Whom the effects are about: those whom the comparison group is weighed for, else by the method's option."""
        own = self.estimator.estimand
        return own if self.comparison is None or self.comparison.estimand == "att" else self.comparison.estimand

    def space(self, strata: Sequence[str]) -> AssignmentSpace | str:
        """Lay out who can swap starts with whom, or say why nobody can; the same for every outcome of a design."""
        if MATCHED_ROWS in self.panel.frame:
            return WHY_FIXED
        return assignment_space(self.source.select(self.lots_of) if self.lots_of else self.source, strata)

    @property
    def held(self) -> Fitted:
        """The same, with what the method chose and whose effects it averages written out: for parts of the panel."""
        estimator = self.estimator.held_to(self.panel)
        return replace(self, estimator=estimator, cells=HeldCells.of(estimator, self.estimate))

    def refit(self, panel: Panel) -> Estimate:
        """Make the estimate again on a changed *source* panel, comparison group included.

        Where cells are held, what would average others is empty, with the reason.
        """
        given = self.rebuild(panel) if self.rebuild else panel
        found = self.estimator.complete(given)
        return found if self.cells is None else self.cells.kept(found, given)

    def refit_assignments(self, first_treated: Array) -> Batch:
        """Make it again under other adoptions, (draws, source.n_units).

        Where the comparison group depends on who is treated it is built anew in every draw.

        Raises
        ------
        InputFault
            Not one of the adoptions can be estimated.
        """
        return Adoptions(self, first_treated).estimated()


def is_fitted_anew(fitted: Fitted) -> bool:
    """Whether every draw costs a new fit: a comparison group built again, or an estimator that loops over adoptions."""
    from sos_eval.results.estimator import Estimator

    loops = type(fitted.estimator).estimate_assignments is Estimator.estimate_assignments
    return fitted.rebuild is not None or loops
