"""Whether one unit carries the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.common_lots import CommonLots, Varied, overall_row
from sos_eval.checks.quantity import Quantity, judged, nothing, overall, refitted, scale_of
from sos_eval.errors import listed, numeral
from sos_eval.numerics.lots import share_reached
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.comparison import Comparison
from sos_eval.results.fitted import Fitted, is_fitted_anew
from sos_eval.results.inference import FEW
from sos_eval.results.method import register

__all__ = ["LeaveOneOut"]

#: Omissions from which on it is told that the estimate lies outside them all.
_FEWEST = 5
NOBODY = "nobody who is treated is left"
#: Why the largest change has no p.
WITHOUT_ONE = "the estimate without one of the treated is not known"
#: A change below this is rounding.
_ROUNDING = 1e-9


@register("leave_one_out")
@dataclass(frozen=True)
class LeaveOneOut(Check):
    """The overall effect without each unit in turn, comparison group built again without it."""

    reference: ClassVar[str] = "Abadie, Diamond and Hainmueller (2015), section 4"

    drop: tuple[Literal["treated", "comparison", "cluster"], ...] = ("treated",)
    """Who is left out in turn: each treated unit, each comparison unit in use, each cluster in use."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""
    max_change: Annotated[float, Gt(0)] | None = None
    """Declared limit: the check fails where leaving somebody out moves the estimate by more."""
    draws: Annotated[int, Ge(0)] = 199
    """Random adoptions in which the largest change is looked for too; none with 0."""

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``leave_one_out``: the largest change, and a table with a row per unit left out.

        Beside it ``leave_one_out.turned``, how many alone turn the sign, and ``leave_one_out.unusual``, p of the
        largest change by a treated unit under the headline's random adoptions; ``leave_one_out.outside`` where the
        estimate lies outside the range of all that leave one out.
        """
        whole, fitted = overall(fitted.estimate, self.level), fitted.held
        limit = np.nan if self.max_change is None else self.max_change
        if not np.isfinite(whole.estimate):
            return [CheckResult("leave_one_out", "max_change", np.nan, f"Not done: {whole.reason}.", limit)]
        rows = []
        for kind, name, gone in self._left_out(fitted):
            kept = _without(fitted.source, gone)
            found = refitted(fitted, kept, self.level) if kept.ever_treated.any() else nothing(NOBODY)
            row = {"unit": name, "left_out": kind, "change": found.estimate - whole.estimate, **found.row}
            rows.append(row | (self._few(fitted, gone) if np.isfinite(found.std_error) else {}))
        table = pd.DataFrame(rows)
        known = table[table["change"].notna()] if len(table) else table
        if known.empty:
            why = "nobody to leave out" if table.empty else str(table["reason"].iloc[0])
            why = self._without_the_one(fitted.panel) or why
            return [CheckResult("leave_one_out", "max_change", np.nan, f"Not done: {why}.", limit, table=table)]
        worst = known.iloc[int(np.argmax(known["change"].abs().to_numpy(float)))]
        value = float(abs(worst["change"]))
        passed = judged(value, self.max_change, complete=len(known) == len(table))
        name, *gone = (
            fitted.source.unit_names.get(str(unit), str(unit)) for unit in (worst["unit"], *_unknown(table)["unit"])
        )
        turned = int((np.sign(known["estimate"] - whole.neutral) != np.sign(whole.estimate - whole.neutral)).sum())
        text = _words(name, float(worst["estimate"]), whole, turned, len(table), gone, fitted.panel)
        counted = (
            f"Leaving out any one of {turned} of {len(known)} turns the sign of the estimate."
            if turned
            else f"Leaving out any one of the {len(known)} leaves the sign of the estimate as it is."
        )
        unusual = self._unusual(fitted, table, rng)
        often = f" So large a change comes up in {of_hundred(unusual.value)} draws of random adoptions."
        text += often if np.isfinite(unusual.value) else ""
        return [
            CheckResult("leave_one_out", "max_change", value, text, limit, passed, table),
            CheckResult("leave_one_out.turned", "count", float(turned), counted),
            unusual,
            *_outside(known, whole, fitted.panel),
        ]

    def foreseen(self, comparison: Comparison) -> str:
        """Say so where the only treated unit is all that would be left out."""
        return self._without_the_one(comparison.panel)

    def _without_the_one(self, panel: Panel) -> str:
        """Say that nobody is left without the one treated unit, and whom else to leave out; empty with more."""
        if self.drop != ("treated",) or panel.layout != "panel" or panel.ever_treated.sum() != 1:
            return ""
        others = int((~panel.ever_treated).sum())
        instead = f"; write drop: [comparison] to leave out each of the other {others} in turn" if others > 1 else ""
        return f"one unit is treated, and without it nobody is left to have an effect{instead}"

    @staticmethod
    def _few(fitted: Fitted, gone: list[str]) -> dict[str, object]:
        """Return what stands in place of interval and p where few treated clusters are left; nothing elsewhere."""
        panel = fitted.panel
        clusters = panel.unit_values("cluster")[panel.ever_treated & ~np.isin(panel.units, gone)]
        left = len(np.unique(clusters))
        if not 0 < left < FEW:
            return {}
        why = f"no interval and no p: clustered errors of {left} treated clusters are not relied on"
        return {"conf_low": np.nan, "conf_high": np.nan, "p_value": np.nan, "reason": why}

    def _unusual(self, fitted: Fitted, table: pd.DataFrame, rng: np.random.Generator) -> CheckResult:
        """Set the largest change by a treated unit beside that of random adoptions; the reason where that is not done.

        In each of the headline's own draws the treated are left out in turn: what cannot be had without one of them
        (`table`) cannot be had in the draws.
        """
        lots = WITHOUT_ONE if "treated" in set(_unknown(table)["left_out"]) else self._lots(fitted, self.draws, rng)
        most = lots if isinstance(lots, str) else _largest(fitted, lots)
        if isinstance(most, str) or not np.isfinite(most[0]):
            why = (most if isinstance(most, str) else "") or WITHOUT_ONE
            return CheckResult("leave_one_out.unusual", "p_value", np.nan, f"Not done: {why}.")
        p = share_reached(most, complete=not isinstance(lots, str) and lots.complete)
        text = (
            f"Leaving out one treated unit moves the estimate by {numeral(most[0])}{_unit(fitted)} at most; so large a "
            f"change comes up in {of_hundred(p)} draws of random adoptions ({len(most) - 1:,} were made)."
        )
        return CheckResult("leave_one_out.unusual", "p_value", p, text)

    def _lots(self, fitted: Fitted, draws: int, rng: np.random.Generator) -> CommonLots | str:
        if not draws:
            return "draws: 0 is declared"
        if fitted.panel.layout != "panel":
            return "rows are people, and leaving out units of random adoptions is for panels of units and periods"
        if is_fitted_anew(fitted):
            return "the estimate is made anew for every adoption, which takes too long with each unit left out in turn"
        return CommonLots.of(fitted, draws, rng)

    def _left_out(self, fitted: Fitted) -> Iterator[tuple[str, str, list[str]]]:
        """Yield who is left out: what they are, their name, and the units that go."""
        panel, source = fitted.panel, fitted.source
        if "treated" in self.drop:
            for unit in panel.units[panel.ever_treated]:
                yield "treated", str(unit), [unit]
        if "comparison" in self.drop:
            for unit in panel.units[~panel.ever_treated]:
                yield "comparison", str(unit), [unit]
        if "cluster" in self.drop:
            clusters = source.frame.drop_duplicates("unit").set_index("unit")["cluster"]
            for cluster in pd.unique(clusters.reindex(panel.units)):
                yield "cluster", str(cluster), list(clusters.index[clusters == cluster])


def _outside(known: pd.DataFrame, whole: Quantity, panel: Panel) -> list[CheckResult]:
    """Say that every omission moves the estimate the same way, so that it lies beyond them all; else nothing.

    Parameters
    ----------
    known
        The estimates without one, ``estimate`` and ``change``.
    whole, panel
        The estimate with all, and what it is of.
    """
    change = known["change"].to_numpy(float)
    if len(change) < _FEWEST or not (np.all(change > _ROUNDING) or np.all(change < -_ROUNDING)):
        return []
    low, high = known["estimate"].min(), known["estimate"].max()
    own, span = whole.told(whole.estimate, panel), f"{whole.shown(low)} to {whole.shown(high)}"
    text = (
        f"The estimate, {own}, lies outside all {len(known)} that leave one out ({span}): it hangs on everybody being "
        "there, as where the comparison group is built anew each time."
    )
    return [CheckResult("leave_one_out.outside", "nearest_change", float(np.abs(change).min()), text)]


def _unit(fitted: Fitted) -> str:
    """Return the unit of a change of the overall effect: logs of a ratio."""
    return scale_of(fitted.panel, str(fitted.estimate.cells["scale"].iloc[overall_row(fitted) or 0]))


def _without(panel: Panel, gone: list[str]) -> Panel:
    return panel.keep([unit for unit in panel.units if unit not in gone])


def _largest(fitted: Fitted, lots: CommonLots) -> Array | str:
    """Return the largest change by leaving out one treated unit under every adoption, (1 + draws,), observed first."""
    whole = lots.drawn(Varied("as declared", fitted))
    if isinstance(whole, str):
        return whole
    places = [np.flatnonzero(row) for row in np.isfinite(lots.starts) & (lots.starts <= fitted.source.times[-1])]
    changes = []
    for k in range(max(map(len, places))):
        without = lots.drawn_without([place[k] if k < len(place) else -1 for place in places], fitted)
        if isinstance(without, str):
            return without
        changes.append(np.abs(without.value - whole.value))
    return np.asarray(np.max(changes, axis=0), float)


def _unknown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of units without which there is no estimate."""
    return table[table["change"].isna()]


def _words(unit: str, without: float, whole: Quantity, turned: int, n: int, gone: list[str], panel: Panel) -> str:
    """Say who moves the estimate most, whether any of n turns its sign, and without whom there is none."""
    sign = (
        f"; leaving out any one of {turned} of {n} would turn its sign" if turned else "; nobody alone turns its sign"
    )
    failed = f"; without {listed(gone, at_most=3)} it cannot be estimated" if gone else ""
    return (
        f"Without {unit} the estimate is {whole.told(without, panel)} instead of {whole.shown(whole.estimate)}, "
        f"the largest change{sign}{failed}."
    )
