"""Synthetic difference in differences (Arkhangelsky, Athey, Hirshberg, Imbens and Wager 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sos_eval.estimators._donor_tables import donor_table, period_table
from sos_eval.estimators._donors import Cohort, DonorDesign, DonorEstimator, donor_design, notes_on, unsettled
from sos_eval.numerics.simplex import simplex_weights
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate
from sos_eval.results.method import register

__all__ = ["SyntheticDiD", "synthetic_weights"]

ALONE = "a cohort of one unit: without it there is no estimate, and so no jackknife error (randomization needs none)"
ONE_DONOR = (
    "one donor has all the weight of a cohort: without it there is no estimate, so that the jackknife has no error"
)


@register("synthetic_did")
@dataclass(frozen=True)
class SyntheticDiD(DonorEstimator):
    """Synthetic difference-in-differences: donors and earlier periods weighted so that paths run parallel."""

    label: ClassVar[str] = "synthetic difference-in-differences"
    reference: ClassVar[str] = "Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021)"
    weighs: ClassVar[str] = "weighted so that their path before the start runs beside that of the treated"
    needs: ClassVar[dict[str, int]] = {"pre_periods": 3, "treated_units": 1, "untreated_units": 2}
    takes_weights: ClassVar[bool] = False

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        return (
            "without the intervention the treated would have changed, from weighted periods before the start on, as "
            "the weighted comparison units did"
        )

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate each cohort's effect in every period from its start on, and averages by treated unit-periods."""
        design = self.designed(panel)
        with unsettled(panel, self.name):
            weights = [_weights(design, cohort) for cohort in design.cohorts]
        values, influence = _jackknifed(design, weights)
        table, lost = design.table(), np.isnan(influence).any(0)
        alone = np.array([cohort.start for cohort in design.cohorts if cohort.units.sum() == 1])
        single = design.lay.inside @ np.isin(design.lay.keys["cohort"][: len(design.cell_cohort)], alone)
        table["reason"] = np.where(single > 0, ALONE, np.where(lost, ONE_DONOR, table["reason"]))
        told = (_told(design, *pair) for pair in zip(design.cohorts, weights, strict=True))
        notes = (*notes_on(design.panel, alone), *told)
        units, periods = zip(*weights, strict=True)
        tables = {"donors": donor_table(design, units), "periods": period_table(design, periods)}
        return Estimate(table, values, influence, design.panel, notes=notes, tables=tables)

    def designed(self, panel: Panel) -> DonorDesign:
        """Find cohorts and donors."""
        return donor_design(panel, self.name, periods=3, donors=2)

    def donor_shares(self, panel: Panel) -> tuple[Array, Array]:
        """Return the share of each donor in the comparison of each cohort, and the cohorts' sizes."""
        design = self.designed(panel)
        return np.array([_weights(design, cohort)[0] for cohort in design.cohorts]), design.sizes

    def scored(self, design: DonorDesign) -> tuple[Array, Array]:
        """Return the rows (q,) and the jackknife's influence (n_units, q)."""
        return _jackknifed(design, [_weights(design, cohort) for cohort in design.cohorts])


def _jackknifed(design: DonorDesign, weights: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Average cohorts' effects at their weights into the rows (q,); the jackknife as an influence, (n_units, q)."""
    mix = design.lay.mix(design.mass)
    found = [_cohort(design, *pair) for pair in zip(design.cohorts, weights, strict=True)]
    cells = np.concatenate([values for values, _ in found])
    left_out = np.concatenate([without for _, without in found], axis=1)
    n = len(left_out)
    rows, lost = np.nan_to_num(left_out) @ mix, np.isnan(left_out).any(0) @ (mix != 0)
    influence = np.sqrt(n * (n - 1)) * (rows.mean(0) - rows)
    influence[:, lost] = np.nan
    return cells @ mix, influence


def synthetic_weights(donors: Array, treated: Array, before: int, n_treated: int) -> tuple[Array, Array]:
    """Find the weights of donors and of periods before the start (the paper's equations 4 and 6, algorithm 1).

    Parameters
    ----------
    donors : (n, t)
        Outcomes of the donors.
    treated : (t,)
        Mean outcome of the treated units.
    before
        How many periods lie before the start.
    n_treated
        How many units are treated.
    """
    early, late = donors[:, :before], donors[:, before:]
    noise = np.diff(early, axis=1).std(ddof=1)
    size = (n_treated * late.shape[1]) ** 0.25 * noise
    units = simplex_weights(*_centred(early.T, treated[:before]), before * size**2)
    periods = simplex_weights(*_centred(early, late.mean(1)), len(donors) * (1e-6 * noise) ** 2)
    return units, periods


def _centred(columns: Array, target: Array) -> tuple[Array, Array]:
    """Take out the intercept."""
    return columns - columns.mean(0), target - target.mean()


def _weights(design: DonorDesign, cohort: Cohort) -> tuple[Array, Array]:
    own = design.outcomes[cohort.units]
    return synthetic_weights(design.outcomes[design.donors], own.mean(0), cohort.before, len(own))


def _cohort(design: DonorDesign, cohort: Cohort, weights: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return a cohort's effects by period (m,), and the same without each unit at fixed weights (n_units, m).

    Without a donor the other weights are scaled to sum to one; without a treated unit the mean is of the others.
    """
    units, periods = weights
    change = _changes(design.outcomes, periods, cohort.before)
    ours, theirs = change[cohort.units], change[design.donors]
    values = ours.mean(0) - units @ theirs
    without = np.tile(values, (len(design.outcomes), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = (units @ theirs - units[:, None] * theirs) / np.where(units < 1, 1 - units, np.nan)[:, None]
        others = (ours.sum(0) - ours) / (len(ours) - 1)
    without[design.donors] = ours.mean(0) - rest
    without[cohort.units] = others - units @ theirs
    return values, without


def _changes(outcomes: Array, periods: Array, before: int) -> Array:
    """Return outcomes from the start on less the weighted mean of those before, (n, m)."""
    return np.asarray(outcomes[:, before:] - (outcomes[:, :before] @ periods)[:, None])


def _told(design: DonorDesign, cohort: Cohort, weights: tuple[Array, Array]) -> str:
    """Say how many donors and periods carry a cohort's weight."""
    units, periods = weights
    name = design.panel.periods.name(cohort.start)
    return f"start in {name}: weight of {1 / (units**2).sum():.1f} donors and {1 / (periods**2).sum():.1f} periods"
