"""A line of a power study: one estimator with its comparison group and inference, compiled on a frame of units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.checks.pretrends import Pretrends
from sos_eval.comparison.build import Rebuilding, build
from sos_eval.errors import DataFault, Fault, NotIdentified, OurFault
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.randomization import Randomization
from sos_eval.montecarlo.line.pretest import PretestPlan, plan_pretest
from sos_eval.montecarlo.line.rows import rows_of, scalar_rows
from sos_eval.montecarlo.line.truth import NOTHING, LineTruth, plan_line_truth
from sos_eval.panel.own_names import as_written
from sos_eval.panel.panel import Panel
from sos_eval.results.assignments import stratified
from sos_eval.results.check import Check
from sos_eval.results.estimate import Compiled
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted, standing
from sos_eval.results.inference import InferenceMethod, strata_of_effects
from sos_eval.results.table import estimands
from sos_eval.terms import Role
from sos_eval.worlds.draws import Draws
from sos_eval.worlds.theory import OUTCOME

__all__ = ["Line", "Ready", "compile_line", "fitted_on", "positions"]

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Line:
    """One estimator of the study.

    Attributes
    ----------
    id, role
        As declared.
    method
        The estimator.
    inference
        Every method gives its own rows.
    load
        Makes a panel of a drawn table and says which of its outcomes is estimated; None takes the world's own panel.
    outcome
        Name of the outcome; without `load` one of the world's, its first where empty.
    comparison
        A `GroupMethod`, or None.
    choose
        The rule that puts inference methods in order for a fitted estimate (`inference.auto`); None: as declared.
    permutations
        Most random assignments that a draw's inference uses, and then without its interval, whose search costs as
        much again for every bound; 0 leaves the inference as declared.
    rematch
        Whether the comparison group is built again inside every permutation, as a run does. It is built again in
        every draw in any case; inside a permutation that costs a thousand times as much.
    checks
        Checks of the joint decision: rows ``<inference>+checks`` find an effect only where no check with a declared
        threshold fails.
    pretest
        The pre-trend test whose false reassurance is measured; None measures none.
    label
        Its words as declared; they decide no draw.
    """

    id: str
    method: Estimator
    inference: tuple[InferenceMethod, ...] = (Analytic(band_draws=0),)
    role: Role = "primary"
    load: Callable[[pd.DataFrame], Panel] | None = None
    outcome: str = ""
    comparison: Any = None
    choose: Callable[[Fitted], tuple[InferenceMethod, ...]] | None = None
    permutations: int = 0
    rematch: bool = True
    checks: tuple[Check, ...] = ()
    pretest: Pretrends | None = None
    label: str = ""

    @property
    def words(self) -> str:
        """What a reader calls it: as declared, else by its method."""
        return self.label or self.method.label


@dataclass(frozen=True)
class Ready:
    """A line compiled on a frame of units.

    Attributes
    ----------
    base, source, panel
        The panel as loaded, after restriction, and after the comparison group.
    units, times
        Positions in the world of the source panel's units and times.
    kept
        Positions in the source panel of the units of `panel` (fast form).
    why
        Why not in a batch.
    reference
        The estimate on the first draw: cells, small-sample factor.
    wanted
        Its cells that are tabulated.
    rows
        Columns `ROW_KEYS`: those cells by inference method.
    truth
        Their true effects, draw by draw.
    compiled
        The estimator's plan for `panel`, applied to all draws of a chunk at once; None: draw by draw.
    pretest
        The pre-trend test on the first draw; None where none is asked for.
    refused
        Declared inference that is not defined for the estimate, and why; it is left out.
    """

    line: Line
    base: Panel
    source: Panel
    panel: Panel
    units: Codes
    times: Codes
    kept: Codes
    why: str
    reference: Fitted
    wanted: pd.DataFrame
    rows: pd.DataFrame
    truth: LineTruth
    compiled: Compiled | None = None
    pretest: PretestPlan | None = None
    refused: str = ""

    @property
    def drawn(self) -> str:
        """The world's column of its outcome."""
        return _column(self.base)

    @property
    def path(self) -> str:
        """``batch``: all draws at once; ``loop``: draw by draw."""
        return "loop" if self.compiled is None else "batch"


def compile_line(line: Line, draws: Draws, table: pd.DataFrame) -> Ready:
    """Compile a line on the frame of some draws.

    Parameters
    ----------
    draws, table
        Draws on the frame, and the first of them as a table of data.
    """
    base = draws.about(line.outcome).panel if line.load is None else line.load(table)
    draws = draws.about(_column(base))
    _check_outcome(line, base, draws)
    _check_covariates(line, base, draws)
    source = base if line.comparison is None else line.comparison.restricted(base)
    source = _stratified(line, source)
    units = positions(source.units, np.array(draws.frame.units, object))
    times = positions(source.times, draws.frame.world.periods)
    reference = fitted_on(line, source)
    if line.choose is not None:
        line = replace(line, inference=line.choose(reference))
    defined, refused = _defined(line, reference)
    line = replace(line, inference=tuple(_bounded(method, line.permutations) for method in defined))
    cells = reference.estimate.cells.assign(estimand=estimands(reference))
    wanted = cells.iloc[scalar_rows(cells)]
    rows = rows_of(line.id, source.active, wanted, line.inference, joint=bool(line.checks))
    truth = plan_line_truth(draws.frame, source, units, times, rows, reference, moved=draws.order is not None)
    _check_seen(line, source, draws, truth)
    ready = Ready(
        line, base, source, source, units, times, np.arange(len(units)), "", reference, wanted, rows, truth,
        refused=refused,
    )  # fmt: skip
    why = _why_loop(ready, draws) or _why_not_exchangeable(ready, draws)
    if why:
        return replace(ready, why=why, pretest=_pretest(ready))
    if draws.order is not None:
        source = source.with_first_treated(draws.frame.first_treated)
        ready = replace(ready, source=source, panel=source, reference=fitted_on(line, source))
    elif (comparison := reference.comparison) is not None:
        ready = replace(ready, panel=comparison.panel, kept=positions(comparison.panel.units, source.units))
    ready = replace(ready, pretest=_pretest(ready))
    if ready.pretest is not None and ready.pretest.parts is None:
        return replace(ready, why=f"the covariance of {line.method.name}'s pre-trend test comes draw by draw")
    return replace(ready, compiled=line.method.compile(ready.panel, scalar_rows))


def _stratified(line: Line, source: Panel) -> Panel:
    """Return the source with the strata whose period effects the line's estimate carries, as a run has them."""
    strata = strata_of_effects(line.inference)
    if any(name.startswith("outcome_") for name in strata):
        what = f"{line.id}: strata cut by outcomes change from draw to draw, and with them the estimate's effects"
        raise NotIdentified(Fault(source.source, what, "cut strata by exposure or a column, or strata_effects: false"))
    return stratified(source, strata)


def _defined(line: Line, reference: Fitted) -> tuple[tuple[InferenceMethod, ...], str]:
    """Return the inference that is defined for an estimate, and what is not; refuse a line whose first is not."""
    found = [(method, method.standing(reference)) for method in line.inference]
    first, of_first = found[0]
    if of_first.status == "refused":
        what = f"{line.id}: inference {first.name} is refused for {line.method.name}: {of_first.note}"
        raise NotIdentified(Fault(reference.source.source, what, "declare another one first"))
    notes = [f"inference {method.name} is left out: {one.note}" for method, one in found if one.status == "refused"]
    return tuple(method for method, one in found if one.status != "refused"), "; ".join(notes)


def _pretest(ready: Ready) -> PretestPlan | None:
    """Plan the pre-trend test that is asked for, on the panel after the comparison group."""
    if ready.line.pretest is None:
        return None
    planned, whole = plan_pretest(ready.line.pretest, ready.reference), ready.panel
    same = [list(one) for one in (whole.units, whole.times)]
    if [list(planned.panel.units), list(planned.panel.times)] != same:
        return replace(planned, parts=None)
    return planned


def _bounded(method: InferenceMethod, most: int) -> InferenceMethod:
    """Return an inference method with no more than so many random assignments."""
    if not most or not isinstance(method, Randomization) or method.draws <= most:
        return method
    return replace(method, draws=most, interval="none")


def positions(some: Any, every: Any) -> Codes:
    """Return where some names stand among all."""
    found = pd.Index(every).get_indexer(pd.Index(some))
    if (found < 0).any():
        raise OurFault("a panel has units or times that its world does not have")
    return np.asarray(found, np.intp)


def _column(panel: Panel) -> str:
    """Return the user's column of a panel's outcome."""
    return panel.label("count") if panel.outcome.counted else panel.labels.get("value", panel.label("outcome"))


def _check_outcome(line: Line, source: Panel, draws: Draws) -> None:
    """Refuse an outcome that the world does not draw."""
    drawn, column = draws.frame.world.outcome, _column(source)
    if column != drawn.name:
        what = f"{line.id}: its outcome is column {column!r}, and world {draws.frame.world.name} draws {drawn.name!r}"
        raise DataFault(Fault(source.source, what, f"write panel.outcome: {{count: {drawn.name}, …}}"))


def _check_seen(line: Line, source: Panel, draws: Draws, truth: LineTruth) -> None:
    """Refuse a line in which nothing is left of the effect that its outcome's world declares."""
    effect, theory = draws.frame.world.effect, draws.frame.world.theory
    through = theory.by_practice(OUTCOME) if theory is not None else 0.0
    found = truth.of(draws)
    if not (effect.size or through) or np.isnan(found).all() or (np.abs(np.nan_to_num(found)) > NOTHING).any():
        return
    what = (
        f"{line.id}: the world's effect ({effect.size + through:g}) falls on none of the units and periods that it "
        "averages, so that there is nothing to find"
    )
    raise DataFault(Fault(source.source, what, "widen panel.window, or change world.effect; size: 0 declares none"))


def _check_covariates(line: Line, source: Panel, draws: Draws) -> None:
    """Refuse a mediator as covariate: every draw has its own, and the plan would keep those of the first."""
    matched = () if line.comparison is None else line.comparison.columns
    used = {*source.covariates, *(getattr(line.method, "covariates", None) or ()), *matched}
    if mediators := sorted({as_written(name) for name in used} & set(draws.mediators)):
        what = f"{line.id}: covariate {', '.join(mediators)} is a mediator, which changes with every draw"
        instead = "take it out: adjusting for it is not in this version of power, and hides part of the effect"
        raise DataFault(Fault(source.source, what, instead))


def fitted_on(line: Line, source: Panel, *, balance: bool = True) -> Fitted:
    """Build the comparison group and estimate, with the way to do it again; balance is for the first draw only."""
    if line.comparison is None:
        return _without_group(line, source)
    method = line.comparison.unrestricted()
    comparison = build(method, source) if balance else None
    panel = comparison.panel if comparison else Rebuilding(method)(source)
    if not balance and not line.rematch:
        return _without_group(line, panel)
    again = Rebuilding(method) if method.rebuilds else None
    return Fitted(line.id, line.role, line.method, line.method.complete(panel), source, comparison, again)


def _without_group(line: Line, panel: Panel) -> Fitted:
    """Estimate on a panel whose comparison group is not built anew."""
    estimate = line.method.complete(panel)
    return Fitted(line.id, line.role, line.method, estimate, standing(line.method.adoption(panel), panel, estimate))


def _why_loop(ready: Ready, draws: Draws) -> str:
    """Say why a line cannot be done in a batch; empty where it can."""
    if np.isnan(draws.observed).any():
        return "the outcomes have gaps, and every draw has its own"
    comparison = ready.reference.comparison
    if comparison is not None and comparison.uses_outcomes:
        return "the comparison group is built on pre-treatment outcomes, which every draw has its own of"
    if ready.line.checks:
        return "its checks are run in every draw"
    slow = [str(method.name) for method in ready.line.inference if not isinstance(method, Analytic)]
    if slow:
        used = [f", {m.draws} assignments" for m in ready.line.inference if isinstance(m, Randomization)]
        return f"inference {', '.join(slow)} re-estimates within every draw{''.join(used[:1])}"
    if ready.reference.estimate.influence is None:
        return f"{ready.line.method.name} has no influence function"
    return ""


def _why_not_exchangeable(ready: Ready, draws: Draws) -> str:
    """Say why authorities of a real panel cannot change places for a line; empty where they can, or need not.

    An estimate that knows an authority by its outcomes and its start only is the same whether adoption moves or the
    authorities do.
    """
    line, source = ready.line, ready.source
    if draws.order is None:
        return ""
    fixed = {
        "a comparison group": line.comparison is not None and (line.comparison.reads or line.comparison.restrict),
        "covariates": bool(source.covariates) or getattr(line.method, "adjust", "none") != "none",
        "exposure": bool((ready.reference.estimate.cells["scale"] == "ratio").any()),
        "weights": source.weighted,
        "clusters": source.n_clusters != source.n_units,
        "units left out": source.n_units != len(draws.frame.table),
    }
    used = [name for name, there in fixed.items() if there]
    return f"adoption is drawn anew on the real panel, and {', '.join(used)} must follow it" if used else ""
