"""Time power studies beside their peers, in the same run on one core: ``python -m bench.power``.

Prints for each world the milliseconds a draw, generation and standard errors included; for the peers, diff-diff's
own `simulate_power` (generation included) and a plain loop over the fastest of diff-diff, StatsPAI and pyfixest, data
frames made beforehand.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import sos_eval as se
from sos_eval.estimators import TWFE, CallawaySantAnna, EventStudyTWFE, PoissonDiD
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo.chunk import Task
from sos_eval.montecarlo.study import compute
from sos_eval.worlds.source import data_of

WORLDS = Path(__file__).parent.parent / "synthetic"
METHODS = {
    "callaway_santanna": CallawaySantAnna(),
    "the same, dr": CallawaySantAnna(adjust="dr", covariates=("idaci",)),
    "twfe": TWFE(),
    "event_study_twfe": EventStudyTWFE(),
    "poisson_did": PoissonDiD(),
}


def ours(world: object, method: object, reps: int) -> tuple[float, float, float]:
    """Return milliseconds a draw: in all, drawing, estimating (after the plan is compiled)."""
    study = plan_study(method, world, reps=reps, frames=1, chunk=250)  # what a further frame costs: docs/scale.md
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


def loops(world: object, method: str) -> dict[str, Callable[[], object]]:
    """Return each peer's fit of one drawn table, by the peer's name; the table is made beforehand."""
    from diff_diff import CallawaySantAnna as Peer
    from diff_diff import TwoWayFixedEffects
    from pyfixest import feols, fepois

    table, names = data_of(world.draw(np.random.default_rng(1), 1)), world.columns
    unit, time, start = names.unit, names.time, table["first_treated"]
    counted = world.outcome.counted
    table["y"] = table[world.outcome.name] / (table[names.exposure] / world.outcome.per if counted else 1.0)
    treated = pd.to_numeric(start, errors="coerce").replace(0, np.inf).fillna(np.inf)
    table["g"] = np.where(np.isfinite(treated), treated, 0)
    table["d"] = (table[time] >= treated).astype(int)
    event = (table[time] - treated).where(np.isfinite(treated), -1).astype(int)
    own, clustered = f"| {unit} + {time}", {"vcov": {"CRV1": unit}}

    def cohorts(**more: object) -> object:
        covariates = more.pop("covariates", None)
        fitted = Peer(**more).fit(
            table, outcome="y", unit=unit, time=time, first_treat="g", covariates=covariates
        )  # fmt: skip
        return fitted.aggregate("group")

    def averaged(**more: object) -> object:
        import statspai

        return statspai.aggte(statspai.callaway_santanna(table, y="y", g="g", t=time, i=unit, **more), type="group")

    if method == "callaway_santanna":
        return {"diff-diff": cohorts, "StatsPAI": lambda: averaged(estimator="reg")}
    if method == "the same, dr":
        robust = {"estimation_method": "dr", "covariates": ["idaci"]}
        return {"diff-diff": lambda: cohorts(**robust), "StatsPAI": lambda: averaged(estimator="dr", x=["idaci"])}
    if method == "twfe":
        blocks = table.assign(ever=np.isfinite(treated).astype(int), post=(table[time] >= treated.min()).astype(int))
        model, roles = TwoWayFixedEffects(cluster=unit), {"treatment": "ever", "post": "post", "unit": unit}
        return {
            "pyfixest": lambda: feols(f"y ~ d {own}", table, **clustered),
            "diff-diff": lambda: model.fit(blocks, outcome="y", **roles),
        }
    if method == "event_study_twfe":
        table["event"] = event
        return {"pyfixest": lambda: feols(f"y ~ i(event, ref=-1) {own}", table, **clustered)}
    table["log_children"] = np.log(table[names.exposure])
    formula = f"{world.outcome.name} ~ d {own}"
    return {"pyfixest": lambda: fepois(formula, table, offset="log_children", **clustered)}


def per_fit(fit: Callable[[], object], reps: int) -> float:
    """Return milliseconds a fit, after one to warm up."""
    fit()
    started = perf_counter()
    for _ in range(reps):
        fit()
    return 1000 * (perf_counter() - started) / reps


def peer_study(reps: int) -> float:
    """Return milliseconds a draw of diff-diff's own power simulation at 152 x 20 with five cohorts."""
    from diff_diff import CallawaySantAnna as Peer
    from diff_diff import simulate_power

    waves = {"cohort_periods": [6, 9, 12, 15, 18]}
    options = {"n_units": 152, "n_periods": 20, "progress": False, "seed": 1, "data_generator_kwargs": waves}
    simulate_power(Peer(), n_simulations=2, **options)
    started = perf_counter()
    simulate_power(Peer(), n_simulations=reps, **options)
    return 1000 * (perf_counter() - started) / reps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reps", type=int, default=2000)
    parser.add_argument("--peer-reps", type=int, default=40)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in ("peers", "england"):
        world = se.load_world(WORLDS / f"{name}.yaml")
        alone = numpy_alone(world, options.reps)
        print(f"{name}: random numbers alone {alone:.3f} ms a draw")
        for method, estimator in METHODS.items():
            if not world.outcome.counted and method in ("poisson_did", "the same, dr"):
                continue
            total, draw, estimate = ours(world, estimator, options.reps)
            print(f"  {method:18s} {total:.3f} ms a draw: {draw:.3f} drawing, {estimate:.3f} estimating", end="")
            for peer, fit in loops(world, method).items():
                taken = per_fit(fit, options.peer_reps)
                print(f"; loop over {peer} {taken:.2f}: {taken / total:.0f} times", end="", flush=True)
            if name == "peers" and method == "callaway_santanna":
                taken = peer_study(options.peer_reps)
                print(f"; its simulate_power {taken:.2f}: {taken / total:.0f} times", end="")
            print(flush=True)


if __name__ == "__main__":
    main()
