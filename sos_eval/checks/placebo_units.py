"""What the design finds where nobody was treated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt

from sos_eval.checks.common_lots import DrawnEffect
from sos_eval.checks.quantity import Quantity, overall, scale_of
from sos_eval.errors import InputFault, NotIdentified, numeral
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.check import Check, CheckResult
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["PlaceboUnits"]


@register("placebo_units")
@dataclass(frozen=True)
class PlaceboUnits(Check):
    """The design again without the treated units, on untreated ones that are given the treated ones' starts.

    Sets of untreated units as many as the treated take over their starts; the rest stands in as untreated, and the
    comparison group is built again. Nobody among them was treated (as far as the panel knows), so what is found is
    noise: its spread is set beside the estimate and beside its cluster-robust error.
    """

    reference: ClassVar[str] = "Abadie, Diamond and Hainmueller (2010); Bertrand, Duflo and Mullainathan (2004)"

    draws: Annotated[int, Ge(19)] = 499
    """Sets of units; every set once where there are no more than this (one common start)."""
    max_error_ratio: Annotated[float, Gt(0)] | None = None
    """Declared limit: fails where placebo estimates spread by more than this many of the estimate's own errors."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``placebo_units`` (spread), ``placebo_units.error_ratio`` and ``placebo_units.own_error_ratio``."""
        whole = overall(fitted.estimate)
        if not np.isfinite(whole.estimate):
            return self._not_done(whole.reason)
        untreated = fitted.source.keep(fitted.source.units[~fitted.source.ever_treated])
        starts = fitted.panel.first_treated[fitted.panel.ever_treated]
        if why := self.unfit(fitted):
            return self._not_done(why)
        try:
            table = _placebos(fitted, _dosed(untreated, fitted), self._lots(fitted, starts, rng), whole.scale)
        except InputFault as fault:
            return self._not_done(fault.faults[0].what)
        spread = self._spread(whole, table, len(starts), untreated)
        return [spread, self._error_ratio(whole, table, untreated), self._own_errors(whole, table)]

    def unfit(self, fitted: Fitted) -> str:
        """Say so where untreated units are too few to play the treated."""
        untreated, treated = int((~fitted.source.ever_treated).sum()), int(fitted.panel.ever_treated.sum())
        few = untreated < treated + 2
        return f"{untreated} untreated units cannot play {treated} treated and a comparison" if few else ""

    def _lots(self, fitted: Fitted, starts: Array, rng: np.random.Generator) -> Array:
        """Return who starts when in every placebo, (draws, n): within the strata of the headline's lots, if any."""
        source, space = fitted.source, fitted.space(fitted.strata) if fitted.strata else ""
        untreated = ~source.ever_treated
        if isinstance(space, str):
            return self._assignments(int(untreated.sum()), starts, rng)
        stratum = space.stratum[space.item]
        treated = np.isin(source.units, fitted.panel.units[fitted.panel.ever_treated])
        assigned = np.full((self.draws, int(untreated.sum())), np.inf)
        for s, name in enumerate(space.names):
            inside, begun = np.flatnonzero(stratum[untreated] == s), source.first_treated[treated & (stratum == s)]
            if len(begun) and len(inside) < len(begun) + 1:
                what = (
                    f"stratum {name}: {len(inside)} untreated units cannot play {len(begun)} treated and a comparison"
                )
                raise NotIdentified(source.fault(what))
            order = (
                np.r_[begun, np.full(len(inside) - len(begun), np.inf)] if len(begun) else np.full(len(inside), np.inf)
            )
            assigned[:, inside] = rng.permuted(np.broadcast_to(order, (self.draws, len(inside))), axis=1)
        return assigned

    def _assignments(self, n: int, starts: Array, rng: np.random.Generator) -> Array:
        """Return who starts when in every placebo, (draws, n)."""
        k = len(starts)
        if len(np.unique(starts)) == 1 and comb(n, k) <= self.draws:
            chosen = np.array(list(combinations(range(n), k)))
        else:
            chosen = rng.permuted(np.tile(np.arange(n), (self.draws, 1)), axis=1)[:, :k]
        assigned = np.full((len(chosen), n), np.inf)
        np.put_along_axis(assigned, chosen, np.broadcast_to(starts, chosen.shape), axis=1)
        return assigned

    def _spread(self, whole: Quantity, table: pd.DataFrame, k: int, panel: Panel) -> CheckResult:
        """Say how widely placebos lie; how many lie beyond the estimate is the headline's own test, so no p."""
        values = _working(table["estimate"].to_numpy(float), whole)
        known = values[np.isfinite(values)]
        if not len(known):
            return CheckResult("placebo_units", "spread", np.nan, "Not done: no placebo could be estimated.")
        low, high = np.quantile(table["estimate"].to_numpy(float)[np.isfinite(values)], [0.025, 0.975])
        failed = f"; {len(values) - len(known)} could not be estimated" if len(known) < len(values) else ""
        made = "draws" if len(values) == self.draws else "sets"
        ends = f"{whole.shown(low)} and {whole.told(high, panel)}"
        text = (
            f"Of {len(known)} {made} of {k} of the {panel.n_units} untreated units, given the same starts, 95 in 100 "
            f"lie between {ends}{failed}."
        )
        return CheckResult("placebo_units", "spread", float(np.sqrt(np.mean(known**2))), text, table=table)

    def _error_ratio(self, whole: Quantity, table: pd.DataFrame, panel: Panel) -> CheckResult:
        """Set the placebos' spread beside the estimate's own error."""
        name, limit = "placebo_units.error_ratio", np.nan if self.max_error_ratio is None else self.max_error_ratio
        values = _working(table["estimate"].to_numpy(float), whole)
        values = values[np.isfinite(values)]
        if len(values) < 2 or not np.isfinite(whole.std_error):
            why = "the estimate has no standard error" if len(values) > 1 else "fewer than two placebos"
            return CheckResult(name, "ratio", np.nan, f"Not done: {why}.", limit)
        spread = float(np.sqrt(np.mean(values**2)))
        ratio = spread / whole.std_error
        own = _own_ratio(table, whole)
        text = (
            f"Placebo estimates lie {numeral(spread)}{scale_of(panel, whole.scale)} from no effect (root mean square), "
            f"{ratio:.2f} times the estimate's own cluster-robust error of {numeral(whole.std_error)}"
        )
        text += f" and {own:.2f} times their own." if np.isfinite(own) else "."
        facts = pd.DataFrame({
            "spread": [spread], "mean": [values.mean()], "std_error": [whole.std_error], "ratio": [ratio],
            "own_ratio": [own],
        })  # fmt: skip
        passed = None if self.max_error_ratio is None else ratio <= self.max_error_ratio
        return CheckResult(name, "ratio", ratio, text, limit, passed, facts)

    def _own_errors(self, whole: Quantity, table: pd.DataFrame) -> CheckResult:
        """Set every placebo beside its own error: near one where conventional errors say how groups differ."""
        name, ratio = "placebo_units.own_error_ratio", _own_ratio(table, whole)
        if not np.isfinite(ratio):
            return CheckResult(name, "ratio", np.nan, "Not done: placebos have no standard error.")
        text = (
            f"Placebo estimates spread {ratio:.2f} times as widely as their own cluster-robust errors say (root mean "
            "squares); 1 is what such errors promise."
        )
        return CheckResult(name, "ratio", ratio, text)

    def _not_done(self, reason: str) -> list[CheckResult]:
        limit = np.nan if self.max_error_ratio is None else self.max_error_ratio
        return [
            CheckResult("placebo_units", "spread", np.nan, f"Not done: {reason}."),
            CheckResult("placebo_units.error_ratio", "ratio", np.nan, f"Not done: {reason}.", limit),
            CheckResult("placebo_units.own_error_ratio", "ratio", np.nan, f"Not done: {reason}."),
        ]


def _dosed(untreated: Panel, fitted: Fitted) -> Panel:
    """Hand the starts of the treated, and their doses, to the first of the untreated: whoever starts then has both."""
    if "dose" not in untreated.frame or untreated.layout != "panel":
        return untreated
    source = fitted.source
    treated = np.flatnonzero(np.isin(source.units, fitted.panel.units[fitted.panel.ever_treated]))
    starts, dose = np.full(untreated.n_units, np.inf), untreated.matrix("dose")
    starts[: len(treated)], dose[: len(treated)] = source.first_treated[treated], source.matrix("dose")[treated]
    column = dose[untreated.unit_codes, untreated.time_codes]
    return untreated.with_first_treated(starts).with_columns(dose=column)


def _placebos(fitted: Fitted, untreated: Panel, assigned: Array, scale: str) -> pd.DataFrame:
    """Estimate every placebo; a row each, on the scale that is reported."""
    batch = replace(fitted, source=untreated).refit_assignments(assigned)
    drawn = DrawnEffect.of(batch, scale)
    values = np.exp(drawn.value) if scale == "ratio" else drawn.value
    return pd.DataFrame({"draw": np.arange(1, len(values) + 1), "estimate": values, "std_error": drawn.quoted})


def _own_ratio(table: pd.DataFrame, whole: Quantity) -> float:
    """Return the spread of placebos over the root mean square of their own errors; NaN with fewer than two of them."""
    values, errors = _working(table["estimate"].to_numpy(float), whole), table["std_error"].to_numpy(float)
    known = np.isfinite(values) & (errors > 0)
    if known.sum() < 2:
        return float("nan")
    return float(np.sqrt(np.mean(values[known] ** 2) / np.mean(errors[known] ** 2)))


def _working(values: Array, whole: Quantity) -> Array:
    """Return values on the scale on which no effect is zero."""
    return np.log(values) if whole.scale == "ratio" else values
