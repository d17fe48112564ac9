"""What stays fixed over a batch of draws: authorities, their adoption, and the doses that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.errors import DesignFault, Fault, nearest
from sos_eval.worlds.adoption import draw_adoption
from sos_eval.worlds.authorities import draw_authorities
from sos_eval.worlds.effects import AT_ZERO_AT_MOST, draw_doses, of_authorities
from sos_eval.worlds.mergers import Geography, draw_mergers
from sos_eval.worlds.neighbours import Spillover
from sos_eval.worlds.real_authorities import read_authorities
from sos_eval.worlds.real_panel import RealPanel, real_authorities
from sos_eval.worlds.residuals import read_residuals
from sos_eval.worlds.revisions import publish_children
from sos_eval.worlds.world import World

__all__ = ["Frame", "draw_frame"]

Array = NDArray[np.float64]
FIRST_CODE = 201


@dataclass(frozen=True, eq=False)
class Frame:
    """What stays fixed over a batch of draws: authorities, their covariates, exposure and adoption.

    Attributes
    ----------
    world
        What it was drawn from.
    table
        A row per authority: region, deprivation, covariates.
    exposure : (n, n_times)
        Children, as published.
    children : (n, n_times)
        Children, as they are: the same where no population is revised.
    first_treated : (n,)
        ``inf`` = never.
    own, other : (n, n_times)
        Doses; see `effects.draw_doses`. In a semi-synthetic world those of a place: what depends on the authority that
        stands there is drawn with it.
    fidelity : (n,)
        Zero for the never treated.
    rates : (n, n_times) each, or None
        A real panel's outcomes by their column, in a semi-synthetic world.
    residuals : (real authorities, n_times) or None
        A real panel's, where they are the noise.
    geography, drawn
        Where authorities are merged: how they are, and the frame before that; else None.
    at_zero
        Share of the rates in a batch that an effect may take below zero, where they stop: a world in which that is
        more than an accident is refused. A study asks that once (`trusted`), so that no chunk of it is.
    """

    world: World
    table: pd.DataFrame
    exposure: Array
    children: Array
    first_treated: Array
    own: Array
    other: Array
    fidelity: Array
    rates: Mapping[str, Array] | None = None
    residuals: Array | None = None
    geography: Geography | None = None
    drawn: Frame | None = None
    at_zero: float = AT_ZERO_AT_MOST

    def trusted(self) -> Frame:
        """Return the frame for draws of a world that was found to keep its rates above zero."""
        behind = None if self.drawn is None else self.drawn.trusted()
        return replace(self, at_zero=1.0, drawn=behind)

    @property
    def units(self) -> list[str]:
        """Codes of the authorities, all of one width, so that text and numbers sort alike."""
        if self.rates is not None:
            return [str(unit) for unit in self.table["unit"]]
        codes = FIRST_CODE + (np.arange(len(self.table)) if self.geography is None else self.geography.codes)
        width = len(str(codes.max()))
        return [str(code).zfill(width) for code in codes]

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Whether an authority is published in a period, (n, n_times)."""
        return np.ones(self.exposure.shape, bool) if self.geography is None else self.geography.shown

    @property
    def region_column(self) -> str:
        """Name of the column of regions: a real panel's own."""
        panel = self.world.panel
        return panel.region if panel is not None and panel.region else "region"

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are constant within an authority, region first."""
        own = self.world.authorities
        if (panel := self.world.panel) is not None:
            return ["region", "deprivation", *panel.covariates]
        names = ["region", own.deprivation.name, *own.covariates]
        return names + (["inspection"] if own.inspection else [])

    @cached_property
    def slopes(self) -> tuple[Array, Array]:
        """What population and covariates add to each authority's level and trend, (n,) each."""
        level = self.world.authorities.population.level * self.table["population_z"].to_numpy(float)
        trend = np.zeros(len(self.table))
        for name, one in self.world.authorities.covariates.items():
            z = self.table[f"z:{name}"].to_numpy(float)
            level, trend = level + one.level * z, trend + one.trend * z
        return level, trend


def draw_frame(world: World, rng: np.random.Generator) -> Frame:
    """Draw the authorities of a world, their adoption and the doses that follow from it."""
    times = world.periods
    if world.panel is not None:
        return _real_frame(world, world.panel, rng)
    panel = world.authorities.panel
    known = None if panel is None else read_authorities(panel, times)
    table, exposure = draw_authorities(world.authorities, len(times), rng, known)
    first_treated = draw_adoption(world.adoption, table, exposure, rng)
    own, other, fidelity = draw_doses(world.effect, first_treated, times, rng)
    own, other = of_authorities(world.effect, (own, other), table, first_treated, times)
    frame = Frame(world, table, exposure, exposure, first_treated, own, other, fidelity)
    if world.outcome.residuals is not None:
        frame = replace(frame, residuals=read_residuals(world.outcome.residuals, times, world.outcome.per))
    if world.mergers:
        frame = _merged(frame, rng)
    if world.revisions is not None:
        published = publish_children(world.revisions, frame.children, times, rng)
        frame = replace(frame, exposure=published)
    return frame


def _merged(frame: Frame, rng: np.random.Generator) -> Frame:
    """Return the frame of the authorities that are published, with the drawn one behind it."""
    world, children, starts = frame.world, frame.children, frame.first_treated
    how = draw_mergers(world.mergers, frame.table["region"].to_numpy(object), starts, world.periods, rng)
    table = how.table(frame.table.assign(fidelity=frame.fidelity), children)
    merged = how.children(children)
    return Frame(
        world, table.drop(columns="fidelity"), merged, merged, how.starts(starts), how.doses(frame.own, children),
        how.doses(frame.other, children), table["fidelity"].to_numpy(float), geography=how, drawn=frame,
    )  # fmt: skip


def _real_frame(world: World, panel: RealPanel, rng: np.random.Generator) -> Frame:
    """Read a real panel and lay out the places of cohorts and their doses."""
    more = {one.name: one.per for one in world.further}
    table, exposure, rates = real_authorities(panel, world.periods, world.outcome.per, further=more)
    named = {one.name: own for one, own in zip(world.outcomes, rates, strict=True)}
    unknown = [name for name in world.adoption.regions if name not in set(table["region"])]
    if unknown:
        near = nearest(unknown[0], sorted(set(table["region"])))
        what = f"adoption.regions: no region of the panel is called {', '.join(map(repr, unknown))}"
        raise DesignFault(Fault(f"world {world.name}", what, near))
    treated = world.adoption.treated or 0
    inside = table["region"].isin(world.adoption.regions) if world.adoption.regions else True
    eligible = int((table["eligible"] & inside).sum())
    if treated > eligible:
        what = f"adoption.treated: {treated} of {eligible} authorities cannot start"
        raise DesignFault(Fault(f"world {world.name}", what, "write a smaller number"))
    if world.effect.spillover is not None:
        _check_neighbours(world, world.effect.spillover, table)
    first_treated = draw_adoption(world.adoption, table, exposure, rng)
    own, other, fidelity = draw_doses(world.effect, first_treated, world.periods, rng)
    return Frame(world, table, exposure, exposure, first_treated, own, other, fidelity, named)


def _check_neighbours(world: World, spec: Spillover, table: pd.DataFrame) -> None:
    """Refuse more neighbours than the smallest region has."""
    for one in spec.problems(smallest=int(table["region"].value_counts().min())):
        raise DesignFault(Fault(f"world {world.name}", f"effect.spillover.neighbours: {one.what}", one.instead))
