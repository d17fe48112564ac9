"""A line's draws on several frames of authorities, laid out on the rows that it has on the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.montecarlo.line.compiled import Ready
from sos_eval.montecarlo.line.draws import QUANTITIES, LineDraws
from sos_eval.montecarlo.line.pretest import PRETEST
from sos_eval.montecarlo.line.rows import JOINT, ROW_KEYS
from sos_eval.panel.panel import Array

__all__ = ["joined", "lost", "on_rows"]

ABSENT = "the authorities that were drawn give no such row"


def lost(first: Ready, reps: int, reason: str) -> LineDraws:
    """Return draws on a frame on which a line cannot be estimated: they failed, for that reason."""
    shape = len(first.rows), reps
    failures = Counter({(str(method.name), reason): reps for method in first.line.inference})
    pretests = None if first.pretest is None else np.full((*shape, len(PRETEST)), np.nan)
    return LineDraws(first.rows, np.full((*shape, len(QUANTITIES)), np.nan), failures, pretests)


def on_rows(found: LineDraws, first: Ready) -> LineDraws:
    """Return draws on the rows of the first frame; a row that they do not have failed in all of them."""
    if found.rows.equals(first.rows):
        return found
    keys = list(ROW_KEYS)
    places = pd.MultiIndex.from_frame(found.rows[keys]).get_indexer(pd.MultiIndex.from_frame(first.rows[keys]))
    absent = {str(name).removesuffix(JOINT) for name in first.rows["inference"][places < 0]}
    failures = found.failures + Counter({(name, ABSENT): found.values.shape[1] for name in absent})
    pretests = None if found.pretests is None else _at(found.pretests, places)
    return replace(found, rows=first.rows, values=_at(found.values, places), failures=failures, pretests=pretests)


def _at(values: Array, places: NDArray[np.intp]) -> Array:
    """Return values (k, ...) at some places; NaN at those below zero."""
    out = values[places]
    out[places < 0] = np.nan
    return out


def joined(parts: Sequence[LineDraws]) -> LineDraws:
    """Put draws of the same rows one after another."""
    if len(parts) == 1:
        return parts[0]
    tested = [part.pretests for part in parts if part.pretests is not None]
    return LineDraws(
        parts[0].rows,
        np.concatenate([part.values for part in parts], axis=1),
        sum((part.failures for part in parts), Counter()),
        np.concatenate(tested, axis=1) if tested else None,
    )
