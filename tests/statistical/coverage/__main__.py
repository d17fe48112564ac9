"""Measure size and coverage, and write docs/coverage.md: `python -m tests.statistical.coverage [--keep FOLDER]`."""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from tests.conftest import ROOT
from tests.statistical.coverage.jobs import jobs
from tests.statistical.coverage.keeping import kept, state
from tests.statistical.coverage.page import page


def main() -> None:
    """Measure what is not kept, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, default=ROOT / "reports" / "coverage", help="results, job by job")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the draws")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--stale", action="store_true", help="also keep what was measured on other code or inputs")
    chosen = parser.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    wanted = list(jobs(chosen.scale))
    with ProcessPoolExecutor(chosen.workers, initializer=threadpool_limits, initargs=(1,)) as pool:
        found = list(pool.map(partial(kept, folder=chosen.keep, now=state(), stale=chosen.stale), wanted))
    text = page(wanted, [one.rates for one in found], [one.state for one in found])
    (ROOT / "docs" / "coverage.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
