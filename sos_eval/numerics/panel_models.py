"""Regressions of panels with unit effects fixed or random, and tests between them and of their errors.

Mundlak (1978); Hausman (1978); Swamy and Arora (1972), with gaps Baltagi and Chang (1994); Wooldridge (2010),
sections 10.4 to 10.7. Period dummies stand among the further columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, stdtr

from sos_eval.numerics.covariance import JointTest, cluster_design, hotelling_t
from sos_eval.numerics.regress import LinearFit, least_squares, told_apart

__all__ = [
    "Mundlak",
    "RandomEffects",
    "SerialCorrelation",
    "UnitRows",
    "correlated",
    "hausman",
    "mundlak",
    "serial_null",
]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Bools = NDArray[np.bool_]

#: What is left of a column within units is rounding below this share of it.
_ROUNDING = 1e-12
#: Mundlak's test is not made with fewer clusters a parameter between units: with gaps each period has one.
_CLUSTERS_A_PARAMETER = 2


@dataclass(frozen=True, slots=True)
class UnitRows:
    """Rows of a panel, at most one a unit and period.

    Attributes
    ----------
    y : (n,)
    x : (n, k)
        Regressors that vary within units: what tests are about.
    further : (n, p)
        Other regressors: period dummies, what varies between units alone. No constant; may be collinear.
    unit : (n,)
        Codes from zero.
    """

    y: Array
    x: Array
    further: Array
    unit: Codes

    @property
    def sizes(self) -> Array:
        """Rows of each unit, (units,)."""
        return np.bincount(self.unit).astype(float)

    def means(self, columns: Array) -> Array:
        """Return each row's unit mean of columns (n,) or (n, m)."""
        return np.asarray((self.sums(columns).T / self.sizes).T[self.unit])

    def within(self, columns: Array) -> Array:
        """Return columns (n,) or (n, m) less unit means; zeros where they are unit means but for rounding."""
        out = columns - self.means(columns)
        vary = np.abs(out).max(0) > _ROUNDING * np.abs(columns).max(0)
        return np.asarray(np.where(vary, out, 0.0))

    def sums(self, columns: Array) -> Array:
        """Return sums of columns (n,) or (n, m) by unit, (units, ...)."""
        out = np.zeros((len(self.sizes), *columns.shape[1:]))
        np.add.at(out, self.unit, columns)
        return out

    def regressed(self, y: Array, x: Array, others: Array) -> tuple[LinearFit, Bools]:
        """Regress on x, (n, k), and on the others that are no combination of those before them; and say which, (p,).

        Raises
        ------
        numpy.linalg.LinAlgError
            A column of x is a combination of the others.
        """
        k = x.shape[1]
        kept = told_apart(np.column_stack([others, x]), np.ones(len(y)))
        if not kept[len(kept) - k :].all():
            raise np.linalg.LinAlgError("collinear regressors")
        used = np.column_stack([x, others[:, kept[: len(kept) - k]]])
        coef, bread = least_squares(y, used)
        fit = LinearFit(
            coef=coef, x=used, residuals=y - used @ coef, weights=np.ones(len(y)), bread=bread, unit_codes=self.unit,
            n_obs=len(y), n_params=used.shape[1], contrast=np.eye(k, used.shape[1]),
        )  # fmt: skip
        return fit, kept[: len(kept) - k]

    def fixed(self) -> LinearFit:
        """Regress with unit effects taken out (the within estimator).

        Raises
        ------
        numpy.linalg.LinAlgError
            A regressor does not vary within units, or is a combination of others.
        """
        y, x, further = (self.within(columns) for columns in (self.y, self.x, self.further))
        return replace(self.regressed(y, x, further)[0], absorbed=(self.unit,))

    def random(self) -> RandomEffects:
        """Regress with unit effects taken for random, independent of regressors (Swamy and Arora).

        ``s_u^2 = (RSS_between - (N - r) s_e^2) / (n - tr[(B'B)^+ B'ZZ'B])``, B the unit means of the r regressors
        with the constant, repeated for each row, Z the unit dummies; below zero it is zero.

        Raises
        ------
        numpy.linalg.LinAlgError
            As `fixed`, or fewer units than regressors.
        """
        fixed = self.fixed()
        others = np.column_stack([np.ones(len(self.y)), self.further])
        units = len(self.sizes)
        own = float(fixed.residuals @ fixed.residuals) / (len(self.y) - units - fixed.x.shape[1])
        between = self.means(np.column_stack([others, self.x]))
        between = between[:, told_apart(between, np.ones(len(self.y)))]
        if units <= between.shape[1]:
            raise np.linalg.LinAlgError("fewer units than regressors")
        coef, bread = least_squares(mean := self.means(self.y), between)
        left = mean - between @ coef
        totals = self.sums(between)
        share = len(self.y) - float(np.trace(bread @ (totals.T @ totals)))
        of_unit = max((float(left @ left) - (units - between.shape[1]) * own) / share, 0.0)
        theta = 1 - np.sqrt(own / (own + self.sizes * of_unit))
        by_row = theta[self.unit]
        x, others = (columns - by_row[:, None] * self.means(columns) for columns in (self.x, others))
        fit, _ = self.regressed(self.y - by_row * mean, x, others)
        return RandomEffects(fit, own, of_unit, theta)


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """A regression with random unit effects.

    Attributes
    ----------
    fit
        Of quasi-demeaned rows.
    own, of_unit
        Variance of what is left of a row, and of the unit effects.
    theta : (units,)
        Share of its mean that is taken from a unit's rows.
    """

    fit: LinearFit
    own: float
    of_unit: float
    theta: Array


@dataclass(frozen=True, slots=True)
class Mundlak:
    """Unit means of the regressors added to the regression, and the test that they add nothing.

    Attributes
    ----------
    fit
        The k regressors, the constant, further columns, last as many of the regressors' means as can be told apart.
    means : (q,)
        Positions of the means.
    chi_square
        Wald statistic with clustered errors (factor ``G/(G-1) (n-1)/(n-K)``).
    few
        The same with Bell and McCaffrey's errors and estimated degrees of freedom, for few clusters.
    clusters
    """

    fit: LinearFit
    means: Codes
    chi_square: float
    few: JointTest
    clusters: int

    @property
    def p_chi_square(self) -> float:
        """By the chi-square distribution."""
        return float(chdtrc(len(self.means), self.chi_square))

    @property
    def p_f(self) -> float:
        """By F with clusters less one degrees of freedom."""
        q = len(self.means)
        return float(fdtrc(q, self.clusters - 1, self.chi_square / q))


def mundlak(rows: UnitRows, clusters: Codes) -> Mundlak:
    """Test whether unit means of regressors tell of the outcome beside the regressors (Mundlak 1978), by clusters.

    With means of the further columns, where they vary between units, the coefficients of `x` are those of `fixed`.

    Parameters
    ----------
    clusters : (n,)
        Codes; units are nested in them.

    Raises
    ------
    numpy.linalg.LinAlgError
        Regressors are combinations of others, or their means all are, or clusters are too few; the message says which.
    """
    n, k = rows.x.shape
    others = np.column_stack([np.ones(n), rows.further, rows.means(rows.further), rows.means(rows.x)])
    fit, kept = rows.regressed(rows.y, rows.x, others)
    groups = len(np.unique(clusters))
    spent = int(told_apart(rows.means(np.column_stack([others, rows.x])), np.ones(n)).sum())
    if groups < _CLUSTERS_A_PARAMETER * spent:
        raise np.linalg.LinAlgError(f"{groups} clusters are too few for {spent} parameters between units")
    seen = int(kept[-k:].sum())
    if not seen:
        raise np.linalg.LinAlgError("the means are combinations of others")
    tested = np.arange(fit.x.shape[1] - seen, fit.x.shape[1])
    design = cluster_design(fit, clusters)
    contrast = np.eye(fit.x.shape[1])[tested]
    scores = np.stack([fit.scores[members].sum(0) for members in design.rows]) @ fit.bread
    factor = groups / (groups - 1) * (n - 1) / (n - fit.n_params)
    covariance = factor * (scores.T @ scores)[np.ix_(tested, tested)]
    value = fit.coef[tested]
    return Mundlak(
        fit, tested, float(value @ np.linalg.solve(covariance, value)), hotelling_t(design, contrast, value), groups
    )


def hausman(rows: UnitRows) -> tuple[float, float] | str:
    """Return Hausman's statistic and its p, each regression with its own residual variance; or why there is none.

    Valid only where errors are independent with one variance: with clustered errors it is no test.
    """
    fixed, random = rows.fixed(), rows.random().fit
    k, units = rows.x.shape[1], len(rows.sizes)
    spent = (units + fixed.x.shape[1], random.x.shape[1])
    ours, theirs = (
        fit.bread[:k, :k] * float(fit.residuals @ fit.residuals) / (len(rows.y) - lost)
        for fit, lost in zip((fixed, random), spent, strict=True)
    )
    apart = fixed.coef[:k] - random.coef[:k]
    between = ours - theirs
    if np.linalg.eigvalsh(between)[0] <= 0:
        return "the difference of the two covariances is no covariance"
    statistic = float(apart @ np.linalg.solve(between, apart))
    return statistic, float(chdtrc(k, statistic))


@dataclass(frozen=True, slots=True)
class SerialCorrelation:
    """How far residuals of a unit go together from one period to the next.

    Attributes
    ----------
    slope
        Of residuals on those of the period before.
    null
        What it is expected to be where errors are independent.
    std_error
        Clustered, without a factor for few.
    t
        Mean over its standard error of the clusters' scores at the null, which few clusters allow for.
    pairs, clusters
    """

    slope: float
    null: float
    std_error: float
    t: float
    pairs: int
    clusters: int

    @property
    def f(self) -> float:
        """Wooldridge's statistic, ``((slope - null) / std_error)^2``."""
        return ((self.slope - self.null) / self.std_error) ** 2

    @property
    def p_value(self) -> float:
        """Two-sided, of the scores, by t with clusters less one degrees of freedom."""
        return float(2 * stdtr(self.clusters - 1, -abs(self.t)))


def correlated(residuals: Array, unit: Codes, time: Codes, clusters: Codes, null: float) -> SerialCorrelation | str:
    """Test residuals of a regression with fixed unit effects for serial correlation (Wooldridge 2010, 10.5.4).

    With e and f the residuals of a period and the one before, less their means, a cluster's score is the sum of
    ``(e - null f) f``: their mean is zero where errors are independent.

    Parameters
    ----------
    residuals, unit, clusters : (n,)
        Residuals, and codes.
    time : (n,)
        Numbers of periods, one apart where one follows the other; a pair is two such periods of one unit.
    null
        What `serial_null` says.

    Returns
    -------
    SerialCorrelation or str
        The reason where there is no test.
    """
    later, before = _pairs(unit, time)
    if np.bincount(unit).max() < 3:
        return "no unit is seen in three periods"
    codes = np.unique(clusters[later], return_inverse=True)[1]
    if len(later) < 3 or codes.max() < 1:
        return "hardly any unit is seen in two periods in a row"
    e, f = (residuals[rows] - residuals[rows].mean() for rows in (later, before))
    if not np.ptp(f) > 0:
        return "residuals do not vary"
    slope = float(e @ f / (f @ f))
    error = float(np.sqrt((np.bincount(codes, (e - slope * f) * f) ** 2).sum()) / (f @ f))
    scores = np.bincount(codes, (e - null * f) * f)
    spread = float(scores.std(ddof=1))
    if not (error > _ROUNDING and spread > 0):
        return "residuals follow from those of the period before without an error"
    t = float(scores.mean()) / spread * float(np.sqrt(len(scores)))
    return SerialCorrelation(slope, null, error, t, len(later), len(scores))


def serial_null(fit: LinearFit, time: Codes) -> float:
    """Return the slope that `correlated` is expected to have where errors are independent with one variance.

    Residuals are ``M e`` with ``M = I - U - X (X'X)^-1 X'``, U the unit means: over pairs of a row a and the one before
    b, sums of ``M_ab`` over sums of ``M_bb``, both less what the means of the pairs take. Without regressors and gaps
    and for many units it is ``-1 / (T - 1)``.

    Parameters
    ----------
    fit
        With fixed unit effects, its ``unit_codes`` those of units.
    time : (n,)
        Numbers of periods, as `correlated` takes them.
    """
    unit = fit.unit_codes
    later, before = _pairs(unit, time)
    size = np.bincount(unit).astype(float)
    pairs = np.bincount(unit[later], minlength=len(size)).astype(float)
    inside, across = float((pairs / size).sum()), float((pairs**2 / size).sum())

    def product(rows: Codes) -> float:
        x, y = fit.x[rows], fit.x[before]
        by_pair = len(rows) * (rows is before) - inside - float(((x @ fit.bread) * y).sum())
        of_sums = len(np.intersect1d(rows, before)) - across - float(x.sum(0) @ fit.bread @ y.sum(0))
        return by_pair - of_sums / len(rows)

    return product(later) / below if len(later) and (below := product(before)) > 0 else float("nan")


def _pairs(unit: Codes, time: Codes) -> tuple[Codes, Codes]:
    """Return the rows that follow a period of their unit, and those they follow."""
    order = np.lexsort((time, unit))
    follows = (np.diff(unit[order]) == 0) & (np.diff(time[order]) == 1)
    return order[1:][follows], order[:-1][follows]
