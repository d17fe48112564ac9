"""Each cohort by itself: matched on values before its own start, with the units that never start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sos_eval.comparison.arms import dropped_by_reason, whom_told
from sos_eval.comparison.balance import balance_table
from sos_eval.comparison.calibration import said_of
from sos_eval.comparison.covariates import BUILT_IN, dummies, unit_values
from sos_eval.comparison.group import GroupMethod, Selection, apply_weights, calibration_of, left_out, overlap_table
from sos_eval.comparison.measures import measures_table
from sos_eval.errors import Fault, Faults, InputFault, NotIdentified
from sos_eval.panel.panel import Array, Panel
from sos_eval.panel.pretreatment import outcome_pre
from sos_eval.results.comparison import USUAL_SMD, Comparison

__all__ = ["compared_apart", "weights_apart"]


@dataclass(frozen=True, slots=True)
class _Part:
    """One cohort, its donors, and what a method made of them.

    Attributes
    ----------
    panel
        The cohort and the units that never start; outcomes from the cohort's start on are NaN.
    weights : (panel.n_units,)
        Treated as the method gives them; donors scaled to sum to the treated.
    place : (panel.n_units,)
        Positions among all units.
    """

    name: str
    panel: Panel
    made: Selection
    weights: Array
    place: np.ndarray


def _parts(method: GroupMethod, panel: Panel) -> list[_Part]:
    """Match every cohort by itself."""
    everybody = pd.Index(panel.units)
    return [_part(method, panel, float(start), everybody) for start in panel.cohorts]


def _part(method: GroupMethod, panel: Panel, start: float, everybody: pd.Index) -> _Part:
    """Match one cohort."""
    name = panel.periods.name(start)
    first = panel.first_treated
    inside = panel.keep(panel.units[(first == start) | np.isinf(first)]).blinded()
    try:
        made = method.select(inside)
    except InputFault as refused:
        faults = [Fault(one.where, f"{one.what} (cohort {name})", one.instead) for one in refused.faults]
        raise NotIdentified(faults) from None
    treated, weights = inside.ever_treated, made.weights.copy()
    weights[~treated] *= weights[treated].sum() / max(weights[~treated].sum(), np.finfo(float).tiny)
    return _Part(name, inside, made, weights, everybody.get_indexer(pd.Index(inside.units)))


def weights_apart(method: GroupMethod, panel: Panel) -> Array:
    """Return each unit's weight, (n_units,): donors' summed over the cohorts, scaled to sum to the donors in use."""
    return _summed(_parts(method, panel), panel.n_units)


def _summed(parts: Sequence[_Part], n: int) -> Array:
    weights, treated = np.zeros(n), np.zeros(n, bool)
    for part in parts:
        weights[part.place] += part.weights
        treated[part.place] |= part.panel.ever_treated
    donors = ~treated & (weights > 0)
    weights[donors] *= donors.sum() / max(weights[donors].sum(), np.finfo(float).tiny)
    return weights


def compared_apart(method: GroupMethod, panel: Panel) -> Comparison:
    """Build the group cohort by cohort, and say how balanced it is over all of them.

    Balance stacks the cohorts: a donor stands in it once for every cohort, with its values before that cohort's start,
    and is counted once.
    """
    parts = _parts(method, panel)
    weights = _summed(parts, panel.n_units)
    reasons = {unit: why for part in parts for unit, why in left_out(method, part.panel, part.made).items()}
    out = {str(unit): reasons.get(str(unit), "not used") for unit in panel.units[weights == 0]}
    kept = panel
    for units, why in dropped_by_reason(out):
        kept = kept.keep([unit for unit in kept.units if unit not in set(units)], "comparison", why)
    balance, measures = _balance(method, parts)
    chance = calibration_of(method, [part.made for part in parts])
    off_support = {unit: why for part in parts for unit, why in part.made.matched.off_support.items()}
    return Comparison(
        panel=apply_weights(panel, weights, kept.flow), weights=weights, sets=_sets(parts), balance=balance,
        measures=measures, off_support=off_support,
        overlap=_overlap(parts), calibration=chance,
        notes=(*_notes(parts), *whom_told(method.estimand, len(parts), apart=True), *said_of(chance)),
        uses_outcomes=any(name in BUILT_IN for name in method.matched_on),
        max_smd=method.imbalance_limits.get("max_smd", USUAL_SMD), estimand=method.estimand,
        left_out=out,
    )  # fmt: skip


def _balance(method: GroupMethod, parts: Sequence[_Part]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return balance and its further measures over the stacked cohorts."""
    faults = Faults(NotIdentified)
    values = pd.concat(
        [unit_values(part.panel, method.reads, key="comparison.on", faults=faults) for part in parts], ignore_index=True
    )
    faults.stop()
    treated = np.concatenate([part.panel.ever_treated for part in parts])
    base = np.concatenate([part.panel.weights for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    earlier = np.concatenate([outcome_pre(part.panel) for part in parts])
    names, x = dummies(values, drop_first=False)
    units = np.concatenate([part.place for part in parts])
    table = balance_table(names, x, treated, base_weights=base, weights=weights, units=units)
    return table, measures_table(values, treated, base, weights, earlier)


def _sets(parts: Sequence[_Part]) -> pd.DataFrame | None:
    """List the sets of all cohorts; numbers that several have are told apart by the cohort."""
    lists = [(part, part.made.matched.sets) for part in parts if part.made.matched.sets is not None]
    if not lists:
        return None
    names = [set(sets["matched_set"]) for _, sets in lists]
    shared = len(set().union(*names)) < sum(map(len, names))
    named = [sets.assign(matched_set=f"{part.name}/" + sets["matched_set"]) if shared else sets for part, sets in lists]
    return pd.concat(named, ignore_index=True)


def _overlap(parts: Sequence[_Part]) -> pd.DataFrame | None:
    """Return the scores of all cohorts, a donor once for each."""
    tables = [table for part in parts if (table := overlap_table(part.made)) is not None]
    return pd.concat(tables, ignore_index=True) if tables else None


def _notes(parts: Sequence[_Part]) -> tuple[str, ...]:
    """Return what the method says of each cohort, what it says of all once, and what its weights are."""
    said = [(part.name, note) for part in parts for note in part.made.matched.notes]
    notes = [f"cohort {name}: {note}" for name, note in said]
    donors = (
        "each cohort was compared by itself, on values before its own start, with units that never start; a donor's "
        "weight is its sum over the cohorts, so that the donors of all stand in for each"
    )
    return (*notes, donors)
