"""Nearest-neighbour matching of units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from sos_eval.comparison.covariates import dummies, is_text
from sos_eval.comparison.group import GroupMethod, Matched
from sos_eval.errors import Fault, NotIdentified, listed
from sos_eval.numerics.assignment import match_weights, match_weights_many, nearest, nearest_many
from sos_eval.numerics.distance import absolute, euclidean, mahalanobis
from sos_eval.numerics.logistic import SeparationError, logistic, logistics
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import GroupWeights
from sos_eval.results.method import register

__all__ = ["Nearest"]

_MODELLED = ("probability", "linear_logit")
_MULTIVARIATE = ("mahalanobis", "euclidean")

#: Adoptions that are matched at a time.
DRAWS_AT_ONCE = 100


@register("nearest")
@dataclass(frozen=True)
class Nearest(GroupMethod):
    """Greedy nearest-neighbour matching on a propensity score, a distance or a column (Rosenbaum and Rubin 1985).

    Units that are ever treated are matched with units that never are, on values from before the first start of
    anyone. The weights are those of the average effect on the treated that found a match.
    """

    reference: ClassVar[str] = "Rosenbaum and Rubin (1985)"

    distance: str = "probability"
    """probability (propensity), linear_logit (its logit), mahalanobis, euclidean (on the columns' own units), or the
    name of a column."""
    ratio: Annotated[int, Ge(1)] = 1
    """Donors per treated unit, at most."""
    replace: bool = False
    """Whether a donor can serve several treated units."""
    order: Literal["largest", "smallest", "data"] | None = None
    """Who chooses first: largest or smallest score, or data (unit ids in order). Ties go by unit id. Default: largest
    where there is a score, data for mahalanobis and euclidean."""
    caliper: Annotated[float, Gt(0)] | None = None
    """Largest distance of a pair, in standard deviations of the score over all units."""
    exact: tuple[str, ...] = ()
    """Columns on which a donor must equal the treated unit it serves."""

    def __post_init__(self) -> None:
        multivariate = self.distance in _MULTIVARIATE
        if not self.on and (multivariate or self.distance in _MODELLED):
            raise ValueError(f"distance {self.distance} needs covariates; write on: [outcome_pre]")
        if multivariate and self.caliper is not None:
            raise ValueError(f"a caliper is in SD of a score and {self.distance} has none; use distance: probability")
        if multivariate and self.order in ("largest", "smallest"):
            raise ValueError(f"order {self.order} is by score and {self.distance} has none; write order: data")

    @property
    def reads(self) -> tuple[str, ...]:
        """Covariates that are matched on, exactly or by distance."""
        column = () if self.distance in (*_MODELLED, *_MULTIVARIATE) else (self.distance,)
        return tuple(dict.fromkeys((*self.on, *self.exact, *column)))

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Match every treated unit with its nearest donors."""
        treated = panel.ever_treated
        if not treated.any() or treated.all():
            who = "treated" if not treated.any() else "untreated"
            raise NotIdentified(Fault(panel.source, f"comparison: there is no {who} unit to match"))
        score = self._score(panel, values)
        raw = self._distance(panel, values) if score is None else absolute(score, treated)
        barred = self._barred(raw, values, treated, score)
        pairs = np.where(barred.any(0), np.inf, raw)
        chosen = nearest(pairs, order=self._turns(score, treated), ratio=self.ratio, replace=self.replace)
        return self._matched(panel, chosen, raw, barred, score)

    def match_many(self, panel: Panel, values: pd.DataFrame, first_treated: Array) -> GroupWeights:
        """Match under many adoptions, (draws, n), in arrays; by itself where that finds no group, which says why."""
        treated = np.isfinite(first_treated)
        weights, counts = np.zeros(treated.shape), treated.sum(1)
        covariates = _Covariates(values, self.on, self.exact)
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

    def _weights(self, covariates: _Covariates, treated: NDArray[np.bool_]) -> Array:
        """Match draws with as many treated units each, (r, n); weights of zero where there is no group."""
        order = np.argsort(~treated, axis=1, kind="stable")
        inside, donors = np.split(order, [int(treated[0].sum())], axis=1)
        score = self._scores(covariates, treated)
        if score is None:
            distance = self._distances(covariates, treated)
        else:
            of_donors = np.take_along_axis(score, donors, axis=1)
            distance = np.abs(np.take_along_axis(score, inside, axis=1)[:, :, None] - of_donors[:, None, :])
            if self.caliper is not None:
                distance[distance > self.caliper * score.std(1, ddof=1)[:, None, None]] = np.inf
        if self.exact:
            distance[~covariates.same[inside[:, :, None], donors[:, None, :]]] = np.inf
        fitted = ~np.isnan(distance).any((1, 2))
        turns = np.array([self._turns(None if score is None else score[r], treated[r]) for r in np.flatnonzero(fitted)])
        chosen = np.full((*inside.shape, self.ratio), -1, np.intp)
        if fitted.any():
            chosen[fitted] = nearest_many(distance[fitted], order=turns, ratio=self.ratio, replace=self.replace)
        weights = np.empty(treated.shape)
        for_treated, for_donors = match_weights_many(chosen, donors.shape[1])
        np.put_along_axis(weights, order, np.hstack([for_treated, for_donors]), axis=1)
        return weights

    def _scores(self, covariates: _Covariates, treated: NDArray[np.bool_]) -> Array | None:
        """Return one number per draw and unit, (r, n), NaN where no model can be fitted; None without a score."""
        if self.distance in _MULTIVARIATE:
            return None
        if self.distance not in _MODELLED:
            column = covariates.values[self.distance]
            number = np.full(len(column), np.nan) if is_text(column) else column.to_numpy(float)
            return np.broadcast_to(number, treated.shape)
        fits = logistics(treated.astype(float), covariates.design, np.ones(treated.shape))
        score = fits.linear if self.distance == "linear_logit" else fits.probability
        return np.asarray(np.where((fits.failures == "")[:, None], score, np.nan))

    def _distances(self, covariates: _Covariates, treated: NDArray[np.bool_]) -> Array:
        """Return the multivariate distances, (r, n_treated, n_untreated); NaN where there are none."""
        measure = mahalanobis if self.distance == "mahalanobis" else euclidean
        n_treated = int(treated[0].sum())
        distance = np.full((len(treated), n_treated, treated.shape[1] - n_treated), np.nan)
        for draw, group in enumerate(treated):
            try:
                distance[draw] = measure(covariates.design[:, 1:], group)
            except np.linalg.LinAlgError:  # said in the words of a single match
                continue
        return distance

    # -- distances ----------------------------------------------------------------------------------------------

    def _score(self, panel: Panel, values: pd.DataFrame) -> Array | None:
        """Return one number per unit, (n,); None for a multivariate distance."""
        if self.distance in _MULTIVARIATE:
            return None
        if self.distance not in _MODELLED:
            if is_text(values[self.distance]):
                raise NotIdentified(Fault(panel.source, f"comparison.distance: {self.distance} is text, not a number"))
            return values[self.distance].to_numpy(float)
        names, x = dummies(values[list(self.on)], drop_first=True)
        design = np.column_stack([np.ones(len(x)), x])
        try:
            fit = logistic(panel.ever_treated.astype(float), design)
        except SeparationError:
            raise NotIdentified(_separated(panel, names)) from None
        except np.linalg.LinAlgError:
            raise NotIdentified(_collinear(panel, names)) from None
        return fit.linear if self.distance == "linear_logit" else fit.probability

    def _distance(self, panel: Panel, values: pd.DataFrame) -> Array:
        """Return the multivariate distance, (n_treated, n_untreated)."""
        names, x = dummies(values[list(self.on)], drop_first=True)
        measure = mahalanobis if self.distance == "mahalanobis" else euclidean
        try:
            return measure(x, panel.ever_treated)
        except np.linalg.LinAlgError:
            raise NotIdentified(_collinear(panel, names)) from None

    def _barred(
        self, distance: Array, values: pd.DataFrame, treated: NDArray[np.bool_], score: Array | None
    ) -> NDArray[np.bool_]:
        """Return which pairs are not allowed, by exact cell and by caliper: (2, n_treated, n_untreated)."""
        barred = np.zeros((2, *distance.shape), dtype=bool)
        for name in self.exact:
            column = values[name].to_numpy()
            barred[0] |= column[treated][:, None] != column[~treated][None, :]
        if self.caliper is not None and score is not None:
            barred[1] = distance > self.caliper * score.std(ddof=1)
        return barred

    def _turns(self, score: Array | None, treated: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the order in which the treated choose, (n_treated,)."""
        if score is None or self.order == "data":
            return np.arange(int(treated.sum()))
        # rounded, so that units with the same covariates tie and go by id
        size = np.abs(score).max() or 1.0
        rounded = np.round(score[treated] / size, 12)
        return np.argsort(rounded if self.order == "smallest" else -rounded, kind="stable")

    # -- what became of it ----------------------------------------------------------------------------------------

    def _matched(
        self, panel: Panel, chosen: NDArray[np.intp], distance: Array, barred: NDArray[np.bool_], score: Array | None
    ) -> Matched:
        """Turn choices into weights, sets, and the reasons of those who are left out."""
        treated = panel.ever_treated
        for_treated, for_donors = match_weights(chosen, int((~treated).sum()))
        weights = np.empty(panel.n_units)
        weights[treated], weights[~treated] = for_treated, for_donors
        without = {
            str(panel.units[treated][i]): self._why_unmatched(int(i), distance, barred)
            for i in np.flatnonzero(for_treated == 0)
        }
        if not for_treated.any():
            what = f"comparison: no treated unit has an acceptable donor ({next(iter(without.values()))})"
            raise NotIdentified(Fault(panel.source, what, "loosen caliper, exact or restrict"))
        reasons = dict.fromkeys(without.values())
        dropped = [(tuple(u for u, why in without.items() if why == reason), reason) for reason in reasons]
        unused = tuple(panel.units[~treated][for_donors == 0])
        if unused:
            dropped.append((unused, "not chosen as a donor by matching"))
        return Matched(
            weights=weights,
            dropped=tuple(dropped),
            sets=_sets(panel, chosen, distance),
            score=score,
            off_support=_outside(panel, score, self.distance) | without,
            notes=tuple(self._notes(panel, chosen, without)),
        )

    def _why_unmatched(self, i: int, distance: Array, barred: NDArray[np.bool_]) -> str:
        """Say why one treated unit has no donor."""
        if barred[0, i].all():
            return f"no comparison unit has the same {', '.join(self.exact)}"
        if barred[:, i].any(0).all():
            return f"no comparison unit is close enough (within {self.caliper:g} standard deviations)"
        return "every comparison unit that is close enough stands in for another"

    def _notes(self, panel: Panel, chosen: NDArray[np.intp], without: dict[str, str]) -> list[str]:
        """Say what the reader has to know about the match."""
        notes = []
        found = (chosen >= 0).sum(1)
        if without:
            rest = int((found > 0).sum())
            notes.append(
                f"{len(without)} treated unit(s) found no comparison unit and are left out "
                f"({_names(panel, without)}): the estimate is about the {rest} that remain, not about all treated units"
            )
        fewer = panel.units[panel.ever_treated][(found > 0) & (found < self.ratio)]
        if len(fewer):
            notes.append(f"fewer than {self.ratio} comparison units for {_names(panel, fewer)}")
        if self.distance == "euclidean":
            notes.append("euclidean distance is on the covariates' own units: a wide scale counts for more")
        return notes


@dataclass(frozen=True)
class _Covariates:
    """Covariates of the units that could take part, as the draws share them."""

    values: pd.DataFrame
    on: tuple[str, ...]
    exact: tuple[str, ...]

    @cached_property
    def design(self) -> Array:
        """Regressors of a propensity, (n, 1 + columns): the constant, then the numbers behind `on`."""
        x = dummies(self.values[list(self.on)], drop_first=True)[1]
        return np.column_stack([np.ones(len(x)), x])

    @cached_property
    def same(self) -> NDArray[np.bool_]:
        """Which units are equal on every column of `exact`, (n, n)."""
        codes = self.values[list(self.exact)].apply(lambda column: pd.factorize(column)[0]).to_numpy()
        return np.asarray((codes[:, None] == codes[None]).all(-1))


def _names(panel: Panel, units: Iterable[str]) -> str:
    return listed([panel.unit_names[unit] for unit in units])


def _sets(panel: Panel, chosen: NDArray[np.intp], distance: Array) -> pd.DataFrame:
    """List the matched sets: the treated unit, then its donors, each with 1/k."""
    treated, donors = panel.units[panel.ever_treated], panel.units[~panel.ever_treated]
    counts = (chosen >= 0).sum(1)
    own = np.flatnonzero(counts)
    row, rank = np.nonzero(chosen >= 0)
    heads = pd.DataFrame({"unit": treated[own], "matched_set": treated[own], "weight": 1.0, "distance": 0.0})
    pairs = pd.DataFrame(
        {
            "unit": donors[chosen[row, rank]],
            "matched_set": treated[row],
            "weight": 1.0 / counts[row],
            "distance": distance[row, chosen[row, rank]],
        }
    )
    position = np.concatenate([own, row])
    return pd.concat([heads, pairs], ignore_index=True).iloc[np.argsort(position, kind="stable")].reset_index(drop=True)


def _outside(panel: Panel, score: Array | None, name: str) -> dict[str, str]:
    """Name the treated units whose score lies outside the range of the untreated."""
    if score is None:
        return {}
    treated = panel.ever_treated
    low, high = score[~treated].min(), score[~treated].max()
    words = "estimated chance of starting" if name in _MODELLED else panel.label(name)
    return {
        str(unit): f"{words} {value:.3g} is outside the untreated units' range, {low:.3g} to {high:.3g}"
        for unit, value in zip(panel.units[treated], score[treated], strict=True)
        if not low <= value <= high
    }


def _separated(panel: Panel, names: list[str]) -> Fault:
    what = f"comparison.on: {listed(names)} separate treated from untreated units, so there is no propensity to fit"
    return Fault(panel.source, what, "match on fewer covariates, or write distance: mahalanobis")


def _collinear(panel: Panel, names: list[str]) -> Fault:
    what = f"comparison.on: {listed(names)} are collinear, or one of them does not vary"
    return Fault(panel.source, what, "take one of them out")
