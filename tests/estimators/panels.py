"""Small panels for the tests of estimators, and a way to pick one row of an estimate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.panel.panel import Outcome, Panel
from sos_eval.results.estimate import clustered_error

INF = np.inf


def panel(outcomes, first_treated, times=None, weights=None, clusters=None) -> Panel:
    """Lay out a matrix of outcomes (n, t) as a panel."""
    y = np.asarray(outcomes, float)
    n, t = y.shape
    times = np.arange(1, t + 1) if times is None else np.asarray(times)
    unit = [f"u{i:02d}" for i in range(n)]
    frame = pd.DataFrame({
        "unit": np.repeat(unit, t), "time": np.tile(times, n).astype(float), "outcome": y.ravel(),
        "first_treated": np.repeat(np.asarray(first_treated, float), t),
        "cluster": np.repeat(unit if clusters is None else clusters, t),
        "treated": (np.tile(times, n) >= np.repeat(np.asarray(first_treated, float), t)).astype(float),
        "weight": np.repeat(np.ones(n) if weights is None else weights, t),
    })  # fmt: skip
    return Panel(frame=frame, weighted=weights is not None)


def counts_panel(counts, exposure, first_treated, per=1000.0, **more) -> Panel:
    """Lay out counts and exposure (n, t) as a panel of rates."""
    counts, exposure = np.asarray(counts, float), np.asarray(exposure, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        base = panel(counts / exposure * per, first_treated, **more)
    frame = base.frame.assign(count=counts.ravel(), exposure=exposure.ravel())
    return Panel(frame=frame, outcomes=(Outcome(scale="rate_per", per=per, counted=True),), weighted=base.weighted)


def row(estimate, **keys):
    table = estimate.cells.assign(value=estimate.values, error=clustered_error(estimate))
    for key, value in keys.items():
        table = table[table[key].isna()] if value is None else table[table[key] == value]
    assert len(table) == 1
    return table.iloc[0]
