"""The multiplier bootstrap of the influence function, with uniform bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import annotated_types as at
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sos_eval.inference.analytic import no_influence
from sos_eval.inference.bands import Bands, joint_bands
from sos_eval.inference.memory import refuse_too_many
from sos_eval.inference.wald import cluster_scores, refused, too_few_treated, wald_rows, why_no_error
from sos_eval.numerics.bands import Critical, at_level, quantile_with_error
from sos_eval.numerics.bootstrap import BootstrapWeights, draw_weights
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Estimate
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW, InferenceMethod, Inferred
from sos_eval.results.method import register
from sos_eval.results.small_sample import small_sample_factor

__all__ = ["MultiplierBootstrap", "bootstrap_deviations"]


def bootstrap_deviations(scores: Array, weights: Array) -> Array:
    """Deviations of the bootstrap estimates from the estimate, (draws, m): weighted sums of the clusters' scores."""
    return weights @ np.nan_to_num(scores)


@register("multiplier_bootstrap")
@dataclass(frozen=True)
class MultiplierBootstrap(InferenceMethod):
    """Multiplier bootstrap by cluster with uniform bands (Callaway and Sant'Anna 2021, algorithm 1)."""

    alone_from: ClassVar[int] = FEW
    label: ClassVar[str] = "multiplier bootstrap"
    reference: ClassVar[str] = "Callaway and Sant'Anna (2021), algorithm 1"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of intervals and bands."""
    weights: BootstrapWeights = "rademacher"
    """rademacher (as the did package), mammen or webb."""
    draws: Annotated[int, at.Ge(19)] = 999
    """Bootstrap draws."""
    spread: Literal["iqr", "deviation"] = "iqr"
    """Error from the interquartile range (as the did package) or from the standard deviation of the draws."""

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        return no_influence if estimate.influence is None else too_few_treated(estimate)

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with bootstrap errors, normal (or t) intervals and uniform bands."""
        estimate = fitted.estimate
        if (why := self.why_not(estimate)) or estimate.influence is None:
            return refused(fitted, self.key, self.level, why)
        factor = small_sample_factor(estimate, "default")
        scores = cluster_scores(estimate, estimate.influence) * np.sqrt(factor.variance)
        refuse_too_many(fitted.source, "draws", self.draws, sum(scores.shape))
        drawn = bootstrap_deviations(scores, draw_weights(self.weights, (self.draws, len(scores)), rng))
        raw = np.where(np.isfinite(scores).all(0), self._spread(drawn), np.nan)
        std_error, reasons = why_no_error(estimate, raw)
        facts = {"weights": self.weights, "draws": self.draws, "spread": self.spread}
        return wald_rows(
            fitted, self.key, level=self.level, std_error=std_error, df=factor.df,
            bands=self._bands(estimate, drawn, std_error, factor.df), reasons=reasons, facts=facts,
        )  # fmt: skip

    def _spread(self, drawn: Array) -> Array:
        if self.spread == "deviation":
            return np.asarray(np.sqrt((drawn**2).mean(0)))
        ordered = np.sort(drawn, axis=0)
        return (at_level(ordered, 0.75) - at_level(ordered, 0.25)) / (ndtri(0.75) - ndtri(0.25))

    def _bands(self, estimate: Estimate, drawn: Array, std_error: Array, df: float) -> Bands:
        """Quantile of the largest t over each aggregation's rows."""

        def simulate(rows: NDArray[np.intp]) -> Critical:
            return quantile_with_error(np.abs(drawn[:, rows] / std_error[rows]).max(1), self.level)

        usable = np.isfinite(std_error) & (std_error > 0)
        return joint_bands(estimate.cells, usable, simulate, level=self.level, draws=self.draws, df=df)
