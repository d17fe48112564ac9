"""No place of a machine goes into a bundle: files are named from the design on, never from a root or a home."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

import pandas as pd

__all__ = ["placeless"]

T = TypeVar("T")


def placeless(value: T, places: Iterable[Path] = ()) -> T:
    """Return a value with no absolute path in its texts.

    Parameters
    ----------
    value
        Texts, tables, mappings, sequences and dataclasses of such; anything else stays as it is.
    places
        Folders that texts may name files in; what lies in one is named from there on. A text that is an absolute path
        as a whole becomes the file's name wherever it lies.

    Examples
    --------
    >>> placeless({"file": "/srv/ann/study/panel.csv", "said": "read from /srv/ann/x.csv"}, [Path("/srv/ann")])
    {'file': 'study/panel.csv', 'said': 'read from x.csv'}
    """
    known = sorted({str(place) for place in places if len(place.parts) > 1}, key=len, reverse=True)
    named: T = _mapped(value, lambda text: _named(text, known))
    return named


def _named(text: str, known: list[str]) -> str:
    for place in known:
        itself = rf"(?<![\w.:/\\-]){re.escape(place)}"
        text = re.sub(rf"{itself}[/\\]", "", text)
        text = re.sub(rf"{itself}(?![\w.-])", Path(place).name.replace("\\", ""), text)
    return PureWindowsPath(text).name if "\n" not in text and _is_path(text) else text


def _is_path(text: str) -> bool:
    return (text.startswith("/") and "/" in text[1:]) or (bool(PureWindowsPath(text).drive) and "\\" in text)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Apply a change to every text of a value; what holds none comes back as the same object."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, pd.DataFrame):
        texts = [name for name in value.columns if value[name].dtype.kind == "O"]
        return value.assign(**{name: value[name].map(lambda cell: _mapped(cell, change)) for name in texts})
    if isinstance(value, Mapping):
        return {name: _mapped(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _mapped(getattr(value, one.name), change) for one in fields(value)})
    return value
