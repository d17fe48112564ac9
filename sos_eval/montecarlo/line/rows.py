"""The rows of a line in a power study: one number for the whole question, by inference method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.results.inference import InferenceMethod

__all__ = ["JOINT", "LEADING", "ROW_KEYS", "rows_of", "scalar_rows"]

LEADING = ("estimator", "outcome", "aggregation", "inference")
ROW_KEYS = (*LEADING, "estimand", "scale", "level")
SCALARS = ("overall", "simple", "event_time", "calendar")

#: What stands behind the name of the inference in rows of the joint decision.
JOINT = "+checks"


def scalar_rows(cells: pd.DataFrame) -> NDArray[np.intp]:
    """Return the rows that have no cohort, time or event time: one number for the whole question."""
    empty = cells[["cohort", "time", "event_time"]].isna().all(axis=1) & (cells["subgroup"].fillna("") == "")
    return np.flatnonzero((empty & cells["aggregation"].isin(SCALARS)).to_numpy())


def rows_of(
    name: str, outcome: str, wanted: pd.DataFrame, inference: Sequence[InferenceMethod], *, joint: bool
) -> pd.DataFrame:
    """Lay out a line's rows, columns `ROW_KEYS`: the wanted cells by inference method, then for the joint decision."""
    cells = wanted[["aggregation", "estimand", "scale"]].assign(estimator=name, outcome=outcome)
    parts = [cells.assign(inference=str(method.name), level=float(method.level)) for method in inference]
    if joint:
        parts += [part.assign(inference=part["inference"] + JOINT) for part in parts]
    return pd.concat(parts, ignore_index=True)[list(ROW_KEYS)]
