"""Event times on one base, for figures, where an estimator compares each earlier period with the one before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

import pandas as pd

from sos_eval.estimators.callaway_santanna import CallawaySantAnna
from sos_eval.inference.analytic import Analytic
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Key
from sos_eval.results.estimator import Estimator
from sos_eval.results.fitted import Fitted

__all__ = ["universal_base", "varies_base"]


def varies_base(estimator: Estimator) -> TypeGuard[CallawaySantAnna]:
    """Whether an estimator compares each earlier period with the one before it."""
    return isinstance(estimator, CallawaySantAnna) and estimator.base_period == "varying"


def universal_base(fitted: dict[Key, Fitted], account: Account) -> dict[str, pd.DataFrame]:
    """Return event times against the last period before the start, by table name, where earlier bases vary.

    Short differences before the start beside long ones after it draw a kink where there is none (Roth 2024). From the
    start on the estimates are the same; before it they are differences from the same period, with conventional errors.
    """
    return {
        f"{key[0]}.{key[1]}.universal_base": _event_times(one, one.estimator, account)
        for key, one in fitted.items()
        if varies_base(one.estimator)
    }


def _event_times(fitted: Fitted, estimator: CallawaySantAnna, account: Account) -> pd.DataFrame:
    """Estimate again with one base, and keep the rows by event time."""
    method = estimator.on_one_base()
    again = replace(fitted, estimator=method, estimate=method.complete(fitted.panel))
    table = Analytic().infer(again, account.stream("universal_base", fitted.id, fitted.panel.active)).table
    rows = table[(table["aggregation"] == "event_time") & table["event_time"].notna()]
    return pd.DataFrame(rows).reset_index(drop=True)
