"""A programme theory: mediators that practice moves and that move the outcome, by authority and period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray
from pydantic import BeforeValidator

from sos_eval.declare import Declared
from sos_eval.errors import nearest
from sos_eval.worlds.effects import AT_ZERO_AT_MOST, stop_at_zero
from sos_eval.worlds.problems import Problem

__all__ = ["OUTCOME", "PRACTICE", "Mediator", "Theory", "draw_mediators", "measured", "moved"]

Array = NDArray[np.float64]

#: The nodes of every theory that are no mediators.
PRACTICE, OUTCOME = "practice", "outcome"


@dataclass(frozen=True)
class Mediator(Declared):
    """What carries a part of the effect, e.g. trust."""

    label: str = ""
    """Its words for a reader; its name without them."""
    mean: float = 0.0
    """Mean over authorities and periods without the intervention."""
    level_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of authorities' own levels, beyond what other mediators explain."""
    noise_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of what moves it in a period, independent over periods."""
    measured: bool = True
    """Whether the drawn panel has it as a column."""
    error_sd: Annotated[float, Ge(0)] = 0.0
    """Standard deviation of the error of measurement: in the column, not in what moves the outcome."""


def _edges(value: Any) -> Any:
    """Take ``[[practice, trust, 0.8]]`` as well as ``{practice: {trust: 0.8}}``."""
    if not isinstance(value, list | tuple):
        return value
    found: dict[str, dict[str, Any]] = {}
    for one in value:
        if not isinstance(one, list | tuple) or len(one) != 3:
            shown = ", ".join(str(part) for part in one) if isinstance(one, list | tuple) else one
            raise ValueError(f"[{shown}]: in a world an edge is [cause, what it moves, by how much]")
        cause, moved = str(one[0]), str(one[1])
        if moved in found.get(cause, {}):
            raise ValueError(f"[{cause}, {moved}]: the edge stands twice")
        found.setdefault(cause, {})[moved] = one[2]
    return found


Edges = Annotated[
    dict[str, dict[str, float]],
    BeforeValidator(_edges, json_schema_input_type=list[tuple[str, str, float]] | dict[str, dict[str, float]]),
]


@dataclass(frozen=True)
class Theory(Declared):
    """A linear acyclic theory. All of it happens within a period; what takes time has a growing `effect.shape`."""

    edges: Edges
    """Cause, what it moves, and by how much: ``[[practice, trust, 0.8], [trust, outcome, -1.5]]``, or a mapping of
    mappings. ``practice`` is the dose of the intervention, 1 in full. What moves ``outcome`` does so on the effect's
    scale: in units of the rate per unit of the mediator, or of its logarithm with ``scale: ratio``. What practice does
    beside the mediators is `effect.size`."""
    mediators: dict[str, Mediator] = field(default_factory=dict)
    """Mediators by name."""

    def problems(self) -> Iterator[Problem]:
        """Say what contradicts what."""
        causes, moved = [PRACTICE, *self.mediators], [*self.mediators, OUTCOME]
        for cause, edges in self.edges.items():
            if cause not in causes:
                yield Problem(("edges", cause), "neither practice nor a mediator", nearest(cause, causes))
            for to in edges:
                if cause == PRACTICE and to == OUTCOME:
                    what = "the direct effect of practice is effect.size"
                    yield Problem(("edges", cause, to), what, "write it there and remove the edge")
                elif to not in moved:
                    yield Problem(("edges", cause, to), "neither a mediator nor outcome", nearest(to, moved))
        yield from self._name_problems()
        yield from self._graph_problems()

    def _name_problems(self) -> Iterator[Problem]:
        named = {name for cause, edges in self.edges.items() for name in (cause, *edges)}
        for name in self.mediators:
            if name in (PRACTICE, OUTCOME):
                yield Problem(("mediators", name), "is the name of another node", "rename it")
            elif name not in named:
                yield Problem(("mediators", name), "no edge names it", "add an edge, or remove it")

    def _graph_problems(self) -> Iterator[Problem]:
        if cycle := self._cycle():
            yield Problem(("edges",), f"a circle: {' -> '.join(cycle)}", "remove one of its edges")
        elif not self.routes(OUTCOME):
            yield Problem(("edges",), "no way leads from practice to the outcome", "add [MEDIATOR, outcome, 0.5]")

    def _cycle(self) -> list[str]:
        """Return the nodes of a circle, the first repeated at the end; empty where there is none."""
        done: set[str] = set()

        def visit(node: str, way: list[str]) -> list[str]:
            if node in way:
                return [*way[way.index(node) :], node]
            if node in done:
                return []
            done.add(node)
            found = (visit(to, [*way, node]) for to in self.edges.get(node, {}))
            return next((cycle for cycle in found if cycle), [])

        found = (visit(node, []) for node in self.edges)
        return next((cycle for cycle in found if cycle), [])

    def routes(self, to: str) -> dict[str, float]:
        """Return every way from practice to a node, ``practice -> trust -> outcome``, with its product."""
        pending: list[tuple[tuple[str, ...], float]] = [((PRACTICE,), 1.0)]
        found: dict[str, float] = {}
        while pending:
            way, product = pending.pop(0)
            for node, by in self.edges.get(way[-1], {}).items():
                if node == to:
                    found[" -> ".join((*way, node))] = product * by
                elif node not in (OUTCOME, *way):
                    pending.append(((*way, node), product * by))
        return found

    def by_practice(self, to: str) -> float:
        """Return what a full dose moves a node by, through all mediators: the sum over its routes."""
        return float(sum(self.routes(to).values()))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Mediators, causes before what they move."""
        left, order = list(self.mediators), []
        while left:
            ready = next(one for one in left if not any(one in self.edges.get(other, {}) for other in left))
            order.append(ready)
            left.remove(ready)
        return tuple(order)

    @property
    def on_outcome(self) -> dict[str, float]:
        """What a unit of each mediator moves the outcome (or its logarithm) by, by all ways."""
        weights: dict[str, float] = {}
        for name in reversed(self.order):
            edges = self.edges.get(name, {})
            weights[name] = edges.get(OUTCOME, 0.0) + sum(by * weights.get(node, 0.0) for node, by in edges.items())
        return weights

    @property
    def variance(self) -> float:
        """The variance that mediators give the outcome (or its logarithm) in any period, without the intervention."""
        spread = {name: one.level_sd**2 + one.noise_sd**2 for name, one in self.mediators.items()}
        return float(sum(weight**2 * spread[name] for name, weight in self.on_outcome.items()))

    def shift(self, to: str, deviations: Mapping[str, Array]) -> Array | float:
        """Return what mediators' deviations from their means add to a node."""
        return sum(self.edges.get(name, {}).get(to, 0.0) * values for name, values in deviations.items())


def draw_mediators(spec: Theory, shape: tuple[int, int, int], rng: np.random.Generator) -> dict[str, Array]:
    """Draw mediators without the intervention, as deviations from their means, (reps, n, n_times) each.

    ``d_m = level + noise + sum over causes c of by_cm d_c``, causes first.
    """
    drawn: dict[str, Array] = {}
    for name in spec.order:
        one = spec.mediators[name]
        own = one.level_sd * rng.standard_normal((*shape[:2], 1)) + one.noise_sd * rng.standard_normal(shape)
        drawn[name] = own + spec.shift(name, drawn)
    return drawn


def moved(
    spec: Theory, rates: Array, deviations: Mapping[str, Array], *, ratio: bool, positive: bool,
    at_most: float = AT_ZERO_AT_MOST,
) -> Array:  # fmt: skip
    """Return expected outcomes with what mediators' own deviations add, (reps, n, n_times); their mean stays.

    Parameters
    ----------
    ratio
        Whether mediators act on the logarithm of the outcome.
    at_most
        Share of rates that may stop at zero.

    Raises
    ------
    DesignFault
        The mediators' spread takes more of them below zero.
    """
    shift = spec.shift(OUTCOME, deviations)
    if ratio:
        return np.asarray(rates * np.exp(shift - spec.variance / 2))
    shifted = np.asarray(rates + shift)
    if not positive:
        return shifted
    who, instead = "theory.mediators: their spread", "write smaller ones, or effect.scale: ratio"
    return stop_at_zero(shifted, shifted.size, who, instead, "all rates", at_most)


def measured(spec: Theory, deviations: Mapping[str, Array], dose: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Return the mediators that a panel shows, under everybody's dose, (reps, n, n_times) each."""
    shown = {}
    for name, one in spec.mediators.items():
        if one.measured:
            error = one.error_sd * rng.standard_normal(deviations[name].shape)
            shown[name] = one.mean + deviations[name] + spec.by_practice(name) * dose + error
    return shown
