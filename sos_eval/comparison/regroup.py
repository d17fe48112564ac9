"""Comparison groups under many adoptions: what does not depend on who is treated is worked out once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.comparison.cohorts import weights_apart
from sos_eval.comparison.group import GroupMethod
from sos_eval.errors import InputFault
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import GroupWeights

__all__ = ["group_weights"]


def group_weights(method: GroupMethod, panel: Panel, first_treated: Array) -> GroupWeights:
    """Build the group of each adoption, (draws, n_units).

    Who could take part and their covariates depend on the first start of anyone alone, which permutations share.
    """
    weights, failures = np.zeros(first_treated.shape), np.full(len(first_treated), "", object)
    if method.splits(panel):
        return _cohorts_apart(method, panel, first_treated)
    common = method.restrict is None
    firsts, lot = np.unique(first_treated.min(1) if common else np.arange(len(weights)), return_inverse=True)
    for number in range(len(firsts)):
        some = np.flatnonzero(lot.ravel() == number)
        try:
            groups = _of_one_start(method, panel.with_first_treated(first_treated[some[0]]), first_treated[some])
        except InputFault as fault:
            failures[some] = fault.faults[0].what
            continue
        weights[some], failures[some] = groups.weights, groups.failures
    return GroupWeights(weights, failures)


def _of_one_start(method: GroupMethod, panel: Panel, first_treated: Array) -> GroupWeights:
    """Build the groups of adoptions that have the first start in common, (draws, n_units)."""
    inside, values = method.candidates(panel.blinded())
    place = pd.Index(panel.units).get_indexer(pd.Index(inside.units))
    groups = method.match_many(inside, values, first_treated[:, place])
    weights = np.zeros(first_treated.shape)
    weights[:, place] = groups.weights
    return GroupWeights(weights, groups.failures)


def _cohorts_apart(method: GroupMethod, panel: Panel, first_treated: Array) -> GroupWeights:
    """Build the groups of adoptions cohort by cohort, (draws, n_units), one after another."""
    weights, failures = np.zeros(first_treated.shape), np.full(len(first_treated), "", object)
    for draw, starts in enumerate(first_treated):
        try:
            weights[draw] = weights_apart(method, panel.with_first_treated(starts))
        except InputFault as fault:
            failures[draw] = fault.faults[0].what
    return GroupWeights(weights, failures)
