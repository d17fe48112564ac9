"""A Dask scheduler and its workers on this machine, each a process of its own that a test may kill."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from pathlib import Path
from time import monotonic, sleep

from tests.conftest import ROOT

__all__ = ["Cluster", "cluster_of"]

Process = subprocess.Popen[bytes]
START_WITHIN = 60


@dataclass(frozen=True)
class Cluster:
    """What was started, and where the scheduler listens."""

    address: str
    scheduler: Process
    workers: tuple[Process, ...]


@contextmanager
def cluster_of(workers: int) -> Iterator[Cluster]:
    """Start a scheduler and some workers of one thread on the loopback device, and end them afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        file, started = Path(name) / "scheduler.json", list[Process]()

        def start(program: str, *words: str) -> Process:
            command = [sys.executable, "-m", f"distributed.cli.{program}", *words, "--host", "127.0.0.1"]
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            environment = os.environ | {"PYTHONPATH": str(ROOT), "DASK_TEMPORARY_DIRECTORY": name}
            started.append(subprocess.Popen(command, cwd=ROOT, env=environment, **quiet))
            return started[-1]

        try:
            anywhere = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
            scheduler = start("dask_scheduler", *anywhere, "--scheduler-file", str(file))
            _wait_for(file, scheduler)
            address = loads(file.read_text())["address"]
            one = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
            yield Cluster(address, scheduler, tuple(start("dask_worker", address, *one) for _ in range(workers)))
        finally:
            for process in started:
                process.kill()
                process.wait()


def _wait_for(file: Path, scheduler: Process) -> None:
    """Wait until a scheduler has said where it listens."""
    until = monotonic() + START_WITHIN
    while not (file.exists() and file.read_text().strip().endswith("}")):
        if scheduler.poll() is not None or monotonic() > until:
            raise RuntimeError("the scheduler did not start")
        sleep(0.05)
