"""Base of the methods that match treated units with untreated ones, pair by pair."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from sos_eval.comparison.arms import both_arms, dropped_by_reason, left_out_note, names_of, outside_range
from sos_eval.comparison.covariates import dummies, is_text
from sos_eval.comparison.group import GroupMethod, Matched
from sos_eval.comparison.propensity import collinear, few_note, propensities, propensity
from sos_eval.errors import Fault, NotIdentified, OurFault
from sos_eval.numerics.assignment import match_weights, match_weights_many
from sos_eval.numerics.distance import absolute
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import GroupWeights

__all__ = ["DRAWS_AT_ONCE", "MODELLED", "PairMethod"]

Bools = NDArray[np.bool_]
Chosen = NDArray[np.intp]

MODELLED = ("probability", "linear_logit")

#: Adoptions that are matched at a time.
DRAWS_AT_ONCE = 100


@dataclass(frozen=True)
class PairMethod(GroupMethod):
    """Treated units get donors by a distance; a subclass says which distance, and who chooses whom."""

    ratio: Annotated[int, Ge(1)] = 1
    """Donors per treated unit, at most."""
    caliper: Annotated[float, Gt(0)] | None = None
    """Largest distance of a pair, in standard deviations of the score over all units."""
    exact: tuple[str, ...] = ()
    """Columns on which a donor must equal the treated unit it serves."""

    @property
    def takes_turns(self) -> Literal["largest", "smallest", "data"]:
        """Who chooses first, where one does after another."""
        return "data"

    @property
    @abstractmethod
    def scored(self) -> str | None:
        """The one number per unit that is matched on or within: probability, linear_logit or a column."""

    @abstractmethod
    def apart(self, x: Array, treated: Bools) -> Array | None:
        """Return the distance between covariates (n, k), (n_treated, n_untreated); None where the score's is used."""

    @abstractmethod
    def choose(self, distance: Array, turns: Chosen) -> Chosen:
        """Return the donors of each treated unit, (r, n_treated, width), -1 for none; barred pairs are infinite."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Covariates that are matched on, exactly or by distance."""
        column = () if self.scored in (*MODELLED, None) else (str(self.scored),)
        return tuple(dict.fromkeys((*self.on, *self.exact, *column)))

    def match(self, panel: Panel, values: pd.DataFrame) -> Matched:
        """Match every treated unit with its donors."""
        both_arms(panel)
        treated, score = panel.ever_treated, self._score(panel, values)
        raw = self._distance(panel, values, score)
        barred = self._barred(raw, values, treated, score)
        turns = self._turns(score, treated)
        chosen = self.choose(np.where(barred.any(0), np.inf, raw)[None], turns[None])[0]
        made = self._matched(panel, chosen, raw, barred, score)
        few = few_note(panel, values, self.on) if self.scored in MODELLED else []
        return replace(made, notes=(*made.notes, *few))

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

    def _weights(self, covariates: _Covariates, treated: Bools) -> Array:
        """Match draws with as many treated units each, (r, n); weights of zero where there is no group."""
        order = np.argsort(~treated, axis=1, kind="stable")
        inside, donors = np.split(order, [int(treated[0].sum())], axis=1)
        score = self._scores(covariates, treated)
        distance = self._distances(covariates, treated, score, inside, donors)
        if self.exact:
            distance[~covariates.same[inside[:, :, None], donors[:, None, :]]] = np.inf
        fitted = ~np.isnan(distance).any((1, 2))
        turns = np.array([self._turns(None if score is None else score[r], treated[r]) for r in np.flatnonzero(fitted)])
        weights = np.zeros(treated.shape)
        if fitted.any():
            found = match_weights_many(self.choose(distance[fitted], turns), donors.shape[1])
            fitted_weights = np.zeros((int(fitted.sum()), treated.shape[1]))
            np.put_along_axis(fitted_weights, order[fitted], np.hstack(found), axis=1)
            weights[fitted] = fitted_weights
        return weights

    def _distances(
        self, covariates: _Covariates, treated: Bools, score: Array | None, inside: Chosen, donors: Chosen
    ) -> Array:
        """Return the distances, (r, n_treated, n_untreated): infinite beyond the caliper, NaN where there are none."""
        gap = None
        if score is not None:
            of_donors = np.take_along_axis(score, donors, axis=1)
            gap = np.abs(np.take_along_axis(score, inside, axis=1)[:, :, None] - of_donors[:, None, :])
        distance = np.full((len(treated), inside.shape[1], donors.shape[1]), np.nan) if gap is None else gap.copy()
        for draw, group in enumerate(treated):
            try:
                measured = self.apart(covariates.design[:, 1:], group)
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
        fits = propensities(covariates.values, self.on, treated)
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
        fit = propensity(panel, values, self.on)
        return fit.linear if self.scored == "linear_logit" else fit.probability

    def _distance(self, panel: Panel, values: pd.DataFrame, score: Array | None) -> Array:
        """Return the distance of every pair, (n_treated, n_untreated)."""
        names, x = dummies(values[list(self.on)], drop_first=True)
        try:
            measured = self.apart(x, panel.ever_treated)
        except np.linalg.LinAlgError:
            raise NotIdentified(collinear(panel, names)) from None
        if measured is not None:
            return measured
        if score is None:
            raise OurFault(f"{self.name} has neither a score nor a distance")
        return absolute(score, panel.ever_treated)

    def _barred(self, distance: Array, values: pd.DataFrame, treated: Bools, score: Array | None) -> Bools:
        """Return which pairs are not allowed, by exact cell and by caliper: (2, n_treated, n_untreated)."""
        barred = np.zeros((2, *distance.shape), dtype=bool)
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

    # -- what became of it ----------------------------------------------------------------------------------------

    def _matched(self, panel: Panel, chosen: Chosen, distance: Array, barred: Bools, score: Array | None) -> Matched:
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
        dropped = list(dropped_by_reason(without))
        unused = tuple(panel.units[~treated][for_donors == 0])
        if unused:
            dropped.append((unused, "not chosen as a donor by matching"))
        return Matched(
            weights=weights,
            dropped=tuple(dropped),
            sets=_sets(panel, chosen, distance),
            score=score,
            chance=self.scored == "probability",
            off_support=self._off_support(panel, score) | without,
            notes=tuple(self._notes(panel, chosen, without)),
        )

    def _off_support(self, panel: Panel, score: Array | None) -> dict[str, str]:
        """Name the treated units whose score lies outside the range of the untreated."""
        if score is None:
            return {}
        words = "estimated chance of starting" if self.scored in MODELLED else panel.label(str(self.scored))
        return outside_range(panel, score, words)

    def _why_unmatched(self, i: int, distance: Array, barred: NDArray[np.bool_]) -> str:
        """Say why one treated unit has no donor."""
        if barred[0, i].all():
            return f"no comparison unit has the same {', '.join(self.exact)}"
        if barred[:, i].any(0).all():
            return f"no comparison unit is close enough (within {self.caliper:g} standard deviations)"
        return "every comparison unit that is close enough stands in for another"

    def _notes(self, panel: Panel, chosen: Chosen, without: dict[str, str]) -> list[str]:
        """Say what the reader has to know about the match."""
        notes, found = left_out_note(panel, without), (chosen >= 0).sum(1)
        fewer = panel.units[panel.ever_treated][(found > 0) & (found < self.ratio)]
        if len(fewer):
            notes.append(f"fewer than {self.ratio} comparison units for {names_of(panel, fewer)}")
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
    def same(self) -> Bools:
        """Which units are equal on every column of `exact`, (n, n)."""
        codes = self.values[list(self.exact)].apply(lambda column: pd.factorize(column)[0]).to_numpy()
        return np.asarray((codes[:, None] == codes[None]).all(-1))


def _sets(panel: Panel, chosen: Chosen, distance: Array) -> pd.DataFrame:
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
