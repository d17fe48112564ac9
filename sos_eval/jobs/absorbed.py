"""Covariates that an estimate was to adjust for and did not, because its fixed effects say the same."""

from __future__ import annotations

from sos_eval.panel.columns import column_labels
from sos_eval.results.estimate import LEFT_OUT
from sos_eval.results.fitted import Fitted

__all__ = ["absorbed_covariates"]


def absorbed_covariates(fitted: Fitted) -> tuple[str, ...]:
    """Return the covariates of which the regression kept nothing; of a category some values may be kept."""
    said = [note.removeprefix(LEFT_OUT) for note in fitted.estimate.notes if note.startswith(LEFT_OUT)]
    gone = {name for names in said for name in names.split(", ")}
    frame = fitted.estimate.panel.frame
    names = [name for name in fitted.estimator.adjusts_for(fitted.panel.covariates) if name in frame]
    return tuple(name for name in names if name in gone or set(column_labels(frame[name], name)) <= gone)
