"""One command in a fork of its own, with limits of time and memory, so that nothing it does reaches the next."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import time
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

#: Seconds that a command may take, and bytes beside those that the process it is forked from has.
SECONDS, MEMORY = 30, 3 * 2**30
TOO_LONG = 124


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code, what it said, how long it took."""

    code: int
    said: str
    seconds: float

    @property
    def told(self) -> tuple[int, str]:
        """Return the exit code and the first line that was said, without folders and long words."""
        lines = [line for line in self.said.splitlines() if line.strip() and self.code not in {0, 3}]
        first = " ".join(word[:60] for word in lines[0].split())[:240] if lines else ""
        return self.code, re.sub(r"[\d,]+ of its [\d,]+ bytes", "n of its m bytes", first)


def run(arguments: list[str], folder: Path, file_bytes: int = 0) -> Outcome:
    """Run `sos-eval` in a folder and wait for it."""
    begun = time.monotonic()
    child = start(arguments, folder, file_bytes)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() - begun > SECONDS:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            code = TOO_LONG
            break
        time.sleep(0.005)
    said = (folder / ".said").read_text(encoding="utf-8", errors="replace")
    return Outcome(code, said.replace(str(folder), "FOLDER"), time.monotonic() - begun)


def start(arguments: list[str], folder: Path, file_bytes: int = 0) -> int:
    """Start `sos-eval` in a folder and return the number of its process."""
    _warm()
    child = os.fork()
    if child == 0:
        _child(arguments, folder, file_bytes)
    return child


@cache
def _warm() -> None:
    """Import in the parent what every child needs."""
    for name in (
        "cli.main",
        "cli.designs",
        "jobs.check",
        "jobs.run",
        "jobs.simulate",
        "jobs.economics",
        "jobs.power",
        "report.render",
    ):
        import_module(f"sos_eval.{name}")
    for name in ("ruamel.yaml", "pyarrow.parquet", "duckdb", "openpyxl", "scipy.stats"):
        import_module(name)


def _held() -> int:
    """Return the bytes of address space that this process has already: a worker of a whole suite holds gigabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _child(arguments: list[str], folder: Path, file_bytes: int) -> None:
    """Answer one command and leave, whatever happens."""
    code = 125
    try:
        os.chdir(folder)
        said = os.open(".said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for old, new in ((0, nowhere), (1, nowhere), (2, said)):
            os.dup2(new, old)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(0, "r"), os.fdopen(1, "w"), os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace"),
        )  # fmt: skip
        most = MEMORY + _held()
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        if file_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        from sos_eval.bundle.stopping import stopped_in_order
        from sos_eval.cli.main import cli
        from sos_eval.cli.screen import Screen, answered

        with stopped_in_order():
            code = answered(cli, arguments, Screen())
        sys.stderr.flush()
    finally:
        os._exit(code)
