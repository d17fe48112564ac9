"""Measure size and coverage, and write docs/coverage.md: `python -m tests.statistical.coverage [--keep FOLDER]`."""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits

from tests.conftest import ROOT
from tests.statistical.coverage.chosen import Rates
from tests.statistical.coverage.jobs import Job, jobs
from tests.statistical.coverage.page import page


def kept(job: Job, folder: Path) -> Rates:
    """Return a job's rates, measured unless the folder has them."""
    path = folder / f"{job.name}.json"
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(job.run()), encoding="utf-8")
        os.replace(partial, path)
        print(job.name, flush=True)
    return {name: tuple(found) for name, found in json.loads(path.read_text(encoding="utf-8")).items()}


def main() -> None:
    """Measure what is not kept, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, default=ROOT / "reports" / "coverage", help="results, job by job")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the draws")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    wanted = list(jobs(chosen.scale))
    with ProcessPoolExecutor(chosen.workers, initializer=threadpool_limits, initargs=(1,)) as pool:
        found = list(pool.map(kept, wanted, [chosen.keep] * len(wanted)))
    (ROOT / "docs" / "coverage.md").write_text(page(wanted, found), encoding="utf-8")


if __name__ == "__main__":
    main()
