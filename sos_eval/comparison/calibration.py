"""An estimated chance of being treated beside what happened, as fitted and on units that the model did not see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import numeral
from sos_eval.numerics.calibration import recalibrated, tenths
from sos_eval.panel.panel import Array

__all__ = ["LINE_COLUMNS", "TENTH_COLUMNS", "calibrated", "said_of"]

Bools = NDArray[np.bool_]

TENTH_COLUMNS = ("chance", "tenth", "n_units", "n_treated", "expected", "observed")
LINE_COLUMNS = ("chance", "intercept", "slope", "at_large", "n_units", "reason")


def calibrated(chances: Mapping[str, Array], treated: Bools, weights: Array | None = None) -> dict[str, pd.DataFrame]:
    """Lay out the calibration of chances, each (n,) under the name of how it was made; NaN: no model said one.

    Returns
    -------
    dict of DataFrame
        By name of file: ``calibration``, columns `TENTH_COLUMNS`, a row a tenth of the units by chance, and
        ``calibration_line``, columns `LINE_COLUMNS`, a row a way the chance was made. Chances of 0 and 1 stand in the
        tenths, and leave the line without a number.
    """
    base = np.ones(len(treated)) if weights is None else weights
    parts, lines = [], []
    for name, chance in chances.items():
        known = np.isfinite(chance)
        if not known.any():
            lines.append((name, np.nan, np.nan, np.nan, 0, "the model cannot be fitted without some of the units"))
            continue
        found = tenths(chance[known], treated[known], base[known])
        parts.append(pd.DataFrame({
            "chance": name, "tenth": np.arange(1, len(found.n) + 1), "n_units": found.n.astype(int),
            "n_treated": found.treated.astype(int), "expected": found.expected, "observed": found.observed,
        }))  # fmt: skip
        lines.append((name, *_line(chance, known, treated, base)))
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(TENTH_COLUMNS))
    return {"calibration": whole, "calibration_line": pd.DataFrame(lines, columns=list(LINE_COLUMNS))}


def _line(chance: Array, known: Bools, treated: Bools, base: Array) -> tuple[float, float, float, int, str]:
    """Return intercept, slope, intercept at slope one, units and what to say of them."""
    n = int(known.sum())
    gone = "" if known.all() else f"{len(known) - n} units are in folds whose model cannot be fitted without them"
    if not ((chance[known] > 0) & (chance[known] < 1)).all():
        return np.nan, np.nan, np.nan, n, "some chances are 0 or 1"
    line = recalibrated(chance[known], treated[known], base[known])
    return line.intercept, line.slope, line.at_large, n, "; ".join(part for part in (line.failure, gone) if part)


def said_of(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say the line of chances that the model did not see; nothing where there is none."""
    if not tables:
        return []
    line = tables["calibration_line"]
    seen = line[(line["chance"] == "held_out") & line["slope"].notna()]
    return [
        f"said by a model of other folds, log odds of the chance have slope {numeral(slope, 2)} and intercept "
        f"{numeral(intercept, 2)} "
        "(1 and 0 where chances are right)"
        for slope, intercept in zip(seen["slope"], seen["intercept"], strict=True)
    ]
