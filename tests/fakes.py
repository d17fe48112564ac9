"""Four estimators as different as estimators get, and small panels for them: known to the tests only.

They are not in the registry, so no user meets them. Each is short enough to check by eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from sos_eval.numerics.regress import LinearFit, least_squares
from sos_eval.panel.panel import Outcome, Panel
from sos_eval.results.estimate import Batch, Estimate, cells
from sos_eval.results.estimator import Estimator, PartlyExposed
from sos_eval.results.fitted import Fitted


def panel_of(outcome, first_treated, *, first_time=2001, cluster=None, exposure=None, **unit_columns):
    """Lay out a panel from (n_units, n_times) outcomes and (n_units,) starts."""
    outcome = np.asarray(outcome, float)
    n, t = outcome.shape
    units = np.repeat([f"u{i + 1:03d}" for i in range(n)], t)
    starts = np.repeat(np.asarray(first_treated, float), t)
    time = np.tile(np.arange(first_time, first_time + t, dtype=float), n)
    frame = pd.DataFrame(
        {
            "unit": units, "time": time, "first_treated": starts,
            "cluster": units if cluster is None else np.repeat(np.asarray(cluster, dtype=object), t),
            "weight": 1.0, "outcome": outcome.ravel(), "count": np.nan, "exposure": np.nan,
            "treated": (time >= starts).astype(float),
        }
    )  # fmt: skip
    for name, values in unit_columns.items():
        frame[name] = np.repeat(np.asarray(values), t)
    outcomes = (Outcome(),)
    if exposure is not None:
        frame["exposure"] = np.asarray(exposure, float).ravel()
        frame["count"] = frame["outcome"]
        frame["outcome"] = frame["count"] / frame["exposure"]
        outcomes = (Outcome(scale="rate_per", per=1.0, counted=True),)
    return Panel(frame, outcomes=outcomes, covariates=tuple(unit_columns))


def cross_sections_of(outcome, unit, time, first_treated, cluster=None):
    """Lay out a panel whose rows are people."""
    frame = pd.DataFrame(
        {
            "unit": np.asarray(unit, dtype=object), "time": np.asarray(time, float),
            "first_treated": np.asarray(first_treated, float),
            "cluster": np.asarray(unit if cluster is None else cluster, dtype=object),
            "weight": 1.0, "outcome": np.asarray(outcome, float), "count": np.nan, "exposure": np.nan,
        }
    )  # fmt: skip
    frame["treated"] = (frame["time"] >= frame["first_treated"]).astype(float)
    return Panel(frame.sort_values(["unit", "time"], kind="stable").reset_index(drop=True), layout="cross_sections")


def fit(estimator, panel, rebuild=None):
    """Fit as a run would."""
    used = rebuild(panel) if rebuild else panel
    return Fitted(estimator.name, "primary", estimator, estimator.complete(used), panel, rebuild=rebuild)


@dataclass(frozen=True)
class InfluenceOnly(Estimator):
    """Mean change of a cohort against never-treated units, every cohort and time; influence, no regression."""

    name: ClassVar[str] = "fake_influence"

    def estimate(self, panel):
        y, g = panel.matrix(), panel.first_treated
        never, n = np.isinf(g), panel.n_units
        keys, values, influence = [], [], []
        for cohort in panel.cohorts:
            base = int(np.searchsorted(panel.times, cohort)) - 1
            own = g == cohort
            for k, time in enumerate(panel.times):
                change = y[:, k] - y[:, base]
                effect = change[own].mean() - change[never].mean()
                phi = np.where(own, (change - change[own].mean()) / own.sum(), 0.0)
                phi -= np.where(never, (change - change[never].mean()) / never.sum(), 0.0)
                keys.append((cohort, time, own.sum()))
                values.append(effect)
                influence.append(n * phi)
        cohort, time, treated = (np.array(column) for column in zip(*keys, strict=True))
        table = cells(
            aggregation=["group_time"], cohort=cohort, time=time, event_time=time - cohort, n_units=[n],
            n_obs=[panel.n_rows], n_treated_units=treated,
        )  # fmt: skip
        shares = (g[:, None] == panel.cohorts) * 1.0
        return Estimate(table, np.array(values), np.array(influence).T, panel, shares=shares)


@dataclass(frozen=True)
class Linear(Estimator):
    """Unit and time effects and one treatment dummy, on a balanced panel: a scalar with its regression."""

    name: ClassVar[str] = "fake_linear"
    partly_exposed: ClassVar[PartlyExposed] = "weighed"
    takes_dropped: ClassVar[bool | None] = True

    def estimate(self, panel):
        y, d = (_demeaned(panel.matrix(column)).ravel() for column in ("outcome", "treated"))
        coef, bread = least_squares(y, d[:, None])
        residuals = y - d * coef[0]
        codes = np.repeat(np.arange(panel.n_units), panel.n_times)
        linear = LinearFit(
            coef=coef, x=d[:, None], residuals=residuals, weights=np.ones(len(y)), bread=bread, unit_codes=codes,
            n_obs=len(y), n_params=1 + panel.n_times, contrast=np.eye(1),
            absorbed=(codes, np.tile(np.arange(panel.n_times), panel.n_units)),
        )  # fmt: skip
        scores = np.bincount(codes, d * residuals) * bread[0, 0] * panel.n_units
        table = cells(n_obs=[len(y)], n_units=[panel.n_units], n_treated_units=[int(panel.ever_treated.sum())])
        return Estimate(table, coef, scores[:, None], panel, linear=linear)


@dataclass(frozen=True)
class FastLinear(Linear):
    """The same with a batch form for assignments: what a thousand draws in a test can afford."""

    name: ClassVar[str] = "fake_fast_linear"

    def estimate_assignments(self, panel, first_treated):
        y = _demeaned(panel.matrix())
        d = _demeaned((panel.times >= np.asarray(first_treated)[:, :, None]).astype(float))
        gram = (d**2).sum((1, 2))
        coef = (d * y).sum((1, 2)) / gram
        scores = (d * (y - coef[:, None, None] * d)).sum(2)
        error = np.sqrt((scores**2).sum(1)) / gram
        return Batch(self.complete(panel).cells, coef[:, None], error[:, None])


@dataclass(frozen=True)
class CrossSection(Estimator):
    """Four means of people: treated or not, before or after; the influence has a row per person."""

    name: ClassVar[str] = "fake_cross_section"
    takes_cross_sections: ClassVar[bool] = True

    def estimate(self, panel):
        frame = panel.frame
        y = frame["outcome"].to_numpy(float)
        ever = np.isfinite(frame["first_treated"].to_numpy(float))
        after = frame["time"].to_numpy(float) >= panel.cohorts.min()
        value, influence = 0.0, np.zeros(len(y))
        for group, sign in ((ever & after, 1), (ever & ~after, -1), (~ever & after, -1), (~ever & ~after, 1)):
            value += sign * y[group].mean()
            influence += sign * np.where(group, (y - y[group].mean()) * len(y) / group.sum(), 0.0)
        table = cells(n_obs=[len(y)], n_units=[panel.n_units], n_treated_units=[int(panel.ever_treated.sum())])
        return Estimate(table, np.array([value]), influence[:, None], panel)


@dataclass(frozen=True)
class RefitOnly(Estimator):
    """The untreated unit nearest before the start is the comparison, like a crude synthetic control."""

    name: ClassVar[str] = "fake_refit"

    def estimate(self, panel):
        y, g = panel.matrix(), panel.first_treated
        gaps = []
        for i in np.flatnonzero(np.isfinite(g)):
            before = panel.times < g[i]
            never = np.flatnonzero(np.isinf(g))
            nearest = never[np.argmin(np.abs(y[never][:, before] - y[i, before]).sum(1))]
            gaps.append((y[i] - y[nearest])[~before].mean() - (y[i] - y[nearest])[before].mean())
        table = cells(n_obs=[panel.n_rows], n_units=[panel.n_units], n_treated_units=[len(gaps)])
        return Estimate(table, np.array([np.mean(gaps)]), None, panel)


def _demeaned(values):
    """Sweep unit and time means out of a balanced matrix."""
    across = values.mean(-2, keepdims=True)
    return values - values.mean(-1, keepdims=True) - across + across.mean(-1, keepdims=True)


def noise_panel(n_units=24, n_treated=8, n_times=6, seed=0, effect=0.0, **more):
    """Random walks, some units treated from the fourth period on."""
    rng = np.random.default_rng(seed)
    y = 20 + rng.standard_normal((n_units, n_times)).cumsum(1)
    starts = np.full(n_units, np.inf)
    starts[:n_treated] = 2004
    if n_treated > 4:
        starts[: n_treated // 2] = 2005
    y += effect * (np.arange(2001, 2001 + n_times) >= starts[:, None])
    return panel_of(y, starts, **more)


def people(seed=0, n=240, clusters=12):
    """People in places, before and after."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, clusters, n)
    time = rng.integers(2001, 2005, n)
    start = np.where(place < clusters // 2, 2003.0, np.inf)
    y = rng.standard_normal(n) + 0.3 * place
    return cross_sections_of(y, [f"p{k:02d}" for k in place], time, start)


FAKES = {
    "influence": (InfluenceOnly(), noise_panel),
    "linear": (Linear(), noise_panel),
    "cross_section": (CrossSection(), people),
    "refit": (RefitOnly(), lambda: noise_panel(8, 3)),
}
