"""How long an inference will take: a few of its estimates are timed, and the others counted."""

from __future__ import annotations

from contextlib import suppress
from time import perf_counter

from sos_eval.errors import InputFault
from sos_eval.inference.randomization import Randomization
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array
from sos_eval.results.adoptions import Adoptions
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import InferenceMethod

__all__ = ["estimates_anew", "seconds_each"]

#: Trial values of a constant effect that the search for two ends needs, and adoptions that are timed.
TRIALS, FEW, MORE = 14, 5, 45


def estimates_anew(method: InferenceMethod, fitted: Fitted) -> int:
    """Count about how many estimates under other adoptions a method makes; none unless it permutes."""
    if not isinstance(method, Randomization):
        return 0
    space = fitted.space(method.strata)
    if isinstance(space, str):
        return 0
    draws = min(space.size, method.draws)
    if method.interval == "none":
        return draws
    ratio = bool((fitted.estimate.cells["scale"] == "ratio").any())
    fewer = min(draws, method.searched_draws) if ratio or fitted.rebuild is not None else draws
    return draws + (TRIALS if ratio else 2) * fewer


def seconds_each(method: Randomization, fitted: Fitted) -> float:
    """Time what one more adoption costs, on adoptions that the inference does not use."""
    space = fitted.space(method.strata)
    if isinstance(space, str):
        return 0.0
    drawn = space.draw(2 * MORE, stream(0, "duration")).first_treated[: FEW + MORE]
    few, more = (_seconds(fitted, some) for some in (drawn[:FEW], drawn))
    return max(more - few, 0.0) / max(len(drawn) - FEW, 1)


def _seconds(fitted: Fitted, first_treated: Array) -> float:
    start = perf_counter()
    with suppress(InputFault):  # where none of these few can be estimated, that takes its time too
        Adoptions(fitted, first_treated).estimated()
    return perf_counter() - start
