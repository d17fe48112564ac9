"""How an intervention is meant to work, for whom and how well: the programme theory, and what a panel says of it."""

from __future__ import annotations

from sos_eval.theory.discovery import CausalForest, DoubleML, DrLearner

__all__ = ["CausalForest", "DoubleML", "DrLearner"]
