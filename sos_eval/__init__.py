"""sos_eval: comparative evaluation of children's social care.

A design is a file; a run turns it into a folder; a report reads only the folder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sos_eval.terms import __version__

_PUBLIC = {
    "load_design": "sos_eval.design.design",
    "load_world": "sos_eval.worlds.world",
    "power": "sos_eval.jobs.power",
    "read_bundle": "sos_eval.bundle.bundle",
    "run": "sos_eval.jobs.run",
    "simulate": "sos_eval.jobs.simulate",
}

if TYPE_CHECKING:
    from sos_eval.bundle.bundle import read_bundle
    from sos_eval.design.design import load_design
    from sos_eval.jobs.power import power
    from sos_eval.jobs.run import run
    from sos_eval.jobs.simulate import simulate
    from sos_eval.worlds.world import load_world

__all__ = ["__version__", "load_design", "load_world", "power", "read_bundle", "run", "simulate"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import sos_eval` stays instant."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'sos_eval' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
