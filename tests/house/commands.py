"""A shell in which `sos-eval` and `python` are those of the tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.conftest import ROOT

__all__ = ["with_commands"]


def with_commands(folder: Path) -> dict[str, str]:
    """Write the two commands into a folder's `bin`, and return an environment that finds them first."""
    place = folder / "bin"
    place.mkdir()
    for name, words in (("sos-eval", "-m sos_eval"), ("python", "")):
        (place / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (place / name).chmod(0o755)
    return os.environ | {"PATH": f"{place}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
