"""What the estimate would be, had a share of the comparison secretly used the intervention too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from sos_eval.checks.common_lots import CommonLots, Varied, overall_row
from sos_eval.checks.quantity import Quantity, overall, refitted
from sos_eval.checks.shifts import told_by_lots
from sos_eval.numerics.exposed import difference_without_exposed, extreme_units, ratio_without_exposed
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["ContaminationCheck"]


@register("contamination")
@dataclass(frozen=True)
class ContaminationCheck(Check):
    """The effect had a declared share of the comparison taken the intervention up unseen: corrected, and bounds."""

    reference: ClassVar[str] = "Bloom (1984); Horowitz and Manski (1995)"

    shares: tuple[Annotated[float, Gt(0), Lt(1)], ...] = (0.1, 0.25, 0.5)
    """Shares of the comparison units that began when the treated did, and responded as they did."""
    draws: Annotated[int, Ge(19)] = 999
    """Random adoptions behind p and interval."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals."""

    def __post_init__(self) -> None:
        if not self.shares or list(self.shares) != sorted(set(self.shares)):
            raise ValueError("shares: write at least one, the smallest first, each once")

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return ``contamination``: the corrected estimate at the largest share, and a table with a row per share."""
        whole, row = overall(fitted.estimate, self.level), overall_row(fitted)
        if row is None or not np.isfinite(whole.estimate):
            return [CheckResult("contamination", "corrected", np.nan, f"Not done: {whole.reason}.")]
        ends, p, why = self._interval(fitted, whole, rng)
        rows = [self._of_share(fitted, row, share, whole, ends, why) for share in self.shares]
        table = pd.DataFrame(rows)
        text = self._words(table, whole, p, why)
        return [CheckResult("contamination", "corrected", float(table["corrected"].iloc[-1]), text, table=table)]

    def _interval(self, fitted: Fitted, whole: Quantity, rng: np.random.Generator) -> tuple[Array, float, str]:
        """Return estimate and ends, (3,), and p, by random adoptions; NaN and the reason where there are none."""
        lots = CommonLots.of(fitted, self.draws, rng)
        drawn = lots if isinstance(lots, str) else lots.drawn(Varied("as declared", fitted))
        if isinstance(lots, str) or isinstance(drawn, str):
            return np.array([whole.estimate, np.nan, np.nan]), np.nan, str(drawn)
        told = told_by_lots(drawn, whole, self.level, lots.complete)
        return np.array([whole.estimate, told["conf_low"], told["conf_high"]]), float(told["p_value"]), ""

    def _of_share(
        self, fitted: Fitted, row: int, share: float, whole: Quantity, ends: Array, why: str
    ) -> dict[str, Any]:  # fmt: skip
        ratio = whole.scale == "ratio"
        corrected = (ratio_without_exposed if ratio else difference_without_exposed)(ends, share)
        comparison = ~fitted.panel.ever_treated
        exposed = round(share * int(comparison.sum()))
        low, high, reason = _bounds(fitted, row, comparison, exposed)
        if not np.isfinite(corrected[0]):
            reason = f"no ratio, however large, looks like {whole.shown(whole.estimate)} with {share:.0%} exposed"
        names = ("corrected", "conf_low", "conf_high")
        return {
            "share": share, "n_exposed": exposed, "estimate": whole.estimate, "scale": whole.scale,
            **dict(zip(names, corrected.tolist(), strict=True)), "bound_low": low, "bound_high": high,
            "reason": "; ".join(filter(None, (reason, why))),
        }  # fmt: skip

    def _words(self, table: pd.DataFrame, whole: Quantity, p: float, why: str) -> str:
        last = table.iloc[-1]
        said = (
            f"If {last['share']:.0%} of the comparison ({last['n_exposed']:.0f} units) had begun unseen and responded "
            f"alike, {whole.shown(whole.estimate)} would stand for {whole.shown(float(last['corrected']))}"
        )
        if not np.isfinite(last["corrected"]):
            said = f"With {last['share']:.0%} of the comparison exposed alike there is {last['reason'].split(';')[0]}"
        bounds = (
            f" Whichever {last['n_exposed']:.0f} they are, the estimate without them lies between "
            f"{whole.shown(float(last['bound_low']))} and {whole.shown(float(last['bound_high']))}."
            if np.isfinite(last["bound_low"]) else ""
        )  # fmt: skip
        test = (
            f" The test is not changed by it: random adoptions give a difference as large in {of_hundred(p)} draws, so "
            "that no correction makes an effect of a difference that chance explains."
            if np.isfinite(p) else f" No interval: {why}."
        )  # fmt: skip
        return f"{said}.{bounds}{test}"


def _bounds(fitted: Fitted, row: int, among: NDArray[np.bool_], k: int) -> tuple[float, float, str]:
    """Return the smallest and the largest estimate without k of the comparison units; NaN and the reason without."""
    nan = float("nan")
    influence, units = fitted.estimate.influence, fitted.panel.units
    if influence is None or not np.isfinite(influence[:, row]).all():
        return nan, nan, "bounds: units have no influence of their own on this estimate"
    if k >= int(among.sum()):
        return nan, nan, "bounds: nobody would be left to compare with"
    ends = []
    for gone in extreme_units(influence[:, row], among, k) if k else ():
        found = refitted(fitted.held, _without(fitted, units[gone]))
        if not np.isfinite(found.estimate):
            return nan, nan, f"bounds: {found.reason}"
        ends.append(found.estimate)
    whole = overall(fitted.estimate).estimate
    return (min(ends), max(ends), "") if ends else (whole, whole, "")


def _without(fitted: Fitted, gone: NDArray[Any]) -> Panel:
    kept = ~np.isin(fitted.source.units, gone)
    return fitted.source.keep(fitted.source.units[kept])
