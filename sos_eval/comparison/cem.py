"""Coarsened exact matching."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge

from sos_eval.comparison.covariates import is_text
from sos_eval.comparison.stratified import Bools, Codes, Stratification, StratumMethod
from sos_eval.errors import Fault, NotIdentified, listed, nearest, numeral
from sos_eval.numerics.coarsen import bins_freedman_diaconis, bins_scott, bins_sturges, equal_width, intervals
from sos_eval.numerics.strata import strata
from sos_eval.panel.own_names import Column
from sos_eval.panel.panel import Array, Panel
from sos_eval.results.method import register

__all__ = ["CEM", "Cuts", "word_of"]

_BINS = {"sturges": bins_sturges, "scott": bins_scott, "fd": bins_freedman_diaconis}
_QUANTILES = re.compile(r"q([2-9]|[1-9]\d+)")

#: Cut-points, a number of bins of equal width, or a rule.
Cuts = tuple[float, ...] | Annotated[int, Ge(1)] | str


@register("cem")
@dataclass(frozen=True)
class CEM(StratumMethod):
    """Exact matching on covariates that are cut into intervals and groups (Iacus, King and Porro 2012)."""

    reference: ClassVar[str] = "Iacus, King and Porro (2012)"
    label: ClassVar[str] = "coarsened exact matching"
    alike: ClassVar[str] = "stratum of coarsened covariates"

    cutpoints: Mapping[Column, Cuts] = field(default_factory=dict)
    """For a number: its cut-points ([4.5, 12.5]: each opens an interval), a count of bins of equal width, or a rule:
    sturges, scott, fd, or q4 (quarters, q5 fifths …)."""
    groupings: Mapping[Column, tuple[tuple[str | int | float, ...], ...]] = field(default_factory=dict)
    """For categories: groups that count as one, [[A, B], [C, D]]; a category in no group stands for itself."""
    rule: str = "sturges"
    """How numbers without cut-points are cut; a number with two values is not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, cuts in {"rule": self.rule, **self.cutpoints}.items():
            if isinstance(cuts, str) and cuts not in _BINS and not _QUANTILES.fullmatch(cuts):
                raise ValueError(f"{name}: {cuts!r} is no rule; write sturges, scott, fd, q4, or the cut-points")
        for name, cuts in self.cutpoints.items():
            if isinstance(cuts, tuple) and any(low >= high for low, high in pairwise(cuts)):
                raise ValueError(f"cutpoints.{name}: {list(cuts)} do not rise; write each once, from the lowest")
        for key, given in (("cutpoints", self.cutpoints), ("groupings", self.groupings)):
            strange = [name for name in given if name not in self.on]
            if strange:
                raise ValueError(f"{key}: {listed(strange)} is not among `on`; {nearest(strange[0], list(self.on))}")
        both = [name for name in self.cutpoints if name in self.groupings]
        if both:
            raise ValueError(f"{listed(both)} has cut-points and groupings; keep one of them")
        for name, groups in self.groupings.items():
            words = [word_of(value) for group in groups for value in group]
            if len(words) != len(set(words)):
                raise ValueError(f"groupings.{name}: a category stands in two groups")

    def stratify(self, panel: Panel, values: pd.DataFrame) -> Stratification:
        """Cut every covariate and put units that are equal on all of them together."""
        self._refuse(panel, values)
        taken = {name: cuts for name in self.on if (cuts := self._of_data(values[name])) is not None}
        said = "; ".join(f"{panel.label(name)} at {_shown(cuts)}" for name, cuts in taken.items())
        notes = (*((f"cut-points taken from the data: {said}",) if taken else ()), *self.idle(values))
        return Stratification(self.codes_many(values, panel.ever_treated[None]), notes=notes)

    def idle(self, values: pd.DataFrame) -> list[str]:
        """Say which declared cut-points separate nobody: all values lie on one side of each; empty where none."""
        cut = {name: cuts for name, cuts in self.cutpoints.items() if isinstance(cuts, tuple)}
        known = {name: values[name].dropna().to_numpy(float) for name in cut}
        return [
            f"cut-points of {name} ({_shown(np.array(cut[name], float))}) cut nothing: its values lie from "
            f"{numeral(x.min(), 4)} to {numeral(x.max(), 4)}, all in one interval, so it is not matched on"
            for name, x in known.items()
            if len(x) and not np.ptp(intervals(x, np.array(cut[name], float)))
        ]

    def codes_many(self, values: pd.DataFrame, treated: Bools) -> Codes:
        """Return the stratum of each unit, (n,): it does not depend on who is treated."""
        return strata([self._coarse(values[name]) for name in self.on])

    def _coarse(self, column: pd.Series) -> Codes:
        """Return the group or interval of each unit, (n,)."""
        name = str(column.name)
        if name in self.groupings:
            group = {word_of(value): str(k) for k, some in enumerate(self.groupings[name]) for value in some}
            words = column.map(word_of)
            return np.asarray(pd.factorize(words.map(group).fillna("=" + words), sort=True)[0], np.intp)
        declared = self.cutpoints.get(name, self.rule)
        cuts = np.array(declared, float) if isinstance(declared, tuple) else self._of_data(column)
        if cuts is None:
            return np.asarray(pd.factorize(column, sort=True)[0], np.intp)
        return intervals(column.to_numpy(float), cuts)

    def _of_data(self, column: pd.Series) -> Array | None:
        """Return the cut-points of a number that the data decide, (m,); None where they do not.

        A rule never merges the two values of a covariate that has no more.
        """
        name = str(column.name)
        how = self.cutpoints.get(name, self.rule)
        if is_text(column) or name in self.groupings or isinstance(how, tuple):
            return None
        x = column.to_numpy(float)
        if isinstance(how, int):
            return equal_width(x, how)
        if len(np.unique(x)) <= 2:
            return None
        if parts := _QUANTILES.fullmatch(how):
            return np.unique(np.quantile(x, np.arange(1, int(parts[1])) / int(parts[1])))
        return equal_width(x, _BINS[how](x))

    def _refuse(self, panel: Panel, values: pd.DataFrame) -> None:
        """Refuse cut-points of text, a rule that cuts nothing, and groups of categories that do not occur."""
        if self.rule != "sturges" and all(
            name in self.cutpoints or name in self.groupings or is_text(values[name]) for name in self.on
        ):
            what = f"comparison.rule: {self.rule} cuts nothing: each covariate is text, or has cut-points or groupings"
            raise NotIdentified(Fault(panel.source, what, "leave rule out"))
        for name in self.cutpoints:
            if is_text(values[name]):
                what = f"comparison.cutpoints: {name} is text and has no cut-points"
                raise NotIdentified(Fault(panel.source, what, "write its groups under groupings"))
        for name, groups in self.groupings.items():
            have = sorted(set(values[name].map(word_of)))
            absent = [word for group in groups for value in group if (word := word_of(value)) not in have]
            if absent:
                what = f"comparison.groupings: {name} has no category {listed(absent)}"
                raise NotIdentified(Fault(panel.source, what, nearest(absent[0], have)))


def word_of(value: object) -> str:
    """Return a category as text; whole numbers without a trailing .0, others with every digit that tells them apart."""
    if not isinstance(value, float):
        return str(value)
    return str(int(value)) if value.is_integer() else repr(float(value))


def _shown(cuts: Array) -> str:
    return ", ".join(numeral(cut, 4) for cut in cuts) or "no point"
