"""Average marginal effects with clustered delta-method errors, beside R's glm, sandwich and marginaleffects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sos_eval.numerics.logistic import logistic
from sos_eval.numerics.marginal import Averaged, average_change, average_slope
from sos_eval.numerics.regress import least_squares
from tests.reference.stored import cases, data

pytestmark = pytest.mark.reference

#: R's iterations stop where the deviance moves by less than 1e-8 of itself: about 1e-9 in the coefficients.
SAME = 1e-7
#: R's own slopes are central differences of step 1e-4.
DIFFERENCED = 1e-6

LOGITS = ["entry_logit", "entry_logit_interaction", "entry_logit_weighted", "entry_logit_region_clusters"]


class Model:
    """A fitted regression of a stored case."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.frame = data("sim_children_1500.csv").astype(float)
        formula = case["spec"]["formula"]
        self.names = ["treat", "age", "girl", "prior", "imd"]
        self.interaction = "treat * age" in formula
        self.regions = "factor(region)" in formula
        self.link = "identity" if case["spec"]["family"] == "gaussian" else "logit"
        by_age = np.round(0.4 + 0.02 * self.frame["age"], 4)
        weighted = case["spec"]["weights"] is not None
        self.weights = np.where(self.frame["treat"] == 1, 1.0, by_age) if weighted else np.ones(len(self.frame))
        self.x = self.columns()
        y = self.frame["entry"].to_numpy()
        if self.link == "logit":
            fit = logistic(y, self.x, self.weights)
            self.coef, self.bread, fitted = fit.coef, fit.bread, fit.probability
        else:
            self.coef, self.bread = least_squares(y, self.x, self.weights)
            fitted = self.x @ self.coef
        self.scores = self.x * (self.weights * (y - fitted))[:, None]
        self.cluster = pd.factorize(self.frame[case["spec"]["cluster"]])[0]

    def columns(self, derivative: str = "", **fixed: float) -> np.ndarray:
        """Return the regressors, with variables fixed, or their derivative in one."""
        frame = self.frame.assign(**fixed)
        own = [np.full(len(frame), float(name == derivative)) if derivative else frame[name] for name in self.names]
        both = frame["treat"] * frame["age"]
        if derivative:
            both = {"age": frame["treat"], "treat": frame["age"]}.get(derivative, 0.0 * frame["age"])
        regions = [(frame["region"] == r) * float(not derivative) for r in range(2, 7)] if self.regions else []
        constant = np.full(len(frame), 0.0 if derivative else 1.0)
        return np.column_stack([constant, *own, *([both] if self.interaction else []), *regions]).astype(float)

    def effect(self, name: str, rows: np.ndarray | None = None) -> Averaged:
        """Return the average effect of a variable, over some rows."""
        weights = self.weights if rows is None else self.weights * rows
        if name in ("treat", "girl", "prior"):
            after, before = self.columns(**{name: 1.0}), self.columns(**{name: 0.0})
            return average_change(self.coef, after, before, weights, self.link)
        return average_slope(self.coef, self.x, self.columns(derivative=name), weights, self.link)

    def error(self, averaged: Averaged) -> float:
        """Return the clustered error with the factor G / (G - 1)."""
        sums = np.zeros((self.cluster.max() + 1, self.x.shape[1]))
        np.add.at(sums, self.cluster, self.scores)
        n_clusters = len(sums)
        variance = ((sums @ self.bread @ averaged.gradient) ** 2).sum() * n_clusters / (n_clusters - 1)
        return float(np.sqrt(variance))


@pytest.mark.parametrize("name", [*LOGITS, "entry_lpm"])
def test_effects_and_errors_are_those_of_r(name):
    case = cases("ame")[name]
    model, told = Model(case), case["values"]["ame"]
    np.testing.assert_allclose(model.coef[:6], list(case["values"]["coef"].values())[:6], rtol=SAME)
    for variable, values in told.items():
        averaged = model.effect(variable)
        tolerance = SAME if variable in ("treat", "girl", "prior") else DIFFERENCED
        assert averaged.value == pytest.approx(values["estimate"], rel=tolerance), variable
        assert model.error(averaged) == pytest.approx(values["se_cluster"], rel=10 * tolerance), variable


@pytest.mark.parametrize("name", LOGITS)
def test_effects_over_the_treated_are_those_of_r(name):
    case = cases("ame")[name]
    model = Model(case)
    averaged = model.effect("treat", model.frame["treat"].to_numpy())
    assert averaged.value == pytest.approx(case["values"]["treat_on_treated"]["estimate"], rel=SAME)
    assert model.error(averaged) == pytest.approx(case["values"]["treat_on_treated"]["se_cluster"], rel=10 * SAME)


@pytest.mark.parametrize("name", [name for name in LOGITS if cases("ame")[name]["spec"]["over"]])
def test_effects_by_group_are_those_of_r(name):
    case = cases("ame")[name]
    model, by = Model(case), case["spec"]["over"]
    for group, told in case["values"]["treat_by"].items():
        averaged = model.effect("treat", (model.frame[by] == float(group.partition("=")[2])).to_numpy(float))
        assert averaged.value == pytest.approx(told["estimate"], rel=SAME)
        assert model.error(averaged) == pytest.approx(told["se_cluster"], rel=10 * SAME)


def test_gradients_are_those_of_small_steps():
    model, step = Model(cases("ame")["entry_logit_interaction"]), 1e-6
    for name in ("treat", "age"):
        averaged, moved = model.effect(name), []
        for j in range(len(model.coef)):
            ends = []
            for sign in (1, -1):
                model.coef[j] += sign * step
                ends.append(model.effect(name).value)
                model.coef[j] -= sign * step
            moved.append((ends[0] - ends[1]) / (2 * step))
        np.testing.assert_allclose(averaged.gradient, moved, rtol=1e-6, atol=1e-9)
