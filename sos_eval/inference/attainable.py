"""The smallest p that a randomization test can give whatever the outcomes, and why it never rejects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sos_eval.errors import InputFault, numeral
from sos_eval.inference.statistic import Statistic, statistics
from sos_eval.numerics.inversion import TIES
from sos_eval.numerics.random import stream
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.assignments import AssignmentSpace
from sos_eval.results.estimate import Batch, overall_place
from sos_eval.results.fitted import Fitted

__all__ = ["SmallestP", "smallest_p", "with_noise"]

#: Longest list of assignments in which equals are looked for: in longer ones they take no test its level.
LISTED = 499


@dataclass(frozen=True, slots=True)
class SmallestP:
    """The smallest p of a test, and what it comes from.

    Attributes
    ----------
    assignments
        Possible assignments where the test lists them, else the draws that it makes.
    listed
        Whether it lists them.
    alike
        How many of a list are as extreme as the observed assignment whatever the outcomes, itself among them: the
        same units on the other side (a mirror image), or other starts that the estimate does not tell apart. Of the
        overall effect.
    rows
        The same of every row of the estimate, (m,): a difference made of a ratio has no mirror image.
    """

    assignments: int
    listed: bool
    alike: int = 1
    rows: tuple[int, ...] = ()

    @property
    def value(self) -> float:
        """#/R over a complete list, 1/(1 + R) over a sample."""
        return self.alike / self.assignments if self.listed else 1 / (1 + self.assignments)

    @property
    def by_row(self) -> list[SmallestP]:
        """The same of every row of the estimate; empty where equals were not looked for."""
        return [replace(self, alike=alike, rows=()) for alike in self.rows]

    def why_never(self, level: float) -> str:
        """Say that a test at a level cannot reject whatever happened; empty where it can."""
        if self.value <= round(1 - level, 12):
            return ""
        what = f"{self.assignments} possible assignments" if self.listed else f"{self.assignments} draws"
        alike = (
            f", {self.alike} of them always as extreme (mirror images, or without a statistic),"
            if self.alike > 1
            else ""
        )
        at = f"{numeral(100 * (1 - level))}%"
        return f"cannot reject at the {at} level: with {what}{alike} the smallest p is {numeral(self.value)}"


def smallest_p(fitted: Fitted, space: AssignmentSpace, statistic: Statistic, *, draws: int, level: float) -> SmallestP:
    """Return the smallest p that the overall effect's test can have.

    It looks at which outcomes there are and at their values before anybody's start; later values are replaced by
    noise, so that the answer is the design's. Lists longer than `LISTED` are not looked through.

    Parameters
    ----------
    statistic, draws, level
        Of the test.
    """
    if space.size > draws:
        return SmallestP(draws, listed=False)
    alone = SmallestP(space.size, listed=True)
    if space.size > LISTED or alone.why_never(level):
        return alone
    listed = space.draw(draws, stream(0, "rule", "all adoptions"))
    source = with_noise(fitted.source, stream(0, "rule", "noise in place of what came after"))
    try:
        batch = replace(fitted, source=source).refit_assignments(listed.with_observed(fitted.source.first_treated))
    except InputFault:  # not one of them can be estimated, which the test itself will say
        return alone
    rows = _alike(batch, statistic)
    return replace(alone, alike=rows[overall_place(batch.cells) or 0], rows=rows)


def _alike(batch: Batch, statistic: Statistic) -> tuple[int, ...]:
    """Count adoptions whose statistic is as large as the first one's, or that have none, (m,); at least that itself."""
    kinds: tuple[Literal["studentised", "coefficient"], ...]
    kinds = ("studentised", "coefficient") if statistic == "both" else (statistic,)
    alike = np.ones(batch.values.shape, bool)
    for kind in kinds:
        if kind == "studentised" and batch.std_error is None:
            continue
        size: Array = np.abs(statistics(batch, studentised=kind == "studentised"))
        with np.errstate(invalid="ignore"):  # of two infinite ones, whose errors are nought
            near = np.isfinite(size[0]) & (np.abs(size - size[0]) <= TIES * size[0])
        alike &= np.isnan(size) | near | (size == size[0])
    return tuple(max(int(count), 1) for count in alike.sum(0))


def with_noise(panel: Panel, rng: np.random.Generator) -> Panel:
    """Replace what was observed from the first start on by positive noise of the same order."""
    outcome = panel.frame["outcome"].to_numpy(float)
    before = np.isin(panel.frame["time"].to_numpy(float), panel.pre_times)
    known = np.abs(outcome[before & np.isfinite(outcome)])
    scale = float(np.median(known)) if len(known) and np.median(known) > 0 else 1.0
    noise = scale * np.exp(0.3 * rng.standard_normal(len(outcome)))
    values = np.where(before | np.isnan(outcome), outcome, noise)
    return panel.with_outcome(values)
