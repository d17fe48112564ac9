"""An estimate made again on other outcomes, causes and units, as refuters do. Units are drawn, never rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from sos_eval.checks.common_lots import DrawnEffect, overall_row
from sos_eval.errors import NotIdentified
from sos_eval.panel.long_differences import long_differences
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Batch, loop_batch
from sos_eval.results.fitted import Fitted

__all__ = ["Remade"]

#: Column of a covariate of pure chance.
_BY_CHANCE = "drawn by chance"
#: Fewest untreated units whose paths are dealt out.
_FEWEST_PATHS = 8


@dataclass(frozen=True)
class Remade:
    """The overall effect of a fitted estimator, to be made again.

    Attributes
    ----------
    fitted
    row
        Position of the overall effect among its cells.
    """

    fitted: Fitted
    row: int

    @classmethod
    def of(cls, fitted: Fitted) -> Remade | None:
        """Return what can be made again; None where there is no overall effect."""
        row = overall_row(fitted)
        return None if row is None else cls(fitted, row)

    @property
    def base(self) -> Panel:
        """The panel whose outcomes are changed: before the comparison group where that is built again."""
        return self.fitted.source if self.fitted.rebuild else self.fitted.panel

    @property
    def value(self) -> float:
        """The overall effect on its working scale, on which no effect is zero."""
        return float(self.fitted.estimate.values[self.row])

    @property
    def is_ratio(self) -> bool:
        """Whether the effect is the logarithm of a ratio."""
        return str(self.fitted.estimate.cells["scale"].iloc[self.row]) == "ratio"

    def picked(self, batch: Batch) -> tuple[Array, Array]:
        """Return the overall effect and its error in every draw, (draws,) each; NaN where there is none to quote."""
        made = DrawnEffect.of(batch, str(self.fitted.estimate.cells["scale"].iloc[self.row]))
        return made.value, made.quoted

    def on_outcomes(self, outcomes: Array) -> tuple[Array, Array]:
        """Estimate on other outcomes, (draws, n_units, n_times) of `base`."""
        if self.fitted.rebuild is None:
            return self.picked(self.fitted.estimator.estimate_many(self.base, outcomes))
        panels = (self.base.with_outcome(one) for one in outcomes)
        return self.picked(loop_batch(panels, self.fitted.refit, self.fitted.estimate.cells))

    def dealt(self, draws: int, rng: np.random.Generator) -> Array:
        """Deal whole paths of untreated units out to everybody, with replacement: outcomes without any effect.

        Raises
        ------
        NotIdentified
            Too few untreated units were seen in every period.
        """
        outcome = self._outcome()
        whole = np.flatnonzero(~self.base.ever_treated & np.isfinite(outcome).all(1))
        if len(whole) < _FEWEST_PATHS:
            what = f"{len(whole)} untreated units have a whole path to deal out, and it takes {_FEWEST_PATHS}"
            raise NotIdentified(self.base.fault(what))
        drawn = outcome[rng.choice(whole, (draws, len(outcome)))]
        return np.where(np.isfinite(outcome), drawn, np.nan)

    def without_cause(self, strengths: Sequence[tuple[float, float]], repeats: int, rng: np.random.Generator) -> Array:
        """Return outcomes that a cause of each strength would leave if it were taken out, repeats after one another.

        The cause correlates with who ever starts as the first number says, and moves outcomes by the second, in
        standard deviations of units' changes, in the direction of the estimate; ratios in logs. It does so from each
        unit's own start on, and where a unit never starts in the share of the others that have started.

        Raises
        ------
        NotIdentified
            There are no changes, or some are of nothing.
        """
        outcome, treated = self._outcome(), self.base.ever_treated.astype(float)
        if treated.all():
            raise NotIdentified(self.base.fault("every unit is treated, so nothing correlates with who began"))
        spread = self._spread()
        standing = (treated - treated.mean()) / treated.std()
        starts = np.sort(self.base.first_treated[self.base.ever_treated])
        started = np.searchsorted(starts, self.base.times, side="right") / len(starts)
        own = self.base.times >= self.base.first_treated[:, None]
        after = np.where(self.base.ever_treated[:, None], own, started)
        noise = rng.standard_normal((repeats, len(treated)))
        made = []
        for with_treatment, with_outcome in strengths:
            cause = with_treatment * standing + np.sqrt(1 - with_treatment**2) * noise
            shift = np.sign(self.value) * with_outcome * spread * cause[:, :, None] * after
            made.append(outcome * np.exp(-shift) if self.is_ratio else outcome - shift)
        return np.concatenate(made)

    def _spread(self) -> float:
        """Return the standard deviation of units' changes, within treated and others; in logs for ratios."""
        base = self.base
        if self.is_ratio:
            outcome = self._outcome()
            if not (outcome[np.isfinite(outcome)] > 0).all():
                raise NotIdentified(base.fault("some outcomes are zero, of which there is no logarithm"))
            base = base.with_columns(outcome=np.log(base.frame["outcome"].to_numpy(float)))
        changes = long_differences(base, self.fitted.estimator.anticipation)
        if isinstance(changes, str):
            raise NotIdentified(base.fault(changes))
        groups = [changes.change[changes.treated], changes.change[~changes.treated]]
        rest = np.concatenate([one - one.mean() for one in groups if len(one)])
        return float(np.sqrt(rest @ rest / (len(rest) - 2)))

    def with_random_cause(self, repeats: int, rng: np.random.Generator) -> Array:
        """Estimate with a covariate of pure chance added, (repeats,).

        Raises
        ------
        NotIdentified
            The method adjusts for nothing.
        """
        method, base = self.fitted.estimator, self.base
        takes = "covariates" in {field.name for field in fields(method)}  # type: ignore[arg-type]
        if not takes or getattr(method, "adjust", "") == "none" or self.fitted.rebuild:
            raise NotIdentified(base.fault("the estimate takes no covariate of its own"))
        own = base.covariates if method.covariates is None else method.covariates
        more = replace(method, covariates=(*own, _BY_CHANCE))  # type: ignore[type-var]
        noise = rng.standard_normal((repeats, base.n_rows))
        panels = (base.with_columns(**{_BY_CHANCE: values}) for values in noise)
        return self.picked(loop_batch(panels, more.complete, self.fitted.estimate.cells))[0]

    def subset_sizes(self, share: float) -> tuple[int, int]:
        """Return how many treated and how many others a random share of each keeps, rounded up."""
        treated = int(self.fitted.source.ever_treated.sum())
        return int(np.ceil(share * treated)), int(np.ceil(share * (self.fitted.source.n_units - treated)))

    def on_subsets(self, share: float, repeats: int, rng: np.random.Generator) -> Array:
        """Estimate on random shares of the treated and of the others, (repeats,)."""
        source = self.fitted.source
        sides = [np.flatnonzero(source.ever_treated), np.flatnonzero(~source.ever_treated)]
        kept = [np.concatenate([_some(side, share, rng) for side in sides]) for _ in range(repeats)]
        held, panels = self.fitted.held, (source.keep(source.units[np.sort(one)]) for one in kept)
        return self.picked(loop_batch(panels, held.refit, self.fitted.estimate.cells))[0]

    def _outcome(self) -> Array:
        if self.base.layout != "panel":
            raise NotIdentified(self.base.fault("rows are people, who have no path of their own"))
        return self.base.matrix()


def _some(places: NDArray[np.intp], share: float, rng: np.random.Generator) -> NDArray[np.intp]:
    return rng.choice(places, int(np.ceil(share * len(places))), replace=False)
