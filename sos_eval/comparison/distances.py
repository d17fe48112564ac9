"""Base of the methods that go by a distance between treated and untreated units."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Gt
from numpy.typing import NDArray

from sos_eval.comparison.arms import both_arms, outside_range
from sos_eval.comparison.covariates import dummies, is_text
from sos_eval.comparison.group import GroupMethod, Matched
from sos_eval.comparison.propensity import collinear, few_note, propensities, propensity
from sos_eval.errors import Fault, NotIdentified, OurFault
from sos_eval.numerics.distance import absolute, euclidean, mahalanobis
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import GroupWeights

__all__ = ["DRAWS_AT_ONCE", "MODELLED", "MULTIVARIATE", "DeclaredDistance", "DistanceMethod", "Distances"]

Bools = NDArray[np.bool_]
Chosen = NDArray[np.intp]

MODELLED = ("probability", "linear_logit")
MULTIVARIATE = {"mahalanobis": mahalanobis, "euclidean": euclidean}

#: Adoptions that are matched at a time.
DRAWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Distances:
    """How far apart the units of a panel are.

    Attributes
    ----------
    raw : (n_treated, n_untreated)
        Distances.
    barred : (2, n_treated, n_untreated)
        Which pairs are not allowed: by exact cell, by caliper.
    score : (n,) or None
        One number per unit that is matched on or within.
    turns : (n_treated,)
        The order in which the treated choose.
    """

    raw: Array
    barred: Bools
    score: Array | None
    turns: Chosen

    @property
    def allowed(self) -> Array:
        """Distances, infinite where a pair is not allowed."""
        return np.where(self.barred.any(0), np.inf, self.raw)


@dataclass(frozen=True)
class DistanceMethod(GroupMethod):
    """Units are matched by a distance; a subclass says which, and what is made of it."""

    caliper: Annotated[float, Gt(0)] | None = None
    """Largest distance of a pair, in standard deviations of the score over all units."""
    exact: tuple[Column, ...] = ()
    """Columns on which a donor must equal the treated unit it serves."""

    @property
    @abstractmethod
    def scored(self) -> str | None:
        """The one number per unit that is matched on or within: probability, linear_logit or a column."""

    @property
    def modelled_on(self) -> tuple[str, ...]:
        """Covariates of the propensity."""
        return self.on

    @property
    def takes_turns(self) -> Literal["largest", "smallest", "data"]:
        """Who chooses first, where one does after another."""
        return "data"

    @property
    def every_category(self) -> bool:
        """Whether the distance is over every category of a text, not all but one."""
        return False

    @property
    def if_collinear(self) -> str:
        """What to declare beside leaving out one of the covariates that are collinear."""
        return ""

    @abstractmethod
    def apart(self, x: Array, treated: Bools) -> Array | None:
        """Return the distance between covariates (n, k), (n_treated, n_untreated); None where the score's is used."""

    def given(self, units: NDArray[np.object_]) -> Array | None:
        """Return distances that a file gives, (n, n), infinite where it bars a pair; None where it gives none."""
        return None

    @abstractmethod
    def weigh(self, distance: Array, turns: Chosen) -> tuple[Array, Array]:
        """Return the weights of treated (r, t) and untreated (r, u) by distances (r, t, u), infinite where barred."""

    @abstractmethod
    def arrange(self, panel: Panel, distances: Distances) -> Matched:
        """Match the units of a panel, and say what became of each."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Covariates that are matched on, exactly or by distance."""
        column = () if self.scored in (*MODELLED, None) else (str(self.scored),)
        return tuple(dict.fromkeys((*self.on, *self.modelled_on, *self.exact, *column)))

    @property
    def matched_on(self) -> tuple[str, ...]:
        """Covariates of the distance, of a caliper and of exact cells; not `on` where a column is the distance."""
        by = (*self.on, *self.modelled_on) if self.scored in (*MODELLED, None) else (str(self.scored),)
        return tuple(dict.fromkeys((*by, *self.exact)))

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Match treated units with untreated ones."""
        both_arms(panel)
        treated, score = panel.ever_treated, self._score(panel, values)
        raw = self._distance(panel, values, score)
        barred = self._barred(values, treated, score)
        if (given := self.given(panel.units)) is not None:
            barred[0] |= np.isinf(given[np.ix_(treated, ~treated)])
        distances = Distances(raw, barred, score, self._turns(score, treated))
        return self._told(panel, values, score, self.arrange(panel, distances))

    def _told(self, panel: Panel, values: pd.DataFrame, score: Array | None, made: Matched) -> Matched:
        """Add to a match what its score says."""
        few = few_note(panel, values, self.modelled_on) if self.scored in MODELLED else []
        return replace(
            made, score=score, chance=self._chance(score),
            off_support=self._off_support(panel, score) | made.off_support, notes=(*made.notes, *few),
        )  # fmt: skip

    def _chance(self, score: Array | None) -> Array | None:
        """Return the score as a chance, (n,); None where it is none."""
        from scipy.special import expit

        if score is None or not self.chance_on:
            return None
        return np.array(expit(score)) if self.scored == "linear_logit" else score

    @property
    def chance_on(self) -> tuple[str, ...]:
        """Covariates of the logistic regression."""
        return self.modelled_on if self.scored in MODELLED else ()

    def match_many(self, panel: Panel, values: pd.DataFrame, first_treated: Array) -> GroupWeights:
        """Match under many adoptions, (draws, n), in arrays; by itself where that finds no group, which says why."""
        treated = np.isfinite(first_treated)
        weights, counts = np.zeros(treated.shape), treated.sum(1)
        covariates = _Covariates(
            values, self.on, self.exact, self.every_category, self.given(np.asarray(values.index, dtype=object))
        )
        for count in np.unique(counts[(counts > 0) & (counts < treated.shape[1])]):
            alike = np.flatnonzero(counts == count)
            for first in range(0, len(alike), DRAWS_AT_ONCE):
                some = alike[first : first + DRAWS_AT_ONCE]
                weights[some] = self._weights(covariates, treated[some])
        failures = np.full(len(treated), "", object)
        alone = np.flatnonzero(~weights.any(1))
        groups = super().match_many(panel, values, first_treated[alone])
        weights[alone], failures[alone] = groups.weights, groups.failures
        return GroupWeights(weights, failures)

    def _weights(self, covariates: _Covariates, treated: Bools) -> Array:
        """Match draws with as many treated units each, (r, n); weights of zero where there is no group."""
        order = np.argsort(~treated, axis=1, kind="stable")
        inside, donors = np.split(order, [int(treated[0].sum())], axis=1)
        score = self._scores(covariates, treated)
        distance = self._distances(covariates, treated, score, inside, donors)
        if covariates.given is not None:
            apart = covariates.given[inside[:, :, None], donors[:, None, :]]
            distance[np.isinf(apart)] = np.inf
        if self.exact:
            distance[~covariates.same[inside[:, :, None], donors[:, None, :]]] = np.inf
        fitted = ~np.isnan(distance).any((1, 2))
        turns = np.array([self._turns(None if score is None else score[r], treated[r]) for r in np.flatnonzero(fitted)])
        weights = np.zeros(treated.shape)
        if fitted.any():
            found = np.zeros((int(fitted.sum()), treated.shape[1]))
            np.put_along_axis(found, order[fitted], np.hstack(self.weigh(distance[fitted], turns)), axis=1)
            weights[fitted] = found
        return weights

    def _distances(
        self, covariates: _Covariates, treated: Bools, score: Array | None, inside: Chosen, donors: Chosen
    ) -> Array:
        """Return the distances, (r, n_treated, n_untreated): infinite beyond the caliper, NaN where there are none."""
        if not self.on and score is None and covariates.given is not None:
            return covariates.given[inside[:, :, None], donors[:, None, :]]
        gap = None
        if score is not None:
            of_donors = np.take_along_axis(score, donors, axis=1)
            gap = np.abs(np.take_along_axis(score, inside, axis=1)[:, :, None] - of_donors[:, None, :])
        distance = np.full((len(treated), inside.shape[1], donors.shape[1]), np.nan) if gap is None else gap.copy()
        for draw, group in enumerate(treated):
            try:
                measured = self.apart(covariates.numbers, group)
            except np.linalg.LinAlgError:  # said in the words of a single match
                distance[draw] = np.nan
                continue
            if measured is None:
                break
            distance[draw] = measured if gap is None else np.where(np.isnan(gap[draw]), np.nan, measured)
        if self.caliper is not None and score is not None and gap is not None:
            distance[gap > self.caliper * score.std(1, ddof=1)[:, None, None]] = np.inf
        return distance

    def _scores(self, covariates: _Covariates, treated: Bools) -> Array | None:
        """Return one number per draw and unit, (r, n), NaN where no model can be fitted; None without a score."""
        if self.scored is None:
            return None
        if self.scored not in MODELLED:
            column = covariates.values[self.scored]
            number = np.full(len(column), np.nan) if is_text(column) else column.to_numpy(float)
            return np.broadcast_to(number, treated.shape)
        fits = propensities(covariates.values, self.modelled_on, treated)
        score = fits.linear if self.scored == "linear_logit" else fits.probability
        return np.asarray(np.where((fits.failures == "")[:, None], score, np.nan))

    def _score(self, panel: Panel, values: pd.DataFrame) -> Array | None:
        """Return one number per unit, (n,); None without a score."""
        if self.scored is None:
            return None
        if self.scored not in MODELLED:
            if is_text(values[self.scored]):
                raise NotIdentified(Fault(panel.source, f"comparison.distance: {self.scored} is text, not a number"))
            return values[self.scored].to_numpy(float)
        fit = propensity(panel, values, self.modelled_on)
        return fit.linear if self.scored == "linear_logit" else fit.probability

    def _distance(self, panel: Panel, values: pd.DataFrame, score: Array | None) -> Array:
        """Return the distance of every pair, (n_treated, n_untreated)."""
        if not self.on and score is None and (given := self.given(panel.units)) is not None:
            return given[np.ix_(panel.ever_treated, ~panel.ever_treated)]
        names, x = dummies(values[list(self.on)], drop_first=not self.every_category)
        try:
            measured = self.apart(x, panel.ever_treated)
        except np.linalg.LinAlgError:
            raise NotIdentified(collinear(panel, names, self.if_collinear)) from None
        if measured is not None:
            return measured
        if score is None:
            raise OurFault(f"{self.name} has neither a score nor a distance")
        return absolute(score, panel.ever_treated)

    def _barred(self, values: pd.DataFrame, treated: Bools, score: Array | None) -> Bools:
        """Return which pairs are not allowed, by exact cell and by caliper: (2, n_treated, n_untreated)."""
        barred = np.zeros((2, int(treated.sum()), int((~treated).sum())), dtype=bool)
        for name in self.exact:
            column = values[name].to_numpy()
            barred[0] |= column[treated][:, None] != column[~treated][None, :]
        if self.caliper is not None and score is not None:
            barred[1] = absolute(score, treated) > self.caliper * score.std(ddof=1)
        return barred

    def _turns(self, score: Array | None, treated: Bools) -> Chosen:
        """Return the order in which the treated choose, (n_treated,)."""
        if score is None or self.takes_turns == "data":
            return np.arange(int(treated.sum()))
        # rounded, so that units with the same covariates tie and go by id
        size = np.abs(score).max() or 1.0
        rounded = np.round(score[treated] / size, 12)
        return np.argsort(rounded if self.takes_turns == "smallest" else -rounded, kind="stable")

    def _off_support(self, panel: Panel, score: Array | None) -> dict[str, str]:
        """Name the treated units whose score lies outside the range of the untreated."""
        if score is None:
            return {}
        words = "estimated chance of starting" if self.scored in MODELLED else panel.label(str(self.scored))
        return outside_range(panel, score, words)

    def why_unmatched(self, barred: Bools) -> str:
        """Say why a treated unit has no donor, from what bars it: by exact cell and by caliper, (2, n_untreated)."""
        if barred[0].all():
            return f"no comparison unit has the same {', '.join(self.exact)}"
        if barred.any(0).all():
            return f"no comparison unit is close enough (within {self.caliper:g} standard deviations)"
        same = f" with the same {', '.join(self.exact)}" if self.exact else ""
        near = f"{' and' * bool(same)} that is close enough" if self.caliper is not None else ""
        return f"every comparison unit{same}{near} stands in for another"


@dataclass(frozen=True)
class DeclaredDistance(DistanceMethod):
    """The distance is declared: on a propensity, over all covariates, or in a column."""

    distance: Column = "probability"
    """probability (propensity), linear_logit (its logit), mahalanobis, euclidean (on the columns' own units), or the
    name of a column."""

    def __post_init__(self) -> None:
        multivariate = self.distance in MULTIVARIATE
        if not self.on and (multivariate or self.distance in MODELLED):
            raise ValueError(f"distance {self.distance} needs covariates; write on: [outcome_pre]")
        if multivariate and self.caliper is not None:
            raise ValueError(f"a caliper is in SD of a score and {self.distance} has none; use distance: probability")
        super().__post_init__()

    @property
    def scored(self) -> str | None:
        """The score that is matched on; None with a multivariate distance."""
        return None if self.distance in MULTIVARIATE else self.distance

    def apart(self, x: Array, treated: Bools) -> Array | None:
        """Return the multivariate distance; None where the score's is used."""
        return MULTIVARIATE[self.distance](x, treated) if self.distance in MULTIVARIATE else None

    def scale_note(self) -> list[str]:
        """Say where a wide scale counts for more."""
        if self.distance != "euclidean":
            return []
        return ["euclidean distance is on the covariates' own units: a wide scale counts for more"]


@dataclass(frozen=True)
class _Covariates:
    """Covariates of the units that could take part, as the draws share them."""

    values: pd.DataFrame
    on: tuple[str, ...]
    exact: tuple[str, ...]
    every_category: bool
    given: Array | None

    @cached_property
    def numbers(self) -> Array:
        """The numbers behind `on`, (n, columns)."""
        return dummies(self.values[list(self.on)], drop_first=not self.every_category)[1]

    @cached_property
    def same(self) -> Bools:
        """Which units are equal on every column of `exact`, (n, n)."""
        codes = self.values[list(self.exact)].apply(lambda column: pd.factorize(column)[0]).to_numpy()
        return np.asarray((codes[:, None] == codes[None]).all(-1))
