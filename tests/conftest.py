"""What all tests share: where the data outside the repository are, and a skip with a reason where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def pytest_addoption(parser):
    """Add the option by which CI runs a few of the slow tests beside the fast ones."""
    parser.addoption("--slow-sample", type=int, metavar="N", help="run the fast tests and N of the slow ones")


def pytest_collection_modifyitems(config, items):
    """Keep N slow tests, evenly spread over the rooms; the others are reported as deselected."""
    wanted = config.getoption("--slow-sample")
    if wanted is None:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    kept = {slow[i * len(slow) // wanted] for i in range(wanted)} if len(slow) > wanted else set(slow)
    dropped = [item for item in slow if item not in kept]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]


def shared(*parts: str) -> Path:
    """Return a file under ``../shared``; skip the test where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"../shared/{'/'.join(parts)} is not here")
    return path
