"""EVSI and ENBS: what a study of a given size would be worth, and whether it is worth its cost.

EVSI(n) is the value of deciding with the study's result known. The result is simulated for every draw from the draw's
own parameters, and effects and costs are regressed on it (Strong, Oakley, Brennan and Breeze 2015), with the engine
that EVPPI uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.economics.declared_analysis import ProposedStudy
from sos_eval.economics.model.psa import Samples
from sos_eval.economics.voi.evppi import gain

__all__ = ["ALL_DECISIONS", "evsi", "simulated_result", "study_problems"]

#: Which decisions the expected net benefit of a proposed study counts.
ALL_DECISIONS = "all decisions from today, as if the result were there at once"

Array = NDArray[np.float64]


def study_problems(study: ProposedStudy, psa: Samples) -> list[str]:
    """Say what keeps the study from being simulated."""
    if study.parameter not in psa.param_names:
        return [f'no parameter is called "{study.parameter}"']
    draws = psa.param((study.parameter,))
    found = []
    if study.measure == "proportion" and (draws.min() < 0 or draws.max() > 1):
        found.append(f'"{study.parameter}" has draws outside 0 to 1: it is no proportion')
    if study.measure == "rate" and draws.min() < 0:
        found.append(f'"{study.parameter}" has negative draws: it is no rate')
    return found


def simulated_result(study: ProposedStudy, truth: Array, size: int, rng: np.random.Generator) -> Array:
    """Simulate the study's estimate for each draw of the parameter, (n,)."""
    if study.measure == "mean":
        assert study.sd is not None
        return np.asarray(truth + study.sd / np.sqrt(size) * rng.standard_normal(len(truth)))
    if study.measure == "proportion":
        return np.asarray(rng.binomial(size, truth) / size)
    return np.asarray(rng.poisson(size * truth) / size)


def evsi(
    psa: Samples,
    studies: Sequence[ProposedStudy],
    thresholds: Array,
    reference: int,
    population: float,
    seed_of: Callable[[str], np.random.Generator],
) -> pd.DataFrame:
    """Value every study at every size and threshold.

    Parameters
    ----------
    psa
        Draws with parameters.
    studies
        Proposed studies.
    thresholds : (T,)
        Value of a unit of effect.
    reference
        Column of the comparator.
    population
        Decisions that the study would inform, discounted (see `population_total`).
    seed_of
        ``seed_of(name) -> Generator``; sizes of a study share their random numbers.

    Returns
    -------
    DataFrame
        ``study, parameter, size, threshold, evsi, std_error, decisions, population_evsi, cost, enbs, enbs_error,
        counts``. The decisions are all those of the horizon of information, as if the result were there today; those of
        ``next_study`` begin after that study has ended. ``counts`` says so.
    """
    lam, tables = np.asarray(thresholds, float), []
    for study in studies:
        truth = psa.param((study.parameter,))[:, 0]
        for size in study.sizes:
            rng = seed_of(study.name)
            result = simulated_result(study, truth, size, rng)
            value, error = gain(psa, result[:, None], lam, reference, rng)
            cost = study.fixed_cost + study.cost_per_observation * size
            tables.append(pd.DataFrame({
                "study": study.name, "parameter": study.parameter, "size": size, "threshold": lam, "evsi": value,
                "std_error": error, "decisions": population, "population_evsi": population * value, "cost": cost,
                "enbs": population * value - cost, "enbs_error": population * error, "counts": ALL_DECISIONS,
            }))  # fmt: skip
    return pd.concat(tables, ignore_index=True)
