"""Ways to say how uncertain an estimate is; one file each."""

from __future__ import annotations

from sos_eval.inference.analytic import Analytic

__all__ = ["Analytic"]
