"""Small panels for tests of comparison groups."""

import numpy as np
import pandas as pd

from sos_eval.panel.panel import Panel


def panel_of(units, times, first_treated, outcome, **columns):
    """Lay out a panel: outcome (n, t); a column is (n,) where constant, (n, t) where it varies over time."""
    n, t = len(units), len(times)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.asarray(units, dtype=object), t),
            "time": np.tile(np.asarray(times, float), n),
            "first_treated": np.repeat(np.asarray(first_treated, float), t),
            "outcome": np.asarray(outcome, float).ravel(),
        }
    )
    frame["cluster"], frame["weight"] = frame["unit"], 1.0
    frame["count"] = frame["exposure"] = np.nan
    frame["treated"] = (frame["time"] >= frame["first_treated"]).astype(float)
    for name, values in columns.items():
        values = np.asarray(values)
        frame[name] = values.ravel() if values.ndim == 2 else np.repeat(values, t)
    return Panel(frame, covariates=tuple(columns), source="panel.csv")


NEVER = np.inf


def eight(**columns):
    """Eight units, 2011 to 2014; a and b start in 2013, c in 2014, the others never."""
    rng = np.random.default_rng(8)
    outcome = np.array([10.0, 20, 30, 11, 19, 28, 40, 50])[:, None] + rng.normal(size=(8, 4))
    starts = [2013, 2013, 2014, NEVER, NEVER, NEVER, NEVER, NEVER]
    return panel_of(list("abcdefgh"), [2011, 2012, 2013, 2014], starts, outcome, **columns)
