"""Time and peak memory of differences that are looked for among 200,000 children: ``python -m bench.discovery``.

Ten columns, 120 authorities of which half start, one split, calibration and groups included; each learner in a process
of its own.
"""

from __future__ import annotations

import subprocess
import sys
from time import process_time

import numpy as np

from bench.large import held
from sos_eval.panel.panel import Panel

CHILDREN, AUTHORITIES, COLUMNS = 200_000, 120, 10
LEARNERS = ("double_ml", "dr_learner", "causal_forest")


def children() -> Panel:
    """Children before and after a start, whose first column moves the effect by .4 a standard deviation."""
    from tests.fakes import cross_sections_of

    rng = np.random.default_rng(1)
    each = CHILDREN // AUTHORITIES // 2  # as many before the start as after it, two years each
    unit = np.repeat(np.arange(AUTHORITIES), 4 * each)
    time = np.tile(np.repeat([2001.0, 2002.0, 2003.0, 2004.0], each), AUTHORITIES)
    treated, late = unit < AUTHORITIES // 2, time >= 2003
    x = rng.standard_normal((len(unit), COLUMNS))
    y = rng.standard_normal(AUTHORITIES)[unit] + x[:, 1] + late * (treated * (0.4 * x[:, 0] - 1))
    y = y + rng.standard_normal(len(unit))
    panel = cross_sections_of(y, [f"u{u:03d}" for u in unit], time, np.where(treated, 2003.0, np.inf))
    return panel.with_columns(**{f"x{k}": x[:, k] for k in range(COLUMNS)})


def learner(name: str):
    """Return a learner with the forest's options of the issue: 100 trees, a tenth of the rows, leaves of 50."""
    from sos_eval.theory.discovery import CausalForest, DoubleML, DrLearner

    among = tuple(f"x{k}" for k in range(COLUMNS))
    if name == "causal_forest":
        return CausalForest(among, splits=1, trees=100, subsample=0.1, least_leaf=50)
    return {"double_ml": DoubleML, "dr_learner": DrLearner}[name](among, splits=1)


def one(name: str) -> None:
    """Time one learner, all that a run makes of it."""
    from sos_eval.theory.discovery import changes_of
    from sos_eval.theory.exploration import explored

    panel, method = children(), learner(name)
    before, started = held(), process_time()
    found = explored(method, changes_of(panel, method.among), np.random.default_rng(1))
    seconds = process_time() - started
    slope = float(found.projection["estimate"].iloc[0])
    print(f"{name:15}{seconds:8.1f} s of processor time, {before:5.0f} MiB before, {held():5.0f} at most; ", end="")
    print(f"a standard deviation of the column that moves the effect by .4 adds {slope:.2f}")


def main() -> None:
    """Print a line for each, or do the one that is named."""
    if len(sys.argv) > 1:
        one(sys.argv[1])
        return
    for name in LEARNERS:
        subprocess.run([sys.executable, "-W", "ignore", "-m", "bench.discovery", name], check=True)


if __name__ == "__main__":
    main()
