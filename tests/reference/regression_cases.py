"""Stored results of regressions and imputations, read as panels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import Estimate
from tests.reference.stored import castle, data

#: Data set in a case's spec to its columns: unit, time, outcome, start.
COLUMNS = {
    "sim_care_152x20": ("unit", "year", "y", "g"),
    "sim_unbalanced_152x12": ("unit", "year", "y", "g"),
    "sim_counts_152x12": ("unit", "year", "cnt", "g"),
    "mpdta": ("countyreal", "year", "lemp", "first.treat"),
    "fixest_base_stagg": ("id", "year", "y", "year_treated"),
    "causaldata castle": ("sid", "year", "l_homicide", "gvar"),
}


def panel_of(spec: dict[str, Any]) -> Panel:
    """Lay out a case's data: its weights, its clusters, and covariates as the spec words them."""
    name = spec["dataset"]
    df = castle() if "castle" in name else data(f"{name}.csv")
    unit, time, outcome, start = COLUMNS[name]
    first = df[start].astype(float).replace(0, np.inf)
    frame = pd.DataFrame({
        "unit": df[unit].astype(int).astype(str), "time": df[time].astype(float), "outcome": df[outcome].astype(float),
        "first_treated": first, "treated": (df[time] >= first).astype(float),
        "weight": df[spec["weights"]].astype(float) if "weights" in spec else 1.0,
    })  # fmt: skip
    cluster = spec.get("cluster", unit)
    frame["cluster"] = df[cluster].astype(str) if cluster in df and cluster != unit else frame["unit"]
    if "region^year" in spec.get("fixed_effects", ()):
        frame["stratum"] = df["region"].astype(str)
    more = covariates(df, spec)
    frame = pd.concat([frame, more], axis=1).sort_values(["unit", "time"]).reset_index(drop=True)
    return Panel(frame=frame, covariates=tuple(more), weighted="weights" in spec)


def covariates(df: pd.DataFrame, spec: dict[str, Any]) -> pd.DataFrame:
    """Return the columns that a case adjusts for, one a period where it says so."""
    named = str(spec.get("covariates", ""))
    if not named:
        return pd.DataFrame(index=df.index)
    if "by year" in named or "year dummies" in named:
        years = [year for year in sorted(df["year"].unique()) if year != 2004]
        return pd.DataFrame({f"x1 in {year}": df["x1"] * (df["year"] == year) for year in years}).astype(float)
    columns = [named.split(" (")[0]] if isinstance(spec["covariates"], str) else spec["covariates"]
    return df[columns].astype(float)


def small_sample(estimate: Estimate, k: int, n: int) -> float:
    """G / (G - 1) x (N - 1) / (N - K), as fixest has it."""
    g = estimate.panel.n_clusters
    return float(np.sqrt(g / (g - 1) * (n - 1) / (n - k)))
