"""Small designs that are run: forty authorities over nine years, noise of 1 per 10,000; each case changes some keys.

`CASES` are run once for all tests that read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import sos_eval as se
from tests.conftest import drawn_once

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
    referral: {{count: referrals, exposure: children, per: 10000, label: Re-referrals{safety}}}{outcomes}
  treatment: {{first_treated: start, untreated_means: {means}}}
{comparison}
estimators:
  - {{id: primary, method: {method}}}{more}
inference:
  - {{method: randomization, draws: {draws}{strata}}}{tests}
checks: [{checks}]
seed: 1{profile}
"""
KEYS = {
    "question": "caveats: []", "safety": "", "outcomes": "", "means": "never", "comparison": "", "checks": "path",
    "strata": "", "profile": "", "method": "callaway_santanna", "more": "", "tests": "", "draws": "199",
}  # fmt: skip


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
    with drawn_once():
        return se.run(se.load_design(folder / "case.yaml"), out=folder / "out")


def _further(name: str, more: str) -> str:
    """Return the line of one more outcome on re-referrals."""
    return (
        f"\n    {name}: {{count: referrals, exposure: children, per: 10000, label: Re-referrals, role: safety{more}}}"
    )


def _no_early_children(made: pd.DataFrame) -> pd.DataFrame:
    """Empty the exposure of three of five earlier years; one release throughout."""
    return made.assign(children=made["children"].where(~made["year"].between(2010, 2012)), counts_vintage="one")


def _more_referrals(made: pd.DataFrame) -> pd.DataFrame:
    """Give those that begin two more referrals per 10,000 from their start on."""
    more = 2.0 * (made["start"] <= made["year"])
    return made.assign(referrals=made["referrals"] + more * made["children"] / 1e4)


def _placed(made: pd.DataFrame) -> pd.DataFrame:
    """Put half of the authorities where nobody begins, change the release at the start, and lose a value."""
    return made.assign(
        region=np.where(made["la_code"] < "L20", "North", "South"),
        counts_vintage=np.where(made["year"] < 2015, "old", "new"),
        children_0_17_source=np.where(made["year"] < 2015, "census of 2011", "census of 2021"),
        parts=np.where((made["la_code"] == "L30") & (made["year"] < 2015), 2, 1),
        entries=made["entries"].where((made["la_code"] != "L03") | (made["year"] != 2016)),
    ).query("la_code != 'L31' or year < 2015")


def _few(made: pd.DataFrame) -> pd.DataFrame:
    """Leave two that begin, fewer than a disclosure profile shows."""
    return made.assign(start=made["start"].where(made["la_code"] < "L02"))


def _far(made: pd.DataFrame) -> pd.DataFrame:
    """Make two that begin far larger than all others."""
    return made.assign(size=made["la_code"].isin(["L00", "L01"]) * 100.0 + made["la_code"].str[1:].astype(int))


def _late(made: pd.DataFrame) -> pd.DataFrame:
    """Of eight that begin, one is seen from its start on only, and one until its start only."""
    after = made["year"] >= 2015
    return made[~((made["la_code"] == "L00") & ~after) & ~((made["la_code"] == "L01") & after)]


def _one_year_before(made: pd.DataFrame) -> pd.DataFrame:
    return made[made["year"] >= 2014]


SEVEN = "caveats: [One. Two., Three., Four., Five., Six., Seven.]"
_BY_SIZE = "{method: nearest, distance: size, caliper: 0.5, replace: true}"
_MARGINS = (("little", ", margin: 0.01"), ("fall", ", margin: -5"), ("bare", ""))
CASES: Mapping[str, Mapping[str, Any]] = {
    "full": {"question": SEVEN, "checks": "path, pretrends, placebo_time",
             "strata": ", strata: [exposure_half]"},
    "diverging": {"slope": 2.0, "checks": "path, pretrends"},
    "diverging, no path": {"slope": 2.0, "checks": "pretrends"},
    "failed": {"slope": 2.0, "checks": "{pretrends: {min_p: 0.05}}, placebo_time"},
    "lower": {"effect": -5.0, "checks": "path, leave_one_out"},
    "two scales": {"checks": "{robustness: {draws: 199, vary: [{start: -1}, {estimator: {method: poisson_did}}]}}"},
    "ratio": {"method": "poisson_did", "effect": -2.0, "checks": "path",
              "more": "\n  - {id: log_rate, method: twfe, outcome: [entry], "
                       "with: {panel.outcomes.entry.transform: log}}"},
    "room": {"question": "meaningful_change: 0.1", "means": "unknown"},
    "made alike": {"comparison": "comparison: {method: nearest, on: [outcome_pre], ratio: 2}"},
    "safety": {"question": "smallest_worthwhile: 4", "safety": ", role: safety, margin: 5", "checks": "",
               "outcomes": "".join(_further(*more) for more in _MARGINS)},
    "worse": {"change": _more_referrals, "safety": ", role: safety, margin: 5", "checks": "",
              "outcomes": "".join(_further(*more) for more in _MARGINS)},
    "doubts": {"safety": ", role: safety, margin: 5", "checks": "leave_one_out", "draws": "999",
               "strata": ", statistic: coefficient", "tests": "\n  - {method: randomization, draws: 999}"},
    "early years empty": {"change": _no_early_children, "checks": ""},
    "placed": {"change": _placed, "checks": ""},
    "withheld": {"change": _few, "checks": "leave_one_out", "profile": "\ndisclosure: {profile: dfe}"},
    "late": {"change": _late, "checks": ""},
    "one year before": {"change": _one_year_before, "checks": "placebo_time"},
    "far": {"change": _far, "checks": "",
            "comparison": f"  covariates: [size]\n  measured: {{size: 2010}}\ncomparison: {_BY_SIZE}"},
}  # fmt: skip
