"""Synthetic control, ridge-augmented (Abadie, Diamond and Hainmueller 2010; Ben-Michael, Feller and Rothstein 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt

from sos_eval.errors import numeral
from sos_eval.estimators._donor_tables import donor_table, fit_table
from sos_eval.estimators._donors import Cohort, DonorDesign, DonorEstimator, donor_design, notes_on, unsettled
from sos_eval.estimators._equally_good import equally_good, told
from sos_eval.numerics.ascm import augmented, chosen_penalty, cross_validated
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.estimate import Estimate, cluster_sums
from sos_eval.results.method import register

__all__ = ["SyntheticControl"]


@register("synthetic_control")
@dataclass(frozen=True)
class SyntheticControl(DonorEstimator):
    """Synthetic control: for every treated unit a weighted mean of donors that follows its earlier path."""

    augment: Literal["cross_validated", "none"] | Annotated[float, Gt(0)] = "cross_validated"
    """Ridge penalty of the augmentation, which takes out what fit is lacking: found by leaving out earlier periods,
    given, or none (weights that are not negative)."""
    level: Literal["kept", "unit_means_out"] = "kept"
    """Whether each unit's mean before the start is taken out first (unit_means_out)."""

    label: ClassVar[str] = "synthetic control"
    reference: ClassVar[str] = "Abadie, Diamond and Hainmueller (2010); Ben-Michael, Feller and Rothstein (2021)"
    weighs: ClassVar[str] = (
        "each treated unit is set against a weighted mean of them that runs closest to it before the start"
    )
    needs: ClassVar[dict[str, int]] = {"pre_periods": 4, "treated_units": 1, "untreated_units": 2}
    takes_weights: ClassVar[bool] = False

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        return (
            "without the intervention each treated unit would have gone on as the weighted mean of comparison units "
            "does that runs closest to it before the start"
        )

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate each cohort's mean gap in every period from its start on, and averages by treated unit-periods."""
        design = self.designed(panel)
        with unsettled(panel, self.name):
            weights = [self._own_weights(design, cohort) for cohort in design.cohorts]
            found = [self._gaps(design, cohort, own) for cohort, own in zip(design.cohorts, weights, strict=True)]
            values, deviations = _mixed(design, found)
            several = equally_good(design, [self._paths(design, cohort) for cohort in design.cohorts], values)
        fits = [_fit(design, cohort, gaps) for cohort, gaps in zip(design.cohorts, found, strict=True)]
        notes = (*notes_on(design.panel, np.empty(0)), *fits, *told(several))
        tables = {
            "equally_good": several, "fit": fit_table(design, found),
            "donors": donor_table(design, [own.mean(0) for own in weights]),
        }  # fmt: skip
        return Estimate(design.table(), values, None, design.panel, notes=notes, tables=tables, deviations=deviations)

    def designed(self, panel: Panel) -> DonorDesign:
        """Find cohorts and donors."""
        return donor_design(panel, self.name, periods=4, donors=2)

    def scored(self, design: DonorDesign) -> tuple[Array, Array]:
        """Return the rows (q,), and how far the treated units' parts are from their shares, (n_units, q)."""
        gaps = [self._gaps(design, cohort, self._own_weights(design, cohort)) for cohort in design.cohorts]
        return _mixed(design, gaps)

    def weights(self, donors: Array, treated: Array) -> Array:
        """Return the weights of donors (n, t) for one treated unit (t,) from outcomes before the start, (n,)."""
        if self.augment == "none":
            return augmented(donors, treated, None)
        found = chosen_penalty(cross_validated(donors, treated)) if self.augment == "cross_validated" else self.augment
        return np.asarray(augmented(donors, treated, np.array([found]))[0])

    def donor_shares(self, panel: Panel) -> tuple[Array, Array]:
        """Return the mean share of each donor in the synthetic controls of each cohort, and the cohorts' sizes."""
        design = self.designed(panel)
        return np.array([self._own_weights(design, cohort).mean(0) for cohort in design.cohorts]), design.sizes

    def _own_weights(self, design: DonorDesign, cohort: Cohort) -> Array:
        """Return the weights of donors for each treated unit of a cohort, (u, donors)."""
        early = self._paths(design, cohort)[:, : cohort.before]
        return np.array([self.weights(early[design.donors], own) for own in early[cohort.units]])

    def _gaps(self, design: DonorDesign, cohort: Cohort, weights: Array) -> Array:
        """Return each treated unit's outcomes less its synthetic control's in all periods, (u, t)."""
        outcomes = self._paths(design, cohort)
        donors = outcomes[design.donors]
        return np.array([own - one @ donors for own, one in zip(outcomes[cohort.units], weights, strict=True)])

    def _paths(self, design: DonorDesign, cohort: Cohort) -> Array:
        """Return what a cohort's weights are found from, (n_units, n_times)."""
        if self.level == "kept":
            return design.outcomes
        return np.asarray(design.outcomes - design.outcomes[:, : cohort.before].mean(1, keepdims=True))


def _mixed(design: DonorDesign, gaps: Sequence[Array]) -> tuple[Array, Array]:
    """Average cohorts' gaps (u, t) from the start on into rows, (q,), with the units' deviations, (n_units, q).

    A unit's part of a row is its gaps by the weights that the row gives to them, its share the sum of these weights.
    """
    mix, panel = design.lay.mix(design.mass), design.panel
    part, share = (np.zeros((panel.n_units, mix.shape[1])) for _ in range(2))
    late = [own[:, cohort.before :] for own, cohort in zip(gaps, design.cohorts, strict=True)]
    for k, (own, cohort) in enumerate(zip(late, design.cohorts, strict=True)):
        weights = mix[design.cell_cohort == k] / len(own)
        part[cohort.units], share[cohort.units] = own @ weights, weights.sum(0)
    values = np.concatenate([own.mean(0) for own in late]) @ mix
    deviations = panel.n_units * (part - share * values)
    deviations[:, (cluster_sums(share, panel.clusters) > 0).sum(0) < 2] = np.nan
    return np.asarray(values), deviations


def _fit(design: DonorDesign, cohort: Cohort, gaps: Array) -> str:
    """Say how close the synthetic controls of a cohort come before its start."""
    size = np.sqrt((gaps[:, : cohort.before] ** 2).mean())
    name = design.panel.periods.name(cohort.start)
    return f"start in {name}: gaps before the start have a root mean square of {numeral(size)}"
