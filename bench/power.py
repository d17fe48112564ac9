"""Time power studies beside a loop over diff-diff, in the same run on one core: ``python -m bench.power``.

Prints for each world the milliseconds a draw, generation included, with standard errors and all aggregations of
group-time effects; for the peer, the same draws in a plain loop, data frames made beforehand.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from time import perf_counter

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import sos_eval as se
from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.jobs.montecarlo import Task, compute
from sos_eval.jobs.power import plan_study
from sos_eval.worlds.source import data_of

WORLDS = Path(__file__).parent.parent / "synthetic"
METHODS = {
    "callaway_santanna": CallawaySantAnna(),
    "twfe": TWFE(),
    "event_study_twfe": EventStudyTWFE(),
    "poisson_did": PoissonDiD(),
}


def ours(world: object, method: object, reps: int) -> tuple[float, float, float]:
    """Return milliseconds a draw: in all, drawing, estimating (after the plan is compiled)."""
    study = plan_study(method, world, reps=reps, chunk=250)
    compute(study, Task(0, 0))
    started = perf_counter()
    chunks = [compute(study, task) for task in study.tasks]
    total = perf_counter() - started
    draw = sum(chunk.seconds["draw"] for chunk in chunks)
    return 1000 * total / reps, 1000 * draw / reps, 1000 * (total - draw) / reps


def numpy_alone(world: object, reps: int) -> float:
    """Return milliseconds for the random numbers of one draw, with nothing around them."""
    draws = world.draw(np.random.default_rng(1), 2)
    n, t = draws.observed.shape[1:]
    rng = np.random.default_rng(1)
    mean = np.repeat(draws.expected[:1], 250, axis=0) * (draws.frame.exposure / world.outcome.per)
    started = perf_counter()
    for _ in range(reps // 250):
        rng.standard_normal((250, n))
        rng.standard_normal((250, n))
        np.exp(rng.standard_normal((250, n, t)))
        if world.outcome.counted:
            rng.poisson(mean * rng.standard_gamma(100.0, mean.shape) / 100.0)
        else:
            rng.standard_normal((250, n, t))
    return 1000 * (perf_counter() - started) / (reps // 250 * 250)


def theirs(world: object, reps: int) -> float:
    """Return milliseconds a draw of a plain loop over diff-diff's Callaway and Sant'Anna, fit only."""
    from diff_diff import CallawaySantAnna as Peer

    names = world.columns
    table = data_of(world.draw(np.random.default_rng(1), 1))
    if world.outcome.counted:
        table[world.outcome.name] = table[world.outcome.name] / table[names.exposure] * world.outcome.per
    started = perf_counter()
    for _ in range(reps):
        Peer().fit(
            table, outcome=world.outcome.name, unit=names.unit, time=names.time, first_treat="first_treated",
        ).aggregate("group")  # fmt: skip
    return 1000 * (perf_counter() - started) / reps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reps", type=int, default=2000)
    parser.add_argument("--peer-reps", type=int, default=40)
    options = parser.parse_args()
    for name in ("peers", "england"):
        world = se.load_world(WORLDS / f"{name}.yaml")
        alone = numpy_alone(world, options.reps)
        print(f"{name}: random numbers alone {alone:.3f} ms a draw")
        for method, estimator in METHODS.items():
            if method == "poisson_did" and not world.outcome.counted:
                continue
            total, draw, estimate = ours(world, estimator, options.reps)
            print(f"  {method:18s} {total:.3f} ms a draw: {draw:.3f} drawing, {estimate:.3f} estimating")
        try:
            peer = theirs(world, options.peer_reps)
        except ImportError:
            print("  diff-diff is not installed")
        else:
            total = ours(world, METHODS["callaway_santanna"], options.reps)[0]
            print(f"  diff-diff loop     {peer:.2f} ms a draw, fit only: {peer / total:.0f} times ours with drawing")


if __name__ == "__main__":
    main()
