"""`sos-eval list`: what there is, one line each, with its reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen

__all__ = ["catalogue"]

#: What a user asks for -> the registry's kind.
KINDS = {
    "estimators": "estimator",
    "comparisons": "comparison",
    "inference": "inference",
    "checks": "check",
    "discoveries": "discovery",
    "figures": "figure",
    "tables": "table",
}


@click.command("list")
@click.argument("kind", type=click.Choice([*KINDS, "worlds"]))
@as_json
@pass_screen
def catalogue(screen: Screen, kind: str) -> None:
    """List what there is, one line each, with its reference."""
    rows = _worlds() if kind == "worlds" else _methods(KINDS[kind])
    width = max((len(row["name"]) for row in rows), default=0)
    lines = [f"{row['name']:<{width}}  {row['summary']}{_bracket(row['reference'])}" for row in rows]
    screen.answer("\n".join(lines) or f"no {kind} here", rows)


def _methods(kind: str) -> list[dict[str, str]]:
    """Read the registry."""
    from sos_eval.results.method import registered, summary

    return [_row(name, summary(method), method) for name, method in registered(kind).items()]


def _row(name: str, text: str, method: Any) -> dict[str, str]:
    return {"name": name, "summary": text, "reference": getattr(method, "reference", "")}


def _worlds() -> list[dict[str, str]]:
    """Read the world files of the project in the current folder, else the one that comes with the package."""
    from sos_eval.cli.scaffold import example

    folder = Path("synthetic")
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else [example("synthetic/england.yaml")]
    return [row for file in files if (row := _world(file))]


def _world(file: Path) -> dict[str, str] | None:
    """Say what a world file is for, in its own words."""
    from sos_eval.declare import read_yaml

    data = read_yaml(file).data
    if not str(data.get("schema", "")).startswith("sos-eval/world/"):
        return None
    return {"name": str(file), "summary": str(data.get("title", data.get("name", ""))), "reference": ""}


def _bracket(reference: str) -> str:
    return f" [{reference}]" if reference else ""
