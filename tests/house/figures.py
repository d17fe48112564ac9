"""How long are files and functions, how complete the types, how files hang together: `make house` prints it.

Counted as the comparison in `docs/architecture.md` is: lines of a file as it stands; lines of a function from its first
statement after the docstring to its last.
"""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from tests.conftest import ROOT
from tests.house import structure
from tests.house.crossings import calls, crossed

LONG = 60


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def p90(values: list[int]) -> int:
    """Return the 90th percentile."""
    return sorted(values)[int(0.9 * (len(values) - 1))]


def spread(values: list[int]) -> str:
    """Say median, 90th percentile and maximum."""
    return f"{statistics.median(values):.0f} / {p90(values)} / {max(values)}"


def help_seconds() -> float:
    """Return how long `sos-eval --help` takes: the best of three, since a busy machine only adds."""
    return min(_timed() for _ in range(3))


def _timed() -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-m", "sos_eval", "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def main() -> None:
    """Print the figures of the package."""
    files = sorted((ROOT / "sos_eval").rglob("*.py"))
    found = [(path, one) for path in files for one in functions(path)]
    lengths = [length(one) for _, one in found]
    long = [
        f"{path.relative_to(ROOT)}:{one.lineno} {one.name} ({length(one)})" for path, one in found if length(one) > LONG
    ]
    lines = [path.read_text(encoding="utf-8").count("\n") for path in files]
    print(f"files: {len(files)}; lines (median / p90 / largest): {spread(lines)}")
    print(f"functions: {len(found)}; lines (median / p90 / largest): {spread(lengths)}")
    print(f"functions over {LONG} lines: {len(long) / len(found):.1%}", *long, sep="\n  ")
    print(f"return types: {sum(one.returns is not None for _, one in found) / len(found):.0%}")
    print(f"sos-eval --help: {help_seconds():.2f} s")
    print_structure()
    for name, call in calls():
        print("{}: {} functions in {} files".format(name, *crossed(call)))


def print_structure() -> None:
    """Print rooms, circles of files and names that stand twice."""
    circles, classes, functions_ = structure.circles(), *map(structure.doubled, (ast.ClassDef, ast.FunctionDef))
    print("files a room: " + ", ".join(f"{room} {n}" for room, n in structure.rooms().items()))
    print(f"circles of files: {len(circles)}", *(", ".join(circle) for circle in circles), sep="\n  ")
    print(f"doubled class names: {len(classes)}", *classes)
    print(f"doubled public function names: {len(functions_)}", *functions_)
    print(f"private files in estimators/: {len(structure.private_files('estimators'))}")


if __name__ == "__main__":
    main()
