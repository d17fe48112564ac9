"""Ways to say how uncertain an estimate is; one file each."""

from __future__ import annotations

from sos_eval.inference.analytic import Analytic
from sos_eval.inference.auto import Auto
from sos_eval.inference.randomization import Randomization

__all__ = ["Analytic", "Auto", "Randomization"]
