"""Checks of alternatives: the design resolves and estimates them, the check sets them beside the headline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.common_lots import Varied
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted

__all__ = ["ComparedCheck", "ExpectedSign", "Place"]

#: The sign of the effect that the question expects; 0 where it expects none.
ExpectedSign = Literal[-1, 0, 1]
Place = tuple[str | int, ...]


class ComparedCheck(Check):
    """A check that sets alternatives of the design beside the headline's estimate."""

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The alternatives, in the order in which `compare` takes their estimates."""
        raise NotImplementedError

    @property
    def parts(self) -> tuple[tuple[Place, ...], ...]:
        """Where the parts of each alternative stand below the check's own key."""
        raise NotImplementedError

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the first part of each stands."""
        return tuple(one[0] for one in self.parts)

    @property
    def may_not_fit(self) -> tuple[bool, ...]:
        """Whether an alternative is left out where its method lacks an option, in place of being a fault."""
        return (False,) * len(self.parts)

    def compare(
        self, fitted: Fitted, varied: Sequence[Varied], rng: np.random.Generator, direction: ExpectedSign = 0
    ) -> list[CheckResult]:
        """Set the alternatives, resolved and estimated, beside the headline's estimate."""
        raise NotImplementedError
