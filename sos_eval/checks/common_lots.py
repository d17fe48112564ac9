"""Estimates of several designs under the same random adoptions, and how far each lies from the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.checks.alternatives import PriorUseClass, prior_use_classes
from sos_eval.errors import InputFault
from sos_eval.panel.levels import weighed_mean
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, loop_batch, overall_place
from sos_eval.results.fitted import Fitted
from sos_eval.results.inference import SPREAD_FROM
from sos_eval.results.members import Members

__all__ = [
    "AS_DECLARED",
    "CommonLots",
    "DrawnEffect",
    "Varied",
    "draws_for",
    "level_after",
    "level_before",
    "overall_row",
]

#: Words of the design's own estimate.
AS_DECLARED = "as declared"
ELSEWHERE = "treats units that the primary estimate does not have, so its lots say nothing of them"


@dataclass(frozen=True, slots=True)
class Varied:
    """An alternative that was estimated, or why it could not be.

    Attributes
    ----------
    label
        Its words.
    fitted
        None with a `reason`. Its source holds the moved starts.
    start
        By how many periods starts were moved.
    left_out
        Classes of prior use whose treated units take no part.
    against
        The primary estimate on the unit-periods that both have; None where it is set against the primary as it is.
    same_as
        Words of the alternative that declares the same, or "as declared"; it counts with that one, once.
    by_name
        Whether treated units are left out by name: random adoptions leave the same units out, mostly untreated, so that
        they do not say how far such a shift goes by chance.
    """

    label: str
    fitted: Fitted | None = None
    reason: str = ""
    start: float = 0.0
    left_out: tuple[PriorUseClass, ...] = ()
    against: Fitted | None = None
    by_name: bool = False
    same_as: str = ""

    @property
    def members(self) -> tuple[Members, ...]:
        """The units of each estimate that its row tells of; none where it was not estimated."""
        return tuple(Members.of(one) for one in (self.fitted, self.against) if one is not None)

    @property
    def sizes(self) -> dict[str, float]:
        """How many units its estimate rests on."""
        if self.fitted is None:
            return {"n_units": float("nan"), "n_treated_units": float("nan")}
        panel, cells, at = self.fitted.panel, self.fitted.estimate.cells, overall_row(self.fitted)
        if at is None:
            return {"n_units": float(panel.n_units), "n_treated_units": float(panel.ever_treated.sum())}
        return {name: float(cells[name].iloc[at]) for name in ("n_units", "n_treated_units")}


@dataclass(frozen=True, slots=True)
class DrawnEffect:
    """The overall effect on its working scale under the observed adoption and the draws, (1 + draws,); NaN: refused.

    Where `spread` is true the error is that of `Batch.spread`: to divide by, not to quote.
    """

    value: Array
    error: Array
    spread: bool = False

    @classmethod
    def of(cls, batch: Batch, scale: str) -> Self:
        """Pick the overall effect on a scale out of a batch, which may lack rows of an estimate or order them anew."""
        cells = batch.cells
        at = int(np.flatnonzero((cells["aggregation"] == "overall") & (cells["scale"] == scale))[0])
        error = np.full(len(batch.values), np.nan) if batch.std_error is None else batch.std_error[:, at]
        return cls(batch.values[:, at], error, batch.spread)

    @property
    def quoted(self) -> Array:
        """Errors that may be quoted, (1 + draws,); NaN where there is none."""
        return np.full(len(self.error), np.nan) if self.spread else self.error

    @property
    def statistic(self) -> Array:
        """The effect over its error; the effect itself where no error is there."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.value / self.error) if np.isfinite(self.error).any() else self.value


@dataclass(frozen=True, slots=True)
class CommonLots:
    """Adoptions drawn once on the primary estimate's units; what a unit brings with its start goes with it.

    Attributes
    ----------
    units : (n_units,)
        Those of the primary estimate.
    starts : (1 + draws, n_units)
        The observed adoption first.
    prior_use : (1 + draws, n_units)
        The class of prior use that came with each start.
    complete
        Whether the draws are all adoptions there are.
    """

    units: NDArray[np.object_]
    starts: Array
    prior_use: NDArray[np.object_]
    complete: bool

    @classmethod
    def of(cls, fitted: Fitted, draws: int, rng: np.random.Generator) -> CommonLots | str:
        """Draw adoptions within the strata of the headline's test; the reason where starts cannot be swapped."""
        space = fitted.space(fitted.strata)
        if isinstance(space, str):
            return space
        source = fitted.source
        classes = prior_use_classes(source)
        own = np.full(source.n_units, "none", object) if isinstance(classes, str) else classes
        records = pd.MultiIndex.from_arrays([source.first_treated, np.where(source.ever_treated, own, "none")])
        codes, kinds = pd.factorize(records, sort=False)
        of_item = np.full(len(space.starts), -1.0)
        of_item[space.item] = codes
        drawn = replace(space, starts=of_item).draw(draws, rng)
        code = np.vstack([codes, drawn.first_treated]).astype(np.intp)
        starts = np.array([float(start) for start, _ in kinds])
        return cls(source.units, starts[code], np.array([kind for _, kind in kinds], object)[code], drawn.complete)

    def drawn(self, varied: Varied) -> DrawnEffect | str:
        """Estimate an alternative under every adoption; the reason where these lots say nothing of it."""
        fitted = varied.fitted
        row = overall_row(fitted) if fitted is not None else None
        if fitted is None or row is None:
            return varied.reason or "no overall effect"
        place = pd.Index(self.units).get_indexer(pd.Index(fitted.source.units))
        own = fitted.source.first_treated
        if np.isfinite(own[place < 0]).any():
            return ELSEWHERE
        starts = np.where(place >= 0, self.starts[:, place] + varied.start, own)
        gone = (place >= 0) & np.isfinite(starts) & np.isin(self.prior_use[:, place], varied.left_out)
        return _drawn(fitted, starts, gone, row)

    def drawn_without(self, gone: Sequence[int], fitted: Fitted) -> DrawnEffect | str:
        """Estimate the primary under every adoption without one unit of each; -1 leaves nobody out.

        Parameters
        ----------
        gone : (1 + draws,)
            Place of the unit among `units`.
        """
        row = overall_row(fitted)
        if row is None:
            return "no overall effect"
        out = np.arange(len(self.units)) == np.asarray(gone)[:, None]
        return _drawn(fitted, self.starts, out, row)


def draws_for(fitted: Fitted, varied: Sequence[Varied], draws: int, rebuilt_draws: int) -> int:
    """Return how many adoptions alternatives share: fewer where one of them builds its comparison group again."""
    slow = fitted.rebuild is not None or any(one.fitted is not None and one.fitted.rebuild for one in varied)
    return min(draws, rebuilt_draws) if slow else draws


def _drawn(fitted: Fitted, starts: Array, gone: NDArray[np.bool_], row: int) -> DrawnEffect | str:
    """Estimate under adoptions; the reason where the estimator refuses them."""
    try:
        return _batch(fitted, starts, gone, row)
    except InputFault as fault:
        return fault.faults[0].what


def _batch(fitted: Fitted, starts: Array, gone: NDArray[np.bool_], row: int) -> DrawnEffect:
    """Estimate under adoptions, (1 + draws, n_units), units that are gone left out of each.

    A unit of a panel that is treated in every period takes no part in any estimator; a comparison group is built
    without it, and people of such a unit are left out. The spread of few treated clusters is not divided by, as in the
    headline's test (`SPREAD_FROM`).
    """
    if (fitted.rebuild is not None or fitted.panel.layout != "panel") and gone.any():
        panels = (_without(fitted.source.with_first_treated(s), out) for s, out in zip(starts, gone, strict=True))
        batch = loop_batch(panels, fitted.refit, fitted.estimate.cells)
    else:
        batch = fitted.refit_assignments(np.where(gone, fitted.source.times[0], starts))
    made = DrawnEffect.of(batch, str(fitted.estimate.cells["scale"].iloc[row]))
    few = made.spread and fitted.panel.n_treated_clusters < SPREAD_FROM
    return replace(made, error=np.full_like(made.error, np.nan)) if few else made


def _without(panel: Panel, gone: NDArray[np.bool_]) -> Panel:
    return panel.keep(panel.units[~gone])


def overall_row(fitted: Fitted) -> int | None:
    """Return the position of the overall effect, the ratio where there is one; None where there is none."""
    return overall_place(fitted.estimate.cells, np.isfinite(fitted.estimate.values))


def level_before(fitted: Fitted) -> float:
    """Return the treated units' mean outcome before their start, as they are weighed: no fall can be larger."""
    frame = fitted.panel.frame
    before = np.isfinite(frame["first_treated"]) & (frame["time"] < frame["first_treated"])
    return weighed_mean(frame[before])


def level_after(fitted: Fitted) -> float:
    """Return the treated units' mean outcome from their start on: what a ratio leaves as it was observed.

    As the estimate weighs them. NaN of logs: their mean is no level of the outcome.
    """
    if fitted.panel.outcome.transform == "log":
        return float("nan")
    frame = fitted.panel.frame
    after = np.isfinite(frame["first_treated"]) & (frame["time"] >= frame["first_treated"])
    return weighed_mean(frame[after])
