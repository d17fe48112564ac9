"""Time estimators and inference beside their peers, in the same process: `make bench`.

Every call is the one that a user makes: ours with the bands that it has unless told otherwise, peers with all their
aggregations.

Each figure is the best of a few runs after one to warm up. Give every library one thread (`OMP_NUM_THREADS=1` and
the like, as `make bench` does), for a comparison of work and not of machines.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.panel.tabular import from_frame

COLUMNS = {"unit": "unit", "time": "time", "outcome": "y", "first_treated": "g"}


@dataclass(frozen=True, slots=True)
class Bench:
    """One comparison: what is timed, ours and theirs, and the ratio that we want to reach."""

    name: str
    ours: Callable[[], object]
    theirs: Callable[[], object] | None
    peer: str
    wanted: float
    times: int = 5


def simulated(n: int, t: int, cohorts: int, seed: int = 1) -> pd.DataFrame:
    """Draw a staggered panel with three covariates, a third of the units treated in `cohorts` waves."""
    rng = np.random.default_rng(seed)
    waves = np.linspace(t // 3, t - 2, cohorts).round()
    start = np.where(np.arange(n) % 3 == 0, waves[(np.arange(n) // 3) % cohorts], 0)
    x = rng.normal(size=(n, 3))
    time = np.arange(1, t + 1)
    y = rng.normal(size=(n, 1)) + 0.1 * time + 0.2 * x[:, [0]] * time / t + rng.normal(size=(n, t))
    y += (start[:, None] > 0) * (time >= start[:, None])
    long = {name: np.repeat(x[:, i], t) for i, name in enumerate(("x1", "x2", "x3"))}
    treated = ((start[:, None] > 0) & (time >= start[:, None])).astype(int).ravel()
    return pd.DataFrame({
        "unit": np.repeat(np.arange(n), t), "time": np.tile(time, n), "y": y.ravel(),
        "g": np.repeat(start, t).astype(int), "d": treated, **long,
    })  # fmt: skip


def diff_diff(df: pd.DataFrame, **more: object) -> Callable[[], object]:
    from diff_diff import CallawaySantAnna as Theirs

    covariates = more.pop("covariates", None)
    return lambda: Theirs(**more).fit(
        df, outcome="y", unit="unit", time="time", first_treat="g", covariates=covariates, aggregate="all"
    )


def statspai(df: pd.DataFrame, **more: object) -> Callable[[], object]:
    import statspai

    names = {"y": "y", "g": "g", "t": "time", "i": "unit"}

    def fit() -> list[object]:
        fitted = statspai.callaway_santanna(df, **names, **more)
        return [statspai.aggte(fitted, type=kind) for kind in ("simple", "group", "calendar", "dynamic")]

    return fit


def csdid(df: pd.DataFrame) -> Callable[[], object]:
    from csdid.att_gt import ATTgt

    names = {"yname": "y", "tname": "time", "idname": "unit", "gname": "g", "control_group": "nevertreated"}

    def fit() -> None:
        with redirect_stdout(StringIO()):  # it prints every table that it makes
            fitted = ATTgt(data=df, **names).fit(est_method="reg", bstrap=False)
            for kind in ("simple", "group", "calendar", "dynamic"):
                fitted.aggte(typec=kind, bstrap=False, cband=False)

    return fit


def moderndid(df: pd.DataFrame) -> Callable[[], object]:
    import polars
    from moderndid import aggte, att_gt

    data = polars.from_pandas(df)

    def fit() -> list[object]:
        fitted = att_gt(data, "y", "time", "unit", "g", est_method="reg")
        return [aggte(fitted, type=kind) for kind in ("simple", "group", "calendar", "dynamic")]

    return fit


def pyfixest(df: pd.DataFrame) -> Callable[[], object]:
    import pyfixest

    return lambda: pyfixest.feols("y ~ d | unit + time", df, vcov={"CRV1": "unit"})


def pyfixest_wild(df: pd.DataFrame) -> Callable[[], object]:
    fit = pyfixest(df)()
    return lambda: fit.wildboottest(reps=9_999, param="d", cluster="unit")


def diff_diff_wild(df: pd.DataFrame) -> Callable[[], object]:
    from diff_diff import TwoWayFixedEffects

    data = df.assign(ever=(df["g"] > 0).astype(int), post=(df["time"] >= 12).astype(int))
    model = TwoWayFixedEffects(inference="wild_bootstrap", n_bootstrap=9_999, cluster="unit", seed=1)
    return lambda: model.fit(data, outcome="y", treatment="ever", post="post", unit="unit")


def small() -> list[Bench]:
    df = simulated(152, 20, 5)
    covariates = ["x1", "x2", "x3"]
    robust = CallawaySantAnna(adjust="dr")
    bootstrap = {"method": "multiplier_bootstrap", "draws": 999}
    wild = {"method": "wild_cluster_bootstrap", "draws": 9_999}
    return [
        Bench(
            "152 x 20, 5 cohorts: errors, averages, bands",
            lambda: CallawaySantAnna().fit(df, **COLUMNS), diff_diff(df), "diff-diff", 1, 15,
        ),
        Bench(
            "the same", lambda: CallawaySantAnna().fit(df, **COLUMNS), statspai(df, estimator="reg"), "StatsPAI", 1, 15,
        ),
        Bench("the same", lambda: CallawaySantAnna().fit(df, **COLUMNS), csdid(df), "csdid", 1, 5),
        Bench("the same", lambda: CallawaySantAnna().fit(df, **COLUMNS), moderndid(df), "moderndid", 1, 5),
        Bench(
            "the same, 3 covariates, doubly robust",
            lambda: robust.fit(df, **COLUMNS, covariates=covariates),
            diff_diff(df, covariates=covariates, estimation_method="dr"), "diff-diff", 3, 5,
        ),
        Bench(
            "the same, 3 covariates, doubly robust",
            lambda: robust.fit(df, **COLUMNS, covariates=covariates),
            statspai(df, x=covariates, estimator="dr"), "StatsPAI", 3, 5,
        ),
        Bench(
            "the same without covariates, 999 multiplier draws with bands",
            lambda: CallawaySantAnna().fit(df, **COLUMNS, inference=bootstrap),
            diff_diff(df, n_bootstrap=999, seed=1), "diff-diff", 3, 5,
        ),
        Bench(
            "the same doubly robust, 999 multiplier draws with bands",
            lambda: robust.fit(df, **COLUMNS, covariates=covariates, inference=bootstrap),
            diff_diff(df, covariates=covariates, estimation_method="dr", n_bootstrap=999, seed=1), "diff-diff", 3, 5,
        ),
        Bench(
            "wild cluster bootstrap of twfe, 9,999 draws: pyfixest, fit made",
            lambda: TWFE().fit(df, **COLUMNS, inference=wild), pyfixest_wild(df), "pyfixest", 3, 3,
        ),
        Bench(
            "the same, with an interval: diff-diff",
            lambda: TWFE().fit(df, **COLUMNS, inference=wild), diff_diff_wild(df), "diff-diff", 3, 3,
        ),
    ]  # fmt: skip


def large(n: int) -> list[Bench]:
    df = simulated(n, 10, 3)
    return [
        Bench(
            f"{n:,} x 10, 3 cohorts: errors, averages, bands",
            lambda: CallawaySantAnna().fit(df, **COLUMNS), diff_diff(df), "diff-diff", 1, 2,
        ),
        Bench(
            f"{n:,} x 10: two-way fixed effects",
            lambda: TWFE().fit(df, **COLUMNS), pyfixest(df), "pyfixest", 2, 3,
        ),
    ]  # fmt: skip


def draws() -> list[Bench]:
    """Return what no peer has: what is wanted is a time, in seconds.

    The estimates under 20,000 adoptions with their errors, and the whole test from a table of data: p of every row, and
    intervals too, where three batches are estimated, since linearity in the effect is checked and not taken on trust.
    """
    df = simulated(148, 15, 4)
    panel = from_frame(df, **COLUMNS)
    counts = simulated(120, 8, 1).assign(y=lambda one: np.random.default_rng(2).poisson(50, len(one)), e=1e5)
    counted = from_frame(counts, **COLUMNS, exposure="e", per=1e4)
    rng = np.random.default_rng(3)
    starts = np.array([rng.permutation(panel.first_treated) for _ in range(20_000)])
    others = np.array([rng.permutation(counted.first_treated) for _ in range(10_000)])
    jobs = {
        "20,000 permutations, 148 x 15, callaway_santanna": lambda: CallawaySantAnna().estimate_assignments(
            panel, starts
        ),
        "20,000 permutations, 148 x 15, twfe": partial(TWFE().estimate_assignments, panel, starts),
        "20,000 permutations, 148 x 15, event study": partial(EventStudyTWFE().estimate_assignments, panel, starts),
        "10,000 permutations, 120 x 8, poisson_did": partial(PoissonDiD().estimate_assignments, counted, others),
    }
    for what, interval in (("p of every row", "none"), ("p and intervals", "inversion")):
        permuted = {"method": "randomization", "draws": 20_000, "interval": interval}
        for method in (TWFE(), EventStudyTWFE(), CallawaySantAnna()):
            jobs[f"the whole test, {what}, {method.name}"] = partial(method.fit, df, **COLUMNS, inference=permuted)
    return [Bench(name, job, None, "-", 1.0, 3) for name, job in jobs.items()]


def best(job: Callable[[], object], times: int, clock: Callable[[], float] = perf_counter) -> float:
    """Return the best of a few runs after one to warm up, in seconds; of what takes more than ten, the one run."""
    begun = clock()
    job()
    if (first := clock() - begun) > 10:
        return first
    taken = []
    for _ in range(times):
        start = clock()
        job()
        taken.append(clock() - start)
    return min(taken)


def main() -> None:
    """Print a line per comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=200_000, help="units of the large panel")
    parser.add_argument("--only", default="", help="run what has these words in its name")
    parser.add_argument("--cpu", action="store_true", help="count processor time: for a machine with other work on it")
    chosen = parser.parse_args()
    clock = process_time if chosen.cpu else perf_counter
    warnings.simplefilter("ignore")
    print(f"{'':<64}{'peer':>10}{'ours':>10}{'theirs':>10}{'ratio':>8}{'wanted':>8}")
    for group in (small, draws, lambda: large(chosen.units)):
        for bench in group():
            if chosen.only not in bench.name:
                continue
            ours = best(bench.ours, bench.times, clock)
            if bench.theirs is None:
                print(f"{bench.name:<74}{ours:>9.4f}s{'':>18}{f'< {bench.wanted:g} s':>8}", flush=True)
                continue
            theirs = best(bench.theirs, bench.times, clock)
            figures = f"{ours:>9.4f}s{theirs:>9.4f}s{theirs / ours:>8.1f}{bench.wanted:>8g}"
            print(f"{bench.name:<64}{bench.peer:>10}{figures}", flush=True)


if __name__ == "__main__":
    main()
