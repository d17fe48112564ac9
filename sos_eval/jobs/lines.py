"""A line of a power study: one estimator with its comparison group and inference, on a batch of draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.build import build, rebuilt
from sos_eval.errors import DataFault, Fault, InputFault, NotIdentified, OurFault
from sos_eval.inference.analytic import Analytic, small_sample_factor
from sos_eval.inference.randomization import Randomization
from sos_eval.inference.wald import interval, too_few_treated, two_sided
from sos_eval.jobs.line_truth import scalar_rows, truth_of
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.check import Check
from sos_eval.results.estimate import Batch, clustered_error
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod
from sos_eval.terms import Role
from sos_eval.worlds.draw import Draws

__all__ = ["QUANTITIES", "ROW_KEYS", "Line", "LineDraws", "Ready", "evaluate", "prepare"]

#: What is kept of every draw, in this order. Ratios are logs here.
QUANTITIES = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "true_effect")
ROW_KEYS = ("estimator", "outcome", "aggregation", "inference", "estimand", "scale", "level")

#: What stands behind the name of the inference in rows of the joint decision.
JOINT = "+checks"

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
        Name of the outcome; empty for the world's.
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
    path
        ``batch``: all draws at once; ``loop``: draw by draw.
    why
        Why not in a batch.
    reference
        The estimate on the first draw: cells, small-sample factor.
    """

    line: Line
    base: Panel
    source: Panel
    panel: Panel
    units: Codes
    times: Codes
    kept: Codes
    path: Literal["batch", "loop"]
    why: str
    reference: Fitted


@dataclass(frozen=True)
class LineDraws:
    """What one line gives on a batch.

    Attributes
    ----------
    rows
        Columns `ROW_KEYS`, k rows.
    values : (k, reps, len(QUANTITIES))
    failures
        (inference, reason) to how many draws.
    """

    rows: pd.DataFrame
    values: Array
    failures: Counter[tuple[str, str]]


def prepare(line: Line, draws: Draws, table: pd.DataFrame) -> Ready:
    """Compile a line on the frame of some draws.

    Parameters
    ----------
    draws, table
        Draws on the frame, and the first of them as a table of data.
    """
    base = draws.panel if line.load is None else line.load(table)
    _check_outcome(line, base, draws)
    source = base if line.comparison is None else line.comparison.restricted(base)
    units = _positions(source.units, np.array(draws.frame.units, object))
    times = _positions(source.times, draws.frame.world.periods)
    reference = _fit(line, source)
    if line.choose is not None:
        line = replace(line, inference=line.choose(reference))
    line = replace(line, inference=tuple(_bounded(method, line.permutations) for method in line.inference))
    ready = Ready(line, base, source, source, units, times, np.arange(len(units)), "loop", "", reference)
    why = _why_loop(ready) or _why_not_exchangeable(ready, draws)
    if why:
        return replace(ready, why=why)
    if draws.order is not None:
        source = source.with_first_treated(draws.frame.first_treated)
        reference = _fit(line, source)
        return replace(ready, source=source, panel=source, path="batch", reference=reference)
    comparison = reference.comparison
    panel = source if comparison is None else comparison.panel
    return replace(ready, panel=panel, kept=_positions(panel.units, source.units), path="batch")


def _bounded(method: InferenceMethod, most: int) -> InferenceMethod:
    """Return an inference method with no more than so many random assignments."""
    if not most or not isinstance(method, Randomization) or method.draws <= most:
        return method
    return replace(method, draws=most, interval="none")


def _positions(some: Any, every: Any) -> Codes:
    """Return where some names stand among all."""
    found = pd.Index(every).get_indexer(pd.Index(some))
    if (found < 0).any():
        raise OurFault("a panel has units or times that its world does not have")
    return np.asarray(found, np.intp)


def _check_outcome(line: Line, source: Panel, draws: Draws) -> None:
    """Refuse an outcome that the world does not draw."""
    drawn = draws.frame.world.outcome
    column = source.label("count" if source.outcome.counted else "outcome")
    if line.load is not None and column != drawn.name:
        what = f"{line.id}: its outcome is column {column!r}, and world {draws.frame.world.name} draws {drawn.name!r}"
        raise DataFault(Fault(source.source, what, f"write panel.outcome: {{count: {drawn.name}, …}}"))


def _fit(line: Line, source: Panel, *, balance: bool = True) -> Fitted:
    """Build the comparison group and estimate, with the way to do it again; balance is for the first draw only."""
    if line.comparison is None:
        return Fitted(line.id, line.role, line.method, line.method.complete(source), source)
    method = line.comparison.unrestricted()
    comparison = build(method, source) if balance else None
    panel = comparison.panel if comparison else rebuilt(method, source)
    if not balance and not line.rematch:
        return Fitted(line.id, line.role, line.method, line.method.complete(panel), panel)
    again = (lambda panel: rebuilt(method, panel)) if method.rebuilds else None
    return Fitted(line.id, line.role, line.method, line.method.complete(panel), source, comparison, again)


def _why_loop(ready: Ready) -> str:
    """Say why a line cannot be done in a batch; empty where it can."""
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


def outcomes_of(ready: Ready, draws: Draws) -> Array:
    """Return the drawn outcomes on a line's source panel, (reps, n_units, n_times), on its outcome's scale."""
    outcome = ready.source.outcome
    drawn = draws.observed[:, ready.units[:, None], ready.times]
    if not outcome.counted:
        return drawn
    rate = drawn / (ready.source.matrix("exposure") / outcome.per)
    if outcome.transform == "log":
        return np.log(rate, out=np.full_like(rate, np.nan), where=rate > 0)
    return np.asarray(rate)


def evaluate(ready: Ready, draws: Draws, streams: Callable[[int, int], np.random.Generator]) -> LineDraws:
    """Estimate a line on a batch of draws.

    Parameters
    ----------
    streams
        (rep, number of the inference method) -> the generator that belongs to it.
    """
    found = _in_batch(ready, draws) if ready.path == "batch" else _in_loop(ready, draws, streams)
    found.values[..., QUANTITIES.index("true_effect")] = truth_of(ready, draws, found.rows).T
    return found


def _layout(line: Line, source: Panel, cells: pd.DataFrame, method: InferenceMethod) -> pd.DataFrame:
    """Return the rows of one inference method."""
    rows = cells[["aggregation", "estimand", "scale"]].assign(
        estimator=line.id, outcome=source.active, inference=str(method.name), level=float(method.level)
    )
    return rows[list(ROW_KEYS)].reset_index(drop=True)


def _in_batch(ready: Ready, draws: Draws) -> LineDraws:
    """Estimate all draws at once."""
    line, reference, outcomes = ready.line, ready.reference.estimate, outcomes_of(ready, draws)
    batch = line.method.estimate_many(ready.panel, outcomes[:, ready.kept])
    chosen = scalar_rows(batch.cells)
    rows, values, failures = [], [], Counter[tuple[str, str]]()
    for method in line.inference:
        if not isinstance(method, Analytic):
            raise OurFault("only analytic errors come in a batch")
        rows.append(_layout(line, ready.source, batch.cells.iloc[chosen], method))
        errors, reason = _errors(batch, reference, method)
        values.append(_wald(batch.values[:, chosen], errors[:, chosen], method, reference))
        _count(failures, values[-1], batch, str(method.name), reason)
    return LineDraws(pd.concat(rows, ignore_index=True), np.concatenate(values), failures)


def _errors(batch: Batch, reference: Any, method: Analytic) -> tuple[Array, str]:
    """Return standard errors with the method's small-sample factor, and why there are none."""
    few = too_few_treated(reference)
    if batch.std_error is None or few:
        return np.full_like(batch.values, np.nan), few or "the estimator has no analytic error"
    factor = small_sample_factor(reference, method.small_sample)
    return batch.std_error * np.sqrt(factor.variance), ""


def _wald(values: Array, errors: Array, method: Analytic, reference: Any) -> Array:
    """Lay out estimates, errors, intervals and p-values, (m, reps, quantities)."""
    df = small_sample_factor(reference, method.small_sample).df
    usable = np.where(errors > 0, errors, np.nan)
    low, high = interval(values, usable, method.level, df)
    p_value = two_sided(values / usable, df)
    return np.stack([values, usable, low, high, p_value, np.full_like(values, np.nan)], axis=-1).transpose(1, 0, 2)


def _count(failures: Counter[tuple[str, str]], values: Array, batch: Batch, inference: str, reason: str) -> None:
    """Count the draws without an estimate or a p-value, by reason; a draw counts once."""
    broken = (~np.isfinite(values[..., 0]) | ~np.isfinite(values[..., 4])).any(0)
    for rep in np.flatnonzero(broken):
        own = batch.failures[rep] if len(batch.failures) else ""
        failures[inference, own or reason or "no estimate or no error"] += 1


def _panels(ready: Ready, draws: Draws) -> Iterator[Callable[[], Panel]]:
    """Yield what makes each draw's source panel: another outcome, and on a real panel another adoption."""
    if draws.order is None:
        for outcome in outcomes_of(ready, draws):
            yield partial(ready.source.with_outcome, outcome)
        return
    for rep in range(len(draws.observed)):
        yield partial(_moved, ready, draws, rep)


def _moved(ready: Ready, draws: Draws, rep: int) -> Panel:
    """Return the source panel under one placebo adoption; who may be a donor can depend on who is treated."""
    starts, observed = draws.placed(rep)
    base = ready.base
    units = _positions(base.units, np.array(draws.frame.units, object))
    panel = base.with_first_treated(starts[units]).with_count(observed[units[:, None], ready.times])
    return panel if ready.line.comparison is None else ready.line.comparison.restricted(panel)


def _in_loop(ready: Ready, draws: Draws, streams: Callable[[int, int], np.random.Generator]) -> LineDraws:
    """Estimate draw by draw: group, estimate, inference."""
    line, source = ready.line, ready.source
    cells = ready.reference.estimate.cells
    wanted = cells.iloc[scalar_rows(cells)]
    laid_out = [_layout(line, source, wanted, method) for method in line.inference]
    joint = [rows.assign(inference=rows["inference"] + JOINT) for rows in laid_out] if line.checks else []
    rows = pd.concat([*laid_out, *joint], ignore_index=True)
    m = len(wanted)
    values = np.full((len(rows), len(draws.observed), len(QUANTITIES)), np.nan)
    failures = Counter[tuple[str, str]]()
    for rep, panel in enumerate(_panels(ready, draws)):
        try:
            fitted = _fit(line, panel(), balance=False)
        except InputFault as fault:
            failures.update((str(method.name), fault.faults[0].what) for method in line.inference)
            continue
        for k, method in enumerate(line.inference):
            one, reason = _one(fitted, method, wanted, streams(rep, k))
            values[k * m : (k + 1) * m, rep, :5] = one
            if reason:
                failures[str(method.name), reason] += 1
        if line.checks:
            values[len(values) // 2 :, rep] = _joint(values[: len(values) // 2, rep], fitted, line, streams, rep)
    return LineDraws(rows, values, failures)


def _joint(
    found: Array, fitted: Fitted, line: Line, streams: Callable[[int, int], np.random.Generator], rep: int
) -> Array:
    """Return a draw's rows for the joint decision: nothing is found where a check fails its declared threshold."""
    first = len(line.inference)
    results = [one for k, check in enumerate(line.checks) for one in check.check(fitted, streams(rep, first + k))]
    decided = found.copy()
    if any(result.passed is False for result in results):
        decided[:, QUANTITIES.index("p_value")] = np.where(np.isfinite(found[:, 4]), 1.0, np.nan)
    return decided


def _one(fitted: Fitted, method: InferenceMethod, wanted: pd.DataFrame, rng: np.random.Generator) -> tuple[Array, str]:
    """Infer on one draw: (m, 5) quantities of the wanted rows, and the first reason why one is empty."""
    if isinstance(method, Analytic):
        return _analytic(fitted, method, wanted)
    try:
        table = method.infer(fitted, rng).table
    except NotIdentified as fault:
        return np.full((len(wanted), 5), np.nan), fault.faults[0].what
    chosen = table.iloc[scalar_rows(table)]
    if len(chosen) != len(wanted):
        raise OurFault(f"{fitted.id}: a draw has other rows than the first")
    values = chosen[list(QUANTITIES[:5])].to_numpy(float, copy=True)
    ratio = (chosen["scale"] == "ratio").to_numpy()
    for name in ("estimate", "conf_low", "conf_high"):
        column = QUANTITIES.index(name)
        values[ratio, column] = np.log(values[ratio, column])
    broken = ~np.isfinite(values[:, 0]) | ~np.isfinite(values[:, 4])
    reason = str(chosen["reason"].to_numpy()[broken][0]) or "no estimate or no p-value" if broken.any() else ""
    return values, reason


def _analytic(fitted: Fitted, method: Analytic, wanted: pd.DataFrame) -> tuple[Array, str]:
    """Return what `Analytic` gives for the wanted rows, without laying out all the others."""
    estimate = fitted.estimate
    chosen = scalar_rows(estimate.cells)
    if len(chosen) != len(wanted):
        raise OurFault(f"{fitted.id}: a draw has other rows than the first")
    few = too_few_treated(estimate)
    raw = None if few else clustered_error(estimate)
    errors = np.full(len(chosen), np.nan) if raw is None else raw[chosen]
    factor = small_sample_factor(estimate, method.small_sample)
    values = _wald(estimate.values[None, chosen], errors[None] * np.sqrt(factor.variance), method, estimate)[:, 0, :5]
    broken = ~np.isfinite(values[:, 4])
    reasons = estimate.cells["reason"].to_numpy()[chosen][broken]
    return values, (few or str(reasons[0]) or "no estimate or no error") if broken.any() else ""
