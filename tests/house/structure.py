"""How files hang together: rooms, circles of imports, names that stand twice."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from tests.conftest import ROOT

PACKAGE = "sos_eval"

#: Functions of these files are found by name, as a command, a figure or a table, and may share it with what they show.
NAMED_FOR_USERS = ("cli/", "report/figures/", "report/tables/")


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return every module of the package with its file."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(file: Path, names: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a file imports anywhere: inside functions and for types too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in names else str(node.module) for name in full)


def circles(root: Path = ROOT) -> list[tuple[str, ...]]:
    """Return the sets of files that import one another around."""
    files = modules(root)
    place = {name: i for i, name in enumerate(files)}
    edges = [(place[name], place[to]) for name, file in files.items() for to in imported(file, files) if to != name]
    graph = csr_array((np.ones(len(edges)), np.array(edges).T), shape=(len(files), len(files)))
    labels = connected_components(graph, connection="strong")[1]
    groups = defaultdict(list)
    for name, label in zip(files, labels, strict=True):
        groups[label].append(name.removeprefix(f"{PACKAGE}."))
    return sorted(tuple(group) for group in groups.values() if len(group) > 1)


def rooms(root: Path = ROOT) -> dict[str, int]:
    """Return how many files each folder holds."""
    return dict(sorted(Counter(str(file.parent.relative_to(root)) for file in modules(root).values()).items()))


def doubled(kind: type[ast.ClassDef] | type[ast.FunctionDef], root: Path = ROOT) -> dict[str, list[str]]:
    """Return public classes or functions at the top of files whose name stands in several, with those files."""
    found = defaultdict(list)
    for file in modules(root).values():
        where = file.relative_to(root / PACKAGE).as_posix()
        if kind is ast.FunctionDef and where.startswith(NAMED_FOR_USERS):
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, kind) and not node.name.startswith("_"):
                found[node.name].append(where)
    return {name: files for name, files in sorted(found.items()) if len(files) > 1}


def private_files(room: str, root: Path = ROOT) -> list[str]:
    """Return the files of a room whose name begins with an underscore."""
    return sorted(file.name for file in (root / PACKAGE / room).glob("_*.py") if file.name != "__init__.py")
