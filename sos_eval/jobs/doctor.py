"""The job `doctor`: whether a run would work here, told from what is installed and from the folder; no network."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

__all__ = ["Finding", "examine"]

State = Literal["in order", "missing", "optional"]

#: Room that is asked for: many times what the bundle of a reference design takes (about 10 MB).
_ROOM = 200 * 1024**2
#: Libraries that a plain run does without -> what does not work without them.
_WITHOUT = {
    "distributed": "`sos-eval power --scheduler`",
    "dowhy": "designs with a `theory`",
    "duckdb": "`panel.source: duckdb` and `sos-eval panel ssda903`",
    "econml": "designs with `discover`",
    "markdown-it-py": "`sos-eval protocol` in html and docx",
    "openpyxl": "everything that reads or writes .xlsx",
    "python-docx": "everything that writes .docx",
}
#: The font that figures are laid out in; it comes with matplotlib.
_FONT = "DejaVu Sans"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what
        Its name.
    state
        ``in order``; ``missing``: a run would not work; ``optional``: some command would not.
    text
        What is there, what is asked for, and what to do.
    """

    what: str
    state: State
    text: str


def examine(folder: Path) -> tuple[Finding, ...]:
    """Look at Python, libraries, the font, and the folder that work is done in."""
    return (_python(), *_libraries(), _font(), _rights(folder), _room(folder))


def _python() -> Finding:
    from importlib.metadata import metadata

    asked = metadata("sos_eval")["Requires-Python"]
    here = ".".join(str(part) for part in sys.version_info[:3])
    return _held("python", here, asked)


def _libraries() -> Iterator[Finding]:
    """Yield each library that the package asks for, those of its extras too."""
    for line in requires("sos_eval") or []:
        wanted = line.partition(";")[0].strip()
        match = _NAME.match(wanted)
        name = match.group() if match else wanted
        yield _held(name, _installed(name), wanted[len(name) :].strip())


def _installed(name: str) -> str:
    """Return the version of a distribution; empty where it is absent."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _held(name: str, here: str, asked: str) -> Finding:
    """Hold a version against what is asked."""
    if here and _satisfies(here, asked):
        return Finding(name, "in order", f"{here} (asked for: {asked or 'any'})")
    text = f"{f'{here} is here, {asked} is asked for' if here else 'not installed'}; install {name}{asked}"
    if name in _WITHOUT:
        return Finding(name, "optional", f"{text}; without it these do not work: {_WITHOUT[name]}")
    return Finding(name, "missing", text)


def _satisfies(here: str, asked: str) -> bool:
    """Whether a version lies within bounds as pyproject writes them: ``>=1.6,<1.10``.

    Examples
    --------
    >>> _satisfies("1.9.2", ">=1.6,<1.10"), _satisfies("1.10", ">=1.6,<1.10"), _satisfies("3", ">=3")
    (True, False, True)
    """
    holds = {
        ">=": lambda a, b: a >= b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
        "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    }  # fmt: skip
    for bound in filter(None, (part.strip() for part in asked.split(","))):
        match = re.fullmatch(r"(>=|<=|==|!=|<|>)\s*([\d.]+)", bound)
        if match is None or not holds[match.group(1)](*_padded(here, match.group(2))):
            return False
    return True


def _padded(*texts: str) -> tuple[tuple[int, ...], ...]:
    """Return the numbers of versions, of one length."""
    numbers = [[int(part) for part in re.findall(r"\d+", re.split(r"[a-z+-]", text)[0])] for text in texts]
    longest = max(map(len, numbers))
    return tuple(tuple(part + [0] * (longest - len(part))) for part in numbers)


def _font() -> Finding:
    """Find the font of the figures without drawing."""
    if find_spec("matplotlib") is None:
        return Finding("font", "missing", "matplotlib is not installed: no figure can be drawn")
    from matplotlib.font_manager import findfont

    try:
        findfont(_FONT, fallback_to_default=False)
    except ValueError:
        return Finding("font", "missing", f"{_FONT} is not found: figures have no letters; reinstall matplotlib")
    return Finding("font", "in order", _FONT)


def _rights(folder: Path) -> Finding:
    """Say whether files can be made in a folder."""
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding("folder", "in order", "can be written")
    return Finding("folder", "missing", "cannot be written; work in a folder of your own, or give --out")


def _room(folder: Path) -> Finding:
    """Say how much room there is on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**2:,.0f} MB free"
    if free >= _ROOM:
        return Finding("disk", "in order", text)
    return Finding("disk", "missing", f"{text}; a run may need {_ROOM / 1024**2:.0f} MB")
