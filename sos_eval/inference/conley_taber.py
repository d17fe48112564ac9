"""Few treated: the estimate among sums of untreated residuals (Conley and Taber 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np

from sos_eval.inference.control_residuals import ControlResiduals, control_residuals, not_defined
from sos_eval.inference.few_treated import few_treated_rows
from sos_eval.inference.memory import refuse_too_many
from sos_eval.inference.wald import refused
from sos_eval.panel.panel import Array
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, Inferred
from sos_eval.results.method import register

__all__ = ["ConleyTaber"]


@register("conley_taber")
@dataclass(frozen=True)
class ConleyTaber(InferenceMethod):
    """Few treated, many untreated: chance is what sums of untreated clusters' residuals show (Conley and Taber 2011).

    Takes untreated and treated to vary alike, whatever their size: with unequal sizes see `ferman_pinto`. Groups of
    untreated clusters are sampled, never listed.
    """

    label: ClassVar[str] = "Conley and Taber"
    refits: ClassVar[bool] = True
    reference: ClassVar[str] = "Conley and Taber (2011)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the interval."""
    draws: Annotated[int, at.Ge(99)] = 9_999
    """Groups of untreated clusters, as many as are treated, drawn without replacement."""

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return the overall effect with p and interval from sums of untreated residuals."""
        why = self.refusal(fitted)
        found = why or control_residuals(fitted)
        if isinstance(found, str):
            return refused(fitted, self.key, self.level, found)
        refuse_too_many(fitted.source, "draws", self.draws, 2 * len(found.control))
        return few_treated_rows(fitted, self.key, self.level, found, self.drawn(found, rng), {})

    def refusal(self, fitted: Fitted) -> str:
        """Say why it is not defined; empty where it is."""
        if why := not_defined(fitted):
            return why
        treated = fitted.panel.n_treated_clusters
        control = fitted.panel.n_clusters - treated
        if comb(control, treated) < 1 / round(1 - self.level, 12):
            return f"{treated} treated and {control} untreated clusters give too few groups to reject at {self.level:g}"
        return ""

    def drawn(self, found: ControlResiduals, rng: np.random.Generator) -> Array:
        """Return sums of residuals of untreated clusters in the places of the treated, (draws,)."""
        order = rng.random((self.draws, len(found.control))).argsort(1)[:, : len(found.treated)]
        return np.asarray(found.residual[found.start, order] @ found.share)
