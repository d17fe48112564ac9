"""Figures, one file each: a bundle's table and how it is drawn."""

from sos_eval.report.figures import (
    adoption,
    answer,
    balance,
    balance_curves,
    economics_first,
    economics_full,
    estimates,
    event_study,
    flow,
    leave_one_out,
    outcome_paths,
    overlap,
    randomization,
    robustness,
    specification_curve,
    theory,
)

__all__ = [
    "adoption",
    "answer",
    "balance",
    "balance_curves",
    "economics_first",
    "economics_full",
    "estimates",
    "event_study",
    "flow",
    "leave_one_out",
    "outcome_paths",
    "overlap",
    "randomization",
    "robustness",
    "specification_curve",
    "theory",
]
