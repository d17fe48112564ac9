"""What page one says of an estimate by dose: whose doses the answer averages, and what more of the dose would do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.report.wording import number, p_text

__all__ = ["by_dose"]

AVERAGED = "the answer averages over the doses that they had"
STRONG = "if at the same dose all would have had the same effect, which cannot be tested (strong parallel trends)"


def by_dose(estimates: pd.DataFrame, headline: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a clause on the dose, with the average causal response; nothing where the estimate has none.

    Parameters
    ----------
    estimates
        In the columns of `estimates.csv`.
    headline
        The row of the headline.
    """
    same = (estimates["estimand"] == "acrt") & (estimates["aggregation"] == "overall")
    for name in ("estimator", "outcome", "inference"):
        same &= estimates[name] == headline[name]
    rows = estimates[same & ~estimates["subgroup"].astype(str).str.startswith("dose ")]
    if rows.empty:
        return ()
    value, p = float(rows["estimate"].iloc[0]), float(rows["p_value"].iloc[0])
    if not math.isfinite(value):
        return (f"{AVERAGED}, and says nothing of more or less of the dose",)
    chance = f" ({p_text(p)})" if math.isfinite(p) else ""
    way = "higher" if value > 0 else "lower"
    return (f"{AVERAGED}; 1 more of the dose would make it {number(abs(value))} {way}{chance} {STRONG}",)
