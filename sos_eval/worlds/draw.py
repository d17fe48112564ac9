"""Drawing a world: batches of outcomes on one frame of authorities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.worlds.adoption import draw_adoption
from sos_eval.worlds.draws import ROUNDED, Draws
from sos_eval.worlds.effects import apply_dose, of_authorities
from sos_eval.worlds.frame import Frame, draw_frame
from sos_eval.worlds.missing import Missing, withhold
from sos_eval.worlds.outcomes import draw_traits, expected_untreated, observe
from sos_eval.worlds.residuals import resample
from sos_eval.worlds.revisions import publish
from sos_eval.worlds.theory import OUTCOME, draw_mediators, measured, moved
from sos_eval.worlds.world import World

__all__ = ["draw_outcomes", "draw_world"]

Array = NDArray[np.float64]


def _placed_anew(frame: Frame, rng: np.random.Generator, reps: int) -> NDArray[np.intp]:
    """Draw placebo adoptions on a real panel: the authority that stands at each place, (reps, n)."""
    places = np.argsort(frame.first_treated, kind="stable")
    order = np.empty((reps, len(places)), np.intp)
    for rep in range(reps):
        starts = draw_adoption(frame.world.adoption, frame.table, frame.exposure, rng)
        shuffled = rng.permutation(len(starts))
        order[rep, places] = shuffled[np.argsort(starts[shuffled], kind="stable")]
    return order


def _doses_anew(frame: Frame, order: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return doses at each place, (n, n_times) or (reps, n, n_times): own and other, for who stands there."""
    effect = frame.world.effect
    if not effect.moderator and effect.spillover is None:
        return frame.own, frame.other
    home = np.argsort(order, axis=-1)  # the place of each authority
    at_home = frame.own[home], frame.other[home]
    doses = of_authorities(effect, at_home, frame.table, frame.first_treated[home], frame.world.periods)
    own, other = (np.take_along_axis(one, order[..., None], 1) for one in doses)
    return own, other


def _real_outcomes(
    frame: Frame, rates: Array, order: NDArray[np.intp], doses: tuple[Array, Array], rng: np.random.Generator
) -> Draws:
    """Add the effect to a real panel's outcomes under placebo adoptions.

    The count under the effect is the real count plus the effect on it, not a whole number.
    """
    world, untreated = frame.world, rates[order]
    own, other = doses
    expected = apply_dose(world.effect, untreated, own, positive=True, at_most=frame.at_zero)
    everything = apply_dose(world.effect, expected, other, positive=True, at_most=frame.at_zero)
    observed = everything * (frame.exposure / world.outcome.per)
    if world.missing != Missing():  # small counts are those of the authority, not of its place
        counts = np.round(everything * (frame.exposure[order] / world.outcome.per), ROUNDED)
        observed[np.isnan(withhold(world.missing, counts, counted=True, rng=rng))] = np.nan
    return Draws(frame, untreated, expected, observed, order=order)


def draw_world(world: World, rng: np.random.Generator, reps: int = 1) -> Draws:
    """Draw a frame of authorities with their adoption, and a batch of outcomes on it.

    Parameters
    ----------
    world
        What is drawn.
    rng
        Used for the frame first, then for the outcomes.
    reps
        How many draws of the outcomes.
    """
    return draw_outcomes(world, draw_frame(world, rng), rng, reps)


def draw_outcomes(world: World, frame: Frame, rng: np.random.Generator, reps: int) -> Draws:
    """Draw a batch of outcomes on a frame.

    Raises
    ------
    DesignFault
        An effect takes too many rates below zero.
    """
    if frame.rates is not None:
        return _on_a_real_panel(frame, frame.rates, rng, reps)
    first, traits = _drawn(frame, rng, reps, None)
    further = {}
    for one, (about, own) in zip(world.further, _further(frame, rng), strict=True):
        further[one.name] = _drawn(about, own, reps, (traits, one.correlation))[0]
    return replace(first, further=further)


def _further(frame: Frame, rng: np.random.Generator) -> list[tuple[Frame, np.random.Generator]]:
    """Return the frame as seen from every further outcome, with a stream of its own.

    So that what the first outcome draws, or how much of it, does not move the others.
    """
    abouts = [replace(frame, world=frame.world.about(one)) for one in frame.world.further]
    return list(zip(abouts, rng.spawn(len(abouts)), strict=True))


def _on_a_real_panel(frame: Frame, rates: Mapping[str, Array], rng: np.random.Generator, reps: int) -> Draws:
    """Draw placebo adoptions on a real panel and add the effects to all outcomes."""
    order = _placed_anew(frame, rng, reps)
    doses = _doses_anew(frame, order)
    first = _real_outcomes(frame, rates[frame.world.outcome.name], order, doses, rng)
    further = {}
    for about, own in _further(frame, rng):
        name = about.world.outcome.name
        further[name] = _real_outcomes(about, rates[name], order, doses, own)
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
        ratio, at_most = effect.scale == "ratio", frame.at_zero
        untreated = moved(theory, untreated, deviations, ratio=ratio, positive=counted, at_most=at_most)
        mediators = measured(theory, deviations, frame.own + frame.other, rng)
        through = theory.by_practice(OUTCOME)
    expected = apply_dose(effect, untreated, frame.own, positive=counted, mediated=through, at_most=frame.at_zero)
    everything = apply_dose(effect, expected, frame.other, positive=counted, mediated=through, at_most=frame.at_zero)
    return untreated, expected, everything, mediators
