"""Other estimates of the headline's effect on the same units: do they part by more than chance makes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sos_eval.checks.common_lots import level_after, overall_row
from sos_eval.design.design import Entry
from sos_eval.errors import InputFault
from sos_eval.inference.auto import RELIED_ON
from sos_eval.inference.randomization import Randomization
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Key
from sos_eval.numerics.disagreement import estimates_apart
from sos_eval.numerics.ratios import difference_of
from sos_eval.panel.panel import Array
from sos_eval.results.assignments import Assignments
from sos_eval.results.estimate import cluster_sums
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod

__all__ = ["SHARED_DRAWS", "numbers_apart"]

#: Random adoptions, or signs of clusters, by which other estimates of the effect are set beside the headline's.
SHARED_DRAWS = 999
#: Estimates that part by less often than this are told.
APART = 0.05
#: Relative difference up to which two estimates are one number by two names.
_SAME = 1e-9


def numbers_apart(
    first: Key, fitted: dict[Key, Fitted], entries: Sequence[Entry], test: InferenceMethod, account: Account
) -> dict[str, bool | float | str]:
    """Return the fields of `DisagreementFacts` on other estimates of the same units; none where nothing is shared."""
    estimate, others = fitted[first], _others(first, fitted)
    complete = False
    if isinstance(test, Randomization) and estimate.rebuild is None:
        space = estimate.space(test.strata)
        others = {name: fit for name, fit in others.items() if fit.rebuild is None}
        if isinstance(space, str) or not others:
            return {}
        drawn = space.draw(SHARED_DRAWS, account.stream("judge", "estimates"))
        columns, complete = _drawn(estimate, others, drawn), drawn.complete
    else:
        columns = _by_clusters(estimate, others, account)
    return _numbers(columns, entries, complete=complete)


def _others(first: Key, fitted: dict[Key, Fitted]) -> dict[str, Fitted]:
    """Return the other estimates of the outcome on the same units and periods, those left in by a match.

    Averages over others than the headline's (ate beside att) are other numbers, and part for that reason.
    """
    head, whom = fitted[first].panel, fitted[first].estimand
    same = {}
    for key, fit in fitted.items():
        own = fit.panel
        alike = np.array_equal(own.units, head.units) and np.array_equal(own.times, head.times)
        alike = alike and fit.estimand == whom
        if key != first and key[1] == first[1] and alike and overall_row(fit) is not None:
            same[key[0]] = fit
    return same


def _drawn(estimate: Fitted, others: dict[str, Fitted], drawn: Assignments) -> dict[str, Array]:
    """Return the headline's estimate (under "") and others under the same random adoptions, the observed one first.

    All are differences of the outcome. A group that is built again in every draw would cost a match each.
    """
    starts = np.vstack([estimate.source.first_treated, drawn.first_treated])
    level = level_after(estimate)
    return {"": _under(estimate, starts, level)} | {name: _under(fit, starts, level) for name, fit in others.items()}


def _by_clusters(estimate: Fitted, others: dict[str, Fitted], account: Account) -> dict[str, Array]:
    """Return the same without lots, or where each draw would cost a match: deviations as clusters change sign.

    Rademacher weights on the clusters' influence, which all estimates share; a match is taken as it is. Only with so
    many clusters on both sides that cluster-robust errors are relied on.
    """
    panel = estimate.panel
    enough = min(panel.n_treated_clusters, panel.n_clusters - panel.n_treated_clusters) >= RELIED_ON
    if not enough or not others:
        return {}
    level, rng = level_after(estimate), account.stream("judge", "estimates")
    signs = rng.choice([-1.0, 1.0], (SHARED_DRAWS, panel.n_clusters))
    columns = {"": _deviations(estimate, signs, level)}
    columns |= {name: _deviations(fit, signs, level) for name, fit in others.items()}
    return {name: values for name, values in columns.items() if values is not None}


def _deviations(fitted: Fitted, signs: Array, level: float) -> Array | None:
    """Return an estimate and its deviations as differences of the outcome, (1 + draws,); None without influence."""
    row, estimate = overall_row(fitted), fitted.estimate
    if row is None or estimate.influence is None or fitted.panel.layout != "panel":
        return None
    sums = cluster_sums(estimate.influence[:, [row]], fitted.panel.clusters)[:, 0]
    if len(sums) != signs.shape[1]:
        return None
    value = float(estimate.values[row])
    drawn = signs @ np.nan_to_num(sums) / fitted.panel.n_influence
    if estimate.cells["scale"].iloc[row] not in ("ratio", "log"):
        return None if math.isnan(level) else np.asarray(np.r_[value, drawn], float)
    if math.isnan(level):
        return np.asarray(np.r_[value, drawn], float)
    return np.asarray(np.r_[float(difference_of(value, level)), level * math.exp(-value) * drawn], float)


def _numbers(columns: dict[str, Array], entries: Sequence[Entry], *, complete: bool) -> dict[str, bool | float | str]:
    """Set other estimates against the headline's (under "") by what they share: random adoptions, or clusters."""
    known = {name: values for name, values in columns.items() if np.isfinite(values).all()}
    own = known.get("", np.empty(0))
    same = [name for name in known if name and np.allclose(known[name], own, rtol=_SAME, atol=_SAME * np.ptp(own))]
    known = {name: values for name, values in known.items() if name not in same}  # one number by two names
    if "" not in known or len(known) < 2:
        return {}
    names = [name for name in known if name]
    apart = estimates_apart(known[""], np.column_stack([known[name] for name in names]), complete=complete)
    furthest = next(entry for entry in entries if entry.id == names[apart.largest])
    return {
        "numbers_part": apart.p <= APART, "difference": float(apart.difference[apart.largest]), "p_difference": apart.p,
        "estimator": furthest.id, "label": furthest.label or _changed(furthest), "others": len(names),
    }  # fmt: skip


def _changed(entry: Entry) -> str:
    """Return an estimator's words, with what differs for it: two entries of one method are told apart by that."""
    changes = [f"{key.removeprefix('panel.').replace('.', ' ')} {value}" for key, value in entry.changes.items()]
    return f"{entry.method.label}, {', '.join(changes)}" if changes else entry.method.label


def _under(fitted: Fitted, starts: Array, level: float) -> Array:
    """Return the overall effect under adoptions as a difference on the outcome's scale, (draws,); NaN where refused.

    Without a level, as where the headline is of logs, those in logs stay so and the others have nothing in common.
    """
    row = overall_row(fitted)
    if row is None:
        return np.full(len(starts), np.nan)
    try:
        values = fitted.refit_assignments(starts).values[:, row]
    except InputFault:
        return np.full(len(starts), np.nan)
    in_logs = fitted.estimate.cells["scale"].iloc[row] in ("ratio", "log")
    if math.isnan(level):
        return values if in_logs else np.full(len(starts), np.nan)
    return difference_of(values, level) if in_logs else values
