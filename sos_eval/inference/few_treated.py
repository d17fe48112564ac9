"""The overall effect among draws of what chance does to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sos_eval.inference.control_residuals import OVERALL_ONLY, ControlResiduals, symmetric_test
from sos_eval.panel.panel import Array
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import Inferred
from sos_eval.results.table import effect_table

__all__ = ["few_treated_rows"]


def few_treated_rows(
    fitted: Fitted, key: str, level: float, found: ControlResiduals, drawn: Array, facts: dict[str, Any]
) -> Inferred:
    """Lay out the overall effect with p and interval by the same draws; all other rows have the reason.

    Parameters
    ----------
    drawn : (draws,)
        The overall effect under no effect, about zero.
    facts
        What else results.json says.
    """
    values = fitted.estimate.values
    p, half = symmetric_test(float(values[found.row]), drawn, level)
    own = np.arange(len(values)) == found.row
    said = (fitted.estimate.cells["reason"] != "").to_numpy()
    table = effect_table(
        fitted, key, level=level, std_error=np.where(own, float(np.sqrt(np.mean(drawn**2))), np.nan),
        conf=(np.where(own, values - half, np.nan), np.where(own, values + half, np.nan)),
        p_value=np.where(own, p, np.nan), reason=np.where(own | said, "", OVERALL_ONLY),
    )  # fmt: skip
    told = {
        "draws": len(drawn), "p_value": p, "p_monte_carlo_error": float(np.sqrt(p * (1 - p) / len(drawn))),
        "untreated_clusters": len(found.control), "lost_clusters": found.lost,
        "two_sided": "by absolute value of the estimate",
    }  # fmt: skip
    return Inferred(table, facts=told | facts)
