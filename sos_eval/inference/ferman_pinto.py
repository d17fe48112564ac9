"""Few treated of unequal size: untreated residuals rescaled to the treated's variance (Ferman and Pinto 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import annotated_types as at
import numpy as np
import pandas as pd

from sos_eval.inference.control_residuals import ControlResiduals, control_residuals, not_defined
from sos_eval.inference.few_treated import few_treated_rows
from sos_eval.inference.memory import refuse_too_many
from sos_eval.inference.wald import refused
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, Inferred
from sos_eval.results.method import register

__all__ = ["FermanPinto", "size_variance"]

NO_SIZE = "no size of the clusters: name a column with `size`, or declare counts with exposure"
FEWEST, ROUNDS = 10, 200


def size_variance(residual: Array, size: Array) -> tuple[float, float]:
    """Fit residual^2 = a + b / size with a, b >= 0 by least squares, weighted by one over the fitted variance squared.

    The square of a residual varies with the square of its variance: unweighted, the few smallest clusters alone would
    decide the fit. Weights and fit are iterated.

    Parameters
    ----------
    residual, size : (c,)
        Of untreated clusters.

    Returns
    -------
    a, b
        What variance does not fall with size, and what does.
    """
    from scipy.optimize import nnls

    terms, squares = np.column_stack([np.ones(len(size)), size.min() / size]), residual**2
    fit, variance = np.zeros(2), np.full(len(size), squares.mean())
    for _ in range(ROUNDS):
        before, fit = fit, nnls(terms / variance[:, None], squares / variance)[0]
        variance = terms @ fit
        if np.allclose(before, fit, rtol=1e-10, atol=0):
            break
    return float(fit[0]), float(fit[1] * size.min())


@register("ferman_pinto")
@dataclass(frozen=True)
class FermanPinto(InferenceMethod):
    """Few treated of unequal size: residuals rescaled by a variance of a + b / size (Ferman and Pinto 2019).

    The variance is fitted on untreated clusters, with a and b at least zero: what does not fall with size, such as
    overdispersion, stays. Residuals are sampled with replacement into the places of treated and untreated clusters.
    """

    label: ClassVar[str] = "Ferman and Pinto"
    refits: ClassVar[bool] = True
    reference: ClassVar[str] = "Ferman and Pinto (2019)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the interval."""
    draws: Annotated[int, at.Ge(99)] = 9_999
    """Samples of residuals."""
    size: Column | None = None
    """Column with the size of a unit, of which the mean over periods is taken; the exposure unless given."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of sizes."""
        return (self.size,) if self.size else ()

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return the overall effect with p and interval from rescaled residuals."""
        found = self.refusal(fitted) or control_residuals(fitted)
        sizes = found if isinstance(found, str) else self._sizes(fitted, found)
        if isinstance(found, str) or isinstance(sizes, str):
            return refused(fitted, self.key, self.level, str(sizes))
        refuse_too_many(fitted.source, "draws", self.draws, 4 * (len(found.control) + len(found.treated)))
        fits = [size_variance(one, sizes[found.control]) for one in found.residual]
        facts = {"variance": [{"a": a, "b": b} for a, b in fits], "size": self.size or "exposure"}
        drawn = self.drawn(found, sizes, fits, rng)
        return few_treated_rows(fitted, self.key, self.level, found, drawn, facts)

    def refusal(self, fitted: Fitted) -> str:
        """Say why it is not defined; empty where it is."""
        if why := not_defined(fitted):
            return why
        control = fitted.panel.n_clusters - fitted.panel.n_treated_clusters
        if control < FEWEST:
            return f"{control} untreated clusters are too few for a variance by size, which needs {FEWEST}"
        return "" if self._column(fitted.panel) in fitted.panel.frame else NO_SIZE

    def _column(self, panel: Panel) -> str:
        return self.size or ("exposure" if panel.outcome.counted else "")

    def _sizes(self, fitted: Fitted, found: ControlResiduals) -> Array | str:
        """Sizes of clusters, (n_clusters,): sums of units' means over periods; the reason where one has none."""
        source = fitted.source.keep(fitted.panel.units)
        name = self._column(source)
        if not pd.api.types.is_numeric_dtype(source.frame[name]):
            return f"size: {source.label(name)} is not numeric"
        means = source.frame.groupby("unit", sort=False)[name].mean().reindex(source.units).to_numpy(float)
        sizes: Array = np.bincount(found.item, means).astype(float)
        if not (sizes[np.concatenate([found.treated, found.control])] > 0).all():
            return "the size of some cluster is missing or not above zero"
        return sizes

    def drawn(
        self, found: ControlResiduals, sizes: Array, fits: list[tuple[float, float]], rng: np.random.Generator
    ) -> Array:
        """Return the overall effect of rescaled residuals, those of the untreated taken off, (draws,)."""
        c, k = len(found.control), len(found.treated)
        pick = rng.integers(c, size=(self.draws, c + k))
        total = np.zeros(self.draws)
        for g, (a, b) in enumerate(fits):
            sd = np.sqrt(a + b / sizes)
            pool = found.residual[g] / sd[found.control]
            pool = pool - pool.mean()
            own = np.where(found.start == g, found.share, 0.0)
            weights = np.concatenate([own * sd[found.treated], -own.sum() * found.control_share * sd[found.control]])
            total += pool[pick] @ weights
        return total
