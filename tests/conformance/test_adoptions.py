"""Every registered estimator x every kind of panel: many adoptions at once give what a loop over them gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sos_eval.panel.panel import Panel
from sos_eval.panel.tabular import from_frame
from sos_eval.results.estimate import loop_batch
from tests.conformance.test_estimators import CASES, STARTS, N, T, frame, panel_of

RTOL = 1e-9  # what issue and contract ask of batch = loop


def moving_weights(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(weight=df["weight"] * np.random.default_rng(6).uniform(0.5, 1.5, len(df)))


def gaps(df: pd.DataFrame) -> pd.DataFrame:
    """One row is missing, one has no covariate, and a unit enters late."""
    df = df.assign(z=df["z"].where(df.index != 11 * T + 4))
    return df.drop(index=[3 * T + 2, *range(9 * T, 9 * T + 3)])


def partly(panel: Panel) -> Panel:
    """Count the first treated period as half of an exposure."""
    time, start = panel.frame["time"], panel.frame["first_treated"]
    return panel.with_columns(treated=np.where(time < start, 0.0, np.where(time == start, 0.5, 1.0)))


def people(df: pd.DataFrame) -> Panel:
    """Make three people of every area and year."""
    rng = np.random.default_rng(7)
    several = df.loc[df.index.repeat(3)].reset_index(drop=True)
    several[["z", "entries"]] += rng.uniform(0, 5, (len(several), 2)).round()
    columns = {"unit": "la", "time": "year", "outcome": "entries", "first_treated": "start", "cluster": "region"}
    return from_frame(several, **columns, weight="weight", covariates=("z",), layout="cross_sections")


KINDS = {
    "balanced": lambda df: panel_of(df, covariates=()),
    "covariate": lambda df: panel_of(df, covariates=("z",)),
    "gaps": lambda df: panel_of(gaps(df)),
    "weights": lambda df: panel_of(df, weight="weight"),
    "weights that move": lambda df: panel_of(moving_weights(df), weight="weight"),
    "clusters above units": lambda df: panel_of(df, cluster="region"),
    "all of these": lambda df: panel_of(gaps(moving_weights(df)), weight="weight", cluster="region"),
    "transition: partial": lambda df: partly(panel_of(df)),
    "people": people,
    "people without covariates": lambda df: replace(people(df), covariates=()),
}


def taken(estimator, kind: str) -> bool:
    """Whether an estimator takes such panels: cross-sections, gaps and weights are asked of those that do."""
    if kind == "all of these":
        return estimator.takes_unbalanced and estimator.takes_weights
    return not (
        ("people" in kind and not estimator.takes_cross_sections)
        or (kind == "transition: partial" and estimator.partly_exposed == "refused")
        or (kind == "gaps" and not estimator.takes_unbalanced)
        or (kind.startswith("weights") and not estimator.takes_weights)
    )


PAIRS = [
    pytest.param(*case.values, kind, id=f"{case.id}-{kind}")
    for case in CASES
    for kind in KINDS
    if taken(case.values[1], kind)
]


def adoptions() -> np.ndarray:
    """Permute; then a cohort is gone, one unit is treated, one cohort is one unit."""
    rng = np.random.default_rng(3)
    draws = [rng.permutation(np.where(STARTS == 0, np.inf, STARTS)) for _ in range(7)]
    draws[3] = np.where(draws[3] == 2005, 2006, draws[3])
    draws[4] = np.where(np.arange(N) == 5, 2004, np.inf)
    draws[5][np.flatnonzero(draws[5] == 2006)[1:]] = np.inf
    return np.array(draws)


@pytest.mark.parametrize(("name", "estimator", "kind"), PAIRS)
def test_many_adoptions_are_a_loop_over_them(name, estimator, kind):
    panel = KINDS[kind](frame())
    batch = estimator.estimate_assignments(panel, adoptions())
    panels = [panel.with_first_treated(starts) for starts in adoptions()]
    loop = loop_batch(panels, estimator.complete, batch.cells)
    assert np.isfinite(loop.values[0]).any()
    np.testing.assert_allclose(batch.values, loop.values, rtol=RTOL, atol=1e-11)
    assert (batch.std_error is None) == (loop.std_error is None)
    if loop.std_error is not None:
        np.testing.assert_allclose(batch.std_error, loop.std_error, rtol=RTOL, atol=1e-11)
    assert batch.failures == loop.failures
