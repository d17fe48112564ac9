"""Drawing a world: batches of outcomes on one frame of authorities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.worlds.adoption import draw_adoption
from sos_eval.worlds.draws import Draws
from sos_eval.worlds.effects import apply_dose
from sos_eval.worlds.frame import Frame
from sos_eval.worlds.missing import withhold
from sos_eval.worlds.outcomes import draw_traits, expected_untreated, observe
from sos_eval.worlds.residuals import resample
from sos_eval.worlds.revisions import publish
from sos_eval.worlds.theory import OUTCOME, draw_mediators, measured, moved
from sos_eval.worlds.world import World

__all__ = ["draw_outcomes"]

Array = NDArray[np.float64]


def _real_outcomes(world: World, frame: Frame, rates: Array, rng: np.random.Generator, reps: int) -> Draws:
    """Draw placebo adoptions on a real panel and add the effect.

    The count under the effect is the real count plus the effect on it, not a whole number.
    """
    places = np.argsort(frame.first_treated, kind="stable")
    order = np.empty((reps, len(rates)), np.intp)
    for rep in range(reps):
        starts = draw_adoption(world.adoption, frame.table, frame.exposure, rng)
        shuffled = rng.permutation(len(starts))
        order[rep, places] = shuffled[np.argsort(starts[shuffled], kind="stable")]
    untreated = rates[order]
    expected = apply_dose(world.effect, untreated, frame.own, positive=True)
    observed = expected * (frame.exposure / world.outcome.per)
    return Draws(frame, untreated, expected, observed, order=order)


def draw_outcomes(world: World, frame: Frame, rng: np.random.Generator, reps: int) -> Draws:
    """Draw a batch of outcomes on a frame.

    Raises
    ------
    DesignFault
        An effect takes too many rates below zero.
    """
    if frame.rates is not None:
        return _real_outcomes(world, frame, frame.rates, rng, reps)
    first, traits = _drawn(frame, rng, reps, None)
    streams = rng.spawn(len(world.further))  # what the first outcome draws, or how much of it, does not move the others
    further = {}
    for one, own in zip(world.further, streams, strict=True):
        about = replace(frame, world=world.about(one))
        further[one.name] = _drawn(about, own, reps, (traits, one.correlation))[0]
    return replace(first, further=further)


def _drawn(frame: Frame, rng: np.random.Generator, reps: int, like: tuple[Array, float] | None) -> tuple[Draws, Array]:
    """Draw one outcome of a frame's world, from what is expected to what is published; and the traits behind it."""
    world, spec, base = frame.world, frame.world.outcome, frame.drawn or frame
    traits = draw_traits(spec, world.adoption.selection, base.first_treated, world.periods, reps, rng, like)
    untreated = expected_untreated(spec, base.table, base.slopes, world.periods, traits, rng)
    untreated, expected, everything, mediators = _with_effects(world, base, untreated, rng)
    if base.residuals is not None:
        counts = resample(base.residuals, everything, base.children / spec.per, rng)
    else:
        counts = observe(spec, everything, base.children, rng)
    if (how := frame.geography) is not None:
        counts = how.counts(counts, base.children, rng)
        untreated, expected = how.rates(untreated, base.children), how.rates(expected, base.children)
        mediators = {name: how.rates(values, base.children) for name, values in mediators.items()}
    if world.revisions is not None:
        counts = publish(world.revisions, counts, world.periods, rng)
    observed = withhold(world.missing, counts, counted=spec.counted, rng=rng)
    return Draws(frame, untreated, expected, observed, mediators), traits


def _with_effects(
    world: World, frame: Frame, untreated: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Return expected outcomes untreated, under own adoption, and under everything; and measured mediators."""
    effect, counted, theory = world.effect, world.outcome.counted, world.theory
    mediators, through = {}, 0.0
    if theory is not None:
        deviations = draw_mediators(theory, untreated.shape, rng)
        untreated = moved(theory, untreated, deviations, ratio=effect.scale == "ratio", positive=counted)
        mediators = measured(theory, deviations, frame.own + frame.other, rng)
        through = theory.by_practice(OUTCOME)
    expected = apply_dose(effect, untreated, frame.own, positive=counted, mediated=through)
    everything = apply_dose(effect, expected, frame.other, positive=counted, mediated=through)
    return untreated, expected, everything, mediators
