"""Where the noise comes from: real outcomes with adoption drawn anew, and outcomes drawn from a declared world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sos_eval.panel.england.published import panel_file
from sos_eval.panel.panel import Panel
from sos_eval.worlds.draw import draw_outcomes
from sos_eval.worlds.draws import Draws
from sos_eval.worlds.frame import draw_frame
from sos_eval.worlds.world import World, load_world
from tests.conftest import ROOT
from tests.fakes import panel_of

COHORTS = (2015, 2016)  # of placebo adoption on the real panel
FAVOURED = 3  # regions in which a placebo start is twice as likely, drawn anew in every draw


@dataclass(frozen=True)
class RealNoise:
    """Outcomes of real authorities as they are, and what placebo adoption goes with.

    Attributes
    ----------
    panel
        Balanced, nobody treated.
    population, region : (n,)
        Children in the first year; name of the region.
    """

    panel: Panel
    population: np.ndarray
    region: np.ndarray

    def adoptions(self, treated: int, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draw adoptions, (draws, n): the chance goes with the root of the population, twofold in three regions."""
        codes, names = pd.factorize(self.region)
        favoured = rng.random((draws, len(names))).argsort(1) < FAVOURED
        logs = 0.5 * np.log(self.population) + np.log(2) * favoured[:, codes]
        chosen = (-(logs + rng.gumbel(size=logs.shape))).argsort(1)[:, :treated]
        return starts_of(rng.permuted(chosen, axis=1), logs.shape[1], treated)


def starts_of(chosen: np.ndarray, n: int, treated: int) -> np.ndarray:
    """Two cohorts from positions in order of choice; the first is the larger where the number is odd."""
    starts = np.full((len(chosen), n), np.inf)
    rows = np.arange(len(chosen))[:, None]
    starts[rows, chosen[:, : (treated + 1) // 2]] = COHORTS[0]
    starts[rows, chosen[:, (treated + 1) // 2 :]] = COHORTS[1]
    return starts


def real_noise(first: int = 2011, last: int = 2019) -> RealNoise:
    """Read the authorities with an outcome in every year."""
    data = pd.read_csv(panel_file("constant"))
    data = data[data["year"].between(first, last)]
    complete = data.dropna(subset=["care_entries", "children_0_17"]).groupby("la_code")["year"].transform("size")
    data = data.loc[complete.index[complete == last - first + 1]].sort_values(["la_code", "year"])
    wide = data.pivot_table(index="la_code", columns="year", values=["care_entries", "children_0_17"])
    counts, children = wide["care_entries"].to_numpy(), wide["children_0_17"].to_numpy()
    own = data.groupby("la_code")[["region", "idaci"]].first().reindex(wide.index)
    region, idaci = own["region"].to_numpy(), own["idaci"].to_numpy()
    never = np.full(len(counts), np.inf)
    panel = panel_of(counts, never, first_time=first, exposure=children, region=region, idaci=idaci)
    return RealNoise(replace(panel, covariates=()), children[:, 0], region)


@dataclass(frozen=True)
class Scene:
    """One adoption in the world, and a batch of outcomes on it.

    Attributes
    ----------
    panel
        The adoption, with covariates and the first of the outcomes.
    outcomes : (k, n, t)
        Rates.
    draws
        Where they come from; knows the true effects.
    """

    panel: Panel
    outcomes: np.ndarray
    draws: Draws

    def true_effect(self, cell: pd.Series) -> np.ndarray:
        """True effect of a cell without cohort, time or event time in every draw, on the working scale, (k,)."""
        found = self.draws.true_effects
        keys = ["estimand", "aggregation", "scale"]
        scalar = found.cells[["cohort", "time", "event_time"]].isna().all(axis=1)
        row = int(np.flatnonzero(scalar & (found.cells[keys] == cell[keys]).all(axis=1))[0])
        return np.log(found.values[:, row]) if cell["scale"] == "ratio" else found.values[:, row]

    def panels(self) -> Iterator[Panel]:
        """Yield each outcome as a panel."""
        for outcome in self.outcomes:
            yield self.panel.with_outcome(outcome)


def england(treated: int, effect: float | None = 0.0) -> World:
    """Return the declared world with so many adopters; `effect` in place of the declared size, None keeps it."""
    world = load_world(ROOT / "synthetic" / "england.yaml")
    size = world.effect.size if effect is None else effect
    return replace(world, effect=replace(world.effect, size=size), adoption=replace(world.adoption, treated=treated))


def scenes(world: World, draws: int, each: int, rng: np.random.Generator) -> Iterator[Scene]:
    """Draw adoptions as the world declares them, and `each` outcomes on every adoption, `draws` in all."""
    for _ in range(draws // each):
        drawn = draw_outcomes(world, draw_frame(world, rng), rng, each)
        yield Scene(drawn.panel, drawn.outcomes, drawn)
