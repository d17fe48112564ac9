"""Processor time of a matched design whose inference matches again in every assignment: ``python -m bench.matched``.

The design that ships, on a world of 54 authorities and 12 years, with `inference: auto` for its three estimators. A
number after it: so many worker processes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import pandas as pd

from sos_eval.bundle.files import yaml_text
from sos_eval.declare import read_yaml

ROOT = Path(__file__).parent.parent
LAST, AUTHORITIES, COHORTS = 2022, 54, {2015: 6, 2016: 6, 2017: 6}
COLUMNS = ["estimator", "inference", "estimate", "std_error", "conf_low", "conf_high", "p_value", "reason"]


def world() -> dict[str, Any]:
    """Return the reference world, smaller and without its regions."""
    declared: dict[str, Any] = read_yaml(ROOT / "synthetic/england.yaml").data
    declared["times"]["last"] = LAST
    declared["authorities"] |= {"n": AUTHORITIES}
    del declared["authorities"]["regions"]
    outcome = declared["outcome"]
    outcome["shocks"] = [shock for shock in outcome["shocks"] if "regions" not in shock]
    outcome["mean"] = {year: mean for year, mean in outcome["mean"].items() if int(year) <= LAST}
    outcome["deprivation"] = {2011: 3.45, 2014: 3.45, LAST: 2.9}
    declared["adoption"] |= {"treated": sum(COHORTS.values()), "cohorts": COHORTS}
    return declared


def design() -> dict[str, Any]:
    """Return the matched design that ships, on that world, with `auto` for every estimator and without checks."""
    declared: dict[str, Any] = read_yaml(ROOT / "designs/matched_did_care_entry.yaml").data
    declared["panel"]["path"] = "world.yaml"
    for entry in declared["estimators"]:
        entry.pop("inference", None)
    return declared | {"checks": []}


def main(workers: list[str]) -> None:
    """Run it, and print processor and elapsed time and the overall rows."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, made in (("world.yaml", world()), ("design.yaml", design())):
            (folder / file).write_text(yaml_text(made), encoding="utf-8")
        command = [sys.executable, "-m", "sos_eval", "run", str(folder / "design.yaml"), "--out", str(folder / "out")]
        start = perf_counter()
        subprocess.run([*command, *(["--workers", *workers] if workers else [])], check=True)
        elapsed, used = perf_counter() - start, getrusage(RUSAGE_CHILDREN)
        rows = pd.read_csv(folder / "out" / "estimates.csv")
        print(rows.loc[rows["aggregation"] == "overall", COLUMNS].to_string(index=False))
        print(f"processor time {used.ru_utime + used.ru_stime:.1f} s, elapsed {elapsed:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
