"""Ways to say how uncertain an estimate is; one file each."""

from __future__ import annotations

from sos_eval.inference.analytic import Analytic
from sos_eval.inference.auto import Auto
from sos_eval.inference.conley_taber import ConleyTaber
from sos_eval.inference.cr2 import CR2
from sos_eval.inference.cr3 import CR3
from sos_eval.inference.ferman_pinto import FermanPinto
from sos_eval.inference.jackknife import Jackknife
from sos_eval.inference.multiplier_bootstrap import MultiplierBootstrap
from sos_eval.inference.newey_west import NeweyWest
from sos_eval.inference.randomization import Randomization
from sos_eval.inference.subcluster_wild_bootstrap import SubclusterWildBootstrap
from sos_eval.inference.two_way import TwoWay
from sos_eval.inference.wild_cluster_bootstrap import WildClusterBootstrap

__all__ = [
    "CR2",
    "CR3",
    "Analytic",
    "Auto",
    "ConleyTaber",
    "FermanPinto",
    "Jackknife",
    "MultiplierBootstrap",
    "NeweyWest",
    "Randomization",
    "SubclusterWildBootstrap",
    "TwoWay",
    "WildClusterBootstrap",
]
