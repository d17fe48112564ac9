"""Whether a package can be imported, found out without importing it."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["is_installed"]


def is_installed(package: str) -> bool:
    """Say whether a package is there; one that an importer refuses is not."""
    try:
        return find_spec(package) is not None
    except ImportError:
        return False
