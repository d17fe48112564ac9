"""Public names are declared, real, and in order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "sos_eval").rglob("*.py")
    if path.name != "__main__.py"
)

#: Rooms whose modules nobody imports from: their functions are found by name, through the registry.
BY_REGISTRY = ("sos_eval.report.figures.", "sos_eval.report.tables.")


def order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions: the order that ruff writes."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_real_and_sorted(name):
    module = import_module(name)
    public = getattr(module, "__all__", None)
    if public is None:
        assert Path(module.__file__).name == "__init__.py" or name.startswith(BY_REGISTRY), f"{name} has no __all__"
        return
    assert list(public) == sorted(set(public), key=order)
    assert [one for one in public if not hasattr(module, one)] == []
