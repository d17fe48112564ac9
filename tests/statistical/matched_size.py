"""Size of matched designs under ``auto``: ``python -m tests.statistical.matched_size noise nearest 10 1000``.

The shipped matched design with another comparison method, no effect; matched again in every draw and every one of 199
permutations. ``noise``: adopters by lot among the authorities of the published panel, with their own outcomes of 2011
to 2025. ``england``: adopters and outcomes drawn from `synthetic/england.yaml`. A method, or ``all``; a number of
adopters, or ``all``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

import sos_eval as se
from sos_eval.bundle.files import yaml_text
from sos_eval.declare import read_yaml
from tests.conftest import ROOT

__all__ = ["METHODS", "rejected"]

COHORTS = {
    10: {2014: 2, 2015: 2, 2016: 2, 2017: 2, 2018: 2},
    20: {2014: 3, 2015: 4, 2016: 6, 2017: 4, 2018: 3},
    60: {2014: 10, 2015: 12, 2016: 16, 2017: 12, 2018: 10},
}
ON = ["deprivation", "outcome_pre", "outcome_pre_slope"]
METHODS: dict[str, dict[str, Any]] = {
    "nearest": {"method": "nearest", "on": ON, "distance": "probability", "ratio": 2, "caliper": 0.25},
    "apart": {
        "method": "nearest",
        "on": ON,
        "distance": "probability",
        "ratio": 2,
        "caliper": 0.25,
        "cohorts": "apart",
    },
    "mahalanobis": {"method": "mahalanobis", "on": ON, "ratio": 2},
    "optimal": {"method": "optimal", "on": ON, "ratio": 2},
    "full": {"method": "full", "on": ON},
    "ipw": {"method": "ipw", "on": ON},
    "ipw_ate": {"method": "ipw", "on": ON, "estimand": "ate"},
    "ipw_ato": {"method": "ipw", "on": ON, "estimand": "ato"},
    "entropy": {"method": "entropy", "on": ON},
    "cbps": {"method": "cbps", "on": ON},
    "stable": {"method": "stable", "on": ON, "tolerance": 0.1},
    "subclass": {"method": "subclass", "on": ON, "classes": 4},
    "cem": {"method": "cem", "on": ["deprivation", "outcome_pre"], "cutpoints": {"deprivation": 3, "outcome_pre": 3}},
}


def world(kind: str, adopters: int) -> dict[str, Any]:
    """Return a world without an effect."""
    name = {"noise": "sos_pilots_noise", "england": "england"}[kind]
    declared: dict[str, Any] = read_yaml(ROOT / f"synthetic/{name}.yaml").data
    adoption = {key: declared["adoption"][key] for key in ("selection",) if key in declared["adoption"]}
    declared["adoption"] = {"pattern": "staggered", "treated": adopters, "cohorts": COHORTS[adopters], **adoption}
    declared["effect"] = {"size": 0.0, "scale": "rate"}
    if kind == "noise":
        declared["panel"]["path"] = str(ROOT / "sos_eval/panel/england/constant.csv.gz")
    return declared


def design(kind: str, method: str) -> dict[str, Any]:
    """Return the shipped design with another comparison, and its first estimator alone."""
    declared: dict[str, Any] = read_yaml(ROOT / "designs/matched_did_care_entry.yaml").data
    column = "idaci" if kind == "england" else "deprivation"
    declared["panel"] = {**declared["panel"], "path": "world.yaml", "covariates": [column], "measured": {column: 2010}}
    named = {"deprivation": column}
    comparison = dict(METHODS[method])
    comparison["on"] = [named.get(one, one) for one in comparison["on"]]
    if "cutpoints" in comparison:
        comparison["cutpoints"] = {named.get(key, key): cuts for key, cuts in comparison["cutpoints"].items()}
    declared["comparison"] = comparison
    declared["estimators"] = declared["estimators"][:1]
    return {**declared, "checks": []}


def rejected(kind: str, method: str, adopters: int, reps: int, permutations: int = 199) -> pd.DataFrame:
    """Return the overall rows of the study: a row an inference, the one that `auto` takes first."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "world.yaml").write_text(yaml_text(world(kind, adopters)), encoding="utf-8")
        (folder / "design.yaml").write_text(yaml_text(design(kind, method)), encoding="utf-8")
        drawn = se.load_world(folder / "world.yaml")
        made = se.load_design(folder / "design.yaml")
        study = se.power(made, world=drawn, reps=reps, permutations=permutations, rematch=True, workers=1)
        return study.summary[study.summary["aggregation"] == "overall"]


def main(kind: str, method: str, adopters: str, reps: int) -> None:
    """Print a line a method and number of adopters."""
    for one in METHODS if method == "all" else (method,):
        for number in COHORTS if adopters == "all" else (int(adopters),):
            found = rejected(kind, one, number, reps)
            told = ", ".join(
                f"{row.inference} {100 * row.power:.1f} ({100 * row.power_mcse:.1f}), failed {row.failures}"
                for row in found.itertuples()
            )
            first = found.iloc[0]
            print(
                f"{kind}, {one}, {number} adopters: {told}; bias {first['bias']:.2f} ({first['bias_mcse']:.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
