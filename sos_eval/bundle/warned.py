"""What is said where a library warns: our own words, each once, and of a library's only that there was one."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["on_terminal", "shown_once"]

_PACKAGE = Path(__file__).resolve().parents[1]


def shown_once(say: Callable[[str], object]) -> Callable[..., None]:
    """Return what takes the place of `warnings.showwarning`: a library's words may hold cells of the data or paths."""
    said = set[str]()

    def told(message: Warning | str, category: type[Warning], filename: str, *_: Any) -> None:
        ours = Path(filename).is_relative_to(_PACKAGE)
        line = f"note: {message if ours else f'a library warned ({category.__name__} in {Path(filename).name})'}"
        if line not in said:
            said.add(line)
            say(line)

    return told


def on_terminal() -> None:
    """Let this process, which somebody else started, warn so from now on."""
    warnings.showwarning = shown_once(lambda line: print(line, file=sys.stderr))
