"""A line's estimates on a batch of draws: all at once where it is compiled, else draw by draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.errors import InputFault, NotIdentified, OurFault
from sos_eval.inference.analytic import Analytic
from sos_eval.inference.wald import interval, too_few_treated, two_sided
from sos_eval.montecarlo.line.compiled import Line, Ready, fitted_on, positions
from sos_eval.montecarlo.line.pretest import PRETEST, pretest_batch, pretest_draw
from sos_eval.montecarlo.line.rows import scalar_rows
from sos_eval.montecarlo.line.truth import boxed
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, Compiled, clustered_error
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod
from sos_eval.results.small_sample import small_sample_factor
from sos_eval.worlds.draws import Draws

__all__ = ["QUANTITIES", "LineDraws", "estimate_draws"]

#: What is kept of every draw, in this order. Ratios are logs here.
QUANTITIES = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "true_effect")


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
    pretests : (k, reps, len(PRETEST)) or None
        What the pre-trend test says; None where none is asked for.
    """

    rows: pd.DataFrame
    values: Array
    failures: Counter[tuple[str, str]]
    pretests: Array | None = None


def outcomes_of(ready: Ready, draws: Draws) -> Array:
    """Return the drawn outcomes on a line's source panel, (reps, n_units, n_times), on its outcome's scale."""
    outcome = ready.source.outcome
    drawn = boxed(draws.observed, ready.units, ready.times)
    if not outcome.counted:
        return drawn
    rate = drawn / (ready.source.matrix("exposure") / outcome.per)
    if outcome.transform == "log":
        return np.log(rate, out=np.full_like(rate, np.nan), where=rate > 0)
    return np.asarray(rate)


def estimate_draws(ready: Ready, draws: Draws, streams: Callable[[int, int], np.random.Generator]) -> LineDraws:
    """Estimate a line on a batch of draws.

    Parameters
    ----------
    streams
        (rep, number of the inference method) -> the generator that belongs to it.
    """
    draws = draws.about(ready.drawn)
    gaps = bool(np.isnan(draws.observed).any())  # though the first draw had none: rows counted, tests differ by draw
    if ready.compiled is None or (gaps and (ready.pretest is not None or ready.reference.estimate.linear is not None)):
        found = _in_loop(ready, draws, streams)
    else:
        found = _in_batch(ready, ready.compiled, draws)
    found.values[..., QUANTITIES.index("true_effect")] = ready.truth.of(draws).T
    return found


def _in_batch(ready: Ready, compiled: Compiled, draws: Draws) -> LineDraws:
    """Estimate all draws at once."""
    reference, outcomes = ready.reference.estimate, _kept(ready, draws)
    batch = compiled.apply(outcomes)
    if len(batch.cells) != len(ready.wanted):
        raise OurFault(f"{ready.line.id}: a batch has other rows than the first draw")
    values, failures = [], Counter[tuple[str, str]]()
    for method in ready.line.inference:
        if not isinstance(method, Analytic):
            raise OurFault("only analytic errors come in a batch")
        errors, reason = _errors(batch, reference, method)
        values.append(_wald(batch.values, errors, method, reference))
        _count(failures, values[-1], batch, str(method.name), reason)
    pretests = _pretests_in_batch(ready, compiled, outcomes, draws)
    return LineDraws(ready.rows, np.concatenate(values), failures, pretests)


def _kept(ready: Ready, draws: Draws) -> Array:
    """Return the drawn outcomes of the units that the comparison group kept."""
    outcomes = outcomes_of(ready, draws)
    return outcomes if len(ready.kept) == outcomes.shape[1] else outcomes[:, ready.kept]


def _pretests_in_batch(ready: Ready, compiled: Compiled, outcomes: Array, draws: Draws) -> Array | None:
    """Test all draws before the start at once, (k, reps, len(PRETEST))."""
    if ready.pretest is None:
        return None
    untreated = _kept(ready, _quiet(draws))
    tested = pretest_batch(ready.pretest, outcomes, untreated)
    return _laid_out(ready, tested, compiled.apply(untreated).values)


def _laid_out(ready: Ready, tested: Array, violation: Array) -> Array:
    """Repeat tests (reps, len(PRETEST)) for every row, with the row's violation (reps, m)."""
    out = np.repeat(tested[None], len(ready.rows), axis=0)
    repeats = len(ready.rows) // len(ready.wanted)
    out[..., PRETEST.index("violation")] = np.tile(violation.T, (repeats, 1))
    return out


def _quiet(draws: Draws) -> Draws:
    """Return draws in which nobody intervenes and nothing but expected figures is seen, with the same gaps."""
    outcome = draws.frame.world.outcome
    figures = draws.untreated * (draws.frame.children / outcome.per) if outcome.counted else draws.untreated
    return replace(draws, observed=np.where(np.isnan(draws.observed), np.nan, figures))


def _errors(batch: Batch, reference: Any, method: Analytic) -> tuple[Array, str]:
    """Return standard errors with the method's small-sample factor, and why there are none."""
    few = too_few_treated(reference)
    if batch.quoted is None or few:
        return np.full_like(batch.values, np.nan), few or "the estimator has no analytic error"
    factor = small_sample_factor(reference, method.small_sample)
    return batch.quoted * np.sqrt(factor.variance), ""


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
    units = positions(base.units, np.array(draws.frame.units, object))
    panel = base.with_first_treated(starts[units]).with_count(observed[units[:, None], ready.times])
    return panel if ready.line.comparison is None else ready.line.comparison.restricted(panel)


def _in_loop(ready: Ready, draws: Draws, streams: Callable[[int, int], np.random.Generator]) -> LineDraws:
    """Estimate draw by draw: group, estimate, inference."""
    line, wanted = ready.line, ready.wanted
    m = len(wanted)
    values = np.full((len(ready.rows), len(draws.observed), len(QUANTITIES)), np.nan)
    failures = Counter[tuple[str, str]]()
    tested, violation = np.full((len(draws.observed), len(PRETEST)), np.nan), np.full((len(draws.observed), m), np.nan)
    quiet = _panels(ready, _quiet(draws)) if line.pretest is not None else None
    for rep, panel in enumerate(_panels(ready, draws)):
        untreated = None if quiet is None else next(quiet)
        try:
            fitted = fitted_on(line, panel(), balance=False)
        except InputFault as fault:
            failures.update((str(method.name), fault.faults[0].what) for method in line.inference)
            continue
        for k, method in enumerate(line.inference):
            one, reason = _one(fitted, method, wanted, streams(rep, k))
            values[k * m : (k + 1) * m, rep, :5] = one
            if reason:
                failures[str(method.name), reason] += 1
        if line.pretest is not None and untreated is not None:
            tested[rep], violation[rep] = pretest_draw(line.pretest, fitted, _matrix(untreated(), fitted.panel))
        if line.checks:
            values[len(values) // 2 :, rep] = _joint(values[: len(values) // 2, rep], fitted, line, streams, rep)
    pretests = None if line.pretest is None else _laid_out(ready, tested, violation)
    return LineDraws(ready.rows, values, failures, pretests)


def _matrix(source: Panel, panel: Panel) -> Array:
    """Return the outcomes of a source panel at the units and times of another."""
    return boxed(source.matrix(), positions(panel.units, source.units), positions(panel.times, source.times))


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
