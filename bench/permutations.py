"""Time permutation tests as users call them: `python -m bench.permutations`.

9,999 permutations, p and error of every row, from a table of data, on 152 units x 20 periods with 5 cohorts. Each
figure is one run after a short one to warm up. Give every library one thread (`OMP_NUM_THREADS=1` and the like).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from bench.peers import COLUMNS, simulated
from sos_eval.estimators import ETWFE, TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.results.estimator import Estimator

DRAWS = 9_999


@dataclass(frozen=True, slots=True)
class Case:
    """One test: the method, its covariates, the seconds that we want to stay below, and what is done to the data."""

    name: str
    method: Estimator
    wanted: float
    covariates: tuple[str, ...] = ()
    changed: Callable[[pd.DataFrame], pd.DataFrame] = lambda df: df
    exposure: str | None = None

    def run(self, df: pd.DataFrame, draws: int) -> object:
        permuted = {"method": "randomization", "draws": draws, "interval": "none"}
        return self.method.fit(
            self.changed(df), **COLUMNS, covariates=self.covariates, exposure=self.exposure, inference=permuted
        )


def with_gaps(df: pd.DataFrame) -> pd.DataFrame:
    return df.drop(df.sample(20, random_state=1).index)


def moving(df: pd.DataFrame) -> pd.DataFrame:
    """Add a covariate that varies over time."""
    return df.assign(z=np.random.default_rng(2).normal(size=len(df)))


def counts(df: pd.DataFrame) -> pd.DataFrame:
    """Make counts of a population of the outcomes, and add a covariate that varies over time."""
    rng = np.random.default_rng(3)
    people = rng.uniform(2e4, 2e5, len(df))
    return moving(df).assign(people=people, y=rng.poisson(people * 2e-3 * np.exp(0.1 * df["y"])))


CASES = (
    Case("callaway_santanna, plain", CallawaySantAnna(), 2),
    Case("callaway_santanna, reg, one covariate", CallawaySantAnna(adjust="reg"), 10, ("x1",)),
    Case("callaway_santanna, ipw, one covariate", CallawaySantAnna(adjust="ipw"), 10, ("x1",)),
    Case("callaway_santanna, dr, one covariate", CallawaySantAnna(adjust="dr"), 10, ("x1",)),
    Case("callaway_santanna, dr_improved, one covariate", CallawaySantAnna(adjust="dr_improved"), 10, ("x1",)),
    Case("callaway_santanna, gaps", CallawaySantAnna(), 10, (), with_gaps),
    Case("twfe, plain", TWFE(), 2),
    Case("twfe, a covariate that moves", TWFE(), 10, ("z",), moving),
    Case("twfe, gaps", TWFE(), 10, (), with_gaps),
    Case("event_study_twfe, plain", EventStudyTWFE(), 2),
    Case("event_study_twfe, a covariate that moves", EventStudyTWFE(), 10, ("z",), moving),
    Case("poisson_did, plain", PoissonDiD(), 20, (), counts, "people"),
    Case("poisson_did, a covariate that moves", PoissonDiD(), 20, ("z",), counts, "people"),
    Case("etwfe, poisson", ETWFE(family="poisson"), 20, (), counts, "people"),
)


def main() -> None:
    """Print a line per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--only", default="", help="run what has these words in its name")
    parser.add_argument("--cpu", action="store_true", help="count processor time: for a machine with other work on it")
    chosen = parser.parse_args()
    clock = process_time if chosen.cpu else perf_counter
    warnings.simplefilter("ignore")
    df = simulated(152, 20, 5)
    for case in (case for case in CASES if chosen.only in case.name):
        case.run(df, 19)
        start = clock()
        case.run(df, chosen.draws)
        print(f"{case.name:<56}{clock() - start:>9.2f}s{f'< {case.wanted:g} s':>10}", flush=True)


if __name__ == "__main__":
    main()
