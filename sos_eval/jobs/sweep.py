"""Sweeps: keys of a world or a design, and the values that they take, in full factorial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from sos_eval.errors import Fault, Faults, InputFault

__all__ = ["combinations", "parse_sweeps", "split_key"]

ROOTS = ("world", "design")


def parse_sweeps(given: Sequence[str]) -> dict[str, list[Any]]:
    """Read ``world.effect.size=-1,-2`` into a key and its values.

    Raises
    ------
    InputFault
        With every fault: no ``=``, no value, a key that starts with neither ``world.`` nor ``design.``, twice.
    """
    faults, sweeps = Faults(InputFault), dict[str, list[Any]]()
    for text in given:
        key, equals, values = text.partition("=")
        if not equals or not values.strip():
            faults.add(f"--sweep {text}", "no values", "write --sweep world.effect.size=-1,-2,-4")
            continue
        if key.split(".")[0] not in ROOTS or "." not in key:
            faults.add(
                f"--sweep {text}", f"{key}: is a key of neither world nor design", f"write world.{key} or design.{key}"
            )
            continue
        if key in sweeps:
            faults.add(f"--sweep {text}", f"{key}: is swept twice", "put all values into one --sweep")
        sweeps[key] = [scalar(value) for value in values.split(",")]
    faults.stop()
    return sweeps


def scalar(text: str) -> Any:
    """Read one value as YAML reads it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise InputFault(Fault("--sweep", f"{text!r} is not a value")) from None


def combinations(sweep: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of values; one empty combination without a sweep."""
    return [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]


def split_key(keys: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Return the changes that concern the world or the design, without the first word of their keys."""
    return {key.partition(".")[2]: value for key, value in keys.items() if key.partition(".")[0] == root}
