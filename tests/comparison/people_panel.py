"""A small panel of people: two pilots with windows by day, and two comparators of whom one serves both."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.panel.panel import Panel

#: Pilot -> first day of its programme, and first day on which it is embedded.
WINDOWS = {"A": (10.0, 20.0), "B": (30.0, 40.0)}
SETS = {"A": ("C", "D"), "B": ("D",)}


def people_of(rows: list[tuple], columns: tuple[str, ...]) -> Panel:
    """Lay out rows of (unit, day, outcome, …covariates); a period is ten days."""
    frame = pd.DataFrame(rows, columns=["unit", "event_day", "outcome", *columns])
    frame = frame.sort_values(["unit", "event_day"], kind="stable", ignore_index=True)
    starts = {unit: np.floor(first / 10) for unit, (first, _) in WINDOWS.items()}
    frame["time"] = np.floor(frame["event_day"] / 10)
    frame["first_treated"] = frame["unit"].map(starts).fillna(np.inf)
    frame["cluster"], frame["weight"] = frame["unit"], 1.0
    frame["count"] = frame["exposure"] = np.nan
    frame["treated"] = (frame["time"] >= frame["first_treated"]).astype(float)
    register = pd.DataFrame(
        {"start_day": [10.0, 30.0], "embedded_day": [20.0, 40.0], "embedded": [2.0, 4.0]}, index=["A", "B"]
    )
    return Panel(
        frame, layout="cross_sections", covariates=columns, adoption=register.reindex(sorted(set(frame["unit"]))),
        source="people.csv",
    )  # fmt: skip


def many(seed: int = 1, n: int = 800) -> Panel:
    """Draw people of the four authorities with two covariates and an effect of 2 after embedding."""
    rng = np.random.default_rng(seed)
    unit, day = rng.choice(list("ABCD"), n), rng.integers(0, 60, n).astype(float)
    x, kind = rng.integers(0, 3, n).astype(float), rng.choice(["north", "south"], n)
    ends = np.array([{"A": 20.0, "B": 40.0}.get(one, np.inf) for one in unit])
    outcome = 5 + x + (kind == "south") + 0.05 * day + 2.0 * (day >= ends) + rng.normal(size=n)
    return people_of(list(zip(unit, day, outcome, x, kind, strict=True)), ("x", "kind"))
