"""How much of an effect runs through a mediator: closed forms of two linear models, and what hidden causes would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_eval.numerics.lots import found_in_four_of_five
from sos_eval.numerics.regress import least_squares, with_influence

__all__ = [
    "QUANTITIES",
    "LinkTest",
    "Mediation",
    "MediationData",
    "confounded_indirect",
    "jackknife_errors",
    "link_test",
    "mediation",
    "residual_link",
]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

#: VanderWeele (2014): natural effects, and the four parts that add up to the total.
QUANTITIES = (
    "total_effect", "pure_natural_direct", "total_natural_indirect", "total_natural_direct", "pure_natural_indirect",
    "controlled_direct", "interaction_reference", "interaction_mediated",
)  # fmt: skip
_STEP = 1e-20
#: Condition number of products of columns from which they are not told apart.
_SINGULAR = 1e13


@dataclass(frozen=True, slots=True)
class MediationData:
    """Rows of a mediation.

    Attributes
    ----------
    outcome, mediator, treatment, weights : (n,)
    x : (n, k)
        Covariates of both models; no columns for none.
    clusters : (n,)
        Codes.
    """

    outcome: Array
    mediator: Array
    treatment: Array
    x: Array
    weights: Array
    clusters: Codes


@dataclass(frozen=True, slots=True)
class Mediation:
    """Effects in the order of `QUANTITIES`, their clustered covariance, and clusters less one."""

    effects: Array
    covariance: Array
    df: int


def mediation(rows: MediationData, *, interaction: bool, reference: float = 0.0) -> Mediation:
    """Split the effect of treatment (0 to 1) into what does and does not run through the mediator.

    ``M = a0 + a1 T + a2'x`` and ``Y = b0 + b1 T + b2 M + b3 T M + b4'x`` at the means of x (VanderWeele 2014, with
    linear models). Errors by the delta method from the stacked influence of both models, summed within clusters,
    ``G / (G - 1)``.

    Parameters
    ----------
    interaction
        Whether the mediator may do more or less under treatment; without it b3 is zero.
    reference
        Mediator at which the controlled direct effect is told.

    Raises
    ------
    numpy.linalg.LinAlgError
        The regressors are collinear.
    """
    one, t, m = np.ones((len(rows.outcome), 1)), rows.treatment[:, None], rows.mediator[:, None]
    first = np.column_stack([one, t, rows.x])
    second = np.column_stack([one, t, m, *([t * m] if interaction else []), rows.x])
    a, influence_a = with_influence(rows.mediator, first, rows.weights)
    b, influence_b = with_influence(rows.outcome, second, rows.weights)
    means = np.average(rows.x, axis=0, weights=rows.weights) if rows.x.shape[1] else np.zeros(0)

    def effects(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return _effects(values[: len(a)], values[len(a) :], means, interaction, reference)

    at = np.concatenate([a, b]).astype(complex)
    slopes = np.column_stack([effects(at + _STEP * 1j * unit).imag / _STEP for unit in np.eye(len(at))])
    codes = np.unique(rows.clusters, return_inverse=True)[1]
    of_effects = np.hstack([influence_a, influence_b]) @ slopes.T
    sums = np.column_stack([np.bincount(codes, column) for column in of_effects.T])
    n = len(sums)
    return Mediation(effects(at).real, n / (n - 1) * sums.T @ sums, n - 1)


def jackknife_errors(rows: MediationData, *, interaction: bool, reference: float = 0.0) -> Array:
    """Return errors of `QUANTITIES` by leaving out one cluster at a time, for few clusters.

    ``sqrt((G - 1) / G sum_g (e_g - e)^2)``, both models made again without each cluster from its share in the normal
    equations (MacKinnon, Nielsen and Webb 2023, equation 12, of a function of coefficients).

    Returns
    -------
    ndarray, (8,)
        NaN where some cluster is needed to tell the regressors apart.
    """
    one, t, m = np.ones((len(rows.outcome), 1)), rows.treatment[:, None], rows.mediator[:, None]
    first = np.column_stack([one, t, rows.x, m])  # the last column is what is explained
    second = np.column_stack([one, t, m, *([t * m] if interaction else []), rows.x, rows.outcome])
    codes = np.unique(rows.clusters, return_inverse=True)[1]
    parts = [np.flatnonzero(codes == g) for g in range(codes.max() + 1)]
    products = [[(z[at] * rows.weights[at, None]).T @ z[at] for at in parts] for z in (first, second)]
    whole = [np.sum(each, axis=0) for each in products]
    left_out = [_from_products([total - each[g] for total, each in zip(whole, products, strict=True)], rows.x.shape[1],
                               interaction, reference) for g in range(len(parts))]  # fmt: skip
    apart = np.array(left_out) - _from_products(whole, rows.x.shape[1], interaction, reference)
    return np.asarray(np.sqrt((len(parts) - 1) / len(parts) * (apart**2).sum(0)))


def _from_products(products: Sequence[Array], k: int, interaction: bool, reference: float) -> Array:
    """Return the quantities from both models' products of columns, the explained one last; NaN if they are singular."""
    if any(np.linalg.cond(one[:-1, :-1]) > _SINGULAR for one in products):
        return np.full(len(QUANTITIES), np.nan)
    a, b = (np.linalg.solve(one[:-1, :-1], one[:-1, -1]).astype(complex) for one in products)
    means = products[0][0, 2 : 2 + k] / products[0][0, 0]
    return np.asarray(_effects(a, b, means, interaction, reference).real)


def _effects(
    a: NDArray[np.complex128], b: NDArray[np.complex128], means: Array, interaction: bool, reference: float
) -> NDArray[np.complex128]:  # fmt: skip
    """Return the quantities from coefficients; analytic in them."""
    untreated = a[0] + (a[2:] @ means if len(means) else 0)
    moved, product = a[1], b[3] if interaction else 0 * b[2]
    direct = b[1] + product * untreated
    indirect = (b[2] + product) * moved
    controlled = b[1] + product * reference
    return np.array([
        direct + indirect, direct, indirect, direct + product * moved, b[2] * moved, controlled,
        direct - controlled, product * moved,
    ])  # fmt: skip


def confounded_indirect(rows: MediationData, rho: Array) -> tuple[Array, float]:
    """Return the indirect effect if errors of both models correlate by rho, and the rho at which it is zero.

    Without interaction, ``a1 (s_y / s_m) (r - rho sqrt((1 - r^2) / (1 - rho^2)))``, r the correlation of what treatment
    and covariates leave of mediator and outcome (Imai, Keele and Yamamoto 2010, theorem 4).
    """
    moved = least_squares(rows.mediator, _with_constant(rows), rows.weights)[0][1]
    m, y = residual_link(rows)
    spread_m, spread_y = (float(np.sqrt(rows.weights @ rest**2)) for rest in (m, y))
    r = float(rows.weights @ (m * y)) / spread_m / spread_y
    return moved * spread_y / spread_m * (r - rho * np.sqrt((1 - r**2) / (1 - rho**2))), r


def residual_link(rows: MediationData) -> tuple[Array, Array]:
    """Return what treatment and covariates leave of mediator and outcome, (n,) each."""
    x = _with_constant(rows)
    m, y = (values - x @ least_squares(values, x, rows.weights)[0] for values in (rows.mediator, rows.outcome))
    return m, y


def _with_constant(rows: MediationData) -> Array:
    return np.column_stack([np.ones(len(rows.outcome)), rows.treatment, rows.x])


@dataclass(frozen=True, slots=True)
class LinkTest:
    """The mediator's coefficient, its robust error, p, and the coefficient that would be found four times in five."""

    slope: float
    error: float
    p_value: float
    detectable: float


def link_test(rows: MediationData, strata: Codes, draws: int, rng: np.random.Generator) -> LinkTest:
    """Test the mediator's coefficient given treatment and covariates by permutations.

    What treatment and covariates leave of the mediator is handed to other rows of the same stratum; the statistic is
    the coefficient over its heteroskedasticity-robust error (Freedman and Lane 1983; DiCiccio and Romano 2017). What
    would be found is told by the spread of the permuted coefficients on an outcome without the estimated one.

    Parameters
    ----------
    strata : (n,)
        Within which rows are exchanged.
    """
    m, y = residual_link(rows)
    observed, error = _slope(m, y, rows.weights)
    order = np.argsort(strata, kind="stable")
    reached, without = 1, np.empty(draws)
    for place in range(draws):
        mixed = np.empty_like(m)
        mixed[order] = m[np.lexsort((rng.random(len(m)), strata))]
        drawn, spread = _slope(mixed, y, rows.weights)
        reached += abs(drawn / spread) >= abs(observed / error) * (1 - 1e-9)
        without[place] = drawn - observed * float(rows.weights @ (mixed * m)) / float(rows.weights @ mixed**2)
    return LinkTest(observed, error, reached / (draws + 1), float(found_in_four_of_five(without)))


def _slope(m: Array, y: Array, weights: Array) -> tuple[float, float]:
    """Return the slope of y on m, both without their means, and its robust error."""
    gram = float(weights @ m**2)
    slope = float(weights @ (m * y)) / gram
    return slope, float(np.sqrt(np.sum((weights * m * (y - slope * m)) ** 2)) / gram)
