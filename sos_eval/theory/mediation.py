"""Whether the effect runs through a measured mediator: two links tested, and what part of the effect takes that way."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import InputFault, NotIdentified, listed, numeral
from sos_eval.numerics.bands import pointwise
from sos_eval.numerics.mediation import (
    QUANTITIES,
    MediationData,
    confounded_indirect,
    jackknife_errors,
    link_test,
    mediation,
)
from sos_eval.panel.changes_of_people import changes_of_people
from sos_eval.panel.long_differences import LongDifferences, long_differences
from sos_eval.panel.panel import Panel
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod
from sos_eval.theory.controls import contradicted_split
from sos_eval.theory.first_link import on_column
from sos_eval.theory.programme import MediationPath, ProgrammeTheory

__all__ = ["FEWEST_FOR_PARTS", "FEWEST_OF_PEOPLE", "joint_test", "parts_of_effect", "split_rows", "too_late"]

#: Treated clusters, and comparison clusters, from which an effect is split.
FEWEST_FOR_PARTS = 40
#: The same where rows are people, whose own differences tell the second link.
FEWEST_OF_PEOPLE = InferenceMethod.alone_from
LEVEL = 0.95
#: Correlations of the two models' errors for which the indirect effect is told.
RHO = np.round(np.arange(-0.9, 0.95, 0.1), 1)
_JOINT = (
    "mediator", "words", "first_p", "first_detectable", "link", "link_error", "link_p", "link_detectable", "joint_p",
    "n_units", "reason", "link_low", "link_high",
)  # fmt: skip
_JACKKNIFE = "{} treated and {} comparison clusters: errors by leaving out one at a time, t with {} degrees of freedom"
_TOLD_BY_ONE = "no error: without some cluster the regressors are not told apart"
_PARTS = ("mediator", "words", "quantity", "estimate", "std_error", "conf_low", "conf_high", "n_clusters", "reason")


def too_late(panel: Panel, column: str) -> str:
    """Say that a mediator was measured after the outcome; empty where it was not."""
    if not len(panel.cohorts) or not pd.api.types.is_numeric_dtype(panel.frame[column]):
        return ""
    frame, first = panel.frame, panel.cohorts.min()
    measured = frame.loc[frame[column].notna() & (frame["time"] >= first), "time"]
    last = frame.loc[frame["outcome"].notna(), "time"].max()
    if not len(measured) or measured.min() <= last:
        return ""
    name = panel.periods.name
    return (
        f"{column} is first measured in {name(measured.min())} after the start, and the outcome last in {name(last)}: "
        "what comes after the outcome cannot be what it came through"
    )


def joint_test(
    theory: ProgrammeTheory, fitted: Fitted, links: pd.DataFrame, draws: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Test both links of each mediator, on units: the joint p is the larger of the two.

    The first is the effect on the mediator by the lots (`links`, of `first_links`). The second is the coefficient of
    the mediator's change on the outcome's, given treatment, covariates and strata, its residuals permuted among units
    of a stratum. No lot decided the mediator: the second link is an association, and where the theory itself joins
    mediator and outcome otherwise its ``reason`` names the paths.
    """
    rows = []
    for _, link in links.iterrows():
        row = {"mediator": link["mediator"], "words": link["words"], "first_p": link["p_value"], "reason": ""}
        try:
            data, strata = _unit_rows(fitted, str(link["column"]))
            own = link_test(data, strata, draws, rng)
            joint = max(float(link["p_value"]), own.p_value) if np.isfinite(link["p_value"]) else np.nan
            half = pointwise(LEVEL, len(strata) - data.x.shape[1] - 3) * own.error
            row |= {"link_low": own.slope - half, "link_high": own.slope + half}
            row |= {"link": own.slope, "link_error": own.error, "link_p": own.p_value, "joint_p": joint,
                    "first_detectable": link["detectable"], "link_detectable": own.detectable,
                    "n_units": len(strata)}  # fmt: skip
            without = "" if np.isfinite(link["p_value"]) else str(link["reason"])
            row["reason"] = "; ".join(filter(None, [without, _joined(theory, fitted, str(link["mediator"]))]))
        except InputFault as fault:
            row["reason"] = fault.faults[0].what
        rows.append(row)
    return pd.DataFrame(rows, columns=list(_JOINT))


def _joined(theory: ProgrammeTheory, fitted: Fitted, mediator: str) -> str:
    """Say by which paths of the theory mediator and outcome go together otherwise; empty where by none."""
    paths = contradicted_split(theory, mediator, tuple(fitted.panel.covariates))
    return f"the theory joins both otherwise ({listed(paths, 3)}): the second link holds that too" if paths else ""


def _unit_rows(fitted: Fitted, column: str) -> tuple[MediationData, NDArray[np.intp]]:
    """Return units' changes and their strata."""
    if fitted.panel.layout != "panel":
        raise NotIdentified(
            "rows are people, whose mediators hang together within units: theory.mediation splits the effect instead"
        )
    data, units = _data(fitted, column)
    if len(units) - data.x.shape[1] < 6:  # constant, treatment, mediator, and three left over
        raise NotIdentified(f"{_counted(len(units))} changes of both, too few for a second link")
    strata = np.zeros(len(units), dtype=np.intp)
    if fitted.panel.stratified:
        of_unit = dict(zip(fitted.panel.units, fitted.panel.unit_values("stratum"), strict=True))
        strata = pd.factorize(np.array([str(of_unit[unit]) for unit in units]))[0]
    return data, strata


def _data(fitted: Fitted, column: str) -> tuple[MediationData, NDArray[np.object_]]:
    """Return changes of outcome and mediator of the same rows, and their units.

    Raises
    ------
    NotIdentified
        There are none, or regressors say the same.
    """
    panel = fitted.panel
    both = panel.frame["outcome"].notna() & panel.frame[column].notna()
    panel = panel.with_columns(outcome=panel.frame["outcome"].where(both))
    moved = on_column(panel, column)
    moved = moved.with_columns(outcome=moved.frame["outcome"].where(both))
    outcome, mediator = (_changes(one, fitted.estimator.anticipation) for one in (panel, moved))
    x = np.column_stack([np.empty((len(outcome.units), 0)), *outcome.covariates.values(), outcome.strata])
    of_unit = dict(zip(panel.units, panel.unit_values("cluster"), strict=True))
    clusters = pd.factorize(np.array([str(of_unit[unit]) for unit in outcome.units]))[0]
    treated = outcome.treated.astype(float)
    design = np.column_stack([np.ones(len(treated)), treated, mediator.change, x])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise NotIdentified(f"{column}: treatment, covariates and mediator are not told apart by these units")
    return MediationData(outcome.change, mediator.change, treated, x, outcome.weights, clusters), outcome.units


def _counted(n: int) -> str:
    return "1 unit has" if n == 1 else f"{n} units have"


def _changes(panel: Panel, anticipation: float) -> LongDifferences:
    make = long_differences if panel.layout == "panel" else changes_of_people
    rows = make(panel, anticipation)
    if isinstance(rows, str):
        raise NotIdentified(rows)
    if not len(rows.units):
        raise NotIdentified("no unit has the mediator and the outcome on both sides of the start")
    return rows


def parts_of_effect(theory: ProgrammeTheory, fitted: Fitted) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the parts of the effect by declared path, and the indirect one if hidden causes move both ends.

    With one mediator and linear models natural and interventional effects are the same numbers. Units are split from
    `FEWEST_FOR_PARTS` clusters on each side on, people within units from `FEWEST_OF_PEOPLE` on: below the first their
    errors leave out one cluster at a time. Where nothing can be computed there is a line with the reason.
    """
    parts, hidden = [], []
    for path in theory.mediation:
        words = {"mediator": path.through, "words": theory.label(path.through)}
        try:
            data, _ = _data(fitted, theory.columns[path.through])
            _enough(data, theory, path, people=fitted.panel.layout != "panel")
            parts.append(_dated(_parts(data, path), fitted).assign(**words))
            hidden.append(_hidden(data).assign(**words))
        except InputFault as fault:
            parts.append(pd.DataFrame([words | {"reason": fault.faults[0].what}]))
    sensitivity = pd.concat(hidden, ignore_index=True) if hidden else pd.DataFrame()
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return table.reindex(columns=list(_PARTS)), sensitivity


def _dated(table: pd.DataFrame, fitted: Fitted) -> pd.DataFrame:
    """Return the parts with the periods that the total effect is of, where starts differ."""
    rows = long_differences(fitted.panel, fitted.estimator.anticipation)
    if isinstance(rows, str) or len(fitted.panel.cohorts) < 2:
        return table
    of_total = table["quantity"] == "total_effect"
    said = ["; ".join(filter(None, (reason, rows.words))) for reason in table["reason"]]
    return table.assign(reason=table["reason"].mask(of_total, pd.Series(said, index=table.index)))


def split_rows(fitted: Fitted, column: str) -> pd.DataFrame:
    """Return the treated rows that a split of units' changes averages: ``unit, time, weight``, weights summing to one.

    A unit counts by its weight, and each of its periods from the last start on, in which outcome and mediator are seen,
    alike. None of rows of people.
    """
    panel = fitted.panel
    seen = panel.frame["outcome"].notna() & panel.frame[column].notna()
    both = panel.with_columns(outcome=panel.frame["outcome"].where(seen))
    rows = long_differences(both, fitted.estimator.anticipation)
    if isinstance(rows, str):
        return pd.DataFrame(columns=["unit", "time", "weight"])
    weight = dict(zip(rows.units[rows.treated], rows.weights[rows.treated], strict=True))
    inside = seen & panel.frame["unit"].isin(list(weight)) & (panel.frame["time"] >= panel.cohorts.max())
    own: pd.DataFrame = panel.frame.loc[inside, ["unit", "time"]].astype({"unit": str}).reset_index(drop=True)
    counts = own["unit"].map(weight).astype(float) / own.groupby("unit")["time"].transform("size")
    return own.assign(weight=counts / counts.sum())


def _sides(data: MediationData) -> tuple[int, int]:
    """Return treated and comparison clusters."""
    treated, every = (len(np.unique(data.clusters[rows])) for rows in (data.treatment > 0, data.treatment >= 0))
    return treated, every - treated


def _enough(data: MediationData, theory: ProgrammeTheory, path: MediationPath, *, people: bool) -> None:
    """Refuse to split an effect among few clusters, with what would test the path otherwise."""
    treated, comparison = _sides(data)
    fewest = FEWEST_OF_PEOPLE if people else FEWEST_FOR_PARTS
    if min(treated, comparison) >= fewest:
        return
    needs = theory.node(path.through).needs or f"{theory.label(path.through)}, measured before and after the start,"
    whose = "an effect on people" if people else "an effect"
    raise NotIdentified(
        f"{treated} treated and {comparison} comparison clusters: splitting {whose} needs {fewest} of "
        f"each. The path would be tested by {needs} in a larger roll-out, or by families drawn by lot"
    )


def _parts(data: MediationData, path: MediationPath) -> pd.DataFrame:
    """Return the quantities with clustered errors; among few clusters by leaving out one at a time."""
    sides = _sides(data)
    found = mediation(data, interaction=path.interaction, reference=path.reference)
    errors, df, reason = np.sqrt(np.diag(found.covariance)), found.df, ""
    if min(sides) < FEWEST_FOR_PARTS:
        errors = jackknife_errors(data, interaction=path.interaction, reference=path.reference)
        df = min(sides) - 1
        reason = _JACKKNIFE.format(*sides, df) if np.isfinite(errors).all() else _TOLD_BY_ONE
    half = pointwise(LEVEL, df) * errors
    table = pd.DataFrame({
        "quantity": QUANTITIES, "estimate": found.effects, "std_error": errors, "conf_low": found.effects - half,
        "conf_high": found.effects + half, "n_clusters": found.df + 1, "reason": reason,
    })  # fmt: skip
    low, high = float(data.mediator.min()), float(data.mediator.max())
    if path.interaction and not low <= path.reference <= high:
        beyond = table["quantity"].isin(["controlled_direct", "interaction_reference"])
        table.loc[beyond, ["estimate", "std_error", "conf_low", "conf_high"]] = np.nan
        table.loc[beyond, "reason"] = (
            f"not told: no change of the mediator of {numeral(path.reference)} (reference) was observed, only of "
            f"{numeral(low)} to {numeral(high)}"
        )
    return table


def _hidden(data: MediationData) -> pd.DataFrame:
    """Return the indirect effect under correlated errors, and the correlation at which nothing is left of it."""
    indirect, zero = confounded_indirect(data, RHO)
    return pd.DataFrame({"rho": RHO, "indirect": indirect, "rho_at_zero": zero})
