"""What was declared and did not come about, though the bundle is there: checks that failed, figures and formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Literal

import pandas as pd

from sos_eval.bundle.files import json_text

__all__ = ["Unmet", "failure_words", "note_unmet", "unmet_checks"]


@dataclass(frozen=True, slots=True)
class Unmet:
    """One line of ``unmet`` in `results.json`, and of exit 3."""

    kind: Literal["check", "figure", "format"]
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.why}"


def unmet_checks(diagnostics: pd.DataFrame) -> list[Unmet]:
    """Return the checks whose declared threshold was not met."""
    rows = zip(diagnostics["name"], diagnostics["passed"], diagnostics["text"], strict=True)
    return [Unmet("check", str(name), str(text)) for name, passed, text in rows if passed is False]


def note_unmet(folder: Path, unmet: Sequence[Unmet]) -> None:
    """Add to ``unmet`` in the `results.json` of a bundle that is being written."""
    if not unmet:
        return
    file = folder / "results.json"
    results = json.loads(file.read_text(encoding="utf-8"))
    results["unmet"] += [asdict(line) for line in unmet]
    file.write_text(json_text(results), encoding="utf-8", newline="\n")


def failure_words(error: Exception, *, quote: bool = True) -> str:
    """Say how something of ours failed, and where, for a line of a bundle.

    Parameters
    ----------
    quote
        Whether the error's own words may be repeated: they can hold cells of the data.
    """
    words = (str(error).strip().splitlines() or [""])[0][:200]
    said = f"{type(error).__name__}: {words}" if quote and words else type(error).__name__
    frames = [frame for frame in extract_tb(error.__traceback__) if "sos_eval" in Path(frame.filename).parts]
    return f"{said} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else said
