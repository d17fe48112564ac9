"""Time the commands of the README, each in a process of its own, best and worst of a few."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
DESIGN = "designs/matched_did_care_entry.yaml"


def seconds(*words: str, times: int = 3) -> tuple[float, float]:
    """Run `sos-eval` with these words and return the best and the worst time."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        subprocess.run([sys.executable, "-m", "sos_eval", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        taken.append(perf_counter() - start)
    return min(taken), max(taken)


def main() -> None:
    """Print a line per command."""
    with tempfile.TemporaryDirectory() as name:
        out = str(Path(name) / "bundle")
        commands = {
            "--help": ("--help",),
            "list estimators": ("list", "estimators"),
            "check": ("check", DESIGN),
            "run": ("run", DESIGN, "--out", out, "--force"),
            "report": ("report", out),
            "figure": ("figure", out, "event_study", "--out", str(Path(name) / "figure.svg")),
        }
        for label, words in commands.items():
            best, worst = seconds(*words)
            print(f"{label:<16} {best:6.2f} to {worst:.2f} s")


if __name__ == "__main__":
    main()
