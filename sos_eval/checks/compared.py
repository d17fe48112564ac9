"""Checks of alternatives: the design resolves and estimates them, the check sets them beside the headline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.common_lots import Varied
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted

__all__ = ["ComparedCheck", "ExpectedSign"]

#: The sign of the effect that the question expects; 0 where it expects none.
ExpectedSign = Literal[-1, 0, 1]


class ComparedCheck(Check):
    """A check that sets alternatives of the design beside the headline's estimate."""

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The alternatives, in the order in which `compare` takes their estimates."""
        raise NotImplementedError

    @property
    def places(self) -> tuple[tuple[str | int, ...], ...]:
        """Where each alternative stands below the check's own key."""
        raise NotImplementedError

    def compare(
        self, fitted: Fitted, varied: Sequence[Varied], rng: np.random.Generator, direction: ExpectedSign = 0
    ) -> list[CheckResult]:
        """Set the alternatives, resolved and estimated, beside the headline's estimate."""
        raise NotImplementedError
