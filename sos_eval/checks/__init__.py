"""Checks of a fitted estimator: data first, a sentence second."""

from __future__ import annotations

from sos_eval.checks.balance import balance_results
from sos_eval.checks.contamination import ContaminationCheck
from sos_eval.checks.equivalence import Equivalence
from sos_eval.checks.functional_form import FunctionalForm
from sos_eval.checks.goodman_bacon import GoodmanBacon
from sos_eval.checks.honest_did import HonestDiD
from sos_eval.checks.leave_one_out import LeaveOneOut
from sos_eval.checks.panel_tests import PanelTests
from sos_eval.checks.path import Path
from sos_eval.checks.placebo_outcome import PlaceboOutcome
from sos_eval.checks.placebo_time import PlaceboTime
from sos_eval.checks.placebo_units import PlaceboUnits
from sos_eval.checks.pretrend_power import PretrendPower
from sos_eval.checks.pretrends import Pretrends
from sos_eval.checks.refuters import Refuters
from sos_eval.checks.robustness import Robustness
from sos_eval.checks.sensitivity import Sensitivity
from sos_eval.checks.specification_curve import SpecificationCurve
from sos_eval.checks.spillover import SpilloverCheck
from sos_eval.checks.suppression_bounds import SuppressionBounds

__all__ = [
    "ContaminationCheck",
    "Equivalence",
    "FunctionalForm",
    "GoodmanBacon",
    "HonestDiD",
    "LeaveOneOut",
    "PanelTests",
    "Path",
    "PlaceboOutcome",
    "PlaceboTime",
    "PlaceboUnits",
    "PretrendPower",
    "Pretrends",
    "Refuters",
    "Robustness",
    "Sensitivity",
    "SpecificationCurve",
    "SpilloverCheck",
    "SuppressionBounds",
    "balance_results",
]
