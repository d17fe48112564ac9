"""Time whole processes as users start them: ``python -m bench.processes``.

`sos-eval run` of the designs that `make run` and `make example` run, and `sos-eval power` of 10,000 draws of
`callaway_santanna` in the world `england`, from the start of Python to the report, beside a plain loop over diff-diff
and StatsPAI in this process, data frame made beforehand and imports not counted. Wall clock, and processor time of all
threads; on one core and on all of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sos_eval as se
from bench.power import WORLDS, loops, per_fit

ROOT = Path(__file__).resolve().parent.parent
RUNS = ("designs/sos_pilots_care_entry.yaml", "designs/matched_did_care_entry.yaml")
WORLD = WORLDS / "england.yaml"
DESIGN = """\
schema: sos-eval/design/1
name: power
title: Would callaway_santanna find the effect?
question:
  {{intervention: Signs of Safety, population: children aged 0-17, comparator: authorities not using it,
    outcome: care entries, expected_direction: decrease}}
panel:
  source: world
  path: {world}
  unit: la_code
  time: year
  year_convention: ends_march
  outcome: {{count: care_entries, exposure: children_0_17, per: 10000}}
  treatment: {{first_treated: first_treated}}
estimators:
  - {{id: primary, method: callaway_santanna}}
inference: analytic
"""


def timed(words: Sequence[str], room: Path, times: int) -> tuple[float, float]:
    """Run `sos-eval` with these words into a new folder every time; return its best wall clock and processor time.

    After one to warm up, which leaves compiled modules behind as a user's first call does. In seconds.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    turns = []
    for _ in range(times + 1):
        out = tempfile.mkdtemp(dir=room)
        command = [sys.executable, "-m", "sos_eval", *words, "--quiet", "--out", str(Path(out) / "new")]
        started, before = perf_counter(), processor()
        subprocess.run(command, cwd=ROOT, env=kept, check=True)
        turns.append((perf_counter() - started, processor() - before))
    walls, processors = zip(*turns[1:], strict=True)
    return min(walls), min(processors)


def processor() -> float:
    """Return the processor time of all processes that were started and have ended."""
    spent = getrusage(RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def main() -> None:
    """Print a line per process; for the study its ratio to each peer's loop, by wall clock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=10_000, help="draws of the power study")
    parser.add_argument("--peer-reps", type=int, default=100, help="fits of a peer that are timed")
    parser.add_argument("--times", type=int, default=3, help="turns of every process, of which the best counts")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        room, cores = Path(name), os.cpu_count() or 1
        (room / "power.yaml").write_text(DESIGN.format(world=WORLD), encoding="utf-8")
        for design in RUNS:
            wall, spent = timed(["run", design], room, options.times)
            print(f"run {design}: {wall:.2f} s ({spent:.2f} s of processor time)", flush=True)
        study = ["power", str(room / "power.yaml"), "--world", str(WORLD), "--reps", str(options.reps)]
        ours = {n: timed([*study, "--workers", str(n)], room, options.times) for n in dict.fromkeys((1, cores))}
        for workers, (wall, spent) in ours.items():
            print(f"power, {options.reps:,} draws, --workers {workers}: {wall:.2f} s ({spent:.2f} s of processor time)")
        for peer, fit in loops(se.load_world(WORLD), "callaway_santanna").items():
            loop = options.reps * per_fit(fit, options.peer_reps) / 1000
            ratios = ", ".join(f"{loop / wall:.1f} times with {n}" for n, (wall, _) in ours.items())
            print(f"  loop over {peer} {loop:.1f} s: {ratios}", flush=True)


if __name__ == "__main__":
    main()
