"""Time of one match on many rows, kernels alone: ``python -m bench.groups``.

Covariates are drawn; a match is its distances (or strata) and its weights, without balance and files. Best of three,
or once where that is long. Names after it: only these. Memory: the largest that the process has held so far.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

import numpy as np
import pandas as pd

from sos_eval.comparison import CEM
from sos_eval.comparison.people_chance import chances, nearest_factors
from sos_eval.numerics.assignment import nearest, optimal
from sos_eval.numerics.chained import Gapped, impute
from sos_eval.numerics.distance import absolute, mahalanobis
from sos_eval.numerics.line import nearest_on_line
from sos_eval.numerics.logistic import logistic
from sos_eval.numerics.strata import stratum_weights

TIMES = 3


def units(n: int, treated: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw covariates (n, k) and who is treated."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, k))
    chance = x[:, 0] / 2 + rng.gumbel(size=n)
    return x, chance >= np.sort(chance)[-treated]


def on_propensity() -> Callable[[], object]:
    """1:1 on a propensity, 5,000 of 20,000 treated."""
    x, treated = units(20_000, 5_000, 8)
    design = np.column_stack([np.ones(len(x)), x])

    def match() -> object:
        score = logistic(treated.astype(float), design).probability
        order = np.argsort(-score[treated], kind="stable")
        return nearest_on_line(score[treated], score[~treated], order=order)

    return match


def on_mahalanobis() -> Callable[[], object]:
    """1:1 on Mahalanobis distance, 1,250 of 5,000 treated."""
    x, treated = units(5_000, 1_250, 8)
    return lambda: nearest(mahalanobis(x, treated), order=np.arange(1_250))


def best_pairs() -> Callable[[], object]:
    """Optimal pairs on a score, 2,000 treated and 8,000 untreated."""
    x, treated = units(10_000, 2_000, 8)
    return lambda: optimal(absolute(x[:, 0], treated))


def in_strata() -> Callable[[], object]:
    """CEM of 1,000,000 on 8 covariates, four of them numbers."""
    x, treated = units(1_000_000, 200_000, 8)
    values = pd.DataFrame(x, columns=[f"x{k}" for k in range(8)])
    for k in range(4, 8):
        values[f"x{k}"] = np.digitize(x[:, k], [-1, 0, 1]).astype(float)
    method = CEM(
        on=tuple(values), cutpoints={f"x{k}": (-1, 0, 1) for k in range(4)} | {f"x{k}": (1, 2) for k in range(4, 8)}
    )
    return lambda: stratum_weights(method.codes_many(values, treated[None]), treated[None])


def children_within_calipers(n: int = 1_000_000) -> Callable[[], object]:
    """1:1 of 1,000,000 children on 8 covariates within 18 sets and periods and a caliper of .2, 200,000 treated."""
    x, treated = units(n, n // 5, 8)
    values = pd.DataFrame(x, columns=[f"x{k}" for k in range(8)])
    cells, own = np.arange(n) % 18, np.ones(n)

    def match() -> object:
        chance = chances(values, cells, treated, own, "bench", folds=np.arange(n) % 5)
        return nearest_factors(chance.used, cells, treated, ratio=1, caliper=0.2)

    return match


def imputations() -> Callable[[], object]:
    """Five imputations of 200,000 rows of 12 covariates, ten numbers and two texts, a tenth of each missing."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200_000, 12))
    x[:, 1:] += 0.5 * x[:, :1]
    columns = [Gapped(column, rng.random(len(x)) < 0.1) for column in x[:, :10].T]
    columns += [
        Gapped(np.digitize(column, [-1, 0, 1]).astype(float), rng.random(len(x)) < 0.1, 4) for column in x[:, 10:].T
    ]
    period = (np.arange(len(x)) % 11).astype(float)[:, None]
    return lambda: [impute(columns, period, np.random.default_rng(k), iterations=5) for k in range(5)]


WORK = {"nearest": on_propensity, "mahalanobis": on_mahalanobis, "optimal": best_pairs, "cem": in_strata,
        "children": children_within_calipers, "imputations": imputations}  # fmt: skip
#: Work that is timed once: a single run takes long enough.
LONG = ("children", "imputations")


def main(names: list[str]) -> None:
    """Print a line per method."""
    for name in names or WORK:
        match, taken = WORK[name](), []
        for _ in range(1 if name in LONG else TIMES):
            start = perf_counter()
            match()
            taken.append(perf_counter() - start)
        held = getrusage(RUSAGE_SELF).ru_maxrss // 1024
        print(f"{name:<12} {min(taken):6.2f} s {held:>6,} MiB   {(WORK[name].__doc__ or '').strip()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
