"""Who stands in for the treated, as tables: weights of donors and of periods, and the path that they make."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sos_eval.estimators._donors import DonorDesign
from sos_eval.panel.panel import Array

__all__ = ["donor_table", "fit_table", "period_table"]

#: Weights closer to nought than this are rounding.
ROUNDING = 1e-9


def donor_table(design: DonorDesign, shares: Sequence[Array]) -> pd.DataFrame:
    """Return the weights of donors by cohort, the largest first.

    Parameters
    ----------
    shares
        Of each cohort the weight of every donor, (donors,): the mean over its treated units where each has its own.

    Returns
    -------
    pandas.DataFrame
        Columns ``cohort, unit, weight``; donors without weight are left out.
    """
    names = np.asarray(design.panel.units)[design.donors]
    parts = []
    for cohort, share in zip(design.cohorts, shares, strict=True):
        order = np.argsort(-share, kind="stable")
        kept = order[np.abs(share[order]) > ROUNDING]
        parts.append(pd.DataFrame({"cohort": cohort.start, "unit": names[kept], "weight": share[kept]}))
    return pd.concat(parts, ignore_index=True)


def period_table(design: DonorDesign, shares: Sequence[Array]) -> pd.DataFrame:
    """Return the weights of periods before each cohort's start, in order of time: columns ``cohort, time, weight``."""
    parts = [
        pd.DataFrame({"cohort": cohort.start, "time": design.panel.times[: cohort.before], "weight": share})
        for cohort, share in zip(design.cohorts, shares, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def fit_table(design: DonorDesign, gaps: Sequence[Array]) -> pd.DataFrame:
    """Return each cohort's mean outcome beside that of its synthetic controls, in all periods.

    Parameters
    ----------
    gaps
        Of each cohort the outcomes less those of the synthetic controls, (u, n_times).

    Returns
    -------
    pandas.DataFrame
        Columns ``cohort, time, n_treated_units, treated, synthetic, gap``. Where units' means before the start are
        taken out, the synthetic path is moved by them to the level of the treated.
    """
    parts = []
    for cohort, own in zip(design.cohorts, gaps, strict=True):
        treated, gap = design.outcomes[cohort.units].mean(0), own.mean(0)
        parts.append(pd.DataFrame({
            "cohort": cohort.start, "time": design.panel.times, "n_treated_units": len(own), "treated": treated,
            "synthetic": treated - gap, "gap": gap,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)
