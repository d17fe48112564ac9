"""The effect under every combination of declared choices, with one test of all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt

from sos_eval.checks.alternatives import Alternative
from sos_eval.checks.combined import Combination, combinations_of
from sos_eval.checks.common_lots import AS_DECLARED, CommonLots, DrawnEffect, Varied, draws_for, level_before
from sos_eval.checks.compared import ComparedCheck, ExpectedSign, Place
from sos_eval.checks.quantity import Quantity, overall
from sos_eval.checks.shifts import told_by_lots
from sos_eval.errors import OurFault, numeral
from sos_eval.numerics.curve import CurveTest, curve_test
from sos_eval.panel.panel import Array
from sos_eval.results.check import CheckResult, of_hundred
from sos_eval.results.fitted import Fitted
from sos_eval.results.method import register

__all__ = ["SpecificationCurve"]

#: Specifications that one curve holds at most.
MOST = 1_000
#: Numbers that differ by no more than this share are the same.
SAME = 1e-9
_AS_FAR = {-1: "as low or lower", 0: "as far from zero", 1: "as high or higher"}
_SIGN = {-1: "with a decrease", 0: "of one sign", 1: "with an increase"}


@register("specification_curve")
@dataclass(frozen=True)
class SpecificationCurve(ComparedCheck):
    """The overall effect under every combination of declared choices, and a permutation test of all together."""

    reference: ClassVar[str] = "Simonsohn, Simmons and Nelson (2020)"

    vary: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)
    """Choices, each with its options beside the design's own: {window: [{with: {panel.window.from: 2012}}]}."""
    declared: Mapping[str, str] = field(default_factory=dict)
    """Words for the design's own option of a choice; "as declared" unless given."""
    combine: bool = True
    """Options of several choices together; false: one choice differs at a time."""
    draws: Annotated[int, Ge(19)] = 499
    """Random adoptions that all specifications share; where there are no more than this, all are listed."""
    rebuilt_draws: Annotated[int, Ge(19)] = 199
    """Most of them where a specification builds its comparison group again."""
    level: Annotated[float, Gt(0), Lt(1)] = 0.95
    """Coverage of the intervals; 1 - level is the p that counts as small."""

    def __post_init__(self) -> None:
        if not self.vary or not all(self.vary.values()):
            raise ValueError("write vary: {CHOICE: [{start: 1}, …], …}, each choice with an option at least")
        if unknown := [name for name in self.declared if name not in self.vary]:
            raise ValueError(f"declared: {unknown[0]!r} is no choice of vary; there are {', '.join(self.vary)}")
        for name, options in self.vary.items():
            if len({self._own(name), *(one.words for one in options)}) <= len(options):
                raise ValueError(f"vary.{name}: two options have the same words; give each its own label")
        number = int(np.prod([1.0 + len(options) for options in self.vary.values()]))
        if self.combine and number > MOST:
            raise ValueError(f"vary: {number:,} combinations, and a curve holds {MOST:,}; write combine: false")

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Every combination but the design itself."""
        return tuple(one.alternative for one in self._combinations[0])

    @property
    def parts(self) -> tuple[tuple[Place, ...], ...]:
        """By the options that differ."""
        return tuple(tuple(("vary", *part) for part in one.options.items()) for one in self._combinations[0])

    @property
    def may_not_fit(self) -> tuple[bool, ...]:
        """Those that set options of whatever method they are combined with."""
        return tuple(
            any(self.vary[name][k].leaves_method for name, k in one.options.items()) for one in self._combinations[0]
        )

    @property
    def _combinations(self) -> tuple[tuple[Combination, ...], int]:
        return combinations_of(self.vary, cross=self.combine)

    def _own(self, name: str) -> str:
        return self.declared.get(name, "as declared")

    def check(self, fitted: Fitted, rng: np.random.Generator) -> list[CheckResult]:
        """Refuse: its specifications are resolved by the design."""
        raise OurFault("specification_curve: alternatives are resolved by the design, and are compared in `compare`")

    def compare(
        self, fitted: Fitted, varied: Sequence[Varied], rng: np.random.Generator, direction: ExpectedSign = 0
    ) -> list[CheckResult]:
        """Return ``specification_curve``: p of the median, and ``specification_curve.found``: p of how many are small.

        The table has a row per specification, the design itself first. Those that give the estimate of an earlier one
        and its statistic under every adoption count with it, once: ``same_as`` names it, ``also`` what it stands for.
        """
        everything = [Varied(AS_DECLARED, fitted), *varied]
        known = {one.label: one for one in everything if not one.same_as}
        everything = [replace(known[one.same_as], label=one.label) if one.same_as else one for one in everything]
        lots = CommonLots.of(fitted, draws_for(fitted, varied, self.draws, self.rebuilt_draws), rng)
        drawn = [lots if isinstance(lots, str) else lots.drawn(one) for one in everything]
        complete = not isinstance(lots, str) and lots.complete
        columns = {k: _studentised(one, complete) for k, one in enumerate(drawn) if not isinstance(one, str)}
        columns = {k: column for k, column in columns.items() if np.isfinite(column[0])}
        pairs = zip(everything, drawn, strict=True)
        rows = [self._row(one, own, complete) | self._options(k) for k, (one, own) in enumerate(pairs)]
        table, behind = _with_copies(pd.DataFrame(rows), {}), tuple(one.members for one in everything)
        if len(columns) < 2:
            text = f"Not done: {next(filter(None, table['reason']), 'there is one specification')}."
            return [CheckResult("specification_curve", "p_value", np.nan, text, table=table, behind=behind)]
        first = _first_alike(columns, table)
        distinct = [k for k in columns if first[k] == k]
        table = _with_copies(table, first)
        test = curve_test(
            np.column_stack([columns[k] for k in distinct]),
            direction,
            complete=complete,
            alpha=round(1 - self.level, 12),
        )
        p = dict(zip(distinct, test.p.tolist(), strict=True))
        table.loc[list(columns), "statistic"] = [float(column[0]) for column in columns.values()]
        table.loc[list(columns), "p_value"] = [p[first[k]] for k in columns]
        return [
            CheckResult("specification_curve", "p_value", test.p_median, self._words(table, test, direction),
                        table=table, behind=behind),
            CheckResult("specification_curve.found", "p_value", test.p_found, self._found(test, direction)),
        ]  # fmt: skip

    def _options(self, place: int) -> dict[str, str]:
        """Return the option of every choice: a column each."""
        differing = self._combinations[0][place - 1].options if place else {}
        return {
            f"choice.{name}": options[differing[name]].words if name in differing else self._own(name)
            for name, options in self.vary.items()
        }

    def _row(self, one: Varied, own: DrawnEffect | str, complete: bool) -> dict[str, Any]:
        nan = float("nan")
        row: dict[str, Any] = {"variant": one.label, "estimate": nan, "scale": "", "reason": one.reason, **one.sizes}
        row |= {name: nan for name in ("conf_low", "conf_high", "std_error", "statistic", "p_value", "draws")}
        row |= {"percent": nan, "percent_low": nan, "percent_high": nan}
        if one.fitted is None:
            return row
        quantity = overall(one.fitted.estimate, self.level)
        row |= {"estimate": quantity.estimate, "scale": quantity.scale, "reason": quantity.reason}
        if isinstance(own, str):
            row["reason"] = own
        else:
            row |= told_by_lots(own, quantity, self.level, complete)
        return row | _in_percent(one.fitted, quantity, row)

    def _words(self, table: pd.DataFrame, test: CurveTest, direction: int) -> str:
        found, left = table[table["estimate"].notna()], self._combinations[1]
        known = found[found["same_as"] == ""]
        percent = known["percent"].dropna()
        below = int((known["estimate"] < np.where(known["scale"] == "ratio", 1.0, 0.0)).sum())
        span = (
            f", from {numeral(percent.min())}% to {numeral(percent.max())}% of the treated's level before the start"
            if len(percent) == len(known) else ""
        )  # fmt: skip
        missing, copies = len(table) - len(found), len(found) - len(known)
        alike = [
            f"{own} (also {others.replace(' | ', ', ')})"
            for own, others in zip(known["variant"], known["also"], strict=True) if others
        ]  # fmt: skip
        gone = f"; {copies} more give the numbers of one of these and count with it: {alike[0]}" if copies else ""
        gone += f", and {len(alike) - 1} more of these" if len(alike) > 1 else ""
        gone += f"; {missing} could not be estimated" if missing else ""
        gone += f"; {left} combinations change one thing in two ways, and are none" if left else ""
        others = "combinations of" if self.combine else "one other choice at a time of"
        return (
            f"{len(known)} specification{'' if len(known) == 1 else 's'}: the design and {others} "
            f"{', '.join(self.vary)}{span}, {below} of them below no difference{gone}. Their "
            f"median estimate is {test.median:.2f} of its errors: random adoptions give a median {_AS_FAR[direction]} "
            f"in {of_hundred(test.p_median)} draws. A curve multiplies one assumption, that the treated would have "
            f"changed as the others did: specifications that agree are not as many pieces of evidence, and none moves "
            f"the verdict."
        )

    def _found(self, test: CurveTest, direction: int) -> str:
        alpha = round(1 - self.level, 12)
        said = f"{test.found} of {len(test.p)} specifications have p of at most {alpha:g} {_SIGN[direction]}"
        if not test.found:  # every adoption gives as many as none
            return f"{said}."
        return f"{said}: random adoptions give as many in {of_hundred(test.p_found)} draws."


def _first_alike(columns: Mapping[int, Array], table: pd.DataFrame) -> dict[int, int]:
    """Return for each specification the first with its estimate, scale and statistics under every adoption."""
    first: dict[int, int] = {}
    for k, own in columns.items():
        room = SAME * float(np.nanmedian(np.abs(own)))
        estimate, scale = float(table["estimate"].iloc[k]), table["scale"].iloc[k]
        first[k] = next(
            (j for j in first if first[j] == j and table["scale"].iloc[j] == scale
             and np.isclose(table["estimate"].iloc[j], estimate, rtol=SAME, atol=0.0)
             and np.allclose(columns[j], own, rtol=SAME, atol=room, equal_nan=True)),
            k,
        )  # fmt: skip
    return first


def _with_copies(table: pd.DataFrame, first: Mapping[int, int]) -> pd.DataFrame:
    """Name the specification that another counts with, and what it stands for."""
    words = list(table["variant"])
    copies = {k: j for k, j in first.items() if j != k}
    same = [words[copies[k]] if k in copies else "" for k in range(len(words))]
    also = [" | ".join(words[k] for k, j in copies.items() if j == own) for own in range(len(words))]
    return table.assign(same_as=same, also=also)


def _studentised(effect: DrawnEffect, complete: bool) -> Array:
    """Return estimates over their errors; where there is no error, over the spread of their own draws."""
    if np.isfinite(effect.error).any():
        return effect.statistic
    spread = _spread(effect, complete)
    return effect.value / spread if spread > 0 else np.full_like(effect.value, np.nan)


def _spread(effect: DrawnEffect, complete: bool) -> float:
    """Return the standard deviation of the draws: a list holds the observed adoption already."""
    return float(np.nanstd(effect.value[1:] if complete else effect.value))


def _in_percent(fitted: Fitted, quantity: Quantity, row: Mapping[str, Any]) -> dict[str, float]:
    """Return estimate and ends in per cent of what the treated would have had, or had before: one axis for all scales.

    Ratios and logs are of what they would have had; differences of their mean before the start, where that is above
    zero and the outcome is no logarithm.
    """
    ends = np.array([row["estimate"], row["conf_low"], row["conf_high"]], float)
    if quantity.scale == "ratio":
        percent = 100 * (ends - 1)
    elif quantity.scale == "log":
        percent = 100 * np.expm1(ends)
    else:
        level = level_before(fitted)
        percent = 100 * ends / level if level > 0 else np.full(3, np.nan)
    return dict(zip(("percent", "percent_low", "percent_high"), percent.tolist(), strict=True))
