"""What analysts of panels ask of unit effects and errors, by a two-way regression on the treatment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import numeral, p_text
from sos_eval.numerics.covariance import cluster_design, cr2
from sos_eval.numerics.panel_models import UnitRows, correlated, hausman, mundlak, serial_null
from sos_eval.numerics.regress import LinearFit, told_apart
from sos_eval.panel.columns import covariate_columns
from sos_eval.panel.panel import Panel
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["PanelTests"]

Codes = NDArray[np.intp]

_ASKED = ("serial_correlation", "fixed_effects", "random_effects", "mundlak")


@dataclass(frozen=True, slots=True)
class _Cells:
    """A panel as the regression reads it: a row a unit and period.

    Attributes
    ----------
    rows
        The treatment first among the regressors that vary within units.
    time : (n,)
        Number of the period on the panel's axis: one left out of the analysis, or empty in all units, has its place.
    clusters : (n,)
        Codes.
    """

    rows: UnitRows
    time: Codes
    clusters: Codes


@register("panel_tests")
@dataclass(frozen=True)
class PanelTests(Check):
    """Serial correlation of errors, unit effects fixed beside random, and Mundlak's test between the two.

    All are of one regression of the outcome on the treatment, the estimator's covariates and periods, units counted
    alike; rows of people are averaged by unit and period first. Nothing here decides which estimator is used.
    """

    reference: ClassVar[str] = "Mundlak (1978); Wooldridge (2010), sections 10.5.4 and 10.7.3"

    period_effects: bool = True
    """Whether periods have effects of their own."""
    hausman: bool = False
    """Hausman's test too, to replicate: where errors of a unit go together it is no test."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return serial correlation, both coefficients, Mundlak's test and, where asked, Hausman's."""
        cells = self._cells(fitted)
        if isinstance(cells, str):
            asked = (*_ASKED, "hausman") if self.hausman else _ASKED
            return [_not_done(name, cells) for name in asked]
        results = [_serial(cells), *_coefficients(cells), _mundlak(cells)]
        return [*results, _hausman(cells)] if self.hausman else results

    def _cells(self, fitted: Fitted) -> _Cells | str:
        """Lay the regression out, or say why there is none."""
        panel, own = fitted.panel, fitted.estimator.covariates
        names = panel.covariates if own is None else own
        table = _averaged(panel, names)
        if len(table) < 2:
            return "hardly a unit has an outcome and every covariate"
        unit, time = (np.unique(table[name], return_inverse=True)[1].astype(np.intp) for name in ("unit", "time"))
        clusters = np.unique(table["cluster"], return_inverse=True)[1].astype(np.intp)
        periods = (time[:, None] == np.arange(1, time.max() + 1)).astype(float)
        periods = periods if self.period_effects else periods[:, :0]
        treated = table[["treated"]].to_numpy(float)
        covariates = table.drop(columns=["unit", "time", "cluster", "treated", "outcome"]).to_numpy(float)
        bare = UnitRows(table["outcome"].to_numpy(float), treated, periods, unit)
        columns = np.column_stack([periods, treated, covariates])
        varies = told_apart(bare.within(columns), np.ones(len(unit)))[periods.shape[1] :]
        if not varies[0]:
            return "unit and period effects leave nothing of the treatment"
        within = np.column_stack([treated, covariates[:, varies[1:]]])
        rows = UnitRows(bare.y, within, np.column_stack([periods, covariates[:, ~varies[1:]]]), unit)
        spent = len(rows.sizes) + within.shape[1] + time.max() * self.period_effects
        if len(unit) <= spent + 1:
            return f"{len(unit)} units by periods are too few for {spent} parameters"
        if clusters.max() < 1:
            return "there is one cluster"
        return _Cells(rows, np.rint(table["time"].to_numpy(float)).astype(np.intp), clusters)


def _averaged(panel: Panel, names: tuple[str, ...]) -> pd.DataFrame:
    """Return outcome, treatment and covariates by unit and period, rows of people averaged; weight decides who counts.

    Clusters are units, or what holds whole units.
    """
    columns, labels = covariate_columns(panel.frame, names)
    frame = panel.frame[["unit", "time", "cluster", "treated", "outcome", "weight"]].assign(
        **{f"covariate {label}": column for label, column in zip(labels, columns.T, strict=True)}
    )
    frame = frame[frame["weight"] > 0].dropna().reset_index(drop=True)
    if not len(frame):
        return frame
    if frame.groupby("unit")["cluster"].nunique().max() > 1:
        frame["cluster"] = frame["unit"]
    numbers = [str(name) for name in frame if name not in ("unit", "time", "cluster", "weight")]
    if panel.layout == "panel":
        return frame.drop(columns="weight")
    weighed = frame[["unit", "time", "cluster"]].join(frame[numbers].mul(frame["weight"], axis=0))
    keys = ["unit", "time", "cluster"]
    sums = weighed.groupby(keys, sort=True)[numbers].sum()
    return sums.div(frame.groupby(keys, sort=True)["weight"].sum(), axis=0).reset_index()


def _serial(cells: _Cells) -> CheckResult:
    """Test the residuals with fixed unit effects for serial correlation."""
    fit = cells.rows.fixed()
    null = serial_null(fit, cells.time)
    found = correlated(fit.residuals, cells.rows.unit, cells.time, cells.clusters, null)
    if isinstance(found, str):
        return _not_done("serial_correlation", found)
    table = pd.DataFrame({
        "slope": [found.slope], "expected": [found.null], "std_error": [found.std_error], "statistic": [found.t],
        "df": [float(found.clusters - 1)], "p_value": [found.p_value], "pairs": [found.pairs],
        "n_clusters": [found.clusters],
    })  # fmt: skip
    text = (
        "What is left of a unit in one period goes with what was left in the period before: slope "
        f"{numeral(found.slope)}, "
        f"where independent errors have {numeral(found.null)} ({p_text(found.p_value)}, {found.clusters} "
        "clusters). "
        "Errors clustered by unit, and lots over units, allow for it."
    )
    return CheckResult("panel_tests.serial_correlation", "p_value", found.p_value, text, table=table)


def _coefficients(cells: _Cells) -> list[CheckResult]:
    """Return the treatment's coefficient with unit effects fixed, and with random ones."""
    random = _random(cells)
    fixed = _coefficient(cells, cells.rows.fixed())
    told = [
        CheckResult(
            "panel_tests.fixed_effects", "coefficient", float(fixed["estimate"].iloc[0]),
            f"In a plain regression of its own, without strata, with fixed unit effects {_said(fixed)}.", table=fixed,
        )
    ]  # fmt: skip
    if isinstance(random, str):
        return [*told, _not_done("random_effects", random)]
    estimate = float(random["estimate"].iloc[0])
    text = (
        f"With random unit effects {_said(random)}; {random['theta'].iloc[0]:.0%} of a unit's mean is taken out. It "
        "is right only where unit effects have nothing to do with who is treated when."
    )
    return [*told, CheckResult("panel_tests.random_effects", "coefficient", estimate, text, table=random)]


def _random(cells: _Cells) -> pd.DataFrame | str:
    """Return the line of the regression with random effects, or why there is none."""
    try:
        random = cells.rows.random()
    except np.linalg.LinAlgError as why:
        return str(why)
    return _coefficient(cells, random.fit).assign(
        theta=float(np.median(random.theta)), variance=random.own, unit_variance=random.of_unit
    )


def _coefficient(cells: _Cells, fit: LinearFit) -> pd.DataFrame:
    """Return the first coefficient with Bell and McCaffrey's error and degrees of freedom."""
    sandwich = cr2(cluster_design(fit, cells.clusters))
    return pd.DataFrame({
        "estimate": [float(fit.coef[0])], "std_error": [float(np.sqrt(sandwich.covariance[0, 0]))],
        "df": [float(sandwich.df[0])], "n_obs": [fit.n_obs], "n_units": [len(cells.rows.sizes)],
        "n_clusters": [int(cells.clusters.max()) + 1],
    })  # fmt: skip


def _said(line: pd.DataFrame) -> str:
    """Say a coefficient with its error."""
    one = line.iloc[0]
    return (
        f"the treatment's coefficient is {numeral(one['estimate'])} (clustered error {numeral(one['std_error'])}, "
        f"{numeral(one['df'])} degrees of freedom)"
    )


def _mundlak(cells: _Cells) -> CheckResult:
    """Test whether unit means of treatment and covariates tell of the outcome beside them."""
    try:
        found = mundlak(cells.rows, cells.clusters)
    except np.linalg.LinAlgError as why:
        return _not_done("mundlak", f"{why}")
    few = found.few
    if not few.df_denom > 0:
        return _not_done("mundlak", f"{found.clusters} clusters are too few to test {few.df_num} means together")
    table = pd.DataFrame({
        "statistic": [few.statistic], "df": [float(few.df_num)], "df_denom": [few.df_denom], "p_value": [few.p_value],
        "chi_square": [found.chi_square], "p_chi_square": [found.p_chi_square], "p_f": [found.p_f],
        "n_clusters": [found.clusters],
    })  # fmt: skip
    text = (
        f"Whether units' means of treatment and covariates tell of the outcome beside the values themselves: p "
        f"{numeral(few.p_value, 2)} (F {numeral(few.statistic)} on {few.df_num} and {numeral(few.df_denom)} "
        "degrees of freedom, "
        f"{found.clusters} clusters). A large p does not show that random effects are right; unit effects stay fixed."
    )
    return CheckResult("panel_tests.mundlak", "p_value", few.p_value, text, table=table)


def _hausman(cells: _Cells) -> CheckResult:
    """Return Hausman's test, with what it rests on."""
    try:
        found = hausman(cells.rows)
    except np.linalg.LinAlgError as why:
        return _not_done("hausman", str(why))
    if isinstance(found, str):
        return _not_done("hausman", found)
    statistic, p = found
    table = pd.DataFrame({"chi_square": [statistic], "df": [float(cells.rows.x.shape[1])], "p_value": [p]})
    text = (
        f"Hausman's statistic is {numeral(statistic)} ({p_text(p)}); it takes errors of a unit for "
        "independent and of one "
        "variance, and is here to replicate: Mundlak's test is the one to read."
    )
    return CheckResult("panel_tests.hausman", "p_value", p, text, table=table)


def _not_done(name: str, why: str) -> CheckResult:
    statistic = "coefficient" if name.endswith("_effects") else "p_value"
    return CheckResult(f"panel_tests.{name}", statistic, np.nan, f"Not done: {why}.")
