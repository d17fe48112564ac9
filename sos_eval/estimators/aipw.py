"""Doubly robust comparison of rows of people after the start, first stages fitted on other units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import annotated_types as at
import numpy as np
from numpy.typing import NDArray

from sos_eval.declare import Seed
from sos_eval.errors import NotIdentified, numeral
from sos_eval.estimators._people import complete_rows
from sos_eval.numerics.calibration import recalibrated
from sos_eval.numerics.crossfit import (
    ChanceModel,
    Learnt,
    OutcomeModel,
    UnlearnableError,
    augmented_mean,
    cross_fitted,
)
from sos_eval.numerics.folds import cluster_folds
from sos_eval.numerics.heterogeneity import LARGEST_CHANCE
from sos_eval.numerics.overlap import overlap_coefficient
from sos_eval.numerics.random import stream
from sos_eval.panel.columns import covariate_columns
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import MATCHED_ROWS, WHY_FIXED
from sos_eval.results.estimate import Batch, Estimate, cells
from sos_eval.results.estimator import Estimator
from sos_eval.results.method import register

__all__ = ["AIPW"]

Bools = NDArray[np.bool_]
Codes = NDArray[np.intp]


@register("aipw")
@dataclass(frozen=True)
class AIPW(Estimator):
    """Doubly robust comparison of rows of people after the start, first stages cross-fitted by unit."""

    label: ClassVar[str] = "doubly robust comparison of children"
    reference: ClassVar[str] = "Robins, Rotnitzky and Zhao (1994); Chernozhukov et al. (2018), section 5.1"
    needs: ClassVar[dict[str, int]] = {"treated_units": 2, "untreated_units": 2}
    takes_cross_sections: ClassVar[bool] = True
    takes_unbalanced: ClassVar[bool] = True
    takes_covariates: ClassVar[bool] = True

    estimand: Literal["att", "ate"] = "att"
    """The average effect on treated rows, or on all rows compared."""
    chance: ChanceModel = "logistic"
    """scikit-learn's model of the chance of treatment: logistic (no penalty), boosting or forest."""
    expected: OutcomeModel = "linear"
    """scikit-learn's model of the outcome in each arm: linear, logistic for outcomes of 0 and 1, boosting or forest."""
    covariates: tuple[Column, ...] | None = None
    """Of rows or of units by period; those of the panel unless named here. Periods always count."""
    folds: Annotated[int, at.Ge(2)] = 5
    """A row's first stages are fitted on the units of the other folds. No unit or cluster of units is cut."""
    trim: Annotated[float, at.Gt(0), at.Lt(0.5)] | None = None
    """Rows whose chance is above one less this (for ate also those below it) are left out: the estimate is about the
    others. Unless declared, too little overlap is refused."""
    deal: Seed = 1
    """Number of the random deal of units into folds."""

    @property
    def assumes(self) -> str:
        """What would have been without the intervention."""
        return (
            "with the same covariates both groups would have had the same outcomes on average without the intervention"
        )

    def estimate(self, panel: Panel) -> Estimate:
        """Estimate the effect."""
        names = panel.covariates if self.covariates is None else self.covariates
        rows, notes = complete_rows(self._compared(panel), names)
        arm = _arm(rows)
        folds = self._dealt(rows, arm)
        learnt = self._learnt(rows, arm, names, folds)
        line = _calibrated(learnt.chance, arm, rows.frame["weight"].to_numpy(float))
        rows, arm, learnt, more = self._overlapping(rows, arm, learnt)
        y, weights = (rows.frame[name].to_numpy(float) for name in ("outcome", "weight"))
        value, influence = augmented_mean(y, arm, weights, learnt, self.estimand)
        table = cells(
            estimand=[self.estimand], scale=rows.outcome.scale, n_obs=_people(rows), n_units=rows.n_units,
            n_treated_units=len(np.unique(rows.unit_codes[arm])),
        )  # fmt: skip
        said = (*notes, *more, line, _overlap(arm, weights, learnt.chance, self.estimand))
        return Estimate(table, np.array([value]), influence[:, None], rows, notes=said)

    def estimate_assignments(self, panel: Panel, first_treated: Array) -> Batch:
        """Estimate under many adoptions; starts of matched rows are not swapped."""
        if MATCHED_ROWS in panel.frame:
            raise NotIdentified(panel.fault(f"{self.name}: {WHY_FIXED}"))
        return super().estimate_assignments(panel, first_treated)

    def _compared(self, panel: Panel) -> Panel:
        """Return the rows after the start, and those of never treated units in the same periods.

        Rows that were matched within declared sets: those after their set's window.
        """
        if panel.layout != "cross_sections":
            what = f"{self.name}: rows are units and periods, and it compares rows of people"
            raise NotIdentified(panel.fault(what, "write layout: cross_sections, or choose another method"))
        values = panel.frame["outcome"].dropna()
        if self.expected == "logistic" and not values.isin((0.0, 1.0)).all():
            what = f"{self.name}: {panel.outcome.label} holds other values than 0 and 1"
            raise NotIdentified(panel.fault(what, "write expected: linear"))
        frame = panel.frame
        if MATCHED_ROWS in frame:
            inside = frame["post"] > 0
        else:
            treated = frame["treated"] > 0
            inside = treated | (np.isinf(frame["first_treated"]) & frame["time"].isin(frame.loc[treated, "time"]))
        return replace(panel, frame=frame[inside].reset_index(drop=True))

    def _dealt(self, panel: Panel, arm: Bools) -> Codes:
        """Deal units into folds, (n,), whole clusters of units where clusters hold several.

        Raises
        ------
        NotIdentified
            Fewer units of an arm than folds.
        """
        units, clusters = panel.unit_codes, panel.frame["cluster"].to_numpy()
        coarser = panel.frame.groupby("unit")["cluster"].nunique().max() == 1
        whole = np.unique(clusters if coarser else units, return_inverse=True)[1].astype(np.intp)
        for words, side in (("treated", arm), ("comparison", ~arm)):
            if (n := len(np.unique(whole[side]))) < self.folds:
                kind = "clusters" if coarser and panel.n_clusters < panel.n_units else "units"
                what = f"{self.name}: {n} {words} {kind} with rows after the start are fewer than {self.folds} folds"
                instead = f"write folds: {n}" if n >= 2 else "choose another method"
                raise NotIdentified(panel.fault(what, instead))
        return cluster_folds(whole, arm, self.folds, stream(self.deal, "aipw"))

    def _learnt(self, panel: Panel, arm: Bools, names: tuple[str, ...], folds: Codes) -> Learnt:
        """Fit the first stages on covariates and periods."""
        time, weights = (panel.frame[name].to_numpy(float) for name in ("time", "weight"))
        later = np.column_stack([np.empty((len(time), 0)), *(time == t for t in panel.times[1:])])
        x = np.column_stack([covariate_columns(panel.frame, names)[0], later.astype(float)])
        try:
            return cross_fitted(
                panel.frame["outcome"].to_numpy(float), arm, x, weights / weights.mean(), folds,
                outcome=self.expected, chance=self.chance, both=self.estimand == "ate",
            )  # fmt: skip
        except UnlearnableError as why:
            what = f"{self.name}: {why}"
            raise NotIdentified(
                panel.fault(what, "leave covariates out, write fewer folds, or write another model")
            ) from None

    def _overlapping(self, panel: Panel, arm: Bools, learnt: Learnt) -> tuple[Panel, Bools, Learnt, tuple[str, ...]]:
        """Leave out rows that nobody of the other arm is like, where that is declared.

        Raises
        ------
        NotIdentified
            There are such rows and nothing is declared, or no row of an arm is left.
        """
        margin = 1 - LARGEST_CHANCE if self.trim is None else self.trim
        outside = learnt.chance > 1 - margin
        if self.estimand == "ate":
            outside |= learnt.chance < margin
        if not outside.any():
            return panel, arm, learnt, ()
        limits = f"above {1 - margin:g}" + (f" or below {margin:g}" if self.estimand == "ate" else "")
        told = f"{int(outside.sum())} of {len(arm)} rows have an estimated chance of treatment {limits}"
        inside = ~outside
        if self.trim is None or not (arm & inside).any() or (arm | outside).all():
            what = f"{self.name}: no overlap: {told}, and hardly anybody of the other arm is like them"
            raise NotIdentified(panel.fault(what, "leave covariates out that tell the arms apart, or write trim: 0.05"))
        kept = replace(panel, frame=panel.frame[inside].reset_index(drop=True))
        less = Learnt(learnt.chance[inside], learnt.untreated[inside], learnt.treated[inside])
        return kept, arm[inside], less, (f"{told} and are left out, as declared: the estimate is about the others",)


def _arm(panel: Panel) -> Bools:
    """Say which rows are of the treated arm, (n,)."""
    return np.asarray(panel.frame["arm" if MATCHED_ROWS in panel.frame else "treated"].to_numpy(float) > 0)


def _people(panel: Panel) -> int:
    """Count rows; those that stand in several matched sets once."""
    return panel.frame[MATCHED_ROWS].nunique() if MATCHED_ROWS in panel.frame else panel.n_rows


def _calibrated(chance: Array, arm: Bools, weights: Array) -> str:
    """Say how chances, each said by other folds, compare with who is treated."""
    if not ((chance > 0) & (chance < 1)).all():
        return "no line through chances and arms: some chances are 0 or 1"
    line = recalibrated(chance, arm, weights)
    if line.failure:
        return f"no line through chances and arms: {line.failure}"
    return (
        f"log odds of these chances, each said by units of other folds, have slope {numeral(line.slope, 2)} "
        "and intercept "
        f"{numeral(line.intercept, 2)} (1 and 0 where they are right)"
    )


def _overlap(arm: Bools, weights: Array, chance: Array, estimand: str) -> str:
    """Say how far the arms overlap, and how many comparison rows the weights are worth."""
    low, high = chance.min(), chance.max()
    odds = chance / (1 - chance) if estimand == "att" else 1 / (1 - chance)
    w = (weights * odds)[~arm]
    worth = w.sum() ** 2 / (w @ w)
    return (
        f"estimated chances of treatment lie between {numeral(low, 2)} and {numeral(high, 2)}, their overlap is "
        f"{overlap_coefficient(chance, arm, weights):.2f}, and {int((~arm).sum())} comparison rows weigh as {worth:.0f}"
    )
