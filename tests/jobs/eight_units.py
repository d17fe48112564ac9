"""Eight units over two years, of which the first two start: written by the changes that are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["ADOPTIONS", "written"]

#: Every pair of units that could have started.
ADOPTIONS = tuple(combinations(range(8), 2))


def written(folder: Path, changes: Mapping[str, Sequence[float]], design: str) -> Path:
    """Write `p.csv`, whose outcomes change by so much from the first year to the second, and the design beside it."""
    rows = {"la": np.repeat([f"u{i}" for i in range(8)], 2), "year": np.tile([2001, 2002], 8)}
    rows |= {name: np.ravel([[10.0, 10.0 + one] for one in change]) for name, change in changes.items()}
    start = np.repeat([2002, 2002, 0, 0, 0, 0, 0, 0], 2)
    pd.DataFrame(rows | {"start": start}).to_csv(folder / "p.csv", index=False)
    (folder / "d.yaml").write_text(design, encoding="utf-8")
    return folder / "d.yaml"
