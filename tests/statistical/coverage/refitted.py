"""Rejections of the methods that take one fit at a time: regression errors, the jackknife and the bootstraps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from sos_eval.inference.multiplier_bootstrap import MultiplierBootstrap
from sos_eval.inference.satterthwaite import regression_clusters
from sos_eval.inference.wald import two_sided
from sos_eval.inference.wild_cluster_bootstrap import wild_test
from sos_eval.numerics.bootstrap import draw_weights, wild_terms
from sos_eval.numerics.covariance import cr2, cr3
from sos_eval.panel.panel import Panel
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted
from tests.statistical.coverage.permuted import LEVEL, overall, rejects

WILD_DRAWS, MULTIPLIER_DRAWS = 399, 499
WILD = {"wild_cluster_bootstrap": True, "wild_cluster_bootstrap, unrestricted": False}


def of_a_regression(estimator: Estimator, panels: Iterable[Panel], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Rejections of the first coefficient's null by every method of a linear regression, (draws,) each."""
    p = defaultdict(list)
    for panel in panels:
        estimate = estimator.complete(panel)
        design, value = regression_clusters(estimate), float(estimate.values[0])
        for name, make in (("cr2", cr2), ("cr3", cr3)):
            found = make(design)
            p[name].append(float(two_sided(value / np.sqrt(found.covariance[0, 0]), found.df[0])))
        terms = wild_terms(design, design.contrast[0])
        weights = draw_weights("rademacher", (WILD_DRAWS, len(design.rows)), rng)
        for name, restricted in WILD.items():
            test = wild_test(terms, value, weights, restricted=restricted, complete=False, level=None)
            p[name].append(test.p_value)
    return {name: rejects(np.array(values)) for name, values in p.items()}


def bootstrapped(estimator: Estimator, panels: Iterable[Panel], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Rejections of the overall effect, and whether the band of event times leaves zero anywhere, (draws,) each."""
    method, found = MultiplierBootstrap(draws=MULTIPLIER_DRAWS, level=1 - LEVEL), defaultdict(list)
    for panel in panels:
        fitted = Fitted(estimator.name, "primary", estimator, estimator.complete(panel), panel)
        table = method.infer(fitted, rng).table
        found["multiplier_bootstrap"].append(table.loc[table["aggregation"] == "overall", "p_value"].iloc[0])
        events = table[(table["aggregation"] == "event_time") & table["event_time"].notna()]
        if events.empty:
            continue
        outside = (events["band_low"] > 0) | (events["band_high"] < 0)
        found["multiplier_bootstrap, band of event times"].append(0.0 if outside.any() else 1.0)
    return {name: rejects(np.array(values)) for name, values in found.items()}


def jackknifed(estimator: Estimator, panels: Iterable[Panel]) -> dict[str, np.ndarray]:
    """Rejections of the overall effect by the cluster jackknife with t(G-1), (draws,).

    To leave a unit out is to treat it from the first period on: no estimator compares it with anybody then, and one
    batch of assignments leaves out each in turn.
    """
    p = []
    for panel in panels:
        n = panel.n_units
        without = np.repeat(panel.first_treated[None], n, axis=0)
        without[np.diag_indices(n)] = panel.times[0]
        values, _ = overall(estimator.estimate_assignments(panel, without))
        value = float(overall(estimator.estimate_many(panel, panel.matrix()[None]))[0][0])
        error = np.sqrt((n - 1) / n * ((values - value) ** 2).sum())
        p.append(float(two_sided(np.array(value / error), float(n - 1))))
    return {"jackknife": rejects(np.array(p))}
