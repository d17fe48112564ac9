"""What a run holds between its steps: groups, answers, checks, and which of them answers the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from sos_eval.design.design import Design, Entry
from sos_eval.inference.auto import Resolution
from sos_eval.panel.panel import Panel
from sos_eval.results.check import CheckResult
from sos_eval.results.comparison import Comparison
from sos_eval.results.inference import Inferred
from sos_eval.terms import DIAGNOSTIC_COLUMNS

__all__ = ["Answer", "Checked", "Group", "Key", "diagnostics_of", "primary"]

#: An estimate's name within a run: (estimator id, outcome name).
Key = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """An entry on one outcome, with its panel before and after the comparison group was built.

    `lots_of` names the outcome by which the strata of the lots are cut, one for all outcomes; `adopters_without` are
    the treated units that the restriction of the panel left out, with the reason.
    """

    entry: Entry
    source: Panel
    comparison: Comparison
    lots_of: str = ""
    adopters_without: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """A check's result, with whom it is about."""

    estimator: str
    outcome: str
    result: CheckResult


@dataclass(frozen=True)
class Answer:
    """All inference on one fitted estimate: first the one that the rule puts first."""

    resolution: Resolution
    inferred: tuple[Inferred, ...] = field(default=())


def primary(design: Design, groups: dict[Key, Group]) -> Key:
    """Return the estimate that answers the question: first primary entry, its primary (else first) outcome."""
    entry = design.primary
    own = [key for key in groups if key[0] == entry.id]
    marked = [key for key in own if groups[key].source.select(key[1]).outcome.role == "primary"]
    return (marked or own)[0]


def diagnostics_of(checked: list[Checked]) -> pd.DataFrame:
    """Lay out `diagnostics.csv`."""
    rows = [
        (one.result.name, one.outcome, one.estimator, one.result.statistic, one.result.value, one.result.threshold,
         one.result.passed, one.result.text)
        for one in checked
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(DIAGNOSTIC_COLUMNS))
