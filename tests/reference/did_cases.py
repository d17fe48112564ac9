"""Stored results of the R packages did and DRDID, read as panels and compared row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import Estimate, clustered_error

CONTROL = {"nevertreated": "never_treated", "notyettreated": "not_yet_treated"}


def panel_of(df: pd.DataFrame, spec: dict[str, Any], layout: Any = "panel") -> Panel:
    """Lay out a data set under a case's column names."""
    unit = df[spec["idname"]].astype(int).astype(str) if "idname" in spec else df["obs"].astype(str)
    x = tuple(name.strip() for name in spec["xformla"].lstrip("~").split("+") if name.strip() != "1")
    frame = pd.DataFrame({
        "unit": unit, "time": df[spec["tname"]].astype(float), "outcome": df[spec["yname"]].astype(float),
        "first_treated": df[spec["gname"]].astype(float).replace(0, np.inf),
    })  # fmt: skip
    frame["treated"] = (frame["time"] >= frame["first_treated"]).astype(float)
    frame["weight"] = df[spec["weightsname"]].astype(float) if "weightsname" in spec else 1.0
    frame["cluster"] = df[spec["clustervars"]].astype(str) if "clustervars" in spec else unit
    for name in x:
        frame[name] = df[name].astype(float)
    frame = frame.sort_values(["unit", "time"], kind="stable").reset_index(drop=True)
    return Panel(frame=frame, covariates=x, weighted="weightsname" in spec, layout=layout)


def agrees(estimate: Estimate, stored: dict[str, Any], *, rtol: float) -> None:
    """Compare group-time effects, every aggregation and their errors with a stored `att_gt` and its `aggte`."""
    error = clustered_error(estimate)
    cells = estimate.cells.assign(value=estimate.values, error=error)
    group_time = cells[cells["aggregation"] == "group_time"]
    np.testing.assert_array_equal(group_time["cohort"], stored["group"])
    np.testing.assert_array_equal(group_time["time"], stored["t"])
    _close(group_time, stored["att"], stored["se"], rtol)
    for name, aggregation, key in [
        ("dynamic", "event_time", "event_time"), ("group_agg", "cohort", "cohort"), ("calendar", "calendar", "time"),
    ]:  # fmt: skip
        own = cells[(cells["aggregation"] == aggregation) & cells[key].notna()]
        np.testing.assert_array_equal(own[key], stored[name]["egt"])
        _close(own, stored[name]["att"], stored[name]["se"], rtol)
        average = cells[
            (cells["aggregation"] == ("overall" if name == "group_agg" else aggregation)) & cells[key].isna()
        ]
        _close(average, [stored[name]["overall_att"]], [stored[name]["overall_se"]], rtol)
    simple = cells[cells["aggregation"] == "simple"]
    _close(simple, [stored["simple"]["overall_att"]], [stored["simple"]["overall_se"]], rtol)


def by_event_time(estimate: Estimate, stored: dict[str, Any], *, rtol: float) -> None:
    """Compare averages by event time and their plain average with a stored `aggte(type = "dynamic")`."""
    cells = estimate.cells.assign(value=estimate.values, error=clustered_error(estimate))
    rows = cells[cells["aggregation"] == "event_time"]
    keyed = rows["event_time"].notna()
    np.testing.assert_array_equal(rows["event_time"][keyed], stored["egt"])
    _close(rows[keyed], stored["att"], stored["se"], rtol)
    _close(rows[~keyed], [stored["overall_att"]], [stored["overall_se"]], rtol)


def _close(ours: pd.DataFrame, values: list[float], errors: list[float], rtol: float) -> None:
    np.testing.assert_allclose(ours["value"], np.array(values, float), rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(ours["error"], np.array(errors, float), rtol=rtol, atol=1e-12)
