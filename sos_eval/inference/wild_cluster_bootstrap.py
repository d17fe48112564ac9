"""The wild cluster bootstrap of regression t statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import annotated_types as at
import numpy as np
from numpy.typing import NDArray

from sos_eval.inference.memory import refuse_too_many
from sos_eval.inference.satterthwaite import regression_clusters, why_not_linear
from sos_eval.inference.wald import refused, why_no_error
from sos_eval.numerics.bootstrap import WildTerms, all_signs, draw_weights, wild_terms
from sos_eval.numerics.inversion import TIES, Rejection, Terms, limits
from sos_eval.panel.panel import Array
from sos_eval.results.estimate import Estimate
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, Inferred
from sos_eval.results.method import register
from sos_eval.results.table import effect_table

__all__ = ["WildClusterBootstrap", "WildTest", "restricted_limits", "wild_test"]

_UNBOUNDED = "no value is rejected: the interval is unbounded"
_OPEN = "no value, however large, is rejected on one side: the interval is open there"


@dataclass(frozen=True, slots=True)
class WildTest:
    """A bootstrap test of one contrast: t (no small-sample factor), p, interval, bootstrap statistics."""

    statistic: float
    p_value: float
    low: float
    high: float
    drawn: Array


def wild_test(
    terms: WildTerms, estimate: float, weights: Array, *, restricted: bool, complete: bool, level: float | None
) -> WildTest:
    """Test that a contrast is zero, and invert the test.

    Parameters
    ----------
    terms
        See `wild_terms`.
    estimate
        The contrast's estimate.
    weights : (draws, d)
        Bootstrap weights of the groups that are drawn.
    restricted
        Residuals under the null (WCR) or unrestricted (WCU, centred at the estimate).
    complete
        Whether the weights are all sign vectors: then p = #/R, else (1 + #)/(1 + R).
    level
        Of the interval; None leaves it out.
    """
    error = terms.error
    slope = estimate / terms.width if restricted else 0.0
    numerator = weights @ (terms.alpha + slope * terms.beta)
    spread = np.sqrt(((weights @ (terms.k0 + slope * terms.k1)) ** 2).sum(1))
    drawn = np.full(len(weights), np.inf)  # a draw without an error counts as extreme
    np.divide(numerator, spread, out=drawn, where=spread > 0)
    observed = estimate / error
    extra = 0 if complete else 1
    extreme = int((np.abs(drawn) >= (1 - TIES) * abs(observed)).sum())
    p = (extreme + extra) / (len(weights) + extra)
    if level is None:
        return WildTest(observed, p, np.nan, np.nan, drawn)
    rejection = Rejection.at(level, len(weights), complete=complete)
    if restricted:
        low, high = restricted_limits(terms, estimate, error, weights, rejection)
    else:
        low, high = _symmetric_limits(estimate, error, drawn, rejection)
    return WildTest(observed, p, low, high, drawn)


def restricted_limits(
    terms: WildTerms, estimate: float, error: float, weights: Array, rejection: Rejection
) -> tuple[float, float]:
    """Invert exactly: under every null the statistic is a ratio of polynomials in s = (estimate - null) / width."""
    one, two = weights @ terms.k0, weights @ terms.k1
    polynomial = Terms(
        a=weights @ terms.alpha, b=-(weights @ terms.beta),
        v0=(one**2).sum(1), v1=-(one * two).sum(1), v2=(two**2).sum(1),
        observed=(0.0, -terms.width, error**2, 0.0, 0.0),
    )  # fmt: skip
    low, high = limits(polynomial, rejection, centre=0.0, unit=error / terms.width)
    return estimate - high * terms.width, estimate - low * terms.width


def _symmetric_limits(estimate: float, error: float, drawn: Array, rejection: Rejection) -> tuple[float, float]:
    """Invert where draws do not depend on the null: a symmetric interval."""
    ordered = np.sort(np.abs(drawn))[::-1]
    kept = int(np.floor(rejection.most_extreme + 1e-9))
    if kept < 0 or kept >= len(ordered):
        return -np.inf, np.inf
    return estimate - float(ordered[kept]) * error, estimate + float(ordered[kept]) * error


@register("wild_cluster_bootstrap")
@dataclass(frozen=True)
class WildClusterBootstrap(InferenceMethod):
    """Wild cluster bootstrap t of regressions, interval by inversion (Cameron, Gelbach and Miller 2008)."""

    label: ClassVar[str] = "wild cluster bootstrap"
    reference: ClassVar[str] = "Cameron, Gelbach and Miller (2008); MacKinnon, Nielsen and Webb (2023)"

    level: Annotated[float, at.Gt(0), at.Lt(1)] = 0.95
    """Coverage of the intervals."""
    weights: Literal["rademacher", "webb"] = "rademacher"
    """rademacher (two points; all sign vectors are listed where they are no more than `draws`) or webb (six)."""
    restricted: bool = True
    """Whether residuals are taken under the null (WCR) or not (WCU)."""
    draws: Annotated[int, at.Ge(19)] = 9_999
    """Bootstrap draws."""

    def why_not(self, estimate: Estimate) -> str:
        """Say why it is not defined for an estimate; empty where it is."""
        return why_not_linear(estimate)

    def groups(self, estimate: Estimate) -> NDArray[np.intp] | None:
        """Return the codes of the groups whose weights are drawn, (n,); None for the clusters."""
        return None

    def infer(self, fitted: Fitted, rng: np.random.Generator) -> Inferred:
        """Return effects with bootstrap p-values and intervals."""
        estimate = fitted.estimate
        if why := self.why_not(estimate):
            return refused(fitted, self.key, self.level, why)
        design = regression_clusters(estimate)
        groups = self.groups(estimate)
        n_clusters = len(design.rows)
        n_groups = n_clusters if groups is None else int(groups.max()) + 1
        complete = self.weights == "rademacher" and 2**n_groups <= self.draws
        refuse_too_many(fitted.source, "draws", 2**n_groups if complete else self.draws, n_groups + 3 * n_clusters)
        drawn = all_signs(n_groups) if complete else draw_weights(self.weights, (self.draws, n_groups), rng)
        m = len(estimate.values)
        statistic, p, low, high = np.full((4, m), np.nan)
        every = [wild_terms(design, contrast, groups) for contrast in design.contrast]
        usable, reasons = why_no_error(estimate, np.array([terms.error for terms in every]))
        for j in np.flatnonzero(np.isfinite(usable)):
            found = wild_test(
                every[j], float(estimate.values[j]), drawn,
                restricted=self.restricted, complete=complete, level=self.level,
            )  # fmt: skip
            statistic[j], p[j], low[j], high[j] = found.statistic, found.p_value, found.low, found.high
        endless = np.isinf(low) & np.isinf(high)
        open_end = np.isinf(low) | np.isinf(high)
        reasons = [_UNBOUNDED if endless[j] else _OPEN if open_end[j] else reasons[j] for j in range(m)]
        low, high = np.where(endless, np.nan, low), np.where(endless, np.nan, high)
        table = effect_table(
            fitted, self.key, level=self.level, conf=(low, high), statistic=statistic, p_value=p, reason=reasons
        )
        error = np.zeros(m) if complete else np.sqrt(p * (1 - p) / len(drawn))
        facts: dict[str, Any] = {
            "weights": self.weights, "restricted": self.restricted, "draws": len(drawn), "complete": complete,
            "tie_tolerance": TIES, "p_monte_carlo_error_largest": float(np.nanmax(error, initial=0.0)),
        }  # fmt: skip
        return Inferred(table, facts=facts)
