"""Cluster-robust errors from the influence function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np

from sos_eval.inference.bands import Bands, normal_bands
from sos_eval.inference.memory import refuse_too_many
from sos_eval.inference.wald import refused, too_few_treated, wald_rows, why_no_error
from sos_eval.results.estimate import Estimate, cluster_sums
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import FEW, InferenceMethod, Inferred
from sos_eval.results.method import register
from sos_eval.results.small_sample import SmallSample, small_sample_factor

__all__ = ["Analytic", "no_influence"]

no_influence = "the estimator has no influence function; use randomization, or an inference that re-estimates"


@register("analytic")
@dataclass(frozen=True)
class Analytic(InferenceMethod):
    """Cluster-robust errors from the influence function, with uniform bands (Liang and Zeger 1986).

    The variance of an estimate is the sum over clusters of squared summed influence, over n squared. Bands are
    sup-t (Montiel Olea and Plagborg-Møller 2019) from the estimated correlation within each aggregation.
    """

    alone_from: ClassVar[int] = FEW
    label: ClassVar[str] = "conventional cluster-robust"
    says: ClassVar[str] = "a conventional calculation says {p}"
    reference: ClassVar[str] = "Liang and Zeger (1986); Montiel Olea and Plagborg-Møller (2019)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of intervals and bands."""
    small_sample: SmallSample = "default"
    """default, none or stata: the small-sample factor and the reference distribution."""
    band_draws: Annotated[int, at.Ge(0)] = 5_000
    """Simulated vectors that the uniform bands are as precise as, at least; 0 leaves the bands out."""

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        return no_influence if estimate.influence is None else too_few_treated(estimate)

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with cluster-robust errors, intervals and bands."""
        estimate = fitted.estimate
        if (why := self.why_not(estimate)) or estimate.influence is None:
            return refused(fitted, self.key, self.level, why)
        factor = small_sample_factor(estimate, self.small_sample)
        sums = cluster_sums(estimate.influence, estimate.panel.clusters)
        raw = np.sqrt(factor.variance * np.einsum("ij,ij->j", sums, sums)) / estimate.panel.n_influence
        std_error, reasons = why_no_error(estimate, raw)
        bands: Bands | None = None
        if self.band_draws:
            refuse_too_many(fitted.source, "band_draws", self.band_draws, 2 * len(estimate.values))
            usable = np.isfinite(std_error)
            bands = normal_bands(
                estimate.cells, sums, usable, level=self.level, draws=self.band_draws, rng=rng, df=factor.df
            )
        facts = {"small_sample": self.small_sample, "variance_factor": factor.variance, "band_draws": self.band_draws}
        return wald_rows(
            fitted, self.key, level=self.level, std_error=std_error, df=factor.df,
            bands=bands, reasons=reasons, facts=facts,
        )  # fmt: skip
