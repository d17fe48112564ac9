"""Eight units in two towns, where the effect differs by town: a design on them, written to a folder."""

from __future__ import annotations

import pandas as pd
import yaml

from sos_eval.design.design import load_design

__all__ = ["METHODS", "weighed", "written"]

#: The comparison methods that take an estimand, with what they need beside it to weigh by town.
METHODS = {
    "exact": {}, "cem": {"cutpoints": {"town": [0.5]}}, "subclass": {"classes": 2}, "ipw": {}, "cbps": {},
    "entropy": {}, "stable": {"tolerance": 0}, "full": {"distance": "town"},
}  # fmt: skip


def written(folder, comparison, times=1, **more):
    """Write the eight units, each as often as said, and a design on them."""
    town = [0, 0, 0, 0, 1, 1, 1, 1]
    starts = [2012, 0, 0, 0, 2012, 2012, 0, 0]
    noise = [0.0, 0.3, 0.0, -0.3, 0.2, -0.2, 0.2, -0.2]  # of the last year; sums to nothing in each group of a town
    rows = [
        {
            "la": f"u{k}{'abcdefgh'[again] if times > 1 else ''}", "year": year, "town": town[k], "first": starts[k],
            "y": 10.0 + 10 * town[k] - (1 + 4 * town[k]) * (starts[k] > 0) * (year >= 2012) + noise[k] * (year == 2013),
        }
        for k in range(8)
        for again in range(times)
        for year in range(2010, 2014)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "p.csv", index=False)
    design = {
        "schema": "sos-eval/design/1", "name": "x",
        "question": {"intervention": "the practice", "outcome": "entries", "expected_direction": "decrease"},
        "panel": {
            "source": "csv", "path": "p.csv", "unit": "la", "time": "year", "outcome": {"value": "y"},
            "treatment": {"first_treated": "first", "untreated_means": "never"},
            "covariates": ["town"], "measured": {"town": 2010},
        },
        "comparison": comparison,
        "estimators": [{"id": "one", "method": "twfe", "covariates": []}],
        "inference": [{"method": "analytic"}], "seed": 1,
    } | more  # fmt: skip
    (folder / "x.yaml").write_text(yaml.safe_dump(design), encoding="utf-8")
    return load_design(folder / "x.yaml")


def weighed(method, estimand):
    return {"method": method, "on": ["town"], "estimand": estimand, **METHODS[method]}
