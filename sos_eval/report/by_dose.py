"""What page one says of an estimate by dose: whose doses the answer averages, and what more of the dose would do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sos_eval.errors import p_text
from sos_eval.report.wording import number

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
    return (
        f"{AVERAGED}; 1 more of the dose would make it {number(abs(value))} {way}{chance}{_seen(estimates)} {STRONG}",
    )


def _seen(estimates: pd.DataFrame) -> str:
    """Say between which doses the curve lies: one more may be beyond them; nothing where there is no curve."""
    named = estimates["subgroup"].astype(str)
    doses = pd.to_numeric(named[named.str.startswith("dose ")].str.removeprefix("dose "), errors="coerce").dropna()
    return (
        f", where its curve goes from a dose of {number(doses.min())} to {number(doses.max())}," if len(doses) else ""
    )
