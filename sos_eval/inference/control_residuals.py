"""What the untreated say of chance where few are treated: each of them taken for treated alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.errors import InputFault
from sos_eval.inference.design_facts import influence_weights
from sos_eval.inference.wald import fixed_by_construction
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate, overall_place
from sos_eval.results.fitted import Fitted

__all__ = ["ControlResiduals", "control_residuals", "not_defined", "symmetric_test"]

OVERALL_ONLY = "made for the overall effect only"
REBUILT = "the comparison group depends on who is treated; use randomization"
SEVERAL = "several starts need an estimator whose overall effect averages cohorts; use randomization"
NOT_ALONE = "the estimator needs more than one treated unit, so that none can be taken for treated alone"
NO_EFFECT = "there is no overall effect"
NO_UNTREATED = "fewer than two clusters are never treated"
CONSTANT = "untreated clusters do not vary"
NOT_ESTIMABLE = "fewer than two untreated clusters can be taken for treated"


@dataclass(frozen=True, slots=True)
class ControlResiduals:
    """Deviations of untreated clusters from their own mean, as the estimator measures an effect.

    Attributes
    ----------
    residual : (g, c)
        Of each start and untreated cluster: the estimate with that cluster alone treated, the treated left out, times
        one minus its share among the untreated it is compared with. For equal weights that is its change less the mean.
    start : (k,)
        Place of each treated cluster's start among the g.
    share : (k,)
        Of each treated cluster in the overall effect.
    control_share : (c,)
        Of each untreated cluster in what the treated are compared with.
    treated, control : (k,) and (c,)
        Which of the clusters they are.
    item : (n_units,)
        The cluster of each unit of the source.
    row
        Place of the overall effect in the estimate.
    lost
        How many untreated clusters could not be taken for treated.
    """

    residual: Array
    start: NDArray[np.intp]
    share: Array
    control_share: Array
    treated: NDArray[np.intp]
    control: NDArray[np.intp]
    item: NDArray[np.intp]
    row: int
    lost: int


def control_residuals(fitted: Fitted) -> ControlResiduals | str:
    """Take every untreated cluster for treated, alone and at every start; the reason where that cannot be estimated."""
    fitted = replace(fitted, source=fitted.source.keep(fitted.panel.units))
    space = fitted.space(())
    if isinstance(space, str):
        return space
    treated, control = np.flatnonzero(np.isfinite(space.starts)), np.flatnonzero(np.isinf(space.starts))
    weight: Array = np.bincount(space.item, _unit_weights(fitted), len(space.starts)).astype(float)
    cohorts, start = np.unique(space.starts[treated], return_inverse=True)
    bare = replace(fitted, source=fitted.source.keep(fitted.source.units[np.isin(space.item, control)]))
    items, row = space.item[np.isin(space.item, control)], _overall(fitted.estimate)
    if row is None:
        return NO_EFFECT
    try:
        alone = np.array([_alone(bare, items, control, g, row) for g in cohorts])
    except InputFault as fault:
        return fault.faults[0].what
    residual = alone * (1 - _share_among(fitted, space.item, control, weight))
    kept = np.isfinite(residual).all(0)
    if kept.sum() < 2:
        return NOT_ESTIMABLE
    share = weight[control[kept]] / weight[control[kept]].sum()
    residual = residual[:, kept] - (residual[:, kept] @ share)[:, None]
    if fixed_by_construction(fitted.estimate, np.full(len(fitted.estimate.values), np.abs(residual).max()))[row]:
        return CONSTANT
    return ControlResiduals(
        residual, start, weight[treated] / weight[treated].sum(), share, treated, control[kept],
        space.item, row, int((~kept).sum()),
    )  # fmt: skip


def _overall(estimate: Estimate) -> int | None:
    """Return the place of the overall effect that exists; None where there is none."""
    return overall_place(estimate.cells, np.isfinite(estimate.values))


def not_defined(fitted: Fitted) -> str:
    """Say why untreated clusters cannot be taken for treated; empty where they can."""
    estimate, panel = fitted.estimate, fitted.panel
    if fitted.rebuild is not None:
        return REBUILT
    if fitted.estimator.needs.get("treated_units", 1) > 1:
        return NOT_ALONE
    if panel.layout != "panel":
        return "rows are people or events, not one a unit and period"
    if _overall(estimate) is None:
        return NO_EFFECT
    if len(panel.cohorts) > 1 and not (estimate.cells["aggregation"] == "cohort").any():
        return SEVERAL
    return "" if panel.n_clusters - panel.n_treated_clusters >= 2 else NO_UNTREATED


def _unit_weights(fitted: Fitted) -> Array:
    """Weight of each unit of the source in the overall effect, (n_units,)."""
    return np.nan_to_num(influence_weights(fitted.source, by_exposure=fitted.estimator.weighs_exposure))


def _alone(bare: Fitted, items: NDArray[np.intp], control: NDArray[np.intp], start: float, row: int) -> Array:
    """Estimate with one untreated cluster treated at a time, (c,)."""
    adoptions = np.where(items == control[:, None], start, np.inf)
    batch, scale = bare.refit_assignments(adoptions), bare.estimate.cells["scale"].iloc[row]
    at = np.flatnonzero((batch.cells["aggregation"] == "overall") & (batch.cells["scale"] == scale))[0]
    return batch.values[:, at]


def _share_among(fitted: Fitted, item: NDArray[np.intp], control: NDArray[np.intp], weight: Array) -> Array:
    """Share of each untreated cluster among the untreated of its stratum, itself among them, (c,)."""
    stratum = _strata(fitted.source, item)[control]
    total = np.bincount(stratum, weight[control])
    return np.asarray(weight[control] / total[stratum])


def _strata(panel: Panel, item: NDArray[np.intp]) -> NDArray[np.intp]:
    """Stratum of each cluster within which an estimate compares; all in one where it has none."""
    codes = np.zeros(int(item.max()) + 1, np.intp)
    if "stratum" in panel.frame:
        codes[item] = np.unique(panel.unit_values("stratum").astype(str), return_inverse=True)[1]
    return codes


def symmetric_test(value: float, drawn: Array, level: float) -> tuple[float, float]:
    """Return p of a value against draws about zero, and half the interval that the same test does not reject.

    p = (1 + #) / (1 + R), # the draws at least as far from zero; the half is the largest distance not rejected.
    """
    size = np.sort(np.abs(drawn))[::-1]
    p = (1 + int((size >= abs(value)).sum())) / (1 + len(size))
    beyond = int(np.floor(round((1 - level) * (1 + len(size)), 9))) - 1
    return p, float(size[beyond]) if beyond >= 0 else np.inf
