"""What the rule of the headline may look at: counts, weights and who could have started, no outcome's level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sos_eval.errors import InputFault
from sos_eval.inference.attainable import SmallestP, smallest_p, with_noise
from sos_eval.inference.randomization import Randomization
from sos_eval.inference.statistic import statistics
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import overall_place
from sos_eval.results.fitted import Fitted

__all__ = ["DesignFacts", "design_facts", "effective_clusters", "influence_weights", "lost_share"]

#: Random adoptions behind the share that cannot be estimated.
TRIED = 499


@dataclass(frozen=True, slots=True)
class DesignFacts:
    """What the rule may look at: counts, weights and the kind of estimator, no outcome.

    Attributes
    ----------
    n_units, n_clusters, n_treated_clusters, n_comparison_clusters, n_cohorts
        Counts.
    by_weight, by_variance
        The treated and the comparison clusters as so many of equal weight in the estimate, and of equal share in its
        variance; see `effective_clusters`. In the variance of the row that the fewest decide, where the estimator has
        one that fewer decide than the overall effect.
    layout
        panel or cross_sections.
    estimator
        Name of the method.
    has_influence, divides, is_linear
        Whether it has an influence function, that or a spread to studentise with, and whether it is a regression.
    rebuilds
        Whether the comparison group depends on who is treated.
    smallest
        The smallest p that a randomization test can have, or the reason why starts cannot be swapped.
    clusters_of
        Number of clusters of a second clustering by a column; of periods where the column is "".
    lost
        Share of random adoptions under which a randomization test's statistic does not exist, and the reason of most
        of these; see `lost_share`.
    variance_of
        What `by_variance` is the variance of, where that is not the overall effect.
    kind_column
        Column within which starts are swapped so that every comparison keeps its units; empty where none is needed.
    """

    n_units: int
    n_clusters: int
    n_treated_clusters: int
    n_comparison_clusters: int
    by_weight: tuple[float, float]
    by_variance: tuple[float, float]
    n_cohorts: int
    layout: str
    estimator: str
    has_influence: bool
    divides: bool
    is_linear: bool
    rebuilds: bool
    smallest: Callable[[Randomization], SmallestP | str]
    lost: Callable[[Randomization], tuple[float, str]]
    clusters_of: Callable[[str], int]
    variance_of: str = ""
    kind_column: str = ""


def design_facts(fitted: Fitted) -> DesignFacts:
    """Read off a fitted estimator what the rule may look at."""
    panel, estimate = _by_treated_units(fitted.panel), fitted.estimate
    by_exposure = fitted.estimator.weighs_exposure
    counts, variance_of = fitted.estimator.leverage(panel) or (None, "")
    by_weight = effective_clusters(panel, by_exposure=by_exposure, power=1)
    by_variance = effective_clusters(panel, by_exposure=by_exposure, power=2, counts=counts)

    at = overall_place(estimate.cells)
    inside = np.nan if at is None else float(estimate.cells["n_treated_units"].iloc[at])
    treated = panel.n_treated_clusters if np.isnan(inside) else min(panel.n_treated_clusters, int(inside))

    def smallest(test: Randomization) -> SmallestP | str:
        space = fitted.space(test.strata)
        if isinstance(space, str):
            return space
        return smallest_p(fitted, space, test.statistic, draws=test.draws, level=test.level)

    return DesignFacts(
        n_units=panel.n_units, n_clusters=panel.n_clusters, n_treated_clusters=treated,
        n_comparison_clusters=panel.n_clusters - panel.n_treated_clusters, by_weight=by_weight,
        by_variance=by_variance, n_cohorts=len(panel.cohorts), layout=panel.layout,
        estimator=fitted.estimator.name, has_influence=estimate.influence is not None,
        divides=estimate.divides, is_linear=estimate.linear is not None, rebuilds=fitted.rebuild is not None,
        smallest=smallest,
        lost=lambda test: lost_share(fitted, test), clusters_of=lambda column: _clusters_of(panel, column),
        variance_of=variance_of, kind_column=fitted.estimator.kind_column,
    )  # fmt: skip


def _by_treated_units(panel: Panel) -> Panel:
    """Return the panel clustered by unit where its clusters are finer: a start is a unit's, whatever its rows."""
    if panel.n_clusters <= panel.n_units:
        return panel
    return replace(panel, frame=panel.frame.assign(cluster=panel.frame["unit"]))


def _clusters_of(panel: Panel, column: str) -> int:
    """Count the values of a column; periods where it is "", none where the panel does not have it."""
    if not column:
        return panel.n_times
    return len(panel.frame[column].unique()) if column in panel.frame else 0


def effective_clusters(
    panel: Panel, *, by_exposure: bool, power: int, counts: Array | None = None
) -> tuple[float, float]:
    """Count treated and comparison clusters by (sum of shares)^2 / (sum of squared shares).

    With equal weights that is their number; a few heavy clusters count for less. Where clusters' averages vary alike,
    a cluster's share in the variance of a weighted average goes with its squared weight, and an estimated variance
    then varies as one from so many clusters would (Carter, Schnepel and Steigerwald 2017, their G*, whose cluster
    terms are these shares).

    Parameters
    ----------
    by_exposure
        Whether the estimator weighs units by their exposure, as a Poisson likelihood does.
    power
        1: a cluster's share is its weight in the estimate. 2: its share in the variance.
    counts : (n_influence,)
        What weights are multiplied by, unless all count alike; see `Estimator.leverage`.
    """
    weight: Array = np.nan_to_num(influence_weights(panel, by_exposure=by_exposure))
    weight = weight if counts is None else weight * counts
    starts = panel.first_treated if panel.layout == "panel" else panel.frame["first_treated"].to_numpy(float)
    total = np.bincount(panel.clusters, weight, panel.n_clusters).astype(float)
    own = np.bincount(panel.clusters, weight * np.isfinite(starts), panel.n_clusters).astype(float)
    return _effective(own**power), _effective(total[own == 0] ** power)


def influence_weights(panel: Panel, *, by_exposure: bool) -> Array:
    """Weight of each entry of an influence function, (n_influence,)."""
    if panel.layout != "panel":
        weight = panel.frame["weight"].to_numpy(float)
        return weight * panel.frame["exposure"].to_numpy(float) if by_exposure else weight
    if not (by_exposure and panel.outcome.counted):
        return panel.weights
    exposure = np.bincount(panel.unit_codes, np.nan_to_num(panel.frame["exposure"].to_numpy(float)), panel.n_units)
    return panel.weights * exposure


def _effective(share: Array) -> float:
    relative = share / share.max() if share.any() else share
    squares = float((relative**2).sum())
    return round(float(relative.sum()) ** 2 / squares, 9) if squares > 0 else 0.0


def lost_share(fitted: Fitted, test: Randomization) -> tuple[float, str]:
    """Share of random adoptions that leave the test without a statistic for the headline's row, and why most do.

    It looks at which outcomes there are, and at their values before anybody's start; later values are replaced by
    noise, so that the answer is the design's.

    Parameters
    ----------
    test
        Its strata and its statistic count.
    """
    rng = stream(0, "rule", "adoptions that cannot be estimated")
    space = fitted.space(test.strata)
    if isinstance(space, str):
        return 0.0, ""
    drawn = space.draw(TRIED, rng).first_treated
    try:
        batch = replace(fitted, source=with_noise(fitted.source, rng)).refit_assignments(drawn)
    except InputFault as none:  # not one of them can be estimated
        return 1.0, none.faults[0].what
    row = int(np.argmax((batch.cells["aggregation"] == "overall").to_numpy()))
    lost = np.isnan(statistics(batch, studentised=test.statistic != "coefficient")[:, row])
    why = Counter(batch.failures[draw] for draw in np.flatnonzero(lost) if batch.failures[draw])
    return float(lost.mean()), why.most_common(1)[0][0] if why else ""
