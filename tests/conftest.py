"""What all tests share: where the data outside the repository are, and a skip with a reason where they are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from sos_eval.results.facts import DetectableFacts

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand tests that share a run to one worker; xdist's own way writes groups into names, which pytest 9 ignores."""
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return shared_by(nodeid)

    return Together(config, log)


def shared_by(nodeid: str) -> str:
    """Return what a test shares its runs with: its file's group, the file where it has fixtures of its own, or nobody.

    A group is named by ``xdist_group``; all of a file belong to the one it names.
    """
    file = nodeid.partition("::")[0]
    return group_of(file) or nodeid


@cache
def group_of(file: str) -> str:
    """Return the group of a file; empty where each of its tests stands alone."""
    text = (ROOT / file).read_text(encoding="utf-8")
    named = re.search(r'xdist_group\("(\w+)"\)', text)
    return named[1] if named else file if 'scope="module"' in text else ""


def shared(*parts: str) -> Path:
    """Return a file under ``../shared``; skip the test where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"../shared/{'/'.join(parts)} is not here")
    return path


@contextmanager
def without_pages() -> Iterator[None]:
    """Run without figures and report, half of a small run's time, where neither is read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sos_eval.jobs.write.render_all", lambda *given: [])
        yield


@contextmanager
def drawn_once() -> Iterator[None]:
    """Draw what the page shows alone, and not every figure a second time as an image of dots."""
    from sos_eval.report.draw import draw_all

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sos_eval.report.render.draw_all", lambda bundle, forms=("svg",), own=None: draw_all(bundle, forms, own=own)
        )
        yield


@pytest.fixture
def undrawn() -> Iterator[None]:
    """Make a test's runs without figures and report."""
    with without_pages():
        yield


@contextmanager
def without_sizes() -> Iterator[None]:
    """Run without detectable sizes: over a complete list they take nine tenths of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sos_eval.jobs.judge._detectable", lambda *given: (DetectableFacts(), pd.DataFrame()))
        yield


@pytest.fixture
def unsized() -> Iterator[None]:
    """Make a test's runs without detectable sizes."""
    with without_sizes():
        yield


@pytest.fixture
def undotted() -> Iterator[None]:
    """Make a test's runs with every figure as lines alone."""
    with drawn_once():
        yield
