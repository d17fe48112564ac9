"""Where a result comes from: versions, hashes of what went in, seed, lock state, timings, the inference rule."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sos_eval.bundle.files import plain

__all__ = ["code_hash", "hash_file", "hash_mapping", "provenance", "versions"]

#: Module -> distribution, for what can enter a number or a figure.
_DISTRIBUTIONS = {
    "numpy": "numpy", "pandas": "pandas", "scipy": "scipy", "sklearn": "scikit-learn", "statsmodels": "statsmodels",
    "dowhy": "dowhy", "econml": "econml", "numba": "numba", "networkx": "networkx", "shap": "shap",
    "matplotlib": "matplotlib", "jinja2": "jinja2", "docx": "python-docx", "pydantic": "pydantic",
    "ruamel.yaml": "ruamel.yaml", "duckdb": "duckdb", "pyarrow": "pyarrow", "openpyxl": "openpyxl",
    "click": "click", "tqdm": "tqdm", "distributed": "distributed",
}  # fmt: skip


def versions() -> dict[str, str]:
    """Return the version of Python, of sos_eval and of every package that has been imported by now."""
    from sos_eval.terms import __version__

    found = {"python": platform.python_version(), "sos_eval": __version__}
    for module, distribution in sorted(_DISTRIBUTIONS.items()):
        if module in sys.modules:
            found[distribution] = _version(distribution)
    return found


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "installed without metadata"


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_mapping(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain values; the order of keys does not matter."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@cache
def code_hash() -> str:
    """Return the SHA-256 over this package's own source files: which code ran, released or not."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode("utf-8") + b"\0")
        digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


def provenance(
    *,
    design: Mapping[str, Any],
    design_path: str | Path | None = None,
    data: Iterable[str | Path] = (),
    seed: int | None = None,
    lock: Mapping[str, Any] | None = None,
    timings: Mapping[str, float] | None = None,
    inference: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Lay out `provenance.json`.

    Parameters
    ----------
    design
        The resolved design; its hash is taken over plain values, so layout and comments do not matter.
    design_path, data
        Files that went in; each is named as the user named it, with its SHA-256 and size.
    seed
        The seed in use.
    lock
        The fields of a `LockState`: ``state`` (as_locked, changed, never_locked), ``text``, ``differences`` …
    timings
        Seconds by step.
    inference
        ``rule`` (text) and ``choice``: what fixed the headline's inference, and what it chose.
    more
        Further plain values.
    """
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "code_sha256": code_hash(),
        "platform": {"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "design": {"file": str(design_path) if design_path else None, "sha256": hash_mapping(design)},
        "data": [_described(Path(file)) for file in data],
        "seed": seed,
        "lock": dict(lock) if lock is not None else {"state": "never_locked"},
        "inference": dict(inference or {}),
        "timings": {step: round(float(seconds), 4) for step, seconds in (timings or {}).items()},
        **plain(more),
    }


def _described(file: Path) -> dict[str, Any]:
    """Name a file as the user named it, one of ours from the package on, with its hash."""
    package = Path(__file__).resolve().parents[1]
    ours = file.resolve().is_relative_to(package)
    name = file.resolve().relative_to(package.parent).as_posix() if ours else str(file)
    return {"file": name, "sha256": hash_file(file), "bytes": file.stat().st_size}
