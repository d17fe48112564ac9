"""Whether the design finds something where there is nothing, and what it would take to lose what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt

from sos_eval.checks.common_lots import CommonLots, Varied
from sos_eval.checks.remade import Remade
from sos_eval.errors import InputFault, NotIdentified, numeral
from sos_eval.numerics.lots import share_reached
from sos_eval.panel.panel import Array
from sos_eval.results.check import Check, CheckResult, of_hundred
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["Refuters"]

Strength = Annotated[float, Gt(0), Lt(1)]


@register("refuters")
@dataclass(frozen=True)
class Refuters(Check):
    """Placebo treatment, dummy and negative-control outcomes, an unobserved common cause; two checks of the software.

    Units are permuted and drawn, never rows. Adding a random cause and taking subsets of the data cannot fail on a
    confounded design: they check the software, have no threshold and stay off page one.
    """

    reference: ClassVar[str] = "Sharma and Kiciman (2020); Lipsitch, Tchetgen Tchetgen and Cohen (2010)"

    draws: Annotated[int, Ge(19)] = 500
    """Random adoptions, and random dummy outcomes."""
    rebuilt_draws: Annotated[int, Ge(19)] = 99
    """Most of them where each builds its comparison group again."""
    negative_control: str = ""
    """An outcome of the panel that the intervention cannot have moved."""
    strengths: tuple[Strength, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    """Of the unobserved cause: its correlation with who starts, and its effect in standard deviations of changes."""
    strength: Strength = 0.3
    """That of the sentence, with both alike."""
    repeats: Annotated[int, Ge(1)] = 10
    """Random parts of the unobserved cause that are averaged, random causes and subsets."""
    subset: Annotated[float, Gt(0), Lt(1)] = 0.8
    """Share of the units in a subset."""
    max_bias: Annotated[float, Gt(0)] | None = None
    """Declared limit: fails where placebo or dummy estimates are off zero by more of their own spread than this."""
    max_rejection: Annotated[float, Gt(0), Le(1)] | None = None
    """Declared limit: fails where plain tests at 5% find an effect in more than this share of dummy outcomes."""
    min_p: Annotated[float, Gt(0), Lt(1)] | None = None
    """Declared limit: fails where the lots' p of the negative control is smaller."""
    min_left: Annotated[float, Le(1)] | None = None
    """Declared limit: fails where an unobserved cause of `strength` leaves a smaller share of the estimate."""

    def __post_init__(self) -> None:
        twice = [one for k, one in enumerate(self.strengths) if one in self.strengths[:k]]
        if twice:
            raise ValueError(f"strengths: {twice[0]:g} stands twice; take it out")
        if self.min_p is not None and not self.negative_control:
            raise ValueError("min_p: goes with a negative_control; name an outcome that the intervention cannot move")

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Return the refuters' lines, each with a number or the reason why it could not be made."""
        remade = Remade.of(fitted)
        lines = {
            "placebo_treatment": (self.max_bias, self._placebo), "dummy_outcome": (self.max_bias, self._dummy),
            "negative_control": (self.min_p, self._negative), "common_cause": (self.min_left, self._cause),
            "random_common_cause": (None, self._random), "data_subset": (None, self._subset),
        }  # fmt: skip
        found: list[CheckResult] = []
        for name, (limit, line) in lines.items():
            found += _done(f"refuters.{name}", limit, line, remade, rng)
        return found

    def _many(self, remade: Remade) -> int:
        return min(self.draws, self.rebuilt_draws) if remade.fitted.rebuild else self.draws

    def _placebo(self, remade: Remade, rng: np.random.Generator) -> list[CheckResult]:
        """Estimate under the headline's own lots: over them nothing should be found on average."""
        lots = _lots(remade.fitted, self._many(remade), rng)
        drawn = lots.drawn(Varied("", remade.fitted))
        if isinstance(drawn, str):
            raise NotIdentified(remade.base.fault(drawn))
        values = drawn.value[1:][np.isfinite(drawn.value[1:])]
        mean = numeral(values.mean())
        text = f"Under {len(values):,} random adoptions of the same panel the estimate is {mean} on average"
        return [self._bias("refuters.placebo_treatment", values, text)]

    def _dummy(self, remade: Remade, rng: np.random.Generator) -> list[CheckResult]:
        """Estimate on paths of untreated units dealt to everybody: no effect, and tests that rarely say otherwise."""
        values, errors = remade.on_outcomes(remade.dealt(self._many(remade), rng))
        kept = np.isfinite(values)
        text = (
            f"On {kept.sum():,} dummy outcomes, paths of untreated units dealt out to everybody, the estimate is "
            f"{numeral(values[kept].mean())} on average"
        )
        first = self._bias("refuters.dummy_outcome", values[kept], text)
        name, limit = "refuters.dummy_outcome_test", np.nan if self.max_rejection is None else self.max_rejection
        tested = kept & (errors > 0)
        if not tested.any():
            return [first, CheckResult(name, "rejection", np.nan, "Not done: the estimate has no error.", limit)]
        share = float((np.abs(values[tested] / errors[tested]) > 1.959963984540054).mean())
        passed = None if self.max_rejection is None else share <= limit
        said = f"Plain cluster-robust tests at 5% find an effect in {of_hundred(share)} of these dummy outcomes."
        return [first, CheckResult(name, "rejection", share, said, limit, passed)]

    def _bias(self, name: str, values: Array, text: str) -> CheckResult:
        """Judge how far estimates of nothing lie off zero, in units of their own spread."""
        spread = float(values.std())
        value = float(abs(values.mean()) / spread) if spread > 0 else float(abs(values.mean()) > 0)
        error = 1 / np.sqrt(len(values))
        said = f"{text}, {value:.2f} of their spread from none (Monte Carlo error {error:.2f})."
        limit = np.nan if self.max_bias is None else self.max_bias
        passed = None if self.max_bias is None else value <= limit
        table = pd.DataFrame({"draw": np.arange(1, len(values) + 1), "estimate": values})
        return CheckResult(name, "bias", value, said, limit, passed, table)

    def _negative(self, remade: Remade, rng: np.random.Generator) -> list[CheckResult]:
        """Test an outcome that the intervention cannot have moved by the headline's own lots."""
        fitted, name = remade.fitted, self.negative_control
        if not name:
            raise NotIdentified("no outcome is declared that the intervention cannot have moved (negative_control)")
        if name not in [one.name for one in fitted.source.outcomes]:
            raise NotIdentified(f"the panel has no outcome {name!r}")
        source = fitted.source.select(name)
        other = replace(fitted, source=source, estimate=fitted.refit(source))
        lots = _lots(fitted, self._many(remade), rng)
        drawn = lots.drawn(Varied(name, other))
        if isinstance(drawn, str):
            raise NotIdentified(drawn)
        p = share_reached(drawn.statistic, complete=lots.complete)
        limit = np.nan if self.min_p is None else self.min_p
        passed = None if self.min_p is None else p >= limit
        text = f"On {name}, which the intervention should not move, random adoptions find as much in {of_hundred(p)}."
        return [CheckResult("refuters.negative_control", "p_value", p, text, limit, passed)]

    def _cause(self, remade: Remade, rng: np.random.Generator) -> list[CheckResult]:
        """Take out a cause of every pair of strengths, and say what is left of the estimate."""
        tried = sorted({*self.strengths, self.strength})
        pairs = [(one, other) for one in tried for other in tried]
        values, _ = remade.on_outcomes(remade.without_cause(pairs, self.repeats, rng))
        share = values.reshape(len(pairs), self.repeats).mean(1) / remade.value
        table = pd.DataFrame(pairs, columns=["with_treatment", "with_outcome"]).assign(share_left=share)
        left = float(share[pairs.index((self.strength, self.strength))])
        alike = table[(table["with_treatment"] == table["with_outcome"]) & (table["share_left"] <= 0)]
        undone = (
            f"one of {alike['with_treatment'].min():g} would leave nothing"
            if len(alike)
            else f"none of those tried, up to {tried[-1]:g}, would undo it"
        )
        text = (
            f"An unobserved cause that correlates {self.strength:g} with who began and moves outcomes by "
            f"{self.strength:g} standard deviations of their changes would leave {left:.0%} of the estimate; "
            f"{undone}."
        )
        limit = np.nan if self.min_left is None else self.min_left
        passed = None if self.min_left is None else bool(left >= limit)
        return [CheckResult("refuters.common_cause", "share_left", left, text, limit, passed, table)]

    def _random(self, remade: Remade, rng: np.random.Generator) -> list[CheckResult]:
        """Add a covariate of pure chance: software check."""
        moved = np.abs(remade.with_random_cause(self.repeats, rng) - remade.value)
        far = numeral(moved.max(), 2)
        text = f"Software: with a random covariate the estimate of {numeral(remade.value)} moves by {far} at most."
        return [CheckResult("refuters.random_common_cause", "max_change", float(moved.max()), text)]

    def _subset(self, remade: Remade, rng: np.random.Generator) -> list[CheckResult]:
        """Estimate on subsets of the units: software check."""
        kept, every = remade.subset_sizes(self.subset), remade.fitted.source.n_units
        if min(kept) < 2:
            what = f"a share of {self.subset:g} (subset) leaves {kept[0]} treated and {kept[1]} other of {every} units"
            raise NotIdentified(f"{what}, and a subset has two of each")
        values = remade.on_subsets(self.subset, self.repeats, rng)
        moved = float(abs(np.nanmean(values) - remade.value))
        text = (
            f"Software: on {self.repeats} subsets of {sum(kept)} of the {every} units the estimate is "
            f"{numeral(float(np.nanmean(values)))} on average, on all of them {numeral(remade.value)}."
        )
        return [CheckResult("refuters.data_subset", "change", moved, text)]


def _lots(fitted: Fitted, draws: int, rng: np.random.Generator) -> CommonLots:
    lots = CommonLots.of(fitted, draws, rng)
    if isinstance(lots, str):
        raise NotIdentified(lots)
    return lots


def _done(
    name: str, limit: float | None, line: Callable[[Remade, np.random.Generator], list[CheckResult]],
    remade: Remade | None, rng: np.random.Generator,
) -> list[CheckResult]:  # fmt: skip
    """Make one refuter's lines; the reason in place of a number where that cannot be done."""
    why = "the estimator has no overall effect"
    if remade is not None:
        try:
            return line(remade, rng)
        except InputFault as fault:
            why = fault.faults[0].what
    return [CheckResult(name, "value", np.nan, f"Not done: {why}.", np.nan if limit is None else limit)]
