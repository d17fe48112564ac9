"""A small design and its data, which tests spoil one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.declare import build, read_yaml
from sos_eval.panel.load import load_panel
from sos_eval.panel.spec import PanelSpec

BLOCK = {
    "source": "csv",
    "path": "panel.csv",
    "unit": "la_code",
    "time": "year",
    "outcome": {"count": "entries", "exposure": "children", "per": 10000},
    "treatment": {"first_treated": "first_year"},
}


def table() -> pd.DataFrame:
    """Eight authorities 2011 to 2015: two start in 2013, two in 2014; entries are 20 + unit + year - 2011."""
    unit, year = np.repeat(np.arange(1, 9), 5), np.tile(np.arange(2011, 2016), 8)
    start = np.repeat([2013, 2013, 2014, 2014, 0, 0, 0, 0], 5)
    return pd.DataFrame(
        {
            "la_code": [f"00{one}" for one in unit],
            "year": year,
            "first_year": start,
            "entries": 20 + unit + year - 2011,
            "children": 10000,
            "region": np.repeat(["North", "North", "South", "South"] * 2, 5),
            "idaci": np.repeat(np.arange(8) / 10, 5),
            "status": (start > 0) & (year >= start),
        }
    ).astype({"status": int})


@dataclass
class SmallDesign:
    """Writes `panel.csv` and `design.yaml` and loads them."""

    folder: Path
    block: dict[str, Any] = field(default_factory=lambda: {key: value for key, value in BLOCK.items()})
    data: pd.DataFrame = field(default_factory=table)

    def cell(self, unit: str, year: int, column: str, value: Any) -> SmallDesign:
        """Spoil one cell."""
        self.data[column] = self.data[column].astype(object)
        self.data.loc[(self.data["la_code"] == unit) & (self.data["year"] == year), column] = value
        return self

    def write(self, name: str, text: str | bytes) -> SmallDesign:
        """Write another file beside the design."""
        content = text if isinstance(text, bytes) else text.encode()
        (self.folder / name).write_bytes(content)
        return self

    def load(self, *, write: bool = True, **options: Any) -> Any:
        """Load the panel as a design would."""
        from ruamel.yaml import YAML

        if write:
            self.data.to_csv(self.folder / "panel.csv", index=False)
        with (self.folder / "design.yaml").open("w") as file:
            YAML().dump({"panel": self.block}, file)
        document = read_yaml(self.folder / "design.yaml")
        spec = build(PanelSpec, document.data["panel"], document, ("panel",))
        return load_panel(spec, document, base=self.folder, **options)
