"""A small evaluation of children who are matched within declared sets of authorities, as files and a design."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

SETS = {"P1": ["C1", "C2"], "P2": ["C2", "C3"], "P3": ["C4"]}
REGISTER = """\
unit,first_treated,embedded
P1,2012-04-01,2013-04-01
P2,2012-10-01,2013-10-01
P3,2013-04-01,2014-04-01
"""


def children(n: int = 900, seed: int = 1, gaps: float = 0.0) -> pd.DataFrame:
    """Draw children of three pilots and four others with an effect of -4 after embedding."""
    rng = np.random.default_rng(seed)
    la = rng.choice(["P1", "P2", "P3", "C1", "C2", "C3", "C4"], n)
    day = pd.Timestamp("2010-04-01") + pd.to_timedelta(rng.integers(0, 365 * 6, n), unit="D")
    age, sex = rng.integers(0, 12, n), rng.choice(["F", "M"], n)
    group, flag = rng.choice(["W", "B", "A"], n, p=[0.6, 0.3, 0.1]), rng.integers(0, 2, n)
    embedded = pd.to_datetime(pd.Series(la).map({"P1": "2013-04-01", "P2": "2013-10-01", "P3": "2014-04-01"}))
    post = day >= embedded.fillna(pd.Timestamp("2099-01-01")).to_numpy()
    y = 40 + 0.5 * age + 3 * (group == "B") - 4 * post + rng.normal(0, 6, n)
    end = day + pd.to_timedelta(np.maximum(0, np.round(y)), unit="D")
    frame = pd.DataFrame({
        "child_id": [f"K{i:03d}" for i in rng.integers(0, n // 2, n)], "la": la, "day": day.strftime("%Y-%m-%d"),
        "end": end.strftime("%Y-%m-%d"), "age": age, "sex": sex, "group": group, "flag": flag, "y": y.round(2),
        "z": (y < 38).astype(int),
    })  # fmt: skip
    for name in ("age", "group") if gaps else ():
        frame.loc[rng.random(n) < gaps, name] = np.nan
    return frame


def laid_down(
    folder: Path, people: dict[str, Any], frame: pd.DataFrame | None = None, *, panel: dict[str, Any] | None = None,
    **sections: Any,
) -> Path:  # fmt: skip
    """Write the files and the design into a folder; return the design's path."""
    folder.mkdir(exist_ok=True)
    (children() if frame is None else frame).to_csv(folder / "p.csv", index=False)
    (folder / "register.csv").write_text(REGISTER, encoding="utf-8")
    block = {
        "source": "csv", "path": "p.csv", "layout": "cross_sections", "unit": "la", "time": "year",
        "year_convention": "starts_april", "treatment": {"adoption": "register.csv", "untreated_means": "never"},
        "covariates": ["age", "sex", "group"], "outcome": {"value": "y", "label": "Days"},
        "events": {"date": "day", "until": "2017-03-31"},
    }  # fmt: skip
    design = {
        "schema": "sos-eval/design/1", "name": "children", "panel": {**block, **(panel or {})},
        "comparison": {"method": "declared", "sets": SETS, "people": people},
        "estimators": [{"id": "primary", "method": "matched_did"}], "inference": {"method": "analytic"},
        "report": {"formats": []}, "seed": 3, **sections,
    }  # fmt: skip
    file = folder / "children.yaml"
    file.write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")
    return file
