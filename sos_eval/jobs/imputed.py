"""Estimates on completed data sets, pooled: each set is matched, estimated and inferred by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sos_eval.design.design import Design
from sos_eval.inference.averaged import averaged, is_permuted
from sos_eval.inference.wald import interval, two_sided
from sos_eval.jobs import steps
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import Answer, Key
from sos_eval.numerics.rubin import pool
from sos_eval.panel.panel import Panel
from sos_eval.results.inference import Inferred
from sos_eval.results.table import EffectTable
from sos_eval.terms import KEY_COLUMNS

__all__ = ["AVERAGED", "NOT_POOLED", "over_imputations", "pooled_table"]

#: What p is of a randomization test, and why it has no interval.
AVERAGED = "the statistic is averaged over completed data sets under the same lots, and no interval is searched for it"
#: Why a test without an error has no p after imputation.
NOT_POOLED = "a test without a standard error belongs to one completed data set, and is not pooled: use analytic"


def over_imputations(
    design: Design, panels: dict[str, Panel], first: dict[Key, Answer], account: Account
) -> dict[Key, Answer]:
    """Return answers pooled over the imputations that panels declare; those without imputation, or a gap, stay.

    Parameters
    ----------
    panels, first
        Panels, and answers on them: those of the first completed data set.
    """
    entries = tuple(entry for entry in design.estimators if entry.panel.imputation is not None)
    if not entries:
        return first
    some, ids = replace(design, estimators=entries), {entry.id for entry in entries}
    numbers = {
        entry.id: entry.panel.imputation.sets(panels[entry.id])
        for entry in entries
        if entry.panel.imputation is not None
    }
    several = [{key: answer for key, answer in first.items() if key[0] in ids}]
    for k in range(1, max(numbers.values())):
        groups = steps.compare(design, panels | steps.load_panels(some, imputation=k), ids)
        several.append(steps.infer(design, steps.estimate(design, groups, account.crew), account))
    own = {key: [one[key] for one in several[: numbers[key[0]]] if key in one] for key in several[0]}
    return first | {key: _pooled(answers) for key, answers in own.items() if numbers[key[0]] > 1}


def _pooled(answers: Sequence[Answer]) -> Answer:
    """Pool the answers of one estimate, method by method."""
    together = zip(*(answer.inferred for answer in answers), strict=True)
    return replace(answers[0], inferred=tuple(_of_method(several) for several in together))


def _of_method(several: Sequence[Inferred]) -> Inferred:
    """Pool one method's tables; what stands behind a single data set is not told."""
    table, lost = pooled_table([one.table for one in several])
    facts: dict[str, Any] = {**several[0].facts, "imputations": len(several)}
    tables = {"imputations": lost} if lost["within"].notna().any() else {}
    if not is_permuted(several[0]):
        return Inferred(table, tables, facts, None)
    test = averaged(several)
    if isinstance(test, str):
        facts |= dict.fromkeys(("observed", "p_value", "p_monte_carlo_error"), np.nan)
        reason = table["reason"].where(table["reason"] != NOT_POOLED, f"{NOT_POOLED}; {test}")
        return Inferred(EffectTable(table.assign(reason=reason)), tables, facts, None)
    at = np.arange(len(table)) == test.row
    told = table.assign(
        statistic=table["statistic"].mask(at, test.observed), p_value=table["p_value"].mask(at, test.p),
        reason=table["reason"].mask(at, AVERAGED),
    )  # fmt: skip
    tables["randomization"] = pd.DataFrame({"statistic": test.drawn})
    return Inferred(EffectTable(told), tables, facts | test.facts, None)


def pooled_table(tables: Sequence[EffectTable]) -> tuple[EffectTable, pd.DataFrame]:
    """Pool effect tables by Rubin's rules, row by row; and say how much was lost to gaps.

    Rows without an error in any of them have the mean of the estimates, and none.

    Returns
    -------
    table, lost
        The pooled table, and columns ``KEY_COLUMNS, within, between, missing`` (variances, and the fraction of missing
        information).
    """
    first = tables[0]
    estimates, errors = (np.array([one[name].to_numpy(float) for one in tables]) for name in ("estimate", "std_error"))
    df = first["df"].to_numpy(float)
    complete = np.where(np.isnan(df), np.inf, df)
    pooled = pool(estimates, errors, complete)
    # no gap is in these rows: what was filled is of others, and nothing of the degrees of freedom is lost
    whole = (estimates == estimates[0]).all(0) & (errors == errors[0]).all(0)
    pooled = replace(pooled, df=np.where(whole, complete, pooled.df), missing=np.where(whole, 0.0, pooled.missing))
    level = first["conf_level"].fillna(0.95).to_numpy(float)
    low, high = interval(pooled.estimate, pooled.std_error, level, pooled.df)  # type: ignore[arg-type]
    statistic = pooled.estimate / pooled.std_error
    out = first.assign(
        estimate=pooled.estimate, std_error=pooled.std_error, df=np.where(np.isfinite(pooled.df), pooled.df, np.nan),
        conf_low=low, conf_high=high, statistic=statistic, p_value=two_sided(statistic, pooled.df),
        band_low=np.nan, band_high=np.nan,
    )  # fmt: skip
    tested = first["p_value"].notna().to_numpy() & np.isnan(pooled.std_error)
    out = out.assign(reason=np.where(tested, NOT_POOLED, first["reason"]))
    lost = first[list(KEY_COLUMNS)].assign(within=pooled.within, between=pooled.between, missing=pooled.missing)
    return EffectTable(out), lost
