"""What a run hands over to be written, and what the gate has to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.people import Behind
from sos_eval.panel.disclosure import Disclosure
from sos_eval.results.facts import RunFacts
from sos_eval.results.members import Members
from sos_eval.terms import BALANCE_COLUMNS, DIAGNOSTIC_COLUMNS, FLOW_COLUMNS, TEST_COLUMNS

__all__ = ["BundleContent", "Confidential"]


@dataclass(frozen=True)
class Confidential:
    """What the gate knows beside the content.

    Attributes
    ----------
    disclosure
        What may leave.
    people
        Whether rows are people.
    names
        Identifiers and names of units, which no sentence may hold where rows are people.
    behind
        The counts behind each row of `outcome_paths`; see `path_counts`.
    members
        The units behind each estimate, by estimator and outcome.
    rows
        By name of a file of ``tables/``, the units behind each of its rows; see `CheckResult.behind`.
    told
        Returns a reason without words and numbers that may be from the data.
    events
        Whether what was read are rows of events, whatever was made of them: its flow counts people.
    levels
        Where rows are people, how many stand behind each mean outcome, by outcome; see `levels_behind`.
    flat
        Where rows are people, what most of a unit and period have in common, of outcomes, covariates and what else is
        read: its means tell how many people there are, by what is known of the units.
    """

    disclosure: Disclosure = field(default_factory=Disclosure)
    people: bool = False
    names: frozenset[str] = frozenset()
    behind: Sequence[NDArray[np.float64]] = ()
    members: Mapping[tuple[str, str], Members] = field(default_factory=dict)
    rows: Mapping[str, Sequence[tuple[Members, ...]]] = field(default_factory=dict)
    told: Callable[[str], str] = str
    events: bool = False
    levels: Mapping[str, Mapping[str, Behind]] = field(default_factory=dict)
    flat: frozenset[str] = frozenset()


def _table(*columns: str) -> Callable[[], pd.DataFrame]:
    return lambda: pd.DataFrame(columns=list(columns))


@dataclass(frozen=True)
class BundleContent:
    """Everything that a run hands over to be written.

    Attributes
    ----------
    design
        The resolved design, as plain values.
    estimates, balance, flow, diagnostics, tests
        In the columns of `terms`.
    weights
        Unit weights and matched sets; None where they are withheld (rows are people).
    headline, facts, provenance
        `headline.json`, or how it is told from estimates and facts; what else `results.json` says; `provenance.json`.
    tables
        Written to ``tables/<name>.csv``; what figures read.
    economics
        Written to ``economics/``: a table as CSV, a mapping as JSON.
    log
        Written to `log.txt`.
    confidential
        What the gate knows; everything passes it before it is written.
    withheld
        Written to `disclosure.csv`: what the gate held back; None where there is no profile.
    places
        Folders of this machine that no text may name; see `placeless`.
    """

    design: Mapping[str, Any]
    estimates: pd.DataFrame
    balance: pd.DataFrame = field(default_factory=_table(*BALANCE_COLUMNS))
    weights: pd.DataFrame | None = field(default_factory=_table("unit", "weight"))
    flow: pd.DataFrame = field(default_factory=_table(*FLOW_COLUMNS))
    diagnostics: pd.DataFrame = field(default_factory=_table(*DIAGNOSTIC_COLUMNS))
    tests: pd.DataFrame = field(default_factory=_table(*TEST_COLUMNS))
    headline: Mapping[str, Any] | Callable[[pd.DataFrame, RunFacts], Mapping[str, Any]] = field(default_factory=dict)
    facts: RunFacts = field(default_factory=RunFacts)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    economics: Mapping[str, pd.DataFrame | Mapping[str, Any]] = field(default_factory=dict)
    log: str = ""
    confidential: Confidential = field(default_factory=Confidential)
    withheld: pd.DataFrame | None = None
    places: tuple[Path, ...] = ()
