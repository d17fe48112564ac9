"""Ways to estimate effects: one method, one file."""

from sos_eval.estimators.callaway_santanna import CallawaySantAnna

__all__ = ["CallawaySantAnna"]
