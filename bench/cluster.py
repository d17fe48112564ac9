"""Time a study on worker processes and on Dask beside one process, in one run: ``python -m bench.cluster``.

Prints for each size of chunk the milliseconds a chunk once workers are warm; for one worker what that is more than
in the process itself (a chunk's overhead: it is sent, computed beside the worker's own messages, sent back, kept);
for two workers how many times faster they are.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sos_eval as se
from sos_eval.estimators import CallawaySantAnna
from sos_eval.jobs.power import plan_study
from sos_eval.montecarlo.chunk import Chunk, Task
from sos_eval.montecarlo.study import Study
from sos_eval.montecarlo.workers import on_processes, run_tasks
from tests.montecarlo.dask_cluster import Cluster, cluster_of

WORLD = Path(__file__).parent.parent / "synthetic" / "england.yaml"
WARM = 16
Keep = Callable[[Task, Chunk], None]


def here(study: Study) -> float:
    """Return milliseconds a chunk in this process."""
    return since(0, lambda keep: run_tasks(study, study.tasks, keep))


def there(study: Study, workers: int) -> float:
    """Return milliseconds a chunk on worker processes, which are new for every study and need a while to start."""
    return since(WARM, lambda keep: on_processes(study, study.tasks, keep, workers))


def on_dask(study: Study, cluster: Cluster) -> float:
    """Return milliseconds a chunk on a cluster that has seen the study before."""

    def run(keep: Keep) -> None:
        run_tasks(study, study.tasks, keep, scheduler=cluster.address)

    since(0, run)
    return since(1, run)


def since(first: int, run: Callable[[Keep], None]) -> float:
    """Return milliseconds a chunk from the start, or from the end of the first few chunks."""
    ends = [perf_counter()]
    run(lambda task, chunk: ends.append(perf_counter()))
    return 1000 * (ends[-1] - ends[first]) / (len(ends) - 1 - first)


def main() -> None:
    """Print a line per size of chunk and way to compute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100, help="chunks of each study")
    parser.add_argument("--times", type=int, default=3, help="turns, of which the median counts")
    options = parser.parse_args()
    world = se.load_world(WORLD)
    print(f"{'draws a chunk':>13}  {'on':<20}{'ms a chunk':>12}{'times faster':>14}{'overhead, ms':>14}")
    with cluster_of(1) as single, cluster_of(2) as double:
        ways: dict[str, Callable[[Study], float]] = {
            "this process": here,
            "one process": lambda study: there(study, 1),
            "Dask, one worker": lambda study: on_dask(study, single),
            "two processes": lambda study: there(study, 2),
            "Dask, two workers": lambda study: on_dask(study, double),
        }
        for size in (10, 250):
            study = plan_study(CallawaySantAnna(), world, reps=size * options.chunks, chunk=size, frames=1)
            turns = [{name: way(study) for name, way in ways.items()} for _ in range(options.times)]
            found = {name: median(turn[name] for turn in turns) for name in ways}
            alone = found["this process"]
            for name, taken in found.items():
                overhead = f"{taken - alone:.2f}" if "one" in name else ""
                print(f"{size:>13}  {name:<20}{taken:>12.2f}{alone / taken:>14.2f}{overhead:>14}", flush=True)


if __name__ == "__main__":
    main()
