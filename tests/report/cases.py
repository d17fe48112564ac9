"""Small designs that are run: forty authorities over nine years, noise of 1 per 10,000; each case changes some keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import sos_eval as se

DESIGN = """\
schema: sos-eval/design/1
name: case
title: Signs of Safety and children entering care
question:
  intervention: Signs of Safety
  outcome: Children starting to be looked after per 10,000 children
  expected_direction: decrease
  {question}
panel:
  source: csv
  path: case.csv
  unit: la_code
  unit_name: la_name
  time: year
  year_convention: ends_march
  outcomes:
    entry: {{count: entries, exposure: children, per: 10000, label: Children starting to be looked after}}
    referral: {{count: referrals, exposure: children, per: 10000, label: Re-referrals{safety}}}
  treatment: {{first_treated: start, untreated_means: {means}}}
{comparison}
estimators:
  - {{id: primary, method: callaway_santanna}}
inference:
  - {{method: randomization, draws: 199{strata}}}
checks: [{checks}]
seed: 1
"""
KEYS = {"question": "caveats: []", "safety": "", "means": "never", "comparison": "", "checks": "path", "strata": ""}


def table(effect: float = 0.0, slope: float = 0.0) -> pd.DataFrame:
    """Forty authorities, eight of which begin in 2015; entries and re-referrals are counts without rounding."""
    rng, rows = np.random.default_rng(5), []
    for unit in range(40):
        begins = unit < 8
        for year in range(2010, 2019):
            children = 40_000.0 + 500 * unit
            rate = 30 + 0.2 * unit + rng.normal() + begins * (slope * (year - 2014) + effect * (year >= 2015))
            rows.append((f"L{unit:02d}", f"Place {unit:02d}", year, rate * children / 1e4,
                         (50 + rng.normal()) * children / 1e4, children, 2015.0 if begins else np.nan))  # fmt: skip
    return pd.DataFrame(rows, columns=["la_code", "la_name", "year", "entries", "referrals", "children", "start"])


def run_case(
    folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda made: made, effect: float = 0.0,
    slope: float = 0.0, **keys: str,
) -> se.ResultBundle:  # fmt: skip
    """Run a case and return its bundle."""
    change(table(effect, slope)).to_csv(folder / "case.csv", index=False)
    (folder / "case.yaml").write_text(DESIGN.format(**(KEYS | keys)))
    return se.run(se.load_design(folder / "case.yaml"), out=folder / "out")
