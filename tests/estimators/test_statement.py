"""A regression that states its design has every form: two that the package does not have, against slow twins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from sos_eval.estimators._two_way import Statement, TwoWayRegression
from sos_eval.results.estimate import clustered_error, loop_batch
from tests.estimators.panels import INF, panel

N, T = 24, 6
STARTS = np.array([3.0] * 5 + [5.0] * 4 + [INF] * 15)


@dataclass(frozen=True)
class Stacked(TwoWayRegression):
    """One coefficient on data stacked by cohort: itself and those untreated throughout a window around its start."""

    covariates: tuple[str, ...] | None = None
    name: ClassVar[str] = "stacked"

    def state(self, panel, start, time, treated):
        cohort = np.unique(start[np.isfinite(start)]).reshape(-1, *[1] * start.ndim)
        window = (time >= cohort - 2) & (time <= cohort + 1)
        inside = window & ((start == cohort) | (start > cohort + 1))
        effect = inside & (start == cohort) & (time >= cohort)
        return Statement(
            terms=effect[..., None].astype(float), contrast=np.ones((1, 1)), counted=effect.any(0)[..., None],
            cells={"estimand": "att"}, shared=np.zeros((1, 1), bool), inside=inside,
        )  # fmt: skip


@dataclass(frozen=True)
class Saturated(TwoWayRegression):
    """A coefficient for each cohort and period from its start on (Wooldridge 2021), and their averages."""

    covariates: tuple[str, ...] | None = None
    name: ClassVar[str] = "saturated"

    def state(self, panel, start, time, treated):
        on = treated > 0
        pairs = np.unique(np.column_stack([start[on], time[on]]), axis=0)
        each = (start[..., None] == pairs[:, 0]) & (time[..., None] == pairs[:, 1])
        each_alone = np.eye(len(pairs))
        return Statement(
            terms=each.astype(float), contrast=each_alone, counted=each, shared=np.zeros_like(each_alone, bool),
            cells={
                "aggregation": ["group_time"] * len(pairs), "cohort": pairs[:, 0], "time": pairs[:, 1],
                "event_time": pairs[:, 1] - pairs[:, 0],
            },
        )  # fmt: skip


VARIANTS = {
    "plain": {},
    "weighted": {"weights": np.random.default_rng(1).uniform(0.5, 2, N)},
    "clustered": {"clusters": [f"c{i % 9}" for i in range(N)]},
}
every_variant = pytest.mark.parametrize("variant", VARIANTS)
every_method = pytest.mark.parametrize("method", [Stacked(), Saturated()], ids=lambda one: one.name)


def made(variant, covariate=False):
    rng = np.random.default_rng(2)
    base = panel(rng.normal(size=(N, 1)) + rng.normal(size=(N, T)), STARTS, **VARIANTS[variant])
    return replace(base.with_columns(z=rng.normal(size=N * T)), covariates=("z",)) if covariate else base


def by_dummies(data, effects, weights):
    """Regress on every dummy; values and errors clustered by unit of the effects (n, p)."""
    copies = (
        data[["copy", "unit"]].astype(str).agg("/".join, axis=1),
        data[["copy", "time"]].astype(str).agg("/".join, axis=1),
    )
    x = np.column_stack([effects, *(pd.get_dummies(codes, dtype=float) for codes in copies)])
    bread = np.linalg.pinv(x.T @ (x * weights[:, None]), rcond=1e-12)
    coef = bread @ x.T @ (weights * data["outcome"])
    scores = x * (weights * (data["outcome"] - x @ coef)).to_numpy()[:, None]
    sums = np.array([scores[data["unit"] == unit].sum(0) for unit in data["unit"].unique()])
    p = effects.shape[1]
    return coef[:p], np.sqrt(np.diag(bread @ sums.T @ sums @ bread))[:p]


@pytest.mark.parametrize("variant", ["plain", "weighted"])
def test_stacked_data_are_copies_with_effects_of_their_own(variant):
    base = made(variant)
    rows, first = base.frame, base.frame["first_treated"]
    copies = [
        rows[rows["time"].between(g - 2, g + 1) & ((first == g) | (first > g + 1))].assign(copy=g) for g in (3.0, 5.0)
    ]
    data = pd.concat(copies, ignore_index=True)
    effect = ((data["first_treated"] == data["copy"]) & (data["time"] >= data["copy"])).to_numpy(float)
    value, error = by_dummies(data, effect[:, None], data["weight"].to_numpy())
    estimate = Stacked().complete(base)
    np.testing.assert_allclose(estimate.values, value, rtol=1e-11)
    np.testing.assert_allclose(clustered_error(estimate), error, rtol=1e-11)
    counts = estimate.cells[["n_obs", "n_units", "n_treated_units"]].iloc[0].tolist()
    assert counts == [len(data), N, 9]


def test_group_time_coefficients_are_followed_by_their_averages():
    base = made("plain")
    data = base.frame.assign(copy=0)
    pairs = [(g, t) for g in (3.0, 5.0) for t in range(int(g), T + 1)]
    effects = np.column_stack([(data["first_treated"] == g) & (data["time"] == t) for g, t in pairs]).astype(float)
    values, errors = by_dummies(data, effects, np.ones(len(data)))
    estimate = Saturated().complete(base)
    np.testing.assert_allclose(estimate.values[: len(pairs)], values, rtol=1e-11)
    np.testing.assert_allclose(clustered_error(estimate)[: len(pairs)], errors, rtol=1e-11)
    first = (estimate.cells["aggregation"] == "event_time").to_numpy() & (estimate.cells["event_time"] == 0).to_numpy()
    at_start = [values[pairs.index((g, g))] for g in (3.0, 5.0)]
    np.testing.assert_allclose(estimate.values[first], np.average(at_start, weights=[5, 4]), rtol=1e-11)


@every_method
@every_variant
@pytest.mark.parametrize("covariate", [False, True], ids=["", "covariate"])
def test_batches_are_loops_without_a_line_of_its_own(method, variant, covariate):
    base = made(variant, covariate)
    rng = np.random.default_rng(4)
    starts = np.array([rng.permutation(STARTS) for _ in range(5)])
    starts[3] = np.where(starts[3] == 5, 4, starts[3])
    outcomes = base.matrix() * rng.uniform(0.8, 1.2, (4, N, T))
    pairs = [
        (method.estimate_assignments(base, starts), [base.with_first_treated(one) for one in starts]),
        (method.estimate_many(base, outcomes), [base.with_outcome(one) for one in outcomes]),
    ]
    for batch, panels in pairs:
        loop = loop_batch(panels, method.complete, batch.cells)
        assert np.isfinite(loop.values[0]).any()
        np.testing.assert_allclose(batch.values, loop.values, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=1e-9, atol=1e-11)
        assert batch.failures == loop.failures
