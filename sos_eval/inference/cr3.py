"""Leave-one-cluster-out sandwich errors with Satterthwaite degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np

from sos_eval.inference.satterthwaite import adjusted_sandwich, why_not_linear
from sos_eval.numerics.covariance import cr3
from sos_eval.results.estimate import Estimate
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, Inferred
from sos_eval.results.method import register

__all__ = ["CR3"]


@register("cr3")
@dataclass(frozen=True)
class CR3(InferenceMethod):
    """Cluster-robust errors with each cluster left out, Satterthwaite t (Bell and McCaffrey 2002)."""

    label: ClassVar[str] = "cluster-robust, CR3"
    reference: ClassVar[str] = "Bell and McCaffrey (2002); MacKinnon, Nielsen and Webb (2023)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the intervals."""

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        return why_not_linear(estimate)

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with CR3 errors."""
        return adjusted_sandwich(fitted, self.key, self.level, cr3)
