"""Sweeps: keys of a world or a design, and the values that they take, in full factorial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from sos_eval.errors import Faults

__all__ = ["APART", "combinations", "parse_sweeps", "sound_sweeps", "split_key", "swept_text"]

ROOTS = ("world", "design")
#: Keys that change nothing in a study, and what does.
APART = {
    "world.seed": "one seed draws every combination: write --seed",
    "design.seed": "one seed draws every combination: write --seed",
    "design.panel.path": "the world is the data: write --world",
    "design.panel.source": "the world is the data: write --world",
}


def parse_sweeps(given: Sequence[str], faults: Faults) -> dict[str, list[Any]]:
    """Read ``world.effect.size=-1,-2`` into a key and its values; a value is what YAML takes it for.

    Parameters
    ----------
    faults
        Takes what cannot be read: no ``=``, no value, a key twice.
    """
    sweeps: dict[str, list[Any]] = {}
    for text in given:
        key, equals, values = text.partition("=")
        if not equals or not values.strip():
            faults.add(f"--sweep {text}", "no values", "write --sweep world.effect.size=-1,-2,-4")
        elif key in sweeps:
            faults.add(f"--sweep {text}", f"{key}: is swept twice", "put all values into one --sweep")
        elif (read := _values(values)) is None:
            faults.add(f"--sweep {text}", f"{values!r} is no list of values", "write 1,2,4 or {2013: 1},{2015: 1}")
        else:
            sweeps[key] = read
    return sweeps


def _values(text: str) -> list[Any] | None:
    """Read values apart by commas, those inside brackets left alone; None where they are none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        values = YAML(typ="safe", pure=True).load(f"[{text}]")
    except YAMLError:
        return None
    return values if isinstance(values, list) and values else None


def sound_sweeps(sweep: Mapping[str, Sequence[Any]], faults: Faults) -> dict[str, list[Any]]:
    """Return the sweeps that can be planned, and note what is wrong with the others."""
    sound = {}
    for key, values in sweep.items():
        where, values = f"--sweep {key}", values.tolist() if isinstance(values, np.ndarray) else values
        if not isinstance(values, Sequence) or isinstance(values, str):
            faults.add(where, f"{values!r} is no list of values", f"write [{values!r}]")
            continue
        told = [swept_text(value) for value in values]
        again = sorted({str(text) for text in told if told.count(text) > 1})
        root, *way = key.split(".")
        if root not in ROOTS or not way or not all(way):
            faults.add(where, f"{key}: is a key of neither world nor design", _rooted(key))
        elif key in APART:
            faults.add(where, f"{key}: changes nothing in a study", APART[key])
        elif not told:
            faults.add(where, "no values", f"write --sweep {key}=1,2")
        elif again:
            faults.add(where, f"{', '.join(again)}: stands there twice", "write every value once")
        else:
            sound[key] = list(values)
    return sound


def _rooted(key: str) -> str:
    """Say how a key is written that does not begin as keys do."""
    rest = ".".join(part for part in key.split(".") if part and part not in ROOTS)
    return f"write world.{rest} or design.{rest}" if rest else "write world.effect.size"


def swept_text(value: Any) -> Any:
    """Return a value as tables show it: numbers and words as they are, else its text; null is ``left out``."""
    if value is None:
        return "left out"
    return value if isinstance(value, str | int | float) else str(value).replace("'", "")


def combinations(sweep: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of values; one empty combination without a sweep."""
    return [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]


def split_key(keys: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return the changes that concern the world or the design, without the first word of their keys."""
    return {key.partition(".")[2]: value for key, value in keys.items() if key.partition(".")[0] == root}
