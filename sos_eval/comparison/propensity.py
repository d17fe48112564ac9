"""The chance of being treated given covariates: one model for all methods that use it, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.comparison.covariates import dummies
from sos_eval.errors import Fault, NotIdentified, listed
from sos_eval.numerics.calibration import held_out
from sos_eval.numerics.folds import cluster_folds
from sos_eval.numerics.logistic import (
    COLLINEAR,
    SEPARATED,
    LogisticFit,
    LogisticFits,
    SeparationError,
    logistic,
    logistics,
)
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array, Panel

__all__ = [
    "FEWEST_A_PARAMETER",
    "Model",
    "collinear",
    "few_note",
    "few_told",
    "propensities",
    "propensity",
    "refuse_model",
    "regressors",
    "said",
    "unseen_chance",
]

Bools = NDArray[np.bool_]

#: A propensity with fewer treated units a parameter than this is fitted, with a warning.
FEWEST_A_PARAMETER = 5

#: Folds of the units whose chance is said by a model of the others.
_FOLDS = 10

Model = Literal["logistic", "boosting", "forest"]


def refuse_model(model: Model) -> None:
    """Refuse learners that authorities are too few for.

    Raises
    ------
    ValueError
    """
    if model != "logistic":
        raise ValueError(
            f"model: {model} is for rows that are people, fitted by cross-fitting: units are too few to learn from; "
            "write model: logistic"
        )


def regressors(values: pd.DataFrame, on: Sequence[str]) -> tuple[list[str], Array]:
    """Return the names and the regressors of a propensity, (n, 1 + columns): the constant, then the covariates.

    Covariates less their means: the chance is the same, and a large origin takes no digits from it.
    """
    names, x = dummies(values[list(on)], drop_first=True)
    return names, np.column_stack([np.ones(len(x)), x - x.mean(0)])


def propensity(panel: Panel, values: pd.DataFrame, on: Sequence[str]) -> LogisticFit:
    """Fit the chance of ever being treated, by maximum likelihood.

    Raises
    ------
    NotIdentified
        The covariates separate treated from untreated units, or are collinear.
    """
    names, x = regressors(values, on)
    try:
        return logistic(panel.ever_treated.astype(float), x)
    except SeparationError as why:
        if str(why) == SEPARATED:
            raise NotIdentified(_separated(panel, names)) from None
        what = f"comparison.on: {said(names, str(why))}"
        raise NotIdentified(Fault(panel.source, what, "match on fewer covariates, or on others")) from None
    except np.linalg.LinAlgError:
        raise NotIdentified(collinear(panel, names)) from None


def propensities(values: pd.DataFrame, on: Sequence[str], treated: Bools) -> LogisticFits:
    """Fit the chance under many adoptions, (r, n), each by itself."""
    return logistics(treated.astype(float), regressors(values, on)[1], np.ones(treated.shape))


def few_note(panel: Panel, values: pd.DataFrame, on: Sequence[str]) -> list[str]:
    """Warn of a propensity with few treated (or untreated) units a parameter."""
    treated = int(panel.ever_treated.sum())
    return few_told(regressors(values, on)[1].shape[1], treated, panel.n_units - treated)


def few_told(
    parameters: int, treated: int, untreated: int, *, of: str = "units", theirs: str = "untreated"
) -> list[str]:
    """Warn where the smaller arm has few units, or rows, a parameter of the propensity."""
    fewer, who = min((treated, "treated"), (untreated, theirs))
    if fewer >= FEWEST_A_PARAMETER * parameters:
        return []
    return [
        f"the propensity has {parameters} parameters for {fewer} {who} {of}, fewer than {FEWEST_A_PARAMETER} a "
        f"parameter: it fits these {of} rather than a rule, and weights or pairs that rest on it vary much by chance"
    ]


def unseen_chance(values: pd.DataFrame, on: Sequence[str], treated: Bools) -> Array:
    """Return each unit's chance by the model of the others, (n,): ten folds, or as many as the smaller arm has units.

    Folds hold as many treated units as one another, and as many untreated: leaving units out one by one would lower
    the share that is treated whenever a treated unit is left out. NaN where the model cannot be fitted without a fold.
    """
    folds = min(_FOLDS, int(treated.sum()), int((~treated).sum()))
    if folds < 2:
        return np.full(len(treated), np.nan)
    dealt = cluster_folds(np.arange(len(treated)), treated, folds, stream(1, "calibration"))
    return held_out(treated, regressors(values, on)[1], dealt)


def _separated(panel: Panel, names: list[str]) -> Fault:
    what = f"comparison.on: {said(names, SEPARATED)}"
    return Fault(panel.source, what, "match on fewer covariates, or write method: mahalanobis")


def collinear(panel: Panel, names: list[str], further: str = "") -> Fault:
    """Return the fault of covariates that are collinear or do not vary; what else than leaving out would do follows."""
    out = f"take {'it' if len(names) == 1 else 'one of them'} out{further}"
    return Fault(panel.source, f"comparison.on: {said(names, COLLINEAR)}", out)


def said(names: Sequence[str], why: str, rows: str = "units") -> str:
    """Say of covariates, by name, why a model of the chance, or weights, do not exist."""
    verbs = ("separates", "does not vary", "gives") if len(names) == 1 else (
        "separate", "are collinear, or one of them does not vary", "give"
    )  # fmt: skip
    words = {
        SEPARATED: f"{verbs[0]} treated from untreated {rows}, so there is no propensity to fit",
        COLLINEAR: verbs[1],
    }
    return f"{listed(names)} {words.get(why, f'{verbs[2]} no weights: {why}')}"
