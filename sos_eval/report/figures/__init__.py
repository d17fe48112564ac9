"""Figures, one file each: a bundle's table and how it is drawn."""

from sos_eval.report.figures import (
    adoption,
    balance,
    estimates,
    event_study,
    flow,
    leave_one_out,
    outcome_paths,
    overlap,
    randomization,
    robustness,
)

__all__ = [
    "adoption",
    "balance",
    "estimates",
    "event_study",
    "flow",
    "leave_one_out",
    "outcome_paths",
    "overlap",
    "randomization",
    "robustness",
]
