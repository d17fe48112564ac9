"""A panel without an effect: what outcomes would have been under a null."""

from __future__ import annotations

import numpy as np

from sos_eval.panel.panel import Array, Panel

__all__ = ["without_effect"]


def without_effect(panel: Panel, theta: float | Array, *, ratio: bool) -> Panel:
    """Take an effect, constant or one for each row, out of the treated observations.

    Subtract ``theta`` from the outcome; on the ratio scale divide counts (or outcomes) by ``exp(theta)``.
    """
    treated = panel.frame["treated"].to_numpy(float)
    if not ratio:
        return panel.with_outcome(panel.frame["outcome"].to_numpy(float) - theta * treated)
    factor = np.exp(-theta * treated)
    if panel.outcome.counted:
        return panel.with_count(panel.frame["count"].to_numpy(float) * factor)
    return panel.with_outcome(panel.frame["outcome"].to_numpy(float) * factor)
