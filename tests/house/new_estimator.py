"""Lay out the files of a new estimator: `make new-estimator NAME=stacked`.

Nothing is invented: the estimator refuses every panel until its mathematics is written, and its test fails until then.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.conftest import ROOT

ESTIMATOR = '''"""TITLE (AUTHORS YEAR)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sos_eval.errors import NotIdentified
from sos_eval.panel.panel import Panel
from sos_eval.results.estimate import Estimate
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["CLASS"]


@register("NAME")
@dataclass(frozen=True)
class CLASS(Estimator):
    """Say in the reader's words what this estimates."""

    reference: ClassVar[str] = "AUTHORS (YEAR)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1, "untreated_units": 1}

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the cells and their influence: name the equation."""
        raise NotIdentified(panel.fault(f"{self.name}: is not in this version"))
'''

TEST = '''"""CLASS by hand on eight units, at its edges, and against an independent implementation."""

from __future__ import annotations

import pandas as pd

from sos_eval.estimators import CLASS


def test_by_hand():
    # Eight units, two periods; four start in period 2.
    frame = pd.DataFrame(
        {
            "unit": [u for u in range(8) for _ in (1, 2)],
            "time": [1, 2] * 8,
            "y": [1.0, 4.0, 2.0, 4.0, 3.0, 7.0, 4.0, 5.0, 1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 4.0, 5.0],
            "start": [2] * 8 + [0] * 8,
        }
    )
    table = CLASS().fit(frame, unit="unit", time="time", outcome="y", first_treated="start")
    # (3 + 2 + 4 + 1) / 4 - (1 + 0 + 2 + 1) / 4
    assert table.loc[table["aggregation"] == "overall", "estimate"].item() == 1.5
'''

ENTRY = """
## NAME

- **Source.**
- **Equation.**
- **Assumptions, and how they are checked.**
- **Standard errors.**
- **Edge cases.**
- **Reference implementations.**
- **Deviations.**
- **Tests.**
"""


def camel(name: str) -> str:
    """Return the class name of a method: `two_stage` -> `TwoStage`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def lay_out(name: str, root: Path = ROOT) -> list[Path]:
    """Write the files; refuse to touch one that is there.

    Returns
    -------
    list of Path
        The files that were written or added to.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        sys.exit(f"{name!r}: a method's name is small letters, digits and underscores")
    source = root / "sos_eval" / "estimators" / f"{name}.py"
    test = root / "tests" / "estimators" / f"test_{name}.py"
    if there := [str(path) for path in (source, test) if path.exists()]:
        sys.exit(f"there already: {', '.join(there)}")
    for path, text in ((source, ESTIMATOR), (test, TEST)):
        path.write_text(text.replace("CLASS", camel(name)).replace("NAME", name), encoding="utf-8")
    room, page = source.with_name("__init__.py"), root / "docs" / "methods.md"
    room.write_text(listed(room.read_text(encoding="utf-8"), name), encoding="utf-8")
    page.write_text(
        page.read_text(encoding="utf-8").rstrip("\n") + "\n" + ENTRY.replace("NAME", name), encoding="utf-8"
    )
    return [source, test, room, page]


def listed(text: str, name: str) -> str:
    """Add a method to a room's list, in order."""
    line = f"from sos_eval.estimators.{name} import {camel(name)}\n"
    imports = sorted([*re.findall(r"^from sos_eval\.estimators\..*\n", text, re.MULTILINE), line])
    names = [name for one in imports for name in one.split(" import ")[1].strip().split(", ")]
    public = "".join(f'    "{one}",\n' for one in sorted(names, key=lambda one: (not one.isupper(), one)))
    head = text[: text.index("from sos_eval.estimators.")]
    return f"{head}{''.join(imports)}\n__all__ = [\n{public}]\n"


if __name__ == "__main__":
    for path in lay_out(sys.argv[1]):
        print(path.relative_to(ROOT))
    print("next: options, mathematics, hand computation, reference, entry; then `make lint types test`")
