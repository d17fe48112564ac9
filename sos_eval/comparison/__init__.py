"""How untreated units stand in for treated ones: restriction, matching, and what they leave of imbalance."""

from __future__ import annotations

from sos_eval.comparison.build import Rebuilding, build
from sos_eval.comparison.cbps import CBPS
from sos_eval.comparison.cem import CEM
from sos_eval.comparison.declared import DeclaredSets
from sos_eval.comparison.entropy import Entropy
from sos_eval.comparison.exact import Exact
from sos_eval.comparison.full import Full
from sos_eval.comparison.group import BalanceLimits, GroupMethod
from sos_eval.comparison.ipw import IPW
from sos_eval.comparison.mahalanobis import Mahalanobis
from sos_eval.comparison.nearest import Nearest
from sos_eval.comparison.neighbours import StatisticalNeighbours
from sos_eval.comparison.none import NoComparison
from sos_eval.comparison.optimal import Optimal
from sos_eval.comparison.restrict import Excluded, Restrict
from sos_eval.comparison.stable import Stable
from sos_eval.comparison.subclass import Subclass

__all__ = [
    "CBPS",
    "CEM",
    "IPW",
    "BalanceLimits",
    "DeclaredSets",
    "Entropy",
    "Exact",
    "Excluded",
    "Full",
    "GroupMethod",
    "Mahalanobis",
    "Nearest",
    "NoComparison",
    "Optimal",
    "Rebuilding",
    "Restrict",
    "Stable",
    "StatisticalNeighbours",
    "Subclass",
    "build",
]
