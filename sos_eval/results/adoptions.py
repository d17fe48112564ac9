"""A fitted estimator under many adoptions, on one outcome or several: what outcomes do not change is done once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sos_eval.errors import InputFault, OurFault
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.comparison import GroupWeights, Regrouping
from sos_eval.results.crew import ALONE
from sos_eval.results.estimate import Batch, in_rows, joined_batches, loop_batch

if TYPE_CHECKING:
    from sos_eval.results.fitted import Fitted

__all__ = ["DRAWS_AT_ONCE", "Adoptions"]

#: Adoptions that are estimated at a time. It belongs to the plan: answers do not depend on who makes them.
DRAWS_AT_ONCE = 500


class Adoptions:
    """Adoptions to estimate under, and the comparison group of each.

    Parameters
    ----------
    fitted
        The estimate that is made again.
    first_treated : (draws, source.n_units)
        Starts.
    """

    def __init__(self, fitted: Fitted, first_treated: Array) -> None:
        self.fitted = fitted
        self.first_treated = np.asarray(first_treated, float)
        draws = range(0, len(self.first_treated), DRAWS_AT_ONCE)
        self._parts = [slice(first, first + DRAWS_AT_ONCE) for first in draws]
        self._groups: list[GroupWeights | None] = [None] * len(self._parts)

    def first(self, draws: int) -> Adoptions:
        """Return the first draws, with the groups that are built already."""
        if draws >= len(self.first_treated):
            return self
        fewer = Adoptions(self.fitted, self.first_treated[:draws])
        fewer._groups = [
            None if groups is None else GroupWeights(groups.weights[:size], groups.failures[:size])
            for groups, size in zip(self._groups, fewer._sizes, strict=False)
        ]
        return fewer

    def estimated(self, source: Panel | None = None) -> Batch:
        """Estimate under every adoption, in the rows of the fitted estimate: others may be had under some of them.

        Parameters
        ----------
        source
            In place of the fitted one: the same panel but for outcomes from the first start on, so that groups stay.

        Raises
        ------
        InputFault
            Not one of the adoptions can be estimated.
        """
        fitted = self.fitted if source is None else replace(self.fitted, source=source)
        self._refuse_other_past(fitted.source)
        alone = replace(fitted, crew=ALONE)
        pieces = [_Piece(alone, self.first_treated[part], groups) for part, groups in self._with_groups()]
        answers = fitted.crew.work(_estimated, pieces, self._sizes)
        self._groups = [groups for _, groups in answers]
        batch = joined_batches([batch for batch, _ in answers])
        if np.isnan(batch.values).all():
            raise InputFault(batch.failures[0])
        found = in_rows(batch, fitted.estimate.cells)
        if fitted.cells is None or fitted.rebuild is not None or fitted.source.layout != "panel":
            return found
        seen = np.isfinite(fitted.source.matrix())
        return fitted.cells.kept_batch(found, self.first_treated, seen, fitted.source.times)

    @property
    def _sizes(self) -> list[int]:
        return [len(self.first_treated[part]) for part in self._parts]

    def _with_groups(self) -> Sequence[tuple[slice, GroupWeights | None]]:
        return list(zip(self._parts, self._groups, strict=True))

    def _refuse_other_past(self, source: Panel) -> None:
        """Refuse other outcomes before the first start of anyone: groups are built on them."""
        if source is self.fitted.source or not isinstance(self.fitted.rebuild, Regrouping):
            return
        past = np.isin(source.frame["time"].to_numpy(float), source.pre_times)
        before, now = (panel.frame["outcome"].to_numpy(float)[past] for panel in (self.fitted.source, source))
        if not np.array_equal(before, now, equal_nan=True):
            raise OurFault("outcomes before the first start changed, on which the comparison groups were built")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some of the adoptions, (draws, n_units), and their groups where they are built already."""

    fitted: Fitted
    first_treated: Array
    groups: GroupWeights | None


def _estimated(piece: _Piece) -> tuple[Batch | tuple[str, ...], GroupWeights | None]:
    """Estimate under some adoptions; the reasons in place of estimates where all of them are refused."""
    fitted, starts = piece.fitted, piece.first_treated
    try:
        if fitted.rebuild is None:
            return fitted.estimator.estimate_assignments(fitted.source, starts), None
        if not isinstance(fitted.rebuild, Regrouping):
            panels = (fitted.source.with_first_treated(start) for start in starts)
            return loop_batch(panels, fitted.refit, fitted.estimate.cells), None
    except InputFault as fault:
        return (fault.faults[0].what,) * len(starts), None
    groups = piece.groups or fitted.rebuild.weights(fitted.source, starts)
    return _grouped(fitted, starts, groups), groups


def _grouped(fitted: Fitted, starts: Array, groups: GroupWeights) -> Batch | tuple[str, ...]:
    """Estimate under adoptions whose groups are built; those without one have no estimate."""
    there = groups.failures == ""
    if not there.any():
        return tuple(groups.failures)
    cells = fitted.estimate.cells
    batch = fitted.estimator.estimate_groups(fitted.source, starts[there], groups.weights[there], cells)
    if there.all():
        return batch
    failures = groups.failures.copy()
    failures[there] = batch.failures
    values = np.full((len(starts), len(cells)), np.nan)
    values[there] = batch.values
    if batch.std_error is None:
        return replace(batch, values=values, failures=tuple(failures))
    errors = np.full_like(values, np.nan)
    errors[there] = batch.std_error
    return replace(batch, values=values, std_error=errors, failures=tuple(failures))
