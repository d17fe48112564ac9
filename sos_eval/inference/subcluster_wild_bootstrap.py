"""The wild bootstrap whose weights are drawn below the level at which errors are clustered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.inference.wild_cluster_bootstrap import WildClusterBootstrap
from sos_eval.panel.own_names import column_or
from sos_eval.results.estimate import Estimate
from sos_eval.results.inference import FEW
from sos_eval.results.method import register

__all__ = ["SubclusterWildBootstrap"]

_OWN = ("row", "unit")


@register("subcluster_wild_bootstrap")
@dataclass(frozen=True)
class SubclusterWildBootstrap(WildClusterBootstrap):
    """Cluster-robust t, bootstrapped with weights drawn within clusters (MacKinnon and Webb 2018)."""

    alone_from: ClassVar[int] = FEW
    label: ClassVar[str] = "subcluster wild bootstrap"
    reference: ClassVar[str] = "MacKinnon and Webb (2018)"

    draws: Annotated[int, at.Ge(19)] = 1_999
    """Bootstrap draws."""
    within: Annotated[str, column_or(_OWN)] = "row"
    """What has a weight of its own: row (the ordinary wild bootstrap), unit, or a column such as child_id. Each lies
    inside one cluster."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that the panel has to carry for this method."""
        return () if self.within in _OWN else (self.within,)

    @property
    def adds_up_by(self) -> tuple[str, ...]:
        """The same columns."""
        return self.columns

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        if why := super().why_not(estimate):
            return why
        if self.within not in _OWN and self.within not in estimate.panel.frame:
            return f"the panel has no column {self.within!r}"
        if estimate.linear is not None and len(estimate.linear.residuals) != estimate.panel.n_rows:
            return "the regression's rows are not those of the panel, so none can be given a weight"
        groups = self.groups(estimate)
        pairs = np.unique(np.column_stack([groups, _clusters(estimate)]), axis=0)
        return f"{self.within} has values in several clusters" if len(pairs) > len(np.unique(groups)) else ""

    def groups(self, estimate: Estimate) -> NDArray[np.intp]:
        """Return the codes of the groups whose weights are drawn, (n,)."""
        frame = estimate.panel.frame
        if self.within == "row":
            return np.arange(len(frame))
        return np.asarray(pd.factorize(frame[self.within], sort=True)[0], np.intp)


def _clusters(estimate: Estimate) -> NDArray[np.intp]:
    """Return the cluster of each row, (n,)."""
    return np.asarray(pd.factorize(estimate.panel.frame["cluster"])[0], np.intp)
