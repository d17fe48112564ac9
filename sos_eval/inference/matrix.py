"""Which inference is defined for which estimate: as it stands, by estimating again, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sos_eval.inference.analytic import no_influence
from sos_eval.inference.satterthwaite import why_not_linear
from sos_eval.inference.two_way import TwoWay
from sos_eval.results.fitted import Fitted

__all__ = ["Standing", "standing"]

Status = Literal["defined", "by refitting", "refused"]
_FROM_INFLUENCE = ("analytic", "multiplier_bootstrap")
_FROM_REGRESSION = ("cr2", "cr3", "wild_cluster_bootstrap")


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a method of inference is defined for an estimate, and what to know or why not."""

    status: Status
    note: str = ""


def standing(method: str, fitted: Fitted) -> Standing:
    """Say how a method of inference stands to a fitted estimator.

    Parameters
    ----------
    method
        Registered name.
    """
    estimate = fitted.estimate
    if method in _FROM_INFLUENCE:
        return Standing("refused", no_influence) if estimate.influence is None else Standing("defined")
    if method == "two_way":
        why = TwoWay().why_not(estimate)
        return Standing("refused", why) if why else Standing("defined")
    if method in _FROM_REGRESSION:
        why = why_not_linear(estimate)
        return Standing("refused", why) if why else Standing("defined")
    if method == "randomization" and estimate.influence is None:
        return Standing("by refitting", "statistic: coefficient only")
    return Standing("by refitting")
