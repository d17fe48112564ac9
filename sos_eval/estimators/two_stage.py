"""Two-stage differences in differences (Gardner 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sos_eval.estimators._imputed import ImputedEstimator
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array
from sos_eval.results.estimator import PartlyExposed
from sos_eval.results.method import register

__all__ = ["TwoStage"]


@register("two_stage")
@dataclass(frozen=True)
class TwoStage(ImputedEstimator):
    """Two stages: effects of units and time from untreated rows, then means of what all rows differ from them by."""

    covariates: tuple[Column, ...] | None = None
    """Time-varying regressors of the first stage; those of the panel unless named here."""

    label: ClassVar[str] = "two-stage"
    reference: ClassVar[str] = "Gardner (2022)"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 1, "treated_units": 1}
    takes_unbalanced: ClassVar[bool] = True
    partly_exposed: ClassVar[PartlyExposed] = "whole"
    takes_covariates: ClassVar[bool] = True
    by_cell: ClassVar[bool] = False

    def averaged(self, event: Array) -> NDArray[np.bool_]:
        """Average all event times but -1: those before the start sum to zero, and one follows from the others."""
        return np.asarray(np.isfinite(event) & (event != -1))
