"""Ways to estimate effects: one method, one file."""

from sos_eval.estimators.aipw import AIPW
from sos_eval.estimators.callaway_santanna import CallawaySantAnna
from sos_eval.estimators.continuous_did import ContinuousDiD
from sos_eval.estimators.dechaisemartin_dhaultfoeuille import DechaisemartinDhaultfoeuille
from sos_eval.estimators.etwfe import ETWFE
from sos_eval.estimators.event_study_twfe import EventStudyTWFE
from sos_eval.estimators.imputation import Imputation
from sos_eval.estimators.interrupted_time_series import InterruptedTimeSeries
from sos_eval.estimators.matched_did import MatchedDiD
from sos_eval.estimators.multilevel import Multilevel
from sos_eval.estimators.poisson_did import PoissonDiD
from sos_eval.estimators.roth_santanna import RothSantAnna
from sos_eval.estimators.stacked import Stacked
from sos_eval.estimators.sun_abraham import SunAbraham
from sos_eval.estimators.synthetic_control import SyntheticControl
from sos_eval.estimators.synthetic_did import SyntheticDiD
from sos_eval.estimators.triple_difference import TripleDifference
from sos_eval.estimators.twfe import TWFE
from sos_eval.estimators.two_stage import TwoStage

__all__ = [
    "AIPW",
    "ETWFE",
    "TWFE",
    "CallawaySantAnna",
    "ContinuousDiD",
    "DechaisemartinDhaultfoeuille",
    "EventStudyTWFE",
    "Imputation",
    "InterruptedTimeSeries",
    "MatchedDiD",
    "Multilevel",
    "PoissonDiD",
    "RothSantAnna",
    "Stacked",
    "SunAbraham",
    "SyntheticControl",
    "SyntheticDiD",
    "TripleDifference",
    "TwoStage",
]
