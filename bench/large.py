"""Time and peak memory of what is large, each in a process of its own: ``python -m bench.large``.

A power study of 100,000 draws, and `callaway_santanna` with all averages on 200,000 units, beside diff-diff where it is
installed. Memory is the most that the process ever held, and what it held before the work.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

DRAWS, UNITS, PERIODS = 100_000, 200_000, 10
WORLD = Path(__file__).parent.parent / "synthetic" / "england.yaml"


def study() -> Callable[[], object]:
    """`callaway_santanna` on `england`, to a folder."""
    import sos_eval as se
    from sos_eval.estimators import CallawaySantAnna

    world, folder = se.load_world(WORLD), TemporaryDirectory()
    return lambda: se.power(CallawaySantAnna(), world, reps=DRAWS, out=Path(folder.name) / "study")


def ours() -> Callable[[], object]:
    """Our fit of a long data frame."""
    from bench.peers import simulated
    from sos_eval.estimators import CallawaySantAnna

    df = simulated(UNITS, PERIODS, 3)[["unit", "time", "y", "g"]]
    return lambda: CallawaySantAnna().fit(df, unit="unit", time="time", outcome="y", first_treated="g")


def theirs() -> Callable[[], object]:
    """Diff-diff's."""
    from bench.peers import diff_diff, simulated

    return diff_diff(simulated(UNITS, PERIODS, 3)[["unit", "time", "y", "g"]], n_bootstrap=0)


WORK = {"study": study, "ours": ours, "theirs": theirs}
WHAT = {
    "study": f"power study, {DRAWS:,} draws of england",
    "ours": f"callaway_santanna, {UNITS:,} x {PERIODS}",
    "theirs": "the same, diff-diff",
}


def held() -> float:
    """Return the most memory that this process ever held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a line for each, or do the one that is named."""
    if len(sys.argv) > 1:
        work = WORK[sys.argv[1]]()
        before, started = held(), process_time()
        work()
        print(f"{process_time() - started:8.1f} s of processor time, {before:5.0f} MiB before, {held():5.0f} at most")
        return
    for name, what in WHAT.items():
        if name != "theirs" or find_spec("diff_diff"):
            print(f"{what:40}", end="", flush=True)
            subprocess.run([sys.executable, "-W", "ignore", "-m", "bench.large", name], check=True)


if __name__ == "__main__":
    main()
