"""Results kept job by job: each knows the code and the inputs it was measured on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from sos_eval.panel.england.published import panel_file
from tests.conftest import ROOT
from tests.statistical.coverage.chosen import Rates
from tests.statistical.coverage.jobs import Job

#: What decides a rate: the code that draws, estimates and tests, the world, the real panel.
DECIDING = (
    "sos_eval/numerics", "sos_eval/panel", "sos_eval/results", "sos_eval/estimators", "sos_eval/inference",
    "sos_eval/worlds", "tests/statistical/coverage", "synthetic/england.yaml",
)  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A job's rates, and the state they were measured on."""

    rates: Rates
    state: str


def state() -> str:
    """Return eight hex digits of all that decides a rate."""
    digest = sha256("".join(version(name) for name in ("numpy", "scipy", "pandas")).encode())
    for path in sorted(path for one in DECIDING for path in _files(ROOT / one)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return sha256(digest.digest() + panel_file("constant").read_bytes()).hexdigest()[:8]


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("*.py"))


def kept(job: Job, folder: Path, now: str, *, stale: bool) -> Kept:
    """Return a job's rates: the folder's, where they were measured on this state (or any, where `stale`), else anew."""
    path = folder / f"{job.name}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if stale or found["state"] == now:
            return Kept({name: tuple(rate) for name, rate in found["rates"].items()}, found["state"])
    measured = Kept(job.run(), now)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"state": now, "rates": measured.rates}), encoding="utf-8")
    os.replace(partial, path)
    print(job.name, flush=True)
    return measured
