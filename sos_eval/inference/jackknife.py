"""The cluster jackknife: everything estimated again without each cluster in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np
import pandas as pd

from sos_eval.errors import InputFault, listed
from sos_eval.inference.wald import fixed_by_construction, refused, too_few_treated, wald_rows
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate, overall_place
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, Inferred
from sos_eval.results.method import register
from sos_eval.terms import KEY_COLUMNS

__all__ = ["Jackknife", "leave_one_out"]


def leave_one_out(fitted: Fitted) -> tuple[Array, list[str], dict[str, str]]:
    """Estimate without each cluster of units, comparison group included.

    Returns
    -------
    values : (G, m)
        NaN where a row is gone without the cluster, or would average other effects.
    clusters
        Names of the clusters.
    refusals
        Cluster to the reason why the overall effect, or nothing, could be estimated without it.
    """
    source, held = fitted.source, fitted.held
    cluster = source.unit_values("cluster")
    names = [str(name) for name in pd.unique(pd.Series(cluster))]
    wanted = pd.MultiIndex.from_frame(fitted.estimate.cells[list(KEY_COLUMNS)])
    values = np.full((len(names), len(wanted)), np.nan)
    refusals: dict[str, str] = {}
    for g, name in enumerate(names):
        kept: Panel = source.keep(source.units[cluster.astype(str) != name])
        try:
            found = held.refit(kept)
        except InputFault as fault:
            refusals[name] = fault.faults[0].what
            continue
        place = overall_place(found.cells)
        if place is not None and np.isnan(found.values[place]):
            refusals[name] = str(found.cells["reason"].iloc[place])
        have = pd.MultiIndex.from_frame(found.cells[list(KEY_COLUMNS)])
        at_row = have.get_indexer(wanted)
        values[g] = np.where(at_row >= 0, found.values[at_row], np.nan)
    return values, names, refusals


@register("jackknife")
@dataclass(frozen=True)
class Jackknife(InferenceMethod):
    """Cluster jackknife errors with t(G-1), for every estimator (Efron and Stein 1981; Hansen 2025).

    The variance is (G-1)/G times the sum of squared distances of the estimates without a cluster from the estimate.
    """

    label: ClassVar[str] = "leave-one-unit-out jackknife"
    refits: ClassVar[bool] = True
    reference: ClassVar[str] = "Efron and Stein (1981); MacKinnon, Nielsen and Webb (2023)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the intervals."""

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        return too_few_treated(estimate)

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with jackknife errors."""
        estimate = fitted.estimate
        if why := self.why_not(estimate):
            return refused(fitted, self.key, self.level, why)
        values, names, refusals = leave_one_out(fitted)
        n_clusters = len(names)
        raw = np.sqrt((n_clusters - 1) / n_clusters * ((values - estimate.values) ** 2).sum(0))
        constant = fixed_by_construction(estimate, raw)
        missing = np.isnan(values)
        silent = (estimate.cells["reason"] == "").to_numpy()
        known = np.isfinite(estimate.values) & silent
        reasons = np.full(len(raw), "", dtype=object)
        for row in np.flatnonzero(known & missing.any(0)):
            without = listed([names[g] for g in np.flatnonzero(missing[:, row])], at_most=3)
            reasons[row] = f"not identified without {without}: no jackknife error"
        reasons[known & constant] = "the same without every cluster: no error"
        std_error = np.where(constant | missing.any(0), np.nan, raw)
        table = pd.DataFrame(values).assign(cluster=names).melt("cluster", var_name="row", value_name="estimate")
        found = wald_rows(
            fitted, self.key, level=self.level, std_error=std_error, df=float(n_clusters - 1), reasons=list(reasons),
            facts={"clusters": n_clusters, "refused_without": refusals},
        )  # fmt: skip
        return Inferred(found.table, {"jackknife": table}, found.facts)
