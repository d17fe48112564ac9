"""From a method and a panel to a comparison group, blind to every outcome that treatment could have touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sos_eval.comparison.cohorts import compared_apart, weights_apart
from sos_eval.comparison.group import GroupMethod, apply_weights
from sos_eval.comparison.regroup import group_weights
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import Comparison, GroupWeights

__all__ = ["Rebuilding", "build"]


def build(method: GroupMethod, panel: Panel) -> Comparison:
    """Build the comparison group, with the original outcomes in its panel.

    The method sees `panel.blinded()`: no outcome from the first start of anyone onward can enter. Where cohorts are
    compared apart it sees each with the units that never start, blinded from that cohort's start on.
    """
    made = compared_apart(method, panel) if method.splits(panel) else method.compare(panel.blinded())
    return replace(made, panel=apply_weights(panel, made.weights, made.panel.flow))


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """The way to a comparison group again, without balance and flow: what permutations ask for thousands of times."""

    method: GroupMethod

    def __call__(self, panel: Panel) -> Panel:
        """Return what `build` makes of the panel."""
        if self.method.splits(panel):
            return apply_weights(panel, weights_apart(self.method, panel), panel.flow)
        return apply_weights(panel, self.method.select(panel.blinded()).weights, panel.flow)

    def weights(self, panel: Panel, first_treated: Array) -> GroupWeights:
        """Build the group under each adoption, (draws, n_units)."""
        return group_weights(self.method, panel, first_treated)
