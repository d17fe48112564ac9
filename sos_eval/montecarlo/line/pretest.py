"""The pre-trend test of a line on a batch of draws, and how far the world's trends are from parallel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from sos_eval.checks.pre_coefficients import PreCoefficients, pre_coefficients
from sos_eval.checks.pretrends import Pretrends
from sos_eval.errors import OurFault
from sos_eval.montecarlo.line.rows import scalar_rows
from sos_eval.numerics.pretrend import walds
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Planned, RowChoice, Scored
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted

__all__ = ["PRETEST", "TESTS", "PretestPlan", "plan_pretest", "pretest_batch", "pretest_draw"]

Codes = NDArray[np.intp]

#: The tests, in the order of their columns.
TESTS = ("pretrends.joint", "pretrends.each")
#: What is kept of every draw: whether each test passes (1, 0, NaN: not done), what the estimator answers when it is
#: given the expected outcomes without the intervention, and their trend before the start.
PRETEST = (*TESTS, "violation", "trend")


@dataclass(frozen=True, eq=False)
class PretestPart:
    """Some coefficients before the start, planned.

    Attributes
    ----------
    plan
        Gives them with every cluster's contribution.
    units, times
        Positions in the line's panel of the units and times that it is planned for.
    clusters
        Codes, in the line's panel, of the clusters that contribute.
    sign
        -1 where the coefficient is minus what is estimated.
    """

    plan: Scored
    units: Codes
    times: Codes
    clusters: Codes
    sign: float

    def apply(self, outcomes: Array, n_clusters: int) -> tuple[Array, Array]:
        """Return coefficients (r, q) and contributions (r, n_clusters, q) on outcomes (r, n_units, n_times)."""
        values, scores = self.plan.scores(outcomes[:, self.units[:, None], self.times])
        full = np.zeros((len(values), n_clusters, values.shape[1]))
        full[:, self.clusters] = scores
        return self.sign * values, self.sign * full


@dataclass(frozen=True, eq=False)
class PretestPlan:
    """A line's pre-trend test on its first draw.

    Attributes
    ----------
    check
        With its options.
    joint, each
        The coefficients of the joint test, and those that are tested one by one and make the trend.
    parts
        How the two come for a batch; None: draw by draw.
    panel
        That they are planned for.
    """

    check: Pretrends
    joint: PreCoefficients
    each: PreCoefficients
    parts: tuple[tuple[PretestPart, ...], tuple[PretestPart, ...]] | None
    panel: Panel

    @property
    def reasons(self) -> dict[str, str]:
        """Why a test cannot be done in any draw, by test; empty where it can."""
        alone = "one treated cluster: nothing tells its own variation from a trend"
        few = alone if self.each.n_treated_clusters < 2 else ""
        joint = self.joint.reason or few or self.check.why_no_p(self.joint)
        return dict(zip(TESTS, (joint, self.each.reason or few), strict=True))


def plan_pretest(check: Pretrends, fitted: Fitted) -> PretestPlan:
    """Plan a line's pre-trend test on its first draw; in a batch where the estimator's plan gives contributions."""
    joint, each = _coefficients(check, fitted)
    together, alone = _parts(joint, fitted), _parts(each, fitted)
    parts = None if together is None or alone is None else (together, alone)
    return PretestPlan(check, joint, each, parts, fitted.panel)


def pretest_batch(plan: PretestPlan, outcomes: Array, untreated: Array) -> Array:
    """Test every draw of a batch, (r, len(PRETEST)) without the violation.

    Parameters
    ----------
    outcomes, untreated : (r, n_units, n_times)
        As observed; and as expected without the intervention.
    """
    if plan.parts is None:
        raise OurFault("this test comes draw by draw")
    out = np.full((len(outcomes), len(PRETEST)), np.nan)
    for k, (found, parts) in enumerate(zip((plan.joint, plan.each), plan.parts, strict=True)):
        if parts:
            done = [part.apply(outcomes, found.n_clusters) for part in parts]
            values, scores = (np.concatenate(one, axis=-1) for one in zip(*done, strict=True))
            out[:, k] = (_jointly, _one_by_one)[k](plan.check, found, values, scores)
    if plan.parts[1]:
        quiet = [part.apply(untreated, plan.each.n_clusters)[0] for part in plan.parts[1]]
        out[:, PRETEST.index("trend")] = _trend(plan.each, np.concatenate(quiet, axis=-1))
    return out


def pretest_draw(check: Pretrends, fitted: Fitted, untreated: Array) -> tuple[Array, Array]:
    """Test one draw, (len(PRETEST),) without the violation; and return the violations of its scalar rows, (m,).

    Parameters
    ----------
    untreated : (panel.n_units, panel.n_times)
        Expected without the intervention, on the panel that was estimated on.
    """
    out = np.full(len(PRETEST), np.nan)
    for k, found in enumerate(_coefficients(check, fitted)):
        if not found.reason:
            test = (_jointly, _one_by_one)[k]
            out[k] = test(check, found, found.values[None], found.scores[None])[0]
    quiet = fitted.estimator.complete(fitted.panel.with_outcome(untreated))
    each = _coefficients(check, replace(fitted, estimate=quiet))[1]
    if not each.reason:
        out[PRETEST.index("trend")] = _trend(each, each.values[None])[0]
    return out, quiet.values[scalar_rows(quiet.cells)]


def _coefficients(check: Pretrends, fitted: Fitted) -> tuple[PreCoefficients, PreCoefficients]:
    """Return the coefficients of the joint test, and by event time."""
    ahead = check.include_anticipation
    joint, each = (pre_coefficients(fitted, by=by, include_anticipation=ahead) for by in (check.of, "event_time"))
    return joint, each


def _jointly(check: Pretrends, found: PreCoefficients, values: Array, scores: Array) -> Array:
    """Say in which draws the joint test does not reject: its p is not below `min_p`, else one minus `level`."""
    if found.n_treated_clusters < 2 or check.why_no_p(found):
        return np.full(len(values), np.nan)
    test = walds(values, scores, found.groups)
    p = test.p_f if check.reference_distribution(found) == "f" else test.p_chi2
    limit = 1 - check.level if check.min_p is None else check.min_p
    return np.where(np.isfinite(p), p >= round(limit, 12), np.nan)


def _one_by_one(check: Pretrends, found: PreCoefficients, values: Array, scores: Array) -> Array:
    """Say in which draws no coefficient is significant on its own, as in Roth (2022)."""
    error = np.sqrt(np.einsum("rcq,rcq->rq", scores, scores))
    if found.n_treated_clusters < 2:
        return np.full(len(values), np.nan)
    inside = (np.abs(values) <= ndtri((1 + check.level) / 2) * error).all(1)
    return np.where((error > 0).all(1), inside, np.nan)


def _trend(found: PreCoefficients, values: Array) -> Array:
    """Fit a line through coefficients (r, q) from where they are compared with, by least squares, (r,)."""
    seen = np.isfinite(found.distance)
    if not seen.any():
        return np.full(len(values), np.nan)
    distance = found.distance[seen]
    return np.asarray(values[:, seen] @ distance / (distance @ distance))


def _parts(found: PreCoefficients, fitted: Fitted) -> tuple[PretestPart, ...] | None:
    """Plan coefficients for a batch; nothing to plan where there are none; None where there is no such plan."""
    if found.reason:
        return ()
    panel, method = fitted.panel, fitted.estimator
    if not found.is_own:
        return _pairs(found, panel, method)
    keys = pd.MultiIndex.from_frame(found.cells.astype(str))

    def choice(cells: pd.DataFrame) -> Codes:
        kind = cells["aggregation"].to_numpy() == found.source.split()[0]
        own = pd.MultiIndex.from_frame(cells[list(found.cells)].astype(str))
        return np.asarray(np.flatnonzero(kind)[own[kind].get_indexer(keys)], np.intp)

    part = _part(panel, panel, method, choice, 1.0)
    return None if part is None else (part,)


def _pairs(found: PreCoefficients, panel: Panel, method: Estimator) -> tuple[PretestPart, ...] | None:
    """Plan the same model on each earlier period with the last one before the start (`pre_coefficients`)."""
    last = panel.pre_times[-1]
    parts = []
    for time in found.cells["time"]:
        pair = panel.keep_times([time, last])
        starts = np.where(np.isfinite(pair.first_treated), last, np.inf)
        pair = pair.with_first_treated(starts)
        one = _part(panel, pair, method, lambda cells: np.flatnonzero(cells["aggregation"] == "overall")[:1], -1.0)
        if one is None:
            return None
        parts.append(one)
    return tuple(parts)


def _part(whole: Panel, own: Panel, method: Estimator, choice: RowChoice, sign: float) -> PretestPart | None:
    """Plan some rows on a panel of the line's units and some of its times."""
    compiled = method.compile(own, choice)
    if not isinstance(compiled, Planned) or not isinstance(compiled.plan, Scored):
        return None
    units = pd.Index(whole.units).get_indexer(pd.Index(own.units))
    times = pd.Index(whole.times).get_indexer(pd.Index(own.times))
    clusters = whole.clusters[units][compiled.plan.inside]
    if compiled.plan.clusters is not None:
        clusters = np.unique(clusters)
    return PretestPart(compiled.plan, units, times, clusters, sign)
