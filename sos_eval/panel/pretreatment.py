"""What is known of a unit's outcome before the first start of anyone: its level and its slope."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_eval.panel.panel import Array, Panel

__all__ = ["outcome_pre", "outcome_pre_slope"]


def outcome_pre(panel: Panel) -> Array:
    """Mean outcome over `panel.pre_times`, (n_units,).

    Observed values only; NaN for a unit without any. In cross-sections, the mean over rows.
    """
    codes, y, _ = _before(panel)
    return _over(np.bincount(codes, y, panel.n_units), np.bincount(codes, minlength=panel.n_units))


def outcome_pre_slope(panel: Panel) -> Array:
    """Least-squares slope of the outcome over time in `panel.pre_times`, (n_units,), per unit of time.

    Observed values only; NaN for a unit seen at fewer than two times.
    """
    codes, y, time = _before(panel)
    n = panel.n_units
    count = np.bincount(codes, minlength=n)
    centred = time - _over(np.bincount(codes, time, n), count)[codes]
    spread = np.bincount(codes, centred**2, n)
    return _over(np.bincount(codes, centred * y, n), spread)


def _before(panel: Panel) -> tuple[NDArray[np.intp], Array, Array]:
    """Return unit codes, outcomes and times of the observed rows before the first start of anyone."""
    y = panel.frame["outcome"].to_numpy(float)
    time = panel.frame["time"].to_numpy(float)
    seen = np.isin(time, panel.pre_times) & np.isfinite(y)
    return panel.unit_codes[seen], y[seen], time[seen]


def _over(total: Any, size: Any) -> Array:
    """Divide; NaN where there is nothing to divide by."""
    return np.asarray(np.where(size > 0, total / np.where(size > 0, size, 1), np.nan), float)
