"""From a method and a panel to a comparison group, blind to every outcome that treatment could have touched."""

from __future__ import annotations

from dataclasses import replace

from sos_eval.comparison.group import GroupMethod, apply_weights
from sos_eval.panel.panel import Panel
from sos_eval.results.comparison import Comparison

__all__ = ["build_group", "rebuilt"]


def build_group(method: GroupMethod, panel: Panel) -> Comparison:
    """Build the comparison group, with the original outcomes in its panel.

    The method sees `panel.blinded()`: no outcome from the first start of anyone onward can enter.
    """
    made = method.compare(panel.blinded())
    return replace(made, panel=apply_weights(panel, made.weights, made.panel.flow))


def rebuilt(method: GroupMethod, panel: Panel) -> Panel:
    """Return `build(method, panel).panel` without balance and flow: what a permutation calls thousands of times."""
    return apply_weights(panel, method.select(panel.blinded()).weights, panel.flow)
