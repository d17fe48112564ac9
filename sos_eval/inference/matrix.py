"""Which inference is defined for which estimate: each method says so itself, and this asks it by name."""

from __future__ import annotations

from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod, Standing
from sos_eval.results.method import lookup

__all__ = ["standing"]


def standing(method: str, fitted: Fitted) -> Standing:
    """Say how a method of inference, with its defaults, stands to a fitted estimator.

    Parameters
    ----------
    method
        Registered name.
    """
    asked: InferenceMethod = lookup("inference", method)()
    return asked.standing(fitted)
