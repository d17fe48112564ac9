"""Time the economic engine on simulated draws: CPU seconds and peak memory, each case in a process of its own.

Figures of the peers (R packages on the issue's machine) are quoted from the issue, not measured here.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from time import process_time

CASES = {
    "exact_10k": ("501 thresholds, 10,000 draws, 4 strategies",
                  "at most 0.5 s, 150 MB; BCEA 6.8 s, 3.4 GB; dampack 4.8 s"),
    "exact_100k": ("501 thresholds, 100,000 draws, 4 strategies", "at most 3 s"),
    "single_10k": ("ten single EVPPI, 10,000 draws", "at most 0.2 s; voi gam 0.42 s"),
    "single_100k": ("ten single EVPPI, 100,000 draws", "at most 1.5 s; voi gam 5.1 s"),
    "joint_100k": ("EVPPI of ten parameters jointly, 100,000 draws", "at most 3 s"),
}  # fmt: skip


def draws(n: int):
    """Simulate four strategies whose costs and effects depend on ten parameters, two of them through a product."""
    import numpy as np

    from sos_eval.economics.model.psa import Samples

    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, 10))
    base = np.column_stack([np.zeros(n), x[:, 0], x[:, 1] * x[:, 2], 0.5 * x[:, 3] ** 2 - 0.4])
    effects = base + 0.3 * rng.standard_normal((n, 4))
    costs = np.column_stack([1000 * j + 300 * x[:, 4 + j] for j in range(4)]) + 200 * rng.standard_normal((n, 4))
    return Samples(("A", "B", "C", "D"), effects, costs, x, tuple(f"x{i}" for i in range(10)))


def one(case: str) -> dict[str, float]:
    """Run one case and return CPU seconds, and megabytes above what the draws took."""
    import numpy as np

    from sos_eval.economics.ceac import sweep
    from sos_eval.economics.voi.evppi import evppi

    psa = draws(100_000 if case.endswith("100k") else 10_000)
    lam, at = np.linspace(0, 10_000, 501), np.array([5000.0])
    rng = np.random.default_rng(2)
    evppi(psa.with_outcomes(psa.effects, psa.costs), ["x0"], at, 0, rng)  # imports are not timed
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, process_time()
    if case.startswith("exact"):
        sweep(psa.effects, psa.costs, lam, 0)
    elif case.startswith("single"):
        for name in psa.param_names:
            evppi(psa, [name], at, 0, rng)
    else:
        evppi(psa, psa.param_names, at, 0, rng)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": process_time() - start, "added": (after - before) / 1024, "peak": after / 1024}


def main() -> None:
    """Print a line per case: best and worst of three processes."""
    if len(sys.argv) > 1:
        print(json.dumps(one(sys.argv[1])))
        return
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for case, (what, wanted) in CASES.items():
        runs = []
        for _ in range(3):
            shown = subprocess.run(
                [sys.executable, "-m", "bench.economics", case], capture_output=True, text=True, check=True,
                env=environment,
            )  # fmt: skip
            runs.append(json.loads(shown.stdout))
        taken = [run["seconds"] for run in runs]
        memory = f"peak {max(run['peak'] for run in runs):.0f} MB, of it {max(run['added'] for run in runs):.0f} here"
        print(f"{what:<48} {min(taken):.3f} to {max(taken):.3f} s CPU, {memory} (issue: {wanted})")


if __name__ == "__main__":
    main()
