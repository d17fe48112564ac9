"""Ways to estimate effects: one method, one file."""

from sos_eval.estimators.callaway_santanna import CallawaySantAnna
from sos_eval.estimators.event_study_twfe import EventStudyTWFE
from sos_eval.estimators.poisson_did import PoissonDiD
from sos_eval.estimators.twfe import TWFE

__all__ = ["TWFE", "CallawaySantAnna", "EventStudyTWFE", "PoissonDiD"]
