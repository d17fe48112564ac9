"""Rows of people as estimators read them."""

from __future__ import annotations

from dataclasses import replace

from sos_eval.errors import NotIdentified
from sos_eval.panel.panel import Panel
from sos_eval.results.assignments import MATCHED_ROWS
from sos_eval.results.strata import without_strata

__all__ = ["complete_rows"]


def complete_rows(panel: Panel, names: tuple[str, ...]) -> tuple[Panel, tuple[str, ...]]:
    """Leave out rows without a covariate, and say how many; strata are no part of what reads rows of people."""
    known = panel.frame[["outcome", *names]].notna().all(axis=1).to_numpy()
    if known.all():
        return panel, without_strata(panel)
    if not known.any():
        raise NotIdentified(panel.fault("no row has an outcome and every covariate", "take fewer covariates"))
    words = "matched rows without a covariate" if MATCHED_ROWS in panel.frame else "rows without outcome or covariate"
    note = f"{int((~known).sum())} {words} are left out of the regression"
    return replace(panel, frame=panel.frame[known].reset_index(drop=True)), (note, *without_strata(panel))
