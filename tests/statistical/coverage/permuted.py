"""Rejections of many draws at once: cluster-robust errors, and permutation of starts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sos_eval.inference.wald import two_sided
from sos_eval.numerics.inversion import TIES, Rejection
from sos_eval.panel.panel import Panel
from sos_eval.results.assignments import Assignments, AssignmentSpace
from sos_eval.results.estimate import Batch
from sos_eval.results.estimator import Estimator
from sos_eval.results.small_sample import small_sample_factor
from tests.statistical.coverage.noise import RealNoise

LEVEL = 0.05
REFERENCE = 20_000  # permutations behind the p-values on real noise, shared among compositions of cohorts and strata …
SMALLEST = 499  # … with at least these for each
BLOCK = 20  # adoptions at a time where a method solves anew in each
STATISTICS = ("studentised", "coefficient")


def overall(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and errors of the overall effect (of the rate ratio where there is one), (draws,) each.

    Errors are NaN where the method has none of its own.
    """
    row = int(overall_row(batch.cells)[0])
    values = batch.values[:, row]
    return values, np.full_like(values, np.nan) if batch.std_error is None else batch.std_error[:, row]


def overall_row(cells: pd.DataFrame) -> np.ndarray:
    """Position of the overall effect, (1,)."""
    return np.flatnonzero(cells["aggregation"] == "overall")[:1]


def statistics(values: np.ndarray, errors: np.ndarray) -> dict[str, np.ndarray]:
    """Absolute statistics that are permuted, (draws,) each."""
    return {"studentised": np.abs(values / errors), "coefficient": np.abs(values)}


def analytic_p(estimator: Estimator, panel: Panel, values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """p-values of cluster-robust errors with the estimator's default factor and distribution, (draws,)."""
    factor = small_sample_factor(estimator.complete(panel), "default")
    return two_sided(values / errors / np.sqrt(factor.variance), factor.df)


def rejects(p: np.ndarray) -> np.ndarray:
    """Whether p is at most 5%; a p that does not exist does not reject."""
    return np.asarray(p <= LEVEL + 1e-12)


def on_real_noise(
    noise: RealNoise, estimator: Estimator, starts: np.ndarray, strata: dict[str, np.ndarray], rng: np.random.Generator,
    reference: int = REFERENCE,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Rejections on placebo adoptions (draws, n), (draws,) each: analytic, and permutation within named strata.

    Parameters
    ----------
    strata
        Name to stratum of each authority, (n,): the starts are permuted within.
    """
    panel = noise.panel.with_first_treated(starts[0])
    observed = overall(estimator.estimate_assignments(panel, starts))
    found = {"analytic": rejects(analytic_p(estimator, panel, *observed))}
    for label, stratum in strata.items():
        p = shared_reference_p(estimator, panel, starts, stratum, observed, reference, rng)
        found |= {f"{label}, {name}": rejects(values) for name, values in p.items()}
    return found


def shared_reference_p(
    estimator: Estimator, panel: Panel, starts: np.ndarray, stratum: np.ndarray,
    observed: tuple[np.ndarray, np.ndarray], reference: int, rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Permutation p by statistic: one reference for all draws with the same cohorts in every stratum.

    The outcomes are the same in all draws, so draws that differ by a permutation within strata have one reference.
    """
    groups = defaultdict(list)
    for k, one in enumerate(starts):
        groups[tuple(np.unique(np.column_stack([stratum, one]), axis=0, return_counts=True)[1])].append(k)
    p = {name: np.empty(len(starts)) for name in STATISTICS}
    own = statistics(*observed)
    for members in groups.values():
        names = tuple(map(str, np.unique(stratum)))
        space = AssignmentSpace(starts[members[0]], stratum, np.arange(len(stratum)), names)
        drawn = space.draw(max(SMALLEST, reference // len(groups)), rng)
        against = statistics(*overall(estimator.estimate_assignments(panel, drawn.first_treated)))
        for name in STATISTICS:
            p[name][members] = p_against(against[name], own[name][members], complete=drawn.complete)
    return p


def p_against(reference: np.ndarray, observed: np.ndarray, *, complete: bool) -> np.ndarray:
    """(1 + #)/(1 + R) of each observed statistic in a common reference, #/R in a complete list; ties are extreme."""
    ordered = np.sort(np.where(np.isnan(reference), np.inf, reference))
    extreme = len(ordered) - np.searchsorted(ordered, observed * (1 - TIES), side="left")
    extra = 0 if complete else 1
    return np.where(np.isnan(observed), np.nan, (extreme + extra) / (len(ordered) + extra))


def sequentially(
    estimator: Estimator, panel: Panel, outcomes: np.ndarray, assignments: Assignments,
    wanted: Sequence[str] = STATISTICS,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Whether the permutation test rejects, for outcomes (k, n, t) under the panel's adoption, (k,) by statistic.

    An outcome leaves as soon as it has too many extreme statistics to be rejected: the decision is that of all
    assignments (Besag and Clifford 1991), at a fifth of the cost.
    """
    own = statistics(*overall(estimator.estimate_many(panel, outcomes)))
    rule = Rejection.at(1 - LEVEL, len(assignments.first_treated), complete=assignments.complete)
    count = _counted_anew if estimator.solves_anew else _counted
    extreme = count(estimator, panel, outcomes, assignments.first_treated, {name: own[name] for name in wanted}, rule)
    return {name: rule.rejects(extreme[name]) & np.isfinite(own[name]) for name in wanted}


def _counted(
    estimator: Estimator, panel: Panel, outcomes: np.ndarray, starts: np.ndarray, own: dict[str, np.ndarray],
    rule: Rejection,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Count extreme statistics, (k,) each: every adoption is planned once for the outcomes that are left."""
    extreme = {name: np.zeros(len(outcomes), int) for name in own}
    for one in starts:
        left = np.flatnonzero(np.any([rule.rejects(count) for count in extreme.values()], axis=0))
        if not len(left):
            break
        plan = estimator.compile(panel.with_first_treated(one), overall_row)
        drawn = statistics(*overall(plan.apply(outcomes[left])))
        for name, count in extreme.items():
            count[left] += _as_extreme(drawn[name], own[name][left])
    return extreme


def _counted_anew(
    estimator: Estimator, panel: Panel, outcomes: np.ndarray, starts: np.ndarray, own: dict[str, np.ndarray],
    rule: Rejection,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Count them where nothing can be planned: outcome by outcome, adoptions in blocks."""
    extreme = {name: np.zeros(len(outcomes), int) for name in own}
    for k, outcome in enumerate(outcomes):
        one = panel.with_outcome(outcome)
        for block in np.array_split(starts, max(1, len(starts) // BLOCK)):
            drawn = statistics(*overall(estimator.estimate_assignments(one, block)))
            for name, count in extreme.items():
                count[k] += _as_extreme(drawn[name], own[name][k]).sum()
            if not any(rule.rejects(count[k]) for count in extreme.values()):
                break
    return extreme


def _as_extreme(drawn: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Whether drawn statistics are as extreme as one's own; ties are, and what could not be estimated."""
    return np.asarray((drawn >= (1 - TIES) * own) | np.isnan(drawn))


def unrestricted(n: int) -> np.ndarray:
    """One stratum for all."""
    return np.zeros(n, np.intp)


def assignments_of(panel: Panel, draws: int, rng: np.random.Generator) -> Assignments:
    """Draw assignments of a panel's starts among its authorities."""
    n = panel.n_units
    return AssignmentSpace(panel.first_treated, unrestricted(n), np.arange(n), ("all",)).draw(draws, rng)
